"""What sequences of tokens, and molecules, are learnt by."""

from dataclasses import replace

from torch import nn

from vaekit.networks import Beside, BlurredDecoder
from vaekit.objectives import Linear, elbo
from vaekit.presets.base import Parts, Recipe, preset_for

__all__ = ["sequence_vae"]

_BATCH, _STEPS, _PASSES = 128, (400, 20_000), 12


def _steps(rows: int) -> int:
    """Twelve passes, but 400 to 20,000 steps."""
    least, most = _STEPS
    return max(least, min(most, _PASSES * rows // _BATCH))


@preset_for(
    image_network="mlp",
    latent_dim=lambda _: 64,
    training={"batch_size": _BATCH, "steps": _steps, "learning_rate": 2e-3, "validation": 0.0},
)
def sequence_vae(
    parts: Parts, *, beta: float = 0.25, share: float = 0.4, blur: float = 0.5
) -> Recipe:
    """A VAE whose decoder goes token by token, and whose latents stay in use.

    The weight of the KL rises from 0 to beta within a share of the training. At 1 such a decoder
    learns to do without latents; the lower beta, the more is reconstructed, and the less of what
    the prior draws makes sense. Therefore a share ``blur`` of the latents reaches the decoder with
    noise mixed in, and it is told how much (see `BlurredDecoder`): what is drawn can then lean on
    what is known of all sequences, while what is reconstructed leans on its latents. 0 does
    without.

    Source: Bowman et al. 2016, "Generating sentences from a continuous space", section 3.1, for
    the rising weight; Higgins et al. 2017, "beta-VAE", for its end.
    """
    if blur:
        parts = replace(parts, decoder=_blurred(parts.decoder, parts.latent_dim, 1 - blur))
    return Recipe(parts.vae(), elbo(Linear(0.0, beta, share)))


def _blurred(decoder: nn.Module, latent_dim: int, clean: float) -> nn.Module:
    """What stands beside the tokens is told by latents without noise."""
    if isinstance(decoder, Beside):
        return Beside(_blurred(decoder.first, latent_dim, clean), decoder.second)
    return BlurredDecoder(decoder, latent_dim, clean=clean)
