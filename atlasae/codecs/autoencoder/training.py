"""Training of networks to reproduce their input."""

from __future__ import annotations

import logging
import random
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from atlasae.codecs.autoencoder.learner import BestEpoch, LeanLearner, ProgressBar
from atlasae.codecs.history import LearningRates
from atlasae.errors import InputError
from atlasae.jets.table import Table, to_table
from atlasae.optional import needs_extra

with needs_extra("autoencoder", "training an autoencoder"):
    import torch
    from fastai.basics import DataLoaders, OptimWrapper
    from fastai.callback.schedule import SuggestionMethod  # also gives Learner its fit_one_cycle
    from pytorch_optimizer import SOAP
    from scipy.spatial import KDTree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from atlasae.codecs.autoencoder.network import DenseNetwork
    from atlasae.codecs.history import History
    from atlasae.types import Floats

_logger = logging.getLogger(__name__)

_OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "soap": partial(SOAP, betas=(0.95, 0.95)),
    "adamw": partial(torch.optim.AdamW, betas=(0.9, 0.99)),
}
_HUBER = 0.02  # error of a scaled feature from which the loss grows linearly
_NEIGHBOR = 4  # the distance to this neighbor sets the width of the jitter
_WARM_UP, _TIMED_STEPS = 2, 10  # steps whose time tells that of a training


def split_jets(table: Table, valid: Any, seed: int) -> tuple[Table, Table]:
    """Split jets into training jets, and held-out jets to choose the best epoch by; both flat.

    Args:
        table: all jets.
        valid: the fraction to hold out, or the held-out jets.
        seed: of the random choice.

    Raises:
        InputError: the fraction is out of range, or fewer than two jets are left.
    """
    table = table.flat()
    if isinstance(valid, (int, float)):
        if not 0 <= valid < 1:
            raise InputError(f"valid={valid} is neither jets nor a fraction from 0 to below 1")
        order = np.random.default_rng(seed).permutation(len(table))
        number = int(valid * len(table))
        train, held_out = table.rows(order[number:]), table.rows(order[:number])
    else:
        train, held_out = table, to_table(valid).select(list(table.columns)).flat()
    if len(train) < 2:
        raise InputError(f"too few jets: a training needs at least two, not {len(train)}")
    return train, held_out


