"""Progress bars, on the error stream so that output can be piped."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


def progress_bar(unit: str, *, shown: bool = True) -> Progress:
    """A rich progress bar that counts in ``unit``; hidden when done, and outside a terminal.

    Args:
        unit: of the count, such as ``epochs``.
        shown: false for no bar at all.

    Example:
        >>> with progress_bar("files", shown=False) as bar:
        ...     sum(bar.track([1, 2, 3]))
        6
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        disable=not (shown and console.is_terminal),
    )
