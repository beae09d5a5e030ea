"""Distributions over codes, whose draws are what the decoder reads: the codes' embeddings."""

import abc
import math
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Size, Tensor
from torch.distributions import Distribution, constraints

from vaekit.distributions.wrappers import SampleWithLogProb


class CodeDistribution(SampleWithLogProb, abc.ABC):
    """q(codes | x), drawn as embeddings of size (latent,).

    Attributes:
        indices: The most probable code of each token, shape (batch, tokens).
        num_codes: Values that a code may take.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, indices: Int[Tensor, "batch tokens"], num_codes: int, latent_dim: int):
        self.indices, self.num_codes = indices, num_codes
        super().__init__(indices.shape[:1], Size((latent_dim,)), validate_args=False)

    @property
    @abc.abstractmethod
    def entropy_of_codes(self) -> Float[Tensor, "batch"]:
        """Entropy of the codes of each item in nats."""

    @property
    @abc.abstractmethod
    def distance(self) -> Float[Tensor, "batch"]:
        """Squared distance of each encoding from its codes, a gradient to the encoding only."""

    def kl_to_uniform(self) -> Float[Tensor, "batch"]:
        """KL to codes that are all equally probable, in nats."""
        return self.indices.shape[-1] * math.log(self.num_codes) - self.entropy_of_codes


class PointCodes(CodeDistribution):
    """The nearest code for certain: vector and scalar quantisation.

    Its mass is 1, so its log is 0: a true log-probability, of codes instead of points.

    Args:
        z: Embeddings of the codes, through which gradients pass straight to the encoder.
        indices: The codes.
        num_codes: Values that a code may take.
        distance: Squared distance of each encoding from its codes; zeros where there is none.
    """

    def __init__(
        self,
        z: Float[Tensor, "batch latent"],
        indices: Int[Tensor, "batch tokens"],
        num_codes: int,
        distance: Float[Tensor, "batch"],
    ) -> None:
        self.z, self._distance = z, distance
        super().__init__(indices, num_codes, z.shape[-1])

    @property
    def mean(self) -> Tensor:
        """The embedding."""
        return self.z

    @property
    def entropy_of_codes(self) -> Float[Tensor, "batch"]:
        """Zero."""
        return self.z.new_zeros(self.z.shape[0])

    @property
    def distance(self) -> Float[Tensor, "batch"]:
        """As measured by the quantiser."""
        return self._distance

    def rsample_with_log_prob(self, sample_shape: Size) -> tuple[Tensor, Tensor]:
        """Repeat the embedding; its log-probability is 0."""
        z = self.z.expand(self._extended_shape(sample_shape))
        return z, z.new_zeros(z.shape[:-1])


class GumbelCodes(CodeDistribution):
    """Independent categorical codes, relaxed while gradients are wanted.

    Args:
        logits: Unnormalised log-probabilities.
        embeddings: What stands for each code, shape (tokens, codes, latent / tokens).
        temperature: Of the relaxation; ``None`` draws true codes.

    Source: Jang et al. 2017, "Categorical reparameterization with Gumbel-softmax", eq. 2;
    Maddison et al. 2017.
    """

    def __init__(
        self,
        logits: Float[Tensor, "batch tokens codes"],
        embeddings: Float[Tensor, "tokens codes part"],
        temperature: float | None,
    ) -> None:
        self.log_probs = logits.log_softmax(-1)
        self.embeddings, self.temperature = embeddings, temperature
        tokens, codes, part = embeddings.shape
        super().__init__(logits.argmax(-1), codes, tokens * part)

    @property
    def mean(self) -> Tensor:
        """The embedding of the most probable codes."""
        return self._embed(F.one_hot(self.indices, self.num_codes).to(self.log_probs))

    @property
    def entropy_of_codes(self) -> Float[Tensor, "batch"]:
        """Sum over the tokens."""
        return -(self.log_probs.exp() * self.log_probs).sum((-1, -2))

    @property
    def distance(self) -> Float[Tensor, "batch"]:
        """Zero: embeddings learn by the gradient of the reconstruction."""
        return self.log_probs.new_zeros(self.log_probs.shape[0])

    def rsample_with_log_prob(self, sample_shape: Size) -> tuple[Tensor, Tensor]:
        """Draw (relaxed) codes; the log-probability of relaxed ones is interpolated."""
        shape = (*sample_shape, *self.log_probs.shape)
        uniform = torch.rand(shape, dtype=self.log_probs.dtype, device=self.log_probs.device)
        noisy = self.log_probs - (-uniform.clamp_min(1e-20).log()).clamp_min(1e-20).log()
        if self.temperature is None:
            weights = F.one_hot(noisy.argmax(-1), self.num_codes).to(noisy)
        else:
            weights = (noisy / self.temperature).softmax(-1)
        return self._embed(weights), (weights * self.log_probs).sum((-1, -2))

    def _embed(self, weights: Tensor) -> Tensor:
        return torch.einsum("...tk,tkd->...td", weights, self.embeddings).flatten(-2)


class PlacewiseCodes(CodeDistribution):
    """Codes of the places of a grid, each told of its own: what a distribution of them says.

    Embeddings are joined channels first, as images are.

    Args:
        each: Of all places of all items, the places of an item one after the other.
        places: Places of an item.
    """

    def __init__(self, each: CodeDistribution, places: int) -> None:
        self.each, self.places = each, places
        indices = each.indices.reshape(-1, places * each.indices.shape[-1])
        super().__init__(indices, each.num_codes, places * each.event_shape[0])

    @property
    def mean(self) -> Tensor:
        """The embedding of the most probable codes."""
        return self.joined(self.each.mean)

    @property
    def entropy_of_codes(self) -> Float[Tensor, "batch"]:
        """Sum over the places."""
        return self._summed(self.each.entropy_of_codes)

    @property
    def distance(self) -> Float[Tensor, "batch"]:
        """Sum over the places."""
        return self._summed(self.each.distance)

    def rsample_with_log_prob(self, sample_shape: Size) -> tuple[Tensor, Tensor]:
        """Draw at each place."""
        z, log_prob = self.each.rsample_with_log_prob(sample_shape)
        return self.joined(z), self._summed(log_prob)

    def joined(self, z: Float[Tensor, "*draws rows size"]) -> Float[Tensor, "*draws items latent"]:
        """Join the embeddings of the places of each item."""
        joined: Tensor = z.unflatten(-2, (-1, self.places)).transpose(-1, -2).flatten(-2)
        return joined

    def _summed(self, values: Tensor) -> Tensor:
        summed: Tensor = values.unflatten(-1, (-1, self.places)).sum(-1)
        return summed


class UniformCodes(Distribution):
    """All codes equally probable; the prior under which quantisers are trained.

    Args:
        num_tokens: Codes per item.
        num_codes: Values that a code may take.
        like: A tensor whose dtype and device to use.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, num_tokens: int, num_codes: int, like: Tensor) -> None:
        self.num_tokens, self.num_codes, self.like = num_tokens, num_codes, like
        super().__init__(Size(), Size((num_tokens,)), validate_args=False)

    def sample(self, sample_shape: Any = Size()) -> Tensor:
        """Draw codes, not embeddings."""
        shape = (*sample_shape, self.num_tokens)
        return torch.randint(self.num_codes, shape, device=self.like.device)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-probability of the codes of each embedding: always the same."""
        return value.new_full(value.shape[:-1], -self.num_tokens * math.log(self.num_codes))
