"""Figures in ATLAS style: what compression did to the jets, and how the codec was trained.

Each function draws on the axes it is given, or on a new figure, and returns the figure.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hist
import matplotlib.pyplot as plt
import mplhep
import numpy as np
from matplotlib.ticker import MaxNLocator

from atlasae.errors import InputError
from atlasae.features import Table, energy_unit, is_energy, role, to_table
from atlasae.files import make_directory
from atlasae.metrics import Residuals, matched, residuals

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from atlasae.history import History, LearningRates

LABEL = "Simulation Internal"
FORMATS = ("png", "pdf")
BINS = 50
SHOWN_LATENTS = 4000  # more points hide one another
# blue, vermilion and grey of Okabe and Ito's palette: apart for every eye and in grey print
ORIGINAL, DECODED, NEUTRAL = "#0072B2", "#D55E00", "#7F7F7F"

_SYMBOLS = {
    "m": r"$m$",
    "pt": r"$p_{\mathrm{T}}$",
    "phi": r"$\phi$",
    "eta": r"$\eta$",
    "e": r"$E$",
}


#: The ATLAS style of mplhep, as a style of matplotlib; figures are saved at their own size.
ATLAS = mplhep.style.ATLAS | {"savefig.bbox": None, "figure.dpi": 100}


def distribution(
    original: Any,
    decoded: Any,
    feature: str,
    *,
    label: str = LABEL,
    axes: Sequence[Axes] | None = None,
) -> Figure:
    """A feature before and after compression, and below it the ratio of the two.

    Args:
        original: jets in any form ``atlasae.features.to_table`` takes.
        decoded: the same jets, decoded.
        feature: the one to draw.
        label: stands behind the experiment's name.
        axes: two to draw on, for the distribution and for the ratio.
    """
    first, second = matched(original, decoded)
    factor = _factor(feature, first)
    before, after = (
        table.select([feature]).columns[feature].astype(np.float64) * factor
        for table in (first, second)
    )
    upper, lower = axes if axes is not None else _stacked()
    axis = _axis_of(feature, before)
    histograms = [hist.Hist(axis).fill(values) for values in (before, after)]
    mplhep.histplot(
        histograms[0],
        ax=upper,
        histtype="fill",
        color=ORIGINAL,
        alpha=0.35,
        label="Original",
        flow="none",
    )
    mplhep.histplot(
        histograms[1],
        ax=upper,
        color=DECODED,
        label="Decoded",
        yerr=False,
        flow="none",
        linewidth=1.8,
    )
    upper.set_ylabel("Jets", loc="top")
    upper.tick_params(labelbottom=False)
    _make_room(upper, log=is_energy(feature))
    _legend(upper)
    _label(upper, label)
    _ratio(lower, histograms[0], histograms[1])
    lower.set_xlabel(axis_title(feature), loc="right")
    lower.set_xlim(axis.edges[0], axis.edges[-1])
    upper.set_xlim(axis.edges[0], axis.edges[-1])
    return _figure(upper)


def residual(result: Residuals, *, label: str = LABEL, ax: Axes | None = None) -> Figure:
    """The residuals of a feature, with their mean and sigma.

    The axis covers the central values; the share of jets beyond it is written on the figure.
    """
    ax = ax or _single()
    furthest = float(np.max(np.abs(result.values), initial=0.0))
    reach = min(4.5 * result.half_width, 1.5 * furthest)
    if not np.isfinite(reach) or reach == 0:
        reach = max(furthest, 1e-6)
    histogram = hist.Hist(hist.axis.Regular(BINS, -reach, reach)).fill(result.values)
    mplhep.histplot(histogram, ax=ax, histtype="fill", color=DECODED, alpha=0.35, flow="none")
    mplhep.histplot(histogram, ax=ax, color=DECODED, yerr=False, flow="none", linewidth=1.8)
    ax.axvline(0, color=NEUTRAL, linewidth=1, linestyle="--")
    beyond = 1 - float(histogram.sum()) / max(result.values.size, 1)
    lines = [
        f"mean  {_value(result.mean, result.mean_error)}",
        f"$\\sigma$  {_value(result.sigma, result.sigma_error)}",
        f"68 %  ± {result.half_width:.2g}",
        f"beyond axis  {100 * beyond:.2g} %",
    ]
    ax.text(0.96, 0.86, "\n".join(lines), transform=ax.transAxes, ha="right", va="top", fontsize=13)
    ax.set_xlim(-reach, reach)
    ax.xaxis.set_major_locator(MaxNLocator(5, symmetric=True))
    ax.ticklabel_format(style="plain", useOffset=False)
    ax.set_ylabel("Jets", loc="top")
    ax.set_xlabel(residual_title(result), loc="right")
    _make_room(ax, log=False)
    _label(ax, label)
    return _figure(ax)


def training(history: History, *, label: str = LABEL, ax: Axes | None = None) -> Figure:
    """Training and validation loss by epoch, and the epoch that was kept."""
    ax = ax or _single()
    epochs = np.arange(1, len(history) + 1)
    ax.plot(epochs, history.train, color=ORIGINAL, label="Training")
    if history.valid:
        ax.plot(epochs, history.valid, color=DECODED, label="Validation")
    kept = history.best_epoch + 1
    ax.plot(kept, history.kept_loss, "o", color=DECODED, label=f"Kept: epoch {kept}")
    ax.set_yscale("log")
    ax.set_xlabel("Epoch", loc="right")
    ax.set_ylabel("Loss", loc="top")
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    losses = np.array(history.train + history.valid)
    low, high = losses.min(), losses.max()
    ax.set_ylim(0.8 * low, high * max(high / low, 2.0) ** 0.8)
    _legend(ax)
    _label(ax, label)
    return _figure(ax)


def learning_rates(found: LearningRates, *, label: str = LABEL, ax: Axes | None = None) -> Figure:
    """The loss at each learning rate that the finder tried, and its suggestion."""
    ax = ax or _single()
    ax.plot(found.rates, found.losses, color=ORIGINAL)
    ax.axvline(
        found.suggestion, color=DECODED, linestyle="--", label=f"Suggested: {found.suggestion:.1e}"
    )
    ax.set_xscale("log")
    ax.set_xlabel("Learning rate", loc="right")
    ax.set_ylabel("Loss", loc="top")
    lowest, first = min(found.losses), found.losses[0]
    ax.set_ylim(0.8 * lowest, lowest + 1.7 * max(first - lowest, 0.1 * lowest))
    _legend(ax)
    _label(ax, label)
    return _figure(ax)


def latent_space(latents: Any, *, label: str = LABEL) -> Figure:
    """The first three latents of some thousand jets in space.

    Raises:
        InputError: there are fewer than three latents.
    """
    z = _latent_matrix(latents)
    if z.shape[1] < 3:
        raise InputError(f"{z.shape[1]} latents do not fill a space of three dimensions")
    figure = plt.figure(figsize=(7, 6.4))
    ax: Any = figure.add_axes((0.0, 0.04, 0.92, 0.88), projection="3d")
    limits = np.quantile(z, (0.005, 0.995), axis=0)
    inside = np.all((z >= limits[0]) & (z <= limits[1]), axis=1)
    ax.scatter(
        z[inside, 0], z[inside, 1], z[inside, 2], c=z[inside, 2], s=3, cmap="cividis", linewidths=0
    )
    for i, name in enumerate("xyz"):
        getattr(ax, f"set_{name}label")(_latent_name(i), labelpad=8)
        getattr(ax, f"{name}axis").set_major_locator(MaxNLocator(5))
    ax.tick_params(labelsize=10)
    figure.text(0.04, 0.94, "ATLAS", fontsize=16, fontweight="bold", fontstyle="italic")
    figure.text(0.165, 0.94, label, fontsize=16)
    return figure


def latent_pairs(latents: Any, *, label: str = LABEL) -> Figure:
    """Each latent's distribution, and each pair of them."""
    z = _latent_matrix(latents)
    k = z.shape[1]
    figure, grid = plt.subplots(k, k, figsize=(2.7 * k + 1.2, 2.6 * k + 1), squeeze=False)
    limits = np.quantile(z, (0.002, 0.998), axis=0).T
    for row in range(k):
        for column in range(k):
            ax = grid[row, column]
            if column > row:
                ax.set_axis_off()
                continue
            if column == row:
                counts = hist.Hist(hist.axis.Regular(40, *limits[row])).fill(z[:, row])
                mplhep.histplot(
                    counts, ax=ax, histtype="fill", color=ORIGINAL, alpha=0.5, flow="none"
                )
                ax.set_yticks([])
            else:
                ax.hist2d(
                    z[:, column],
                    z[:, row],
                    bins=60,
                    range=limits[[column, row]],
                    cmap="cividis",
                    cmin=1,
                )
                ax.set_ylim(*limits[row])
            ax.set_xlim(*limits[column])
            ax.tick_params(
                labelsize=10, labelbottom=row == k - 1, labelleft=column == 0 and row > 0
            )
            ax.xaxis.set_major_locator(MaxNLocator(4))
            if row != column:
                ax.yaxis.set_major_locator(MaxNLocator(4))
            ax.set_xlabel(_latent_name(column) if row == k - 1 else "", loc="center", fontsize=13)
            ax.set_ylabel(
                _latent_name(row) if column == 0 and row else "", loc="center", fontsize=13
            )
    figure.subplots_adjust(left=0.11, right=0.97, bottom=0.1, top=0.91, wspace=0.08, hspace=0.08)
    figure.text(0.11, 0.94, "ATLAS", fontsize=16, fontweight="bold", fontstyle="italic")
    figure.text(0.11 + 0.9 / (2.7 * k + 1.2), 0.94, label, fontsize=16)
    return figure


