"""Small convolutional networks for images of any size."""

import itertools
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["ConvDecoder", "ConvEncoder", "halved"]


class ConvEncoder(nn.Module):
    """Strided 3x3 convolutions with SiLU, then one linear layer.

    Args:
        shape: (colours, height, width) of one image.
        channels: Channels of each stage; every stage halves height and width.
        features_dim: Size of the features.

    Example:
        >>> import torch
        >>> ConvEncoder((3, 28, 30), (16, 32), 64)(torch.zeros(5, 3, 28, 30)).shape
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
            for stage in (nn.Conv2d(a, b, 3, stride=2, padding=1), nn.SiLU())
        ]
        height, width = halved(shape[1:], len(channels))[-1]
        self.body = nn.Sequential(*stages, nn.Flatten())
        self.head = nn.Sequential(nn.Linear(channels[-1] * height * width, features_dim), nn.SiLU())

    def forward(self, x: Float[Tensor, "batch colours height width"]) -> Tensor:
        """Encode images."""
        h: Tensor = self.head(self.body(x))
        return h


class ConvDecoder(nn.Module):
    """The mirror of `ConvEncoder`: one linear layer, then strided transposed convolutions.

    Args:
        in_dim: Latents, and context where there is one.
        channels: Channels of each stage, first (coarsest) to last.
        shape: Shape of the output of one image: (features per value, colours, height, width).

    Example:
        >>> import torch
        >>> ConvDecoder(2, (32, 16), (1, 3, 28, 30))(torch.zeros(5, 2)).shape
        torch.Size([5, 1, 3, 28, 30])
    """

    def __init__(self, in_dim: int, channels: Sequence[int], shape: Sequence[int]) -> None:
        super().__init__()
        self.in_dim = in_dim
        self.channels = tuple(channels)
        self.shape = tuple(shape)
        sizes = halved(shape[2:], len(channels))[::-1]
        widths = (*channels, shape[0] * shape[1])
        self.head = nn.Sequential(nn.Linear(in_dim, channels[0] * math.prod(sizes[0])), nn.SiLU())
        stages: list[nn.Module] = [nn.Unflatten(1, (channels[0], *sizes[0]))]
        for a, b, size in zip(widths[:-1], widths[1:], sizes[1:], strict=True):
            stages += [_doubling(a, b, size), nn.SiLU()]
        self.body = nn.Sequential(*stages[:-1])

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch channels *event"]:
        """Decode."""
        out: Tensor = self.body(self.head(z))
        return torch.unflatten(out, 1, self.shape[:2])


def halved(size: Sequence[int], times: int) -> list[tuple[int, int]]:
    """Height and width before and after each of so many halvings, rounded up."""
    return [(-(-size[0] // 2**i), -(-size[1] // 2**i)) for i in range(times + 1)]


def _doubling(in_channels: int, out_channels: int, size: Sequence[int]) -> nn.ConvTranspose2d:
    """A transposed convolution that lands on exactly this height and width."""
    output_padding = (1 - size[0] % 2, 1 - size[1] % 2)
    return nn.ConvTranspose2d(
        in_channels, out_channels, 3, stride=2, padding=1, output_padding=output_padding
    )
