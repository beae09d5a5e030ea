"""Gated recurrent networks, for items of shape (channels, steps)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["GRUDecoder", "GRUEncoder"]


class GRUEncoder(nn.Module):
    """A recurrent unit in each direction of time, then one dense layer.

    Args:
        shape: (channels, steps) of one series.
        width: Units of each direction.
        features_dim: Size of the features.

    Source: Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder for
    statistical machine translation", section 2.3.

    Example:
        >>> import torch
        >>> GRUEncoder((2, 50), 16, 64)(torch.zeros(5, 2, 50)).shape
        torch.Size([5, 64])
    """

    def __init__(self, shape: Sequence[int], width: int, features_dim: int) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.width = width
        self.features_dim = features_dim
        self.unit = nn.GRU(shape[0], width, batch_first=True, bidirectional=True)
        self.head = nn.Sequential(nn.Linear(2 * width, features_dim), nn.SiLU())

    def forward(self, x: Float[Tensor, "batch channels steps"]) -> Float[Tensor, "batch features"]:
        """Encode series by the last state of each direction."""
        _, last = self.unit(x.movedim(1, 2))
        h: Tensor = self.head(torch.cat([last[0], last[1]], dim=1))
        return h


class GRUDecoder(nn.Module):
    """A recurrent unit that starts from the latents and is told them, and the time, at each step.

    It is not told the values before: one that is learns to need no latents (Bowman et al. 2016).

    Args:
        in_dim: Latents, and context where there is one.
        width: Units.
        shape: Shape of the output of one series: (features per value, channels, steps).

    Source: Cho et al. 2014, as of `GRUEncoder`, without its feedback; Bowman et al. 2016,
    "Generating sentences from a continuous space", section 3.1.

    Example:
        >>> import torch
        >>> GRUDecoder(3, 16, (1, 2, 50))(torch.zeros(5, 3)).shape
        torch.Size([5, 1, 2, 50])
    """

    def __init__(self, in_dim: int, width: int, shape: Sequence[int]) -> None:
        super().__init__()
        self.in_dim = in_dim
        self.width = width
        self.shape = tuple(shape)
        self.start = nn.Linear(in_dim, width)
        self.told = nn.Linear(in_dim, width)
        self.time = nn.Parameter(0.1 * torch.randn(shape[2], width))
        self.unit = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, shape[0] * shape[1])

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch channels *event"]:
        """Decode."""
        told = self.told(z).unsqueeze(1) + self.time
        states, _ = self.unit(told, torch.tanh(self.start(z)).unsqueeze(0))
        out: Tensor = self.head(states)
        return torch.unflatten(out.movedim(1, 2), 1, self.shape[:2])
