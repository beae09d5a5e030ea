"""What every latent promises; one latent vector per item; codes."""

import abc

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.distributions.codes import CodeDistribution, UniformCodes
from vaekit.distributions.gaussian import REAL
from vaekit.distributions.wrappers import SampleWithLogProb
from vaekit.errors import CompositionError
from vaekit.posteriors.discrete import Quantizer
from vaekit.posteriors.gaussian import Posterior
from vaekit.priors.base import Prior
from vaekit.types import Aggregate, Draw, LogDensity


class Latent(nn.Module, abc.ABC):
    """Joins posterior and prior; hierarchies, in which the two share parts, are one `Latent`.

    Besides drawing, a latent maps its points to and from coordinates in which a density can be
    fitted: flat vectors, or the numbers of codes.
    """

    @property
    @abc.abstractmethod
    def provides(self) -> frozenset[str]:
        """What objectives may count on; see `Posterior.provides`."""

    @property
    @abc.abstractmethod
    def latent_dim(self) -> int:
        """Size of what the decoder reads."""

    @property
    @abc.abstractmethod
    def num_codes(self) -> int:
        """How many values each coordinate may take; 0 where coordinates are real."""

    @property
    @abc.abstractmethod
    def num_coordinates(self) -> int:
        """How many coordinates a point has."""

    @property
    @abc.abstractmethod
    def keeps_density(self) -> bool:
        """Whether a density in coordinates compares with one of the points themselves."""

    @abc.abstractmethod
    def infer(
        self,
        h: Float[Tensor, "batch features"],
        context: Float[Tensor, "batch context"] | None,
        draws: int,
        log_likelihood: LogDensity,
        aggregate: Aggregate,
    ) -> Draw:
        """Draw latents of a batch from its posterior.

        Args:
            h: Features of the batch.
            context: What the model is conditioned on.
            draws: Latents per item.
            log_likelihood: log p(x | z) as a function of z.
            aggregate: q(z | x) of pseudo-inputs.
        """

    @abc.abstractmethod
    def code(
        self,
        h: Float[Tensor, "batch features"],
        context: Float[Tensor, "batch context"] | None,
        log_likelihood: LogDensity,
        aggregate: Aggregate,
    ) -> Float[Tensor, "batch latent"]:
        """Return the one point that stands for each item: the posterior's mean, or its mode."""

    @abc.abstractmethod
    def posterior_of(
        self, h: Float[Tensor, "batch features"], log_likelihood: LogDensity
    ) -> Distribution:
        """q(z | x), of which priors are mixed that are made of posteriors."""

    @abc.abstractmethod
    def prior_of(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """p(z | c), with batch shape () where it ignores the context."""

    @abc.abstractmethod
    def generate(
        self, n: int, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Float[Tensor, "batch *latent"]:
        """Draw latents from the prior; reads the global random stream (see `seeded`).

        Args:
            n: How many; with a context, one per row of it.
            context: What the model is conditioned on.
            aggregate: q(z | x) of pseudo-inputs.
        """

    @abc.abstractmethod
    def flatten(self, draw: Draw) -> Float[Tensor, "batch coordinates"]:
        """Return the coordinates of the first draw of each item."""

    @abc.abstractmethod
    def unflatten(self, u: Float[Tensor, "batch coordinates"]) -> Float[Tensor, "batch latent"]:
        """Return the points at coordinates."""


class Single(Latent):
    """One latent vector: any posterior with any prior of the same size and space.

    Args:
        posterior: q(z | x).
        prior: p(z).

    Raises:
        CompositionError: They differ in size or space, or the prior needs what the posterior
            does not provide.

    Example:
        >>> from vaekit.posteriors import DiagonalGaussian
        >>> from vaekit.priors import StandardNormal
        >>> latent = Single(DiagonalGaussian(8, 2), StandardNormal(2))
        >>> "density" in latent.provides
        True
    """

    def __init__(self, posterior: Posterior, prior: Prior) -> None:
        super().__init__()
        _check_pair(posterior, prior)
        self.posterior = posterior
        self.prior = prior

    @property
    def provides(self) -> frozenset[str]:
        """What posterior and prior provide."""
        return self.posterior.provides | self.prior.provides

    @property
    def latent_dim(self) -> int:
        """Number of latents."""
        return self.posterior.latent_dim

    @property
    def num_codes(self) -> int:
        """0: the coordinates are real."""
        return 0

    @property
    def num_coordinates(self) -> int:
        """Number of latents."""
        return self.latent_dim

    @property
    def keeps_density(self) -> bool:
        """Whether flat coordinates keep volumes, so that densities compare."""
        return self.posterior.manifold == REAL

    def infer(
        self,
        h: Float[Tensor, "batch features"],
        context: Float[Tensor, "batch context"] | None,
        draws: int,
        log_likelihood: LogDensity,
        aggregate: Aggregate,
    ) -> Draw:
        """Draw from q(z | x), reparametrised."""
        p = self.prior(context, aggregate)
        q = self.posterior(h, lambda z: log_likelihood(z) + p.log_prob(z))
        if isinstance(q, SampleWithLogProb):
            z, log_q = q.rsample_with_log_prob(torch.Size((draws,)))
            return Draw(z, q, p, traced=log_q)
        return Draw(q.rsample((draws,)), q, p, "density" in self.posterior.provides)

    def code(
        self,
        h: Float[Tensor, "batch features"],
        context: Float[Tensor, "batch context"] | None,
        log_likelihood: LogDensity,
        aggregate: Aggregate,
    ) -> Float[Tensor, "batch latent"]:
        """Return the posterior's mean."""
        p = self.prior(context, aggregate)
        mean: Tensor = self.posterior(h, lambda z: log_likelihood(z) + p.log_prob(z)).mean
        return mean

    def posterior_of(
        self, h: Float[Tensor, "batch features"], log_likelihood: LogDensity
    ) -> Distribution:
        """q(z | x), for posteriors that do not look at the prior."""
        q: Distribution = self.posterior(h, log_likelihood)
        return q

    def prior_of(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """p(z | c)."""
        p: Distribution = self.prior(context, aggregate)
        return p

    def generate(
        self, n: int, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Float[Tensor, "batch *latent"]:
        """Draw from p(z)."""
        return draw_prior(self.prior, n, context, aggregate)

    def flatten(self, draw: Draw) -> Float[Tensor, "batch coordinates"]:
        """Flat coordinates of the space."""
        return self.posterior.manifold.flatten(draw.z[0])

    def unflatten(self, u: Float[Tensor, "batch coordinates"]) -> Float[Tensor, "batch latent"]:
        """Return points of the space."""
        return self.posterior.manifold.unflatten(u)


def draw_prior(
    prior: Prior,
    n: int,
    context: Float[Tensor, "batch context"] | None,
    aggregate: Aggregate,
) -> Float[Tensor, "batch *latent"]:
    """Draw n latents: all from one p(z), or one from each row's p(z | c)."""
    p = prior(context, aggregate)
    shape = torch.Size((n,)) if not p.batch_shape else torch.Size()
    sample: Tensor = p.sample(shape)
    return sample


def _check_pair(posterior: Posterior, prior: Prior) -> None:
    q, p = type(posterior).__name__, type(prior).__name__
    if isinstance(posterior, Quantizer):
        raise CompositionError(f"{q} draws codes; join it by latents.Discrete, without a prior.")
    if posterior.latent_dim != prior.latent_dim:
        raise CompositionError(
            f"posterior and prior must have the same latent_dim; got {posterior.latent_dim} "
            f"for {q} and {prior.latent_dim} for {p}."
        )
    if posterior.manifold != prior.manifold:
        raise CompositionError(
            f"posterior and prior must lie in the same space; got {posterior.manifold} for {q} "
            f"and {prior.manifold} for {p}."
        )
    missing = prior.requires - posterior.provides
    if missing:
        raise CompositionError(
            f"{p} requires {sorted(missing)} of the posterior, which {q} does not provide "
            f"(it provides {sorted(posterior.provides)}). DiagonalGaussian and FullGaussian fit."
        )


class Discrete(Latent):
    """Codes under a uniform prior; a prior that knows which codes go together is fitted later.

    The decoder reads embeddings of the codes. Log densities are log-probabilities of codes, so
    that scores are true bounds: of vector-quantised models, too.

    Args:
        quantizer: q(codes | x) and their embedding.

    Source: van den Oord et al. 2017, section 3.2 (uniform prior, autoregressive prior later).

    Example:
        >>> from vaekit.posteriors import FiniteScalar
        >>> Discrete(FiniteScalar(8, 3, levels=5)).num_codes
        5
    """

    def __init__(self, quantizer: Quantizer) -> None:
        super().__init__()
        self.quantizer = quantizer

    @property
    def provides(self) -> frozenset[str]:
        """What the quantiser provides."""
        return self.quantizer.provides

    @property
    def latent_dim(self) -> int:
        """Size of the embedding."""
        return self.quantizer.latent_dim

    @property
    def num_codes(self) -> int:
        """How many values each code may take."""
        return self.quantizer.num_codes

    @property
    def num_coordinates(self) -> int:
        """Codes per item."""
        return self.quantizer.num_tokens

    @property
    def keeps_density(self) -> bool:
        """True: probabilities of codes are what they are."""
        return True

    def infer(
        self,
        h: Float[Tensor, "batch features"],
        context: Float[Tensor, "batch context"] | None,
        draws: int,
        log_likelihood: LogDensity,
        aggregate: Aggregate,
    ) -> Draw:
        """Draw codes and embed them."""
        q: CodeDistribution = self.quantizer(h, log_likelihood)
        z, log_q = q.rsample_with_log_prob(torch.Size((draws,)))
        kl = q.kl_to_uniform().expand(draws, -1)
        return Draw(z, q, self._uniform(h), traced=log_q, kl=kl)

    def code(
        self,
        h: Float[Tensor, "batch features"],
        context: Float[Tensor, "batch context"] | None,
        log_likelihood: LogDensity,
        aggregate: Aggregate,
    ) -> Float[Tensor, "batch latent"]:
        """Return the embedding of the most probable codes."""
        return self.quantizer.embed(self.quantizer(h, log_likelihood).indices)

    def posterior_of(
        self, h: Float[Tensor, "batch features"], log_likelihood: LogDensity
    ) -> Distribution:
        """q(codes | x)."""
        q: Distribution = self.quantizer(h, log_likelihood)
        return q

    def prior_of(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return all codes equally probable."""
        return self._uniform(next(self.quantizer.parameters()))

    def generate(
        self, n: int, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Float[Tensor, "batch *latent"]:
        """Draw codes and embed them."""
        return self.quantizer.embed(self.prior_of(context, aggregate).sample(torch.Size((n,))))

    def flatten(self, draw: Draw) -> Float[Tensor, "batch coordinates"]:
        """Return the numbers of the most probable codes."""
        assert isinstance(draw.q, CodeDistribution)
        return draw.q.indices.to(draw.z.dtype)

    def unflatten(self, u: Float[Tensor, "batch coordinates"]) -> Float[Tensor, "batch latent"]:
        """Return the embedding of codes, by their numbers."""
        return self.quantizer.embed(u.long())

    def _uniform(self, like: Tensor) -> UniformCodes:
        return UniformCodes(self.quantizer.num_tokens, self.quantizer.num_codes, like)
