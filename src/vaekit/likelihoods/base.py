"""What every likelihood promises, the values that x may take, and Gaussian ones."""

import abc
import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.distributions import Distribution, Normal

from vaekit.types import Batch


@dataclass(frozen=True)
class Support:
    """A set of values, known by its name.

    A likelihood declares the one that it needs, a domain those that its data satisfy. A package
    that brings both can declare one of its own.

    Attributes:
        name: Its name; two supports of one name are the same.
        words: What values are, as in "these must be ...".
        holds: Return whether items lie in it, given x of shape (batch, *event).
        examples: Return items in it, of a shape (batch, *event), for checks of likelihoods.
        is_ordered: Whether a mean of values says something; not of codes.

    Example:
        >>> UNIT.holds(torch.tensor([[0.0, 0.5, 1.0]])), UNIT.holds(torch.tensor([[2.0]]))
        (True, False)
    """

    name: str
    words: str = field(compare=False)
    holds: Callable[[Tensor], bool] = field(compare=False, repr=False)
    examples: Callable[[Sequence[int]], Tensor] = field(compare=False, repr=False)
    is_ordered: bool = field(default=True, compare=False)


def _in_unit(x: Tensor) -> bool:
    return bool(((x >= 0) & (x <= 1)).all())


def _are_whole(x: Tensor) -> bool:
    return bool(((x >= 0) & (x == x.round())).all())


def _zeros_and_ones(shape: Sequence[int]) -> Tensor:
    return torch.randint(2, tuple(shape)).float()


REAL = Support("real", "real numbers", lambda x: bool(x.isfinite().all()), torch.randn)
UNIT = Support("unit", "between 0 and 1", _in_unit, _zeros_and_ones)
IMAGE = Support("image", "images with values between 0 and 1", _in_unit, _zeros_and_ones)
CODES = Support("codes", "whole numbers from 0", _are_whole, _zeros_and_ones, is_ordered=False)
TABLE = Support("table", "cells of a table", _are_whole, _zeros_and_ones, is_ordered=False)
TOKENS = Support("tokens", "sequences of tokens", _are_whole, _zeros_and_ones, is_ordered=False)


class Likelihood(nn.Module, abc.ABC):
    """Turns decoder features of shape (draws, batch, channels, *event) into p(x | z).

    Attributes:
        normalized: False for energies, which have no log-likelihood to report.
        features_per_value: How many decoder outputs (``channels``) one value of x needs.
        support: Which values x may take: one of `vaekit.likelihoods.base`, or your own.
        smooth: Whether the point moves smoothly with the features, so that a critic of items can
            teach the decoder.
        drawn: Whether a generated item is a draw from p(x | z), as rows of a table are, and not
            its point, as pictures are, whose noise nobody wants to see.
        needs_calibration: Whether there is something to do once training is over; see `calibrate`.
    """

    normalized: ClassVar[bool] = True
    smooth: ClassVar[bool] = True
    drawn: ClassVar[bool] = False
    needs_calibration: ClassVar[bool] = False
    support: ClassVar[Support]

    @classmethod
    def for_shape(cls, event_shape: tuple[int, ...]) -> "Likelihood | None":
        """Return one for items of a shape, for users who name it; ``None`` if a name is too little.

        By default there is one, if all constructor arguments have defaults.
        """
        parameters = list(inspect.signature(cls).parameters.values())
        return None if any(p.default is p.empty for p in parameters) else cls()

    def __init__(self, features_per_value: int = 1) -> None:
        super().__init__()
        self.features_per_value = features_per_value

    @abc.abstractmethod
    def forward(self, features: Float[Tensor, "draws batch channels *event"]) -> Distribution:
        """Return p(x | z), with batch shape (draws, batch, *event)."""

    @abc.abstractmethod
    def log_prob(self, px: Distribution, batch: Batch) -> Float[Tensor, "draws batch"]:
        """log p(x | z) in nats, summed over the observed cells of each item."""

    @abc.abstractmethod
    def point(self, px: Distribution) -> Tensor:
        """The value of x to show for p(x | z): its mean, or its mode where a mean is no value."""

    def candidates(self, px: Distribution) -> Shaped[Tensor, "candidates draws batch *event"]:
        """Return values of which one is to be shown, the point first; most often the point alone.

        A model shows the one that it encodes nearest to where it was decoded from.
        """
        return self.point(px).unsqueeze(0)

    def calibrate(self, seen: Iterable[tuple[Distribution, Batch]]) -> None:
        """Change constants, once training is over, so that the average item is predicted right.

        Called a few times, each time with p(x | z) of the same training items and new latents.

        Args:
            seen: The items, some at a time.
        """

    @abc.abstractmethod
    def initial_features(self, mean: Float[Tensor, "*event"]) -> Float[Tensor, "channels *event"]:
        """Decoder features under which every item is predicted by the mean of the data.

        Starting there saves the first epochs, in which the decoder would only learn that mean.
        """


class Elementwise(Likelihood, abc.ABC):
    """A likelihood under which the cells of x are independent given z."""

    def log_prob(self, px: Distribution, batch: Batch) -> Float[Tensor, "draws batch"]:
        """Sum the log-probabilities of the observed cells."""
        return sum_observed(px.log_prob(batch.visible), batch)

    def point(self, px: Distribution) -> Tensor:
        """Return the mean."""
        return px.mean


