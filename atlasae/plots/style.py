"""The look of figures: style and label of an experiment, axis titles, and colors."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import mplhep
from matplotlib.cbook import is_math_text
from matplotlib.mathtext import MathTextParser

from atlasae.errors import InputError, require_choice
from atlasae.jets.names import is_energy, role
from atlasae.text import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from atlasae.jets.metrics import Residuals

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
_UNITS = {"plain": "[{}]", "ATLAS": "[{}]", "CMS": "({})", "LHCb": "[{}]"}
EXPERIMENTS = tuple(_UNITS)
_LONGEST_NAME = 40  # characters, in figures
_LONGEST_LINE = 26


@dataclass(frozen=True)
class Style:
    """The style of an experiment.

    Attributes:
        experiment: ``ATLAS``, ``CMS``, ``LHCb``, or ``plain`` for none.
        text: follows the experiment's name in the label; may hold TeX between dollar signs.

    Raises:
        InputError: there is no style of this experiment, or the text is not valid TeX.

    Example:
        >>> style = Style("CMS", "Simulation Preliminary")
        >>> style.axis_title("mass")
        'Jet $m$ (GeV)'
    """

    experiment: str = "plain"
    text: str = ""

    def __post_init__(self) -> None:
        require_choice("experiment", self.experiment, EXPERIMENTS)
        try:
            if is_math_text(self.text):
                MathTextParser("path").parse(self.text)
        except ValueError as error:
            reason = str(error).splitlines()[-1]
            raise InputError(f"label {self.text!r} is not valid TeX: {reason}") from error

    @property
    def labelled(self) -> bool:
        """Whether there is a label to write."""
        return self.experiment != "plain" or bool(self.text)

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
            return f"Jet {plain_text(feature)}"
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
            return f"{bar}decoded $-$ original{bar} of {plain_text(result.feature)}{unit}"
        decoded, original = (
            _with_superscript(_SYMBOLS[quantity], word) for word in ("decoded", "original")
        )
        if result.relative:
            return f"${bar}{decoded} / {original} - \\mathrm{{1}}{bar}$" + unit
        return f"${bar}{decoded} - {original}{bar}$" + unit


PLAIN = Style()  #: the default style, without the name of an experiment
ATLAS = Style("ATLAS", "Simulation Internal")


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
    return f"${_SYMBOLS[quantity]}$" if quantity else plain_text(feature)


def plain_text(name: str) -> str:
    r"""A name as it is written in figures; long names are shortened.

    Without this, dollar signs enclose TeX, and legends leave out what begins with an underscore.

    Example:
        >>> plain_text("cut_$x$"), plain_text("_pt")
        ('cut_\\$x\\$', ' _pt')
    """
    return _escaped(shortened(printable(name), _LONGEST_NAME))


def _escaped(text: str) -> str:
    text = text.replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def lines_of(name: str) -> str:
    r"""A name as in ``plain_text``, on several lines if it is long.

    Example:
        >>> lines_of("a_file_with_a_name_of_many_words").splitlines()
        ['a_file_with_a_name_of_', 'many_words']
    """
    text = shortened(printable(name), _LONGEST_NAME)
    lines = [""]
    for piece in re.findall(rf"[^\s_\-/,;]{{1,{_LONGEST_LINE - 1}}}[\s_\-/,;]?|.", text):
        if lines[-1] and len(lines[-1] + piece) > _LONGEST_LINE:
            lines.append("")
        lines[-1] += piece
    return "\n".join(map(_escaped, lines))


def series(i: int) -> dict[str, Any]:
    """Color, line and marker of the ``i``-th decoded sample; the first six differ in all three."""
    n = len(_COLORS)
    shift = i // n  # so that a color that is used again comes with another line and marker
    return {
        "color": _COLORS[i % n],
        "linestyle": _LINES[(i + shift) % n],
        "marker": _MARKERS[(i + shift) % n],
    }
