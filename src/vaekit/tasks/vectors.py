"""Which models have latents that may be moved freely."""

from vaekit.errors import CompositionError
from vaekit.models import VAE

__all__ = ["check_vectors"]


def check_vectors(vae: VAE, what: str, remedy: str) -> None:
    """Refuse models whose latents are no real vectors.

    Args:
        vae: The model.
        what: What needs them, ``"a direction"`` for one.
        remedy: What to do instead, in a sentence.

    Raises:
        CompositionError: Latents that are codes, or lie on a sphere or in a ball.
    """
    if vae.latent.num_codes or not vae.latent.keeps_density:
        kind = "codes" if vae.latent.num_codes else "points of a curved space"
        raise CompositionError(
            f"{what} needs latents that are real vectors; this model's are {kind}. {remedy}"
        )
