"""What is compared: the jets of an original file, and of files compressed or restored from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.jets.metrics import Residuals
from atlasae.jets.names import COORDINATES, plain_name
from atlasae.jets.observables import OBSERVABLES
from atlasae.quantization.tolerance import LOSSLESS, Tolerance

if TYPE_CHECKING:
    from pathlib import Path

    import awkward as ak

    from atlasae.codecs.base import Codec
    from atlasae.jets.table import Table
    from atlasae.root.inspecting.info import BranchSize
    from atlasae.types import Floats, Values


@dataclass(frozen=True)
class JetFile:
    """Jets of one file.

    Attributes:
        path: of the file.
        file_bytes: size of the file.
        jets: grouped by event.
        jet_bytes: size of their features in the file, or of the blocks that hold them; None if
            blocks also hold other branches.
        event_numbers: values that identify the entries, by branch, each of shape (entries,).
    """

    path: Path
    file_bytes: int
    jets: Table
    jet_bytes: int | None
    event_numbers: dict[str, Values]

    @property
    def bits(self) -> float:
        """Bits per jet; NaN if unknown."""
        return 8 * self.jet_bytes / len(self.jets) if self.jet_bytes else float("nan")


@dataclass(frozen=True)
class DecodedFile(JetFile):
    """The jets of a compressed or restored file, with their residuals.

    Attributes:
        name: of the file in figures.
        codec: the calls that make the codecs of the jets; empty if the file has plain branches,
            as restored files do.
        codecs: the codecs, ready to decode; empty for columns packed without one.
        latents: of an autoencoder, as records; None for other codecs.
        branches: sizes in the original and in this file; empty for restored files.
        residuals: by feature.
        observables: from ``atlasae.jets.observables``; empty for flat jets.
    """

    name: str
    codec: str
    codecs: tuple[Codec, ...]
    latents: ak.Array | None
    branches: tuple[BranchSize, ...]
    residuals: dict[str, Residuals]
    observables: dict[str, Floats]

    def cuts(self, feature: str) -> tuple[float, ...]:
        """The edges that no value of a feature crosses, as all codecs promise; ascending."""
        promised = [
            {edge for name, edges in codec.cuts_.items() if plain_name(name) == feature for edge in edges}
            if hasattr(codec, "cuts_") else set()
            for codec in self.codecs
        ]  # fmt: skip
        return tuple(sorted(set.intersection(*promised))) if promised else ()

    @property
    def quantities(self) -> dict[str, Any]:
        """What all codecs keep of events or jets, by what it is and its tolerance."""
        kept = [
            {str(one): one for one in getattr(codec, "quantities_", ())} for codec in self.codecs
        ]
        first = kept[0] if kept else {}
        return {text: one for text, one in first.items() if all(text in each for each in kept)}

    def tolerance(self, feature: str) -> Tolerance | None:
        """The tolerance of all values of a feature, or None if none is known."""
        if not self.codec:
            return None
        tolerances = [] if self.codecs else [LOSSLESS]
        for codec in self.codecs:
            if not codec.tolerances_:
                return None
            by_name = {plain_name(name): value for name, value in codec.tolerances_.items()}
            tolerances.append(by_name.get(feature, LOSSLESS))  # other branches are kept unchanged
        comparable = len({(tolerance.kind, tolerance.floor) for tolerance in tolerances}) == 1
        return max(tolerances, key=lambda tolerance: tolerance.value) if comparable else None


@dataclass(frozen=True)
class Comparison:
    """An original file and files compressed from it.

    Attributes:
        original: the original jets.
        tree: path of the tree that was compared.
        collection: name of the collection.
        files: the compressed files, in the order given.
        observables: of the original; empty for flat jets, or if no event has two jets.
        bins: edges by feature, ascending, whose migrations are shown.
        weights: one per event, shape (events,), or one per jet if they are flat; None if all count
            alike.
    """

    original: JetFile
    tree: str
    collection: str
    files: tuple[DecodedFile, ...]
    observables: dict[str, Floats]
    bins: dict[str, tuple[float, ...]]
    weights: Floats | None

    @property
    def jet_weights(self) -> Floats | None:
        """The weight of each jet, that of its event; None if all count alike."""
        return spread_over(self.weights, self.original.jets.counts)

    @property
    def pair_weights(self) -> Floats | None:
        """The weight of each event with observables, which has two jets; None if all count alike."""
        counts = self.original.jets.counts
        if self.weights is None or counts is None:
            return None
        return self.weights[counts > 1]

    @property
    def features(self) -> list[str]:
        """The features that all files have."""
        names = list(self.original.jets.columns)
        return [name for name in names if all(name in file.residuals for file in self.files)]

    @property
    def momentum(self) -> list[str]:
        """Those that are coordinates of the momenta."""
        return [name for name in self.features if name in COORDINATES]

    def observable_residuals(self, file: DecodedFile, name: str) -> Residuals:
        """The residuals of an observable: relative for energies."""
        before, after = self.observables[name], file.observables[name]
        with np.errstate(divide="ignore", invalid="ignore"):
            values = after / before - 1 if OBSERVABLES[name].energy else after - before
        return Residuals(name, OBSERVABLES[name].energy, values, self.pair_weights)


def spread_over(weights: Floats | None, counts: Values | None) -> Floats | None:
    """The weights of events as those of their jets.

    Args:
        weights: shape (events,), or None.
        counts: jets of each event, shape (events,); None for flat jets, which have weights already.

    Example:
        >>> spread_over(np.array([0.5, 2.0]), np.array([1, 2])).tolist()
        [0.5, 2.0, 2.0]
    """
    return weights if weights is None or counts is None else np.repeat(weights, counts)
