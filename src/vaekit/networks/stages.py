"""What convolutional networks with residual blocks are made of."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaekit.networks.blocks import norm

__all__ = ["Doubling", "Residual", "halving"]

_SMALL = 0.1  # not 0, which spectral normalisation would divide by


class Residual(nn.Module):
    """x + conv(silu(conv(silu(norm(x))))); the last convolution starts small."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = norm(channels)
        self.first, self.second = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        with torch.no_grad():
            self.second.weight *= _SMALL

    def forward(self, x: Tensor) -> Tensor:
        """Add what the convolutions make of it."""
        h = self.first(F.silu(self.norm(x)))
        added: Tensor = self.second(F.silu(h))
        return x + added


class Doubling(nn.Module):
    """A sub-pixel convolution, cut to exactly this height and width."""

    def __init__(self, in_channels: int, out_channels: int, size: Sequence[int]) -> None:
        super().__init__()
        self.size = tuple(size)
        self.conv = nn.Conv2d(in_channels, 4 * out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Twice as high and wide."""
        h: Tensor = F.pixel_shuffle(self.conv(x), 2)
        return h[..., : self.size[0], : self.size[1]]


def halving(in_channels: int, out_channels: int, size: Sequence[int]) -> nn.Sequential:
    """A convolution that lands on half of this height and width, rounded up."""
    return nn.Sequential(
        nn.ZeroPad2d((1, 1 + size[1] % 2, 1, 1 + size[0] % 2)),
        nn.Conv2d(in_channels, out_channels, 4, stride=2),
    )
