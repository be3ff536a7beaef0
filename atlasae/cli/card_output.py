"""Prints the card of a compressed file: a line for each promise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from atlasae.cli.output import Console
from atlasae.jets.observables import OBSERVABLES
from atlasae.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from atlasae.fidelity.measured import Errors, Pairs
    from atlasae.quantization.tolerance import Tolerance
    from atlasae.root.inspecting.card import Card, CollectionCard, FeatureCard

    _Row: TypeAlias = tuple[str, str, str, str]  # what, promised, measured, whether it was kept

_NOTHING = "nothing"
_SHOWN_CUTS = 5


def print_card(card: Card) -> None:
    """Print what was promised and what was measured, a line for each promise."""
    console = Console()
    table = Table()
    for heading in ("of", "promised", "measured", "kept"):
        table.add_column(heading)
    several = len(card.others) > 1
    for one in card.collections:
        for what, *cells in _rows_of_collection(one):
            table.add_row(*map(printable, (f"{one.tree}: {what}" if several else what, *cells)))
        table.add_section()
    for others in card.others:
        where = f"{others.tree}: " if several else ""
        if others.packed:
            what = f"{where}{_number(others.packed, 'other branch', 'other branches')}"
            table.add_row(what, "every bit", "unpacked and compared when they were written", "yes")
        if others.kept:
            what = f"{where}{_number(others.kept, 'branch', 'branches')} left as they were"
            table.add_row(what, "every bit", "stored with a checksum", "yes")
    console.print_table(f"{card.path}, the card", table)
    for one in card.collections:
        name = one.collection or "jets"
        jets = f"{one.jets:,} jets, {one.codec}, SHA-256 {one.codec_digest}"
        console.print(printable(f"{name}: {jets}"), soft_wrap=True)
    for source in card.sources:
        text = f"from {source.name}: {source.bytes:,} bytes, checksum {source.digest}"
        console.print(printable(text), soft_wrap=True)
    console.print(printable(f"written by atlasae {', '.join(card.versions)}"))
    for path, why in card.left_out.items():
        console.print(printable(f"LEFT OUT: {path}: {why}"), soft_wrap=True)
    for line in card.broken:
        console.print(printable(f"NOT KEPT: {line}"), soft_wrap=True, style="red")
    if not card.broken:
        console.print("every promise was kept", style="bold")


def _rows_of_collection(card: CollectionCard) -> Iterator[_Row]:
    for feature in card.features:
        yield _row_of_feature(feature)
        if feature.cuts:
            yield _row_of_cuts(feature)
    name = f"{card.collection} pt" if card.collection else "pt"
    if card.neighbors is not None:
        promised = "the same" if card.keeps_order else _NOTHING
        kept = ("NO" if card.neighbors.changed else "yes") if card.keeps_order else ""
        yield f"order in {name}: neighbors", promised, _changes(card.neighbors), kept
    if card.leading is not None:
        # where they do not follow one another, their order is not promised
        promised = "the same if sorted" if card.keeps_order else _NOTHING
        kept = "yes" if card.keeps_order and not card.leading.changed else ""
        yield f"order in {name}: leading two", promised, _changes(card.leading), kept
    for quantity, found in card.quantities.items():
        measured = f"largest error {found.share:.4g} x tolerance"
        yield quantity, "kept", measured, "NO" if found.beyond else "yes"
    if card.exact_events:
        entries = _number(card.exact_events, "entry has", "entries have")
        paid = f"{entries} exact values, {card.exact_bytes:,} bytes"
        yield "for these quantities", "", paid, ""
    for observable, shift in card.observables.items():
        measured = (
            f"shift {shift.mean:+.1e} ± {shift.mean_error:.0e}, smearing {shift.width:.1e},"
            f" largest {shift.largest:.1e}, in {_number(shift.events, 'event', 'events')}"
        )
        known = OBSERVABLES.get(observable)
        what = f"{observable}, relative" if known and known.energy else observable
        yield what, _NOTHING, measured, ""


def _row_of_feature(card: FeatureCard) -> _Row:
    promised = _promise(card.tolerance)
    if card.errors is None:
        return card.branch, promised, "nothing: atlasae compare measures", ""
    kept = ("yes" if not card.errors.beyond else "NO") if card.tolerance else ""
    return card.branch, promised, _errors(card.errors, bounded=card.tolerance is not None), kept


def _promise(tolerance: Tolerance | None) -> str:
    if tolerance is None:
        return _NOTHING
    if tolerance.kind == "lossless":
        return "every bit"
    if tolerance.kind == "absolute":
        return f"error up to {tolerance.value:g}"
    floor = f", of values below {tolerance.floor:g} of that" if tolerance.floor else ""
    return f"error up to {tolerance.value:g} x value{floor}"


def _errors(errors: Errors, *, bounded: bool) -> str:
    if not errors.largest and not errors.beyond:
        return f"all {errors.values:,} the same, bit for bit"
    of = " x tolerance" if bounded else ""
    text = (
        f"largest error {errors.share:.4g}{of}, mean {errors.mean:+.4f} ± {errors.mean_error:.4f},"
        f" width {errors.width:.3f}, KS {errors.ks:.1e}"
    )
    return text + (f"; {errors.beyond:,} beyond" if errors.beyond else "")


def _row_of_cuts(card: FeatureCard) -> _Row:
    edges = [f"{cut.edge:g}" for cut in card.cuts]
    shown = ", ".join(edges) if len(edges) <= _SHOWN_CUTS else f"{edges[0]} to {edges[-1]}"
    what = _number(len(edges), "cut", "cuts")
    moved = sum(cut.migrations for cut in card.cuts)
    measured = f"values that passed one: {moved:,}"
    return f"{card.branch}: {what}", f"none passes {shown}", measured, "NO" if moved else "yes"


def _changes(pairs: Pairs) -> str:
    return (
        f"{_number(pairs.swapped, 'swap', 'swaps')}, {_number(pairs.tied, 'new tie', 'new ties')},"
        f" {_number(pairs.parted, 'lost tie', 'lost ties')}"
        f" in {_number(pairs.number, 'pair', 'pairs')}"
    )


def _number(number: int, singular: str, plural: str) -> str:
    return f"{number:,} {singular if number == 1 else plural}"
