"""Make the pretrained codecs of the package: python -m benchmarks.pretrained.

The jets are generated as those of the shipped sample are, with other seeds, so that the sample is
none of the jets that the codecs were fitted to. Generated files are kept in build/pretrained, and used
again. Needs the extras ``autoencoder`` and ``generate``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import awkward as ak
import click

import atlasae
from atlasae import Codec

TARGETS = Path(atlasae.__file__).parent / "data"
GENERATED = Path("build/pretrained")
GENERATOR = "examples/generate_dijets.py"
SEEDS = (20_261_126, 20_261_127)  # one process each
TOLERANCE = 1e-3
EPOCHS = 200


@click.command()
@click.option("--events", default=10_000, show_default=True, type=click.IntRange(min=100))
def main(events: int) -> None:
    """Generate dijets, EVENTS for each seed, fit both kinds of codec to them, and write these."""
    files = {GENERATED / f"dijets_{seed}.root": options(events, seed) for seed in SEEDS}
    generate({path: given for path, given in files.items() if not path.exists()})
    jets = ak.concatenate([atlasae.read_jets(path) for path in files])
    for codec in (Codec.bounded(tolerance=TOLERANCE), Codec.autoencoder(epochs=EPOCHS)):
        codec.sources = tuple(" ".join([GENERATOR, *given]) for given in files.values())
        codec.fit(jets, progress=sys.stderr.isatty())
        path = TARGETS / f"dijets-{codec.codec_id}.safetensors"
        codec.save(path)
        print(f"{path}: {path.stat().st_size:,} bytes")


def options(events: int, seed: int) -> list[str]:
    """The options of the generator."""
    return ["--events", str(events), "--seed", str(seed)]


def generate(files: dict[Path, list[str]]) -> None:
    """Generate files of jets, each in a process of its own."""
    GENERATED.mkdir(parents=True, exist_ok=True)
    running = [
        subprocess.Popen([sys.executable, GENERATOR, path, *given]) for path, given in files.items()
    ]
    codes = [process.wait() for process in running]
    if any(codes):
        raise SystemExit(f"{GENERATOR} failed: pip install 'atlasae[generate]'")


if __name__ == "__main__":
    main()
