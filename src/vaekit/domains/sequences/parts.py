"""Networks and likelihood for sequences of tokens."""

from dataclasses import replace

from vaekit.domains.sequences.vocabulary import Vocabulary
from vaekit.errors import CompositionError
from vaekit.likelihoods import Likelihood, TargetedTokens, Tokens
from vaekit.networks import (
    MLPDecoder,
    TokenEncoder,
    TokenGRU,
    TokenTeller,
    TokenTransformer,
    with_numbers,
)
from vaekit.presets import Parts

__all__ = ["token_parts"]

_WIDTHS = {"small": 384, "medium": 512, "large": 1024}
_SPAN = 32
"""Of each head, as in the base Transformer halved."""


def token_parts(
    words: Vocabulary,
    latent_dim: int,
    context_dim: int,
    network: str,
    size: str,
    likelihood: str | Likelihood,
    num_targets: int = 0,
) -> Parts:
    """A recurrent encoder, and a decoder that tells each token from those before it.

    Args:
        words: Tokens and longest length.
        latent_dim: Number of latents.
        context_dim: Size of the context.
        network: ``"gru"``, which ``"auto"`` takes, or ``"transformer"``, of the decoder.
        size: ``"small"``, ``"medium"`` or ``"large"``.
        likelihood: ``"auto"``, or one made for these codes.
        num_targets: Numbers behind the codes of each row, which are told from the latents.

    Raises:
        CompositionError: Another network or likelihood was chosen.
    """
    width = _WIDTHS[size]
    tokens = _likelihood(words, network, width, likelihood)
    encoder = TokenEncoder(words.num_codes, width // 2, width, words.steps)
    told = latent_dim + context_dim
    decoder = MLPDecoder(told, (width,), (1, tokens.num_features), True)
    parts = Parts(encoder, decoder, tokens, width, latent_dim, context_dim)
    if not num_targets:
        return parts
    likelihood = TargetedTokens(tokens, num_targets)
    return replace(parts, decoder=with_numbers(decoder, told, num_targets), likelihood=likelihood)


def _likelihood(words: Vocabulary, network: str, width: int, chosen: str | Likelihood) -> Tokens:
    """A new one, or the user's, if it is for these codes."""
    if isinstance(chosen, Tokens):
        teller = chosen.network
        if (teller.num_codes, teller.steps) == (words.num_codes, words.steps):
            return chosen
        raise CompositionError(
            f"Tokens must be made for the {words.num_codes} codes and {words.steps} steps of these "
            f"data; got {teller.num_codes} and {teller.steps}. Leave likelihood='auto'."
        )
    if chosen != "auto":
        raise CompositionError(
            f"sequences of tokens have a likelihood of their own, 'auto'; got {chosen!r}. Choose "
            "that, or a preset that does, as 'sequence_vae'."
        )
    return Tokens(_teller(words, network, width))


def _teller(words: Vocabulary, network: str, width: int) -> TokenTeller:
    """Networks of about as many weights."""
    if network in ("auto", "gru"):
        return TokenGRU(words.num_codes, words.steps, width // 2, width, width // 2)
    if network == "transformer":
        half = width // 2
        return TokenTransformer(words.num_codes, words.steps, half, half, heads=half // _SPAN)
    raise CompositionError(
        f"sequences of tokens have networks 'gru' and 'transformer'; got {network!r}."
    )
