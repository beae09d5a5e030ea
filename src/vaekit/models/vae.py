"""Models: the promise of all, and the variational autoencoder."""

import abc
import math
from collections.abc import Callable, Collection
from dataclasses import fields

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.errors import CompositionError, SpecError
from vaekit.latents.base import Latent, draw_prior
from vaekit.likelihoods.base import Likelihood
from vaekit.networks.context import ContextReader
from vaekit.networks.scorers import TagScorer
from vaekit.networks.wrappers import NoiseConditionedDecoder, ParallelDecoders
from vaekit.priors.base import Prior, Steered
from vaekit.randomness import seeded
from vaekit.types import AS_LEARNED, Batch, Draw, Evidence, LogDensity, SamplingOptions


class Model(nn.Module, abc.ABC):
    """A trained distribution over items, from which one can sample.

    Attributes:
        scorer: What tells how well items fit a caption, to choose samples by; it learns before the
            model, and not with it. ``None`` for a model of no captions.
    """

    scorer: TagScorer | None

    def __init__(self, scorer: TagScorer | None = None) -> None:
        super().__init__()
        self.scorer = None if scorer is None else scorer.requires_grad_(False)

    @property
    @abc.abstractmethod
    def provides(self) -> frozenset[str]:
        """What objectives may count on."""

    @abc.abstractmethod
    def sample(
        self,
        n: int,
        context: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        options: SamplingOptions = AS_LEARNED,
    ) -> Tensor:
        """Generate items.

        Args:
            n: How many.
            context: One row per item, for conditional models.
            generator: Source of randomness; ``None`` uses fresh entropy.
            options: How they are drawn.

        Returns:
            Items as the networks see them, shape (n, *event).

        Raises:
            SpecError: An option that this model does not know.
        """


def checked_context(context: Tensor | None, context_dim: int) -> Tensor | None:
    """Return the context, if it is what the model was built for.

    Raises:
        CompositionError: It is missing, not wanted, or of another size.
    """
    got = 0 if context is None else context.shape[-1]
    if got != context_dim:
        raise CompositionError(
            f"this model takes a context of size {context_dim}; got {got}. "
            + ("Pass context=." if got == 0 else "Leave the context out or refit with it.")
        )
    return context


def vector_of(reader: ContextReader | None, rows: Tensor | None) -> Tensor | None:
    """Return rows of a context as one vector each."""
    if reader is None or rows is None:
        return rows
    vector: Tensor = reader(rows).vector
    return vector


def refuse_options(options: SamplingOptions, known: Collection[str], model: str) -> None:
    """Refuse options of sampling that a model does not know.

    Args:
        options: What was asked.
        known: Names of those that it knows.
        model: What it is, for the error.

    Raises:
        SpecError: Names the first.
    """
    if options.start is not None and options.mask is None and "strength" not in known:
        also = " and mask=, 1 where items are to be made anew" if "mask" in known else ""
        raise SpecError(
            f"init must come with a mask, or be left out, for {model}, which follows no way from "
            f"noise that it could join halfway. {'Pass init=' + also if also else 'Leave it out'}."
        )
    for f in fields(SamplingOptions):
        given = getattr(options, f.name)
        same = given is f.default or given == f.default
        same = same or (f.name in ("temperature", "top_p") and given == 1)  # as all others draw
        if f.name not in known and not same:
            names = ", ".join(sorted(known)) or "no options"
            raise SpecError(f"{f.name} must be left out of {model}, which knows {names}.")


_DRAWS_AT_ONCE = 16


