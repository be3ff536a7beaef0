"""Prints the model card of a codec: what it was fitted to, and how well it does where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from atlasae.cli.output import Console
from atlasae.codecs.model_card import ERRORS
from atlasae.text import printable

if TYPE_CHECKING:
    from atlasae.codecs import Codec
    from atlasae.codecs.model_card import ModelCard, Quality


def described(codec: Codec) -> dict[str, Any]:
    """A codec and its model card, JSON-ready."""
    card = codec.model_card_
    return {
        "codec": codec.call,
        "bytes_in_files": len(codec.decoder_bytes()),
        "features": list(codec.features_),
        "config": codec.get_config(),
        "tolerances": {name: repr(bound) for name, bound in codec.tolerances_.items()},
        "model_card": None if card is None else card.to_json(),
    }


def print_codec(name: str, codec: Codec) -> None:
    """Print a codec and its model card."""
    console, card = Console(), codec.model_card_
    if card is None:
        console.print(printable(f"{name}: {codec.call}"), style="bold", soft_wrap=True)
        console.print("it has no model card: a codec in a compressed file is stored without it")
    else:
        console.print_table(f"{name}: {codec.call}", _quality_table(card))
        _print_data(console, codec, card)
    console.print(f"it takes {len(codec.decoder_bytes()):,} bytes in a compressed file")


def _quality_table(card: ModelCard) -> Table:
    """A row for each bin of jets, and a column for each feature."""
    table = Table(caption=printable(card.measure), caption_justify="left")
    table.add_column("jets with")
    table.add_column("jets", justify="right")
    for name in card.largest:
        table.add_column(printable(name), justify="right")
    worst = card.worst
    for one in card.quality:
        values = [
            f"{value:.4g}{' *' if one == worst.get(name) else ''}"
            for name, value in one.values.items()
        ]
        table.add_row(printable(_range(one)), f"{one.jets:,}", *values)
    table.add_section()
    table.add_row("the worst jet", "1", *(f"{value:.4g}" for value in card.largest.values()))
    return table


def _range(quality: Quality) -> str:
    if not quality.of:
        return "any value"
    return f"{quality.of} {quality.low:.4g} to {quality.high:.4g}"


def _print_data(console: Console, codec: Codec, card: ModelCard) -> None:
    of = f" of {card.events:,} events" if card.events is not None else ""
    sources = f", from {', '.join(card.sources)}" if card.sources else ""
    console.print(
        printable(
            f"fitted to {card.jets:,} jets{of}{sources}: {card.trained:,} to train,"
            f" {card.tested:,} to measure; * the worst bin of a feature"
        ),
        soft_wrap=True,
    )
    for name, (least, median, largest) in card.ranges.items():
        bound = codec.tolerances_.get(name)
        kept = f", tolerance {bound!r}" if bound else ""
        text = f"{name}: from {least:.4g} to {largest:.4g}, median {median:.4g}{kept}"
        console.print(printable(text), soft_wrap=True)
    if codec.tolerances_ and card.measure == ERRORS.name:
        console.print(
            "the errors are those of latents alone: residuals bring them within the tolerance"
        )
    if scaling := codec.get_config().get("scaling"):
        console.print(printable(f"scaling: {scaling}"), soft_wrap=True)
    versions = ", ".join(f"{name} {number}" for name, number in card.made_with.items())
    console.print(printable(f"made with {versions}"), soft_wrap=True)
