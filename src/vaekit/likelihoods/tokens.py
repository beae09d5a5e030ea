"""Likelihoods of sequences of tokens, alone and together with properties of the sequence."""

from collections.abc import Sequence
from typing import ClassVar, cast

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.distributions import Distribution

from vaekit.bounds import Positive, Share
from vaekit.distributions.sequences import TokenSequence
from vaekit.distributions.targets import NumbersAndClasses, column_counts
from vaekit.distributions.wrappers import Concatenated
from vaekit.errors import SpecError
from vaekit.likelihoods.base import TOKENS, LearnedGaussian, Likelihood, Support, sum_observed
from vaekit.networks.tokens import AutoregressiveTokenDecoder
from vaekit.types import Batch

_SMALLEST = 1e-4  # share of a class that learning starts from


class Tokens(Likelihood):
    """Codes of tokens, then an end; the point is the most probable code, step by step.

    Args:
        network: Tells codes; the decoder says as many features as it reads.
        temperature: Of draws: below 1 nearer to the most probable sequence; above 0. It does not
            change what sequences cost, so it may be set on a trained model.
        nucleus: Of draws: the share that the codes drawn from have together, above 0 to 1.
        beams: Of the point: how many sequences are followed in search of the most probable, at
            least 1; see `beam_search`. Of several a model shows the one that it encodes nearest to
            the latents they were decoded from.

    Raises:
        SpecError: A temperature, nucleus or number of beams out of range.

    Source: Bowman et al. 2016, "Generating sentences from a continuous space".

    Example:
        >>> from vaekit.networks import TokenGRU
        >>> px = Tokens(TokenGRU(9, 4, 8, 16))(torch.zeros(1, 5, 1, 8))
        >>> px.sample().shape
        torch.Size([1, 5, 4])
    """

    support: ClassVar[Support] = TOKENS
    smooth: ClassVar[bool] = False
    drawn: ClassVar[bool] = True

    def __init__(
        self,
        network: AutoregressiveTokenDecoder,
        temperature: Positive = 1.0,
        nucleus: Share = 1.0,
        beams: int = 1,
    ) -> None:
        super().__init__()
        if not temperature > 0:
            raise SpecError(
                f"temperature must be above 0; got {temperature}. For the most probable sequence "
                "take the point."
            )
        if not 0 < nucleus <= 1:
            raise SpecError(f"nucleus must be above 0 and at most 1; got {nucleus}.")
        if beams < 1:
            raise SpecError(f"beams must be at least 1; got {beams}.")
        self.network, self.temperature, self.nucleus = network, temperature, nucleus
        self.beams = beams

    @property
    def num_features(self) -> int:
        """How many features the decoder must say of a sequence."""
        return self.network.in_dim

    def forward(self, features: Float[Tensor, "draws batch 1 features"]) -> Distribution:
        """Take the features for what is known of each sequence before its first token."""
        known = features.squeeze(2)
        return TokenSequence(self.network, known, self.temperature, self.nucleus, self.beams)

    def log_prob(self, px: Distribution, batch: Batch) -> Float[Tensor, "draws batch"]:
        """Sum over the tokens and the end, in nats; padding costs nothing."""
        return sum_observed(px.log_prob(batch.visible), batch)

    def point(self, px: Distribution) -> Tensor:
        """The most probable sequence of those followed; step by step the best code with one."""
        return px.mode

    def candidates(self, px: Distribution) -> Shaped[Tensor, "candidates draws batch steps"]:
        """Return the sequences followed, the most probable one first."""
        return cast("TokenSequence", px).candidates()

    def initial_features(self, mean: Float[Tensor, "steps"]) -> Float[Tensor, "1 features"]:
        """Nothing: a mean of codes says nothing."""
        return torch.zeros(1, self.num_features)


