"""ROOT's RDataFrame of trees, compressed or not."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import TYPE_CHECKING, Any

from atlasae.errors import InputError, MissingNameError, located
from atlasae.optional import needs_extra
from atlasae.root.container.restored_tree import RestoredTree, open_trees
from atlasae.root.io.branch import TTREE
from atlasae.root.io.file import open_root
from atlasae.root.io.new_file import new_file
from atlasae.root.io.stamp import EARLIEST, Stamp
from atlasae.root.io.tree import STEP_SIZE, check_step_size
from atlasae.root.planning.plan import plan_copy
from atlasae.root.reading.chained_reader import tree_to_open
from atlasae.root.reading.expressions import name_filter
from atlasae.root.reading.paths import Files, expand_files
from atlasae.root.restoring.copies import add_what_root_writes, copy_trees
from atlasae.threads import thread_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from atlasae.root.io.tree import TreeReader


def rdataframe(
    files: Files,
    columns: str | Iterable[str] | None = None,
    *,
    step_size: str | int = STEP_SIZE,
    threads: int | None = None,
) -> Any:
    """ROOT's RDataFrame of trees of one or several files, compressed or not.

    A tree that is not compressed is read by ROOT itself. Of a compressed one, the columns asked for
    are decoded, chunk by chunk, into an ordinary file that ROOT reads: it lies among the temporary
    files (``TMPDIR`` says where), takes the size of the columns in memory, and goes when Python
    ends. So all that RDataFrame does works, several threads and ``Snapshot`` among it.

    Args:
        files: ``"small.root:Events"``, ``{"small.root": "Events"}``, patterns, or a list of them.
            Where no tree is named, it is ``Events``, else the only one of the file.
        columns: names or patterns of the branches to decode, such as ``["Jet_*", "MET_pt"]``; by
            default all.
        step_size: how much is decoded at a time: a number of entries, or a size such as ``100 MB``.
        threads: how many decode blocks at a time; by default one for each core, fewer where there
            is little memory.

    Returns:
        A ``ROOT.RDataFrame``. Jagged branches are ``ROOT::RVec``.

    Raises:
        MissingPackageError: ROOT is not installed.
        MissingFileError, DamagedFileError: a file is missing or cannot be read.
        MissingNameError: there is no such tree or column; the message names the nearest.
        InputError: a file has several trees and none is named, ``columns`` is empty, or neither
            uproot nor ROOT can write a column.

    Example:
        >>> import atlasae
        >>> frame = atlasae.rdataframe(atlasae.sample())  # doctest: +SKIP
        >>> histogram = frame.Histo1D(("pt", "", 50, 0.0, 500.0), "Jet_pt")  # doctest: +SKIP
    """
    with needs_extra("root", "atlasae.rdataframe"):
        import ROOT
    check_step_size(step_size)
    threads = thread_count(threads)
    wanted = [columns] if isinstance(columns, str) else None if columns is None else list(columns)
    if wanted == []:
        raise InputError("columns names nothing; leave it out for all columns")
    dataset = ROOT.RDF.Experimental.RDatasetSpec()
    for i, (name, path) in enumerate(expand_files(files)):
        file_path, tree_path = _for_root(name, path, wanted, step_size, threads)
        dataset.AddSample(ROOT.RDF.Experimental.RSample(f"{i}", tree_path, file_path))
    return ROOT.RDataFrame(dataset)


def _for_root(
    name: str, path: str | None, columns: Sequence[str] | None, step_size: str | int, threads: int
) -> tuple[str, str]:
    """A file that ROOT reads, and the path of the tree in it."""
    with open_root(name) as file, located(name):
        trees = open_trees(file, threads)
        path = path or tree_to_open(trees, name)
        if isinstance(trees[path], RestoredTree):
            copy = Path(mkdtemp(dir=_folder().name)) / "columns.root"
            _write_columns(copy, _with_columns(trees[path], columns), step_size)
            return str(copy), path
        _matching(trees.raw(path).names, columns, trees.raw(path).where)
    return name if "://" in name else _plain_name(name), path


@cache
def _folder() -> TemporaryDirectory[str]:
    """For decoded columns, which RDataFrame reads until Python ends."""
    return TemporaryDirectory(prefix="atlasae-", ignore_cleanup_errors=True)


def _plain_name(name: str) -> str:
    """A path of a file without characters that ROOT takes for patterns or options."""
    path = Path(name).absolute()
    if not set(str(path)) & set("?#*[]"):
        return str(path)
    link = Path(mkdtemp(dir=_folder().name)) / "file.root"
    link.symlink_to(path)
    return str(link)


def _matching(names: Iterable[str], columns: Sequence[str] | None, where: str) -> set[str]:
    """The names that match patterns; all if there are none.

    Raises:
        MissingNameError: nothing matches a pattern.
    """
    names = list(names)
    for pattern in columns or ():
        if not any(map(name_filter(pattern), names)):
            raise MissingNameError.of("column", pattern, where, names)
    return set(filter(name_filter(columns), names))


def _with_columns(tree: TreeReader, columns: Sequence[str] | None) -> TreeReader:
    """A tree without the branches that nobody asked for."""
    wanted = _matching(tree.schema.names, columns, tree.where)
    tree.leave_out({name: "" for name in tree.schema.names if name not in wanted})
    return tree


def _write_columns(path: Path, tree: TreeReader, step_size: str | int) -> None:
    """Write a tree into a file that ROOT reads fast.

    Raises:
        InputError: neither uproot nor ROOT can write one of its branches.
    """
    (plan,) = plans = plan_copy({tree.path: tree}, TTREE)
    if refused := {name: why for name, why in plan.unwritable.items() if why}:
        listed = "; ".join(f"{name}: {why}" for name, why in refused.items())
        raise InputError(f"ROOT cannot be given {listed}; ask for others with columns=")
    with new_file(path, None, Stamp(path.name, EARLIEST, "")) as out:
        copy_trees(plans, out, step_size, progress=False)
    add_what_root_writes(plans, path, step_size)
