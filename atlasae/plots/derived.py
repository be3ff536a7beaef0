"""What compression does to the numbers an analysis makes of the jets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlasae.errors import require_choice
from atlasae.jets.metrics import profile
from atlasae.jets.observables import OBSERVABLES, dijet_mass_resolution, jet_energy_resolution
from atlasae.plots import style as styles
from atlasae.plots.ratio import BINS, overlay
from atlasae.plots.style import ATLAS, NEUTRAL, Style, series, spread_of

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
    style: Style = ATLAS,
    axes: Sequence[Axes] | None = None,
) -> Artists:
    """An observable of the events before and after compression, and below it the ratios.

    Args:
        original: of ``atlasae.jets.observables.observables``.
        decoded: name to the same of the decoded jets; several are laid over one another.
        name: one of ``atlasae.jets.observables.OBSERVABLES``.
        style: the experiment's.
        axes: two to draw on, for the distributions and for the ratios; by default a new figure's.

    Raises:
        InputError: there is no observable of this name.
    """
    require_choice("observable", name, OBSERVABLES)
    what = OBSERVABLES[name]
    upper, lower = axes if axes is not None else styles.stacked()
    style.label(upper)
    artists = overlay(
        original[name],
        {sample: values[name] for sample, values in decoded.items()},
        observable_edges(name, original[name]),
        log=what.energy,
        axes=(upper, lower),
    )
    upper.set_ylabel("Events", loc="top")
    lower.set_xlabel(observable_title(name, style), loc="right")
    return artists


def observable_edges(name: str, values: Floats) -> Floats:
    """The bins that ``observable`` counts in, for the original's values."""
    low, high = spread_of(values, from_zero=OBSERVABLES[name].energy)
    if name == "delta_phi":
        low, high = 0.0, float(np.pi)
    return np.linspace(low, high, BINS + 1)


def dijet_mass_shift(
    original: Floats,
    decoded: Mapping[str, Floats],
    resolution: Callable[[Floats], Floats] = jet_energy_resolution,
    *,
    style: Style = ATLAS,
    axes: Sequence[Axes] | None = None,
) -> Artists:
    """How compression shifts and smears the dijet mass, against what the detector does.

    Above half the width of the central 68 % of decoded / original - 1 in bins of the mass, and
    the resolution; below the median as a share of that resolution.

    Args:
        original: dijet masses in GeV, shape (events,).
        decoded: name to the same of the decoded jets.
        resolution: relative resolution of a jet by its pt in GeV, of arrays; replace it by your
            own experiment's.
        style: the experiment's.
        axes: two to draw on; by default a new figure's.
    """
    upper, lower = axes if axes is not None else styles.stacked()
    style.label(upper)
    positive = original[np.isfinite(original) & (original > 0)]
    low, high = np.quantile(positive, (0.005, 0.999)) if positive.size else (1.0, 2.0)
    edges = np.geomspace(low, high if high > low else low + 1, _MASS_BINS + 1)
    centers = np.sqrt(edges[1:] * edges[:-1])
    fine = np.geomspace(edges[0], edges[-1], 200)
    artists: Artists = [
        *upper.plot(
            fine, dijet_mass_resolution(fine, resolution), color=NEUTRAL, linewidth=3,
            label="Jet energy resolution",
        )
    ]  # fmt: skip
    with np.errstate(divide="ignore", invalid="ignore"):
        shifts = {name: values / original - 1 for name, values in decoded.items()}
    drawn = [dijet_mass_resolution(centers, resolution)]
    for i, (name, values) in enumerate(shifts.items()):
        found = profile(values, original, edges)
        width = (found.high - found.low) / 2
        drawn.append(np.where(width > 0, width, np.nan))
        artists += upper.plot(
            centers, drawn[-1], **series(i), linewidth=1.2, label=f"{name}, 68 % half-width"
        )
        share = found.median / dijet_mass_resolution(centers, resolution)
        artists += lower.plot(centers, share, **series(i), linewidth=1.2)
    for ax in (upper, lower):
        styles.log_ticks(ax.xaxis)
        ax.set_xlim(edges[0], edges[-1])
    upper.set_yscale("log")
    upper.set_ylim(np.nanmin(drawn) / 2, 2 * np.nanmax(drawn))
    styles.make_room(upper, log=True, share=min(0.18 + 0.055 * (1 + len(decoded)), 0.6))
    upper.set_ylabel(f"Smearing of {OBSERVABLES['m_jj'].title}", loc="top")
    upper.tick_params(labelbottom=False)
    styles.legend(upper)
    lower.axhline(0, color=NEUTRAL, linewidth=1)
    reach = 1.1 * max(abs(float(limit)) for limit in lower.get_ylim())
    lower.set_ylim(-reach, reach)
    styles.few_ticks(lower.yaxis, 4)
    lower.set_ylabel("Shift /\nresolution", loc="center", fontsize=14)
    lower.set_xlabel(observable_title("m_jj", style), loc="right")
    upper.figure.align_ylabels([upper, lower])
    return artists


def observable_title(name: str, style: Style) -> str:
    """The title of an observable's axis."""
    what = OBSERVABLES[name]
    title = what.title[0].upper() + what.title[1:]
    if what.energy:
        return title + style.energy_unit("m" if name == "m_jj" else "pt")
    return title + (style.unit("rad") if name == "delta_phi" else "")
