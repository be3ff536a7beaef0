"""What the command prints: tables by rich."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from atlasae.root.info import PACKED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from atlasae.jets.metrics import Residuals
    from atlasae.root.check import Check
    from atlasae.root.info import Contents

SHOWN_BRANCHES = 20  # of the kept ones, the largest


def print_contents(contents: Contents) -> None:
    """What a compressed file holds: sizes by part and in whole, and what changed."""
    c = contents
    table = Table(title=f"{c.path}, from {c.source}", title_justify="left")
    table.add_column("bytes")
    for name in ("branches", "jets", "before", "after", "bits per jet"):
        table.add_column(name, justify="right")
    several = len(c.entries) > 1
    for part in c.parts:
        table.add_row(
            _name(part.tree, part.name or "other branches", several),
            _number(len(part.before)),
            _number(part.jets) if part.jets else "",
            _known(sum(part.before.values())),
            _number(part.after),
            f"{8 * part.after / part.jets:.2f}" if part.jets else "",
        )
    table.add_row("codecs", "", "", "", _number(c.codec_bytes), end_section=True)
    kept = sorted(c.kept, key=lambda branch: -branch.before)
    for branch in kept[:SHOWN_BRANCHES]:
        sizes = _known(branch.before), _known(branch.after)
        table.add_row(_name(branch.tree, branch.name, several), "1", "", *sizes)
    if more := kept[SHOWN_BRANCHES:]:
        before, after = sum(b.before for b in more), sum(b.after for b in more)
        table.add_row("more kept", _number(len(more)), "", _known(before), _known(after))
    table.add_section()
    table.add_row("whole file", "", "", _number(c.source_bytes), _number(c.file_bytes))
    console = Console()
    console.print(table)
    codecs: dict[str, list[str]] = {}
    for part in c.parts:
        codecs.setdefault(part.codec, []).append(_name(part.tree, part.name or "jets", several))
    for codec, names in codecs.items():
        if codec != PACKED:
            console.print(f"{', '.join(names)}: through {codec}", highlight=False)
    for tree, entries in c.entries.items():
        console.print(f"{tree}: {entries:,} entries", highlight=False)
    console.print(f"ratio {c.ratio:.3f}, codecs included", style="bold", highlight=False)
    if c.ratio < 1:
        ways = (
            "--pack all packs them tighter" if c.kept else "a larger one would pay for the codecs"
        )
        console.print(
            f"the file grew: uproot writes other branches in more room than they had; {ways}",
            style="yellow",
        )
    print_notes(c.changed, c.left_out)


def _name(tree: str, name: str, several: bool) -> str:
    """What a part or branch is called; where there are several trees, with its own."""
    return f"{tree}: {name}" if several else name


def print_notes(changed: Mapping[str, str], left_out: Mapping[str, str]) -> None:
    """What did not come over as it was, on the error stream."""
    console = Console(stderr=True, highlight=False)
    for title, notes in (("changed", changed), ("LEFT OUT", left_out)):
        for name, note in notes.items():
            console.print(f"{title}: {name}: {note}", markup=False, soft_wrap=True)


def print_residuals(name: str, results: Mapping[str, Residuals]) -> None:
    """Mean, sigma, central width and largest of the residuals by feature, of the file ``name``."""
    table = Table(title=f"{name}: residuals, decoded - original", title_justify="left")
    table.add_column("feature")
    for heading in ("mean", "sigma", "68 % within", "all within"):
        table.add_column(heading, justify="right")
    for result in results.values():
        table.add_row(
            f"{result.feature}, relative" if result.relative else result.feature,
            f"{result.mean:+.1e} ± {result.mean_error:.0e}",
            f"{result.sigma:.2e}",
            f"± {result.half_width:.2e}",
            f"± {result.maximum:.2e}",
        )
    console = Console()
    console.print(table)
    for result in results.values():
        if result.undefined:
            console.print(f"without a residual in {result.feature}: {result.undefined:,}")


def print_files(title: str, files: Iterable[tuple[str, int, str]]) -> None:
    """Files written: name, size in bytes, and what it is."""
    table = Table(title=title, title_justify="left")
    table.add_column("file")
    table.add_column("bytes", justify="right")
    table.add_column("what it is")
    for name, size, what in files:
        table.add_row(name, _number(size), what)
    Console().print(table)


def _number(value: int) -> str:
    return f"{value:,}"


def _known(size: int) -> str:
    """A size, or nothing where the file does not tell it."""
    return f"{size:,}" if size else ""


def print_check(result: Check) -> None:
    """How two files compare: how much of each verdict, and whatever is not simply the same."""
    table = Table(title="the other file against the original", title_justify="left")
    table.add_column("verdict")
    table.add_column("how many", justify="right")
    table.add_column("largest error", justify="right")
    for verdict, count in result.counts.items():
        worst = max(found.error for found in result.findings if found.verdict == verdict)
        unit = "" if verdict == "no promise" else " of the tolerance"
        known = 0 < worst < float("inf") and verdict != "differs"
        table.add_row(verdict, _number(count), f"{worst:.3g}{unit}" if known else "")
    console = Console(highlight=False)
    console.print(table)
    for found in result.findings:
        if found.note or not found.good:
            where = f"{found.path}:{found.name}" if found.name else found.path
            console.print(
                f"{found.verdict if found.good else found.verdict.upper()}: {where}"
                f"{found.note and ': '}{found.note}",
                markup=False,
                soft_wrap=True,
                style=None if found.good else "red",
            )
    console.print(
        "every value is as promised"
        if result.good
        else f"{_number(len(result.bad))} not as promised",
        style="bold",
    )
