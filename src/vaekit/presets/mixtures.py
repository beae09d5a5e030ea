"""Models whose prior has several hills."""

from vaekit.latents import Single
from vaekit.objectives import ClusterStart, elbo
from vaekit.posteriors import DiagonalGaussian
from vaekit.presets.base import Parts, Recipe, preset
from vaekit.priors import LearnedMixture, Vamp

__all__ = ["mixture_vae", "vade", "vamp"]


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
