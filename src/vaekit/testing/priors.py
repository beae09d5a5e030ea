"""Checks of priors."""

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaekit.distributions import REAL, DiagonalNormal
from vaekit.priors import AutoregressiveCodes, FittedPrior, Prior
from vaekit.randomness import seeded
from vaekit.testing.common import check_density, check_rebuilds, require

__all__ = ["check_prior"]

_ROWS, _DRAWS = 400, 50


def check_prior(prior: Prior, seed: int = 0) -> None:
    """Check that a prior keeps its promises.

    It is built again from its arguments (after a fit, if it is fitted); its draws have the right
    shape and follow their density; the same generator gives the same fit.

    Args:
        prior: Yours, without a context; one that is fitted is fitted here.
        seed: Of the latents that it is tried on.

    Raises:
        ConformanceError: Says which rule is broken.

    Example:
        >>> from vaekit.priors import StandardNormal
        >>> check_prior(StandardNormal(2))
    """
    name = type(prior).__name__
    with seeded(seed):
        if isinstance(prior, FittedPrior):
            _check_fit(prior)
        check_rebuilds(prior)
        p = prior(None, _aggregate)
        require(isinstance(p, Distribution), f"{name} must return a distribution", type(p), "")
        z = p.sample((_DRAWS,))
        require(
            tuple(z.shape) == (_DRAWS, prior.latent_dim),
            f"draws of {name} must have shape (n, latent)",
            tuple(z.shape),
            "Without a context the batch shape is () and the event shape (latent,).",
        )
        require(bool(z.isfinite().all()), f"draws of {name} must be finite", z, "")
        if prior.normalised and prior.manifold == REAL and not isinstance(prior, _CODES):
            check_density(p, name)


_CODES = (AutoregressiveCodes,)
"""Their log_prob is of codes, for which there is no narrower Gaussian."""


def _aggregate(x: Tensor) -> Distribution:
    """q(z | x) of pseudo-inputs whose first values are its mean."""
    flat = x.flatten(1)
    return DiagonalNormal(flat[:, :2], torch.zeros_like(flat[:, :2]))


def _check_fit(prior: FittedPrior) -> None:
    u = torch.randn(_ROWS, prior.latent_dim)
    u[::2] += 3
    if isinstance(prior, _CODES):
        u = torch.randint(2, u.shape).float()
    states = []
    for _ in range(2):
        fitted = prior.fit(u, generator=torch.Generator().manual_seed(0))
        require(fitted is prior, f"{type(prior).__name__}.fit must return self", fitted, "")
        states.append({k: v.clone() for k, v in prior.state_dict().items()})
    same = all(torch.equal(states[0][k], states[1][k]) for k in states[0])
    require(
        same and states[0].keys() == states[1].keys(),
        f"{type(prior).__name__}.fit must give the same for the same generator",
        "two different fits",
        "Run it inside vaekit.randomness.seeded(generator), and start afresh.",
    )
