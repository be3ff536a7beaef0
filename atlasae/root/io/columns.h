// Fills branches of a TTree from columns: the counts of lists, characters and numbers of all
// entries, one after another, as atlasae.lossless.columns.buffers gives them.
#ifndef ATLASAE_COLUMNS
#define ATLASAE_COLUMNS

#include <TBranch.h>
#include <TLeafB.h>
#include <TLeafI.h>
#include <TLeafL.h>
#include <TLeafS.h>
#include <TString.h>
#include <TTree.h>

#include <array>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace atlasae {

// The columns of a branch, which are asked for in their order.
class Columns {
  const std::uint64_t *addresses;
  const std::int32_t *sizes;
  int left;

public:
  Columns(const std::uint64_t *addresses, const std::int32_t *sizes, int left)
      : addresses(addresses), sizes(sizes), left(left) {}

  const char *next(int size) {
    if (!left-- || *sizes++ != size)
      throw std::invalid_argument("the type has other columns");
    return reinterpret_cast<const char *>(*addresses++);
  }

  void end() const {
    if (left)
      throw std::invalid_argument("the type has fewer columns");
  }
};

template <class T, class = void> struct Column; // of a number, a list, a class

template <class T> struct Column<T, std::enable_if_t<std::is_arithmetic_v<T>>> {
  const T *at;
  explicit Column(Columns &columns) : at(reinterpret_cast<const T *>(columns.next(sizeof(T)))) {}
  T read() { return *at++; }
};

template <class List, class Item> struct ListColumn {
  Column<std::uint32_t> counts;
  Column<Item> items;
  explicit ListColumn(Columns &columns) : counts(columns), items(columns) {}
  List read() {
    List list;
    for (auto left = counts.read(); left; --left)
      list.insert(list.end(), items.read());
    return list;
  }
};

template <class T>
struct Column<T, std::void_t<typename T::allocator_type, typename T::value_type>>
    : ListColumn<T, typename T::value_type> {
  using ListColumn<T, typename T::value_type>::ListColumn;
};

template <> struct Column<TString> {
  Column<std::string> text;
  explicit Column(Columns &columns) : text(columns) {}
  TString read() { return text.read(); }
};

template <class A, class B> struct Column<std::pair<A, B>> {
  Column<std::remove_const_t<A>> first; // as the keys of a map are
  Column<B> second;
  explicit Column(Columns &columns) : first(columns), second(columns) {}
  std::pair<A, B> read() {
    auto one = first.read(); // before the second
    return {std::move(one), second.read()};
  }
};

template <class T, std::size_t N> struct Column<std::array<T, N>> {
  Column<T> items;
  explicit Column(Columns &columns) : items(columns) {}
  std::array<T, N> read() {
    std::array<T, N> all;
    for (auto &one : all)
      one = items.read();
    return all;
  }
};

template <class M, class T> M &member(T &object, long offset) {
  return *reinterpret_cast<M *>(reinterpret_cast<char *>(&object) + offset);
}

template <class T> TBranch *add(TTree &tree, const char *name) {
  T value{};
  auto *branch = tree.Branch(name, &value, 32000, 0);
  if (branch)
    branch->ResetAddress();
  return branch;
}

template <class T> void fill(TBranch &branch, Columns columns, Long64_t entries, Long64_t) {
  Column<T> column(columns);
  columns.end();
  for (; entries; --entries) {
    auto value = column.read();
    auto *address = &value;
    branch.SetAddress(&address);
    branch.Fill();
  }
  branch.ResetAddress();
}

// ROOT reads no more elements than the largest count that a counter knows of.
template <class Leaf> bool raise_maximum(TLeaf *counter, std::uint32_t count) {
  auto *leaf = dynamic_cast<Leaf *>(counter);
  if (leaf && leaf->GetMaximum() < static_cast<Long64_t>(count))
    leaf->SetMaximum(count);
  return leaf;
}

// The same for a branch of leaves, `x[n][3]/F` or `a/F:b/I`; the first entry to fill is given.
inline void fill_leaves(TBranch &branch, Columns columns, Long64_t entries, Long64_t first) {
  auto *list = branch.GetListOfLeaves();
  auto *counter = static_cast<TLeaf *>(list->At(0))->GetLeafCount();
  std::unique_ptr<Column<std::uint32_t>> counts;
  if (counter)
    counts = std::make_unique<Column<std::uint32_t>>(columns);
  std::vector<const char *> data;
  for (auto *leaf : *list)
    data.push_back(columns.next(static_cast<TLeaf *>(leaf)->GetLenType()));
  columns.end();
  for (auto entry = first; entry < first + entries; ++entry) {
    const std::uint32_t count = counts ? counts->read() : 1;
    if (counter && counter->GetBranch()->GetEntry(entry) >= 0 && counter->GetValue() != count)
      throw std::invalid_argument("its counter has other values");
    if (counter && !(raise_maximum<TLeafI>(counter, count) || raise_maximum<TLeafS>(counter, count) ||
                     raise_maximum<TLeafB>(counter, count) || raise_maximum<TLeafL>(counter, count)))
      throw std::invalid_argument("its counter is no integer");
    for (std::size_t i = 0; i < data.size(); ++i) {
      auto *leaf = static_cast<TLeaf *>(list->At(i));
      leaf->SetAddress(const_cast<char *>(data[i]));
      data[i] += count * leaf->GetLenStatic() * leaf->GetLenType();
    }
    branch.Fill();
  }
  branch.ResetAddress();
}

// The same for a branch of a text, `x/C`.
inline void fill_text(TBranch &branch, Columns columns, Long64_t entries, Long64_t) {
  Column<std::string> column(columns);
  columns.end();
  for (; entries; --entries) {
    auto text = column.read();
    branch.SetAddress(text.data());
    branch.Fill();
  }
  branch.ResetAddress();
}

} // namespace atlasae

#endif
