"""The likelihood of a sequence of tokens, each given the latents and the tokens before it."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from vaekit.distributions import TokenSequence
from vaekit.errors import SpecError
from vaekit.likelihoods.base import Likelihood, sum_observed
from vaekit.networks import TokenTeller
from vaekit.types import Batch

__all__ = ["Tokens"]


class Tokens(Likelihood):
    """Codes of tokens, then an end; the point is the most probable code, step by step.

    Args:
        network: Tells codes; the decoder says as many features as it reads.
        temperature: Of draws: below 1 nearer to the most probable sequence; above 0. It does not
            change what sequences cost, so it may be set on a trained model.
        nucleus: Of draws: the share that the codes drawn from have together, above 0 to 1.
        beams: Of the point: how many sequences are followed in search of the most probable, at
            least 1; see `beam_search`.

    Raises:
        SpecError: A temperature, nucleus or number of beams out of range.

    Source: Bowman et al. 2016, "Generating sentences from a continuous space".

    Example:
        >>> from vaekit.networks import TokenGRU
        >>> px = Tokens(TokenGRU(9, 4, 8, 16))(torch.zeros(1, 5, 1, 8))
        >>> px.sample().shape
        torch.Size([1, 5, 4])
    """

    support: ClassVar[str] = "tokens"
    smooth: ClassVar[bool] = False
    drawn: ClassVar[bool] = True

    def __init__(
        self, network: TokenTeller, temperature: float = 1.0, nucleus: float = 1.0, beams: int = 1
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

    def initial_features(self, mean: Float[Tensor, "steps"]) -> Float[Tensor, "1 features"]:
        """Nothing: a mean of codes says nothing."""
        return torch.zeros(1, self.num_features)