class VAE(Model):
    """Every autoencoder of this package, deterministic ones included.

    A context is appended to the encoder's features and to the latents, so that any network can
    be made conditional.

    Args:
        encoder: x (batch, *event) -> h (batch, features).
        latent: Posterior and prior.
        decoder: z, with the context appended, (batch, latent + context) -> features
            (batch, channels, *event).
        likelihood: How the features become p(x | z).
        context_dim: Size of the context; 0 for an unconditional model.
        reader: What reads the context, of that size; encoder, latent and decoder are then told its
            vector. ``None`` tells them the context as it is.
        fitted_prior: A density fitted to the latents after training, in the coordinates of
            `Latent.flatten`, for sampling.
        scorer: What tells how well items fit a caption.

    Source: Kingma & Welling 2014; Sohn et al. 2015 for the context.

    Example:
        >>> from vaekit import latents, likelihoods, networks, posteriors, priors
        >>> model = VAE(
        ...     networks.MLPEncoder((4,), (8,)),
        ...     latents.Single(posteriors.DiagonalGaussian(8, 2), priors.StandardNormal(2)),
        ...     networks.MLPDecoder(2, (8,), (1, 4)),
        ...     likelihoods.Gaussian(0.5),
        ... )
        >>> model.evidence(Batch(torch.zeros(3, 4)), draws=5).log_w.shape
        torch.Size([5, 3])
    """

    def __init__(
        self,
        encoder: nn.Module,
        latent: Latent,
        decoder: nn.Module,
        likelihood: Likelihood,
        context_dim: int = 0,
        fitted_prior: Prior | None = None,
        reader: ContextReader | None = None,
        scorer: TagScorer | None = None,
    ) -> None:
        super().__init__(scorer)
        self.encoder = encoder
        self.latent = latent
        self.decoder = decoder
        self.likelihood = likelihood
        self.context_dim = context_dim
        self.fitted_prior = fitted_prior
        self.reader = reader

    @property
    def conditioning_dim(self) -> int:
        """Size of what encoder, latent and decoder are told of the context."""
        return self.context_dim if self.reader is None else self.reader.vector_dim

    def conditioning(self, context: Tensor | None) -> Tensor | None:
        """Return what they are told of rows of a context."""
        return vector_of(self.reader, checked_context(context, self.context_dim))

    def conditioning_for(self, prior: Prior, context: Tensor | None) -> Tensor | None:
        """Return what a fitted prior is told: the context as it is, where it reads it by itself."""
        reads = isinstance(prior, Steered) and prior.reads_rows
        return checked_context(context, self.context_dim) if reads else self.conditioning(context)

    @property
    def provides(self) -> frozenset[str]:
        """What the latent provides; ``"normalized"``, ``"smooth"`` and ``"context"`` if it is."""
        extra = {
            "normalised": self.likelihood.normalized,
            "smooth": self.likelihood.smooth,
            "context": self.context_dim > 0,
        }
        return self.latent.provides | {name for name, holds in extra.items() if holds}

    @property
    def latent_dim(self) -> int:
        """Number of latents."""
        return self.latent.latent_dim

    def evidence(self, batch: Batch, draws: int = 1, seen: Tensor | None = None) -> Evidence:
        """Encode, draw, decode and score a batch: all that an objective reads.

        Args:
            batch: The items.
            draws: Latents per item, at least 1.
            seen: What the encoder sees instead of the items, for instance with noise added.
        """
        told = self.conditioning(batch.context)  # once: in training some of it is left untold
        draw = self._inferred(batch, told, draws, seen)
        features = self._decoded(draw.z, told)
        px = self.likelihood(features)
        return Evidence(batch, draw, px, self.likelihood.log_prob(px, batch), features)

    def infer(self, batch: Batch, draws: int = 1, seen: Tensor | None = None) -> Draw:
        """Encode and draw only: what needs latents but no decoder.

        Args:
            batch: The items.
            draws: Latents per item, at least 1.
            seen: What the encoder sees instead of the items.
        """
        return self._inferred(batch, self.conditioning(batch.context), draws, seen)

    def _inferred(
        self, batch: Batch, told: Tensor | None, draws: int, seen: Tensor | None = None
    ) -> Draw:
        h = _append(self.encoder(batch.visible if seen is None else seen), told)
        likelihood = self._log_likelihood(batch, told)
        return self.latent.infer(h, told, draws, likelihood, self.aggregate)

    def log_likelihood(self, batch: Batch) -> LogDensity:
        """log p(x | z) of a batch as a function of z (draws, batch, *latent), in nats."""
        return self._log_likelihood(batch, self.conditioning(batch.context))

    def _log_likelihood(self, batch: Batch, told: Tensor | None) -> LogDensity:
        return lambda z: self.likelihood.log_prob(self.likelihood(self._decoded(z, told)), batch)

    def prior(self, context: Tensor | None = None) -> Distribution:
        """p(z | c) as trained, with batch shape () where it ignores the context."""
        return self.latent.prior_of(self.conditioning(context), self.aggregate)

    def aggregate(self, x: Shaped[Tensor, "batch *event"]) -> Distribution:
        """q(z | x) of pseudo-inputs, in no context; what a VAMP prior mixes."""
        told = x.new_zeros(x.shape[0], self.conditioning_dim) if self.conditioning_dim else None
        features = _append(self.encoder(x), told)
        return self.latent.posterior_of(features, self._log_likelihood(Batch(x), told))

    def encode(
        self, x: Shaped[Tensor, "batch *event"], context: Tensor | None = None
    ) -> Float[Tensor, "batch *latent"]:
        """The posterior mean of each item, or its most probable code: the same at every call."""
        told = self.conditioning(context)
        likelihood = self._log_likelihood(Batch(x, context), told)
        return self.latent.code(_append(self.encoder(x), told), told, likelihood, self.aggregate)

    def decode(
        self, z: Float[Tensor, "batch *latent"], context: Tensor | None = None
    ) -> Distribution:
        """p(x | z), with batch shape (1, batch, *event)."""
        return self.decode_draws(z.unsqueeze(0), context)

    def decode_draws(
        self, z: Float[Tensor, "draws batch *latent"], context: Tensor | None = None
    ) -> Distribution:
        """p(x | z) of several latents for each item, with batch shape (draws, batch, *event)."""
        px: Distribution = self.likelihood(self._decoded(z, self.conditioning(context)))
        return px

    def show(
        self, z: Float[Tensor, "batch *latent"], context: Tensor | None = None
    ) -> Shaped[Tensor, "batch *event"]:
        """Return the item to show for each latent: the mean (or mode) of p(x | z).

        Where several are candidates, as several sequences are that a search has followed, it is
        the one that is encoded nearest to the latent: what a decoder confuses, its encoder often
        keeps apart.

        Source: Yee et al. 2019, "Simple and effective noisy channel modeling for neural machine
        translation", for candidates of a decoder that are ranked by the way back.
        """
        candidates = self.likelihood.candidates(self.decode(z, context)).squeeze(1)
        if len(candidates) == 1:
            return candidates[0]
        away = [(self.encode(x, context) - z).flatten(1).norm(dim=-1) for x in candidates]
        nearest = torch.stack(away).argmin(0)
        return candidates[nearest, torch.arange(len(z), device=z.device)]

    def make(
        self, z: Float[Tensor, "batch *latent"], context: Tensor | None = None
    ) -> Shaped[Tensor, "batch *event"]:
        """Return a new item for each latent: what `show` gives, or a draw where items are draws.

        Reads the global random stream then; see `Likelihood.drawn`.
        """
        decoder = self.decoder
        own = (
            decoder.for_draws()
            if isinstance(decoder, ParallelDecoders | NoiseConditionedDecoder)
            else decoder
        )
        px = self.likelihood(self._decoded(z.unsqueeze(0), self.conditioning(context), own))
        item: Tensor = px.sample() if self.likelihood.drawn else self.likelihood.point(px)
        return item.squeeze(0)

    def sample(
        self,
        n: int,
        context: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        options: SamplingOptions = AS_LEARNED,
    ) -> Tensor:
        """Generate items from the fitted prior where there is one, else from the prior."""
        with seeded(generator), torch.no_grad():
            z = self.generate(n, context, fitted=self.fitted_prior is not None, options=options)
            return self.finished(self.make(z, context), options)

    def generate(
        self,
        n: int,
        context: Tensor | None = None,
        *,
        fitted: bool,
        options: SamplingOptions = AS_LEARNED,
    ) -> Float[Tensor, "batch *latent"]:
        """Draw latents; reads the global random stream.

        Args:
            n: How many.
            context: One row per latent, for conditional models.
            fitted: From the density fitted after training, else from the model's own prior.
            options: How they are drawn; for priors that are `Steered`.

        Raises:
            CompositionError: No density was fitted.
            SpecError: Options that the prior does not know.
        """
        context = checked_context(context, self.context_dim)
        if not fitted:
            refuse_options(options, (), "a draw from the model's own prior")
            return self.latent.generate(n, self.conditioning(context), self.aggregate)
        prior = self.fitted_prior
        if prior is None:
            raise CompositionError("no prior was fitted; call refit_prior(model, ...) first.")
        if not isinstance(prior, Steered):
            refuse_options(options, (), f"a prior of kind {type(prior).__name__}")
            u = draw_prior(prior, n, self.conditioning_for(prior, context), self.aggregate)
            return self.latent.unflatten(u)
        refuse_options(options, prior.knows, f"a prior of kind {type(prior).__name__}")
        begin = self._begin(options, context)
        rows = self.conditioning_for(prior, context)
        return self.latent.unflatten(prior.steer(n, rows, options, begin))

    def _begin(
        self, options: SamplingOptions, context: Tensor | None
    ) -> Float[Tensor, "batch coordinates"] | None:
        """Return the coordinates of items to begin from."""
        if options.start is None:
            return None
        return self.latent.flatten(self.infer(Batch(options.start, context)))

    def finished(self, x: Tensor, options: SamplingOptions) -> Tensor:
        """Return items that are made, with what a mask keeps as it was."""
        if options.mask is None or options.start is None:
            return x
        return torch.where(options.mask > 0, x, options.start)

    @torch.no_grad()
    def log_prob(
        self,
        x: Shaped[Tensor, "batch *event"],
        context: Tensor | None = None,
        *,
        observed: Tensor | None = None,
        draws: int = 100,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "batch"]:
        """Importance-weighted lower bound of log p(x), in nats per item.

        Args:
            x: Items as the networks see them.
            context: One row per item, for conditional models.
            observed: False marks cells that are missing; ``None`` means that none is.
            draws: Importance samples per item; more are tighter (64 to 1,000 are usual).
            generator: Source of randomness; ``None`` uses fresh entropy.

        Raises:
            SpecError: Fewer than one draw.

        Source: Burda et al. 2016, "Importance weighted autoencoders", eq. 8.
        """
        if draws < 1:
            raise SpecError(f"draws must be at least 1; got {draws}.")
        batch = Batch(x, context, observed)
        with seeded(generator):
            parts = [
                self.evidence(batch, min(_DRAWS_AT_ONCE, draws - done)).log_w
                for done in range(0, draws, _DRAWS_AT_ONCE)
            ]
        return torch.logsumexp(torch.cat(parts), dim=0) - math.log(draws)

    def _decoded(
        self,
        z: Float[Tensor, "draws batch *latent"],
        told: Tensor | None,
        decoder: Callable[[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """Decode with the draws folded into the batch, so that any decoder serves."""
        decoder = decoder or self.decoder
        if told is not None:
            told = told.expand(z.shape[0], *told.shape)
        out: Tensor = decoder(_append(z, told).flatten(0, 1)).float()
        return out.reshape(*z.shape[:2], *out.shape[1:])


def _append(a: Tensor, b: Tensor | None) -> Tensor:
    return a if b is None else torch.cat([a, b], dim=-1)
