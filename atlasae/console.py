"""What the command prints: tables by rich."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from atlasae.contents import Contents
    from atlasae.metrics import Residuals

SHOWN_BRANCHES = 20  # of the kept ones, the largest


def print_contents(contents: Contents) -> None:
    """What a compressed file holds: sizes by branch and in whole, and what changed."""
    c = contents
    table = Table(title=f"{c.path}, from {c.source}", title_justify="left")
    table.add_column("part")
    for name in ("before [bytes]", "after [bytes]", "bits a jet"):
        table.add_column(name, justify="right")
    for branch in c.branches:
        if branch.role == "compressed":
            table.add_row(branch.name, _number(branch.before), "", _bits(branch.before, c.jets))
    table.add_section()
    for branch in c.branches:
        if branch.role == "stored":
            table.add_row(branch.name, "", _number(branch.after), _bits(branch.after, c.jets))
    table.add_row("codec", "", _number(c.codec_bytes), _bits(c.codec_bytes, c.jets))
    table.add_row(
        f"{c.collection or 'jets'}, in sum",
        _number(c.compressed_before),
        _number(c.compressed_after),
        _bits(c.compressed_after, c.jets),
        end_section=True,
    )
    kept = sorted((b for b in c.branches if b.role == "kept"), key=lambda b: -(b.before or 0))
    for branch in kept[:SHOWN_BRANCHES]:
        table.add_row(branch.name, _number(branch.before), _number(branch.after))
    if more := kept[SHOWN_BRANCHES:]:
        before, after = sum(b.before or 0 for b in more), sum(b.after or 0 for b in more)
        table.add_row(f"{len(more)} more branches", _number(before), _number(after))
    table.add_section()
    table.add_row("whole file", _number(c.source_bytes), _number(c.file_bytes))
    console = Console()
    console.print(table)
    console.print(
        f"{c.entries:,} entries of {c.tree}, {c.jets:,} jets of {c.collection or 'the tree'}"
        f" through {c.codec}",
        highlight=False,
    )
    console.print(f"ratio {c.ratio:.3f}, codec included", style="bold", highlight=False)
    if c.ratio < 1:
        console.print(
            "the file grew: it has too few jets to pay for the codec, or its other branches are"
            " packed tighter than uproot packs them",
            style="yellow",
        )
    print_notes(c.changed, c.left_out)


def print_notes(changed: Mapping[str, str], left_out: Mapping[str, str]) -> None:
    """What did not come over as it was, on the error stream."""
    console = Console(stderr=True, highlight=False)
    for title, notes in (("changed", changed), ("LEFT OUT", left_out)):
        for name, note in notes.items():
            console.print(f"{title}: {name}: {note}", markup=False, soft_wrap=True)


def print_residuals(results: Mapping[str, Residuals]) -> None:
    """Mean, sigma and central width of the residuals by feature."""
    table = Table(title="residuals, decoded - original", title_justify="left")
    table.add_column("feature")
    for name in ("mean", "sigma", "68 % within", "jets"):
        table.add_column(name, justify="right")
    for result in results.values():
        table.add_row(
            f"{result.feature}, relative" if result.relative else result.feature,
            f"{result.mean:+.1e} ± {result.mean_error:.0e}",
            f"{result.sigma:.2e} ± {result.sigma_error:.0e}",
            f"± {result.half_width:.2e}",
            f"{result.values.size:,}",
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


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _bits(size: int | None, jets: int) -> str:
    return "" if size is None else f"{8 * size / jets:.2f}"
