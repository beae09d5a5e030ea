"""Bounds of the evidence: ELBO, importance-weighted bounds; objectives of denoising."""

import abc
import functools
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from vaekit.distributions.solvers import TIMES, draw_times, find_path
from vaekit.distributions.wrappers import frozen
from vaekit.errors import CompositionError, SpecError, unknown_name
from vaekit.latents.base import Single
from vaekit.models.samplers import Diffusion
from vaekit.models.vae import VAE, Model
from vaekit.objectives.base import KL, Objective, Reconstruction, Term, require_vae
from vaekit.priors.density import LearnedMixture
from vaekit.types import Batch, Evidence, Schedule, TrainingProgress, Update


class Denoising(Objective):
    """Mean squared error of the velocity, over all times.

    Args:
        times: ``"uniform"``, or ``"logit_normal"``, which looks most at the middle of the way,
            where the velocity is hardest to tell.

    Raises:
        SpecError: Unknown times.

    Source: Ho et al. 2020, eq. 14 (in v for epsilon); Lipman et al. 2023, eq. 9; Esser et al.
    2024, "Scaling rectified flow transformers", section 3.1 (logit-normal).
    """

    def __init__(self, times: str = "uniform") -> None:
        super().__init__()
        if times not in TIMES:
            raise unknown_name("times", times, TIMES)
        self.times = times

    @property
    def requires(self) -> frozenset[str]:
        """A velocity field."""
        return frozenset({"velocity"})

    def losses(self, model: Model, batch: Batch, progress: TrainingProgress) -> Iterator[Update]:
        """Yield the one update."""
        field = _diffusion_of(model)
        x = field.standardize(batch.visible)
        t = draw_times(self.times, x)
        a, s, da, ds = (v.view(-1, *[1] * (x.dim() - 1)) for v in find_path(field.path)(t))
        noise = torch.randn_like(x)
        error = field.velocity(a * x + s * noise, t, batch.context) - (da * x + ds * noise)
        loss = error.square().mean()
        yield Update({"model": loss}, {"loss": loss.detach()})


def _diffusion_of(model: Model) -> Diffusion:
    if not isinstance(model, Diffusion):
        raise CompositionError(f"Denoising trains a Diffusion; got {type(model).__name__}.")
    return model


class Corruption(abc.ABC):
    """Spoils items at random; their shape stays."""

    @abc.abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """Return the spoilt items; reads the global random stream."""


@dataclass(frozen=True)
class AddNoise(Corruption):
    """Adds Gaussian noise.

    Attributes:
        scale: Its standard deviation, positive, in the units of the networks.
    """

    scale: float = 0.3

    def __post_init__(self) -> None:
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise SpecError(f"scale must be positive and finite; got {self.scale}.")

    def __call__(self, x: Tensor) -> Tensor:
        """Every value moved."""
        return x + self.scale * torch.randn_like(x)


@dataclass(frozen=True)
class HideValues(Corruption):
    """Sets values to zero.

    Attributes:
        share: Share of the values hidden, in (0, 1).
    """

    share: float = 0.3

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise SpecError(f"share must be in (0, 1); got {self.share}.")

    def __call__(self, x: Tensor) -> Tensor:
        """Return some values zero."""
        return x * (torch.rand_like(x) >= self.share)


@dataclass(frozen=True)
class HideColumns(Corruption):
    """Hides whole columns of rows, of each row others, as if they were missing.

    Attributes:
        columns: The places of each column's cells; ``None`` takes every value for a column.
        most: Of each row a share is hidden that is drawn between 0 and this, in (0, 1].

    Source: Ivanov et al. 2019, "Variational autoencoder with arbitrary conditioning".

    Example:
        >>> hide = HideColumns(((0, 2), (1,)), most=1.0)
        >>> _ = torch.manual_seed(0)
        >>> x = hide(torch.ones(500, 3))
        >>> bool((x[:, 0] == x[:, 2]).all()), bool((x[:, 0] == x[:, 1]).all())
        (True, False)
    """

    columns: Sequence[Sequence[int]] | None = None
    most: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.most <= 1:
            raise SpecError(f"most must be in (0, 1]; got {self.most}.")

    def __call__(self, x: Tensor) -> Tensor:
        """Return the cells of hidden columns 0."""
        columns = self.columns or [[place] for place in range(x[0].numel())]
        share = self.most * torch.rand(len(x), 1, device=x.device)
        seen = torch.rand(len(x), len(columns), device=x.device) >= share
        owner = torch.empty(x[0].numel(), dtype=torch.long, device=x.device)
        for number, positions in enumerate(columns):
            owner[list(positions)] = number
        return x * seen[:, owner].view_as(x)


