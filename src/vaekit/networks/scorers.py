"""How well items of any kind fit a caption: what words an item lets expect."""

import math
from typing import Annotated

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from vaekit.bounds import Between

NumTags = Annotated[int, Between(1, 2**16)]
"""Of a scorer; the weights of a run show it."""

_FEWEST = 8  # captions that must have a word, or a pair of words, for it to be learned
_MOST_ROWS = 20_000  # that words are counted in


class TagScorer(nn.Module):
    """Says of an item which words its caption may have, and so how well a caption fits it.

    Tags are the most frequent words of captions and pairs of words beside each other, which tell
    "red hair" from "a red hat". Each is told by itself, so that one item and its caption teach as
    much about each detail as there are words for it. A contrastive loss would leave off learning
    where a few details tell the captions of a batch apart.

    Args:
        body: (batch, *event) -> (batch, features).
        features_dim: Size of the features.
        num_tags: How many words and pairs of words it knows at most.

    Source: Huang et al. 2024, "Classification done right for vision-language pre-training", section
    3 (words of captions as classes); Ramesh et al. 2021, "Zero-shot text-to-image generation",
    section 2.6, for choosing samples by such a score.

    Example:
        >>> scorer = TagScorer(nn.Flatten(), 4, num_tags=6)
        >>> rows = torch.tensor([[2.0, 3.0, 0.0], [4.0, 3.0, 0.0]]).repeat(8, 1)
        >>> scorer.start_from(rows)
        >>> scorer(torch.zeros(16, 2, 2), rows).shape
        torch.Size([16])
    """

    tags: Tensor

    def __init__(self, body: nn.Module, features_dim: int, num_tags: NumTags = 1024) -> None:
        super().__init__()
        self.body = body
        self.features_dim = features_dim
        self.num_tags = num_tags
        self.head = nn.Linear(features_dim, num_tags)
        # Numbers as rows hold them: an average of whole numbers, as of weights, would round down.
        self.register_buffer("tags", torch.full((num_tags, 2), -1.0))

    @torch.no_grad()
    def start_from(self, rows: Float[Tensor, "batch length"]) -> None:
        """Take the most frequent words and pairs of captions, and tell each as often as it is.

        Args:
            rows: Codes of words, 0 after the last one; those of which nothing is told hold NaN.
        """
        codes = rows[:_MOST_ROWS].nan_to_num()
        words = F.pad(codes.unsqueeze(-1), (0, 1))
        pairs = torch.stack([codes[:, :-1], codes[:, 1:]], -1)
        found = [_distinct(each) for each in (words, pairs)]
        tags, counts = (torch.cat(parts) for parts in zip(*found, strict=True))
        chosen = counts.argsort(descending=True, stable=True)[: self.num_tags]
        chosen = chosen[counts[chosen] >= min(_FEWEST, int(counts.max()))]
        self.tags.fill_(-1)
        self.tags[: len(chosen)] = tags[chosen]
        share = (counts[chosen] / len(codes)).clamp(1e-3, 1 - 1e-3)
        nn.init.constant_(self.head.bias, -math.log(1e3))
        self.head.bias[: len(chosen)] = share.logit()

    def logits(self, x: Float[Tensor, "batch *event"]) -> Float[Tensor, "batch tags"]:
        """Return the log odds that the caption of an item has each tag."""
        logits: Tensor = self.head(self.body(x)).float()
        return logits

    def losses(
        self, x: Float[Tensor, "batch *event"], context: Float[Tensor, "batch length"]
    ) -> Float[Tensor, "batch"]:
        """Return the cross-entropies of all tags of an item, in nats; 0 without a caption."""
        logits, present = self.logits(x), self.present(context)
        losses = F.binary_cross_entropy_with_logits(logits, present, reduction="none").sum(-1)
        return losses * present.any(-1)

    def forward(
        self, x: Float[Tensor, "batch *event"], context: Float[Tensor, "batch length"]
    ) -> Float[Tensor, "batch"]:
        """Return the log probability of a caption's tags, in nats: higher for items that fit it.

        What a caption does not speak of does not count.
        """
        return (F.logsigmoid(self.logits(x)) * self.present(context)).sum(-1)

    def present(self, context: Float[Tensor, "batch length"]) -> Float[Tensor, "batch tags"]:
        """Return 1 for each tag that a caption has."""
        codes = context.nan_to_num().unsqueeze(-1)
        first = codes == self.tags[:, 0]
        second = F.pad(codes[:, 1:], (0, 0, 0, 1)) == self.tags[:, 1]
        is_word = self.tags[:, 1] == 0
        there: Tensor = (first & (second | is_word)).any(1)
        return there.float()


def _distinct(tags: Tensor) -> tuple[Tensor, Tensor]:
    """Return different tags, and how many captions have each; shape of all (rows, places, 2)."""
    places = torch.arange(len(tags), device=tags.device).view(-1, 1, 1)
    listed = torch.cat([places.expand(*tags.shape[:2], 1), tags], -1).flatten(0, 1)
    is_pair = (tags[..., 1] != 0).any()
    whole = listed[:, 1:] != 0 if is_pair else listed[:, 1:2] != 0
    once = listed[whole.all(1)].unique(dim=0)
    found = once[:, 1:].unique(dim=0, return_counts=True)
    return found[0], found[1]
