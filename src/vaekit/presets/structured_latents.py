"""Presets with other latents: flows, manifolds, hierarchies, mixtures, codes."""

import math

from vaekit.latents.base import Discrete, Single
from vaekit.latents.ladder import Ladder
from vaekit.objectives.base import Linear, Reconstruction
from vaekit.objectives.evidence_bounds import ClusterStart, Sum, elbo
from vaekit.objectives.regularizers import Commitment
from vaekit.posteriors.discrete import FiniteScalar, GumbelSoftmax, VectorQuantized
from vaekit.posteriors.flow import InverseAutoregressive, LinearFlow
from vaekit.posteriors.gaussian import DiagonalGaussian, Posterior
from vaekit.posteriors.hamiltonian import Hamiltonian, Riemannian
from vaekit.posteriors.manifold import Hyperbolic, Spherical
from vaekit.presets.base import Parts, Recipe, preset, preset_for
from vaekit.priors.base import Prior, StandardNormal, UniformSphere, WrappedNormal
from vaekit.priors.density import LearnedMixture, Vamp


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


def _levels(parts: Parts, levels: int, merge: str) -> Ladder:
    """The latents shared out evenly; what is left over goes to the lower levels."""
    size, rest = divmod(parts.latent_dim, levels)
    sizes = [size + (level >= levels - rest) for level in range(levels)]
    return Ladder(parts.posterior_dim, sizes, merge=merge, context_dim=parts.context_dim)


@preset
def ladder_vae(parts: Parts, *, levels: int = 2, share: float = 0.2) -> Recipe:
    """Levels of latents that join what comes from below and above by precision.

    The KL grows over the first share of the training, so that upper levels come to be used.

    Source: Sønderby et al. 2016, "Ladder variational autoencoders".
    """
    latent = _levels(parts, levels, "precision")
    return Recipe(parts.vae(latent), elbo(Linear(0.0, 1.0, share)))


@preset
def hierarchical_vae(parts: Parts, *, levels: int = 4, share: float = 0.2) -> Recipe:
    """A deeper hierarchy, whose posteriors are corrections to the priors from above.

    Source: Vahdat & Kautz 2020, "NVAE"; Child 2021, "Very deep VAEs".
    """
    latent = _levels(parts, levels, "residual")
    return Recipe(parts.vae(latent), elbo(Linear(0.0, 1.0, share)))


@preset_for(prior="second_stage")
def two_stage_vae(parts: Parts, *, beta: float = 1.0) -> Recipe:
    """A VAE, and a second small one that learns where the first one's latents lie.

    Source: Dai & Wipf 2019, "Diagnosing and enhancing VAE models".
    """
    return Recipe(parts.vae(), elbo(beta))


def _mixture(parts: Parts, components: int) -> Single:
    posterior = DiagonalGaussian(parts.posterior_dim, parts.latent_dim)
    return Single(posterior, LearnedMixture(parts.latent_dim, components))


@preset
def mixture_vae(parts: Parts, *, components: int = 20) -> Recipe:
    """A VAE whose prior is a mixture of Gaussians, learned with it.

    Source: Dilokthanakul et al. 2016, "Deep unsupervised clustering with Gaussian mixture VAEs".
    """
    return Recipe(parts.vae(_mixture(parts, components)), elbo())


@preset
def vade(parts: Parts, *, components: int = 10, share: float = 0.25) -> Recipe:
    """A mixture VAE for clustering: first an autoencoder, then clusters found in its latents.

    Source: Jiang et al. 2017, "Variational deep embedding".
    """
    objective = ClusterStart(elbo(), parts.latent_dim, share)
    return Recipe(parts.vae(_mixture(parts, components)), objective)


@preset
def vamp(parts: Parts, *, components: int = 100) -> Recipe:
    """A VAE whose prior is the mixture of the posteriors of learned pseudo-items.

    Source: Tomczak & Welling 2018, "VAE with a VampPrior".
    """
    items = parts.some_items(components)
    prior = Vamp(parts.latent_dim, items.shape[1:], components)
    prior.start_from(items)
    posterior = DiagonalGaussian(parts.posterior_dim, parts.latent_dim)
    return Recipe(parts.vae(Single(posterior, prior)), elbo())


def _pieces(parts: Parts, wanted: int | None) -> int:
    """As many as wanted, or up to eight that come out even."""
    return math.gcd(parts.latent_dim, 8) if wanted is None else wanted


@preset
def vq_vae(
    parts: Parts, *, num_codes: int = 256, pieces: int | None = None, commitment: float = 1.0
) -> Recipe:
    """Pieces of the latents are replaced by the nearest entries of learned codebooks.

    Source: van den Oord et al. 2017, "Neural discrete representation learning".
    """
    size = parts.posterior_dim, parts.latent_dim
    quantizer = VectorQuantized(*size, num_codes, _pieces(parts, pieces))
    objective = Sum(Reconstruction(), (commitment, Commitment()))
    return Recipe(parts.vae(Discrete(quantizer)), objective)


@preset
def residual_vq_vae(
    parts: Parts, *, num_codes: int = 64, depth: int = 8, commitment: float = 1.0
) -> Recipe:
    """A codebook for the latents, one for what that leaves over, and so on.

    Source: Lee et al. 2022, "Autoregressive image generation using residual quantization".
    """
    size = parts.posterior_dim, parts.latent_dim
    quantizer = VectorQuantized(*size, num_codes, num_pieces=1, depth=depth)
    objective = Sum(Reconstruction(), (commitment, Commitment()))
    return Recipe(parts.vae(Discrete(quantizer)), objective)


@preset
def fsq_vae(parts: Parts, *, levels: int = 8) -> Recipe:
    """Each latent is rounded to one of a few levels: codes without a codebook.

    Source: Mentzer et al. 2024, "Finite scalar quantization: VQ-VAE made simple".
    """
    quantizer = FiniteScalar(parts.posterior_dim, parts.latent_dim, levels)
    return Recipe(parts.vae(Discrete(quantizer)), Sum(Reconstruction()))


@preset
def categorical_vae(parts: Parts, *, num_codes: int = 16, temperature: float = 0.5) -> Recipe:
    """Categorical latents, relaxed while training so that gradients pass (Gumbel-softmax).

    Source: Jang et al. 2017, "Categorical reparameterization with Gumbel-softmax".
    """
    size = parts.posterior_dim, parts.latent_dim
    quantizer = GumbelSoftmax(*size, num_codes, temperature=temperature)
    return Recipe(parts.vae(Discrete(quantizer)), elbo())
