"""What training tells: losses by epoch, and the learning rates tried."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self


@dataclass
class History:
    """Losses and learning rate by epoch, in the units of the training loss.

    Attributes:
        train: mean loss over the training batches of each epoch.
        valid: loss on held-out jets after each epoch; empty if there were none.
        learning_rate: at the end of each epoch.
    """

    train: list[float] = field(default_factory=list)
    valid: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.train)

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights were kept, counted from 0: the best on ``valid``, or the last."""
        if not self.valid:
            return len(self) - 1
        return min(range(len(self)), key=self.valid.__getitem__)

    @property
    def kept_loss(self) -> float:
        """The loss of the kept epoch, on held-out jets if there are any."""
        return (self.valid or self.train)[self.best_epoch]

    def to_json(self) -> dict[str, Any]:
        return {name: [float(f"{v:.5g}") for v in values] for name, values in asdict(self).items()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The inverse of ``to_json``, from untrusted values; raises of those that do not fit."""
        history = cls(**{name: list(map(float, values)) for name, values in stored.items()})
        if len(history.valid) not in (0, len(history)):
            raise ValueError("a history has other numbers of training and validation losses")
        return history


@dataclass(frozen=True)
class LearningRates:
    """What the learning-rate finder measured.

    Attributes:
        suggestion: the learning rate to train with.
        rates: the rates tried, increasing.
        losses: the smoothed loss at each.
    """

    suggestion: float
    rates: tuple[float, ...]
    losses: tuple[float, ...]
