"""Tries each branch of a file apart, to find those that make all of it fail."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from atlasae.errors import CannotPackError, DamagedFileError, InputError, MissingNameError
from atlasae.progress import progress_bar
from atlasae.root.io.errors import cause_of, first_line
from atlasae.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atlasae.root.planning.plan import TreePlan

_logger = logging.getLogger(__name__)


def leave_out_failing(
    plans: Sequence[TreePlan], write: Callable[[TreePlan], object], *, progress: bool = False
) -> bool:
    """Leave the branches that cannot be read or written out of their trees, and of the plans.

    It takes as long as to read the file once more, so it is done after something has failed.

    Args:
        plans: of all trees.
        write: writes a tree as planned, to no avail.
        progress: show a progress bar.

    Returns:
        Whether there are any.

    Raises:
        OSError, MemoryError: of the system.
    """
    found = False
    for plan in plans:
        _logger.info("trying each branch of %s, as one fails", printable(plan.source.path))
        with progress_bar("branches", shown=progress) as bar:
            task = bar.add_task(f"trying {plan.source.path}", total=len(plan.branches))
            failing: dict[str, str] = {}
            for branch in plan.branches:
                try:
                    write(replace(plan, branches=(branch,), collections=[]))
                except Exception as error:
                    if not may_be_of_a_branch(error):
                        raise
                    failing[branch.name] = _why(error)
                bar.advance(task)
        plan.source.leave_out(failing)
        plan.unwritable.update(failing)
        found = found or bool(failing)
    return found


def may_be_of_a_branch(error: Exception) -> bool:
    """Whether a branch may be to blame, and not the user, a full disk or too little memory."""
    cause = cause_of(error)
    is_of_the_system = isinstance(cause, OSError) and cause.errno is not None
    if isinstance(error, InputError):
        return isinstance(error, CannotPackError)
    return not (is_of_the_system or isinstance(error, (MissingNameError, MemoryError)))


def _why(error: Exception) -> str:
    """What is wrong with a branch, without the places that the message names before it."""
    if isinstance(error, InputError):
        return first_line(cause_of(error))
    what = "read" if isinstance(error, DamagedFileError) else "written"
    return f"cannot be {what}: {first_line(cause_of(error))}"
