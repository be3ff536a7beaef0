"""What trees are compressed with where codecs are given: each collection takes its own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from atlasae.columns.serialization import read_block_model
from atlasae.errors import InputError, MissingNameError, located
from atlasae.jets.table import to_table
from atlasae.lossless.columns import pack
from atlasae.lossless.slots import dtypes_of
from atlasae.root.fitting.codec_fitting import CodedCollection, TreeCodecs, fit_codecs
from atlasae.root.fitting.entry_sample import read_sample
from atlasae.root.fitting.file_codecs import FileCodecs, LearnedTree
from atlasae.root.known_layouts import Collection, preferred_collection
from atlasae.text import printable

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from atlasae.codecs.base import Codec
    from atlasae.root.io.branch import BranchInfo
    from atlasae.root.planning.plan import TreePlan

_logger = logging.getLogger(__name__)

_COMPARED = 4000  # entries on which given codecs are compared with fitted ones
_MORE = 0.05  # of the bytes, which is said
_COMPARED_COLUMNS = 1000  # and models of columns with columns alone
_FEWEST_COMPARED = 100  # jets of such a sample
_LISTED = 10  # names in a note


def codecs_for(
    plans: Sequence[TreePlan],
    given: Codec | FileCodecs,
    shared: Container[bytes],
    *,
    progress: bool,
) -> list[TreeCodecs]:
    """What each tree is compressed with.

    Args:
        plans: of all trees. Collections that are left out here leave them.
        given: codecs of whole files, the fitted codec of one collection, or an unfitted one, a copy
            of which is fitted to each collection.
        shared: bytes of codecs and models that take no room in the file.
        progress: show a progress bar.

    Raises:
        MissingNameError: there is no collection, or no feature, that a codec needs.
        InputError: the codec of one collection cannot be used for the one that is selected.
    """
    if isinstance(given, FileCodecs):
        learned = [given.trees.get(plan.source.path, LearnedTree()) for plan in plans]
        return [_given(plan, tree, shared) for plan, tree in zip(plans, learned, strict=True)]
    if not given.fits_each_collection:
        _keep_one_collection(plans, given)
    if not given.is_fitted:
        return fit_codecs(plans, given, progress=progress)
    return [_given(plan, _of_one(plan, given), shared) for plan in plans]


def _keep_one_collection(plans: Sequence[TreePlan], codec: Codec) -> None:
    """Leave the collection that a codec for one is used for: its own, the selected one, ``Jet``."""
    selected = next((plan.select.collections for plan in plans), ())
    if codec.collection:
        _require_own_collection(plans, codec.collection, selected)
        for plan in plans:
            plan.collections = [c for c in plan.collections if c.name == codec.collection]
    elif not selected:
        _keep_preferred(plans)
    elif codec.is_fitted and len(selected) > 1:
        raise InputError(
            f"the codec is for one collection, not for {', '.join(selected)}: select one, or give"
            " codecs of all, which atlasae fit (FileCodecs.fit) makes"
        )


def _require_own_collection(
    plans: Sequence[TreePlan], collection: str, selected: Sequence[str]
) -> None:
    if selected and collection not in selected:
        raise InputError(
            f"the codec was made for collection {collection!r}, not for {', '.join(selected)}"
        )
    names = [c.name for plan in plans for c in plan.collections]
    if collection not in names:
        raise MissingNameError.of("collection", collection, "the file, of the codec", names)


def _keep_preferred(plans: Sequence[TreePlan]) -> None:
    first = next((plan for plan in plans if plan.collections), None)
    if first is None:
        return
    wanted = preferred_collection([collection.name for collection in first.collections])
    for plan in plans:
        plan.collections = [c for c in plan.collections if plan is first and c.name == wanted]


def _of_one(plan: TreePlan, codec: Codec) -> LearnedTree:
    """What is known of a tree whose one collection takes the codec, which must fit it."""
    for collection in plan.collections:
        with located(f"tree {plan.source.path!r}: collection {collection.name!r}"):
            _require_fitting(collection, codec)
    return LearnedTree({collection.name: codec for collection in plan.collections})


def _require_fitting(collection: Collection, codec: Codec) -> None:
    """Raise MissingNameError or InputError if a codec has other features or dtypes."""
    chosen = collection.choose(codec.features_)
    codec.require_dtypes({name: branch.dtype or "" for name, branch in chosen.items()})


def _given(plan: TreePlan, learned: LearnedTree, shared: Container[bytes]) -> TreeCodecs:
    """A tree with what was learned of others; nothing is fitted."""
    coded, notes = [], []
    for collection in plan.collections:
        codec = learned.collections.get(collection.name)
        if codec is None:
            notes += _without_codec(plan, collection, learned, "none was made for it")
            continue
        try:
            _require_fitting(collection, codec)
        except (InputError, MissingNameError) as error:
            notes += _without_codec(plan, collection, learned, str(error))
            continue
        coded.append(CodedCollection(collection, codec))
        notes += _costs(plan, coded[-1])
    packed = plan.branches_to_pack([branch for one in coded for branch in one.branches])
    model, more = _models(plan, packed, learned, shared)
    notes += more
    for note in notes:
        _logger.warning("%s: %s", printable(plan.source.path), printable(note))
    return TreeCodecs(coded, packed, model, tuple(notes))


def _without_codec(
    plan: TreePlan, collection: Collection, learned: LearnedTree, why: str
) -> list[str]:
    """What is said of a collection without a codec; nothing if its columns have models."""
    names = {branch.name for branch in collection.vector.values()}
    if plan.packs and names <= learned.columns.keys():
        return []
    so = "packed without loss" if plan.packs else "kept as it is"
    return [f"collection {collection.name!r} has no codec ({why}) and is {so}"]


def _models(
    plan: TreePlan,
    packed: Sequence[BranchInfo],
    learned: LearnedTree,
    shared: Container[bytes],
) -> tuple[bytes, list[str]]:
    """The bytes of the models for packed branches, and what is said of those without."""
    if not packed:
        return b"", []
    model, notes = learned.model_for(packed), []
    if model and not _saves(plan, packed, model, 0 if model in shared else len(model)):
        model = b""
        notes.append(
            "what was learned of columns would save nothing here: they are packed one by one"
        )
    elif without := [b.name for b in packed if learned.columns.get(b.name) != b.type]:
        listed = ", ".join(without[:_LISTED]) + (", ..." if len(without) > _LISTED else "")
        why = "nothing was learned of them"
        if learned.collections and not learned.columns:
            why = f"the codec given is of {', '.join(learned.collections)} alone"
        number = "1 branch is" if len(without) == 1 else f"{len(without):,} branches are"
        notes.append(f"{number} packed one by one ({why}): {listed}")
    return model, notes


def _saves(plan: TreePlan, packed: Sequence[BranchInfo], model: bytes, cost: int) -> bool:
    """Whether models save more than they cost, in bytes, as a sample has it."""
    types = {branch.name: branch.type for branch in packed}
    sample = read_sample(plan.source, list(types), _COMPARED_COLUMNS)
    scale = plan.source.num_entries / max(len(next(iter(sample.values()))), 1)
    learned = read_block_model(model, dtypes_of(types.values()))
    saved = len(pack(sample)) - len(pack(sample, learned))
    return saved * scale > cost


def _costs(plan: TreePlan, coded: CodedCollection) -> list[str]:
    """What is said of a codec that takes more than one fitted to half a sample of this file."""
    codec, collection = coded.codec, coded.collection
    if not codec.tolerances_ or codec.latent_names:  # which are wanted, whatever they cost
        return []
    chosen = collection.choose(codec.features_)
    sample = read_sample(plan.source, coded.branches, _COMPARED)
    one, other = (
        {feature: sample[branch.name][start::2] for feature, branch in chosen.items()}
        for start in (0, 1)
    )
    if min(len(to_table(one)), len(to_table(other))) < _FEWEST_COMPARED:
        return []
    scale = plan.source.num_entries / len(other[codec.features_[0]])
    fitted = type(codec).from_config(codec.get_config()).fit(one, uses=scale)
    took, would = (len(c.encode(other)) * scale + len(c.decoder_bytes()) for c in (codec, fitted))
    if took <= would * (1 + _MORE):
        return []
    note = (
        f"the codec given for {collection.name!r} takes {took / would - 1:.0%} more than one fitted"
        " to this file"
    )
    if codec.bits_:
        bits, fitted_bits = codec.surprise(other).mean(), sum(codec.bits_.values())
        note += (
            f": these jets take {bits:.1f} bits each; those it was fitted to took {fitted_bits:.1f}"
        )
    return [note]