@dataclass(frozen=True)
class Trainer:
    """Settings of a training, and the training itself.

    Attributes:
        loss: ``rmse``, the root of the mean squared error of a batch; ``mse``; or ``huber``, squared
            for errors well below 0.02 and linear well above (Huber, Ann. Math. Statist. 35, 1964, in
            the smooth form of Charbonnier et al., IEEE Trans. Image Process. 6, 1997).
        regularization: ``weight_decay`` (decoupled, Loshchilov and Hutter, arXiv:1711.05101) or
            ``l2`` (the sum of squared weights and biases is added to the loss).
        weight_decay: its strength.
        optimizer: ``soap`` (Vyas et al., arXiv:2409.11321; Adam in the eigenbasis of Shampoo's
            preconditioner, which reaches a lower loss in the same time) or ``adamw``.
        jitter: width of the Gaussian by which each jet moves in each epoch, in distances to its
            fourth neighbor: a smoothed bootstrap (Silverman and Young, Biometrika 74, 1987), which
            makes up for few jets. 0 for none.
        batch_size: jets per step.
        seed: of the shuffling; the same seed gives the same weights on one machine.
        device: ``auto`` (a GPU if there is one), or the name of a torch device.
        progress: whether to show a progress bar.
        angles: columns that are angles; the network gives their cosines, and after all features
            their sines.
        weights: of the errors of the features, shape (k,).
        frozen: number of layers at the start of the network that are not trained.
    """

    loss: str
    regularization: str
    weight_decay: float
    optimizer: str
    jitter: float
    batch_size: int
    seed: int
    device: str
    progress: bool
    angles: Sequence[int]
    weights: Floats
    frozen: int

    def fit(
        self,
        network: DenseNetwork,
        train: NDArray[np.float32],
        valid: NDArray[np.float32],
        *,
        epochs: int,
        lr: float,
        schedule: str,
    ) -> tuple[DenseNetwork, History]:
        """Train the network to give back its input.

        Args:
            network: with its initial weights.
            train: scaled features, shape (n, k).
            valid: those of held-out jets; the weights of the epoch that is best on them are kept,
                or of the last epoch if there are none.
            epochs: passes over ``train``.
            lr: learning rate; the highest of the one cycle.
            schedule: ``one_cycle`` (Smith and Topin, arXiv:1708.07120) or ``constant``, which
                stops, and logs why, when a tenth of the epochs (at least 10) brought no better one
                on the held-out jets.

        Returns:
            The trained network and the losses by epoch.
        """
        best = BestEpoch(stops=schedule == "constant")
        with self._learner(network, train, valid) as (learner, module):
            seconds = epochs * len(learner.dls.train) * self._seconds_per_step(learner, module)
            _logger.info("the training takes about %.0f s", seconds)
            callbacks = [best, ProgressBar(shown=self.progress)]
            if schedule == "one_cycle":
                momentum = learner.opt_func.keywords["opt"].keywords["betas"][0]
                learner.fit_one_cycle(
                    epochs, lr, pct_start=0.1, div_final=1e4, moms=(momentum,) * 3, cbs=callbacks
                )
            else:
                learner.fit(epochs, lr, cbs=callbacks)
            module.load_state_dict(best.state)
        if not np.isfinite([*best.history.train, *best.history.valid]).all():
            raise InputError(
                f"training diverged at learning rate {lr:g}; try a lower one, or lr_find"
            )
        return network.from_torch(module), best.history

    def find_lr(self, network: DenseNetwork, train: NDArray[np.float32]) -> LearningRates:
        """Try growing learning rates on a copy of the network and suggest one.

        Source: Smith, arXiv:1506.01186, with fastai's ``valley`` rule.
        """
        with self._learner(network, train, train[: self.batch_size]) as (learner, _):
            suggested = learner.lr_find(suggest_funcs=(SuggestionMethod.Valley,), show_plot=False)
            recorder = learner.recorder
            return LearningRates(
                suggestion=float(suggested.valley),
                rates=tuple(float(rate) for rate in recorder.lrs),
                losses=tuple(float(loss) for loss in recorder.losses),
            )

    @contextmanager
    def _learner(
        self, network: DenseNetwork, train: NDArray[np.float32], valid: NDArray[np.float32]
    ) -> Iterator[tuple[LeanLearner, torch.nn.Sequential]]:
        device = _device(self.device)
        with _seeded(self.seed), one_thread(), tempfile.TemporaryDirectory() as scratch:
            module = network.to_torch().to(device)
            layers = [layer for layer in module if isinstance(layer, torch.nn.Linear)]
            for layer in layers[: self.frozen]:
                layer.requires_grad_(False)
            batches = partial(_Batches, angles=list(self.angles), device=device)
            loaders = DataLoaders(
                batches(train, self.batch_size, jitter=self._jitter(train), shuffle=True),
                batches(valid, 8 * self.batch_size),
                device=device,
            )
            decay = self.weight_decay if self.regularization == "weight_decay" else 0.0
            learner = LeanLearner(
                loaders,
                module,
                loss_func=self._loss(module, device),
                opt_func=partial(OptimWrapper, opt=_OPTIMIZERS[self.optimizer], weight_decay=decay),
                path=scratch,
            )
            with learner.no_bar(), learner.no_logging():
                yield learner, module

    def _seconds_per_step(self, learner: LeanLearner, module: torch.nn.Sequential) -> float:
        """Measured with a learning rate of zero, which changes nothing."""
        optimizer = _OPTIMIZERS[self.optimizer](_trained(module), lr=0.0, weight_decay=0.0)
        with torch.random.fork_rng():
            batches = [*islice(cycle(learner.dls.train), _WARM_UP + _TIMED_STEPS)]
        for step, (batch, wanted) in enumerate(batches):
            if step == _WARM_UP:
                start = time.monotonic()
            loss = learner.loss_func(module(batch), wanted)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            loss.item()  # waits for the device
        return (time.monotonic() - start) / _TIMED_STEPS

    def _jitter(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Standard deviation of the jitter of each row along each axis, shape (n, 1)."""
        if not self.jitter:
            return np.zeros((len(x), 1), np.float32)
        nearest = min(_NEIGHBOR, len(x) - 1)
        distances = np.asarray(KDTree(x).query(x, k=[nearest + 1])[0], np.float32)
        return distances * np.float32(self.jitter / x.shape[1] ** 0.5)

    def _loss(
        self, module: torch.nn.Module, device: torch.device
    ) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
        penalty = self.weight_decay if self.regularization == "l2" else 0.0
        trained = _trained(module)
        weights = np.append(self.weights, self.weights[list(self.angles)]).astype(np.float32)
        weight = torch.from_numpy(weights).to(device)

        def loss(predicted: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
            squares = ((predicted - wanted) * weight).square()
            if self.loss == "huber":
                squares = 2 * _HUBER**2 * ((1 + squares / _HUBER**2).sqrt() - 1)
            value = squares.mean()
            if self.loss == "rmse":
                value = (value + 1e-12).sqrt()  # the root's slope is infinite at zero
            if penalty and module.training:
                sums = [parameter.square().sum() for parameter in trained]
                value = value + penalty * torch.stack(sums).sum()
            return value

        return loss


def _trained(module: torch.nn.Module) -> list[torch.nn.Parameter]:
    """The parameters of layers that are not frozen."""
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def _device(name: str) -> torch.device:
    """The torch device of this name, after a test of it.

    Raises:
        InputError: torch has no such device, or it is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"device {name!r} cannot be used: {reason}") from error
    return device


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread, which is faster for layers this small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed the global generators that torch and fastai use, and restore them afterwards."""
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(legacy)  # noqa: NPY002


class _Batches:
    """A data loader of whole batches of x and what the network shall give.

    That of fastai collects them row by row.
    """

    def __init__(
        self,
        x: NDArray[np.float32],
        batch_size: int,
        *,
        angles: list[int],
        device: torch.device,
        jitter: NDArray[np.float32] | None = None,
        shuffle: bool = False,
    ) -> None:
        self.x = torch.from_numpy(np.ascontiguousarray(x)).to(device)
        self.jitter = None if jitter is None else torch.from_numpy(jitter).to(device)
        self.batch_size = batch_size
        self.angles = angles
        self.shuffle = shuffle
        self.device = device

    def __len__(self) -> int:
        return (len(self.x) + self.batch_size - 1) // self.batch_size

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        order = torch.randperm(len(self.x)) if self.shuffle else torch.arange(len(self.x))
        for rows in torch.split(order.to(self.device), self.batch_size):
            batch = self.x[rows]
            if self.jitter is not None:
                batch = batch + self.jitter[rows] * torch.randn_like(batch)
            yield batch, self._wanted(batch)

    def _wanted(self, batch: torch.Tensor) -> torch.Tensor:
        directions = batch[:, self.angles]
        wanted = torch.cat([batch, directions.sin()], dim=1)
        wanted[:, self.angles] = directions.cos()
        return wanted

    def to(self, device: torch.device) -> None:
        self.x, self.device = self.x.to(device), device
