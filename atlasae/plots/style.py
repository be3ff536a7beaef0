"""The look of figures: style and label of an experiment, axis titles, colors, layouts."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import mplhep
import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from atlasae.errors import require_choice
from atlasae.jets.names import energy_unit, is_energy, role

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from numpy.typing import NDArray

    from atlasae.jets.metrics import Residuals
    from atlasae.jets.table import Table

    Artists = list[Artist]

# blue of the palette of Okabe and Ito, which suits all kinds of color vision, and a grey
ORIGINAL, NEUTRAL = "#0072B2", "#6B6B6B"
GREYS = ("#555555", "#888888", "#B0B0B0")
# the other colors of the palette, in an order in which neighbors differ in grey print too; lines
# and markers also differ, so that color is never the only difference between two series
_COLORS = ("#D55E00", "#009E73", "#000000", "#CC79A7", "#E69F00", "#56B4E9")
_LINES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
_MARKERS = ("o", "s", "^", "D", "v", "P")

_SYMBOLS = {"m": "m", "pt": r"p_{\mathrm{T}}", "phi": r"\phi", "eta": r"\eta", "e": "E"}
# the same for all experiments, so that figures of one layout fit
_LAYOUT = {
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "savefig.bbox": None,
    "font.size": 14,
    "axes.labelsize": 17,
    "axes.labelpad": 5,
    "axes.linewidth": 1,
    "axes.unicode_minus": True,
    "axes.formatter.limits": (-3, 6),
    "axes.formatter.use_mathtext": True,
    "legend.fontsize": 13,
    "legend.handlelength": 2,
    "legend.borderpad": 0,
    "legend.labelspacing": 0.35,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "lines.markeredgewidth": 1,
    "patch.linewidth": 1.8,
    "xtick.labelsize": 14,
    "ytick.labelsize": 14,
    **{f"{axis}.major.{what}": size for axis in ("xtick", "ytick")
       for what, size in {"size": 7, "width": 1, "pad": 5}.items()},
    **{f"{axis}.minor.{what}": size for axis in ("xtick", "ytick")
       for what, size in {"size": 4, "width": 1}.items()},
}  # fmt: skip
_UNITS = {"ATLAS": "[{}]", "CMS": "({})", "LHCb": "[{}]", "plain": "[{}]"}
EXPERIMENTS = tuple(_UNITS)


@dataclass(frozen=True)
class Style:
    """The style of an experiment.

    Attributes:
        experiment: ``ATLAS``, ``CMS``, ``LHCb``, or ``plain`` for none.
        text: follows the experiment's name in the label.

    Raises:
        InputError: there is no style of this experiment.

    Example:
        >>> style = Style("CMS", "Simulation Preliminary")
        >>> style.axis_title("mass")
        'Jet $m$ (GeV)'
    """

    experiment: str = "ATLAS"
    text: str = "Simulation Internal"

    def __post_init__(self) -> None:
        require_choice("experiment", self.experiment, EXPERIMENTS)

    @property
    def settings(self) -> dict[str, Any]:
        """The style of mplhep as matplotlib settings, with the layout common to all."""
        name = {"LHCb": "LHCb2", "plain": "ATLAS"}.get(self.experiment, self.experiment)
        return {**getattr(mplhep.style, name), **_LAYOUT}

    def context(self) -> AbstractContextManager[None]:
        """A context in which matplotlib draws in this style.

        Example:
            >>> import matplotlib.pyplot as plt
            >>> with Style("ATLAS").context():
            ...     plt.rcParams["axes.labelsize"]
            17.0
        """
        return plt.style.context(self.settings)

    def label(self, ax: Axes) -> None:
        """Write the experiment's name and the text into the upper left corner.

        Call it before drawing data: mplhep draws the whole figure to position the label.
        """
        if self.experiment == "plain":
            ax.text(0.05, 0.95, self.text, transform=ax.transAxes, va="top", fontsize=15)
            return
        experiment = getattr(mplhep, self.experiment.lower())
        sizes = (18, 16, 14, 14)
        with _hidden_ticks(ax.figure):
            experiment.label(self.text, data=True, rlabel="", ax=ax, loc=1, fontsize=sizes)

    def label_figure(self, figure: Any) -> None:
        """Write the same label at the top of a figure with many axes, or with 3D axes."""
        height = 0.62 / figure.get_figheight()
        strip = figure.add_axes((0.0, 1 - height, 1.0, height))
        strip.set_axis_off()
        self.label(strip)

    def unit(self, unit: str) -> str:
        """A unit as it follows an axis title, after a space."""
        return " " + _UNITS[self.experiment].format(unit)

    def energy_unit(self, quantity: str) -> str:
        """The unit of an energy (``e``), a mass (``m``) or a momentum (``pt``), as in ``unit``."""
        if self.experiment != "LHCb":
            return self.unit("GeV")
        return self.unit({"m": "GeV/$c^2$", "pt": "GeV/$c$"}.get(quantity, "GeV"))

    def axis_title(self, feature: str) -> str:
        """The title of a feature's axis; energies are drawn in GeV."""
        quantity = role(feature)
        if quantity is None:
            return f"Jet {feature}"
        unit = self.energy_unit(quantity) if is_energy(feature) else ""
        return f"Jet ${_SYMBOLS[quantity]}$" + (self.unit("rad") if quantity == "phi" else unit)

    def residual_title(self, result: Residuals, power: int = 0, *, size: bool = False) -> str:
        """The title of the axis of a feature's residuals.

        Args:
            result: the residuals.
            power: the numbers at the ticks are multiplied by this power of ten.
            size: whether absolute residuals are drawn.
        """
        quantity, bar = role(result.feature), "|" if size else ""
        units = [f"$\\mathrm{{10^{{{power}}}}}$"] if power else []
        if quantity == "phi":
            units.append("rad")
        unit = self.unit(" ".join(units)) if units else ""
        if quantity is None:
            return f"{bar}decoded $-$ original{bar} of {result.feature}{unit}"
        decoded, original = (
            _with_superscript(_SYMBOLS[quantity], word) for word in ("decoded", "original")
        )
        if result.relative:
            return f"${bar}{decoded} / {original} - \\mathrm{{1}}{bar}$" + unit
        return f"${bar}{decoded} - {original}{bar}$" + unit


