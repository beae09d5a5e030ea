"""Terms that shape the latent space, in nats per item unless they say else."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from vaekit.distributions import Codes, DiagonalNormal
from vaekit.errors import unknown_name
from vaekit.models import VAE
from vaekit.objectives.base import Term
from vaekit.types import Clock, Evidence

__all__ = ["Commitment", "CovariancePenalty", "DecomposedKL", "LatentNorm"]

_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class DecomposedKL(Term):
    """The KL in three parts, each with a weight: information, total correlation, marginals.

    q(z) is estimated from the batch, weighted as a sample of the whole training set.

    Attributes:
        information: Weight of I(x; z).
        total_correlation: Weight of KL(q(z) || prod_j q(z_j)), which entangled latents pay.
        marginals: Weight of sum_j KL(q(z_j) || p(z_j)).

    Source: Chen et al. 2018, "Isolating sources of disentanglement in VAEs", eq. 2 and appendix
    C.1 (minibatch-weighted sampling).
    """

    name: ClassVar[str] = "decomposed_kl"
    requires: ClassVar[frozenset[str]] = frozenset({"density", "factorised"})

    information: float = 1.0
    total_correlation: float = 6.0
    marginals: float = 1.0

    def __call__(self, evidence: Evidence, model: VAE, clock: Clock) -> Tensor:
        """One value per item, of its first draw."""
        draw = evidence.draw
        assert isinstance(draw.q, DiagonalNormal)
        each = _log_prob_per_latent(draw.z[0], draw.q)
        log_all = math.log(len(each) * max(clock.items, len(each)))
        log_q_z = torch.logsumexp(each.sum(-1), dim=1) - log_all
        log_marginals = (torch.logsumexp(each, dim=1) - log_all).sum(-1)
        log_q, log_p = draw.q.log_prob(draw.z[0]), draw.p.log_prob(draw.z[0])
        return (
            self.information * (log_q - log_q_z)
            + self.total_correlation * (log_q_z - log_marginals)
            + self.marginals * (log_marginals - log_p)
        )


def _log_prob_per_latent(z: Tensor, q: DiagonalNormal) -> Tensor:
    """log q(z_i of each item | x of each other item), shape (items, items, latent)."""
    error = (z.unsqueeze(1) - q.loc) / q.scale
    return -0.5 * error.square() - q.log_scale - _HALF_LOG_TWO_PI


@dataclass(frozen=True)
class CovariancePenalty(Term):
    """Squared distance of the latents' covariance over the batch from the identity.

    Attributes:
        kind: ``"means"`` (DIP-VAE I) looks at the posterior means, ``"draws"`` (DIP-VAE II) at
            the whole aggregate posterior.
        off_diagonal: Weight of the covariances.
        diagonal: Weight of the variances' distance from 1.

    Source: Kumar et al. 2018, "Variational inference of disentangled latent concepts", eq. 6-7.
    """

    name: ClassVar[str] = "covariance_penalty"
    requires: ClassVar[frozenset[str]] = frozenset({"density", "factorised"})

    kind: str = "means"
    off_diagonal: float = 10.0
    diagonal: float = 100.0

    def __post_init__(self) -> None:
        if self.kind not in ("means", "draws"):
            raise unknown_name("kind", self.kind, ("means", "draws"))

    def __call__(self, evidence: Evidence, model: VAE, clock: Clock) -> Tensor:
        """One value for the batch."""
        q = evidence.draw.q
        centred = q.mean - q.mean.mean(0)
        covariance = centred.mT @ centred / max(1, len(centred) - 1)
        if self.kind == "draws":
            covariance = covariance + torch.diag(q.variance.mean(0))
        variances = covariance.diagonal()
        off = covariance.square().sum() - variances.square().sum()
        return self.off_diagonal * off + self.diagonal * (variances - 1).square().sum()


@dataclass(frozen=True)
class LatentNorm(Term):
    """|z|² / 2, which keeps the codes of deterministic models together.

    Source: Ghosh et al. 2020, "From variational to deterministic autoencoders", eq. 8.
    """

    name: ClassVar[str] = "latent_norm"

    def __call__(self, evidence: Evidence, model: VAE, clock: Clock) -> Tensor:
        """One value per draw and item."""
        return evidence.draw.z.square().sum(-1) / 2


@dataclass(frozen=True)
class Commitment(Term):
    """Squared distance of each encoding from its codes, which the encoder pays.

    Source: van den Oord et al. 2017, eq. 3, last term.
    """

    name: ClassVar[str] = "commitment"
    requires: ClassVar[frozenset[str]] = frozenset({"codes"})

    def __call__(self, evidence: Evidence, model: VAE, clock: Clock) -> Tensor:
        """One value per item."""
        q = evidence.draw.q
        assert isinstance(q, Codes)
        return q.distance
