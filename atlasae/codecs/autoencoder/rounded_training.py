"""Training of networks that will be integers: torch rounds what integers would round.

Rounding has no slope; the gradient passes as if there were none (the straight-through estimator,
Bengio et al., arXiv:1308.3432), except beyond the range of a format.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlasae.codecs.autoencoder.network import DenseNetwork
from atlasae.optional import needs_extra

with needs_extra("autoencoder", "training an autoencoder"):
    import torch
    from torch import nn

if TYPE_CHECKING:
    from atlasae.codecs.autoencoder.integer_network import Format, Formats


@dataclass(frozen=True)
class RoundedNetwork(DenseNetwork):
    """An encoder and its decoder, of which torch sees the encoder as integers.

    Attributes:
        formats: of the encoder, which is the layers from the first.
    """

    formats: Formats | None = None

    @classmethod
    def joined(
        cls, encoder: DenseNetwork, decoder: DenseNetwork, formats: Formats
    ) -> RoundedNetwork:
        """The network that an encoder and a decoder are the halves of."""
        whole = encoder.followed_by(decoder)
        return cls(whole.weights, whole.biases, whole.activation, formats=formats)

    def to_torch(self) -> nn.Sequential:
        assert self.formats is not None
        modules: list[nn.Module] = [_Rounding(self.formats.inputs)]
        activated = iter(self.formats.activated)
        layers = list(zip(self.formats.weights, self.formats.sums, strict=True))
        linears = 0
        for module in super().to_torch():
            if isinstance(module, nn.Linear):
                if linears < len(layers):
                    weights, sums = layers[linears]
                    modules += [_RoundedLinear(module, weights), _Rounding(sums)]
                else:
                    modules.append(module)
                linears += 1
            else:
                modules.append(module)
                if (after := next(activated, None)) is not None:
                    modules.append(_Rounding(after))
        return nn.Sequential(*modules)


class _Rounding(nn.Module):
    """Rounds to a format."""

    def __init__(self, kind: Format) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _rounded(x, self.kind)


class _RoundedLinear(nn.Linear):
    """A linear layer that multiplies by rounded weights."""

    def __init__(self, linear: nn.Linear, kind: Format) -> None:
        super().__init__(linear.in_features, linear.out_features)
        self.load_state_dict(linear.state_dict())
        self.kind = kind

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(x, _rounded(self.weight, self.kind), self.bias)


def _rounded(x: torch.Tensor, kind: Format) -> torch.Tensor:
    x = x.clamp(kind.lowest * kind.step, kind.highest * kind.step)
    nearest = torch.floor(x.detach() / kind.step + 0.5) * kind.step
    return x + (nearest - x.detach())
