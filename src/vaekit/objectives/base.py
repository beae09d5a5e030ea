"""What every objective promises, and the terms that losses are made of."""

import abc
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn
from torch.distributions import kl_divergence

from vaekit.errors import CompositionError
from vaekit.models.vae import VAE, Model
from vaekit.types import Batch, Draw, Evidence, Schedule, TrainingProgress, Update


@dataclass(frozen=True)
class OptimizerOptions:
    """How the optimiser of a group moves.

    Attributes:
        rate: Share of the training's learning rate.
        betas: Decay of Adam's two averages. Trainings of a few thousand steps gain from forgetting
            old squares within a hundred.
    """

    rate: float = 1.0
    betas: tuple[float, float] = (0.9, 0.99)


class Objective(nn.Module, abc.ABC):
    """What training minimises; it owns its critics, so that the model stays clean."""

    @property
    @abc.abstractmethod
    def requires(self) -> frozenset[str]:
        """What the model must provide."""

    def groups(self, model: Model) -> Mapping[str, Iterable[nn.Parameter]]:
        """Parameters by group; each group has an optimiser of its own."""
        return {"model": model.parameters()}

    def pace(self, group: str) -> OptimizerOptions:
        """Return how the optimiser of a group moves."""
        return OptimizerOptions()

    @property
    def is_checkpointable(self) -> bool:
        """Whether weights of this moment may be the ones to keep; not during a start."""
        return True

    @abc.abstractmethod
    def losses(self, model: Model, batch: Batch, progress: TrainingProgress) -> Iterator[Update]:
        """Yield one `Update` for each optimiser update; it has happened when this resumes."""


class Term(abc.ABC):
    """One addend of a `Sum`.

    Attributes:
        name: Its column in the history.
        requires: What it needs of the model.
    """

    name: ClassVar[str]
    requires: ClassVar[frozenset[str]] = frozenset()

    @abc.abstractmethod
    def __call__(self, evidence: Evidence, model: VAE, progress: TrainingProgress) -> Tensor:
        """Nats to minimise, of any shape: the mean over draws and items is taken last."""


def require_vae(model: Model, objective: Objective) -> VAE:
    """Return the model, if it is a VAE.

    Raises:
        CompositionError: It is none.
    """
    if not isinstance(model, VAE):
        raise CompositionError(
            f"{type(objective).__name__} trains a VAE; got {type(model).__name__}."
        )
    return model


_MEANING = {
    "density": "a posterior with a density (DiagonalGaussian, FullGaussian, ...)",
    "factorised": "independent latents (DiagonalGaussian)",
    "path": "a posterior whose parameters can be held fast (DiagonalGaussian, FullGaussian)",
    "components": "a prior of components (LearnedMixture)",
    "context": "a model fitted with a context (fit(X, context=...))",
    "codes": "a posterior over codes (VectorQuantized, FiniteScalar, Categorical)",
    "generator": "a model that decodes noise (GAN)",
    "velocity": "a model of velocities (Diffusion)",
    "smooth": "a likelihood whose point moves smoothly (Gaussian, Bernoulli; not codes)",
    "normalised": "a likelihood that is a density (Gaussian, Bernoulli, ...)",
}


def check_composition(model: Model, objective: Objective) -> None:
    """Compare what the objective requires with what the model provides.

    Raises:
        CompositionError: Something is missing; names it and what would fit.
    """
    missing = objective.requires - model.provides
    if missing:
        cures = "; ".join(_MEANING.get(need, need) for need in sorted(missing))
        raise CompositionError(
            f"{objective!r} requires {sorted(missing)}, which this {type(model).__name__} does "
            f"not provide (it provides {sorted(model.provides)}). What fits: {cures}."
        )


@dataclass(frozen=True)
class Reconstruction(Term):
    """-E_q[log p(x | z)], the expected cost of describing x given z."""

    name: ClassVar[str] = "reconstruction"

    def __call__(self, evidence: Evidence, model: VAE, progress: TrainingProgress) -> Tensor:
        """Return one cost per draw and item."""
        return -evidence.log_px


@dataclass(frozen=True)
class KL(Term):
    """KL(q(z | x) || p(z)), the information that z holds about x."""

    name: ClassVar[str] = "kl"
    requires: ClassVar[frozenset[str]] = frozenset({"density"})

    def __call__(self, evidence: Evidence, model: VAE, progress: TrainingProgress) -> Tensor:
        """In closed form where there is one, else estimated from the draws."""
        return kl_of(evidence.draw)


@dataclass(frozen=True)
class CapacityKL(Term):
    """|KL - C|: holds the mean KL of the batch at a capacity that grows.

    Attributes:
        capacity: C in nats, usually a `Linear` schedule from 0 up.

    Source: Burgess et al. 2018, "Understanding disentangling in beta-VAE", eq. 8.
    """

    name: ClassVar[str] = "capacity_kl"
    requires: ClassVar[frozenset[str]] = frozenset({"density"})

    capacity: Schedule

    def __call__(self, evidence: Evidence, model: VAE, progress: TrainingProgress) -> Tensor:
        """Distance of the batch's mean KL from the capacity now."""
        return (kl_of(evidence.draw).mean() - self.capacity(progress)).abs()


def kl_of(draw: Draw) -> Tensor:
    """KL(q || p) of each item, shape (batch,).

    In closed form where the draw or ``torch.distributions`` has one, else the mean over the draws
    of log q - log p.
    """
    if draw.kl is not None:
        return draw.kl.mean(0)
    try:
        return kl_divergence(draw.q, draw.p)
    except NotImplementedError:
        if draw.log_q is None or draw.log_p is None:
            raise
        return (draw.log_q - draw.log_p).mean(0)
