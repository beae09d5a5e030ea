"""Decoders around other decoders: in parallel, and conditioned on noise."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vaekit.bounds import Share
from vaekit.errors import SpecError
from vaekit.networks.denoisers import TimestepEmbedding, zero_init_linear
from vaekit.networks.dense import MLPDecoder, dense


class NoiseConditionedDecoder(nn.Module):
    """Decodes latents mixed with noise of the prior N(0, I), and is told how much.

    In training a share of the latents stays as it is; the others become sqrt(1 - s^2) z + s e with
    s uniform on [0, 1] and e from N(0, I). So the decoder learns how items look that lie off the
    posterior of any training item, and to rely on what it knows of all items where latents say
    less. Outside of training, `noise` is what it is told, 0 to decode as exactly as it can. New
    items are drawn with `drawn_noise` mixed in, which leaves a standard normal prior as it is.

    Args:
        body: Decodes latents, and context behind them, to features.
        latent_dim: Number of latents.
        clean: Share of the latents that stay as they are in training, in [0, 1].
        noise: What it is told where items are shown, in [0, 1]; may be set on a trained model.
        drawn_noise: What is mixed in where items are drawn, in [0, 1]; as well.

    Raises:
        SpecError: A number out of [0, 1].

    Source: Ho et al. 2022, "Cascaded diffusion models for high fidelity image generation", section
    4.2, which calls it conditioning augmentation; here the latents are what is conditioned on.

    Example:
        >>> decoder = NoiseConditionedDecoder(nn.Linear(2, 3), 2).eval()
        >>> decoder(torch.zeros(5, 2)).shape
        torch.Size([5, 3])
    """

    def __init__(
        self,
        body: nn.Module,
        latent_dim: int,
        clean: Share = 0.5,
        noise: Share = 0.0,
        drawn_noise: Share = 0.7,
    ) -> None:
        super().__init__()
        for name, value in (("clean", clean), ("noise", noise), ("drawn_noise", drawn_noise)):
            if not 0 <= value <= 1:
                raise SpecError(f"{name} must be in [0, 1]; got {value}.")
        self.body, self.latent_dim = body, latent_dim
        self.clean, self.noise, self.drawn_noise = clean, noise, drawn_noise
        width = 4 * latent_dim
        self.conditioning = TimestepEmbedding(0, width)
        self.shift = nn.Sequential(
            dense((latent_dim + width, width)), zero_init_linear(width, latent_dim)
        )

    def forward(self, z: Float[Tensor, "batch latent"]) -> Tensor:
        """Features, in training of latents with noise."""
        if not self.training:
            return self._decoded(z, z.new_full((z.shape[0], 1), self.noise))
        share = torch.rand(z.shape[0], 2, device=z.device)
        return self._mixed(z, share[:, :1] * (share[:, 1:] >= self.clean))

    def for_draws(self) -> Callable[[Tensor], Tensor]:
        """Return the decoder of new items; reads the global random stream."""
        return lambda z: self._mixed(z, z.new_full((z.shape[0], 1), self.drawn_noise))

    def _mixed(self, z: Tensor, noise: Float[Tensor, "batch 1"]) -> Tensor:
        latents, rest = z[:, : self.latent_dim], z[:, self.latent_dim :]
        mixed = (1 - noise.square()).sqrt() * latents + noise * torch.randn_like(latents)
        return self._decoded(torch.cat([mixed, rest], 1), noise)

    def _decoded(self, z: Tensor, noise: Float[Tensor, "batch 1"]) -> Tensor:
        latents, rest = z[:, : self.latent_dim], z[:, self.latent_dim :]
        moved = latents + self.shift(torch.cat([latents, self.conditioning(noise, None)], 1))
        out: Tensor = self.body(torch.cat([moved, rest], 1))
        return out


_WIDTH = 384


class ParallelDecoders(nn.Module):
    """Decodes latents twice, the features of the second decoder behind those of the first.

    So the second may stay out of what is done to the first: properties are told by latents as they
    are, while noise is mixed into what the tokens are told by (see `NoiseConditionedDecoder`).

    Args:
        first: Of shape (batch, latent + context) -> (batch, *places, features).
        second: Likewise, with the same places.

    Example:
        >>> ParallelDecoders(nn.Linear(2, 3), nn.Linear(2, 4))(torch.zeros(5, 2)).shape
        torch.Size([5, 7])
    """

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, z: Tensor) -> Tensor:
        """Features of both."""
        return torch.cat([self.first(z), self.second(z)], -1)

    def for_draws(self) -> Callable[[Tensor], Tensor]:
        """Return the decoder of new items; see `NoiseConditionedDecoder.for_draws`."""
        blurred = noise_conditioned_part(self)
        first = self.first if blurred is None else blurred.for_draws()
        return lambda z: torch.cat([first(z), self.second(z)], -1)


def noise_conditioned_part(decoder: nn.Module) -> NoiseConditionedDecoder | None:
    """Where noise is mixed in: the decoder itself, or the first of two; ``None`` of others."""
    if isinstance(decoder, ParallelDecoders):
        decoder = decoder.first
    return decoder if isinstance(decoder, NoiseConditionedDecoder) else None


def with_numbers(decoder: nn.Module, in_dim: int, count: int) -> ParallelDecoders:
    """Return a decoder of tokens, and beside it one that tells numbers.

    Args:
        decoder: Of the tokens, (batch, in_dim) -> (batch, 1, features).
        in_dim: Latents and context.
        count: How many numbers.
    """
    return ParallelDecoders(decoder, MLPDecoder(in_dim, (_WIDTH,), (1, count), True))
