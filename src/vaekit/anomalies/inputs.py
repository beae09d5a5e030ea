"""What the scores of a detector read, and what every score promises."""

import abc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.distributions.gaussian import DiagonalNormal
from vaekit.domains.base import Domain
from vaekit.errors import NotFittedError
from vaekit.likelihoods.base import LearnedGaussian
from vaekit.likelihoods.table import Table
from vaekit.models.vae import VAE
from vaekit.objectives.base import kl_of
from vaekit.randomness import make_generator, seeded
from vaekit.types import Batch

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

_MOST_DEVIATIONS, _CONSTANT = 10.0, 1e-9
_LARGEST = 1e30
_AT_ONCE = 256
_DRAWS, _SEED = 16, 0  # the same draws at every call: scores do not differ from call to call


@dataclass(frozen=True)
class ReferenceStatistics:
    """Where training items lie, so that distances of all columns count alike.

    Attributes:
        num_codes: Of each column of labels how many there are; of tables only.
        low: The least of each coordinate in training; of images and series, of all.
        span: How far each reached; 1 for a constant one.
        mean: The mean of each place, from 0 to 1.
        deviation: Its standard deviation; 1 for a constant one.
        noise: How far the model is off there, in standard deviations; 1 where it does not say.
        novelty: What a cell costs that training did not know, nats: the log of the number of
            training items and one, as if it were among them once; 0 where holes are no news.
        imputes_missing: Whether a missing cell costs as much as the mean of the item's others, as
            in series: else a shorter one would differ from the longer by its length alone.
    """

    num_codes: tuple[int, ...]
    low: Floats
    span: Floats
    mean: Floats
    deviation: Floats
    noise: Floats
    novelty: float = 0.0
    imputes_missing: bool = False

    def place(self, x: Tensor) -> Floats:
        """Coordinates, from 0 to 1 in training; a label that differs is a distance of 1."""
        return (_coordinates(x, self.num_codes) - self.low) / self.span

    def weighted(self, points: Floats) -> Floats:
        """Places in standard deviations, at most 10, where the model is sure more than where not.

        Divided by the square root of the noise: halfway from distances in standard deviations to
        those in units of the noise.
        """
        away = (points - self.mean) / self.deviation  # bounded: one cell must not hide the others
        return np.clip(away, -_MOST_DEVIATIONS, _MOST_DEVIATIONS) / np.sqrt(self.noise)

    def novelty_cost(self, batch: Batch) -> Tensor:
        """Return what the unknown cells of each item cost, nats, shape (batch,)."""
        if batch.observed is None or not self.num_codes or not self.novelty:
            return batch.x.new_zeros(len(batch.x), dtype=torch.float32)
        return self.novelty * (~batch.observed[:, : len(self.num_codes)]).sum(1)


def reference_statistics(vae: VAE, domain: Domain, x: Tensor) -> ReferenceStatistics:
    """Learn it from training items, as the networks see them."""
    codes = domain.category_counts
    points = _coordinates(x, codes)
    rows = len(domain.event_shape) == 1
    low, high = _ends(points, by_place=rows)
    labels = sum(codes)
    span = np.where(high > low, high - low, 1.0)
    span[:labels] = np.sqrt(2.0)
    novelty = float(np.log(len(points) + 1)) if domain.charges_unknown_cells else 0.0
    positions = (points - low) / span
    deviation = positions.std(0) if rows else np.full(low.shape, np.sqrt(positions.var(0).mean()))
    deviation = np.where(deviation > _CONSTANT, deviation, 1.0)
    noise, imputes_missing = _noise(vae, low.shape), domain.imputes_missing_costs
    return ReferenceStatistics(
        codes, low, span, positions.mean(0), deviation, noise, novelty, imputes_missing
    )


def _ends(points: Floats, *, by_place: bool) -> tuple[Floats, Floats]:
    """Least and largest of each place; of pixels and steps, which have one unit, of all."""
    low, high = points.min(0), points.max(0)
    return (
        (low, high) if by_place else (np.full_like(low, low.min()), np.full_like(high, high.max()))
    )


def _noise(vae: VAE, shape: tuple[int, ...]) -> Floats:
    """Of each coordinate, where the likelihood has learned one for each; labels have none."""
    found, likelihood = np.ones(shape), vae.likelihood
    if isinstance(likelihood, LearnedGaussian | Table) and likelihood.scale.dim():
        learned = likelihood.scale.detach().flatten().double().cpu().numpy()
        found[len(found) - len(learned) :] = learned
    return found


