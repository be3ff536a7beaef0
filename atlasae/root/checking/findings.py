"""What a comparison of two files finds."""

from __future__ import annotations

from dataclasses import dataclass

EXACT = "exact"
WITHIN = "within tolerance"
NO_PROMISE = "no promise"
CHANGED = "changed type"
PRESENT = "present"
LEFT_OUT = "left out"
MISSING = "missing"
DIFFERS = "differs"
VERDICTS = (EXACT, WITHIN, NO_PROMISE, CHANGED, PRESENT, LEFT_OUT, MISSING, DIFFERS)
BAD = (MISSING, DIFFERS)


@dataclass(frozen=True)
class Finding:
    """What became of a branch, a tree, or an object.

    Attributes:
        path: of the tree or object.
        name: of the branch; empty for a tree as a whole, or an object.
        verdict: one of ``VERDICTS``; ``present`` for objects that cannot be compared.
        note: more about it.
        error: the largest error, in units of the tolerance if there is one.
    """

    path: str
    name: str
    verdict: str
    note: str = ""
    error: float = 0.0

    @property
    def good(self) -> bool:
        return self.verdict not in BAD


@dataclass(frozen=True)
class Check:
    """How a file compares with its original.

    Attributes:
        findings: what became of all that the original holds.
        compressed: whether the original, and whether the other file, is compressed by atlasae.
    """

    findings: tuple[Finding, ...]
    compressed: tuple[bool, bool]

    @property
    def good(self) -> bool:
        """Whether everything is as promised."""
        return not self.bad

    @property
    def bad(self) -> list[Finding]:
        """What is not as promised."""
        return [finding for finding in self.findings if not finding.good]

    @property
    def counts(self) -> dict[str, int]:
        """Number of findings by verdict."""
        given = [finding.verdict for finding in self.findings]
        return {verdict: given.count(verdict) for verdict in VERDICTS if verdict in given}