def save_figures(
    directory: str | os.PathLike[str],
    original: Any,
    decoded: Any,
    *,
    latents: Any = None,
    history: History | None = None,
    label: str = LABEL,
) -> list[Path]:
    """Draw every figure there is data for and write each as PNG and PDF.

    Args:
        directory: where to write; it is made if it is not there.
        original: jets.
        decoded: the same jets, decoded.
        latents: of the same jets, for the figures of the latent space.
        history: of the training, for the figure of the losses.
        label: stands behind the experiment's name.

    Returns:
        The files written.

    Raises:
        InputError: the two are not the same jets.
    """
    results = residuals(original, decoded)
    draw: dict[str, partial[Figure]] = {}
    for feature, result in results.items():
        draw[f"distribution_{feature}"] = partial(
            distribution, original, decoded, feature, label=label
        )
        draw[f"residual_{feature}"] = partial(residual, result, label=label)
    if history is not None and len(history):
        draw["training"] = partial(training, history, label=label)
    if latents is not None:
        z = _latent_matrix(latents)
        if z.shape[1] >= 3:
            draw["latent_space"] = partial(latent_space, z, label=label)
        draw["latent_pairs"] = partial(latent_pairs, z, label=label)
    target = make_directory(directory)
    written = []
    for name, figure_of in draw.items():
        with plt.style.context(ATLAS):
            figure = figure_of()
            for suffix in FORMATS:
                path = target / f"{name}.{suffix}"
                figure.savefig(path, dpi=150)
                written.append(path)
            plt.close(figure)
    return written


