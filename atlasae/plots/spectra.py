"""Spectra in bins so fine that the steps of a codec show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.errors import InputError
from atlasae.jets.metrics import checked_weights, matched
from atlasae.plots import axes_layout
from atlasae.plots.ranges import counted, to_gev
from atlasae.plots.style import ORIGINAL, PLAIN, Style, lines_of, series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from atlasae.plots.style import Artists
    from atlasae.quantization.tolerance import Tolerance
    from atlasae.types import Floats


BINS_PER_STEP = 10
_STEPS = (6, 12, 20)  # as few of them as hold enough values
_FEWEST = 100  # values in all bins


def comb(
    original: Any,
    decoded: Any,
    feature: str,
    tolerance: Tolerance,
    *,
    name: str = "Decoded",
    weights: Floats | None = None,
    style: Style = PLAIN,
    ax: Axes | None = None,
) -> Artists:
    """Draw a spectrum in bins of a tenth of a step, before and after compression.

    A step is two tolerances. Decoded values that are all multiples of a step make a comb: one bin of
    ten is filled. The part of the spectrum that has most values is drawn.

    Args:
        original: jets in any form that ``atlasae.jets.table.to_table`` accepts.
        decoded: the same jets, decoded.
        feature: name of the feature to draw.
        tolerance: of the feature, relative or absolute.
        name: of the decoded jets in the legend.
        weights: one per jet, shape (n,); by default all jets count alike.
        style: of an experiment.
        ax: to draw on; by default the axes of a new figure.

    Raises:
        InputError: the decoded jets are not the same jets, the weights do not fit, or there are not
            enough values for such bins.
        MissingNameError: the jets have no such feature.

    Example:
        >>> import numpy as np
        >>> from atlasae.quantization.tolerance import rel
        >>> pt = np.linspace(60.0, 66.0, 1000)
        >>> artists = comb({"pt": pt}, {"pt": pt}, "pt", rel(1e-2))
    """
    before, after = matched(original, decoded)
    weights = checked_weights(weights, len(before))
    values, back = (jets.select([feature]).columns[feature].astype(np.float64)
                    for jets in (before, after))  # fmt: skip
    edges = comb_edges(values, tolerance)
    if edges is None:
        raise InputError(f"{feature}: no {_FEWEST} values in bins of a tenth of {tolerance!r}")
    ax = ax or axes_layout.single()
    style.label(ax)
    first, second = (np.histogram(each, edges, weights=weights)[0] for each in (values, back))
    drawn = edges * to_gev(feature, before)
    names = (
        f"Original, {_empty_bins(values, edges)}",
        f"{lines_of(name)}, {_empty_bins(back, edges)}",
    )
    artists: Artists = [
        ax.stairs(second, drawn, color=series(0)["color"], fill=True, alpha=0.55, label=names[1]),
        ax.stairs(first, drawn, color=ORIGINAL, linewidth=1.4, label=names[0]),
    ]
    ax.set_xlim(drawn[0], drawn[-1])
    ax.set_ylim(min(0, first.min(), second.min()), None)
    axes_layout.few_ticks(ax.xaxis)
    ax.set_ylabel(counted("Jets", weights), loc="top")
    ax.set_xlabel(style.axis_title(feature), loc="right")
    highest = np.maximum(first, second)
    axes_layout.legend(ax, drawn, highest, labelled=style.labelled, reverse=True)
    return artists


def comb_edges(values: Floats, tolerance: Tolerance) -> Floats | None:
    """The bins of ``comb``, ten in a step; None if they would be nearly empty.

    Args:
        values: of the original, shape (n,).
        tolerance: of these values.

    Example:
        >>> import numpy as np
        >>> from atlasae.quantization.tolerance import abs_
        >>> edges = comb_edges(np.linspace(0, 1, 1000), abs_(0.05))
        >>> len(edges), round(float(edges[1] - edges[0]), 6)
        (61, 0.01)
    """
    if tolerance.kind == "lossless":
        return None
    is_relative = tolerance.kind == "relative"
    # values that many have, such as a -1 for none, are no spectrum
    places = np.unique(values[np.isfinite(values)])
    if is_relative:
        places = places[places > tolerance.floor]
    step = float(np.log1p(2 * tolerance.value)) if is_relative else 2 * tolerance.value
    places = (np.log(places) if is_relative else places) / step
    starts = np.unique(np.floor(places))
    if not len(starts):
        return None
    for steps in _STEPS:
        counts = places.searchsorted(starts + steps) - places.searchsorted(starts)
        if counts.max() >= _FEWEST:
            break
    else:
        return None
    # half a step on, so that no multiple of a step is an edge
    start = starts[counts.argmax()] + 0.5
    edges = step * (start + np.arange(steps * BINS_PER_STEP + 1) / BINS_PER_STEP)
    edges = np.exp(edges) if is_relative else edges
    return np.asarray(edges) if np.all(np.diff(edges) > 0) else None


def _empty_bins(values: Floats, edges: Floats) -> str:
    counts = np.histogram(values, edges)[0]
    return f"{100 * np.mean(counts == 0):.0f} % of bins empty"
