"""One set of codecs for many files: learned from a sample of them, and kept beside the targets."""

from __future__ import annotations

import json
import logging
import random
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlasae.codecs import Codec
from atlasae.errors import (
    AtlasaeError,
    DamagedFileError,
    InputError,
    MissingNameError,
    TargetExistsError,
)
from atlasae.root.container.restored_tree import open_trees
from atlasae.root.container.shared_codecs import SharedCodecs, read_shared
from atlasae.root.fitting.file_codecs import FileCodecs, require_learnable
from atlasae.root.io.file import open_root
from atlasae.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlasae.campaign.work import Task
    from atlasae.root.compressing.job import Job

_logger = logging.getLogger(__name__)

CODECS = "codecs.safetensors"  # in the folder of the targets
SAMPLE_FILES = 20  # that codecs are learned from
_ANEW = "move it away, and the same command writes it anew"
_OF_ONE_FILE = (DamagedFileError, MissingNameError)  # what one file of many can be the reason of


def learned_codecs(
    tasks: Sequence[Task], folder: Path, job: Job, *, seed: int, force: bool
) -> FileCodecs:
    """The codecs of a folder: those that are there, or new ones learned from a sample of the files.

    Args:
        tasks: the files.
        folder: of the targets.
        job: with an unfitted codec.
        seed: of the choice of the files that are learned from.
        force: learn anew, and replace those that are there.

    Raises:
        InputError: an unfitted codec of this kind cannot be learned from many files.
        TargetExistsError: the codecs that are there were learned with other options.
        DamagedFileError: they are damaged; or no file can be read.
    """
    template = job.template
    assert isinstance(template, Codec)
    require_learnable(template)
    asked = {"codec": template.get_config(), "select": asdict(job.select), "seed": seed}
    asked = json.loads(json.dumps(asked))  # as it is read
    path = folder / CODECS
    if path.exists() and not force:
        return _learned_before(path, asked)
    sources = sample_files([task.source for task in tasks], seed)
    codecs = _learn(sources, template, job)
    codecs = replace(codecs, origin={**asked, "files": sources})
    try:
        codecs.save(path, force=force)
    except TargetExistsError:  # another process has learned the same
        return _learned_before(path, asked)
    _logger.info("%s written: give it to other files with --codec", printable(str(path)))
    return codecs


def _learned_before(path: Path, asked: Mapping[str, Any]) -> FileCodecs:
    """The codecs of a folder, if they are what is asked for."""
    known = FileCodecs.load(path)
    if {name: known.origin.get(name) for name in asked} != asked:
        raise TargetExistsError(
            f"{path} was not learned with these options: use it with --codec (codec=...), or"
            " give another folder, or --force (force=True) to write all anew"
        )
    _logger.info("using the codecs in %s", printable(str(path)))
    return known


def sample_files(sources: Sequence[str], seed: int) -> list[str]:
    """At most 20 files to learn from, drawn at random among those that can be opened and hold trees.

    Raises:
        AtlasaeError: none of them can.
        InputError: none of them holds a tree.

    Example:
        >>> import atlasae, os
        >>> [os.path.basename(path) for path in sample_files([str(atlasae.sample())], seed=0)]
        ['dijets.root']
    """
    drawn = random.Random(seed).sample(sources, len(sources))  # noqa: S311  (no secret)
    chosen: list[str] = []
    failure: AtlasaeError | None = None
    for source in drawn:
        try:
            with open_root(source) as file:
                chosen += [source] if open_trees(file) else []
        except AtlasaeError as error:  # what is done with this file says so too
            failure = failure or error
        if len(chosen) == SAMPLE_FILES:
            break
    if not chosen:
        raise failure or InputError("no TTree or RNTuple in any of the files")
    return sorted(chosen)


def _learn(sources: list[str], template: Codec, job: Job) -> FileCodecs:
    """Learn from files; those that are damaged, or lack what is selected, leave the list."""
    while True:
        listed = ", ".join(sources[:3]) + (", ..." if len(sources) > 3 else "")
        _logger.info("learning codecs from %d files: %s", len(sources), printable(listed))
        try:
            return FileCodecs.fit(sources, codec=template, select=job.select, progress=job.progress)
        except _OF_ONE_FILE:
            failing = [source for source in sources if _fails(source, template, job)]
            if not failing or len(failing) == len(sources):
                raise
            sources[:] = [source for source in sources if source not in failing]


def _fails(source: str, template: Codec, job: Job) -> bool:
    """Whether a file alone cannot be learned from."""
    try:
        FileCodecs.fit([source], codec=template, select=job.select)
    except _OF_ONE_FILE:
        return True
    return False


def sharing(job: Job, folder: Path, *, force: bool) -> Job:
    """The same job, with codecs kept once in a folder, and named in each file.

    Args:
        job: with codecs of whole files.
        folder: of the targets.
        force: write the file of the codecs anew.

    Raises:
        InputError: the job has the codec of one collection.
        DamagedFileError: the file that is there does not hold these codecs.
    """
    codecs = job.template
    if not isinstance(codecs, FileCodecs):
        raise InputError(
            "--shared-codec (shared_codec=True) keeps the codecs of whole files, as atlasae fit A.root"
            f" B.root {CODECS} writes them; {codecs.call} is that of one collection"
        )
    shared = SharedCodecs(codecs.fingerprint.hex())
    path = folder / shared.name
    if force or not path.exists():
        codecs.save(path)
        _logger.info("%s written: the compressed files need it", printable(str(path)))
    try:
        stored = read_shared(path)
    except DamagedFileError as error:
        raise DamagedFileError(f"{path} is damaged ({error}); {_ANEW}") from error
    if stored.fingerprint != shared.fingerprint:
        raise DamagedFileError(f"{path} holds other codecs than its name says; {_ANEW}")
    return replace(job, shared=shared, shared_rows=frozenset(stored.rows))
