"""Networks and likelihood for sequences of tokens."""

from vaekit.domains.sequences.vocabulary import Vocabulary
from vaekit.errors import CompositionError
from vaekit.likelihoods import Likelihood, Tokens
from vaekit.networks import MLPDecoder, TokenEncoder, TokenGRU
from vaekit.presets import Parts

__all__ = ["token_parts"]

_WIDTHS = {"small": 384, "medium": 512, "large": 1024}


def token_parts(
    words: Vocabulary,
    latent_dim: int,
    context_dim: int,
    network: str,
    size: str,
    likelihood: str | Likelihood,
) -> Parts:
    """Recurrent networks, and a decoder that tells each token from those before it.

    Raises:
        CompositionError: Another network or likelihood was chosen.
    """
    if network not in ("auto", "gru"):
        raise CompositionError(f"sequences of tokens have networks 'gru'; got {network!r}.")
    width = _WIDTHS[size]
    chosen = _likelihood(words, width, likelihood)
    encoder = TokenEncoder(words.num_codes, width // 2, width)
    decoder = MLPDecoder(latent_dim + context_dim, (width,), (1, chosen.num_features), True)
    return Parts(encoder, decoder, chosen, width, latent_dim, context_dim)


def _likelihood(words: Vocabulary, width: int, chosen: str | Likelihood) -> Tokens:
    """A new one, or the user's, if it is for these codes."""
    if isinstance(chosen, Tokens):
        network = chosen.network
        if (network.num_codes, network.steps) == (words.num_codes, words.steps):
            return chosen
        raise CompositionError(
            f"Tokens must be made for the {words.num_codes} codes and {words.steps} steps of these "
            f"data; got {network.num_codes} and {network.steps}. Leave likelihood='auto'."
        )
    if chosen != "auto":
        raise CompositionError(
            f"sequences of tokens have a likelihood of their own, 'auto'; got {chosen!r}. Choose "
            "that, or a preset that does, as 'sequence_vae'."
        )
    return Tokens(TokenGRU(words.num_codes, words.steps, width // 2, width, width // 2))
