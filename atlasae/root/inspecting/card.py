"""The card of a compressed file: what was promised, and what was measured when it was written."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from atlasae.errors import DamagedFileError, located
from atlasae.fidelity.measured import Errors, KeptQuantity, Pairs, Shift, merged
from atlasae.root.container.container import read_container
from atlasae.root.io.file import open_root

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atlasae.codecs.base import Codec
    from atlasae.fidelity.measured import Measured
    from atlasae.quantization.tolerance import Tolerance
    from atlasae.root.container.manifest import Manifest, Part
    from atlasae.types import PathLike


@dataclass(frozen=True)
class Cut:
    """An edge that no value was to pass.

    Attributes:
        edge: in the unit of the branch.
        migrations: number of values that were below, at, or above it, and are elsewhere now.
    """

    edge: float
    migrations: int


@dataclass(frozen=True)
class FeatureCard:
    """What was promised and measured of the values of a branch.

    Attributes:
        feature: the name that the codec knows.
        branch: the name in the tree.
        tolerance: the largest error allowed; None if the codec promises none.
        errors: what was measured; None if nothing was.
        cuts: the edges that were to be kept.
    """

    feature: str
    branch: str
    tolerance: Tolerance | None
    errors: Errors | None
    cuts: tuple[Cut, ...] = ()


@dataclass(frozen=True)
class CollectionCard:
    """What was promised and measured of a collection that a codec has compressed.

    Attributes:
        tree: path of the tree.
        collection: its name; empty for a tree of jets.
        codec: the call that makes the codec.
        codec_digest: SHA-256 of the stored codec.
        jets: number of jets.
        features: what was measured by feature.
        keeps_order: whether neighbors were to keep their order in pt, and to stay equal or
            different.
        neighbors: jets of an event that follow one another with a pt that does not rise; None
            if nothing was measured of them.
        leading: the two jets with the largest pt of each event; None if nothing was measured of
            them.
        observables: changes by the names in ``atlasae.jets.observables.OBSERVABLES``.
        quantities: what became of those that were to be kept, as they were asked for.
        exact_events: number of entries with values that are exact so that these are kept.
        exact_bytes: that these values take.
    """

    tree: str
    collection: str
    codec: str
    codec_digest: str
    jets: int
    features: tuple[FeatureCard, ...]
    keeps_order: bool
    neighbors: Pairs | None
    leading: Pairs | None
    observables: dict[str, Shift]
    quantities: dict[str, KeptQuantity]
    exact_events: int
    exact_bytes: int

    @property
    def broken(self) -> tuple[str, ...]:
        """The promises that were not kept, in words."""
        return tuple(self._broken())

    def _broken(self) -> Iterator[str]:
        for feature in self.features:
            if feature.tolerance and feature.errors and feature.errors.beyond:
                yield f"{feature.branch}: values beyond the tolerance: {feature.errors.beyond:,}"
            for cut in feature.cuts:
                if cut.migrations:
                    yield f"{feature.branch}: values that passed {cut.edge:g}: {cut.migrations:,}"
        for quantity, found in self.quantities.items():
            if found.beyond:
                yield f"{quantity}: values beyond the tolerance: {found.beyond:,}"
        if self.keeps_order and self.neighbors and (changed := self.neighbors.changed):
            yield f"{self.collection or 'jets'}: neighbors whose order changed: {changed:,}"


@dataclass(frozen=True)
class StoredBranches:
    """Branches of a tree that no codec has changed.

    Attributes:
        tree: path of the tree.
        packed: number of those packed without loss. Each block was unpacked and compared bit for
            bit before it was written.
        kept: number of those stored as they were, with a checksum of their values.
    """

    tree: str
    packed: int
    kept: int


@dataclass(frozen=True)
class Source:
    """A file that was compressed.

    Attributes:
        name: of the file.
        bytes: its size.
        digest: SHA-256 of its size and of sixteen windows of 64 kB spread over it.
    """

    name: str
    bytes: int
    digest: str


@dataclass(frozen=True)
class Card:
    """What was promised of a compressed file, and what was measured when it was written.

    Attributes:
        path: of the file.
        versions: of atlasae, that wrote it and what was merged into it.
        sources: the files that it was compressed from.
        collections: what codecs have compressed.
        others: all other branches.
        left_out: path or ``path:branch`` to why it is not in the file.
    """

    path: str
    versions: tuple[str, ...]
    sources: tuple[Source, ...]
    collections: tuple[CollectionCard, ...]
    others: tuple[StoredBranches, ...]
    left_out: dict[str, str]

    @property
    def broken(self) -> tuple[str, ...]:
        """The promises that were not kept, in words; empty for all files that atlasae wrote."""
        return tuple(line for one in self.collections for line in one.broken)

    def to_json(self) -> dict[str, Any]:
        """All of it, JSON-ready; ``docs/card.schema.json`` describes it."""
        values = asdict(self)
        for stored, one in zip(values["collections"], self.collections, strict=True):
            for row, feature in zip(stored["features"], one.features, strict=True):
                if feature.errors is not None:
                    row["errors"]["mean_error"] = feature.errors.mean_error
            for name, shift in one.observables.items():
                stored["observables"][name]["mean_error"] = shift.mean_error
        values["broken"] = self.broken
        ready: dict[str, Any] = json.loads(json.dumps(values))  # lists, not tuples
        return ready


def card(path: PathLike) -> Card:
    """What was promised of a compressed file, and what was measured when it was written.

    It is read from the file; ``atlasae.check(original, path, card=True)`` measures again. Nothing
    is measured of latents, of which nothing is promised.

    Raises:
        MissingFileError, DamagedFileError: the file is missing or cannot be read.
        InputError: it was not compressed by atlasae.

    Example:
        >>> import atlasae, os, tempfile
        >>> source, path = atlasae.sample(), os.path.join(tempfile.mkdtemp(), "small.root")
        >>> codec = atlasae.Codec.bounded(tolerance=1e-3)
        >>> codec = codec.fit(atlasae.read_jets(source, entry_stop=300))
        >>> contents = atlasae.compress(source, path, codec=codec)
        >>> pt = card(path).collections[0].features[1]
        >>> pt.branch, pt.tolerance, pt.errors.share <= 1, pt.errors.beyond
        ('Jet_pt', rel(0.001), True, 0)
    """
    with open_root(path) as file, located(os.fspath(path)):
        container = read_container(file)
        collections: dict[tuple[str, str, str], CollectionCard] = {}
        parts: dict[tuple[str, str, str], list[Part]] = {}
        for manifest in container.manifests:
            for part in manifest.parts:
                if part.codec:
                    parts.setdefault((manifest.tree, part.name, part.codec), []).append(part)
        for key, of_collection in parts.items():
            codec = container.codec(of_collection[0])
            collections[key] = _collection_card(key[0], of_collection, codec)
        manifests = container.manifests
        return Card(
            os.fspath(path),
            tuple(dict.fromkeys(manifest.version for manifest in manifests)),
            tuple(dict.fromkeys(_source(manifest) for manifest in manifests)),
            tuple(collections.values()),
            tuple(_stored_branches(of_tree[0].manifest) for of_tree in container.segments.values()),
            {k: v for manifest in manifests for k, v in manifest.left_out.items()},
        )


def _collection_card(tree: str, parts: Sequence[Part], codec: Codec) -> CollectionCard:
    """The card of parts that follow one another."""
    first = parts[0]
    measured = [part.measured for part in parts if part.measured is not None]
    for one in measured:
        _require_all(one, codec, first.name)
    found = merged(measured)
    return CollectionCard(
        tree,
        first.name,
        codec.call,
        first.codec,
        sum(part.jets for part in parts),
        tuple(_feature_card(name, branch, codec, found) for name, branch in first.features.items()),
        codec.order_kept_ is not None,
        found.neighbors,
        found.leading,
        dict(found.observables),
        dict(found.quantities),
        sum(part.exact_events for part in parts),
        sum(part.exact_bytes for part in parts),
    )


def _require_all(found: Measured, codec: Codec, name: str) -> None:
    """Raise DamagedFileError unless something was measured of each feature and each cut."""
    cuts = {feature: len(edges) for feature, edges in codec.cuts_.items()}
    counts = {feature: len(counts) for feature, counts in found.migrations.items()}
    if set(found.errors) != set(codec.features_) or counts != cuts:
        raise DamagedFileError(f"the card of {name!r} has other features or cuts than its codec")


def _feature_card(feature: str, branch: str, codec: Codec, found: Measured) -> FeatureCard:
    cuts = zip(codec.cuts_.get(feature, ()), found.migrations.get(feature, ()), strict=False)
    return FeatureCard(
        feature,
        branch,
        codec.tolerances_.get(feature),
        found.errors.get(feature),
        tuple(Cut(float(edge), migrations) for edge, migrations in cuts),
    )


def _source(manifest: Manifest) -> Source:
    return Source(manifest.source, manifest.source_bytes, manifest.source_digest)


def _stored_branches(manifest: Manifest) -> StoredBranches:
    packed = sum(len(part.features) for part in manifest.parts if not part.codec)
    return StoredBranches(manifest.tree, packed, len(manifest.kept))
