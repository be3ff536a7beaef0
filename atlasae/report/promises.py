"""What was promised for a file and what was found, in one line each: may it be used?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atlasae.errors import MissingNameError
from atlasae.fidelity.changes import changes_of_order, crossings, leading_two, neighbors
from atlasae.fidelity.measuring import errors_of
from atlasae.jets.observables import OBSERVABLES
from atlasae.jets.table import column_of
from atlasae.report.bins import edges_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlasae.fidelity.measured import Errors
    from atlasae.jets.metrics import Residuals
    from atlasae.report.comparison import Comparison, DecodedFile


@dataclass(frozen=True)
class Line:
    """A line of the panel.

    Attributes:
        what: it is about, such as the name of a feature.
        promised: in words; empty if nothing was promised.
        found: in words, with the worst case.
        kept: whether the promise was kept; None if nothing was promised.
    """

    what: str
    promised: str
    found: str
    kept: bool | None = None


def verdict(lines: Sequence[Line]) -> str:
    """All lines in one sentence.

    Example:
        >>> verdict([Line("pt", "0.01, relative", "largest error 90 %", True), Line("order", "", "")])
        'The one promise is kept.'
    """
    promises = [line for line in lines if line.kept is not None]
    broken = sum(not line.kept for line in promises)
    if not promises:
        return "Nothing is promised."
    if broken:
        return f"{broken} of {len(promises)} promises {'is' if broken == 1 else 'are'} broken."
    return (
        f"All {len(promises)} promises are kept."
        if len(promises) > 1
        else "The one promise is kept."
    )


def panel(comparison: Comparison, file: DecodedFile) -> list[Line]:
    """The lines of a file: its size, what is promised, and what was measured without a promise.

    Args:
        comparison: that the file is a part of.
        file: the file.
    """
    lines = [
        *(_tolerance(comparison, file, name) for name in file.residuals),
        *_special_values(comparison, file),
        *_cuts(comparison, file),
        *_order(comparison, file),
        *_kept_quantities(comparison, file),
        *_observables(comparison, file),
    ]
    return [_size(comparison, file), *sorted(lines, key=lambda line: line.kept is None)]


def errors_in(comparison: Comparison, file: DecodedFile, name: str) -> Errors:
    """The errors of a feature, as the card measures them."""
    before, after = (jets.columns[name] for jets in (comparison.original.jets, file.jets))
    return errors_of(before, after.astype(before.dtype, copy=False), file.tolerance(name))


def _size(comparison: Comparison, file: DecodedFile) -> Line:
    original = comparison.original
    found = f"{original.file_bytes / file.file_bytes:.3g} times smaller: {file.file_bytes:,} bytes"
    if np.isfinite(file.bits) and np.isfinite(original.bits):
        found += f"; {file.bits:.1f} bits a jet, {original.bits:.1f} before"
    return Line("size", "", found)


def _tolerance(comparison: Comparison, file: DecodedFile, name: str) -> Line:
    result, tolerance = file.residuals[name], file.tolerance(name)
    if tolerance is None:
        return Line(name, "", _spread(result, relative=result.relative))
    errors = errors_in(comparison, file, name)
    count, jets = errors.beyond, errors.values
    if tolerance.kind == "lossless":
        found = f"{_jets(count, jets)} changed" if count else "unchanged in all jets"
        return Line(name, "every bit", found, not count)
    promised = f"± {tolerance.value:g}, {tolerance.kind}"
    if tolerance.floor:
        promised += f", from {tolerance.floor:g} up"
    found = f"largest error {_percent_of(errors.share)} of the tolerance"
    if count:
        found = f"{_jets(count, jets)} beyond, the largest error {errors.share:.3g} x tolerance"
    return Line(name, promised, found, not count)


def _special_values(comparison: Comparison, file: DecodedFile) -> Iterator[Line]:
    """NaN and infinities, if there are any."""
    total = changed = 0
    for name in file.residuals:
        before, after = (jets.columns[name] for jets in (comparison.original.jets, file.jets))
        special = ~np.isfinite(before)
        total += int(np.count_nonzero(special))
        same = (before == after) | (np.isnan(before) & np.isnan(after))
        changed += int(np.count_nonzero(special & ~same))
    if total:
        found = f"{changed:,} of {total:,} changed" if changed else f"all {total:,} are as before"
        is_promised = all(file.tolerance(name) is not None for name in file.residuals)
        kept = not changed if is_promised else None
        yield Line("NaN, infinities", "as before" if is_promised else "", found, kept)


def _cuts(comparison: Comparison, file: DecodedFile) -> Iterator[Line]:
    """Jets that change their side of a cut: below, at, or above."""
    for name in file.residuals:
        before, after = (jets.columns[name] for jets in (comparison.original.jets, file.jets))
        promised = file.cuts(name)
        others = [edge for edge in comparison.bins.get(name, ()) if edge not in promised]
        for edges, is_promised in ((promised, True), (others, False)):
            if not len(edges):
                continue
            count = crossings(before, after, edges_for(before, edges))
            found = f"{_jets(count, len(before))} on another side" if count else "no jet moved"
            what = f"{name} at {_list(edges)}"
            words = "no jet on another side" if is_promised else ""
            yield Line(what, words, found, not count if is_promised else None)


def _order(comparison: Comparison, file: DecodedFile) -> Iterator[Line]:
    """Ties and swaps in pt: of jets and the next one in the event, and of the two leading jets."""
    counts = comparison.original.jets.counts
    before, after = (column_of("pt", jets) for jets in (comparison.original.jets, file.jets))
    if counts is None or before is None or after is None:
        return
    is_kept = bool(file.codecs) and all(
        getattr(codec, "order_kept_", None) is not None for codec in file.codecs
    )
    leading = leading_two(before, counts)
    follow = bool(np.all(leading[1] == leading[0] + 1))  # then they are neighbors
    for what, rows, is_promised in (
        ("neighbors in pt", neighbors(before, counts), is_kept),
        ("two leading jets", leading, is_kept and follow),
    ):
        pairs = changes_of_order(before, after, rows)
        if not pairs.number:
            continue
        changes = (pairs.swapped, "swap"), (pairs.tied, "new tie"), (pairs.parted, "lost tie")
        words = [_number_of(count, word) for count, word in changes if count]
        found = f"{' and '.join(words) or 'no swap and no new tie'} in {pairs.number:,} pairs"
        kept = not pairs.changed if is_promised else None
        yield Line(what, "order kept" if is_promised else "", found, kept)


def _kept_quantities(comparison: Comparison, file: DecodedFile) -> Iterator[Line]:
    """What the codecs keep of events or jets, such as the mass of two jets."""
    for text, quantity in file.quantities.items():
        what, _, bound = text.rpartition(": ")
        try:
            errors, of_events = quantity.errors(comparison.original.jets, file.jets)
        except MissingNameError as error:
            yield Line(what or text, "", f"not compared, as {error}")
            continue
        count, worst = int(np.count_nonzero(errors > 1)), float(errors.max(initial=0.0))
        unit = "event" if of_events else "jet"
        found = f"largest error {_percent_of(worst)} of the tolerance"
        if not what and not count:
            found = f"the same in all {unit}s"
        if count:
            beyond_it = f"{count:,} of {len(errors):,} {unit}s beyond"
            found = f"{beyond_it}, the largest error {worst:.3g} x tolerance"
        kind = "absolute" if bound.startswith("abs ") else "relative"
        promised = f"± {bound.removeprefix('abs ')}, {kind}" if what else "the same"
        yield Line(what or text, promised, found, not count)


def _observables(comparison: Comparison, file: DecodedFile) -> Iterator[Line]:
    for name in comparison.observables:
        if name in ("m_jj", "h_t"):
            result = comparison.observable_residuals(file, name)
            yield Line(name, "", _spread(result, relative=OBSERVABLES[name].energy))


def _spread(result: Residuals, *, relative: bool) -> str:
    """The width of residuals, if there is one, and the largest."""
    width = f"68 % within ± {result.half_width:.2g}"
    if not np.isfinite(result.half_width):
        width = "68 % not defined"
    return f"{width}, worst {result.maximum:.2g}{', relative' if relative else ''}"


def _percent_of(share: float) -> str:
    """A share in percent, rounded down, so that 100 % is the whole."""
    return f"{int(10_000 * min(share, 1)) / 100:g} %"


def _jets(count: int, total: int) -> str:
    return f"{count:,} of {total:,} jets"


def _number_of(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _list(edges: Sequence[float]) -> str:
    """Some numbers, or the ends of many."""
    if len(edges) <= 6:
        return ", ".join(f"{edge:g}" for edge in edges)
    return f"{len(edges):,} edges from {edges[0]:g} to {edges[-1]:g}"
