"""ROOT's interpreter, and how it fills objects of C++ types from columns."""

from __future__ import annotations

import importlib.util
import re
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import TYPE_CHECKING, Any

import awkward as ak

from atlasae.datashape import contents_of, parse_datashape
from atlasae.errors import require_choice
from atlasae.optional import needs_extra

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

#: Who writes or reads, where the user can choose.
BY_UPROOT, BY_ROOT = LIBRARIES = ("uproot", "root")
_CONTAINERS = {
    "array", "deque", "list", "map", "multimap", "multiset", "pair", "set", "string",
    "unordered_map", "unordered_multimap", "unordered_multiset", "unordered_set", "vector",
}  # fmt: skip
_NUMBERS = {"bool", "char", "short", "int", "long", "unsigned", "float", "double"} | {
    f"{sign}int{bits}_t" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
_KNOWN = {f"{space}{name}" for name in _NUMBERS | _CONTAINERS for space in ("", "std::")}
_CLASS = re.compile(r"T(?!Ref)[A-Z][A-Za-z0-9]*|ROOT::Math::\w+")  # references mean nothing alone
_HEADERS = ("array", "deque", "list", "map", "set", "string", "unordered_map", "unordered_set",
            "utility", "vector")  # fmt: skip


def require_library(kind: str, name: str) -> None:
    """Raise an error unless a library can do something.

    Args:
        kind: what it is to be, as the argument is called.
        name: ``uproot`` or ``root``.

    Raises:
        InputError: there is no such library.
        MissingPackageError: it is ROOT, which is not installed.
    """
    require_choice(kind, name, LIBRARIES)
    if name == BY_ROOT:
        interpreter()


def is_installed() -> bool:
    """Whether ROOT can be imported from Python."""
    return importlib.util.find_spec("ROOT") is not None


@cache
def interpreter() -> Any:
    """The module ``ROOT``, which knows what is in ``columns.h``.

    Raises:
        MissingPackageError: ROOT is not installed.
    """
    with needs_extra("root", "--writer root, and what only ROOT writes,"):
        import ROOT
    ROOT.gInterpreter.Declare(Path(__file__).with_name("columns.h").read_text())
    return ROOT


@contextmanager
def quiet_errors() -> Iterator[None]:
    """ROOT prints no message: what fails is seen from what it returns."""
    root = interpreter()
    before, root.gErrorIgnoreLevel = root.gErrorIgnoreLevel, root.kFatal
    try:
        yield
    finally:
        root.gErrorIgnoreLevel = before


def is_known(typename: str) -> bool:
    """Whether a C++ type is made of numbers, containers and classes of ROOT.

    Only these are given to the interpreter: a file may hold any text in place of a type.

    Example:
        >>> is_known("std::vector<TLorentzVector>"), is_known("std::vector<f()>")
        (True, False)
    """
    words = re.findall(r"[\w:]+|[^\w:\s]", typename)
    return bool(words) and all(
        word in _KNOWN or word in "<>," or word.isdigit() or _CLASS.fullmatch(word)
        for word in words
    )


def declare_records(datashape: str) -> None:
    """Tell the interpreter how to read the classes of ROOT that are in an awkward type.

    Raises:
        ValueError: a class has other members, or ROOT does not know it.
    """
    for record in _records(parse_datashape(datashape)):
        name = record.parameter("__record__") or ""
        if not name.startswith(("pair<", "std::pair<")):
            _declare(name, tuple(record.fields))


def _records(entry: Any) -> Iterator[Any]:
    """The records with named members in a type, inner ones first."""
    for content in contents_of(entry):
        yield from _records(content)
    if isinstance(entry, ak.types.RecordType) and not entry.is_tuple:
        yield entry


@cache
def _declare(name: str, members: tuple[str, ...]) -> None:
    """Tell the interpreter how to read the members of a class."""
    root = interpreter()
    known = root.TClass.GetClass(name) if is_known(name) else None
    data = [known.GetRealData(member) for member in members] if known else []
    if not data or not all(data):
        raise ValueError(f"ROOT does not know the class {name!r} with these members")
    types = [one.GetDataMember().GetFullTypeName() for one in data]
    columns = "".join(f"Column<{kind}> c{i};" for i, kind in enumerate(types))
    made = ", ".join(f"c{i}(columns)" for i in range(len(types)))
    read = "".join(
        f"member<{kind}>(object, {one.GetThisOffset()}) = c{i}.read();"
        for i, (one, kind) in enumerate(zip(data, types, strict=True))
    )
    code = (
        f"namespace atlasae {{ template <> struct Column<{name}> {{ {columns}"
        f" explicit Column(Columns &columns) : {made} {{}}"
        f" {name} read() {{ {name} object; {read} return object; }} }}; }}"
    )
    if not root.gInterpreter.Declare(code):
        raise ValueError(f"the class {name!r} cannot be filled")


def make_dictionaries(typenames: Collection[str]) -> None:
    """Compile what ROOT needs to write containers of these types, and has not yet: ten seconds."""
    root = interpreter()
    known = {name: root.TClass.GetClass(name) for name in typenames}
    typenames = [name for name, of in known.items() if not (of and of.HasDictionary())]
    if not typenames:
        return
    classes = {word for name in typenames for word in re.findall(r"[\w:]+", name)}
    found = filter(None, (root.TClass.GetClass(c) for c in classes if _CLASS.fullmatch(c)))
    headers = {*_HEADERS, *(str(one.GetDeclFileName()) for one in found)}
    lines = [f"#include <{header}>" for header in sorted(filter(None, headers))]
    lines += ["#ifdef __CLING__"]
    lines += [f"#pragma link C++ class {name}+;" for name in sorted(typenames)]
    lines += ["#endif"]
    with NamedTemporaryFile("w", suffix=".cxx", dir=_folder().name, delete=False) as source:
        source.write("\n".join(lines) + "\n")
    root.gSystem.CompileMacro(source.name, "ks")


@cache
def _folder() -> TemporaryDirectory[str]:
    """For compiled classes: what is compiled later is linked with them, until Python ends."""
    return TemporaryDirectory(ignore_cleanup_errors=True)
