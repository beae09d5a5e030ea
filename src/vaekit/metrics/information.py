"""What the KL term is made of: information about the items, and a misfit of the prior."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal

from vaekit.distributions import DiagonalNormal
from vaekit.errors import CompositionError, DataError
from vaekit.models import VAE
from vaekit.types import Batch, Draw

__all__ = ["Information", "latent_information"]

_DENSITIES_AT_ONCE = 2**22


@dataclass(frozen=True)
class Information:
    """The mean KL of the posteriors from the prior, taken apart; all in nats per item.

    With q(z) the average of all items' posteriors:

    - rate = mutual_information + aggregate_kl
    - aggregate_kl = total_correlation + sum(kl_per_latent), where the last two exist

    both exactly, since all are estimated from the same draws.

    Attributes:
        rate: Mean KL(q(z | x) || p(z)), what the ELBO pays.
        mutual_information: Of items and latents under q: what z tells about which of the items
            x is. At most log(items), and an underestimate where it comes near.
        aggregate_kl: KL(q(z) || p(z)): the misfit of the prior, which a better prior removes.
        total_correlation: KL of q(z) from the product of its marginals; ``None`` for posteriors
            that are not Gaussian.
        kl_per_latent: KL of each latent's marginal q(z) from its prior; ``None`` where either is
            not a Gaussian with independent latents.
        items: Items it was measured on.
    """

    rate: float
    mutual_information: float
    aggregate_kl: float
    total_correlation: float | None
    kl_per_latent: tuple[float, ...] | None
    items: int


@torch.no_grad()
def latent_information(model: VAE, batches: Iterable[Batch]) -> Information:
    """Measure what the latents know about the items; reads the global random stream.

    Each item's latent is scored under the posteriors of all items: for 2,000 items, 4 million
    densities. There is no shortcut by minibatches, and no bias of one.

    Args:
        model: Whose posterior has a density at any point.
        batches: Held-out items; some 2,000 in all.

    Raises:
        CompositionError: A posterior without such a density, or a prior that depends on a context.
        DataError: Fewer than two items.

    Source: Hoffman & Johnson 2016, "ELBO surgery"; Chen et al. 2018, "Isolating sources of
    disentanglement in variational autoencoders", eq. 2.
    """
    if "pointwise" not in model.provides:
        raise CompositionError(
            "latent_information needs a posterior with a density at any point; this model "
            f"provides {sorted(model.provides)}. Use DiagonalGaussian or FullGaussian."
        )
    drawn = [model.infer(batch) for batch in batches]
    _check(drawn)
    z = torch.cat([draw.z[0] for draw in drawn])
    log_q = torch.cat([draw.q.log_prob(draw.z[0]) for draw in drawn])
    log_p = torch.cat([draw.p.log_prob(draw.z[0]) for draw in drawn])
    log_aggregate = _log_mixture([draw.q for draw in drawn], z, width=z.shape[-1])
    log_marginals = _log_marginals([draw.q for draw in drawn], z)
    return Information(
        rate=_mean(log_q - log_p),
        mutual_information=_mean(log_q - log_aggregate),
        aggregate_kl=_mean(log_aggregate - log_p),
        total_correlation=_total_correlation(log_aggregate, log_marginals),
        kl_per_latent=_per_latent(log_marginals, drawn[0].p, z),
        items=len(z),
    )


def _check(drawn: list[Draw]) -> None:
    items = sum(len(draw.z[0]) for draw in drawn)
    if items < 2:
        raise DataError(f"information needs at least two items to tell apart; got {items}.")
    if drawn[0].p.batch_shape:
        raise CompositionError(
            "latent_information needs one prior for all items; that of this model depends on the "
            "context. Pass items of one context to a model with an unconditional prior."
        )


def _log_mixture(posteriors: list[Distribution], z: Tensor, width: int) -> Tensor:
    """Log of the average of all posteriors at each point: shape (items,) or (items, latent)."""
    rows = max(1, _DENSITIES_AT_ONCE // (len(z) * width))
    return torch.cat([_log_average(posteriors, some) for some in z.split(rows)])


def _log_average(posteriors: list[Distribution], z: Tensor) -> Tensor:
    densities = torch.cat([q.log_prob(z.unsqueeze(1)) for q in posteriors], dim=1)
    return densities.logsumexp(1) - math.log(densities.shape[1])


def _log_marginals(
    posteriors: list[Distribution], z: Tensor
) -> Float[Tensor, "items latent"] | None:
    """Log of the average of all posteriors' marginals, for Gaussian ones."""
    if not isinstance(posteriors[0], DiagonalNormal | MultivariateNormal):
        return None
    marginals: list[Distribution] = [_marginals(q) for q in posteriors]
    return _log_mixture(marginals, z, width=z.shape[-1])


def _marginals(q: Distribution) -> torch.distributions.Normal:
    return torch.distributions.Normal(q.mean, q.variance.sqrt(), validate_args=False)


def _total_correlation(log_aggregate: Tensor, log_marginals: Tensor | None) -> float | None:
    return None if log_marginals is None else _mean(log_aggregate - log_marginals.sum(-1))


def _per_latent(
    log_marginals: Tensor | None, p: Distribution, z: Tensor
) -> tuple[float, ...] | None:
    if log_marginals is None or not isinstance(p, DiagonalNormal):
        return None
    return tuple((log_marginals - _marginals(p).log_prob(z)).double().mean(0).tolist())


def _mean(values: Tensor) -> float:
    return values.double().mean().item()
