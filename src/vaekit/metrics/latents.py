"""Whether the latents are used, what they know, and how well the priors fit them."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal

from vaekit.distributions.gaussian import DiagonalNormal, kl_per_latent
from vaekit.errors import CompositionError, DataError, FormatError
from vaekit.models.vae import VAE
from vaekit.priors.flow_matching import FlowMatching
from vaekit.types import Batch, Draw

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


ACTIVE_VARIANCE = 0.01
"""A latent is active if the variance of its posterior mean over the data exceeds this
(Burda et al. 2016, section 5.2)."""

_COLLAPSED_SHARE = 0.5
_INTEGRATED = 64  # items of a batch whose density takes an integral of divergences


@dataclass(frozen=True)
class Health:
    """The state of a latent space.

    Attributes:
        kl_per_latent: KL of each latent's marginal posterior from its prior, nats, averaged over
            the items; ``None`` for models without a density.
        mean_variance: Variance over the items of each latent's posterior mean.
        active_units: How many latents have a `mean_variance` above 0.01.
        prior_log_density: Mean log density of encoded held-out latents under the model's prior.
        fitted_log_density: The same under the prior fitted after training; ``None`` without.
        items: Items it was measured on.
        is_given: Whether the latents are those of a first stage that was not trained, so that there
            is nothing to warn of.
    """

    kl_per_latent: tuple[float, ...] | None
    mean_variance: tuple[float, ...]
    active_units: int
    prior_log_density: float
    fitted_log_density: float | None
    items: int
    is_given: bool = False

    @property
    def warning(self) -> str | None:
        """In plain words what is wrong and what to do; ``None`` if nothing is."""
        size = len(self.mean_variance)
        if self.is_given:
            return None
        if self.active_units == 0:
            return (
                "all latents are collapsed: the decoder ignores them, and every sample is alike. "
                "Use preset 'annealed_vae', a smaller beta, or a likelihood with less noise."
            )
        if self.active_units < _COLLAPSED_SHARE * size:
            return (
                f"only {self.active_units} of {size} latents carry information. That costs no "
                f"quality, but latent_dim={max(2, self.active_units)} would do; if "
                "reconstructions are blurred, lower beta or use preset 'annealed_vae'."
            )
        return None

    def summary(self) -> str:
        """Return a few lines for a person."""
        lines = [f"{self.active_units} of {len(self.mean_variance)} latents are active"]
        if self.kl_per_latent is not None:
            lines[0] += f"; they carry {sum(self.kl_per_latent):.1f} nats per item"
        lines.append(f"prior: encoded items have log density {self.prior_log_density:.2f} nats")
        if self.fitted_log_density is not None:
            lines.append(self._of_the_fitted_prior(self.fitted_log_density))
        if self.warning:
            lines.append(f"warning: {self.warning}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return each latent in a table for notebooks, and the summary above it."""
        from vaekit.reports import notebook_table

        kl = self.kl_per_latent or (None,) * len(self.mean_variance)
        rows = [
            (f"z{i}", f"{variance:.3f}", "" if nats is None else f"{nats:.2f}")
            for i, (variance, nats) in enumerate(zip(self.mean_variance, kl, strict=True))
        ]
        head = ("latent", "variance of the mean", "KL, nats")
        return notebook_table(head, rows, self.summary().replace("\n", ". "))

    def _of_the_fitted_prior(self, density: float) -> str:
        """Return what new items are drawn from, and whether the numbers ask for anything."""
        gap = density - self.prior_log_density
        line = f"new items are drawn from a prior fitted after training: {density:.2f} nats"
        if gap >= 0:
            return f"{line}, {gap:.2f} more than under the model's own, as it should be"
        return (
            f"{line}, {-gap:.2f} less than under the model's own. That is no fault of the model: "
            "a prior narrow around the training items is sharp for sampling, and gives held-out "
            "items little. If new items are too much like the training ones, sample with prior "
            "'model'"
        )

    def to_json(self) -> dict[str, Any]:
        """Everything, for ``train.json``; `is_given` only where it is so."""
        stored = asdict(self)
        if not self.is_given:
            del stored["is_given"]
        return stored

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Undo `to_json`."""
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()
        }
        try:
            return cls(**values)
        except TypeError as error:
            raise FormatError(f"the stored health must have the known fields; {error}.") from error


@torch.no_grad()
def latent_health(model: VAE, batches: Iterable[Batch], *, is_given: bool = False) -> Health:
    """Measure a latent space on held-out items; reads the global random stream.

    Args:
        model: A trained VAE with one latent vector per item.
        batches: Held-out items.
        is_given: Whether the latents are those of a first stage that was not trained.
    """
    rows = [_measure(model, batch) for batch in batches]
    means, kl, prior, fitted = (
        [column for column in columns if column is not None] for columns in zip(*rows, strict=True)
    )
    variance = torch.cat(means).var(0, unbiased=False)
    return Health(
        kl_per_latent=tuple(torch.cat(kl).mean(0).tolist()) if kl else None,
        mean_variance=tuple(variance.tolist()),
        active_units=int((variance > ACTIVE_VARIANCE).sum()),
        prior_log_density=torch.cat(prior).mean().item(),
        fitted_log_density=torch.cat(fitted).mean().item() if fitted else None,
        items=len(torch.cat(prior)),
        is_given=is_given,
    )


def _measure(model: VAE, batch: Batch) -> tuple[Tensor, Tensor | None, Tensor, Tensor | None]:
    """Codes, KL per latent, and log densities under both priors, of one batch."""
    draw = model.infer(batch)
    code = model.encode(batch.visible, batch.context)
    kl = _marginal_kl(draw.q, draw.p) if _has_marginals(model) else None
    return code, kl, draw.p.log_prob(draw.z[0]), _log_fitted(model, draw, batch)


def _log_fitted(model: VAE, draw: Draw, batch: Batch) -> Tensor | None:
    """Under the fitted prior, where its density is one and compares with the model's own."""
    fitted = model.fitted_prior
    if fitted is None or not fitted.normalized or not model.latent.keeps_density:
        return None
    u, context = model.latent.flatten(draw), model.conditioning_for(fitted, batch.context)
    if isinstance(fitted, FlowMatching):
        u = u[:_INTEGRATED]
        context = None if context is None else context[:_INTEGRATED]
    p: Distribution = fitted(context, model.aggregate)
    return p.log_prob(u)


def _has_marginals(model: VAE) -> bool:
    """Return whether means and variances of each latent tell its KL: Gaussians in flat space."""
    return {"density", "path"} <= model.provides and model.latent.keeps_density


def _marginal_kl(q: Any, p: Any) -> Tensor:
    """KL of each latent, shape (batch, latent): exact for independent latents.

    For a full covariance, and against a mixture, it is the KL of the Gaussians with the same
    marginal means and variances.
    """
    if isinstance(q, DiagonalNormal) and isinstance(p, DiagonalNormal):
        return kl_per_latent(q, p)
    return kl_per_latent(_moments(q), _moments(p))


def _moments(d: Any) -> DiagonalNormal:
    return DiagonalNormal(d.mean, 0.5 * torch.log(d.variance))