ATLAS = Style()  #: the default style


@contextmanager
def _hidden_ticks(figure: Any) -> Iterator[None]:
    """Hide ticks and their labels, so that drawing is fast."""
    shown = [axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis) if axis.get_visible()]
    for axis in shown:
        axis.set_visible(False)
    try:
        yield
    finally:
        for axis in shown:
            axis.set_visible(True)


def _with_superscript(symbol: str, word: str) -> str:
    """A symbol in TeX with a word as its superscript, which needs no gap above a subscript."""
    gap = "" if "_" in symbol else "\\,"
    return f"{symbol}^{{{gap}\\mathrm{{{word}}}}}"


def symbol(feature: str) -> str:
    """The symbol of a feature in TeX, or its name."""
    quantity = role(feature)
    return f"${_SYMBOLS[quantity]}$" if quantity else feature


def series(i: int) -> dict[str, Any]:
    """Color, line and marker of the ``i``-th decoded sample; the first six differ in all three."""
    n = len(_COLORS)
    shift = i // n  # so that a color that is used again comes with another line and marker
    return {
        "color": _COLORS[i % n],
        "linestyle": _LINES[(i + shift) % n],
        "marker": _MARKERS[(i + shift) % n],
    }


def single() -> Axes:
    """Axes of a new figure."""
    figure, ax = plt.subplots(figsize=(7, 5.6))
    figure.subplots_adjust(left=0.16, right=0.96, bottom=0.14, top=0.96)
    return ax


def stacked() -> Sequence[Axes]:
    """Axes of a new figure, one above the other: for distributions and for ratios."""
    figure, axes = plt.subplots(2, 1, figsize=(7, 6.6), sharex=True, height_ratios=(3, 1))
    figure.subplots_adjust(left=0.16, right=0.96, bottom=0.12, top=0.96, hspace=0.07)
    return list(axes)


