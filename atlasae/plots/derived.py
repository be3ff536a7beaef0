"""Observables derived from jets, before and after compression."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae.errors import require_choice
from atlasae.jets.distributions import profile
from atlasae.jets.metrics import checked_weights
from atlasae.jets.observables import OBSERVABLES, dijet_mass_resolution, jet_energy_resolution
from atlasae.plots import axes_layout
from atlasae.plots.ranges import counted, spread_of
from atlasae.plots.ratio import BINS, overlay
from atlasae.plots.style import NEUTRAL, PLAIN, Style, lines_of, series

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.axes import Axes

    from atlasae.plots.style import Artists
    from atlasae.types import Floats


_MASS_BINS = 14


def observable(
    original: Mapping[str, Floats],
    decoded: Mapping[str, Mapping[str, Floats]],
    name: str,
    *,
    weights: Floats | None = None,
    style: Style = PLAIN,
    axes: Sequence[Axes] | None = None,
) -> Artists:
    """Draw an observable of the events before and after compression, and the ratios below.

    Args:
        original: from ``atlasae.jets.observables.observables``.
        decoded: name to the observables of the decoded jets; all are overlaid.
        name: one of ``atlasae.jets.observables.OBSERVABLES``.
        weights: one per event with these observables, shape (events,); by default all count alike.
        style: of an experiment.
        axes: two to draw on, for the distributions and the ratios; by default those of a new
            figure.

    Raises:
        InputError: there is no observable of this name.

    Example:
        >>> import numpy as np
        >>> before, after = {"h_t": np.array([90.0, 120.0])}, {"h_t": np.array([90.1, 120.0])}
        >>> artists = observable(before, {"bounded": after}, "h_t")
    """
    require_choice("observable", name, OBSERVABLES)
    upper, lower = axes if axes is not None else axes_layout.stacked()
    style.label(upper)
    artists = overlay(
        original[name],
        {sample: values[name] for sample, values in decoded.items()},
        observable_edges(name, original[name]),
        log=OBSERVABLES[name].energy,
        axes=(upper, lower),
        weights=checked_weights(weights, len(original[name])),
        labelled=style.labelled,
    )
    upper.set_ylabel(counted("Events", weights), loc="top")
    lower.set_xlabel(observable_title(name, style), loc="right")
    return artists


def observable_edges(name: str, values: Floats) -> Floats:
    """The bins of ``observable``, from the values of the original."""
    low, high = spread_of(values, from_zero=OBSERVABLES[name].energy)
    if name == "delta_phi":
        low, high = 0.0, float(np.pi)
    return np.linspace(low, high, BINS + 1)


def dijet_mass_shift(
    original: Floats,
    decoded: Mapping[str, Floats],
    resolution: Callable[[Floats], Floats] = jet_energy_resolution,
    *,
    weights: Floats | None = None,
    style: Style = PLAIN,
    axes: Sequence[Axes] | None = None,
) -> Artists:
    """Draw how compression shifts and smears the dijet mass, compared with the detector.

    Upper panel: half the width of the central 68 % of decoded / original - 1 in bins of the
    mass, and the resolution. Lower panel: the median as a fraction of the resolution.

    Args:
        original: dijet masses in GeV, shape (events,).
        decoded: name to the dijet masses of the decoded jets.
        resolution: relative resolution of a jet as a function of its pt in GeV, for arrays; give
            that of your experiment.
        weights: one per event, shape (events,); by default all count alike.
        style: of an experiment.
        axes: two to draw on; by default those of a new figure.

    Example:
        >>> import numpy as np
        >>> masses = np.linspace(100.0, 500.0, 50)
        >>> artists = dijet_mass_shift(masses, {"bounded": masses * 1.001})
    """
    upper, lower = axes if axes is not None else axes_layout.stacked()
    style.label(upper)
    weights = checked_weights(weights, len(original))
    edges = _mass_edges(original)
    centers = np.sqrt(edges[1:] * edges[:-1])
    fine = np.geomspace(edges[0], edges[-1], 200)
    artists: Artists = [
        *upper.plot(
            fine, dijet_mass_resolution(fine, resolution), color=NEUTRAL, linewidth=3,
            label="Jet energy resolution",
        )
    ]  # fmt: skip
    resolutions = dijet_mass_resolution(centers, resolution)
    heights = [resolutions]
    for i, (name, masses) in enumerate(decoded.items()):
        with np.errstate(divide="ignore", invalid="ignore"):
            shifts = profile(masses / original - 1, original, edges, weights)
        half_widths = (shifts.high - shifts.low) / 2
        heights.append(np.where(half_widths > 0, half_widths, np.nan))
        artists += upper.plot(
            centers,
            heights[-1],
            **series(i),
            linewidth=1.2,
            label=f"{lines_of(name)}, 68 % half-width",
        )
        artists += lower.plot(centers, shifts.median / resolutions, **series(i), linewidth=1.2)
    _finish_shifts(lower)
    for ax in (upper, lower):
        axes_layout.log_ticks(ax.xaxis)
        ax.set_xlim(edges[0], edges[-1])
    _finish_widths(upper, edges, np.array(heights), labelled=style.labelled)
    lower.set_xlabel(observable_title("m_jj", style), loc="right")
    upper.figure.align_ylabels([upper, lower])
    return artists


def _mass_edges(masses: Floats) -> Floats:
    """Logarithmic bins over the masses, without the extreme ones."""
    positive = masses[np.isfinite(masses) & (masses > 0)]
    low, high = np.quantile(positive, (0.005, 0.999)) if positive.size else (1.0, 2.0)
    return np.geomspace(low, high if high > low else low + 1, _MASS_BINS + 1)


def _finish_widths(ax: Axes, edges: Floats, heights: Floats, *, labelled: bool) -> None:
    """The y axis and the legend of the upper panel."""
    ax.set_yscale("log")
    ax.set_ylim(np.nanmin(heights) / 2, None)
    ax.set_ylabel(f"Smearing of {OBSERVABLES['m_jj'].title}", loc="top")
    ax.tick_params(labelbottom=False)
    highest = np.nan_to_num(heights).max(axis=0)
    axes_layout.legend(ax, edges, 1.3 * highest, log=True, labelled=labelled)


def _finish_shifts(ax: Axes) -> None:
    """The y axis of the lower panel, symmetric about 0."""
    ax.axhline(0, color=NEUTRAL, linewidth=1)
    reach = 1.1 * max(abs(float(limit)) for limit in ax.get_ylim())
    ax.set_ylim(-reach, reach)
    axes_layout.few_ticks(ax.yaxis, 4)
    ax.set_ylabel("Shift /\nresolution", loc="center", fontsize=14)


def observable_title(name: str, style: Style) -> str:
    """The title of an observable's axis, with its unit."""
    title = OBSERVABLES[name].title
    title = title[0].upper() + title[1:]
    if OBSERVABLES[name].energy:
        return title + style.energy_unit("m" if name == "m_jj" else "pt")
    return title + (style.unit("rad") if name == "delta_phi" else "")
