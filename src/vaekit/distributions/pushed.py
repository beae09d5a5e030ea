"""A distribution pushed through an invertible map."""

from collections.abc import Callable
from typing import ClassVar

from torch import Size, Tensor
from torch.distributions import Distribution, constraints

from vaekit.distributions.traced import Traced

__all__ = ["Push", "Pushed"]

Push = Callable[[Tensor], tuple[Tensor, Tensor]]
"""z -> (image of z, log |det of the Jacobian|)."""


class Pushed(Traced):
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