def sum_observed(
    log_px: Float[Tensor, "draws batch *event"], batch: Batch
) -> Float[Tensor, "draws batch"]:
    """Sum over the event, leaving missing cells out."""
    if batch.observed is not None:
        log_px = torch.where(batch.observed, log_px, torch.zeros_like(log_px))
    return log_px.flatten(start_dim=2).sum(-1)


_FLOOR = 1e-2
"""The least noise, in the units of standardised data: without it a constant column, predicted
without error, would drive the density to infinity and drown every other column."""


class Gaussian(Elementwise):
    """Normal noise of a fixed size: squared error, scaled.

    Args:
        scale: Standard deviation, positive, in the units of the networks (standardised arrays,
            images in 0 to 1). With 1.0 on images nearly all latents collapse; prefer
            `OptimalGaussian`.

    Source: Kingma & Welling 2014, appendix C.2.

    Example:
        >>> Gaussian(0.1)(torch.zeros(1, 3, 1, 4)).stddev.max().item()
        0.10000000149011612
    """

    support: ClassVar[Support] = REAL

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        if not (math.isfinite(scale) and scale > 0):
            raise ValueError(f"scale must be positive and finite; got {scale}.")
        self.scale = scale

    def forward(self, features: Float[Tensor, "draws batch channels *event"]) -> Distribution:
        """Read the features as means."""
        mean = features.squeeze(2)
        return Normal(mean, mean.new_tensor(self.scale), validate_args=False)

    def initial_features(self, mean: Float[Tensor, "*event"]) -> Float[Tensor, "channels *event"]:
        """Return the mean itself."""
        return mean.unsqueeze(0)


class LearnedGaussian(Elementwise):
    """Normal noise whose size is learned: one for all values, or one per feature.

    Args:
        shape: ``()`` for one common scale, the event shape for one per feature.
        initial_scale: Where learning starts, in the units of the networks.

    Source: Rybkin et al. 2021, "Simple and effective VAE training with calibrated decoders",
    section 4.1.

    Example:
        >>> LearnedGaussian((4,))(torch.zeros(1, 3, 1, 4)).stddev.shape
        torch.Size([1, 3, 4])
    """

    support: ClassVar[Support] = REAL

    def __init__(self, shape: Sequence[int] = (), initial_scale: float = 1.0) -> None:
        super().__init__()
        if not initial_scale > _FLOOR:
            raise ValueError(f"initial_scale must be above {_FLOOR}; got {initial_scale}.")
        self.shape = tuple(shape)
        self.initial_scale = initial_scale
        start = math.log(math.expm1(initial_scale - _FLOOR))
        self.raw_scale = nn.Parameter(torch.full(self.shape, start))

    @property
    def scale(self) -> Tensor:
        """The standard deviation learned so far."""
        return F.softplus(self.raw_scale) + _FLOOR

    def forward(self, features: Float[Tensor, "draws batch channels *event"]) -> Distribution:
        """Read the features as means."""
        return Normal(features.squeeze(2), self.scale, validate_args=False)

    def initial_features(self, mean: Float[Tensor, "*event"]) -> Float[Tensor, "channels *event"]:
        """Return the mean itself."""
        return mean.unsqueeze(0)


class OptimalGaussian(Likelihood):
    """Normal noise set to its maximum-likelihood value: the root mean squared residual.

    While training, the scale of each batch is computed from its own residuals, and gradients
    flow through it; a running average of it serves evaluation.

    Args:
        momentum: Weight of the newest batch in the running average, in (0, 1].

    Source: Rybkin et al. 2021, eq. 6 ("optimal sigma-VAE").

    Example:
        >>> OptimalGaussian()(torch.zeros(1, 3, 1, 4)).mean.shape
        torch.Size([1, 3, 4])
    """

    support: ClassVar[Support] = REAL
    running_variance: Tensor

    def __init__(self, momentum: float = 0.05) -> None:
        super().__init__()
        if not 0 < momentum <= 1:
            raise ValueError(f"momentum must be in (0, 1]; got {momentum}.")
        self.momentum = momentum
        self.register_buffer("running_variance", torch.ones(()))

    def forward(self, features: Float[Tensor, "draws batch channels *event"]) -> Distribution:
        """Read the features as means, with the running scale."""
        scale = self.running_variance.clamp_min(_FLOOR**2).sqrt()
        return Normal(features.squeeze(2), scale, validate_args=False)

    def log_prob(self, px: Distribution, batch: Batch) -> Float[Tensor, "draws batch"]:
        """Sum over observed cells; in training mode under the scale that fits this batch."""
        if self.training:
            px = Normal(px.mean, self._batch_scale(px.mean, batch), validate_args=False)
        return sum_observed(px.log_prob(batch.visible), batch)

    def _batch_scale(self, mean: Tensor, batch: Batch) -> Tensor:
        residuals = (batch.visible - mean).square()
        if batch.observed is None:
            variance = residuals.mean()
        else:
            weights = batch.observed.expand_as(residuals).to(residuals.dtype)
            variance = (residuals * weights).sum() / weights.sum().clamp_min(1)
        variance = variance.clamp_min(_FLOOR**2)
        self.running_variance.lerp_(variance.detach(), self.momentum)
        return variance.sqrt()

    def point(self, px: Distribution) -> Tensor:
        """Return the mean."""
        return px.mean

    def initial_features(self, mean: Float[Tensor, "*event"]) -> Float[Tensor, "channels *event"]:
        """Return the mean itself."""
        return mean.unsqueeze(0)
