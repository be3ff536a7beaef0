// Compares what ROOT reads in two files.
#ifndef ATLASAE_COMPARE
#define ATLASAE_COMPARE

#include <ROOT/RNTupleReader.hxx>
#include <TBranch.h>
#include <TBufferFile.h>
#include <TClass.h>
#include <TLeaf.h>
#include <TLeafC.h>
#include <TTree.h>
#include <TTreeFormula.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>

namespace atlasae {

// How far a value may be off: max(relative * max(|value|, floor), absolute).
struct Bound {
  double relative = 0, floor = 0, absolute = 0;

  // The error in units of what is allowed.
  double error(long double before, long double after) const {
    if (before == after || (std::isnan(before) && std::isnan(after)))
      return 0;
    const long double allowed =
        std::max<long double>(relative * std::max<long double>(std::abs(before), floor), absolute);
    const double off = std::abs(after - before) / allowed;
    return off <= 1 ? off : std::numeric_limits<double>::infinity();
  }
};

struct Compared {
  bool possible = true;
  Long64_t first = -1; // the first entry that differs
  double error = 0;

  void add(Long64_t entry, double off) {
    error = std::max(error, off);
    if (std::isinf(off) && first < 0)
      first = entry;
  }
};

constexpr double DIFFERS = std::numeric_limits<double>::infinity();
inline Compared impossible() { return {false, -1, 0}; }

inline bool same_leaf(TLeaf &one, TLeaf &other) {
  if (one.IsA() == TLeafC::Class())
    return !std::strcmp(static_cast<char *>(one.GetValuePointer()),
                        static_cast<char *>(other.GetValuePointer()));
  return one.GetLen() == other.GetLen() &&
         !std::memcmp(one.GetValuePointer(), other.GetValuePointer(),
                      std::size_t(one.GetLen()) * one.GetLenType());
}

// Branches of leaves, bit for bit.
inline Compared compare_leaves(TBranch &one, TBranch &other, Long64_t entries) {
  auto *ours = one.GetListOfLeaves(), *theirs = other.GetListOfLeaves();
  if (ours->GetEntries() != theirs->GetEntries())
    return impossible();
  for (int i = 0; i < ours->GetEntries(); ++i)
    if (ours->At(i)->IsA() != theirs->At(i)->IsA())
      return impossible();
  Compared result;
  for (Long64_t entry = 0; entry < entries && result.first < 0; ++entry) {
    if (one.GetEntry(entry) < 0 || other.GetEntry(entry) < 0)
      result.add(entry, DIFFERS);
    for (int i = 0; i < ours->GetEntries(); ++i)
      if (!same_leaf(*static_cast<TLeaf *>(ours->At(i)), *static_cast<TLeaf *>(theirs->At(i))))
        result.add(entry, DIFFERS);
  }
  return result;
}

// Branches of objects of one class, by the bytes that ROOT would write of them.
inline Compared compare_objects(TBranch &one, TBranch &other, Long64_t entries) {
  auto *kind = TClass::GetClass(one.GetClassName());
  if (!kind || std::strcmp(one.GetClassName(), other.GetClassName()))
    return impossible();
  void *ours = nullptr, *theirs = nullptr;
  one.SetAddress(&ours);
  other.SetAddress(&theirs);
  Compared result;
  for (Long64_t entry = 0; entry < entries && result.first < 0; ++entry) {
    const bool read = one.GetEntry(entry) >= 0 && other.GetEntry(entry) >= 0 && ours && theirs;
    TBufferFile a(TBuffer::kWrite), b(TBuffer::kWrite);
    if (read) {
      kind->Streamer(ours, a);
      kind->Streamer(theirs, b);
    }
    if (!read || a.Length() != b.Length() || std::memcmp(a.Buffer(), b.Buffer(), a.Length()))
      result.add(entry, DIFFERS);
  }
  one.ResetAddress();
  other.ResetAddress();
  return result;
}

// What a formula gives in two trees: numbers within a bound, or texts.
inline Compared compare_values(TTree &one, TTree &other, const char *formula, Long64_t entries,
                               Bound bound) {
  TTreeFormula ours("one", formula, &one), theirs("other", formula, &other);
  if (ours.GetNdim() < 1 || theirs.GetNdim() < 1)
    return impossible();
  Compared result;
  for (Long64_t entry = 0; entry < entries && result.first < 0; ++entry) {
    one.LoadTree(entry);
    other.LoadTree(entry);
    const int number = ours.GetNdata();
    if (number != theirs.GetNdata())
      result.add(entry, DIFFERS);
    for (int i = 0; i < number && result.first < 0; ++i)
      if (ours.IsString())
        result.add(entry, std::strcmp(ours.EvalStringInstance(i), theirs.EvalStringInstance(i))
                              ? DIFFERS
                              : 0);
      else
        result.add(entry, bound.error(ours.EvalInstanceLD(i), theirs.EvalInstanceLD(i)));
  }
  return result;
}

template <class T> double error_of(const T &before, const T &after, const Bound &bound) {
  if constexpr (std::is_arithmetic_v<T>) {
    return bound.error(before, after);
  } else {
    if (before.size() != after.size())
      return DIFFERS;
    double worst = 0;
    auto there = after.begin();
    for (const auto &here : before)
      worst = std::max(worst, error_of(here, *there++, bound));
    return worst;
  }
}

// A field of two RNTuples.
template <class T>
Compared compare_fields(const std::string &path, const std::string &before,
                        const std::string &after, const std::string &name, Bound bound) {
  auto one = ROOT::RNTupleReader::Open(path, before), other = ROOT::RNTupleReader::Open(path, after);
  auto ours = one->GetView<T>(name), theirs = other->GetView<T>(name);
  Compared result;
  for (auto entry : one->GetEntryRange())
    result.add(entry, error_of<T>(ours(entry), theirs(entry), bound));
  return result;
}

} // namespace atlasae

#endif
