"""Importance-weighted bounds, and the ways to take their gradient."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from vaekit.distributions import frozen
from vaekit.errors import SpecError, unknown_name
from vaekit.models import VAE, Model
from vaekit.objectives.base import Objective, Term, vae_of
from vaekit.objectives.elbo import Sum
from vaekit.types import Batch, Clock, Evidence, Update

__all__ = ["ImportanceBound", "PartialImportance", "PathImportanceBound", "importance_weighted"]

_NEGLIGIBLE = 20.0
"""Nats below the largest log weight: a share of 2e-9, a thirtieth of float32's resolution."""


@dataclass(frozen=True)
class ImportanceBound(Term):
    """-log of the mean importance weight of the draws: tighter the more draws there are.

    Attributes:
        groups: Cuts the draws into so many groups, each a bound of its own, and averages them.

    Source: Burda et al. 2016, eq. 8; Rainforth et al. 2018, eq. 9 (groups).
    """

    name: ClassVar[str] = "importance_bound"
    requires: ClassVar[frozenset[str]] = frozenset({"density"})

    groups: int = 1

    def __post_init__(self) -> None:
        _check_groups(self.groups)

    def __call__(self, evidence: Evidence, model: VAE, clock: Clock) -> Tensor:
        """One bound per group and item."""
        return _bounds(evidence.log_w.unflatten(0, (self.groups, -1)))


@dataclass(frozen=True)
class PathImportanceBound(Term):
    """The same bound, with a less noisy gradient: only along the path of the draws.

    The score of log q is left out, whose mean is zero and whose noise is not ("sticking the
    landing").

    Attributes:
        groups: Cuts the draws into so many groups, each a bound of its own, and averages them.
        doubly: Weighs the path's gradient twice, so that it is unbiased for any number of draws
            and the encoder's signal does not fade as they grow (DReG). It must then be the only
            term of its sum.

    Source: Roeder et al. 2017, "Sticking the landing", eq. 7; Tucker et al. 2019, "Doubly
    reparameterized gradient estimators", eq. 8.
    """

    name: ClassVar[str] = "importance_bound"
    requires: ClassVar[frozenset[str]] = frozenset({"density", "path"})

    groups: int = 1
    doubly: bool = False

    def __post_init__(self) -> None:
        _check_groups(self.groups)

    def __call__(self, evidence: Evidence, model: VAE, clock: Clock) -> Tensor:
        """One bound per group and item."""
        draw = evidence.draw
        assert draw.log_p is not None
        log_w = evidence.log_px + draw.log_p - frozen(draw.q).log_prob(draw.z)
        grouped = log_w.unflatten(0, (self.groups, -1))
        bound = _bounds(grouped)
        if not self.doubly:
            return bound
        shares = _relevant(grouped.detach()).softmax(1)
        if draw.z.requires_grad:
            weights = shares.flatten(0, 1).unsqueeze(-1)
            draw.z.register_hook(lambda gradient: gradient * weights)
        # The value of the bound, with the gradient of the weighted sum.
        weighted = -(shares * grouped).sum(1)
        surrogate: Tensor = bound.detach() + weighted - weighted.detach()
        return surrogate


def _bounds(grouped: Tensor) -> Tensor:
    """Log weights (groups, draws, batch) to bounds (groups, batch), as costs."""
    costs: Tensor = math.log(grouped.shape[1]) - torch.logsumexp(_relevant(grouped), dim=1)
    return costs


def _relevant(grouped: Tensor) -> Tensor:
    """The log weights, those at minus infinity that are nothing beside the largest of their group.

    Early in training most weights are exp(-50) of the largest and less. Their share of the bound
    is below what float32 resolves, but their gradients would fill the backward pass with
    subnormal numbers, on which processors multiply matrices ten times as slowly.
    """
    return grouped.masked_fill(grouped < grouped.amax(1, keepdim=True) - _NEGLIGIBLE, -math.inf)


def _check_groups(groups: int) -> None:
    if groups < 1:
        raise SpecError(f"groups must be at least 1; got {groups}.")


def importance_weighted(k: int = 8, groups: int = 1, gradient: str = "standard") -> Sum:
    """The objective of the importance-weighted autoencoder and its kin.

    Args:
        k: Draws per item and bound, at least 1; 1 is the ELBO with an estimated KL.
        groups: Bounds per item, averaged.
        gradient: ``"standard"``, ``"path"`` or ``"doubly"``; see `PathImportanceBound`.

    Raises:
        SpecError: An unknown gradient, or fewer than one draw or bound.
    """
    terms: dict[str, Term] = {
        "standard": ImportanceBound(groups),
        "path": PathImportanceBound(groups),
        "doubly": PathImportanceBound(groups, doubly=True),
    }
    if gradient not in terms:
        raise unknown_name("gradient", gradient, terms)
    return Sum(terms[gradient], draws=k * groups)


class PartialImportance(Objective):
    """One bound for the decoder, and one with fewer draws but less noise for the encoder.

    Args:
        k: Draws of each of the encoder's bounds; the decoder's has k times bounds.
        bounds: Bounds of the encoder, averaged.

    Source: Rainforth et al. 2018, "Tighter variational bounds are not necessarily better",
    section 4 (PIWAE).
    """

    def __init__(self, k: int = 8, bounds: int = 4) -> None:
        super().__init__()
        self.k = k
        self.bounds = bounds
        self._encoder, self._decoder = ImportanceBound(bounds), ImportanceBound()

    @property
    def requires(self) -> frozenset[str]:
        """A density."""
        return frozenset({"density"})

    def groups(self, model: Model) -> Mapping[str, Iterable[nn.Parameter]]:
        """Encoder and latent; decoder and likelihood."""
        return coder_groups(vae_of(model, self))

    def losses(self, model: Model, batch: Batch, clock: Clock) -> Iterator[Update]:
        """Yield one update of both."""
        vae = vae_of(model, self)
        evidence = vae.evidence(batch, self.k * self.bounds)
        encoder = self._encoder(evidence, vae, clock).mean()
        decoder = self._decoder(evidence, vae, clock).mean()
        terms = {"loss": decoder, "encoder_bound": encoder}
        yield Update(
            {"encoder": encoder, "decoder": decoder}, {k: v.detach() for k, v in terms.items()}
        )


def coder_groups(model: VAE) -> dict[str, list[nn.Parameter]]:
    """A VAE's parameters in two halves: what infers, and what generates."""
    return {
        "encoder": [*model.encoder.parameters(), *model.latent.parameters()],
        "decoder": [*model.decoder.parameters(), *model.likelihood.parameters()],
    }
