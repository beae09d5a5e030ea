"""What every likelihood promises."""

import abc
import inspect
from collections.abc import Iterable
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.likelihoods.support import Support
from vaekit.types import Batch


class Likelihood(nn.Module, abc.ABC):
    """Turns decoder features of shape (draws, batch, channels, *event) into p(x | z).

    Attributes:
        normalized: False for energies, which have no log-likelihood to report.
        features_per_value: How many decoder outputs (``channels``) one value of x needs.
        support: Which values x may take: one of `vaekit.likelihoods.support`, or your own.
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
