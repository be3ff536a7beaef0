"""Does compression change my analysis? A dijet selection, before and after, in one figure.

python examples/trust.py                      # the sample that comes with atlasae
python examples/trust.py events.root -o trust.png --tolerance 1e-3
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import awkward as ak
import hist
import matplotlib.pyplot as plt
import mplhep
import numpy as np

import atlasae

BINS = np.linspace(20, 220, 41)  # of pt, GeV
PT, ETA = 30, 2.4  # of the selection


def analysed(path: Path) -> tuple[ak.Array, ak.Array, ak.Array]:
    """The jets of a file; in which events the leading two pass; and the mass of these two."""
    with atlasae.open(path) as file:
        jets = file["Events"].collection("Jet")
    leading = jets[:, :2]
    passes = ak.sum((leading.pt > PT) & (abs(leading.eta) < ETA), axis=1) == 2
    pairs = leading[passes]
    return jets, passes, (pairs[:, 0] + pairs[:, 1]).mass


def draw(
    before: tuple[ak.Array, ...],
    after: tuple[ak.Array, ...],
    tolerance: float,
    title: str,
    target: Path,
) -> None:
    """The spectrum that is cut on, the mass that is derived, and the errors of single jets."""
    pt = [ak.to_numpy(ak.flatten(jets.pt)).astype(np.float64) for jets, _, _ in (before, after)]
    mass_axis = hist.axis.Regular(25, 0, 500)
    spectra = [hist.Hist(hist.axis.Variable(BINS)).fill(values) for values in pt]
    masses = [hist.Hist(mass_axis).fill(ak.to_numpy(values)) for _, _, values in (before, after)]
    with plt.style.context([mplhep.style.ATLAS, {"font.size": 13}]):
        figure, axes = plt.subplots(1, 3, figsize=(17, 5), layout="constrained")
        figure.suptitle(title)
        mplhep.histplot(
            spectra[0], ax=axes[0], label="original", flow="none", color="black", yerr=False
        )
        mplhep.histplot(
            spectra[1], ax=axes[0], label="decoded", flow="none", histtype="errorbar", color="C1"
        )
        same = np.array_equal(spectra[0].values(), spectra[1].values())
        axes[0].set(
            xlabel=r"jet $p_T$ [GeV]", ylabel="Jets / 5 GeV", yscale="log", xlim=BINS[[0, -1]]
        )
        axes[0].legend(title="every bin is the same" if same else "bins differ")
        counts, decoded = (spectrum.values() for spectrum in masses)
        is_filled = counts > 0
        centers, counts = mass_axis.centers[is_filled], counts[is_filled]
        axes[1].errorbar(
            centers, np.ones(len(centers)), 1 / np.sqrt(counts), fmt="none", color="0.6",
            elinewidth=6, label="statistical error of the original",
        )  # fmt: skip
        axes[1].plot(centers, decoded[is_filled] / counts, "o", color="C1", label="decoded")
        axes[1].set(
            xlabel=r"$m_{jj}$ [GeV]",
            ylabel="Events, decoded / original",
            xlim=(0, 500),
            ylim=(0.7, 1.3),
        )
        axes[1].legend()
        errors = (pt[1] / pt[0] - 1) / tolerance
        axes[2].hist(errors, np.linspace(-1.5, 1.5, 61), color="C1")
        for bound in (-1, 1):
            axes[2].axvline(bound, color="black", linestyle="--")
        axes[2].set(
            xlabel=r"error of a jet's $p_T$ / tolerance", ylabel="Jets / 0.05", xlim=(-1.5, 1.5)
        )
        figure.savefig(target, dpi=120)
        plt.close(figure)


def main() -> None:
    """Compress, analyse both files, say what changed, and draw it."""
    parser = argparse.ArgumentParser(description="What compression does to a dijet analysis.")
    parser.add_argument("file", type=Path, nargs="?", default=atlasae.sample())
    parser.add_argument("-o", "--output", type=Path, default=Path("trust.png"))
    parser.add_argument("--tolerance", type=float, default=1e-3)
    given = parser.parse_args()
    cuts = {"Jet_pt": [PT, *BINS], "abs(Jet_eta)": ETA}
    masses = {"Jet_m_jj": 2 * given.tolerance}
    codec = atlasae.Codec.bounded(tolerance=given.tolerance, cuts=cuts, keep=masses)
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.root"
        contents = atlasae.compress(given.file, small, codec=codec)
        before, after = analysed(given.file), analysed(small)
    moved = int(ak.sum(before[1] != after[1]))
    shift = np.abs(ak.to_numpy(after[2] / before[2]) - 1).max() if not moved else np.nan
    title = (
        f"{contents.ratio:.1f} times smaller; {moved} of {len(before[1]):,} events enter or leave"
        f" the selection; $m_{{jj}}$ changes by at most {shift:.2%}"
    )
    print(title.replace("$", ""))
    draw(before, after, given.tolerance, title, given.output)
    print(f"{given.output} written")


if __name__ == "__main__":
    main()
