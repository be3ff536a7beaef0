"""Cuts: numbers by feature that no value crosses when it is decoded.

An edge is one number of the feature's dtype, the nearest to the one given. Each value stays below it, at
it, or above it, so that every comparison with it gives the same, and so do the bins of a histogram.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from numbers import Real
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from atlasae.errors import InputError, MissingNameError, located, suggestion
from atlasae.jets.names import matching_features
from atlasae.jets.working_points import working_point
from atlasae.source_files import read_whole_file
from atlasae.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import DTypeLike

MOST_EDGES = 10_000  # of one name
#: Types that ``parse_cuts`` accepts.
CutSpec: TypeAlias = (
    "str | Mapping[str, float | str | Iterable[float | str]] | PathLike[str] | None"
)

_SEPARATOR = re.compile(r"[,;\n]|&&|\|\|")
_COMPARISON = re.compile(r"[<>]=?|[=!]=")
_NAME = re.compile(r"[^\W\d][\w.]*")
_BINS = re.compile(r"(\d{1,9}) bins? from (\S+) to (\S+)")
_SHOWN = 60  # characters of what cannot be read
_WAYS = (
    "write Jet_pt>30, 30<Jet_pt<50, abs(Jet_eta)<2.4, or pt: 20, 25, 30; computed quantities such as"
    " max(pt) > 100 go into keep (--keep)"
)


def parse_cuts(spec: CutSpec) -> dict[str, tuple[float, ...]]:
    """The edges of each name in a spec, ascending.

    Args:
        spec: comparisons such as ``Jet_pt>30, abs(Jet_eta)<2.4``, of which only the numbers count;
            lists such as ``pt: 20, 25, 30`` or ``pt: 198 bins from 20 to 2000``, whose edges are those
            of ``numpy.linspace(20, 2000, 199)``; or a mapping from name to number, or to numbers. The
            name ``abs(x)`` stands for x at both signs of each number. A number can be a working point,
            such as ``2018_UL:medium``; see ``atlasae.jets.working_points``. A ``pathlib.Path`` names a file
            of cuts, which ``read_cuts`` reads. None for no cuts.

    Returns:
        The edges by name, not yet rounded to a dtype. They are a spec of the same meaning.

    Raises:
        InputError: the spec is none of these, a number in it is not finite, or a name has too many.

    Example:
        >>> parse_cuts("Jet_pt>30 && Jet_pt<=50, abs(eta)<2.4")
        {'Jet_pt': (30.0, 50.0), 'eta': (-2.4, 2.4)}
        >>> parse_cuts({"pt": [50, 30], "btagDeepFlavB": "2018_UL:medium"})
        {'pt': (30.0, 50.0), 'btagDeepFlavB': (0.2783,)}
    """
    if spec is None:
        return {}
    if isinstance(spec, str):
        return _edges_by_name(_of_text(spec))
    if isinstance(spec, Mapping):
        return _edges_by_name(spec.items())
    if isinstance(spec, PathLike):
        return read_cuts(spec)
    raise InputError(f"cuts={spec!r} must be text, a mapping or a path: {_WAYS}")


def read_cuts(path: str | PathLike[str]) -> dict[str, tuple[float, ...]]:
    r"""The cuts in a file: text as ``parse_cuts`` takes it, in lines, or a JSON object.

    In text, what follows a ``#`` is a comment.

    Raises:
        MissingFileError, FileError, DamagedFileError: there is no such file, or it cannot be read.
        InputError: it holds something else.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "edges.txt"
        ...     _ = path.write_text("pt: 20, 25,  # GeV\n    30\nabs(eta): 2.4\n")
        ...     read_cuts(path)
        {'pt': (20.0, 25.0, 30.0), 'eta': (-2.4, 2.4)}
    """
    data = read_whole_file(path, "file of cuts")
    with located(fspath(path)):
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise InputError("a file of cuts is text, or JSON") from None
        if not text.lstrip().startswith("{"):
            return parse_cuts(re.sub(r"#.*", "", text))
        try:
            pairs = json.loads(text, object_pairs_hook=list)
        except (ValueError, RecursionError) as error:
            raise InputError(f"not JSON of cuts by name: {error}") from None
        return _edges_by_name(pairs)


def cuts_to_json(spec: CutSpec) -> dict[str, list[float]] | None:
    """A spec in JSON-ready form, which is a spec itself; None for no cuts.

    Example:
        >>> cuts_to_json("abs(eta)<2.4")
        {'eta': [-2.4, 2.4]}
    """
    return {name: list(edges) for name, edges in parse_cuts(spec).items()} or None


def cuts_of(spec: CutSpec, collection: str, names: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """The edges of each feature of a collection that has any, ascending.

    Args:
        spec: as ``parse_cuts`` accepts it. ``Jet_pt`` and ``Jet.pt`` are the feature pt of Jet alone,
            ``pt`` is that of every collection that has it. A feature can be given by another name of
            the same quantity (``m`` for ``mass``). Names that are not in the collection are ignored;
            ``require_cuts`` tells whether they exist.
        collection: its name.
        names: its features.

    Returns:
        The edges by feature, not yet rounded to its dtype; see ``rounded_edges``.

    Raises:
        InputError: ``parse_cuts`` does not accept the spec.

    Example:
        >>> cuts_of("Jet_pt>30, Muon_pt>5, m>10, pt<500", "Jet", ["pt", "mass"])
        {'pt': (30.0, 500.0), 'mass': (10.0,)}
    """
    found: dict[str, set[float]] = {name: set() for name in names}
    for name, edges in parse_cuts(spec).items():
        for feature in _features(name, collection, names):
            found[feature].update(edges)
    return {name: tuple(sorted(edges)) for name, edges in found.items() if edges}


def require_cuts(
    spec: CutSpec, collections: Mapping[str, Sequence[str]], branches: Iterable[str] = ()
) -> None:
    """Check that every name in a spec exists.

    Args:
        spec: as ``parse_cuts`` accepts it.
        collections: features by collection; an empty name for jets that are in none.
        branches: names of all branches. Those that no codec takes keep every bit, and so every cut.

    Raises:
        MissingNameError: a name is neither a feature nor a branch; the message names the nearest.
        InputError: ``parse_cuts`` does not accept the spec.

    Example:
        >>> require_cuts("Jet_pt>30, btag>0.5", {"Jet": ["pt", "btag"]})
        >>> require_cuts("btg>0.5", {"Jet": ["pt", "btag"]})
        Traceback (most recent call last):
            ...
        atlasae.errors.MissingNameError: no feature 'btg' to cut on; did you mean 'btag'?
    """
    known = set(branches)
    for collection, names in collections.items():
        known.update(names, [f"{collection}_{name}" for name in names if collection])
    for name in parse_cuts(spec):
        if name not in known and not any(_features(name, *one) for one in collections.items()):
            raise MissingNameError(f"no feature {name!r} to cut on{suggestion(name, known)}")


def rounded_edges(edges: Iterable[float], dtype: DTypeLike) -> tuple[float, ...]:
    """The numbers of a float dtype that are nearest to some edges, ascending, each once.

    An edge beyond the largest finite number is left out: no finite value is on the other side.

    Example:
        >>> rounded_edges([30, 0.1, 1e39], "float32")
        (0.10000000149011612, 30.0)
    """
    with np.errstate(over="ignore", under="ignore"):
        nearest = np.array(list(edges), np.float64).astype(dtype).astype(np.float64)
    unsigned_zero = nearest[np.isfinite(nearest)] + 0.0
    return tuple(np.unique(unsigned_zero).tolist())


def _features(name: str, collection: str, names: Sequence[str]) -> list[str]:
    """The features of a collection that a name stands for, with or without the collection's.

    A collection ``jet1`` can have a branch ``jet_pt1``; see ``atlasae.root.known_layouts``.
    """
    if found := matching_features(name, names):
        return found
    kind = collection.rstrip("0123456789")
    number = collection.removeprefix(kind)
    prefix = rf"{re.escape(kind)}[_.]" if kind else ""
    match = re.fullmatch(rf"{re.escape(collection)}[_.](.+)|{prefix}(.+){number}", name)
    return matching_features(match[1] or match[2], names) if match else []


def _edges_by_name(pairs: Iterable[tuple[Any, Any]]) -> dict[str, tuple[float, ...]]:
    """Edges by name, from keys and what is given as their edges, in which keys may come again."""
    found: dict[str, set[float]] = {}
    for key, values in pairs:
        if not isinstance(key, str) or not key.strip():
            raise InputError(f"cuts are given by the name of a feature, not {key!r}")
        name, is_absolute = _without_abs(key.strip())
        edges = list(_edges(name, values))
        if is_absolute and min(edges, default=0) < 0:
            raise InputError(f"{key.strip()} is never negative, and has no cut at {min(edges):g}")
        found.setdefault(name, set()).update(edges, [-e for e in edges] if is_absolute else [])
        if not 0 < len(found[name]) <= MOST_EDGES:
            raise InputError(
                f"cuts of {name!r} have {len(found[name]):,} edges; give from 1 to {MOST_EDGES:,}"
            )
    return {name: tuple(sorted(edge + 0.0 for edge in edges)) for name, edges in found.items()}


def _of_text(text: str) -> Iterator[tuple[str, list[str]]]:
    """The names in a text, each with numbers that it is compared with, or that are listed after it."""
    listed: tuple[str, list[str]] | None = None  # the list that may go on
    given = []
    for item in filter(None, map(str.strip, _SEPARATOR.split(text))):
        name, colon, first = map(str.strip, item.partition(":"))
        if _COMPARISON.search(item):
            listed = None
            given.append(_compared(item))
        elif colon and _is_name(name):
            listed = (name, [first] if first else [])
            given.append(listed)
        elif listed:
            listed[1].append(item)
        else:
            raise _unreadable(item)
    if not given:
        raise InputError(f"there are no cuts in {shortened(text, _SHOWN)!r}: {_WAYS}")
    yield from given


def _compared(item: str) -> tuple[str, list[str]]:
    """The name in a comparison, and the numbers."""
    operands = [operand.strip() for operand in _COMPARISON.split(item)]
    names = list(filter(_is_name, operands))
    if len(names) != 1:
        raise _unreadable(item)
    return names[0], [operand for operand in operands if operand != names[0]]


def _without_abs(key: str) -> tuple[str, bool]:
    """The name x in ``x`` or ``abs(x)``, and whether it is the latter."""
    if key.startswith("abs(") and key.endswith(")"):
        return key[4:-1].strip(), True
    return key, False


def _is_name(text: str) -> bool:
    name, _ = _without_abs(text)
    return _NAME.fullmatch(name) is not None and _number(name) is None


def _edges(name: str, values: Any) -> Iterator[float]:
    """The numbers that are given for a name: one, or several, as numbers or as text."""
    if isinstance(values, str):
        values = values.split(",")
    elif not isinstance(values, Iterable):
        values = [values]
    for value in values:
        text = value.strip() if isinstance(value, str) else ""
        if match := _BINS.fullmatch(text):
            yield from _bins(text, int(match[1]), match[2], match[3])
        elif ":" in text:
            yield working_point(name, text)
        else:
            yield _finite(value)


def _bins(text: str, number: int, low: str, high: str) -> Iterator[float]:
    start, end = _finite(low), _finite(high)
    if not (0 < number < MOST_EDGES and start < end):
        raise InputError(
            f"cannot read {text!r} in cuts: write it as 198 bins from 20 to 2000, with fewer than"
            f" {MOST_EDGES:,} bins"
        )
    yield from np.linspace(start, end, number + 1).tolist()


def _finite(value: Any) -> float:
    number = _number(value)
    if number is None:
        raise _unreadable(value)
    if not math.isfinite(number):
        raise InputError(f"an edge of cuts must be finite, not {number:g}")
    return number


def _number(value: Any) -> float | None:
    """A number, or text of one, as a float; None for all else."""
    if isinstance(value, bool) or not isinstance(value, Real | str):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf
    except ValueError:
        return None


def _unreadable(item: Any) -> InputError:
    shown = shortened(str(item), _SHOWN)
    return InputError(f"cannot read {shown!r} in cuts: {_WAYS}")
