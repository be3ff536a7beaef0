"""What an autoencoder makes of the jets: its latents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hist
import matplotlib.pyplot as plt
import mplhep
import numpy as np
from matplotlib.ticker import MaxNLocator

from atlasae.errors import InputError
from atlasae.jets.table import to_table
from atlasae.plots import style as styles
from atlasae.plots.style import ATLAS, ORIGINAL, Style

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlasae.plots.style import Artists

SHOWN_LATENTS = 4000  # more points hide one another


def latent_space(latents: Any, *, style: Style = ATLAS, ax: Any = None) -> Artists:
    """The first three latents of some thousand jets in space.

    Args:
        latents: of ``AutoencoderCodec.encode``, or an array of shape (n, k).
        style: the experiment's.
        ax: to draw on, of three dimensions; by default a new figure's.

    Raises:
        InputError: there are fewer than three latents.
    """
    z = _matrix(latents)
    if z.shape[1] < 3:
        raise InputError(f"{z.shape[1]} latents do not fill a space of three dimensions")
    if ax is None:
        ax = plt.figure(figsize=(7, 6.4)).add_axes((0.0, 0.04, 0.92, 0.88), projection="3d")
    style.label_figure(ax.figure)
    limits = np.quantile(z, (0.005, 0.995), axis=0)
    inside = z[np.all((z >= limits[0]) & (z <= limits[1]), axis=1)].T
    points = ax.scatter(*inside[:3], c=inside[2], s=3, cmap="cividis", linewidths=0)
    for i, name in enumerate("xyz"):
        getattr(ax, f"set_{name}label")(_name(i), labelpad=8)
        getattr(ax, f"{name}axis").set_major_locator(MaxNLocator(5))
    ax.tick_params(labelsize=10)
    return [points]


def latent_pairs(
    latents: Any, *, style: Style = ATLAS, axes: NDArray[Any] | None = None
) -> Artists:
    """Each latent's distribution, and each pair of them.

    Args:
        latents: of ``AutoencoderCodec.encode``, or an array of shape (n, k).
        style: the experiment's.
        axes: k rows of k; by default a new figure's.
    """
    z = _matrix(latents)
    k = z.shape[1]
    axes = axes if axes is not None else styles.grid(k)
    style.label_figure(axes[0, 0].figure)
    limits = np.quantile(z, (0.002, 0.998), axis=0).T
    artists: Artists = []
    for row in range(k):
        for column in range(k):
            ax = axes[row, column]
            if column > row:
                ax.set_axis_off()
                continue
            outer = row == k - 1, column == 0 and row > 0
            if column == row:
                counts = hist.Hist(hist.axis.Regular(40, *limits[row])).fill(z[:, row])
                drawn = mplhep.histplot(
                    counts, ax=ax, histtype="fill", color=ORIGINAL, alpha=0.5, flow="none"
                )
                artists += [artist for part in drawn for artist in part if artist is not None]
                ax.set_yticks([])
            else:
                x, y = z[:, column], z[:, row]
                shown = limits[[column, row]]
                artists.append(
                    # of the map's colours those that white paper does not swallow
                    ax.hist2d(x, y, bins=50, range=shown, cmap="Blues", cmin=1, vmin=-3)[3]
                )
                ax.set_ylim(*limits[row])
                styles.few_ticks(ax.yaxis, 4)
            ax.set_xlim(*limits[column])
            styles.few_ticks(ax.xaxis, 4)
            ax.tick_params(labelsize=11, labelbottom=outer[0], labelleft=outer[1])
            ax.set_xlabel(_name(column) if outer[0] else "", loc="center", fontsize=14)
            ax.set_ylabel(_name(row) if outer[1] else "", loc="center", fontsize=14)
    axes[0, 0].figure.align_ylabels(axes[:, 0])
    return artists


def _matrix(latents: Any) -> NDArray[np.float64]:
    """Latents as an array (n, k); of many jets only some thousand, evenly spread."""
    if not isinstance(latents, np.ndarray):
        latents = np.stack(list(to_table(latents).columns.values()), axis=1)
    step = max(-(-len(latents) // SHOWN_LATENTS), 1)
    return np.asarray(latents[::step], np.float64)


def _name(i: int) -> str:
    return f"$z_{{\\mathrm{{{i}}}}}$"
