"""How much of a codebook a model with discrete latents uses."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vaekit.errors import DataError

__all__ = ["CodebookUsage", "codebook_usage"]


@dataclass(frozen=True)
class CodebookUsage:
    """The use of a codebook by some items.

    Attributes:
        used: Share of the codes that occur at all, from 0 to 1.
        perplexity: exp(entropy) of the codes, all tokens together: from 1 (one code serves all)
            to `num_codes` (all equally frequent).
        used_per_token: The same share at each token's place.
        perplexity_per_token: The same perplexity at each token's place.
        num_codes: Size of the codebook.
        items: Items it was measured on.
    """

    used: float
    perplexity: float
    used_per_token: tuple[float, ...]
    perplexity_per_token: tuple[float, ...]
    num_codes: int
    items: int


def codebook_usage(indices: Int[Tensor, "items tokens"], num_codes: int) -> CodebookUsage:
    """Count how often each code occurs.

    Few items cannot use many codes: both figures are at most the number of codes drawn.

    Args:
        indices: The code of each token of each item, from 0 to num_codes - 1.
        num_codes: Size of the codebook.

    Raises:
        DataError: No items, or codes outside the codebook.

    Source: Shannon's entropy, usual for codebooks since van den Oord et al. 2017, "Neural discrete
    representation learning".

    Example:
        >>> codebook_usage(torch.tensor([[0, 1], [0, 2]]), num_codes=4).used_per_token
        (0.25, 0.5)
    """
    _check_indices(indices, num_codes)
    counts = torch.stack([torch.bincount(token, minlength=num_codes) for token in indices.T])
    total = counts.sum(0, keepdim=True)
    return CodebookUsage(
        used=_used(total).item(),
        perplexity=_perplexity(total).item(),
        used_per_token=tuple(_used(counts).tolist()),
        perplexity_per_token=tuple(_perplexity(counts).tolist()),
        num_codes=num_codes,
        items=len(indices),
    )


def _check_indices(indices: Tensor, num_codes: int) -> None:
    if not indices.numel():
        raise DataError(
            f"indices must name at least one code; got shape {tuple(indices.shape)}. Pass items."
        )
    least, most = indices.min().item(), indices.max().item()
    if least < 0 or most >= num_codes:
        raise DataError(
            f"indices must be from 0 to {num_codes - 1}; got {least} to {most}. "
            "Pass num_codes of the codebook that they come from."
        )


def _used(counts: Int[Tensor, "tokens codes"]) -> Float[Tensor, "tokens"]:
    return (counts > 0).double().mean(-1)


def _perplexity(counts: Int[Tensor, "tokens codes"]) -> Float[Tensor, "tokens"]:
    shares = counts.double() / counts.sum(-1, keepdim=True)
    entropy: Tensor = torch.special.entr(shares).sum(-1)
    return entropy.exp()