def axis_title(feature: str) -> str:
    """The title of a feature's axis; energies are drawn in GeV."""
    what = role(feature)
    if what is None:
        return f"Jet {feature}"
    return f"Jet {_SYMBOLS[what]}" + (" [GeV]" if is_energy(feature) else "")


def residual_title(result: Residuals) -> str:
    """The title of the axis of a feature's residuals."""
    what = role(result.feature)
    symbol = (_SYMBOLS[what] if what else result.feature).strip("$")
    if what is None:
        return f"decoded $-$ original {result.feature}"
    decoded, original = (
        f"{symbol}^{{\\,\\mathrm{{decoded}}}}",
        f"{symbol}^{{\\,\\mathrm{{original}}}}",
    )
    if what == "pt":  # one superscript on a symbol that has a subscript
        decoded, original = (
            f"p_{{\\mathrm{{T}}}}^{{\\mathrm{{{s}}}}}" for s in ("decoded", "original")
        )
    if result.relative:
        return f"${decoded} / {original} - 1$"
    return f"${decoded} - {original}$" + (" [rad]" if what == "phi" else "")


def _factor(feature: str, jets: Table) -> float:
    """What brings a feature to the unit it is drawn in: energies to GeV, told by the pt."""
    if not is_energy(feature):
        return 1.0
    pt = [values for name, values in jets.columns.items() if role(name) == "pt"]
    return 1e-3 if energy_unit((pt or [jets.columns[feature]])[0]) == "MeV" else 1.0


