"""Compress the collections of a NanoAOD file within its own precision, and print the errors.

NanoAOD rounds mantissas to 10 bits, for angles to 12; the preset ``nanoaod`` keeps every value
within that. All other branches are packed without loss.

python examples/nanoaod_compress.py nano.root small.root
"""

from __future__ import annotations

import argparse
from pathlib import Path

import awkward as ak
import numpy as np

import atlasae
from atlasae import Codec


def largest_errors(original: Path, compressed: Path, collection: str) -> dict[str, float]:
    """The largest relative error of each feature of a collection."""
    before, after = (atlasae.read_jets(p, collection=collection) for p in (original, compressed))
    errors = {}
    for feature in before.fields:
        first, second = (ak.to_numpy(ak.flatten(jets[feature])) for jets in (before, after))
        sizes = np.where(first == 0, 1, np.abs(first))
        errors[feature] = float(np.max(np.abs(second - first) / sizes, initial=0))
    return errors


def main() -> None:
    """Compress, then print size and largest errors of each collection."""
    parser = argparse.ArgumentParser(description="Compress a NanoAOD file.")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    codec = Codec.bounded(tolerance="nanoaod")
    contents = atlasae.compress(arguments.source, arguments.target, codec=codec, force=True)
    for part in contents.parts:
        before = sum(part.before.values())
        print(f"{part.tree}/{part.name}: {before:,} bytes are now {part.after:,}")
        if part.tolerances:
            errors = largest_errors(arguments.source, arguments.target, part.name)
            print("  largest errors:", ", ".join(f"{k} {v:.1e}" for k, v in errors.items()))
    print(f"whole file: {contents.source_bytes:,} bytes are now {contents.file_bytes:,}")


if __name__ == "__main__":
    main()
