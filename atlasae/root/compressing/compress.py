"""Write a compressed copy of a ROOT file."""

from __future__ import annotations

import logging
import os
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlasae.atomic_write import atomic_write
from atlasae.errors import (
    DamagedFileError,
    InputError,
    LargerTargetError,
    located,
)
from atlasae.root.checking.check import check
from atlasae.root.compressing.compressed_trees import write_alone, write_trees
from atlasae.root.compressing.copied_by_root import clone_of, require_readable
from atlasae.root.compressing.job import Job
from atlasae.root.container.container import compression_like, open_as, write_container
from atlasae.root.container.identity import source_digest
from atlasae.root.fitting.given_codecs import codecs_for
from atlasae.root.inspecting.info import Contents, info
from atlasae.root.io.cpp import BY_ROOT
from atlasae.root.io.file import Trees, older_cycles, title_of
from atlasae.root.io.new_file import new_file
from atlasae.root.io.objects import objects_in
from atlasae.root.io.root_files import add_clones
from atlasae.root.io.stamp import Stamp
from atlasae.root.io.tree import STEP_SIZE
from atlasae.root.planning.plan import check_writable, plan_trees
from atlasae.root.planning.trial import leave_out_failing, may_be_of_a_branch
from atlasae.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlasae.codecs import Codec
    from atlasae.root.fitting.file_codecs import FileCodecs
    from atlasae.root.planning.plan import Selection
    from atlasae.types import PathLike

_logger = logging.getLogger(__name__)


def compress(
    source: PathLike,
    target: PathLike,
    *,
    codec: Codec | FileCodecs | PathLike | None = None,
    select: Selection | None = None,
    pack: str = "all",
    to: str = "same",
    drop_unwritable: bool = False,
    writer: str = "uproot",
    verify: bool = False,
    step_size: str | int = STEP_SIZE,
    threads: int | None = None,
    force: bool = False,
    allow_larger: bool = False,
    progress: bool = False,
) -> Contents:
    """Write a compressed copy of a ROOT file.

    The momenta of its collections are coded within a tolerance, all other branches are packed
    without loss. What is coded is stored in a tree of its own; the latents of an autoencoder
    replace the branches of the jets. Histograms and other objects are copied.

    Args:
        source: the ROOT file to read.
        target: the ROOT file to write; it appears only when it is complete.
        codec: an unfitted codec, a copy of which is fitted to each collection; by default
            ``Codec.bounded()``, with tolerance 1e-3; give ``Codec.bounded(tolerance="lossless")``
            to keep every bit. Or what was fitted before, so that nothing is trained: ``FileCodecs``
            or the path of saved ones or of a compressed file, where each collection takes the codec
            that was made for it; or a fitted codec, the path of a saved one, or
            ``pretrained:dijets`` (``Codec.pretrained``). That one, an
            autoencoder, or one with ``features`` is used for one collection: its own if that is
            known, else the selected one, else ``Jet``, else the first.
        select: which trees, collections and branches to compress; by default all collections
            with a momentum.
        pack: ``all`` to pack all other branches, column by column and without loss, or ``none`` to
            copy them, so that plain ROOT reads them: then they do not shrink, and uproot may need
            more bytes for them than the source has.
        to: ``ttree``, ``rntuple``, or the ``same`` as each tree of the source.
        drop_unwritable: leave out what cannot be read or written, instead of an error.
        writer: ``root`` to have the kept branches of TTrees, and all objects, copied by ROOT, where
            it is installed: compressed baskets as they are, of any class, with titles, aliases,
            user information, friends and indices.
        verify: compare the target with the source, as ``check`` does, before it appears.
        step_size: how much is read at a time: a number of entries, or a size such as ``100 MB``.
        threads: how many code blocks at a time; by default one for each core, fewer where there is
            little memory. What is written does not depend on it.
        force: overwrite an existing target.
        allow_larger: leave a target that is larger than its source, instead of an error.
        progress: show progress bars on the error stream.

    Returns:
        What the target holds, sizes, and notes on every change and omission.

    Raises:
        MissingFileError: there is no such source.
        DamagedFileError: it cannot be read, or what was written does not agree with it.
        TargetExistsError: the target exists and ``force`` is false.
        LargerTargetError: the target would be larger than its source; nothing is left of it.
        MissingNameError: there is no such tree, collection, branch or feature.
        InputError: there is nothing to compress, the codec cannot encode the jets, something
            cannot be written, or there are fewer threads than one.
        MissingPackageError: ROOT is to write, and is not installed.

    Example:
        >>> import atlasae, os, tempfile
        >>> source, target = atlasae.sample(), os.path.join(tempfile.mkdtemp(), "small.root")
        >>> codec = atlasae.Codec.bounded(tolerance=1e-3)
        >>> codec = codec.fit(atlasae.read_jets(source, entry_stop=300))
        >>> contents = atlasae.compress(source, target, codec=codec)
        >>> [part.name or "other branches" for part in contents.parts]
        ['Jet', 'other branches']
    """
    job = Job.checked(
        codec, select, pack, to, drop_unwritable, step_size, threads, progress, writer
    )
    return compress_file(
        source,
        target,
        job,
        read=[codec] if isinstance(codec, str | os.PathLike) else [],
        verify=verify,
        force=force,
        allow_larger=allow_larger,
    )