def beside() -> Sequence[Axes]:
    """Axes of a new figure, side by side, with a common y axis."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.8), sharey=True)
    figure.subplots_adjust(left=0.115, right=0.975, bottom=0.16, top=0.955, wspace=0.07)
    return list(axes)


def grid(k: int) -> NDArray[Any]:
    """Axes of a new figure, ``k`` rows of ``k``."""
    inches = 2.6 * k + 1.2
    figure, axes = plt.subplots(k, k, figsize=(inches, inches), squeeze=False)
    figure.subplots_adjust(
        left=1.0 / inches, right=1 - 0.25 / inches, bottom=0.8 / inches, top=1 - 0.55 / inches,
        wspace=0.09, hspace=0.09,
    )  # fmt: skip
    return axes


def finish_triangle(axes: NDArray[Any], titles: Sequence[str]) -> None:
    """Hide the axes above the diagonal, and label the outer ones: first column and last row."""
    k = len(titles)
    for row in range(k):
        for column in range(row + 1, k):
            axes[row, column].set_axis_off()
        for column in range(row + 1):
            ax, at_bottom, at_left = axes[row, column], row == k - 1, column == 0 < row
            ax.tick_params(labelsize=11, labelbottom=at_bottom, labelleft=at_left)
            ax.set_xlabel(titles[column] if at_bottom else "", loc="center", fontsize=14)
            ax.set_ylabel(titles[row] if at_left else "", loc="center", fontsize=14)
    axes[0, 0].figure.align_ylabels(axes[:, 0])


def make_room(ax: Axes, *, log: bool, share: float = 0.31) -> None:
    """Leave a share of the height free above the data, for the label and the legend."""
    if log:
        ax.set_yscale("log")
        low, high = ax.get_ylim()
        ax.set_ylim(low, low * (high / low) ** (1 / (1 - share)))
    else:
        low, high = ax.get_ylim()
        ax.set_ylim(low, low + (high - low) / (1 - share))


def minus(number: str) -> str:
    """A number with a minus sign instead of a hyphen."""
    return number.replace("-", "\N{MINUS SIGN}")


def few_ticks(axis: Axis, bins: int = 6) -> None:
    """Few ticks, at round numbers."""
    axis.set_major_locator(MaxNLocator(bins, steps=[1, 2, 2.5, 5, 10]))


def scaled_ticks(axis: Axis, reach: float) -> int:
    """Few ticks; small numbers are written without their power of ten.

    Args:
        axis: to change.
        reach: the largest number on it.

    Returns:
        The power of ten, for the axis title; 0 if the numbers are written in full.
    """
    few_ticks(axis)
    power = int(np.floor(np.log10(reach)))
    if power >= -2:
        return 0
    unit = 10.0**power
    axis.set_major_formatter(FuncFormatter(lambda value, _: minus(f"{value / unit:.4g}")))
    return power


def log_ticks(axis: Axis, subs: Sequence[float] = (1, 2, 5)) -> None:
    """A logarithmic scale with numbers in full, at these multiples of powers of ten."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})  # type: ignore[attr-defined]
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def legend(ax: Axes, **options: Any) -> None:
    """Draw the legend at the right, below the line of the label."""
    ax.legend(loc="upper right", bbox_to_anchor=(0.97, 0.88), **options)


def to_gev(feature: str, jets: Table) -> float:
    """The factor to the unit that a feature is drawn in: GeV for energies, judged by pt."""
    if not is_energy(feature):
        return 1.0
    pt = [values for name, values in jets.columns.items() if role(name) == "pt"]
    return 1e-3 if energy_unit((pt or [jets.columns[feature]])[0]) == "MeV" else 1.0


def limits_of(feature: str, values: NDArray[np.float64]) -> tuple[float, float]:
    """The range to draw a feature in, without its extreme tails."""
    if role(feature) == "phi":  # some files have 0 to 2 pi
        return (0, 2 * np.pi) if np.nanmax(values, initial=0) > np.pi + 0.01 else (-np.pi, np.pi)
    return spread_of(values, from_zero=is_energy(feature))


def spread_of(values: NDArray[np.float64], *, from_zero: bool) -> tuple[float, float]:
    """The range of the values without the extreme 0.1 % at either end.

    With ``from_zero`` it starts at the lowest value, or at 0 if that is close.
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = map(float, np.quantile(finite, (0.0 if from_zero else 0.001, 0.999)))
    if from_zero and 0 <= low < 0.05 * high:
        low = 0.0
    return low, high if high > low else low + 1
