"""The generator of a generative adversarial network."""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from vaekit.likelihoods import Likelihood
from vaekit.models.base import Model, checked_context
from vaekit.randomness import seeded

__all__ = ["GAN"]


class GAN(Model):
    """Decodes noise into items; what a decoder is without an encoder.

    Its critic belongs to the objective and is left behind after training. There is no encoding,
    no reconstruction and no density: it only samples.

    Args:
        decoder: z, with the context appended, (batch, latent + context) -> features
            (batch, channels, *event).
        likelihood: How the features become items: its mean or mode is what is shown.
        latent_dim: Size of the noise.
        context_dim: Size of the context; 0 for an unconditional model.

    Source: Goodfellow et al. 2014, "Generative adversarial nets".

    Example:
        >>> from vaekit import likelihoods, networks
        >>> decoder = networks.MLPDecoder(2, (8,), (1, 4))
        >>> GAN(decoder, likelihoods.Bernoulli(), 2).sample(3).shape
        torch.Size([3, 4])
    """

    def __init__(
        self, decoder: nn.Module, likelihood: Likelihood, latent_dim: int, context_dim: int = 0
    ) -> None:
        super().__init__()
        self.decoder = decoder
        self.likelihood = likelihood
        self.latent_dim = latent_dim
        self.context_dim = context_dim

    @property
    def provides(self) -> frozenset[str]:
        """A generator; ``"smooth"`` if gradients reach its items."""
        return frozenset({"generator", "smooth"} if self.likelihood.smooth else {"generator"})

    def generate(
        self, z: Float[Tensor, "batch latent"], context: Tensor | None = None
    ) -> Shaped[Tensor, "batch *event"]:
        """The item of each noise."""
        context = checked_context(context, self.context_dim)
        z = z if context is None else torch.cat([z, context], dim=-1)
        features: Tensor = self.decoder(z).float()
        return self.likelihood.point(self.likelihood(features.unsqueeze(0))).squeeze(0)

    def noise(self, n: int, like: Tensor) -> Float[Tensor, "batch latent"]:
        """Standard normal noise, from the global stream, on the device of a tensor."""
        return torch.randn(n, self.latent_dim, device=like.device)

    def sample(
        self, n: int, context: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Generate items."""
        like = next(self.parameters())
        with seeded(generator), torch.no_grad():
            return self.generate(self.noise(n, like), context)
