"""The training of an autoencoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from atlasae.errors import InputError
from atlasae.plots import axes_layout
from atlasae.plots.axes_layout import log_ticks
from atlasae.plots.style import ORIGINAL, PLAIN, Style, series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from atlasae.codecs.history import History, LearningRates
    from atlasae.plots.style import Artists


def training(history: History, *, style: Style = PLAIN, ax: Axes | None = None) -> Artists:
    """Draw the training and validation loss by epoch, and the epoch whose weights were kept.

    Args:
        history: ``history_`` of a fitted ``AutoencoderCodec``.
        style: of an experiment.
        ax: to draw on; by default the axes of a new figure.

    Raises:
        InputError: the history has no epochs.

    Example:
        >>> from atlasae.codecs.history import History
        >>> artists = training(History([0.5, 0.3], [0.6, 0.4], [1e-3, 1e-4]))
    """
    if not len(history):
        raise InputError("the history has no epochs: fit the codec first")
    ax = ax or axes_layout.single()
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
    ax.set_ylim(0.8 * low, 1.2 * high * (3 if style.labelled else 1))
    ax.legend(loc="upper right", bbox_to_anchor=(0.97, 0.88 if style.labelled else 0.97))
    return artists


def learning_rates(
    search: LearningRates, *, style: Style = PLAIN, ax: Axes | None = None
) -> Artists:
    """Draw the loss at each learning rate that the finder tried, and its suggestion.

    Args:
        search: the result of ``AutoencoderCodec.lr_find``.
        style: of an experiment.
        ax: to draw on; by default the axes of a new figure.

    Example:
        >>> from atlasae.codecs.history import LearningRates
        >>> artists = learning_rates(LearningRates(1e-3, (1e-4, 1e-3, 1e-2), (0.9, 0.4, 0.8)))
    """
    ax = ax or axes_layout.single()
    style.label(ax)
    artists: Artists = list(ax.plot(search.rates, search.losses, color=ORIGINAL))
    artists.append(
        ax.axvline(
            search.suggestion, 0, 0.6, color=series(0)["color"], linestyle="--",
            label=f"Suggested: {search.suggestion:.1e}",
        )
    )  # fmt: skip
    ax.set_xscale("log")
    ax.set_xlabel("Learning rate", loc="right")
    ax.set_ylabel("Loss", loc="top")
    lowest, first = min(search.losses), search.losses[0]
    ax.set_ylim(0.8 * lowest, lowest + 1.7 * max(first - lowest, 0.1 * lowest))
    ax.legend(
        loc="upper left", bbox_to_anchor=(0.03, 0.88 if style.labelled else 0.97)
    )  # the loss rises on the right
    return artists
