"""What came of all files of a campaign: in Python, and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from atlasae.atomic_write import atomic_write
from atlasae.campaign.work import STATUSES, Outcome, ratio_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlasae.types import PathLike


@dataclass(frozen=True)
class Summary:
    """What came of many files.

    Attributes:
        operation: ``compress``, ``decompress``, ``check`` or ``compare``.
        outcomes: of the files, sorted by target.
        workers: how many files were worked on at a time; 0 if it is not known.
        seconds: that all took, learning codecs not included.
        codecs: the file of the codecs that were used; empty for none.
        learned: what they were learned from, and how; empty if they were given.

    Example:
        >>> summary = Summary("check", (Outcome("a.root", "small/a.root", "good"),), 1, 0.5)
        >>> summary.good, summary.counts
        (True, {'good': 1})
    """

    operation: str
    outcomes: tuple[Outcome, ...]
    workers: int
    seconds: float
    codecs: str = ""
    learned: Mapping[str, Any] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether nothing went wrong with any file."""
        return not self.bad

    @property
    def bad(self) -> list[Outcome]:
        """Those of the files that failed, differ, or were not reached."""
        return [outcome for outcome in self.outcomes if not outcome.good]

    @property
    def counts(self) -> dict[str, int]:
        """Number of files by status."""
        given = [outcome.status for outcome in self.outcomes]
        return {status: given.count(status) for status in STATUSES if status in given}

    @property
    def source_bytes(self) -> int:
        """Size of the sources with which nothing went wrong."""
        return sum(outcome.source_bytes for outcome in self.outcomes if outcome.good)

    @property
    def target_bytes(self) -> int:
        """Size of their targets."""
        return sum(outcome.target_bytes for outcome in self.outcomes if outcome.good)

    @property
    def ratio(self) -> float:
        """The larger of these sizes over the smaller one; 0 if one of them is not known."""
        return ratio_of(self.source_bytes, self.target_bytes)

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values, as ``save`` writes them."""
        import atlasae

        values = asdict(self)
        outcomes = values.pop("outcomes")
        totals = {
            "version": atlasae.__version__,
            "good": self.good,
            "counts": self.counts,
            "source_bytes": self.source_bytes,
            "target_bytes": self.target_bytes,
        }
        return {**totals, **values, "files": list(outcomes)}

    def save(self, path: PathLike) -> None:
        """Write it as JSON; an earlier one is replaced.

        Raises:
            FileError: it cannot be written.
        """
        with atomic_write(path, force=True) as unfinished:
            unfinished.write_text(json.dumps(self.to_json(), indent=1) + "\n", encoding="utf-8")
