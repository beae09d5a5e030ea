"""Properties for a model that was trained without them, or with others."""

from collections.abc import Sequence
from dataclasses import replace

from vaekit.domains import MoleculeDomain
from vaekit.domains.molecules import Standardised, Targets
from vaekit.errors import CompositionError
from vaekit.likelihoods import TargetedTokens, tokens_part
from vaekit.networks import Beside, TokenEncoder, with_numbers
from vaekit.tasks.trained import Trained

__all__ = ["with_targets"]


def with_targets(trained: Trained, targets: Sequence[str], found: Standardised) -> Trained:
    """A model that can learn to tell properties from its latents, which it cannot tell yet.

    Args:
        trained: A model of molecules; its parts are changed in place.
        targets: As of `MoleculeDomain`; they take the place of those that it had.
        found: What it is to learn them from.

    Raises:
        CompositionError: The model is of other data.
        SpecError: No column and no property has a name.
        DataError: A target that does not vary.
    """
    vae, domain = trained.vae, trained.domain
    tokens = tokens_part(vae.likelihood)
    if not isinstance(domain, MoleculeDomain) or tokens is None:
        raise CompositionError(
            f"targets are properties of molecules; this model is of {type(domain).__name__}. Leave "
            "them out."
        )
    scales = Targets.of(targets, found)
    if isinstance(vae.encoder, TokenEncoder):  # it must not read the numbers behind the tokens
        vae.encoder.places = tokens.network.steps
    first = vae.decoder.first if isinstance(vae.decoder, Beside) else vae.decoder
    decoder = with_numbers(first, vae.latent_dim + vae.context_dim, len(targets))
    vae.decoder = decoder.to(trained.device)
    vae.likelihood = TargetedTokens(tokens, len(targets)).to(trained.device)
    return replace(trained, domain=replace(domain, targets=tuple(targets), scales=scales))
