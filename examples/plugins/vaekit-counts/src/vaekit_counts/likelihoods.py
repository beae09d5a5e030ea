"""Negative binomial likelihoods of counts, given how many each item has in all."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Size, Tensor, nn
from torch.distributions import Distribution
from torch.distributions import NegativeBinomial as Counts
from torch.nn import functional as F

from vaekit.likelihoods import Likelihood
from vaekit.likelihoods.base import Support
from vaekit.types import Batch

_FLOOR = 1e-6


def _are_counts(x: Tensor) -> bool:
    return bool(((x >= 0) & (x == x.round())).all())


def _some_counts(shape: Sequence[int]) -> Tensor:
    return torch.poisson(torch.full(tuple(shape), 2.0))


COUNTS = Support("counts", "whole numbers from 0, without an upper end", _are_counts, _some_counts)


class CountDistribution(Distribution):
    """Counts whose total is a log-normal library size, shared out and over-dispersed.

    Args:
        shares: Expected share of each value in the total, shape (draws, batch, *event).
        dispersion: Inverse dispersion of each value, positive.
        library: Mean and standard deviation of the log of the total.
        zeros: Logits of extra zeros, or ``None``.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(
        self, shares: Tensor, dispersion: Tensor, library: Tensor, zeros: Tensor | None = None
    ) -> None:
        self.shares, self.dispersion, self.library, self.zeros = shares, dispersion, library, zeros
        super().__init__(shares.shape, validate_args=False)

    def counts(self, library: Tensor) -> Counts:
        """Return the distribution of each count, given totals that broadcast to the shares."""
        mean = (library * self.shares).clamp_min(_FLOOR)
        logits = mean.log() - self.dispersion.log()
        return Counts(total_count=self.dispersion, logits=logits, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """Expected counts of an item of the median total."""
        mean: Tensor = self.library[0].exp() * self.shares
        return mean if self.zeros is None else mean * torch.sigmoid(-self.zeros)

    @torch.no_grad()
    def sample(self, sample_shape: Any = Size()) -> Tensor:
        """Draw a total for each item, then its counts."""
        shape = self._extended_shape(sample_shape)
        flat = len(shape) - 2
        totals = torch.randn(*shape[:2], *[1] * flat, device=self.shares.device)
        library = (self.library[0] + self.library[1] * totals).exp()
        x: Tensor = self.counts(library).sample()
        if self.zeros is None:
            return x
        return x * (torch.rand_like(x) >= torch.sigmoid(self.zeros))

    def log_prob(self, value: Tensor, library: Tensor | None = None) -> Tensor:
        """Return log-probabilities of single counts, by default given the median total."""
        total = self.library[0].exp() if library is None else library
        found: Tensor = self.counts(total).log_prob(value)
        if self.zeros is None:
            return found
        kept = F.logsigmoid(-self.zeros) + found
        extra = F.logsigmoid(self.zeros).expand_as(kept)
        return torch.where(value == 0, torch.logaddexp(extra, kept), kept)


class NegativeBinomial(Likelihood):
    """Over-dispersed counts; how many an item has in all is given, as scVI's observed library size.

    Args:
        shape: ``()`` for one dispersion for all values, the event shape for one per value.
        library: Mean and standard deviation of the log of the total of an item, for samples.

    Source: Lopez et al. 2018, "Deep generative modeling for single-cell transcriptomics".

    Example:
        >>> NegativeBinomial()(torch.zeros(1, 3, 1, 4)).mean.shape
        torch.Size([1, 3, 4])
    """

    support: ClassVar[Support] = COUNTS
    smooth: ClassVar[bool] = True
    drawn: ClassVar[bool] = True
    has_zeros: ClassVar[bool] = False

    def __init__(self, shape: Sequence[int] = (), library: Sequence[float] = (5.0, 0.5)) -> None:
        super().__init__(features_per_value=2 if self.has_zeros else 1)
        self.shape, self.library = tuple(shape), tuple(library)
        self.raw_dispersion = nn.Parameter(torch.zeros(self.shape))

    @classmethod
    def for_shape(cls, event_shape: tuple[int, ...]) -> "NegativeBinomial":
        """Return one with a dispersion for each value."""
        return cls(event_shape)

    def forward(self, features: Tensor) -> CountDistribution:
        """Return p(x | z) from logits of shares, and where there are some of extra zeros."""
        logits = features[:, :, 0]
        shares = logits.flatten(2).softmax(-1).view_as(logits)
        library = features.new_tensor(self.library)
        zeros = features[:, :, 1] if self.has_zeros else None
        return CountDistribution(shares, self.raw_dispersion.exp(), library, zeros)

    def log_prob(self, px: Distribution, batch: Batch) -> Tensor:
        """Return log p(x | z, total) in nats, shape (draws, batch)."""
        assert isinstance(px, CountDistribution)
        x = batch.visible
        library = x.flatten(1).sum(1).clamp_min(1.0).view(-1, *[1] * (x.dim() - 1))
        found = px.log_prob(x, library)
        if batch.observed is not None:
            found = torch.where(batch.observed, found, torch.zeros_like(found))
        return found.flatten(2).sum(-1)

    def point(self, px: Distribution) -> Tensor:
        """Return expected counts."""
        return px.mean

    def initial_features(self, mean: Tensor) -> Tensor:
        """Return the logits of the mean shares; few extra zeros."""
        logits = mean.clamp_min(_FLOOR).log().unsqueeze(0)
        return torch.cat([logits, torch.full_like(logits, -2.0)]) if self.has_zeros else logits


class ZeroInflatedNegativeBinomial(NegativeBinomial):
    """The same, with more zeros than counts alone would have.

    Source: Lopez et al. 2018.
    """

    has_zeros: ClassVar[bool] = True
