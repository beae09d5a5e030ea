"""Whether the latents are used, and how well the priors fit them."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaekit.distributions import DiagonalNormal, kl_per_latent
from vaekit.errors import FormatError
from vaekit.models import VAE
from vaekit.priors import FlowMatching
from vaekit.types import Batch, Draw

__all__ = ["ACTIVE_VARIANCE", "Health", "latent_health"]

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
    """

    kl_per_latent: tuple[float, ...] | None
    mean_variance: tuple[float, ...]
    active_units: int
    prior_log_density: float
    fitted_log_density: float | None
    items: int

    @property
    def warning(self) -> str | None:
        """In plain words what is wrong and what to do; ``None`` if nothing is."""
        size = len(self.mean_variance)
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
        """A few lines for a person."""
        lines = [f"{self.active_units} of {len(self.mean_variance)} latents are active"]
        if self.kl_per_latent is not None:
            lines[0] += f"; they carry {sum(self.kl_per_latent):.1f} nats per item"
        lines.append(f"prior: encoded items have log density {self.prior_log_density:.2f} nats")
        if self.fitted_log_density is not None:
            gap = self.fitted_log_density - self.prior_log_density
            than = "better" if gap >= 0 else "worse: it is for sampling, narrow around known items"
            lines.append(f"fitted prior: {self.fitted_log_density:.2f} nats, {abs(gap):.2f} {than}")
        if self.warning:
            lines.append(f"warning: {self.warning}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Everything, for ``train.json``."""
        return asdict(self)

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
def latent_health(model: VAE, batches: Iterable[Batch]) -> Health:
    """Measure a latent space on held-out items; reads the global random stream.

    Args:
        model: A trained VAE with one latent vector per item.
        batches: Held-out items.
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
    if fitted is None or not fitted.normalised or not model.latent.keeps_density:
        return None
    u, context = model.latent.flatten(draw), batch.context
    if isinstance(fitted, FlowMatching):
        u = u[:_INTEGRATED]
        context = None if context is None else context[:_INTEGRATED]
    p: Distribution = fitted(context, model.aggregate)
    return p.log_prob(u)


def _has_marginals(model: VAE) -> bool:
    """Whether means and variances of each latent tell its KL: Gaussians in flat space."""
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
