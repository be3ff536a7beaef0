"""``python -m benchmarks.whole_files FILE...``: whole files, all of them packed.

Each file, and a generated one in NanoAOD's layout, is compressed without loss and by the default command.
The bytes of its columns are given by kind: in the source, each column compressed alone by the best of
pcodec, LZMA and OpenZL, and learned from the others. The generated file is timed too.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

import atlasae
from atlasae import Codec
from benchmarks import machine, nanoaod_like, whole_file_speed
from benchmarks.column_kinds import bytes_by_kind
from benchmarks.output import table_console, write_json
from benchmarks.tools import versions

if TYPE_CHECKING:
    from rich.console import Console

LOSSLESS, DEFAULT = "without loss", "default command"
GENERATED = "generated"
# a setting with codecs that were fitted to another part of the sample goes here
SETTINGS: dict[str, dict[str, Any]] = {
    LOSSLESS: {"codec": Codec.bounded(tolerance="lossless")},
    DEFAULT: {},
}


def measure(name: str, source: Path, folder: Path) -> dict[str, Any]:
    """Bytes of a file, of what each setting makes of it, and of its columns by kind."""
    sizes: dict[str, int] = {}
    small = {setting: folder / f"{setting}.root" for setting in SETTINGS}
    for setting, options in SETTINGS.items():
        atlasae.compress(source, small[setting], force=True, allow_larger=True, **options)
        sizes[setting] = small[setting].stat().st_size
    contents = atlasae.info(small[LOSSLESS])
    return {
        "name": name,
        "entries": contents.entries,
        "source_bytes": source.stat().st_size,
        "bytes": sizes,
        "codec_bytes": contents.codec_bytes,
        **bytes_by_kind(source, small[LOSSLESS]),
    }


def show(rows: list[dict[str, Any]], console: Console) -> None:
    """Print the bytes by kind of column and by collection."""
    from rich.table import Table

    for row in rows:
        source = row["source_bytes"]
        sizes = ", ".join(f"{name} {size / source:.3f}" for name, size in row["bytes"].items())
        printed = Table(title=f"{row['name']}: {source:,} bytes; {sizes} of it")
        printed.add_column("columns")
        for heading in ("number", "bytes before", "alone", "learned", "of alone"):
            printed.add_column(heading, justify="right")
        for groups in (row["kinds"], row["collections"]):
            for group in groups:
                printed.add_row(group["name"], *_cells(group))
            printed.add_section()
        console.print(printed)


def _cells(group: dict[str, Any]) -> list[str]:
    sizes = [
        f"{group[key]:,.0f}" if group[key] else ""
        for key in ("columns", "before", "alone", "learned")
    ]
    return [*sizes, f"{group['learned'] / group['alone']:.2f}" if group["alone"] else ""]


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--output", default="benchmarks/results/whole_files.json", show_default=True)
@click.option("--events", default=300_000, show_default=True, type=click.IntRange(min=3))
def main(files: tuple[Path, ...], output: str, events: int) -> None:
    """Measure whole FILES, and a generated one with so many EVENTS."""
    console = table_console()
    with TemporaryDirectory() as name:
        folder = Path(name)
        generated = folder / "events.root"
        nanoaod_like.write(generated, events)
        speed = whole_file_speed.measure(generated, events, folder)
        sources = {path.name: path for path in files} | {GENERATED: generated}
        rows = [measure(name, path, folder) for name, path in sources.items()]
    result = {"machine": machine.facts(), "versions": versions(), "rows": rows, "speed": speed}
    write_json(output, result)
    show(rows, console)
    whole_file_speed.show(speed, console)
    console.print(f"written: {output}")


if __name__ == "__main__":
    main()