Weight = float | Schedule
Addend = Term | tuple[Weight, Term]


class Sum(Objective):
    """A weighted sum of terms, averaged over the batch, minimised over the whole model.

    Args:
        terms: Each a term, or a pair of weight and term; a weight is a number or a schedule.
        draws: Latents drawn per item.
        corrupt: Spoils what the encoder sees, while the likelihood is asked for the clean items.

    Example:
        >>> from vaekit.objectives import KL, Linear, Reconstruction
        >>> Sum(Reconstruction(), (Linear(0.0, 4.0, share=0.3), KL()))
        Sum(reconstruction + Linear(start=0.0, end=4.0, share=0.3, steps=None) * kl)
    """

    def __init__(self, *terms: Addend, draws: int = 1, corrupt: Corruption | None = None) -> None:
        super().__init__()
        if not terms:
            raise SpecError("a Sum must have at least one term; got none.")
        if draws < 1:
            raise SpecError(f"draws must be at least 1; got {draws}.")
        self.terms = terms
        self.draws = draws
        self.corrupt = corrupt
        self._weighted = [_pair(term) for term in terms]

    @property
    def requires(self) -> frozenset[str]:
        """All that any of the terms requires."""
        return frozenset().union(*(term.requires for _, term in self._weighted))

    def losses(self, model: Model, batch: Batch, progress: TrainingProgress) -> Iterator[Update]:
        """Yield the one update."""
        vae = require_vae(model, self)
        seen = None if self.corrupt is None else self.corrupt(batch.visible)
        loss, terms = self.total(vae.evidence(batch, self.draws, seen), vae, progress)
        yield Update({"model": loss}, terms)

    def total(
        self, evidence: Evidence, model: VAE, progress: TrainingProgress
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted sum, and each term's mean without its weight, detached."""
        parts: dict[str, Tensor] = {}
        addends = []
        for weight, term in self._weighted:
            value = term(evidence, model, progress).mean()
            parts[term.name] = value.detach()
            addends.append(_scaled(value, _at(weight, progress)))
        loss = functools.reduce(operator.add, addends)
        return loss, {"loss": loss.detach(), **parts}

    def __repr__(self) -> str:
        """Read like the formula."""
        shown = [
            term.name if weight == 1.0 else f"{weight} * {term.name}"
            for weight, term in self._weighted
        ]
        return f"Sum({' + '.join(shown)})"


def elbo(beta: Weight = 1.0, draws: int = 1) -> Sum:
    """Return the negative evidence lower bound, with a weight on the KL.

    Args:
        beta: Weight of the KL, not negative; 1 is the bound itself.
        draws: Latents drawn per item.

    Source: Kingma & Welling 2014, eq. 3; Higgins et al. 2017 for beta.
    """
    if not callable(beta) and not beta >= 0:
        raise SpecError(f"beta must not be negative; got {beta}.")
    return Sum(Reconstruction(), (beta, KL()), draws=draws)


def _pair(addend: Addend) -> tuple[Weight, Term]:
    if isinstance(addend, Term):
        return 1.0, addend
    weight, term = addend
    return weight, term


def _scaled(value: Tensor, weight: float) -> Tensor:
    return value if weight == 1.0 else weight * value


def _at(weight: float | Callable[[TrainingProgress], float], progress: TrainingProgress) -> float:
    return weight(progress) if callable(weight) else weight


_NEGLIGIBLE = 20.0
"""Nats below the largest log weight: a share of 2e-9, a thirtieth of float32's resolution."""


@dataclass(frozen=True)
class ImportanceBound(Term):
    """-log of the mean importance weight of the draws: tighter the more draws there are.

    Attributes:
        groups: Cuts the draws into so many groups, each a bound of its own, and averages them.

    Source: Burda et al. 2016, eq. 8; Rainforth et al. 2018, eq. 9 (groups).
    """

    name: ClassVar[str] = "importance_bound"
    requires: ClassVar[frozenset[str]] = frozenset({"density"})

    groups: int = 1

    def __post_init__(self) -> None:
        _check_groups(self.groups)

    def __call__(self, evidence: Evidence, model: VAE, progress: TrainingProgress) -> Tensor:
        """Return one bound per group and item."""
        return _bounds(evidence.log_w.unflatten(0, (self.groups, -1)))


@dataclass(frozen=True)
class PathImportanceBound(Term):
    """The same bound, with a less noisy gradient: only along the path of the draws.

    The score of log q is left out, whose mean is zero and whose noise is not ("sticking the
    landing").

    Attributes:
        groups: Cuts the draws into so many groups, each a bound of its own, and averages them.
        doubly: Weighs the path's gradient twice, so that it is unbiased for any number of draws
            and the encoder's signal does not fade as they grow (DReG). It must then be the only
            term of its sum.

    Source: Roeder et al. 2017, "Sticking the landing", eq. 7; Tucker et al. 2019, "Doubly
    reparameterized gradient estimators", eq. 8.
    """

    name: ClassVar[str] = "importance_bound"
    requires: ClassVar[frozenset[str]] = frozenset({"density", "path"})

    groups: int = 1
    doubly: bool = False

    def __post_init__(self) -> None:
        _check_groups(self.groups)

    def __call__(self, evidence: Evidence, model: VAE, progress: TrainingProgress) -> Tensor:
        """Return one bound per group and item."""
        draw = evidence.draw
        assert draw.log_p is not None
        log_w = evidence.log_px + draw.log_p - frozen(draw.q).log_prob(draw.z)
        grouped = log_w.unflatten(0, (self.groups, -1))
        bound = _bounds(grouped)
        if not self.doubly:
            return bound
        shares = _relevant(grouped.detach()).softmax(1)
        if draw.z.requires_grad:
            weights = shares.flatten(0, 1).unsqueeze(-1)
            draw.z.register_hook(lambda gradient: gradient * weights)
        # The value of the bound, with the gradient of the weighted sum.
        weighted = -(shares * grouped).sum(1)
        surrogate: Tensor = bound.detach() + weighted - weighted.detach()
        return surrogate


def _bounds(grouped: Tensor) -> Tensor:
    """Log weights (groups, draws, batch) to bounds (groups, batch), as costs."""
    costs: Tensor = math.log(grouped.shape[1]) - torch.logsumexp(_relevant(grouped), dim=1)
    return costs


def _relevant(grouped: Tensor) -> Tensor:
    """The log weights, those at minus infinity that are nothing beside the largest of their group.

    Early in training most weights are exp(-50) of the largest and less. Their share of the bound
    is below what float32 resolves, but their gradients would fill the backward pass with
    subnormal numbers, on which processors multiply matrices ten times as slowly.
    """
    return grouped.masked_fill(grouped < grouped.amax(1, keepdim=True) - _NEGLIGIBLE, -math.inf)


def _check_groups(groups: int) -> None:
    if groups < 1:
        raise SpecError(f"groups must be at least 1; got {groups}.")


def importance_weighted(k: int = 8, groups: int = 1, gradient: str = "standard") -> Sum:
    """Return the objective of the importance-weighted autoencoder and its kin.

    Args:
        k: Draws per item and bound, at least 1; 1 is the ELBO with an estimated KL.
        groups: Bounds per item, averaged.
        gradient: ``"standard"``, ``"path"`` or ``"doubly"``; see `PathImportanceBound`.

    Raises:
        SpecError: An unknown gradient, or fewer than one draw or bound.
    """
    terms: dict[str, Term] = {
        "standard": ImportanceBound(groups),
        "path": PathImportanceBound(groups),
        "doubly": PathImportanceBound(groups, doubly=True),
    }
    if gradient not in terms:
        raise unknown_name("gradient", gradient, terms)
    return Sum(terms[gradient], draws=k * groups)


class PartialImportance(Objective):
    """One bound for the decoder, and one with fewer draws but less noise for the encoder.

    Args:
        k: Draws of each of the encoder's bounds; the decoder's has k times bounds.
        bounds: Bounds of the encoder, averaged.

    Source: Rainforth et al. 2018, "Tighter variational bounds are not necessarily better",
    section 4 (PIWAE).
    """

    def __init__(self, k: int = 8, bounds: int = 4) -> None:
        super().__init__()
        self.k = k
        self.bounds = bounds
        self._encoder, self._decoder = ImportanceBound(bounds), ImportanceBound()

    @property
    def requires(self) -> frozenset[str]:
        """A density."""
        return frozenset({"density"})

    def groups(self, model: Model) -> Mapping[str, Iterable[nn.Parameter]]:
        """Encoder and latent; decoder and likelihood."""
        return coder_groups(require_vae(model, self))

    def losses(self, model: Model, batch: Batch, progress: TrainingProgress) -> Iterator[Update]:
        """Yield one update of both."""
        vae = require_vae(model, self)
        evidence = vae.evidence(batch, self.k * self.bounds)
        encoder = self._encoder(evidence, vae, progress).mean()
        decoder = self._decoder(evidence, vae, progress).mean()
        terms = {"loss": decoder, "encoder_bound": encoder}
        yield Update(
            {"encoder": encoder, "decoder": decoder}, {k: v.detach() for k, v in terms.items()}
        )


def coder_groups(model: VAE) -> dict[str, list[nn.Parameter]]:
    """Return a VAE's parameters in two halves: what infers, and what generates."""
    return {
        "encoder": [*model.encoder.parameters(), *model.latent.parameters()],
        "decoder": [*model.decoder.parameters(), *model.likelihood.parameters()],
    }


class ClusterStart(Objective):
    """Trains an autoencoder for a share of the steps, puts the prior where its latents cluster.

    After that it is the objective it was given. Without such a start a learned mixture mostly
    keeps all items in one component.

    Args:
        base: What to minimise after the start.
        latent_dim: Number of latents.
        share: Share of the steps that the start takes, in (0, 1).
        memory: How many of the latest latents are clustered.

    Source: Jiang et al. 2017, "Variational deep embedding", sections 3.2 and 4.1.
    """

    latents: Tensor
    seen: Tensor
    placed: Tensor

    def __init__(self, base: Sum, latent_dim: int, share: float = 0.25, memory: int = 5000) -> None:
        super().__init__()
        if not 0 < share < 1:
            raise SpecError(f"share must be in (0, 1); got {share}.")
        self.base = base
        self.latent_dim = latent_dim
        self.share = share
        self.memory = memory
        self._start = Sum(Reconstruction())
        self.register_buffer("latents", torch.zeros(memory, latent_dim))
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))
        self.register_buffer("placed", torch.zeros((), dtype=torch.bool))

    @property
    def requires(self) -> frozenset[str]:
        """What the base requires, and a prior of components."""
        return self.base.requires | {"components"}

    @property
    def is_checkpointable(self) -> bool:
        """Once the clusters are placed: before, the bound is that of a prior not yet in place."""
        return bool(self.placed)

    def losses(self, model: Model, batch: Batch, progress: TrainingProgress) -> Iterator[Update]:
        """Yield the one update, of the start or of the base."""
        vae = require_vae(model, self)
        starting = progress.step < self.share * progress.total
        if self.training and not starting and not self.placed:
            self._place(vae)
        evidence = vae.evidence(batch, self.base.draws)
        if self.training and starting:
            self._remember(evidence.draw.z[0].detach())
        loss, terms = (self._start if starting else self.base).total(evidence, vae, progress)
        yield Update({"model": loss}, terms)

    def _remember(self, z: Tensor) -> None:
        positions = (self.seen + torch.arange(len(z), device=z.device)) % self.memory
        self.latents[positions] = z
        self.seen += len(z)

    def _place(self, model: VAE) -> None:
        assert isinstance(model.latent, Single)
        prior = model.latent.prior
        assert isinstance(prior, LearnedMixture)
        prior.start_from(self.latents[: int(self.seen)])
        self.placed.fill_(True)
