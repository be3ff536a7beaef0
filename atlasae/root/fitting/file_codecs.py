"""Codecs of whole files: learned from a sample of many, saved, and found in a compressed file."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.atomic_write import atomic_write
from atlasae.codecs import Codec
from atlasae.codecs.bounded.codec import BoundedCodec
from atlasae.codecs.model_card import ModelCard
from atlasae.codecs.serialization import fingerprint, pack_plain, unpack
from atlasae.columns.renumbering import renumbered
from atlasae.columns.serialization import read_block_model, write_block_model
from atlasae.errors import DamagedFileError, InputError, MissingNameError, located
from atlasae.lossless.slots import dtypes_of, slots_of
from atlasae.root.container.container import read_container
from atlasae.root.container.restored_tree import open_trees
from atlasae.root.container.shared_codecs import MODEL_CARDS, ORIGIN
from atlasae.root.fitting.codec_fitting import collections_to_code, fit_collection, require_features
from atlasae.root.fitting.column_fitting import fit_columns
from atlasae.root.io.file import open_root
from atlasae.root.known_layouts import preferred_collection
from atlasae.root.planning.plan import Selection, TreePlan, plan_trees
from atlasae.root.planning.trial import leave_out_failing, may_be_of_a_branch
from atlasae.root.reading.paths import expand_paths
from atlasae.source_files import ROOT, file_kind, read_whole_file
from atlasae.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlasae.codecs.serialization import Tensors
    from atlasae.columns.block_model import BlockModel
    from atlasae.root.container.container import Container
    from atlasae.root.container.manifest import Manifest
    from atlasae.root.io.branch import BranchInfo
    from atlasae.root.io.file import Trees
    from atlasae.root.known_layouts import Collection
    from atlasae.root.reading.paths import Files
    from atlasae.types import PathLike

_logger = logging.getLogger(__name__)

# What is learned of a sample has to earn its bytes there: else it is too fine for other samples.
_USES = 1.0  # jets that are coded for each jet that codecs are fitted to
_COLUMN_USES = 2.0  # numbers of columns; more than one, so that numbers of other files have a place


@dataclass(frozen=True)
class LearnedTree:
    """What was learned of the trees of one path.

    Attributes:
        collections: the codec of each, by its name.
        columns: types of the branches whose columns have models, by name, in the order of the slots.
        model: bytes of the models.
    """

    collections: Mapping[str, Codec] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    model: bytes = b""

    def model_for(self, branches: Sequence[BranchInfo]) -> bytes:
        """The bytes of models for the columns of branches, found by name and type.

        They depend on nothing but these. Empty if there is no model for any of them.

        Raises:
            DamagedFileError: the models are damaged.
        """
        types = {branch.name: branch.type for branch in branches}
        if not self.model or list(types.items()) == list(self.columns.items()):
            return self.model
        own, other = _numbers(self.columns), _numbers(types)
        slots = {
            number: other_number
            for name in own.keys() & other.keys()
            if types[name] == self.columns[name]
            for number, other_number in zip(own[name], other[name], strict=True)
        }
        model = renumbered(self.block_model(), slots)
        return write_block_model(model) if model.by_slot else b""

    def block_model(self) -> BlockModel:
        """The models, by the numbers of the slots.

        Raises:
            DamagedFileError: the bytes are none, or those of other columns.
        """
        return read_block_model(self.model, dtypes_of(self.columns.values()))


def _numbers(types: Mapping[str, str]) -> dict[str, range]:
    """The numbers of the slots of each branch."""
    numbers, first = {}, 0
    for name, slots in zip(types, slots_of(types.values()), strict=True):
        numbers[name] = range(first, first + len(slots))
        first += len(slots)
    return numbers


@dataclass(frozen=True)
class FileCodecs:
    """Codecs of all collections of a kind of files, and models of all other columns.

    ``atlasae.compress`` with ``codec`` uses them for many files, and trains nothing. Each collection
    takes the codec that was made for it, each column the model that was.

    Attributes:
        trees: what was learned of each tree, by path.
        origin: which files they were learned from, and how, where ``compress_files`` did it.

    Example:
        >>> import atlasae, os, tempfile
        >>> from atlasae import Codec
        >>> codecs = FileCodecs.fit([atlasae.sample()], codec=Codec.bounded(tolerance=1e-2))
        >>> codecs
        <FileCodecs: tree 'Events': codecs of Jet and models of 4 columns>
        >>> path = os.path.join(tempfile.mkdtemp(), "codecs.safetensors")
        >>> codecs.save(path)
        >>> FileCodecs.load(path)
        <FileCodecs: tree 'Events': codecs of Jet and models of 4 columns>
    """

    trees: Mapping[str, LearnedTree]
    origin: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        trees = [f"tree {path!r}: {_summary(tree)}" for path, tree in self.trees.items()]
        return f"<FileCodecs: {'; '.join(trees)}>"

    @property
    def reorders(self) -> bool:
        """Whether a codec changes the order of the entries."""
        return any(c.reorders for tree in self.trees.values() for c in tree.collections.values())

    @property
    def fingerprint(self) -> bytes:
        """What identifies them, saved and loaded or not."""
        return fingerprint(*self._stored())

    def codec(self, collection: str | None = None) -> Codec:
        """The codec of a collection; by default of ``Jet``, else of the first by name.

        Raises:
            MissingNameError: there is none; the message names the nearest.
        """
        codecs: dict[str, Codec] = {}
        for tree in self.trees.values():
            codecs = {**tree.collections, **codecs}
        name = collection or preferred_collection(codecs or ["Jet"])
        if name not in codecs:
            raise MissingNameError.of("codec of collection", name, "these codecs", codecs)
        return codecs[name]

    @classmethod
    def fit(
        cls,
        sources: Files,
        *,
        codec: Codec | None = None,
        select: Selection | None = None,
        progress: bool = False,
    ) -> FileCodecs:
        """Learn from a sample of the entries of many files.

        Branches that cannot be read are not learned, and named by a warning.

        Args:
            sources: ROOT files of one kind, compressed or not: a list, a pattern such as
                ``data/*.root``, or a directory. Each gives the same number of entries, or all it has.
            codec: unfitted, a copy of which is fitted to the momenta of each collection; by default
                ``Codec.bounded()``. All else is learned without loss.
            select: which trees, collections and branches to learn; by default all.
            progress: show progress bars on the error stream.

        Raises:
            MissingFileError, FileError, DamagedFileError: a file is missing or cannot be read.
            MissingNameError: there is no such tree, collection, branch or feature.
            InputError: an object in a file is named, there is nothing to learn, or the codec is
                fitted, or one for a single collection.
        """
        template = BoundedCodec() if codec is None else codec
        require_learnable(template)
        files: dict[PathLike, Trees] = {}
        with ExitStack() as opened:
            for source in expand_paths(sources):
                file = opened.enter_context(open_root(source))
                with located(os.fspath(source)):
                    files[source] = open_trees(file)
            while True:  # until no branch makes it fail
                plans = _plans(files, select or Selection())
                require_features(list(chain(*plans.values())), template)
                try:
                    learned = {p: _learn_tree(of, template, progress) for p, of in plans.items()}
                    break
                except Exception as error:  # uproot raises anything
                    tried = list(chain(*plans.values()))
                    may_go_on = may_be_of_a_branch(error)
                    if not (
                        may_go_on and leave_out_failing(tried, _learn_alone, progress=progress)
                    ):
                        raise
        trees_learned = {path: t for path, t in learned.items() if t.collections or t.model}
        if not trees_learned:
            raise InputError("there is nothing to learn: give ROOT files whose trees have entries")
        return cls(trees_learned)

    def save(self, path: PathLike, *, force: bool = True) -> None:
        """Write them to a file that ``load`` reads: plain safetensors.

        Raises:
            TargetExistsError: the file exists and ``force`` is false.
        """
        header, tensors = self._stored()
        if self.origin:
            header[ORIGIN] = dict(self.origin)
        header[MODEL_CARDS] = [
            [path, name, codec.model_card_.to_json()]
            for path, tree in self.trees.items()
            for name, codec in tree.collections.items()
            if codec.model_card_
        ]
        with atomic_write(path, force=force) as unfinished:
            unfinished.write_bytes(pack_plain(header, tensors))

    def _stored(self) -> tuple[dict[str, Any], Tensors]:
        """The header, and the bytes of each codec and of the models of each tree."""
        trees, tensors = [], {}
        for number, (path, tree) in enumerate(self.trees.items()):
            columns = list(map(list, tree.columns.items()))
            trees.append({"path": path, "collections": list(tree.collections), "columns": columns})
            stored = [codec.to_bytes() for codec in tree.collections.values()]
            for name, data in enumerate([tree.model, *stored]):
                tensors[f"{number}.{name}"] = np.frombuffer(data, np.uint8)
        return {"trees": trees}, tensors

    @classmethod
    def load(cls, path: PathLike) -> FileCodecs:
        """Read what ``save`` wrote, or what a compressed ROOT file holds.

        Raises:
            MissingFileError, FileError: there is no such file, or it cannot be read.
            DamagedFileError: it holds no codecs of whole files.
            VersionError: another version of atlasae wrote it, in a form this one cannot read.
            InputError: the ROOT file was not compressed by atlasae.
        """
        if file_kind(path) is ROOT:
            return _of_compressed(path)
        with located(os.fspath(path)):
            return cls._restored(*unpack(read_whole_file(path, "file of codecs")))

    @classmethod
    def _restored(cls, header: Mapping[str, Any], tensors: Tensors) -> FileCodecs:
        """The inverse of ``_stored``, from untrusted values."""
        trees = {}
        try:
            for number, stored in enumerate(header["trees"]):
                names, columns = stored["collections"], dict(stored["columns"])
                model, *codecs = (
                    tensors[f"{number}.{name}"].tobytes() for name in range(len(names) + 1)
                )
                codecs_by_name = zip(names, map(Codec.from_bytes, codecs), strict=True)
                tree = LearnedTree(dict(codecs_by_name), columns, model)
                if model:
                    tree.block_model()  # raises if it is not of these columns
                trees[str(stored["path"])] = tree
            origin = dict(header.get(ORIGIN, {}))
            for path, name, card in header.get(MODEL_CARDS, []):
                trees[path].collections[name].model_card_ = ModelCard.from_json(card)
        except (LookupError, TypeError, ValueError, AttributeError, InputError) as error:
            raise DamagedFileError(f"these are no codecs of whole files ({error!r})") from error
        return cls(trees, origin)


def require_learnable(template: Codec) -> None:
    """Raise InputError if no codecs of whole files are fitted with copies of this one."""
    if not template.fits_each_collection or template.reorders:
        raise InputError(
            f"{template.call} is not learned from many files: fit it to one (atlasae fit or train),"
            " and give the file of the codec with --codec (codec=...)"
        )


def _summary(tree: LearnedTree) -> str:
    codecs = [f"codecs of {', '.join(tree.collections)}"] if tree.collections else []
    columns = [f"models of {len(tree.columns):,} columns"] if tree.columns else []
    return " and ".join([*codecs, *columns])


def _plans(files: Mapping[PathLike, Trees], select: Selection) -> dict[str, list[TreePlan]]:
    """What to learn of the trees that have entries, by path."""
    plans: dict[str, list[TreePlan]] = {}
    for source, trees in files.items():
        with located(os.fspath(source)):
            for plan in plan_trees(trees, select, pack="all", to="same"):
                if plan.source.num_entries:
                    plans.setdefault(plan.source.path, []).append(plan)
    return plans


def _learn_alone(plan: TreePlan) -> None:
    """Learn the branches of a tree that no codec takes, to see whether they can be read."""
    fit_columns([plan.source], plan.branches, _COLUMN_USES)


def _learn_tree(plans: Sequence[TreePlan], template: Codec, progress: bool) -> LearnedTree:
    """Learn from trees of one path."""
    codecs, coded = {}, set()
    found = [(plan, c) for plan in plans for c in collections_to_code(plan, template)]
    for name in dict.fromkeys(collection.name for _, collection in found):
        having = [(plan, collection) for plan, collection in found if collection.name == name]
        _, first = having[0]
        alike = [plan for plan, c in having if _types(c) == _types(first)]
        codec = fit_collection(alike, first, template, _USES, progress=progress)
        if codec is not None:
            codecs[name] = codec
            coded |= {branch.name for branch in first.choose(codec.features_).values()}
    columns = _shared([plan.branches_to_pack(coded) for plan in plans])
    model = fit_columns([p.source for p in plans], columns, _COLUMN_USES) if columns else b""
    for plan in plans:
        if plan.unwritable:
            listed = "; ".join(f"{name}: {why}" for name, why in plan.unwritable.items())
            _logger.warning("not learned of %s: %s", plan.source.where, printable(listed))
    return LearnedTree(codecs, {b.name: b.type for b in columns} if model else {}, model)


def _types(collection: Collection) -> dict[str, str]:
    branches = (collection.vector | collection.others).values()
    return {branch.name: branch.type for branch in branches}


def _shared(trees: Sequence[Sequence[BranchInfo]]) -> list[BranchInfo]:
    """The branches that all trees have, with one type; the others are named to the user."""
    others = [{(branch.name, branch.type) for branch in branches} for branches in trees[1:]]
    shared = [b for b in trees[0] if all((b.name, b.type) in known for known in others)]
    names = {branch.name for branches in trees for branch in branches}
    if lost := sorted(names - {branch.name for branch in shared}):
        listed = printable(", ".join(lost[:5]) + (", ..." if len(lost) > 5 else ""))
        _logger.warning(
            "not learned, as not all files have them: %d branches, %s", len(lost), listed
        )
    return shared


def _of_compressed(path: PathLike) -> FileCodecs:
    """The codecs and models in a compressed file; those of its first entries, if it was merged."""
    with open_root(path) as file, located(os.fspath(path)):
        container = read_container(file)
        return FileCodecs(
            {
                tree: _of_segment(container, segments[0].manifest)
                for tree, segments in container.segments.items()
            }
        )


def _of_segment(container: Container, manifest: Manifest) -> LearnedTree:
    codecs: dict[str, Codec] = {}
    columns: dict[str, str] = {}
    model = b""
    types = {branch.name: branch.type for branch in manifest.branches}
    for part in manifest.parts:
        if part.latents:  # of a codec that is stored without its encoder
            continue
        if part.codec:
            codecs[part.name] = container.codec(part)
        elif part.model:
            columns = {name: types[name] for name in part.features.values()}
            model = container.models[part.model]
    return LearnedTree(codecs, columns, model)
