"""Checks of posteriors."""

import copy

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaekit.distributions import REAL, Delta, Traced
from vaekit.posteriors import Posterior, Quantiser
from vaekit.randomness import seeded
from vaekit.testing.common import check_density, check_rebuilds, draw_from, require

__all__ = ["check_posterior"]

_ITEMS, _DRAWS = 3, 5
_WORDS = {"density", "pointwise", "factorised", "path", "codes"}


def check_posterior(posterior: Posterior, seed: int = 0) -> None:
    """Check that a posterior keeps its promises.

    It is built again from its arguments; its draws have the right shape, follow their density
    and pass gradients to features and parameters; its mean is the same at every call.

    Args:
        posterior: Yours; its weights are not changed.
        seed: Of the features that it is tried on.

    Raises:
        ConformanceError: Says which rule is broken.

    Example:
        >>> from vaekit.posteriors import DiagonalGaussian
        >>> check_posterior(DiagonalGaussian(8, 2))
    """
    name = type(posterior).__name__
    unknown = set(posterior.provides) - _WORDS
    require(not unknown, f"{name}.provides must be among {sorted(_WORDS)}", unknown, "Rename them.")
    check_rebuilds(posterior)
    posterior = copy.deepcopy(posterior).eval()
    with seeded(seed):
        h = 0.5 * torch.randn(_ITEMS, posterior.features_dim, requires_grad=True)
        q = posterior(h, _joint)
        _check_draws(posterior, q)
        _check_mean(posterior, h)
        if "density" in posterior.provides and not _is_special(posterior):
            check_density(posterior(h, _joint), name)
        if "pointwise" in posterior.provides:
            _check_pointwise(q, name)
        _check_gradient(posterior.train(), h)


def _joint(z: Tensor) -> Tensor:
    """A log joint density to follow: a standard normal."""
    return -0.5 * z.square().sum(-1)


def _is_special(posterior: Posterior) -> bool:
    """Codes have probabilities, and curved spaces volumes of their own."""
    return isinstance(posterior, Quantiser) or posterior.manifold != REAL


def _check_draws(posterior: Posterior, q: Distribution) -> None:
    name, shape = type(posterior).__name__, (_DRAWS, _ITEMS, posterior.latent_dim)
    require(isinstance(q, Distribution), f"{name} must return a distribution", type(q), "")
    z, log_q = draw_from(q, _DRAWS, density="density" in posterior.provides)
    require(
        tuple(z.shape) == shape,
        f"draws of {name} must have shape (draws, batch, latent)",
        tuple(z.shape),
        "Use event shape (latent,), for instance by Independent(..., 1).",
    )
    require(bool(z.isfinite().all()), f"draws of {name} must be finite", z, "")
    if log_q is not None:
        require(
            tuple(log_q.shape) == shape[:2],
            f"log q of {name} must have shape (draws, batch)",
            tuple(log_q.shape),
            "Sum over the latents.",
        )


def _check_gradient(posterior: Posterior, h: Tensor) -> None:
    """In training mode: true codes, which evaluation draws, have no gradient to pass."""
    name, total = type(posterior).__name__, draw_from(posterior(h, _joint), 1, density=False)[0]
    gradient = None
    if total.requires_grad:
        (gradient,) = torch.autograd.grad(total.square().sum(), h, allow_unused=True)
    require(
        gradient is not None and bool(gradient.isfinite().all()),
        f"draws of {name} must pass a finite gradient to the features",
        gradient,
        "Draw by rsample, reparametrised.",
    )


def _check_mean(posterior: Posterior, h: Tensor) -> None:
    state = torch.get_rng_state()
    first, second = posterior(h, _joint).mean, posterior(h, _joint).mean
    require(
        torch.equal(first, second) and torch.equal(state, torch.get_rng_state()),
        f"the mean of {type(posterior).__name__} must be the same at every call",
        "two different ones, or a random number drawn",
        "Encoding must not be random: return the centre, not a draw.",
    )


def _check_pointwise(q: Distribution, name: str) -> None:
    require(not isinstance(q, Delta), f"{name} must have a density to provide it", q, "")
    z, log_q = draw_from(q, _DRAWS, density=True)
    assert log_q is not None
    require(
        torch.allclose(q.log_prob(z), log_q, atol=1e-3, rtol=1e-3),
        f"{name} must give a point the density that its draw had",
        q.log_prob(z) - log_q,
        "" if isinstance(q, Traced) else "log_prob must not be random.",
    )
