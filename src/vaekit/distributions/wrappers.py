"""Distributions made from others: concatenated, transformed, detached, with a log density."""

import abc
import math
from collections.abc import Callable, Sequence
from functools import singledispatch
from typing import Any, ClassVar

import torch
from torch import Size, Tensor
from torch.distributions import Categorical, Distribution, constraints

from vaekit.distributions.gaussian import DiagonalNormal, FullNormal


@singledispatch
def frozen(q: Distribution) -> Distribution:
    """Return the same distribution with constant parameters.

    Raises:
        NotImplementedError: Not known for this kind; posteriors that provide ``"path"`` are.
    """
    raise NotImplementedError(f"cannot freeze a {type(q).__name__}")


@frozen.register
def _(q: DiagonalNormal) -> Distribution:
    return DiagonalNormal(q.loc.detach(), q.log_scale.detach())


@frozen.register
def _(q: FullNormal) -> Distribution:
    return FullNormal(q.loc.detach(), q.scale_tril.detach())


class Concatenated(Distribution):
    """Parts that are independent of each other, along the last axis.

    Args:
        parts: With batch shapes that differ in their last axis alone, each of which has log
            probabilities of the same shape as its values.

    Example:
        >>> from torch.distributions import Normal
        >>> both = Concatenated([Normal(torch.zeros(3, 2), 1.0), Normal(torch.ones(3, 4), 1.0)])
        >>> both.sample().shape, both.mode[0].tolist()
        (torch.Size([3, 6]), [0.0, 0.0, 1.0, 1.0, 1.0, 1.0])
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, parts: Sequence[Distribution]) -> None:
        self.parts = parts
        self.sizes = [part.batch_shape[-1] for part in parts]
        batch = torch.Size((*parts[0].batch_shape[:-1], sum(self.sizes)))
        super().__init__(batch, validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Of each place, in nats."""
        values = value.split(self.sizes, -1)
        return torch.cat([p.log_prob(v) for p, v in zip(self.parts, values, strict=True)], -1)

    @property
    def mode(self) -> Tensor:
        """Of each part."""
        return torch.cat([part.mode for part in self.parts], -1)

    @torch.no_grad()
    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        """Draw each part."""
        return torch.cat([part.sample(sample_shape) for part in self.parts], -1)


class SampleWithLogProb(Distribution, abc.ABC):
    """A distribution whose density is known along the way that a draw has taken.

    A flow that is cheap in one direction only, a Hamiltonian trajectory, a hierarchy of latents:
    each knows log q of what it has just drawn, but not, or only at a high price, of any other
    point.
    """

    has_rsample = True

    @abc.abstractmethod
    def rsample_with_log_prob(self, sample_shape: Size) -> tuple[Tensor, Tensor]:
        """Draw, reparametrised, with the log density of each draw in nats.

        Returns:
            Draws of shape (*sample_shape, *batch, *event) and densities (*sample_shape, *batch).
        """

    def rsample(self, sample_shape: Any = Size()) -> Tensor:
        """Draw, reparametrised."""
        return self.rsample_with_log_prob(Size(sample_shape))[0]


Push = Callable[[Tensor], tuple[Tensor, Tensor]]
"""z -> (image of z, log |det of the Jacobian|)."""


class PushforwardDistribution(SampleWithLogProb):
    """What becomes of draws of a base that an invertible map has moved.

    Args:
        base: Where draws come from, reparametrised.
        push: The map, cheap in this direction only.

    Source: Rezende & Mohamed 2015, "Variational inference with normalizing flows", eq. 7.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, base: Distribution, push: Push) -> None:
        self.base, self.push = base, push
        super().__init__(base.batch_shape, base.event_shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The image of the base's mean, which stands for the item."""
        return self.push(self.base.mean.unsqueeze(0))[0].squeeze(0)

    def rsample_with_log_prob(self, sample_shape: Size) -> tuple[Tensor, Tensor]:
        """Draw from the base and move."""
        start = self.base.rsample(sample_shape)
        z, log_det = self.push(start)
        return z, self.base.log_prob(start) - log_det


class Categories(Categorical):
    """A categorical whose number of draws may be a symbol, so that drawing can be traced.

    That of PyTorch counts them by ``Size.numel``, which makes a plain number of it.

    Example:
        >>> Categories(logits=torch.tensor([0.0, -1e9])).sample(Size((3,)))
        tensor([0, 0, 0])
    """

    def sample(self, sample_shape: Any = Size()) -> Tensor:
        """Return the same numbers as that of PyTorch."""
        shape = self._extended_shape(Size(sample_shape))
        shares = self.probs.detach().reshape(-1, self._num_events)
        drawn = torch.multinomial(shares, math.prod(sample_shape), True)
        return drawn.T.reshape(shape)
