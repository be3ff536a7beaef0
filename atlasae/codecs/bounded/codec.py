"""The bounded codec: every value within a tolerance, coded with a learned density."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from atlasae.codecs.base import Codec, check_common
from atlasae.codecs.bounded.payload import LARGEST_BLOCK, PayloadCoder
from atlasae.coding.blocks import BLOCK_JETS, Block, join_blocks, split_blocks
from atlasae.coding.entropy import CODER, EntropyDecoder, EntropyEncoder
from atlasae.density.feature_layout import FeatureLayout
from atlasae.density.serialization import read_jet_density, write_jet_density
from atlasae.errors import DamagedFileError, InputError, require_choice
from atlasae.jets.names import role
from atlasae.jets.table import Table, joined, to_records, to_table
from atlasae.quantization.exceptions import quantize, restore_exceptions
from atlasae.quantization.fitting import fit_quantizer
from atlasae.quantization.quantized import FINE_BITS, QuantizedJets, coarse_quantizer, phi_origin
from atlasae.quantization.quantizers import bit_patterns
from atlasae.quantization.serialization import read_quantizers, write_quantizers
from atlasae.quantization.tolerance import Tolerance, check_spec, tolerances

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    import awkward as ak
    from numpy.typing import NDArray
    from typing_extensions import Self

    from atlasae.density.jet_density import JetDensity
    from atlasae.quantization.tolerance import Spec
    from atlasae.types import Integers


TRAINING_JETS = 100_000  # more teach a network this small nothing
ORDERS = ("preserved", "free")
_ORDER = ("pt", "m", "e", "phi", "eta")  # of coding: each helps to predict those after it
_TRAINABLE = 1000  # jets from which a network is tried
_APART = 1000  # events, or jets without, that are measured on and not trained on


class BoundedCodec(Codec):
    """Quantises features within a tolerance and codes the integers with a learned density.

    For every finite value ``abs(decoded - original) <= tolerance``, in the feature's own dtype;
    what the quantiser cannot hold, NaN and infinities among it, comes back bit for bit. Source of
    the pipeline: MADE, Germain et al., arXiv:1502.03509, on integers as in Balle et al., ICLR 2019.

    Args:
        tolerance: a number (relative for pt, m, E, absolute for angles), ``"default"``,
            ``"nanoaod"`` or ``"lossless"``, a string such as ``"pt=1e-3,eta=1e-4"``, or a mapping
            from feature to number, ``rel(...)`` or ``abs_(...)``; see
            ``atlasae.quantization.tolerance.tolerances``.
        order: ``preserved``, or ``free`` where the order of the jets, or of the events they stand
            in, means nothing: each block then comes back in another order, for log2(n!)/n bits
            less for each of its n jets or events. It needs a pt and an absolute tolerance on phi.
        features: names of the columns to compress; by default (m, pt, phi, eta) by whatever names
            the jets call them, else all columns.
        seed: of the training.

    Attributes:
        features_: the names compressed, in the order in which decoding gives them.
        dtypes_: their dtypes.
        tolerances_: of each.
        lattices_: the quantisers.
        bits_: cross-entropy reached on jets kept apart, bits a jet by feature.

    Raises:
        InputError: the tolerance is none of these, or a number in it is out of range.
        MissingNameError: it names a feature that is not among ``features``.
    """

    codec_id: ClassVar[str] = "bounded"

    def __init__(
        self,
        tolerance: Spec = "default",
        order: str = "preserved",
        features: Sequence[str] | None = None,
        seed: int = 0,
    ) -> None:
        require_choice("order", order, ORDERS)
        check_common(features, seed)
        if features is None:
            check_spec(tolerance)
        else:
            tolerances(tolerance, tuple(features))
        self.tolerance = tolerance
        self.order = order
        self.features = None if features is None else tuple(features)
        self.seed = seed
        self._model: JetDensity | None = None
        self._phi_origin = 0  # of its lattice, at 0, pi or -pi

    @property
    def is_fitted(self) -> bool:
        return self._model is not None

    @property
    def gives_blocks(self) -> bool:
        return True

    @property
    def reorders(self) -> bool:
        return self.order == "free"

    def fit(self, jets: Any, *, uses: float = 10.0, progress: bool = False) -> Self:
        """Choose the quantisers and learn the density, from jets or a sample of them.

        Args:
            jets: in any form that ``atlasae.jets.table.to_table`` takes; with events, what earlier
                jets of an event tell of the next is learned too.
            uses: how many times as many jets will be coded with it; bins and networks that would
                not earn back the bytes they take in a file are left out. With 1, codec and coded
                jets together are smallest.
            progress: show a progress bar on the error stream.

        Raises:
            InputError: there are no jets, or a column is not of numbers.
            MissingNameError: a feature asked for is not among the jets'.
        """
        from atlasae.density.jet_density_fitting import fit_jet_density
        from atlasae.progress import progress_bar

        table = self.chosen(jets)
        names = tuple(table.columns)
        if len(table) < 2:
            raise InputError(f"{len(table)} jets are too few to train on")
        self.features_ = names
        self.dtypes_ = tuple(column.dtype.name for column in table.columns.values())
        self.tolerances_ = tolerances(self.tolerance, names)
        self.lattices_ = {
            name: fit_quantizer(table.columns[name], self.tolerances_[name])
            for name in _in_order(names)
        }
        self._phi_origin = 0
        if (circle := self._layout().circle) and (phi := self._layout().phi):
            self._phi_origin = phi_origin(
                self.lattices_[phi].to_integers(table.columns[phi]), circle
            )
        sample, held_out = self._split(table)
        train = self._quantise(sample)
        with progress_bar("densities", shown=progress) as bar:
            task = bar.add_task("training", total=3 * len(names) + 1)
            self._model = fit_jet_density(
                self._layout(),
                train.integers,
                train.counts,
                networks=len(sample) >= _TRAINABLE,
                uses=uses * len(table) / len(sample),
                seed=self.seed,
                progress=lambda group, feature: bar.update(
                    task, advance=1, description=f"training: {group} jet, {feature}"
                ),
            )
        apart = self._quantise(held_out)
        total = self._model.bits(apart.integers, apart.counts)
        self.bits_ = {name: round(bits / len(held_out), 2) for name, bits in total.items()}
        return self

    def encode(self, jets: Any) -> bytes:
        """Code jets, numbers of jets an event included, in blocks of about 131,072 jets.

        Raises:
            NotFittedError: the codec is not trained.
            MissingNameError: a feature is missing.
            InputError: a feature has another dtype than at fit, or an event has millions of jets.
        """
        return join_blocks(self.encode_blocks(jets))

    def decode(self, encoded: bytes) -> ak.Array:
        """Bring jets back.

        Args:
            encoded: what ``encode`` gave.

        Returns:
            Awkward records with the features and dtypes fitted, jagged where the jets were.

        Raises:
            NotFittedError: the codec is not trained.
            DamagedFileError: the bytes are damaged, or not those of this codec.
        """
        return self.decode_blocks(split_blocks(encoded))

    def encode_blocks(self, jets: Any) -> Iterator[Block]:
        """The blocks of ``encode``, each decoded again and compared before it is given."""
        self.require_fitted()
        table = to_table(jets).select(self.features_)
        for start, stop in pairwise(_edges(table)):
            part = table.span(start, stop)
            if len(part) > LARGEST_BLOCK:
                raise InputError(f"an event of {len(part)} jets is larger than a block can be")
            quantised = self._quantise(part)
            if (free := self._free_order(quantised)) is not None:
                quantised = self._quantise(part.events(free))
            yield self._payloads.block(quantised, None if free is None else start + free)

    def decode_blocks(
        self, blocks: Iterator[Block], features: Collection[str] | None = None
    ) -> ak.Array:
        """The jets of blocks, one after another; each block is decodable alone.

        Features are decoded up to the last of ``features``: pt comes first, then mass, phi, eta,
        then the others.
        """
        self.require_fitted()
        decoded = [self._restored(self._payloads.read(block, features)) for block in blocks]
        if not decoded:
            raise DamagedFileError("a stream of coded jets without a block")
        if len({table.counts is None for table in decoded}) > 1:
            raise DamagedFileError("blocks with events stand among blocks without")
        return to_records(joined(decoded))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        spec = self.tolerance
        if isinstance(spec, Tolerance):
            config["tolerance"] = {"": spec.to_json()}
        elif not isinstance(spec, (int, float, str)):
            config["tolerance"] = {
                name: value.to_json() if isinstance(value, Tolerance) else value
                for name, value in spec.items()
            }
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        spec = config.get("tolerance")
        if isinstance(spec, dict):
            given = {
                name: Tolerance.from_json(value) if isinstance(value, dict) else value
                for name, value in spec.items()
            }
            config = {**config, "tolerance": given.get("", given)}
        return cls(**config)

    def _layout(self) -> FeatureLayout:
        return FeatureLayout.of(
            {name: coarse_quantizer(lattice)[0] for name, lattice in self.lattices_.items()}
        )

    def _split(self, table: Table) -> tuple[Table, Table]:
        """Events to train on and events to measure on, at most about TRAINING_JETS in sum."""
        number = len(table) if table.counts is None else len(table.counts)
        order = np.random.default_rng(self.seed).permutation(number)
        if table.counts is not None:
            reach = np.searchsorted(np.cumsum(table.counts[order]), TRAINING_JETS) + 1
            order = order[: int(reach)]
        order = order[:TRAINING_JETS]
        cut = min(max(1, len(order) // 40), _APART)
        train, apart = table.events(order[cut:]), table.events(order[:cut])
        if min(len(train), len(apart)) == 0:  # all jets stand in one event
            train = apart = table.events(order)
        return train, apart

    def _quantise(self, table: Table) -> QuantizedJets:
        """Integers, the low bits of the widest, and what no lattice holds."""
        layout = self._layout()
        integers, fine, odd = {}, {}, {}
        for name, lattice in self.lattices_.items():
            values = table.columns[name]
            whole, positions = quantize(lattice, values, self.tolerances_[name])
            if name == layout.phi and layout.circle:
                whole -= self._phi_origin
                beyond = np.flatnonzero(np.abs(whole) > layout.circle // 2)
                positions = np.union1d(positions, beyond)
                whole[beyond] = 0
            _, bits = coarse_quantizer(lattice)
            integers[name] = whole >> bits
            if bits:
                fine[name] = whole & ((1 << bits) - 1)
            if len(positions):
                odd[name] = positions, bit_patterns(lattice.check_dtype(values)[positions])
        counts = None if table.counts is None else table.counts.astype(np.int64)
        return QuantizedJets(integers, fine, odd, counts)

    def _free_order(self, quantised: QuantizedJets) -> Integers | None:
        """The order to bring a block's events into; None where theirs is kept."""
        assert self._model is not None
        if self.order == "preserved":
            return None
        found = self._model.free_order(quantised.integers, quantised.counts)
        if found is None:
            raise InputError(
                "the order cannot be left free: that takes a pt, an absolute tolerance on phi,"
                " and for jets in events a codec trained on jets in events"
            )
        return found

    @property
    def _payloads(self) -> PayloadCoder:
        assert self._model is not None
        return PayloadCoder(self._model, self._layout(), self.lattices_, free=self.order == "free")

    def _restored(self, quantised: QuantizedJets) -> Table:
        columns, phi = {}, self._layout().phi
        for name, coarse_part in quantised.integers.items():
            lattice, whole = self.lattices_[name], coarse_part
            if name in quantised.fine:
                whole = (whole << FINE_BITS) | quantised.fine[name]
            if name == phi:
                whole = whole + self._phi_origin
            values = lattice.to_values(whole)
            if name in quantised.odd:
                values = restore_exceptions(values, *quantised.odd[name])
            columns[name] = values
        found = {name: columns[name] for name in self.features_ if name in columns}
        return Table(found, quantised.counts)

    def _state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        assert self._model is not None
        state: dict[str, Any] = {
            "coder": CODER,
            "features": list(self.features_),
            "dtypes": list(self.dtypes_),
            "bits": list(self.bits_.values()),
        }
        if self._phi_origin:
            state["phi_origin"] = self._phi_origin
        writer = EntropyEncoder()
        write_quantizers(writer, list(self.lattices_.values()))
        write_jet_density(writer, self._model)
        return state, {"model": np.frombuffer(writer.to_bytes(), np.uint8)}

    def _restore(self, state: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> None:
        if state["coder"] != CODER:
            raise InputError(f"coded with {state['coder']}, this atlasae has {CODER}")
        self.features_ = tuple(state["features"])
        self.dtypes_ = tuple(state["dtypes"])
        self.tolerances_ = tolerances(self.tolerance, self.features_)
        names = _in_order(self.features_)
        self._phi_origin = int(state.get("phi_origin", 0))
        self.bits_ = dict(zip(names, state["bits"], strict=True))
        dtypes = dict(zip(self.features_, self.dtypes_, strict=True))
        reader = EntropyDecoder(tensors["model"].tobytes())
        lattices = read_quantizers(reader, [dtypes[name] for name in names])
        self.lattices_ = dict(zip(names, lattices, strict=True))
        self._model = read_jet_density(reader, self._layout())


def _in_order(names: Sequence[str]) -> list[str]:
    """The features in the order of coding: the 4-vector, then the others as they come."""
    return sorted(names, key=lambda name: _ORDER.index(what) if (what := role(name)) else 9)


def _edges(table: Table) -> list[int]:
    """Where blocks of about BLOCK_JETS jets start and end, whole events each; at least one."""
    if table.counts is None:
        return [*range(0, max(len(table), 1), BLOCK_JETS), len(table)]
    edges, ends = [0], np.cumsum(table.counts)
    while edges[-1] < len(ends) or len(edges) == 1:
        before = ends[edges[-1] - 1] if edges[-1] else 0
        reach = int(np.searchsorted(ends, before + BLOCK_JETS, side="right"))
        edges.append(min(max(reach, edges[-1] + 1), edges[-1] + 4 * BLOCK_JETS, len(ends)))
    return edges