def _axis_of(feature: str, values: NDArray[np.float64]) -> hist.axis.Regular:
    """Bins over the values but their furthest tails."""
    if role(feature) == "phi":
        return hist.axis.Regular(BINS, -np.pi, np.pi)
    finite = values[np.isfinite(values)]
    low, high = (0.0, 1.0)
    if finite.size:
        low, high = (
            float(q) for q in np.quantile(finite, (0.0 if is_energy(feature) else 0.001, 0.999))
        )
    if is_energy(feature):
        low = min(low, 0.0) if low < 0.05 * high else low
    return hist.axis.Regular(BINS, low, high if high > low else low + 1)


def _ratio(ax: Axes, original: hist.Hist, decoded: hist.Hist) -> None:
    counts, others = original.values(), decoded.values()
    filled = counts > 0
    centers = original.axes[0].centers
    ratio = np.divide(others, counts, out=np.full_like(counts, np.nan), where=filled)
    spread = np.divide(1, np.sqrt(counts), out=np.zeros_like(counts), where=filled)
    edges = original.axes[0].edges
    ax.stairs(
        1 + spread, edges, baseline=1 - spread, fill=True, color=NEUTRAL, alpha=0.3, linewidth=0
    )
    ax.plot(centers, ratio, "o", color=DECODED, markersize=4)
    ax.axhline(1, color=NEUTRAL, linewidth=1)
    ax.set_ylim(0.45, 1.55)
    ax.yaxis.set_major_locator(MaxNLocator(4))
    ax.set_ylabel("Decoded /\noriginal", loc="center", fontsize=14)


def _make_room(ax: Axes, *, log: bool) -> None:
    """Space above the data for the label and the legend."""
    if log:
        ax.set_yscale("log")
        low, high = ax.get_ylim()
        ax.set_ylim(low, high * (high / low) ** 0.45)
    else:
        ax.set_ylim(0, 1.45 * ax.get_ylim()[1])


def _legend(ax: Axes) -> None:
    """The legend at the right, under the line that the label takes."""
    ax.legend(loc="upper right", bbox_to_anchor=(0.98, 0.89))


def _value(value: float, error: float) -> str:
    """A value to the precision of its error, such as 0.0123 +- 0.0004."""
    digits = max(0, -int(np.floor(np.log10(error))) + 1) if error > 0 else 6
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def _latent_matrix(latents: Any) -> NDArray[np.float64]:
    """Latents as an array (n, k); of many jets only some thousand, evenly spread."""
    if not isinstance(latents, np.ndarray):
        latents = np.stack(list(to_table(latents).columns.values()), axis=1)
    step = -(-len(latents) // SHOWN_LATENTS) if len(latents) else 1
    return np.asarray(latents[::step], np.float64)


def _latent_name(i: int) -> str:
    return f"$z_{{{i}}}$"


def _label(ax: Axes, text: str) -> None:
    mplhep.atlas.label(text, data=True, rlabel="", ax=ax, loc=1)


def _single() -> Axes:
    _, ax = plt.subplots(figsize=(7, 5.6), layout=None)
    ax.figure.subplots_adjust(left=0.15, right=0.96, bottom=0.14, top=0.96)
    return ax


def _stacked() -> Sequence[Axes]:
    figure, axes = plt.subplots(2, 1, figsize=(7, 6.6), sharex=True, height_ratios=(3, 1))
    figure.subplots_adjust(left=0.15, right=0.96, bottom=0.12, top=0.96, hspace=0.06)
    return axes  # type: ignore[no-any-return]


def _figure(ax: Axes) -> Figure:
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure
