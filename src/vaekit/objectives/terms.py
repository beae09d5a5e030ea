"""The terms of the classic objectives, in nats per item."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.distributions import kl_divergence

from vaekit.models import VAE
from vaekit.objectives.base import Term
from vaekit.types import Clock, Draw, Evidence, Schedule

__all__ = ["KL", "CapacityKL", "Reconstruction", "kl_of"]


@dataclass(frozen=True)
class Reconstruction(Term):
    """-E_q[log p(x | z)], the expected cost of describing x given z."""

    name: ClassVar[str] = "reconstruction"

    def __call__(self, evidence: Evidence, model: VAE, clock: Clock) -> Tensor:
        """One cost per draw and item."""
        return -evidence.log_px


@dataclass(frozen=True)
class KL(Term):
    """KL(q(z | x) || p(z)), the information that z holds about x."""

    name: ClassVar[str] = "kl"
    requires: ClassVar[frozenset[str]] = frozenset({"density"})

    def __call__(self, evidence: Evidence, model: VAE, clock: Clock) -> Tensor:
        """In closed form where there is one, else estimated from the draws."""
        return kl_of(evidence.draw)


@dataclass(frozen=True)
class CapacityKL(Term):
    """|KL - C|: holds the mean KL of the batch at a capacity that grows.

    Attributes:
        capacity: C in nats, usually a `Linear` schedule from 0 up.

    Source: Burgess et al. 2018, "Understanding disentangling in beta-VAE", eq. 8.
    """

    name: ClassVar[str] = "capacity_kl"
    requires: ClassVar[frozenset[str]] = frozenset({"density"})

    capacity: Schedule

    def __call__(self, evidence: Evidence, model: VAE, clock: Clock) -> Tensor:
        """Distance of the batch's mean KL from the capacity now."""
        return (kl_of(evidence.draw).mean() - self.capacity(clock)).abs()


def kl_of(draw: Draw) -> Tensor:
    """KL(q || p) of each item, shape (batch,).

    In closed form where the draw or ``torch.distributions`` has one, else the mean over the draws
    of log q - log p.
    """
    if draw.kl is not None:
        return draw.kl.mean(0)
    try:
        return kl_divergence(draw.q, draw.p)
    except NotImplementedError:
        if draw.log_q is None or draw.log_p is None:
            raise
        return (draw.log_q - draw.log_p).mean(0)
