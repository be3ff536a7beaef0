"""ROOT as judge of two files that it reads itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlasae.root.checking.findings import (
    DIFFERS,
    EXACT,
    LEFT_OUT,
    MISSING,
    PRESENT,
    WITHIN,
    Check,
    Finding,
)
from atlasae.root.container.container import RESERVED
from atlasae.root.io.root_comparison import (
    compare_rntuples,
    compare_ttrees,
    opened_by_root,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from atlasae.quantization.tolerance import Tolerance

_TREES = ("TTree", "TNtuple", "TNtupleD")
_UNDECIDED = (PRESENT, MISSING, LEFT_OUT)  # where what ROOT says is more


def judged_by_root(
    found: Check, before: Any, after: Any, allowed: Mapping[str, Mapping[str, Tolerance | None]]
) -> Check:
    """What ROOT finds in two files, added to what was found.

    Args:
        found: how they compare without ROOT.
        before: the original, as uproot opened it.
        after: the other file.
        allowed: the tolerances of the branches that may differ, by path of the tree and name.
    """
    findings = {(one.path, one.name): one for one in found.findings}
    for verdict in _verdicts(before, after, allowed):
        key = verdict.path, verdict.name
        if key not in findings or not verdict.good or findings[key].verdict in _UNDECIDED:
            findings[key] = verdict
    return Check(tuple(findings.values()), found.compressed)


def _verdicts(
    before: Any, after: Any, allowed: Mapping[str, Mapping[str, Tolerance | None]]
) -> Iterator[Finding]:
    classes = after.classnames(cycle=False)
    files = before.file_path, after.file_path
    with opened_by_root(*files) as (one, other):
        for path, name in before.classnames(cycle=False).items():
            bounds = {n: bound for n, bound in allowed.get(path, {}).items() if bound}
            if path in RESERVED or classes.get(path) != name:
                continue
            if name in _TREES:
                compared = compare_ttrees(one, other, path, bounds)
            elif name == "ROOT::RNTuple":
                compared = compare_rntuples(files, path, bounds)
            else:
                continue
            for branch, result in compared:
                if result:
                    yield _verdict(path, branch, *result)


def _verdict(path: str, name: str, first: int, error: float) -> Finding:
    if first >= 0:
        return Finding(path, name, DIFFERS, f"as ROOT reads it, first in entry {first}", error)
    return Finding(path, name, WITHIN if error else EXACT, error=error)
