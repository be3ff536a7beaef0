"""The tables that the commands print."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NoReturn

from rich.console import Console as RichConsole
from rich.table import Table

from atlasae.campaign.work import ratio_of
from atlasae.cli.exits import in_command_words
from atlasae.root.compressing.preview import KEPT
from atlasae.root.inspecting.info import PACKED
from atlasae.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from atlasae.campaign.summary import Summary
    from atlasae.root.checking.findings import Check
    from atlasae.root.compressing.preview import Plan
    from atlasae.root.inspecting.column_coding import ColumnCoding
    from atlasae.root.inspecting.info import BranchSize, Contents

SHOWN_FILES = 50  # of many that went well
SHOWN_BRANCHES = 20  # the largest of the kept branches
_UNLIMITED = 1_000_000  # columns: what is not read on a terminal is not broken into lines


class Console(RichConsole):
    """Prints names as text, and each line as it is where no terminal has to hold it."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, markup=False, emoji=False)
        if not self.is_terminal:
            self.width = _UNLIMITED

    def print_table(self, title: str, table: Table) -> None:
        """Print a table below its title, which may be wider."""
        self.print(printable(title), style="table.title", soft_wrap=True)
        self.print(table)

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError  # not the exit code of rich


def print_contents(contents: Contents) -> None:
    """Print what a compressed file holds: sizes, codecs, and every change and omission."""
    console = Console()
    console.print_table(f"{contents.path}, from {contents.source}", _size_table(contents))
    several = len(contents.entries) > 1
    names_by_codec: dict[str, list[str]] = {}
    for part in contents.parts:
        name = _name(part.tree, part.name or "jets", several)
        names_by_codec.setdefault(part.codec, []).append(name)
    for codec, names in names_by_codec.items():
        if codec != PACKED:
            console.print(printable(f"{', '.join(names)}: compressed with {codec}"))
    for part in contents.parts:
        if part.quantities:
            name, kept = _name(part.tree, part.name or "jets", several), ", ".join(part.quantities)
            cost = f"exact values in {part.exact_events:,} of them, {part.exact_bytes:,} bytes"
            console.print(printable(f"{name}: kept in each entry: {kept}; {cost}"))
    for tree, entries in contents.entries.items():
        console.print(f"{printable(tree)}: {entries:,} entries")
    if contents.needs:
        needs = printable(", ".join(contents.needs))
        console.print(f"ratio {contents.ratio:.3f}, without the codecs in {needs}", style="bold")
        console.print(
            f"cannot be read without {needs}; atlasae decompress and merge write files that can"
        )
    else:
        console.print(f"ratio {contents.ratio:.3f}, codecs included", style="bold")
    print_notes(contents.changed, contents.left_out)


def print_contents_of_many(files: Sequence[Contents]) -> None:
    """Print a row for each compressed file, and their changes and omissions."""
    table = Table()
    table.add_column("file")
    for heading in ("entries", "bytes before", "after", "ratio"):
        table.add_column(heading, justify="right")
    table.add_column("codecs")
    for contents in files:
        codecs = dict.fromkeys(part.codec for part in contents.parts if part.codec != PACKED)
        table.add_row(
            printable(contents.path),
            _number(max(contents.entries.values(), default=0)),
            *_sizes(contents.source_bytes, contents.file_bytes),
            printable(", ".join(contents.needs or codecs)),
        )
    table.add_section()
    totals = (sum(getattr(one, name) for one in files) for name in ("source_bytes", "file_bytes"))
    entries = sum(max(contents.entries.values(), default=0) for contents in files)
    table.add_row(f"{len(files):,} files", _number(entries), *_sizes(*totals), "")
    Console().print(table)
    _print_notes_of_many([contents.changed for contents in files], [c.left_out for c in files])


def print_columns(columns: Sequence[ColumnCoding]) -> None:
    """Print how columns are coded, a row for each."""
    table = Table()
    for heading in ("column", "coded", "compared with", "given"):
        table.add_column(heading)
    table.add_column("depth", justify="right")
    several = len({column.tree for column in columns}) > 1
    for column in columns:
        table.add_row(
            _name(column.tree, column.branch, several),
            column.coded,
            printable(column.compared),
            printable(", ".join(column.given)),
            str(column.depth),
        )
    Console().print(table)


