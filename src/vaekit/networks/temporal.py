"""Networks for series: dilated convolutions and recurrent units."""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from vaekit.networks.conv import norm

_SMALL = 0.1  # not 0, which spectral normalisation would divide by
_DILATIONS = (1, 2)


class TemporalEncoder(nn.Module):
    """Stages that halve the steps, each with dilated residual convolutions, then one dense layer.

    A stage sees 13 of its own steps; with each halving these reach twice as far.

    Args:
        shape: (channels, steps) of one series.
        channels: Channels of each stage.
        features_dim: Size of the features.

    Source: Bai, Kolter & Koltun 2018, "An empirical evaluation of generic convolutional and
    recurrent networks for sequence modeling", section 3. Deviation: strided and not causal, since
    an encoder sees the whole series.

    Example:
        >>> import torch
        >>> TemporalEncoder((2, 50), (16, 32), 64)(torch.zeros(5, 2, 50)).shape
        torch.Size([5, 64])
    """

    def __init__(self, shape: Sequence[int], channels: Sequence[int], features_dim: int) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.channels = tuple(channels)
        self.features_dim = features_dim
        steps = _halved(shape[1], len(channels))
        pairs = zip(itertools.pairwise((shape[0], *channels)), steps[:-1], strict=True)
        self.body = nn.Sequential(
            *(layer for (a, b), count in pairs for layer in (_halving(a, b, count), _thinking(b))),
            nn.SiLU(),
            nn.Flatten(),
        )
        self.head = nn.Sequential(nn.Linear(channels[-1] * steps[-1], features_dim), nn.SiLU())

    def forward(self, x: Float[Tensor, "batch channels steps"]) -> Float[Tensor, "batch features"]:
        """Encode series."""
        h: Tensor = self.head(self.body(x))
        return h


class TemporalDecoder(nn.Module):
    """The mirror of `TemporalEncoder`: a dense layer, then stages that double the steps.

    Args:
        in_dim: Latents, and context where there is one.
        channels: Channels of each stage, first (coarsest) to last.
        shape: Shape of the output of one series: (features per value, channels, steps).

    Example:
        >>> import torch
        >>> TemporalDecoder(3, (32, 16), (1, 2, 50))(torch.zeros(5, 3)).shape
        torch.Size([5, 1, 2, 50])
    """

    def __init__(self, in_dim: int, channels: Sequence[int], shape: Sequence[int]) -> None:
        super().__init__()
        self.in_dim = in_dim
        self.channels = tuple(channels)
        self.shape = tuple(shape)
        steps = _halved(shape[2], len(channels))[::-1]
        self.head = nn.Sequential(
            nn.Linear(in_dim, channels[0] * steps[0]), nn.Unflatten(1, (channels[0], steps[0]))
        )
        widths = (*channels, shape[0] * shape[1])
        pairs = zip(itertools.pairwise(widths), steps[1:], strict=True)
        self.body = nn.Sequential(
            *(
                layer
                for (a, b), count in pairs
                for layer in (_thinking(a), nn.SiLU(), _Doubling(a, b, count))
            )
        )

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch channels *event"]:
        """Decode."""
        out: Tensor = self.body(self.head(z))
        return torch.unflatten(out, 1, self.shape[:2])


class _Dilated(nn.Module):
    """x + conv(silu(conv(silu(norm(x))))), with gaps; the last convolution starts small."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.norm = norm(channels)
        self.first, self.second = (
            nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation) for _ in range(2)
        )
        with torch.no_grad():
            self.second.weight *= _SMALL

    def forward(self, x: Tensor) -> Tensor:
        """Add what the convolutions make of it."""
        added: Tensor = self.second(F.silu(self.first(F.silu(self.norm(x)))))
        return x + added


class _Doubling(nn.Module):
    """A sub-pixel convolution, cut to exactly so many steps."""

    def __init__(self, in_channels: int, out_channels: int, steps: int) -> None:
        super().__init__()
        self.steps = steps
        self.conv = nn.Conv1d(in_channels, 2 * out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Twice as long."""
        h: Tensor = self.conv(x).unflatten(1, (-1, 2)).movedim(2, 3).flatten(2)
        return h[..., : self.steps]


def _thinking(channels: int) -> nn.Sequential:
    return nn.Sequential(*(_Dilated(channels, dilation) for dilation in _DILATIONS))


def _halving(in_channels: int, out_channels: int, steps: int) -> nn.Sequential:
    """Return a convolution that lands on half of these steps, rounded up."""
    return nn.Sequential(
        nn.ConstantPad1d((1, 1 + steps % 2), 0.0), nn.Conv1d(in_channels, out_channels, 4, stride=2)
    )


def _halved(steps: int, times: int) -> list[int]:
    """Steps before and after each of so many halvings, rounded up."""
    return [-(-steps // 2**i) for i in range(times + 1)]


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
        self.conditioning = nn.Linear(in_dim, width)
        self.time = nn.Parameter(0.1 * torch.randn(shape[2], width))
        self.unit = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, shape[0] * shape[1])

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch channels *event"]:
        """Decode."""
        conditioning = self.conditioning(z).unsqueeze(1) + self.time
        states, _ = self.unit(conditioning, torch.tanh(self.start(z)).unsqueeze(0))
        out: Tensor = self.head(states)
        return torch.unflatten(out.movedim(1, 2), 1, self.shape[:2])
