"""Whether items show what their contexts ask for."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from vaekit.errors import CompositionError, DataError
from vaekit.networks.context import ContextReader
from vaekit.optimizers import AdamW
from vaekit.randomness import drawing_nothing, make_generator, seeded

_WIDTH, _RATE, _DECAY, _BATCH_SIZE, _ROUNDS, _FEWEST_STEPS = 128, 2e-3, 1e-2, 128, 15, 300
_LEFT_OUT = 0.2  # of the features in training, of which there are often more than items
_FEWEST = 20


@dataclass(frozen=True, eq=False)
class Alignment:
    """How well the features of items fit contexts, learned from real pairs.

    Attributes:
        net: Features and contexts to vectors of one space, where those that belong together are
            near.

    Source: Radford et al. 2021, "Learning transferable visual models from natural language
    supervision" (CLIP), figure 3, here on features that are given.

    Example:
        >>> from vaekit.networks import ValueReader
        >>> x = torch.eye(4).repeat(25, 1)
        >>> learned = Alignment.learned(x, x, ValueReader(4, 0.0), seed=0)
        >>> learned.r_precision(x, x, others=3) > 0.9
        True
    """

    net: "_Pairs"

    @classmethod
    def learned(
        cls,
        features: Float[Tensor, "items features"],
        context: Float[Tensor, "rows context"],
        reader: ContextReader,
        seed: int,
    ) -> "Alignment":
        """Learn from items and the contexts of each.

        Args:
            features: Of real items.
            context: Rows of their contexts.
            reader: What reads the rows, untrained; it learns with the rest.
            seed: Of its weights and the order of the items.

        Raises:
            CompositionError: Another number of contexts than of items.
            DataError: Fewer than 20 items.
        """
        if len(features) != len(context):
            raise CompositionError(
                f"each item must have a context; got {len(context)} for {len(features)} items."
            )
        if len(features) < _FEWEST:
            raise DataError(f"at least {_FEWEST} items are needed; got {len(features)}.")
        with seeded(seed):
            net = _Pairs(features, reader.fresh())
            _train(net, features, context)
        return cls(net.eval())

    @torch.no_grad()
    def scores(
        self, features: Float[Tensor, "items features"], context: Float[Tensor, "rows context"]
    ) -> Float[Tensor, "items rows"]:
        """Return the cosine between each item and each context, from -1 to 1."""
        return self.net.items(features) @ self.net.contexts(context).T

    def r_precision(
        self,
        features: Float[Tensor, "items features"],
        context: Float[Tensor, "items context"],
        others: int = 9,
        seed: int = 0,
    ) -> float:
        """Return the share of items that fit their own context better than those of others.

        Args:
            features: Of the items.
            context: What was asked of each.
            others: To how many contexts of other items, which differ from its own, each own one is
                compared; drawn with replacement.
            seed: Of the draw.

        Returns:
            From 0 to 1; chance is 1 / (others + 1).

        Raises:
            DataError: All contexts are the same.

        Source: Xu et al. 2018, "AttnGAN", section 4 (R-precision, with R = 1).
        """
        table = self.scores(features, context)
        plain = context.nan_to_num(-1.0)
        differs = (plain.unsqueeze(0) != plain.unsqueeze(1)).any(-1)
        told = differs.any(1)
        if not told.any():
            raise DataError("contexts must differ from each other; all are the same.")
        drawn = differs[told].float().multinomial(others, True, generator=make_generator(seed))
        rivals = table[told].gather(1, drawn).amax(1)
        return float((table.diagonal()[told] > rivals).float().mean())


class _Pairs(nn.Module):
    """Two ways into one space."""

    mean: Tensor
    scale: Tensor

    def __init__(self, features: Tensor, reader: ContextReader) -> None:
        super().__init__()
        self.register_buffer("mean", features.mean(0))
        self.register_buffer("scale", features.std(0).clamp_min(1e-6))
        self.looks = nn.Sequential(
            nn.Dropout(_LEFT_OUT),
            nn.Linear(features.shape[1], 2 * _WIDTH),
            nn.GELU(),
            nn.Linear(2 * _WIDTH, _WIDTH),
        )
        self.reader = reader
        self.words = nn.Linear(reader.vector_dim, _WIDTH)
        self.sharpness = nn.Parameter(torch.tensor(math.log(10.0)))

    def items(self, features: Tensor) -> Tensor:
        """Unit vectors of items."""
        return F.normalize(self.looks((features - self.mean) / self.scale), dim=-1)

    def contexts(self, context: Tensor) -> Tensor:
        """Unit vectors of contexts."""
        return F.normalize(self.words(self.reader(context).vector), dim=-1)

    def forward(self, features: Tensor, context: Tensor) -> Tensor:
        """Mean cross-entropy of each item's own context among all, and the other way."""
        table = self.sharpness.exp() * self.items(features) @ self.contexts(context).T
        plain = context.nan_to_num(-1.0)
        same = (plain.unsqueeze(0) == plain.unsqueeze(1)).all(-1).float()
        own = same / same.sum(-1, keepdim=True)
        loss: Tensor = (F.cross_entropy(table, own) + F.cross_entropy(table.T, own)) / 2
        return loss


@torch.enable_grad()
def _train(net: _Pairs, features: Tensor, context: Tensor) -> None:
    size = min(_BATCH_SIZE, len(features))
    steps = max(_FEWEST_STEPS, _ROUNDS * len(features) // size)
    optimizer = AdamW(net.parameters(), _RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, steps + 1)
    for _ in range(steps):
        some = torch.randint(len(features), (size,))
        loss = net(features[some], context[some])
        with drawing_nothing():
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