def compress_file(
    source: PathLike,
    target: PathLike,
    job: Job,
    *,
    read: Sequence[PathLike],
    verify: bool,
    force: bool,
    allow_larger: bool,
) -> Contents:
    """Compress a file, as ``compress`` does.

    Args:
        source: the ROOT file to read.
        target: the ROOT file to write.
        job: how to compress it.
        read: other files that were read for it, and must not be overwritten.
        verify: compare the target with the source before it appears.
        force: overwrite an existing target.
        allow_larger: leave a target that is larger than its source.
    """
    if verify:
        require_comparable(job)
    with (
        open_as(source, compressed=False) as file,  # before the target: they may be swapped
        atomic_write(target, force=force, sources=[source, *read]) as unfinished,
        located(os.fspath(source)),
    ):
        write_compressed(file, Trees(file), unfinished, job)
        if verify:
            _verify(source, unfinished, job.step_size, job.threads)
        if not allow_larger:
            _check_size(unfinished, target, int(file.file.source.num_bytes), job.pack)
    return info(target)


def require_comparable(job: Job) -> None:
    """Raise InputError if what is written cannot be compared with its source."""
    if job.template.reorders:
        raise InputError(
            "--verify (verify=True) cannot compare files with --order free (order='free'), which"
            " moves entries"
        )


def write_compressed(file: Any, trees: Trees, path: PathLike, job: Job) -> None:
    """Write a compressed copy of an open file.

    Args:
        file: as ``open_as`` gives it.
        trees: all of it, or a sample of the entries of each.
        path: of the file to write.
        job: how to compress it.
    """
    objects, unwritable = objects_in(file)
    copied = [*objects, *unwritable] if job.writer == BY_ROOT else []
    if job.writer == BY_ROOT:
        objects, unwritable = {}, {}
    unwritable |= _unreadable_trees(trees, drop=job.drop_unwritable)
    older = dict.fromkeys(older_cycles(file), "an older cycle")
    digest = source_digest(file)
    stamp = Stamp.of(file, digest + job.digest)
    while True:  # until no branch makes it fail
        plans = plan_trees(trees, job.select, pack=job.pack, to=job.to, writer=job.writer)
        left_out = older | check_writable(plans, unwritable, drop=job.drop_unwritable)
        try:
            coded = codecs_for(plans, job.template, job.shared_rows, progress=job.progress)
            with new_file(path, compression_like(file), stamp) as out:
                manifests = write_trees(file, out, plans, coded, digest, job)
                for name, item in objects.items():
                    out[name] = item
                if title := title_of(file):
                    left_out["the title of the file"] = f"{title!r}, which uproot cannot write"
                manifests[0].left_out.update(left_out)
                stored = job.stored(chain(*(tree.stored for tree in coded)))
                write_container(out, manifests, stored)
            clones = [clone for clone in map(clone_of, plans, coded) if clone]
            if clones or copied:
                add_clones(path, file.file_path, clones, copied)
                require_readable(path)
            break
        except Exception as error:  # uproot raises anything
            write = partial(write_alone, path, job.step_size)
            may_go_on = may_be_of_a_branch(error)
            if not (may_go_on and leave_out_failing(plans, write, progress=job.progress)):
                raise
            check_writable(plans, {}, drop=job.drop_unwritable)


def _unreadable_trees(trees: Trees, *, drop: bool) -> dict[str, str]:
    """Leave out the trees that cannot be read; gives the reasons by path.

    Raises:
        InputError: there are any and they are not to be dropped, or there is no other.
    """
    reasons = check_writable([], trees.leave_out_unreadable(trees), drop=drop)
    if reasons and not trees:
        listed = "; ".join(f"{path}: {why}" for path, why in reasons.items())
        raise InputError(f"there is no tree that can be read: {listed}")
    return reasons


def _verify(source: PathLike, written: PathLike, step_size: str | int, threads: int) -> None:
    _logger.info("comparing what was written with %s", printable(os.fspath(source)))
    bad = check(source, written, step_size=step_size, threads=threads).bad
    if bad:
        named = ", ".join(f"{f.path}:{f.name} {f.verdict}" for f in bad)
        raise DamagedFileError(f"{os.fspath(source)}: what was written does not agree: {named}")


def _check_size(written: PathLike, target: PathLike, source_bytes: int, pack: str) -> None:
    """Raise LargerTargetError if what was written is larger than its source."""
    size = Path(written).stat().st_size
    if size > source_bytes:
        packing = "--pack all (pack='all') packs the kept branches, " if pack == "none" else ""
        raise LargerTargetError(
            f"{os.fspath(target)} would take {size:,} bytes, its source takes {source_bytes:,}:"
            f" {packing}--allow-larger (allow_larger=True) writes it all the same"
        )
