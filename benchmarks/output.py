"""Where results go: JSON files, and tables on the console."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlasae.atomic_write import atomic_write
from atlasae.directories import make_directory

if TYPE_CHECKING:
    from rich.console import Console

RESULTS = Path(__file__).parent / "results"
TABLE_WIDTH = 128  # characters, of tables written to a file


def write_json(path: str, result: dict[str, Any]) -> None:
    """Write a result; an earlier one is replaced."""
    make_directory(Path(path).parent)
    with atomic_write(path, force=True) as beside:
        beside.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def table_console() -> Console:
    """A console that does not fold tables when its output goes to a file."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console.width = TABLE_WIDTH
    return console