def _size_table(contents: Contents) -> Table:
    table = Table()
    table.add_column("part or branch")
    for heading in ("branches", "jets", "bytes before", "after", "bits per jet"):
        table.add_column(heading, justify="right")
    several = len(contents.entries) > 1
    for part in contents.parts:
        table.add_row(
            _name(part.tree, part.name or "other branches", several),
            _number(len(part.before)),
            _number(part.jets) if part.jets else "",
            _known(sum(part.before.values())),
            _number(part.after),
            f"{8 * part.after / part.jets:.2f}" if part.jets else "",
        )
    table.add_row("codecs", "", "", "", _number(contents.codec_bytes), end_section=True)
    kept = sorted(contents.kept, key=lambda branch: -branch.before)
    for branch in kept[:SHOWN_BRANCHES]:
        sizes = _known(branch.before), _known(branch.after)
        table.add_row(_name(branch.tree, branch.name, several), "1", "", *sizes)
    if more := kept[SHOWN_BRANCHES:]:
        before, after = sum(b.before for b in more), sum(b.after for b in more)
        table.add_row("more kept", _number(len(more)), "", _known(before), _known(after))
    table.add_section()
    sizes = _number(contents.source_bytes), _number(contents.file_bytes)
    table.add_row("whole file", "", "", *sizes)
    return table


def print_plan(plan: Plan) -> None:
    """Print what compressing a file would do: parts, expected sizes, changes and omissions."""
    table = Table()
    table.add_column("part")
    for heading in ("branches", "bytes before", "expected"):
        table.add_column(heading, justify="right")
    table.add_column("how")
    several = len(plan.entries) > 1
    for part in (part for part in plan.parts if part.how != KEPT):
        name = _name(part.tree, part.name or "other branches", several)
        sizes = _known(part.before), _number(part.expected)
        how = ", ".join(dict.fromkeys(part.tolerances.values())) or part.how
        table.add_row(name, _number(len(part.branches)), *sizes, printable(how))
    if kept := [part for part in plan.parts if part.how == KEPT]:
        before, after = sum(part.before for part in kept), sum(part.expected for part in kept)
        table.add_row(KEPT, _number(len(kept)), _known(before), _number(after), "as in the source")
    table.add_section()
    table.add_row("whole file", "", _number(plan.source_bytes), _number(plan.expected_bytes), "")
    console = Console()
    console.print_table(f"{plan.source}, compressed", table)
    for tree, entries in plan.entries.items():
        found = ", ".join(plan.found[tree]) or "none"
        sampled = f"{plan.sampled[tree]:,} of {entries:,} entries"
        console.print(printable(f"{tree}: collections found: {found}; sizes from {sampled}"))
    console.print(f"expected ratio {plan.ratio:.3f}, codecs included", style="bold")
    print_notes(plan.changed, plan.left_out)


def _name(tree: str, name: str, several: bool) -> str:
    """The name of a part or branch; if there are several trees, with that of its tree."""
    return printable(f"{tree}: {name}" if several else name)


def print_notes(changed: Mapping[str, str], left_out: Mapping[str, str]) -> None:
    """Print every change and omission on the error stream, a line for all with the same note."""
    console = Console(stderr=True)
    for title, notes in (("changed", changed), ("LEFT OUT", left_out)):
        names_by_note: dict[str, list[str]] = {}
        for name, note in notes.items():
            names_by_note.setdefault(note, []).append(name)
        for note, names in names_by_note.items():
            console.print(printable(f"{title}: {', '.join(names)}: {note}"), soft_wrap=True)


def print_panel(name: str, verdict: str, lines: Iterable[Mapping[str, Any]]) -> None:
    """Print what was promised for a file and what was found, in one line each."""
    table = Table()
    for heading in ("", "promised", "found", "kept"):
        table.add_column(heading)
    for line in lines:
        kept = {True: "yes", False: "NO", None: ""}[line["kept"]]
        words = (line["what"], line["promised"], line["found"])
        table.add_row(*map(printable, words), kept)
    Console().print_table(f"{name}: {verdict}", table)


def print_branches(sizes: Iterable[BranchSize]) -> None:
    """Print the size of each branch before and after, the largest first."""
    table = Table()
    table.add_column("branch")
    table.add_column("bytes before", justify="right")
    table.add_column("after", justify="right")
    for size in sorted(sizes, key=lambda size: -max(size.before, size.after)):
        name = f"{size.tree}: {size.name}"
        table.add_row(printable(name), _known(size.before), _known(size.after))
    Console().print_table("branches", table)


