"""Models whose posterior is more than a Gaussian, or lies in a curved space."""

from vaekit.latents import Single
from vaekit.objectives import elbo
from vaekit.posteriors import (
    Hamiltonian,
    Hyperbolic,
    InverseAutoregressive,
    LinearFlow,
    Posterior,
    Riemannian,
    Spherical,
)
from vaekit.presets.base import Parts, Recipe, preset
from vaekit.priors import Prior, StandardNormal, UniformSphere, WrappedNormal

__all__ = ["hvae", "iaf_vae", "linear_flow_vae", "poincare_vae", "rhvae", "svae"]


def _with(parts: Parts, posterior: Posterior, prior: Prior | None = None) -> Recipe:
    latent = Single(posterior, prior or StandardNormal(parts.latent_dim))
    return Recipe(parts.vae(latent), elbo())


@preset
def linear_flow_vae(
    parts: Parts, *, flows: tuple[str, ...] = ("planar", "radial", "planar", "radial", "planar")
) -> Recipe:
    """A VAE whose posterior is bent by planar and radial flows.

    Source: Rezende & Mohamed 2015, "Variational inference with normalizing flows".
    """
    return _with(parts, LinearFlow(parts.posterior_dim, parts.latent_dim, flows))


@preset
def iaf_vae(parts: Parts, *, transforms: int = 2, hidden: tuple[int, ...] = (64,)) -> Recipe:
    """A VAE whose posterior is bent by inverse autoregressive flows.

    Source: Kingma et al. 2016, "Improving variational inference with inverse autoregressive flow".
    """
    flow = InverseAutoregressive(parts.posterior_dim, parts.latent_dim, transforms, hidden)
    return _with(parts, flow)


@preset
def hvae(
    parts: Parts,
    *,
    steps: int = 3,
    step_size: float = 0.05,
    temperature: float = 0.3,
    second_order: bool = False,
) -> Recipe:
    """A VAE whose posterior follows the gradient of the model for a few Hamiltonian steps.

    Source: Caterini et al. 2018, "Hamiltonian variational auto-encoder".
    """
    size = parts.posterior_dim, parts.latent_dim
    return _with(parts, Hamiltonian(*size, steps, step_size, temperature, second_order))


@preset
def rhvae(
    parts: Parts, *, steps: int = 2, step_size: float = 0.03, num_centroids: int = 50
) -> Recipe:
    """A Hamiltonian VAE in a latent space whose geometry is learned.

    Source: Chadebec et al. 2020, "Geometry-aware Hamiltonian variational auto-encoder".
    """
    size = parts.posterior_dim, parts.latent_dim
    return _with(parts, Riemannian(*size, steps, step_size, num_centroids=num_centroids))


@preset
def svae(parts: Parts, *, family: str = "power_spherical") -> Recipe:
    """A VAE whose latents are directions; the family may also be "von_mises_fisher".

    Source: Davidson et al. 2018, "Hyperspherical variational auto-encoders"; De Cao & Aziz 2020.
    """
    posterior = Spherical(parts.posterior_dim, parts.latent_dim, family)
    return _with(parts, posterior, UniformSphere(parts.latent_dim))


@preset
def poincare_vae(parts: Parts, *, curvature: float = 1.0, scale: float = 1.0) -> Recipe:
    """A VAE whose latents lie in hyperbolic space, where trees have room.

    Source: Mathieu et al. 2019, "Continuous hierarchical representations with Poincaré VAEs".
    """
    posterior = Hyperbolic(parts.posterior_dim, parts.latent_dim, curvature)
    return _with(parts, posterior, WrappedNormal(parts.latent_dim, curvature, scale))