def _coordinates(x: Tensor, num_codes: tuple[int, ...]) -> Floats:
    if not num_codes:
        return x.flatten(1).double().numpy()
    codes = x[:, : len(num_codes)].long()
    hot = [
        torch.nn.functional.one_hot(code, count + 1)[:, 1:]
        for code, count in zip(codes.T, num_codes, strict=True)
    ]
    return torch.cat([*hot, x[:, len(num_codes) :]], dim=1).double().numpy()


@dataclass(frozen=True)
class ScoringInputs:
    """Some items.

    Attributes:
        vae: The model.
        frame: Where training items lie.
        batch: The items, as the networks see them.
        points: Coordinates, shape (items, coordinates).
        codes: Posterior means, shape (items, latents).
        surprise: -log p(x | z) at the posterior mean, nats.
        novelty_cost: What cells cost that training did not know, nats; in bound and surprise as
            well.
        times: Where each begins, of windows of one series; ``None`` of other items.
    """

    vae: VAE
    frame: ReferenceStatistics
    batch: Batch
    points: Floats
    codes: Floats
    surprise: Floats
    novelty_cost: Floats
    times: Whole | None = None

    @property
    def bound(self) -> Floats:
        """The negative evidence lower bound, nats."""
        return self._bound_and_code[0]

    @property
    def code_cost(self) -> Floats:
        """The KL of each posterior to the prior, nats."""
        return self._bound_and_code[1]

    @cached_property
    def _bound_and_code(self) -> tuple[Floats, Floats]:
        """Looked at where a score asks, as its draws cost more than all the rest."""
        parts = [_bound_and_code(self.vae, self.frame, some) for some in _pieces(self.batch)]
        bound, code = (np.concatenate(column) for column in zip(*parts, strict=True))
        return bound, code

    @property
    def shapes(self) -> Floats:
        """Points of windows without the mean of their steps, in each channel.

        Two windows of one shape are near each other wherever a series has drifted to.
        """
        windows = self.points.reshape(len(self.points), -1, self.batch.x.shape[-1])
        shapes: Floats = windows - windows.mean(-1, keepdims=True)
        return shapes.reshape(self.points.shape)

    @property
    def weighted(self) -> Floats:
        """See `ReferenceStatistics.weighted`."""
        return self.frame.weighted(self.points)

    @property
    def cost(self) -> Floats:
        """The bound, but at the posterior mean in place of draws."""
        return self.code_cost + self.surprise


@torch.no_grad()
def prepare_inputs(
    vae: VAE, frame: ReferenceStatistics, batches: Iterable[Batch], times: Whole | None = None
) -> ScoringInputs:
    """Encode, decode and score items; see `ScoringInputs` for times."""
    kept = list(batches)
    parts = [_look(vae, frame, batch) for batch in kept]
    arrays = (np.concatenate(column) for column in zip(*parts, strict=True))
    return replace(ScoringInputs(vae, frame, _joined(kept), *arrays), times=times)


def _joined(batches: Sequence[Batch]) -> Batch:
    columns = ([batch.x for batch in batches], [batch.context for batch in batches])
    x, context = (_whole(parts) for parts in columns)
    return Batch(cast(Tensor, x), context, _whole([batch.observed for batch in batches]))


def _whole(parts: Sequence[Tensor | None]) -> Tensor | None:
    known = [part for part in parts if part is not None]
    return torch.cat(known) if known else None


@torch.no_grad()
def cost_at_mean(vae: VAE, frame: ReferenceStatistics, batch: Batch) -> Tensor:
    """`ScoringInputs.cost` of a batch alone, shape (batch,), without the rest that is looked at."""
    with seeded(_SEED):
        kl = kl_of(vae.infer(batch))
    z = vae.encode(batch.x, batch.context)
    log_px = vae.likelihood.log_prob(vae.decode(z, batch.context), batch).squeeze(0)
    return kl - log_px + frame.novelty_cost(batch)


def _look(vae: VAE, frame: ReferenceStatistics, batch: Batch) -> tuple[Floats, ...]:
    z = vae.encode(batch.x, batch.context)
    novelty_cost = frame.novelty_cost(batch)
    at_mean = vae.likelihood.log_prob(vae.decode(z, batch.context), batch).squeeze(0)
    surprise = novelty_cost - _weight(frame, batch) * at_mean
    arrays = (finite(part) for part in (z.flatten(1), surprise, novelty_cost))
    return (frame.place(batch.visible.cpu()), *arrays)