class TargetedTokens(Likelihood):
    """Tokens, and behind them numbers with normal noise of a learned size for each.

    Tokens and numbers are independent given the latents, so that latents have to say what the
    numbers depend on; a missing number is left out. The decoder says the features of the tokens,
    and behind them the mean of each number.

    A number has a fiftieth of the nats of its tokens, so latents would learn it last. In training
    numbers therefore count `weight` times, as if each had been measured so often; what items cost
    afterwards (`score_samples`) is the density, in which they count once.

    A target may also be one of several classes: a column for each, 1 for that of the item, told as
    a categorical distribution. In training classes may have weights, so that rare ones count more.

    Args:
        tokens: Of the sequence.
        num_targets: How many columns there are, at least 1.
        weight: Of the numbers in training; above 0.
        widths: Columns of each target, 1 for a number, as many as it has classes otherwise; empty
            where all are numbers.
        class_weights: Of each column in training, above 0; empty for all alike.

    Raises:
        SpecError: A weight that is not above 0, or widths or weights that are not of the columns.

    Source: Gomez-Bombarelli et al. 2018, "Automatic chemical design using a data-driven continuous
    representation of molecules", for properties that are learned jointly; Kingma et al. 2014,
    "Semi-supervised learning with deep generative models", for some that are missing.

    Example:
        >>> from vaekit.networks import TokenGRU
        >>> px = TargetedTokens(Tokens(TokenGRU(9, 4, 8, 16)), 2)(torch.zeros(1, 5, 1, 10))
        >>> px.sample().shape
        torch.Size([1, 5, 6])
    """

    support: ClassVar[Support] = TOKENS
    smooth: ClassVar[bool] = False
    drawn: ClassVar[bool] = True

    def __init__(
        self,
        tokens: Tokens,
        num_targets: int,
        weight: float = 10.0,
        widths: Sequence[int] = (),
        class_weights: Sequence[float] = (),
    ) -> None:
        super().__init__()
        if not weight > 0:
            raise SpecError(f"weight must be above 0; got {weight}.")
        if widths and (sum(widths) != num_targets or min(widths) < 1):
            raise SpecError(
                f"widths must be at least 1 each and sum to num_targets={num_targets}; got "
                f"{widths}."
            )
        if class_weights and (len(class_weights) != num_targets or not min(class_weights) > 0):
            raise SpecError(
                f"class_weights must be {num_targets} numbers above 0; got {class_weights}."
            )
        self.tokens, self.num_targets, self.weight = tokens, num_targets, weight
        self.widths, self.class_weights = tuple(widths), tuple(class_weights)
        self.noise = LearnedGaussian((num_targets,) if not widths else (column_counts(widths)[0],))

    @property
    def num_features(self) -> int:
        """How many features the decoder must say of an item."""
        return self.tokens.num_features + self.num_targets

    def forward(self, features: Float[Tensor, "draws batch 1 features"]) -> Distribution:
        """Read the last features as means of the numbers, and as logits of classes."""
        told, means = features.split([self.tokens.num_features, self.num_targets], -1)
        if not self.widths:
            return Concatenated([self.tokens(told), self.noise(means)])
        columns = NumbersAndClasses(means.squeeze(2), self.noise.scale, self.widths)
        return Concatenated([self.tokens(told), columns])

    def log_prob(self, px: Distribution, batch: Batch) -> Float[Tensor, "draws batch"]:
        """Sum over the tokens, the end and the numbers that are there, in nats."""
        scores = px.log_prob(batch.visible)
        if self.training:
            told, numbers = scores.split(
                [scores.shape[-1] - self.num_targets, self.num_targets], -1
            )
            if self.class_weights:
                numbers = numbers * numbers.new_tensor(self.class_weights)
            scores = torch.cat([told, self.weight * numbers], -1)
        return sum_observed(scores, batch)

    def point(self, px: Distribution) -> Tensor:
        """Return the point of the tokens, and the means."""
        return px.mode

    def candidates(self, px: Distribution) -> Shaped[Tensor, "candidates draws batch places"]:
        """Return the sequences followed, each with the means."""
        tokens, numbers = cast("Concatenated", px).parts
        found = self.tokens.candidates(tokens)
        return torch.cat([found, numbers.mode.expand(*found.shape[:-1], -1)], -1)

    def initial_features(self, mean: Float[Tensor, "places"]) -> Float[Tensor, "1 features"]:
        """Nothing of the tokens; the means, of classes the logarithms of their shares."""
        nothing, means = mean.new_zeros(self.tokens.num_features), mean[-self.num_targets :]
        parts = [
            some if len(some) == 1 else some.clamp_min(_SMALLEST).log()
            for some in means.split(self.widths or (1,) * self.num_targets)
        ]
        return torch.cat([nothing, *parts]).unsqueeze(0)


def tokens_part(likelihood: Likelihood) -> Tokens | None:
    """The likelihood of the tokens: itself, or the part of one with targets; ``None`` of others."""
    if isinstance(likelihood, TargetedTokens):
        return likelihood.tokens
    return likelihood if isinstance(likelihood, Tokens) else None
