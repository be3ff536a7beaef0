"""Monitor the quality of data: are these 1,000 jets like the good ones?

python examples/data_quality.py                 # the sample that comes with atlasae
python examples/data_quality.py jets.root -o data_quality.png

A codec fitted to good jets is surprised by what is new in a window; a codec fitted to the window is
surprised by good jets that the window lacks. Both are compared with other good windows.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np

import atlasae
from atlasae import Codec, plots
from atlasae.jets.table import Table, to_table

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW = 1000  # jets
ALARM = 5.0  # standard deviations
QUESTIONS = ("new in the window", "missing in the window")


def windows(jets: Table) -> list[Table]:
    """Jets in groups of WINDOW, in their order."""
    rows = np.arange(len(jets))
    return [jets.rows(rows[i : i + WINDOW]) for i in range(0, len(jets) - WINDOW + 1, WINDOW)]


class Monitor:
    """Compares windows of jets with good ones, feature by feature."""

    def __init__(self, good: Table) -> None:
        edges = [len(good) // 4, 3 * len(good) // 8]
        train, self.known, others = map(good.rows, np.split(np.arange(len(good)), edges))
        self.codec = self._fit(train)
        self.features = list(self.codec.surprise_by_feature(self.known))
        measured = [self.measure(window) for window in windows(others)]
        self.mean, self.spread = np.mean(measured, axis=0), np.std(measured, axis=0, ddof=1)

    @staticmethod
    def _fit(jets: Table) -> Codec:
        codec: Codec = Codec.bounded(tolerance=1e-3).fit(jets)
        return codec

    def measure(self, window: Table) -> Any:
        """Mean surprise in bits by question and feature, shape (2, features)."""
        new = self.codec.surprise_by_feature(window)
        missing = self._fit(window).surprise_by_feature(self.known)
        return np.array([[bits.mean() for bits in of.values()] for of in (new, missing)])

    def significance(self, window: Table) -> Any:
        """How far a window is above the good ones, in standard deviations, shape (2, features)."""
        return (self.measure(window) - self.mean) / self.spread


def dead(jets: Table, width: float) -> Table:
    """Without the jets in a region of phi, in radians."""
    phi = jets.columns["phi"]
    return jets.rows(np.flatnonzero((phi < 0.7) | (phi > 0.7 + width)))


def scaled(jets: Table, factor: float) -> Table:
    """With another energy scale."""
    energies = {name: jets.columns[name] * np.float32(factor) for name in ("pt", "mass")}
    return Table(jets.columns | energies)


EFFECTS: dict[str, Callable[[Table], Table]] = {
    "good": lambda jets: jets,
    "dead: 0.4 rad of phi": lambda jets: dead(jets, 0.4),
    "energies 2 % low": lambda jets: scaled(jets, 0.98),
    "energies 2 % high": lambda jets: scaled(jets, 1.02),
}


def draw(found: dict[str, Any], features: list[str], target: Path) -> None:
    """The largest significance of each window, and the mean of each feature over the windows."""
    looks = [("0.5", "o"), ("C0", "s"), ("C1", "^"), ("C2", "v")]
    labels = [f"{feature}, {question.split()[0]}" for question in QUESTIONS for feature in features]
    with plots.PLAIN.context():
        figure, axes = plt.subplots(1, 2, figsize=(15, 5.5), layout="constrained")
        for number, (name, significances) in enumerate(found.items()):
            color, marker = looks[number]
            for ax, places, values in (
                (axes[0], 1 + np.arange(len(significances)), significances.max(axis=(1, 2))),
                (axes[1], np.arange(len(labels)), significances.mean(axis=0).ravel()),
            ):
                ax.plot(places, values, marker, color=color, markersize=8, label=name)
        for ax in axes:
            ax.axhline(ALARM, color="black", linestyle="--", linewidth=1)
            ax.set_yscale("symlog", linthresh=10)
            ax.set_ylim(-4, 60)
            ax.margins(x=0.06)
            ax.set_yticks([0, 5, 10, 20, 50], ["0", "5", "10", "20", "50"])
            ax.minorticks_off()
        axes[0].set(xlabel=f"Window of {WINDOW:,} jets", ylabel="Largest significance")
        axes[0].legend(ncols=2, loc="upper left")
        axes[1].set_ylabel("Mean significance")
        axes[1].set_xticks(np.arange(len(labels)), labels, rotation=35, ha="right")
        figure.savefig(target, dpi=100)
        plt.close(figure)


def main() -> None:
    """Learn from half of the jets, monitor the others with each effect, and draw it."""
    parser = argparse.ArgumentParser(description="Monitor jets with a codec fitted to good ones.")
    parser.add_argument("file", type=Path, nargs="?", default=atlasae.sample())
    parser.add_argument("-o", "--output", type=Path, default=Path("data_quality.png"))
    given = parser.parse_args()
    jets = to_table(atlasae.read_jets(given.file)).flat()
    good, others = map(jets.rows, np.split(np.arange(len(jets)), [3 * len(jets) // 4]))
    monitor, found = Monitor(good), {}
    for name, effect in EFFECTS.items():
        found[name] = np.array([monitor.significance(one) for one in windows(effect(others))])
        largest, mean = found[name].max(axis=(1, 2)), found[name].mean(axis=0)
        question, feature = np.unravel_index(mean.argmax(), mean.shape)
        print(
            f"{name}: alarm in {np.sum(largest > ALARM)} of {len(largest)} windows, most in"
            f" {monitor.features[feature]}, {QUESTIONS[question]}: {mean.max():.1f}"
        )
    draw(found, monitor.features, given.output)
    print(f"{given.output} written")


if __name__ == "__main__":
    main()
