"""The bounded codec: every value within a tolerance, coded with a learned density."""

from __future__ import annotations

from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from atlasae.codecs.base import Codec, Storage
from atlasae.codecs.block_stream import decode_each, encode_each
from atlasae.codecs.bounded.block_coder import BlockCoder
from atlasae.codecs.bounded.density_fitting import fit_density
from atlasae.codecs.bounded.quantized_table import corrections_of, fit_lattices
from atlasae.codecs.bounded.stored_density import (
    kept_order,
    read_density,
    require_coder,
    write_density,
)
from atlasae.codecs.bounded.training_split import split
from atlasae.codecs.common_hyperparameters import check_common_hyperparameters
from atlasae.codecs.model_card import BITS, ModelCard
from atlasae.coding.blocks import Block, join_blocks, split_blocks
from atlasae.coding.entropy import CODER
from atlasae.density.feature_layout import FeatureLayout, coding_order
from atlasae.density.jet_density import JetDensity
from atlasae.errors import InputError, located, require_choice
from atlasae.jets.names import four_vector
from atlasae.jets.table import Table, to_records
from atlasae.quantization.cuts import cuts_of, cuts_to_json, parse_cuts, require_cuts, rounded_edges
from atlasae.quantization.jet_order import descends
from atlasae.quantization.quantities import of_features, quantities, require_quantities, to_mapping
from atlasae.quantization.quantizer import FLOAT_DTYPES
from atlasae.quantization.tolerance import (
    LOSSLESS,
    check_spec,
    of_collection,
    restricted,
    spec_from_json,
    spec_to_json,
    tolerances,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import awkward as ak
    from typing_extensions import Self

    from atlasae.codecs.serialization import Tensors
    from atlasae.quantization.cuts import CutSpec
    from atlasae.quantization.quantities import KeepSpec
    from atlasae.quantization.quantizer import Quantizer
    from atlasae.quantization.tolerance import ToleranceSpec
    from atlasae.types import Features, Floats

ORDERS = ("preserved", "free")


class BoundedCodec(Codec):
    """Quantizes features within a tolerance and codes the integers with a learned density.

    For every finite value ``abs(decoded - original) <= tolerance``, in the dtype of the feature.
    NaN, infinities, and values that the quantizer cannot hold come back bit for bit. The density is
    a tree of questions for each feature, with a table at each leaf (``atlasae.density``); the
    coder is rANS (``atlasae.coding``).

    Args:
        tolerance: a number (relative for pt, m, E, absolute for angles), ``"default"``,
            ``"nanoaod"`` or ``"lossless"``, a string such as ``"pt=1e-3,eta=1e-4"``, or a mapping
            from feature to number, ``rel(...)`` or ``abs_(...)``; see
            ``atlasae.quantization.tolerance.tolerances``.
        order: ``preserved``, or ``free`` if the order of the events (of the jets, for jets without
            events) carries no information: each block is then decoded in another order, which
            saves log2(n!)/n bits for each of its n events. Requires a pt feature and an absolute
            tolerance on phi.
        dither: shift the lattice of each value by another share of a step, which the decoder knows:
            errors are uniform whatever the value is, so spectra have no comb. The bound is the
            same, but values that are equal can become unequal, other than pt in an event. By
            default, unless ``order="free"``, which excludes it.
        cuts: numbers of which each value stays on its side, below, at or above: a mapping from
            feature to edges, such as ``{"pt": [30, 50], "abs(eta)": [2.4]}``, or a string such as
            ``"pt>30, abs(eta)<2.4"``, or a ``pathlib.Path`` of a file of them; see
            ``atlasae.quantization.cuts.parse_cuts``. With the edges of the bins of a histogram, its
            contents stay the same.
        keep_order: for jets in events that are mostly sorted by pt: wherever a jet has at most the pt
            of the one before it, that stays so, and whether they are equal.
        keep: quantities of events or of single jets that are kept within tolerances of their own,
            such as ``{"m_jj": 2e-3, "max(pt) > 500": 0}`` or ``"m_jj: 2e-3, HT: 1e-3"``; see
            ``atlasae.quantization.quantities.quantities``.
        features: names of the columns to compress; by default (m, pt, phi, eta) under any of their
            usual names, else all columns.
        seed: random seed of the sample of jets that is fitted.

    Attributes:
        features_: the fitted columns, in the order in which they are decoded.
        dtypes_: their dtypes.
        tolerances_: the tolerance of each feature.
        cuts_: the edges of each feature that has any, ascending, as numbers of its dtype.
        order_kept_: the feature whose order in events is kept, pt; None if there is none.
        bits_: mean of ``surprise_by_feature`` on held-out jets: bits per jet by feature.

    Raises:
        InputError: the tolerance is none of these, or a number in it is negative or not finite;
            or dither is asked for with ``order="free"``.
            ``fit`` also refuses a relative tolerance of 0.5 or more.
        MissingNameError: it names a feature that is not among ``features``.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> jets = {"pt": rng.exponential(50, 500) + 20, "eta": rng.normal(0, 2, 500)}
        >>> codec = BoundedCodec(tolerance={"pt": 1e-3, "eta": 1e-4}).fit(jets)
        >>> decoded = codec.decode(codec.encode(jets))
        >>> bool(np.all(abs(decoded["eta"] - jets["eta"]) <= 1e-4))
        True
    """

    codec_id: ClassVar[str] = "bounded"

    def __init__(
        self,
        tolerance: ToleranceSpec = "default",
        order: str = "preserved",
        features: Sequence[str] | None = None,
        seed: int = 0,
        dither: bool | None = None,
        cuts: CutSpec | None = None,
        keep_order: bool = True,
        keep: KeepSpec = None,
    ) -> None:
        require_choice("order", order, ORDERS)
        for name, value in (("dither", dither is not None and dither), ("keep_order", keep_order)):
            if not isinstance(value, bool):
                raise InputError(f"{name}={value!r} must be True or False")
        edges = parse_cuts(cuts)
        if dither and order == "free":
            raise InputError(
                "dither=True shifts values by their row, which order='free' does not keep: choose"
                " order='preserved' or dither=False"
            )
        check_common_hyperparameters(features, seed)
        if features is None:
            check_spec(tolerance)
        else:
            tolerances(tolerance, tuple(features))
        self.tolerance = tolerance
        self.order = order
        self.features = None if features is None else tuple(features)
        self.seed = seed
        self.dither = dither
        self.cuts = edges if isinstance(cuts, PathLike) else cuts  # a file is read once
        self.keep_order = keep_order
        self.quantities_ = quantities(keep)
        self.keep = to_mapping(self.quantities_) or None
        self._coder: BlockCoder | None = None

    @property
    def is_fitted(self) -> bool:
        return self._coder is not None

    @property
    def storage(self) -> Storage:
        return "blocks"

    @property
    def reorders(self) -> bool:
        return self.order == "free"

    @property
    def dithers(self) -> bool:
        """Whether the lattices are dithered."""
        return not self.reorders if self.dither is None else self.dither

    @property
    def fits_each_collection(self) -> bool:
        return not self.is_fitted and self.features is None

    def loses_nothing(self, collection: str, names: Sequence[str]) -> bool:
        promised = tolerances(self._tolerance_of(collection, names), names).values()
        return not (self.is_fitted or self.reorders) and set(promised) == {LOSSLESS}

    def _tolerance_of(self, collection: str, names: Sequence[str]) -> ToleranceSpec:
        return restricted(of_collection(self.tolerance, collection, names), names)

    def for_collection(self, collection: str, names: Sequence[str]) -> Self:
        config = self.get_config()
        if self.features is None:
            if len(names) > len(four_vector(names) or names):
                config["features"] = list(names)
            config["tolerance"] = spec_to_json(self._tolerance_of(collection, names))
            config["cuts"] = cuts_to_json(cuts_of(self.cuts, collection, names))
        kept = of_features(self.quantities_, collection, self.features or names)
        config["keep"] = spec_to_json(kept) or None
        return self.from_config(config)

    def preserving_order(self) -> Self:
        if self.is_fitted or not self.reorders:
            return self
        return self.from_config({**self.get_config(), "order": "preserved"})

    def require_features(self, coded: Features, every: Features, branches: Collection[str]) -> None:
        if names := [name for of in every.values() for name in of]:
            restricted(self.tolerance, names, strict=True)
        require_cuts(self.cuts, every, branches)
        taken = coded if self.features is None else dict.fromkeys(coded, self.features)
        require_quantities(self.quantities_, taken, every, branches)

    def require_dtypes(self, dtypes: Mapping[str, str]) -> None:
        for name, quantizer in self.quantizers_.items():
            with located(f"feature {name!r}"):
                quantizer.require_dtype(dtypes[name])

    def select_features(self, jets: Any) -> Table:
        table = super().select_features(jets)
        tolerances(self.tolerance, list(table.columns))
        require_cuts(self.cuts, {"": list(table.columns)})
        for quantity in self.quantities_:
            quantity.require_in(table)
        return table

    def fit(self, jets: Any, *, uses: float = 10.0, progress: bool = False) -> Self:
        """Choose the quantizers and learn the density, from jets or a sample of them.

        Args:
            jets: in any form that ``atlasae.jets.table.to_table`` takes; if grouped by event, the
                density also learns what earlier jets of an event say of the next.
            uses: number of jets to be coded, divided by the number of jets given here. Bins and
                questions that would not earn back their size in the file are left out. With 1, the
                size of codec and coded jets together is smallest.
            progress: show a progress bar on the error stream.

        Raises:
            InputError: there are fewer than two jets, or a column does not hold numbers.
            MissingNameError: a requested feature is not among those of the jets.
        """
        table = self.select_features(jets)
        self._fingerprint = None
        self.features_ = tuple(table.columns)
        self.dtypes_ = tuple(column.dtype.name for column in table.columns.values())
        self._resolve()
        lattices = fit_lattices(table, self.tolerances_, dither=self.dithers)
        layout = FeatureLayout.of(lattices)
        self.order_kept_ = None
        if self.keep_order and layout.pt and descends(table.columns[layout.pt], table.counts):
            self.order_kept_ = layout.pt
        train, held_out = split(table, self.seed)
        uses *= len(table) / len(train)
        density = fit_density(train, layout, self.tolerances_, uses=uses, progress=progress)
        self._coder = self._coder_of(density)
        lengths = self._coder.code_lengths(held_out)
        self.bits_ = {name: round(float(bits.mean()), 2) for name, bits in lengths.items()}
        self.model_card_ = ModelCard.of(table, train, held_out, BITS, lengths, self.sources)
        return self

    def _resolve(self) -> None:
        """What the settings mean for the features."""
        self.tolerances_ = tolerances(self.tolerance, self.features_)
        dtypes = dict(zip(self.features_, self.dtypes_, strict=True))
        self.cuts_ = {
            name: rounded_edges(edges, dtypes[name]) if dtypes[name] in FLOAT_DTYPES else edges
            for name, edges in cuts_of(self.cuts, "", self.features_).items()
        }

    def _coder_of(self, density: JetDensity) -> BlockCoder:
        corrections = corrections_of(density.layout, self.tolerances_, self.cuts_, self.order_kept_)
        names, bounds = self.features_, self.tolerances_
        return BlockCoder(density, names, bounds, corrections, self.quantities_, self.reorders)

    @property
    def _fitted(self) -> BlockCoder:
        self.require_fitted()
        assert self._coder is not None
        return self._coder

    def encode(self, jets: Any, threads: int | None = None) -> bytes:
        """Code jets, and how many there are in each event, in blocks of about 131,072 jets.

        Args:
            jets: with at least the fitted features, flat or grouped by event.
            threads: how many code blocks at a time; by default one for each core. The bytes do not
                depend on it.

        Raises:
            NotFittedError: the codec is not fitted.
            MissingNameError: a feature is missing.
            InputError: a feature has another dtype than at fit, or an event has millions of jets.
        """
        return join_blocks(self.encode_blocks(jets, threads), self.fingerprint)

    def decode(self, encoded: bytes, threads: int | None = None) -> ak.Array:
        """Decode what ``encode`` gave.

        Args:
            encoded: the bytes.
            threads: how many decode blocks at a time; by default one for each core.

        Returns:
            Awkward records with the fitted features and dtypes, grouped by event as the jets were.

        Raises:
            NotFittedError: the codec is not fitted.
            DamagedFileError: the bytes are damaged, or another codec wrote them.
            VersionError: a newer version of atlasae wrote them.
        """
        blocks = split_blocks(encoded, self.fingerprint)
        return to_records(self.decode_blocks(blocks, threads=threads))

    def surprise_by_feature(self, jets: Any) -> dict[str, Floats]:
        """The code length of each jet by feature, in bits: -log2 of its probability.

        Their sum is what ``encode`` takes, but for the number of jets per event, checksums, and what
        cuts and kept quantities cost. The first jets of an event say something of its later ones,
        so jets without their events are compared with others without.
        """
        return self._fitted.code_lengths(self.select_fitted(jets))

    def encode_blocks(self, jets: Any, threads: int | None = None) -> Iterator[Block]:
        """The blocks of ``encode``; each is decoded and compared before it is given."""
        block = self._fitted.block
        return encode_each(self.select_fitted(jets), block, threads)

    def decode_blocks(
        self,
        blocks: Iterator[Block],
        features: Collection[str] | None = None,
        threads: int | None = None,
    ) -> Table:
        """Decode blocks, each of which is decodable alone, to one table.

        Features are decoded up to the last of ``features``: pt comes first, then mass, phi, eta,
        then the others.
        """
        return decode_each(blocks, partial(self._fitted.table, features=features), threads)

    def get_config(self) -> dict[str, Any]:
        own = {"tolerance": spec_to_json(self.tolerance), "cuts": cuts_to_json(self.cuts)}
        return super().get_config() | own | {"keep": self.keep and spec_to_json(self.keep)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        specs = {k: spec_from_json(v) for k, v in config.items() if k in ("tolerance", "keep")}
        return cls(**{**config, **specs})

    @property
    def quantizers_(self) -> dict[str, Quantizer]:
        """The quantizer of each feature, in the order of coding."""
        lattices = self._fitted.density.layout.lattices
        return {name: lattice.quantizer for name, lattice in lattices.items()}

    def _state(self) -> tuple[dict[str, Any], Tensors]:
        density = self._fitted.density
        state: dict[str, Any] = {
            "coder": CODER,
            "features": list(self.features_),
            "dtypes": list(self.dtypes_),
            "bits": list(self.bits_.values()),
            "order kept": self.order_kept_,
        }
        return state, {"model": np.frombuffer(write_density(density), np.uint8)}

    def _restore(self, state: dict[str, Any], tensors: Tensors) -> None:
        require_coder(state["coder"])
        self.features_ = tuple(state["features"])
        self.dtypes_ = tuple(state["dtypes"])
        self.order_kept_ = kept_order(state["order kept"], self.features_)
        self._resolve()
        names = coding_order(self.features_)
        self.bits_ = dict(zip(names, map(float, state["bits"]), strict=True))
        dtypes = dict(zip(self.features_, self.dtypes_, strict=True))
        data = tensors["model"].tobytes()
        density = read_density(data, dtypes, JetDensity, dither=self.dithers)
        self._coder = self._coder_of(density)