def print_files(title: str, files: Iterable[tuple[str, int, str]]) -> None:
    """Print the files written: name, size in bytes, and what each is."""
    table = Table()
    table.add_column("file")
    table.add_column("bytes", justify="right")
    table.add_column("what it is")
    for name, size, what in files:
        table.add_row(printable(name), _number(size), what)
    Console().print_table(title, table)


def print_summary(summary: Summary) -> None:
    """Print what came of many files: a row for each, or for those that are not good if many."""
    table = Table()
    table.add_column("file")
    table.add_column("result")
    for heading in ("bytes before", "after", "ratio", "s"):
        table.add_column(heading, justify="right")
    shown = summary.outcomes if len(summary.outcomes) <= SHOWN_FILES else tuple(summary.bad)
    for outcome in shown:
        sizes = _sizes(outcome.source_bytes, outcome.target_bytes)
        seconds = f"{outcome.seconds:.1f}"
        table.add_row(printable(outcome.source), outcome.status, *sizes, seconds)
    table.add_section()
    counts = ", ".join(f"{number:,} {status}" for status, number in summary.counts.items())
    sizes = _sizes(summary.source_bytes, summary.target_bytes)
    table.add_row(f"{len(summary.outcomes):,} files", counts, *sizes, f"{summary.seconds:.1f}")
    console = Console()
    console.print(table)
    for outcome in summary.bad:
        message = in_command_words(outcome.message)
        text = f"{outcome.status.upper()}: {outcome.source}: {message}"
        console.print(printable(text), soft_wrap=True, style="red")
    outcomes = summary.outcomes
    _print_notes_of_many([one.changed for one in outcomes], [one.left_out for one in outcomes])


def _sizes(before: int, after: int) -> tuple[str, str, str]:
    """Two sizes and their ratio; nothing in place of what is not known."""
    ratio = ratio_of(before, after)
    return _known(before), _known(after), f"{ratio:.3f}" if ratio else ""


def _print_notes_of_many(
    changed: Iterable[Mapping[str, str]], left_out: Iterable[Mapping[str, str]]
) -> None:
    """Print each change and omission once, with the number of files that have it."""
    console = Console(stderr=True)
    for title, of_files in (("changed", changed), ("LEFT OUT", left_out)):
        numbers = Counter(f"{where}: {note}" for notes in of_files for where, note in notes.items())
        for text, number in numbers.items():
            files = "1 file" if number == 1 else f"{number:,} files"
            console.print(printable(f"{title} in {files}: {text}"), soft_wrap=True)


def _number(value: int) -> str:
    return f"{value:,}"


def _known(size: int) -> str:
    """A size; nothing if the file does not store it."""
    return f"{size:,}" if size else ""


def _error(verdict: str, worst: float) -> str:
    """The largest error of a verdict; in units of the tolerance rounded down, as it is below 1."""
    if verdict == "no promise":
        return f"{worst:.3g}"
    return f"{int(worst * 10_000) / 10_000} x tolerance"


def print_check(result: Check) -> None:
    """Print how two files compare: the number of each verdict, and all that is not the same."""
    table = Table()
    table.add_column("verdict")
    table.add_column("number", justify="right")
    table.add_column("largest error", justify="right")
    for verdict, count in result.counts.items():
        worst = max(f.error for f in result.findings if f.verdict == verdict)
        is_known = 0 < worst < float("inf") and verdict != "differs"
        table.add_row(verdict, _number(count), _error(verdict, worst) if is_known else "")
    console = Console()
    console.print_table("compared with the original", table)
    for finding in result.findings:
        if finding.note or not finding.good:
            where = f"{finding.path}:{finding.name}" if finding.name else finding.path
            console.print(
                printable(
                    f"{finding.verdict if finding.good else finding.verdict.upper()}: {where}"
                    f"{finding.note and ': '}{finding.note}"
                ),
                soft_wrap=True,
                style=None if finding.good else "red",
            )
    original, other = result.compressed
    if result.good:
        verdict = "as promised" if other else "the same, or as close as asked for"
        console.print(f"every value is {verdict}", style="bold")
    else:
        bad, number = _number(len(result.bad)), _number(len(result.findings))
        console.print(f"{bad} of {number} are not as promised", style="bold")
    if not other:
        hint = ""
        if not result.good and original:
            hint = ", but ORIGINAL is: are they swapped?"
        elif not result.good:
            hint = ": without --tolerance it has to be the same bit for bit"
        console.print(f"OTHER is not compressed by atlasae{hint}")
