"""fastai's learner for small networks, and what follows its epochs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, cast

import numpy as np

from atlasae.codecs.history import History
from atlasae.optional import needs_extra
from atlasae.progress import progress_bar

with needs_extra("autoencoder", "training an autoencoder"):
    from fastai.basics import Learner
    from fastai.callback.core import Callback, CancelFitException

if TYPE_CHECKING:
    import torch

_logger = logging.getLogger(__name__)

_PATIENCE = 10  # epochs that a training at a constant rate may pass without a better one


class LeanLearner(Learner):  # type: ignore[misc]
    """A learner without the events inside a batch: nothing here takes them, and they cost time."""

    def _do_one_batch(self) -> None:
        self.pred = self.model(*self.xb)
        self.loss_grad = self.loss_func(self.pred, *self.yb)
        self.loss = self.loss_grad.detach()
        if self.training:
            self.loss_grad.backward()
            self.opt.step()
            self.opt.zero_grad()


class BestEpoch(Callback):  # type: ignore[misc]
    """Records the losses, keeps the weights of the best epoch, and ends a training in vain."""

    order = 60  # after the Recorder

    def __init__(self, *, stops: bool) -> None:
        self.stops = stops
        self.history = History()
        self.state: dict[str, torch.Tensor] = {}

    def before_epoch(self) -> None:
        self.sum, self.rows = 0.0, 0

    def after_batch(self) -> None:
        if self.training:
            rows = len(self.learn.xb[0])
            self.sum += float(self.learn.loss.detach()) * rows
            self.rows += rows

    def after_epoch(self) -> None:
        self.history.train.append(self.sum / self.rows)
        self.history.learning_rate.append(float(self.learn.opt.hypers[-1]["lr"]))
        if len(self.learn.dls.valid):
            self.history.valid.append(float(self.learn.recorder.values[-1][-1]))
        if self.history.best_epoch == len(self.history) - 1:
            module = cast("torch.nn.Module", self.learn.model)
            self.state = {k: v.detach().clone() for k, v in module.state_dict().items()}
        self._stop_in_vain()

    def after_fit(self) -> None:
        if self.history.valid:
            kept = self.history.best_epoch + 1
            _logger.info("kept epoch %d of %d, the best on held-out jets", kept, len(self.history))

    def _stop_in_vain(self) -> None:
        history, epochs = self.history, self.learn.n_epoch
        last = len(history) - 1
        if not np.isfinite([history.train[-1], *history.valid[-1:]]).all():
            raise CancelFitException
        if self.stops and last - history.best_epoch >= max(_PATIENCE, epochs // 10):
            _logger.info(
                "stopped after %d of %d epochs: the last %d did not lower the loss on held-out jets",
                last + 1,
                epochs,
                last - history.best_epoch,
            )
            raise CancelFitException


class ProgressBar(Callback):  # type: ignore[misc]
    """Shows the epochs, the loss and the time left on the terminal."""

    order = 70

    def __init__(self, *, shown: bool) -> None:
        self.bar = progress_bar("epochs", shown=shown)

    def before_fit(self) -> None:
        self.bar.start()
        self.task = self.bar.add_task("training", total=self.learn.n_epoch)

    def after_epoch(self) -> None:
        loss = self.learn.recorder.smooth_loss.value
        self.bar.update(self.task, advance=1, description=f"training, loss {loss:.4f}")
        epoch = self.learn.epoch + 1
        _logger.debug("epoch %d of %d: loss %.4f", epoch, self.learn.n_epoch, loss)

    def after_fit(self) -> None:
        self.bar.stop()
