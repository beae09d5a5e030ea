"""Residual convolutional networks: slower and finer than `ConvEncoder` and `ConvDecoder`."""

import itertools
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from vaekit.networks.blocks import norm
from vaekit.networks.conv import halved

__all__ = ["ResidualDecoder", "ResidualEncoder"]


class ResidualEncoder(nn.Module):
    """Stages of a strided convolution and a residual block, then one linear layer.

    Args:
        shape: (colours, height, width) of one image.
        channels: Channels of each stage; every stage halves height and width.
        features_dim: Size of the features.

    Source: He et al. 2016, "Identity mappings in deep residual networks" (pre-activation).

    Example:
        >>> import torch
        >>> ResidualEncoder((1, 28, 28), (16, 32), 64)(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 64])
    """

    def __init__(self, shape: Sequence[int], channels: Sequence[int], features_dim: int) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.channels = tuple(channels)
        self.features_dim = features_dim
        widths = (shape[0], *channels)
        stages = [
            stage
            for a, b in itertools.pairwise(widths)
            for stage in (nn.Conv2d(a, b, 3, stride=2, padding=1), _Residual(b))
        ]
        height, width = halved(shape[1:], len(channels))[-1]
        self.body = nn.Sequential(*stages, nn.SiLU(), nn.Flatten())
        self.head = nn.Sequential(nn.Linear(channels[-1] * height * width, features_dim), nn.SiLU())

    def forward(self, x: Float[Tensor, "batch colours height width"]) -> Tensor:
        """Encode images."""
        h: Tensor = self.head(self.body(x))
        return h


class ResidualDecoder(nn.Module):
    """Stages of a residual block and a nearest-neighbour doubling with convolution.

    Args:
        in_dim: Latents, and context where there is one.
        channels: Channels of each stage, first (coarsest) to last.
        shape: Shape of the output of one image: (features per value, colours, height, width).

    Source: Odena et al. 2016, "Deconvolution and checkerboard artifacts" (why not transposed).

    Example:
        >>> import torch
        >>> ResidualDecoder(2, (32, 16), (1, 1, 28, 28))(torch.zeros(5, 2)).shape
        torch.Size([5, 1, 1, 28, 28])
    """

    def __init__(self, in_dim: int, channels: Sequence[int], shape: Sequence[int]) -> None:
        super().__init__()
        self.in_dim = in_dim
        self.channels = tuple(channels)
        self.shape = tuple(shape)
        sizes = halved(shape[2:], len(channels))[::-1]
        widths = (*channels, channels[-1])
        self.head = nn.Linear(in_dim, channels[0] * math.prod(sizes[0]))
        stages: list[nn.Module] = [nn.Unflatten(1, (channels[0], *sizes[0]))]
        for a, b, size in zip(widths[:-1], widths[1:], sizes[1:], strict=True):
            stages += [_Residual(a), nn.Upsample(size=size), nn.Conv2d(a, b, 3, padding=1)]
        last = nn.Conv2d(channels[-1], shape[0] * shape[1], 3, padding=1)
        self.body = nn.Sequential(*stages, nn.SiLU(), last)

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch channels *event"]:
        """Decode."""
        out: Tensor = self.body(self.head(z))
        return torch.unflatten(out, 1, self.shape[:2])


class _Residual(nn.Module):
    """x + conv(silu(norm(conv(silu(norm(x))))))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(norm(channels) for _ in range(2))
        self.convs = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        h = x
        for normalise, conv in zip(self.norms, self.convs, strict=True):
            h = conv(F.silu(normalise(h)))
        return x + h