@torch.no_grad()
def _bound_and_code(vae: VAE, frame: ReferenceStatistics, batch: Batch) -> tuple[Floats, Floats]:
    kl, log_px = _parts_of_the_bound(vae, batch)
    bound = kl - _weight(frame, batch) * log_px.mean(0) + frame.novelty_cost(batch)
    return finite(bound), finite(kl)


def _pieces(batch: Batch) -> Iterator[Batch]:
    """Yield some items at a time, as each is drawn several times."""
    for positions in torch.arange(len(batch.x), device=batch.x.device).split(_AT_ONCE):
        context, observed = (
            None if whole is None else whole[positions] for whole in (batch.context, batch.observed)
        )
        yield Batch(batch.x[positions], context, observed)


def finite(part: Tensor) -> Floats:
    """Return what single precision cannot hold is as unusual as can be, not unknown."""
    bounded = part.double().nan_to_num(_LARGEST, _LARGEST, -_LARGEST).clamp(-_LARGEST, _LARGEST)
    found: Floats = bounded.cpu().numpy()
    return found


def _weight(frame: ReferenceStatistics, batch: Batch) -> Tensor:
    """Of each item, how many cells there are to one that is observed, where missing ones count."""
    if batch.observed is None or not frame.imputes_missing:
        return torch.ones(len(batch.x), device=batch.x.device)
    known = batch.observed.flatten(1)
    return known.shape[1] / known.sum(1).clamp_min(1)


def _parts_of_the_bound(vae: VAE, batch: Batch) -> tuple[Tensor, Tensor]:
    """KL of each item, and log p(x | z) of its draws, shape (draws, batch).

    Gaussian posteriors of all items are drawn from by the same noise, so that the score of an item
    does not depend on its company.
    """
    with seeded(_SEED):
        draw = vae.infer(batch, _DRAWS)
    if not isinstance(draw.q, DiagonalNormal):
        return kl_of(draw), vae.log_likelihood(batch)(draw.z)
    noise = noise_of_draws(draw.z.shape[2:]).to(draw.z)
    return kl_of(draw), vae.log_likelihood(batch)(draw.q.mean + draw.q.stddev * noise)


def noise_of_draws(latent: torch.Size) -> Tensor:
    """Return the noise that posteriors of all items share, shape (draws, 1, latent)."""
    return torch.randn(_DRAWS, 1, *latent, generator=make_generator(_SEED))


Arrays = Mapping[str, NDArray[Any]]
T = TypeVar("T")


@dataclass(frozen=True)
class BrokenCells:
    """Which cells of some items differ from what the other cells say.

    Attributes:
        is_broken: Whether it is this that makes the item's score, shape (items,).
        contributions: How much each coordinate adds to the score, at least 0; shape (items,
            coordinates).
        expected: The coordinates that the others say; of the same shape.
    """

    is_broken: NDArray[np.bool_]
    contributions: Floats
    expected: Floats


class AnomalyScore(abc.ABC):
    """One way to tell how unusual items are."""

    @abc.abstractmethod
    def fit(self, training: ScoringInputs) -> Self:
        """Learn from training items."""

    @abc.abstractmethod
    def of(self, seen: ScoringInputs) -> Floats:
        """Of items."""

    @abc.abstractmethod
    def of_training(self, training: ScoringInputs) -> Floats:
        """Of the training items themselves, as if each had not been one of them."""

    @property
    @abc.abstractmethod
    def arrays(self) -> Arrays:
        """All that was learned, by name: what `restored` takes."""

    @abc.abstractmethod
    def restored(self, arrays: Arrays) -> Self:
        """Return the same score with what another had learned."""

    def broken_cells(self, seen: ScoringInputs) -> BrokenCells | None:
        """Return which cells break rules; ``None`` of scores that know of no rules."""
        return None


def arrays_of_part(arrays: "Arrays", prefix: str) -> dict[str, NDArray[Any]]:
    """Return the arrays whose names begin so, without that beginning.

    Example:
        >>> arrays_of_part({"part.0.known": np.zeros(1), "tail": np.ones(1)}, "part.0.")
        {'known': array([0.])}
    """
    found = arrays.items()
    return {name.removeprefix(prefix): array for name, array in found if name.startswith(prefix)}


def learned(value: T | None) -> T:
    """Return what a score has learned.

    Raises:
        NotFittedError: Nothing yet.
    """
    if value is None:
        raise NotFittedError("this score has learnt nothing yet; call fit first.")
    return value
