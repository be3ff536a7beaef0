"""How an autoencoder was trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from atlasae.errors import InputError
from atlasae.plots import style as styles
from atlasae.plots.style import ATLAS, ORIGINAL, Style, legend, log_ticks, series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from atlasae.codecs.history import History, LearningRates
    from atlasae.plots.style import Artists


def training(history: History, *, style: Style = ATLAS, ax: Axes | None = None) -> Artists:
    """Training and validation loss by epoch, and the epoch that was kept.

    Args:
        history: of a codec, ``history_``.
        style: the experiment's.
        ax: to draw on; by default a new figure's.

    Raises:
        InputError: there was no epoch.
    """
    if not len(history):
        raise InputError("a history without epochs")
    ax = ax or styles.single()
    style.label(ax)
    look = series(0)
    epochs = np.arange(1, len(history) + 1)
    artists: Artists = list(ax.plot(epochs, history.train, color=ORIGINAL, label="Training"))
    if history.valid:
        artists += ax.plot(
            epochs, history.valid, color=look["color"], linestyle="--", label="Validation"
        )
    kept = history.best_epoch + 1
    artists += ax.plot(
        kept, history.kept_loss, "o", color=look["color"], markersize=8, label=f"Kept: epoch {kept}"
    )
    log_ticks(ax.yaxis)
    ax.set_xlabel("Epoch", loc="right")
    ax.set_ylabel("Loss", loc="top")
    ax.set_xlim(0, len(history) + 1)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.xaxis.minorticks_off()
    losses = np.array(history.train + history.valid)
    low, high = losses.min(), losses.max()
    ax.set_ylim(0.8 * low, high * max(high / low, 2.0) ** 0.8)
    legend(ax)
    return artists


def learning_rates(
    found: LearningRates, *, style: Style = ATLAS, ax: Axes | None = None
) -> Artists:
    """The loss at each learning rate that the finder tried, and its suggestion.

    Args:
        found: of ``AutoencoderCodec.lr_find``.
        style: the experiment's.
        ax: to draw on; by default a new figure's.
    """
    ax = ax or styles.single()
    style.label(ax)
    artists: Artists = list(ax.plot(found.rates, found.losses, color=ORIGINAL))
    artists.append(
        ax.axvline(
            found.suggestion, 0, 0.6, color=series(0)["color"], linestyle="--",
            label=f"Suggested: {found.suggestion:.1e}",
        )
    )  # fmt: skip
    ax.set_xscale("log")
    ax.set_xlabel("Learning rate", loc="right")
    ax.set_ylabel("Loss", loc="top")
    lowest, first = min(found.losses), found.losses[0]
    ax.set_ylim(0.8 * lowest, lowest + 1.7 * max(first - lowest, 0.1 * lowest))
    ax.legend(loc="upper left", bbox_to_anchor=(0.03, 0.88))  # the loss rises at the right
    return artists
