"""``python -m benchmarks.formats FILE...``: compress and restore files, into docs/formats.md."""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import atlasae
from atlasae import Codec, Selection
from atlasae.root.compressing.compress import compress

if TYPE_CHECKING:
    from atlasae.root.inspecting.info import Contents

DOCUMENT = Path(__file__).parents[1] / "docs" / "formats.md"
_TABLE = re.compile(r"(<!-- files -->\n).*(<!-- end -->)", re.DOTALL)


@dataclass(frozen=True)
class Setting:
    """Options to compress a file with, and their name in the table."""

    name: str
    tolerance: str
    pack: str
    all_floats: bool = False


SETTINGS = (
    Setting("the default", "default", "all"),
    Setting("`--tolerance lossless`", "lossless", "all"),
    Setting("`--tolerance nanoaod --all-floats`", "nanoaod", "all", all_floats=True),
    Setting("`--pack none`", "default", "none"),
)


def row(source: Path, setting: Setting, folder: Path) -> str:
    """Compress, check, restore and check a file; a row of the table."""
    small, back = folder / "small.root", folder / "back.root"
    codec = Codec.bounded(tolerance=setting.tolerance)
    compressed = partial(
        compress,
        source,
        small,
        codec=codec,
        pack=setting.pack,
        select=Selection(all_floats=setting.all_floats),
        force=True,
        allow_larger=True,
    )
    start = time.perf_counter()
    extra = ""
    try:
        contents = compressed()
    except atlasae.InputError as error:
        if "--drop-unwritable" not in str(error):
            return _cells(source.name, setting.name, "refused", "", "", _after(str(error)), "")
        extra = " (with `--drop-unwritable`)"
        try:
            contents = compressed(drop_unwritable=True)
        except atlasae.InputError as second:
            return _cells(
                source.name, setting.name + extra, "refused", "", "", _after(str(second)), ""
            )
    seconds = time.perf_counter() - start
    good = atlasae.check(source, small).good
    notes = atlasae.decompress(small, back, drop_unwritable=True, force=True)
    if not notes.left_out:  # a restored file does not list them
        tolerance = None if setting.tolerance == "lossless" else setting.tolerance
        good = good and atlasae.check(source, back, tolerance=tolerance).good
    return _cells(
        source.name,
        setting.name + extra,
        f"{1 / contents.ratio:.3f}",
        f"{seconds:.1f}",
        "good" if good else "BAD",
        _compressed(contents),
        _notes(contents),
    )


def _compressed(contents: Contents) -> str:
    collections = [part for part in contents.parts if part.jets]
    packed = sum(len(part.before) for part in contents.parts if not part.jets)
    names = ", ".join(f"{part.name or 'jets'} ({part.jets:,})" for part in collections)
    others = [f"{packed:,} branches packed"] if packed else []
    others += [f"{len(contents.kept):,} kept"] if contents.kept else []
    return "; ".join(filter(None, [names, *others]))


def _notes(contents: Contents) -> str:
    """Number of branches that changed or were left out, by the kind of change."""
    changes = Counter(re.sub(r"the counter \S+", "a counter", n) for n in contents.changed.values())
    lines = [f"{count} x `{note}`" for note, count in changes.items()]
    left_out = Counter(re.sub(r"basket .*", "…", note) for note in contents.left_out.values())
    lines += [f"LEFT OUT {count} x `{note}`" for note, count in left_out.items()]
    return "<br>".join(lines)


def _after(message: str) -> str:
    """A message without the path before it."""
    return message.partition(": ")[2]


def _cells(*texts: str) -> str:
    return "| " + " | ".join(texts) + " |"


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    files: list[Path] = parser.parse_args().files
    heads = "file", "setting", "size, of the source's", "seconds", "check", "compressed", "notes"
    lines = [_cells(*heads), "|---|---|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        for path in files:
            for setting in SETTINGS:
                lines.append(row(path, setting, Path(folder)))
                print(lines[-1])
    table = "\n".join(lines)
    text = _TABLE.sub(lambda match: f"{match[1]}{table}\n{match[2]}", DOCUMENT.read_text())
    DOCUMENT.write_text(text)


if __name__ == "__main__":
    main()
