"""Categorical codes, relaxed while training."""

from jaxtyping import Float, Int
from torch import Tensor, nn

from vaekit.distributions import GumbelCodes
from vaekit.posteriors.quantiser import Quantiser, TokenBook, cut
from vaekit.types import LogDensity

__all__ = ["Categorical"]


class Categorical(Quantiser):
    """Independent categorical latents with a learned embedding of each value.

    While training, draws are relaxed (Gumbel-softmax) so that gradients pass; otherwise they
    are true codes, so that importance weights are exact.

    Args:
        features_dim: Size of the encoder's features.
        latent_dim: Size of the embedding.
        num_codes: Values of each latent.
        num_tokens: Number of categorical latents; ``None`` takes one for each of latent_dim.
        temperature: Of the relaxation, positive; lower is nearer to true codes, with noisier
            gradients.

    Source: Jang et al. 2017, "Categorical reparameterization with Gumbel-softmax".

    Example:
        >>> import torch
        >>> q = Categorical(8, 4, num_codes=3)(torch.zeros(5, 8), log_joint=lambda z: z.sum(-1))
        >>> q.rsample().shape
        torch.Size([5, 4])
    """

    def __init__(
        self,
        features_dim: int,
        latent_dim: int,
        num_codes: int = 16,
        num_tokens: int | None = None,
        temperature: float = 0.5,
    ) -> None:
        if not temperature > 0:
            raise ValueError(f"temperature must be positive; got {temperature}.")
        tokens = latent_dim if num_tokens is None else num_tokens
        piece = cut(latent_dim, tokens)
        super().__init__(features_dim, latent_dim, tokens, num_codes)
        self.temperature = temperature
        self.head = nn.Linear(features_dim, tokens * num_codes)
        self.book = TokenBook(tokens, num_codes, piece)

    def forward(self, h: Float[Tensor, "batch features"], log_joint: LogDensity) -> GumbelCodes:
        """Return the codes' distribution."""
        logits = self.head(h).float().unflatten(-1, (self.num_tokens, self.num_codes))
        temperature = self.temperature if self.training else None
        return GumbelCodes(logits, self.book.entries, temperature)

    def embed(self, indices: Int[Tensor, "batch tokens"]) -> Float[Tensor, "batch latent"]:
        """The learned embeddings, joined."""
        return self.book.embed(indices)
