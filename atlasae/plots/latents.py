"""The latents of an autoencoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hist
import matplotlib.pyplot as plt
import mplhep
import numpy as np
from matplotlib.ticker import MaxNLocator

from atlasae.errors import InputError
from atlasae.jets.table import to_table
from atlasae.plots import axes_layout
from atlasae.plots.style import ORIGINAL, PLAIN, Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from atlasae.plots.style import Artists
    from atlasae.types import Floats

MAX_POINTS = 4000  # more would hide each other


def latent_space(latents: Any, *, style: Style = PLAIN, ax: Any = None) -> Artists:
    """Draw the first three latents of at most 4,000 jets in three dimensions.

    Args:
        latents: from ``AutoencoderCodec.encode``, or an array of shape (n, k).
        style: of an experiment.
        ax: 3D axes to draw on; by default those of a new figure.

    Raises:
        InputError: there are fewer than three latents.

    Example:
        >>> import numpy as np
        >>> artists = latent_space(np.random.default_rng(0).normal(size=(100, 3)))
    """
    z = _matrix(latents)
    if z.shape[1] < 3:
        raise InputError(f"three latents are needed to draw them in space, there are {z.shape[1]}")
    if ax is None:
        ax = plt.figure(figsize=(6, 5.5)).add_axes((0.0, 0.04, 0.92, 0.88), projection="3d")
    style.label_figure(ax.figure)
    limits = np.quantile(z, (0.005, 0.995), axis=0)
    inside = z[np.all((z >= limits[0]) & (z <= limits[1]), axis=1)].T
    points = ax.scatter(*inside[:3], c=inside[2], s=3, cmap="cividis", linewidths=0)
    for i, name in enumerate("xyz"):
        getattr(ax, f"set_{name}label")(_symbol(i), labelpad=8)
        getattr(ax, f"{name}axis").set_major_locator(MaxNLocator(5))
    ax.tick_params(labelsize=11)
    return [points]


def latent_pairs(
    latents: Any, *, style: Style = PLAIN, axes: NDArray[Any] | None = None
) -> Artists:
    """Draw the distribution of each latent, and of each pair of latents.

    Args:
        latents: from ``AutoencoderCodec.encode``, or an array of shape (n, k).
        style: of an experiment.
        axes: shape (k, k), to draw on; by default those of a new figure.

    Example:
        >>> import numpy as np
        >>> artists = latent_pairs(np.random.default_rng(0).normal(size=(100, 2)))
    """
    z = _matrix(latents)
    k = z.shape[1]
    axes = axes if axes is not None else axes_layout.grid(k)
    style.label_figure(axes[0, 0].figure)
    limits = np.quantile(z, (0.002, 0.998), axis=0).T
    artists: Artists = []
    for row, column in zip(*np.tril_indices(k), strict=True):
        ax = axes[row, column]
        if column == row:
            artists += _distribution(ax, z[:, row], limits[row])
        else:
            artists += _density(ax, z[:, [column, row]], limits[[column, row]])
        ax.set_xlim(*limits[column])
        axes_layout.few_ticks(ax.xaxis, 4)
    axes_layout.finish_triangle(axes, [_symbol(i) for i in range(k)])
    return artists


def _distribution(ax: Axes, values: Floats, limits: Floats) -> Artists:
    counts = hist.Hist(hist.axis.Regular(40, *limits)).fill(values)
    drawn = mplhep.histplot(counts, ax=ax, histtype="fill", color=ORIGINAL, alpha=0.5, flow="none")
    ax.set_yticks([])
    return [artist for group in drawn for artist in group if artist is not None]


def _density(ax: Axes, pairs: Floats, limits: Floats) -> Artists:
    # vmin below zero leaves out the palest colors of the map, which do not show on white
    x, y = pairs.T
    image = ax.hist2d(x, y, bins=50, range=limits, cmap="Blues", cmin=1, vmin=-3)[3]
    ax.set_ylim(*limits[1])
    axes_layout.few_ticks(ax.yaxis, 4)
    return [image]


def _matrix(latents: Any) -> Floats:
    """Latents as an array (n, k), of at most MAX_POINTS jets, evenly spread."""
    if not isinstance(latents, np.ndarray):
        latents = np.stack(list(to_table(latents).columns.values()), axis=1)
    step = max(-(-len(latents) // MAX_POINTS), 1)
    return np.asarray(latents[::step], np.float64)


def _symbol(i: int) -> str:
    return f"$z_{{\\mathrm{{{i}}}}}$"
