"""Distances to the nearest items of training, in inputs and in latents."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from torch import Tensor
from torch.distributions import Distribution

from vaekit.anomalies.inputs import AnomalyScore, Arrays, ScoringInputs, finite, learned
from vaekit.likelihoods.base import LearnedGaussian
from vaekit.models.vae import VAE
from vaekit.types import Batch

Floats = NDArray[np.float64]

_SPARE = 4  # more candidates than are asked for: single precision may swap the last ones
_FEW = 8  # so many minima one after the other take less time than one partition
_ENOUGH = 100
_MANY = 16  # rows from which on products take less time


def nearest(asked: Floats, known: Floats, count: int, metric: str = "euclidean") -> Floats:
    """Return the distances to the nearest known points.

    Args:
        asked: Shape (asked, coordinates).
        known: Shape (known, coordinates).
        count: How many, at least 1; infinite ones follow where fewer are known.
        metric: ``"euclidean"`` or ``"cityblock"``.

    Returns:
        Shape (asked, count); of each row the least comes first and the largest last.

    Example:
        >>> nearest(np.zeros((1, 1)), np.array([[3.0], [-1.0]]), 3).tolist()
        [[1.0, 3.0, inf]]
    """
    there = min(count, len(known))
    if metric == "euclidean" and there + _SPARE < len(known) and len(asked) >= _MANY:
        found = _exact(asked, known, _candidates(asked, known, there + _SPARE))[:, :there]
    else:
        found = smallest(cdist(asked, known, metric), there)
    beyond = np.full((len(asked), count - there), np.inf)
    return np.concatenate([found, beyond], axis=1)


def usual_distance(asked: Floats, known: Floats, metric: str = "euclidean") -> Floats:
    """Return the mean distance to known points, by some hundred of them; shape (asked,)."""
    some = known[:: max(1, len(known) // _ENOUGH)]
    mean: Floats = cdist(asked, some, metric).mean(1)
    return mean


def _candidates(asked: Floats, known: Floats, count: int) -> NDArray[np.int64]:
    """Places of points that are near: squares multiplied out, a quarter of the time of differences.

    Around the middle of the known points, where products lose least.
    """
    middle = known.mean(0)
    a, b = (torch.from_numpy(points - middle).float() for points in (asked, known))
    nearness = torch.addmm(b.square().sum(1) / 2, a, b.T, alpha=-1)
    return nearness.topk(count, largest=False, sorted=False).indices.numpy()


def _exact(asked: Floats, known: Floats, positions: NDArray[np.int64]) -> Floats:
    """Return the distances to some known points each, rising."""
    apart = known[positions]
    apart -= asked[:, None]
    return np.sort(np.sqrt(np.einsum("ijk,ijk->ij", apart, apart)), axis=1)


def smallest(distances: Floats, count: int) -> Floats:
    """Of each row, the least first and the largest last; the distances are spoilt."""
    if count > _FEW:
        distances.partition((0, count - 1), axis=1)
        return distances[:, :count]
    rows, found = np.arange(len(distances)), np.empty((len(distances), count))
    for place in range(count):
        least = distances.argmin(1)
        found[:, place] = distances[rows, least]
        distances[rows, least] = np.inf
    return found


_MOST, _MOST_EXEMPLAR_VALUES, _EXEMPLARS_AT_ONCE = 1500, 2**22, 2**24
_HALF_LOG_TAU = 0.5 * math.log(math.tau)
_SAME = 1e-6  # of the mean distance: as near as a code is to its own, found in other company


@dataclass(frozen=True)
class NearestExemplars(AnomalyScore):
    """-log of the mean of p(x | z) over the posterior means of training items, nats.

    The prior is replaced by what the training items are encoded to, so it is the density of a
    mixture with a decoded training item in the middle of each component. The less a model
    compresses, the nearer that is to a kernel density of the training items themselves.

    Attributes:
        codes: Of training items, at most 1,500; fewer if items have many values.
        decoded: What they are decoded to, once that was asked for.

    Source: Norouzi et al. 2020, "Exemplar VAE: linking generative models, nearest neighbor
    retrieval, and data augmentation", eq. 3, with p(x | z) at the posterior mean.
    """

    codes: Floats | None = field(default=None, repr=False)
    decoded: dict[str, Distribution] = field(default_factory=dict, repr=False)

    def fit(self, training: ScoringInputs) -> Self:
        """Choose the exemplars."""
        most = max(100, min(_MOST, _MOST_EXEMPLAR_VALUES // max(1, training.points.shape[1])))
        chosen = np.random.default_rng(0).permutation(len(training.codes))[:most]
        return self.restored({"codes": training.codes[np.sort(chosen)]})

    def of(self, seen: ScoringInputs) -> Floats:
        """Nats."""
        return self._scores(seen, are_training=False)

    def of_training(self, training: ScoringInputs) -> Floats:
        """Return each without itself."""
        return self._scores(training, are_training=True)

    @torch.no_grad()
    def _scores(self, seen: ScoringInputs, *, are_training: bool) -> Floats:
        x, codes = seen.batch.x, learned(self.codes)
        size = max(1, _EXEMPLARS_AT_ONCE // (len(codes) * max(1, x[0].numel())))
        parts = []
        for rows in torch.arange(len(x)).split(size):
            some = _some(seen.batch, rows)
            log_px = _density(seen.vae, self._px(seen.vae, some), some)
            if are_training:
                asked = seen.codes[rows.numpy()]
                near = cdist(codes, asked) <= _SAME * usual_distance(asked, codes)
                itself = torch.from_numpy(near)
                log_px = log_px.masked_fill(itself.to(log_px.device), -torch.inf)
                others = (~itself).sum(0).to(log_px)
            else:
                others = log_px.new_full((len(rows),), len(codes))
            cost = others.log() - torch.logsumexp(log_px, 0)
            parts.append(cost.where(others > 0, 0.0))  # a single item has no other
        return finite(torch.cat(parts)) + seen.novelty_cost

    def _px(self, vae: VAE, batch: Batch) -> Distribution:
        """p(x | z) at each code: for all items, or in the context of each."""
        x = batch.x
        z = torch.from_numpy(learned(self.codes)).to(x.device, torch.float32)[:, None]
        if batch.context is not None:
            return vae.decode_draws(z.expand(-1, len(x), -1), batch.context)
        if "px" not in self.decoded:
            self.decoded["px"] = vae.decode_draws(z)
        return self.decoded["px"]

    @property
    def arrays(self) -> Arrays:
        """The latents."""
        return {"codes": learned(self.codes)}

    def restored(self, arrays: Arrays) -> Self:
        """With these latents."""
        return type(self)(arrays["codes"])


def _density(vae: VAE, px: Distribution, batch: Batch) -> Tensor:
    """log p(x | z) of each item at each code, nats, shape (codes, items).

    Where all codes have one noise, squares are multiplied out: a tenth of the time of differences.
    """
    likelihood = vae.likelihood
    if not isinstance(likelihood, LearnedGaussian) or not (batch.context is batch.observed is None):
        return likelihood.log_prob(px, batch)
    scale = likelihood.scale.cpu().double().expand(batch.x.shape[1:]).flatten()
    means, x = (part.flatten(1).cpu().double() / scale for part in (px.mean[:, 0], batch.x))
    constant = scale.log().sum() + len(scale) * _HALF_LOG_TAU
    log_px = torch.addmm(-_half_square(means)[:, None] - constant, means, x.T)
    return log_px.sub_(_half_square(x))


def _half_square(x: Tensor) -> Tensor:
    return x.square().sum(1) / 2


def _some(batch: Batch, rows: Tensor) -> Batch:
    context = None if batch.context is None else batch.context[rows]
    observed = None if batch.observed is None else batch.observed[rows]
    return Batch(batch.x[rows], context, observed)


Whole = NDArray[np.int64]

_AT_ONCE_NEIGHBOURS, _MOST_VALUES_NEIGHBOURS = 2**22, 2_000_000
_CANDIDATES = 10  # about so many of each item are compared in full


@dataclass(frozen=True)
class NeighborDistance(AnomalyScore):
    """Distance to the k-th nearest training item, or the mean of those up to it.

    Training items beyond a number are represented by some of them, chosen at random.

    Attributes:
        k: Which neighbour, at least 1.
        share: In place of k: which share of the training items is nearer; 0 for none. Where
            anomalies are among them, the few nearest items of an anomaly may be others of its
            kind; those of 1 item in 20 are not, if anomalies are fewer.
        where: ``"points"``, from 0 to 1; ``"weighted"``, see `ReferenceStatistics.weighted`;
            ``"shapes"``, see
            `ScoringInputs.shapes`; ``"codes"``, the latents.
        metric: ``"euclidean"`` or ``"cityblock"``.
        averaged: Whether to take the mean of the distances up to the k-th.
        most: Training items to compare with, at most; fewer if they have many coordinates.
        apart: Whether windows of one series that share steps are no neighbours in training: else
            each has its twin one step away, and new windows, which have none, look unusual.
        positions: What was learned.
        times: Where each of the windows begins, if they are some; only training asks for it.

    Source: Ramaswamy et al. 2000, "Efficient algorithms for mining outliers from large data sets";
    Angiulli & Pizzuti 2002, "Fast outlier detection in high dimensional spaces", for the mean;
    Yeh et al. 2016, "Matrix profile I", for the exclusion zone.
    """

    k: int = 1
    share: float = 0.0
    where: str = "points"
    metric: str = "euclidean"
    averaged: bool = False
    most: int = 5000
    apart: bool = False
    positions: Floats | None = field(default=None, repr=False)
    times: Whole | None = field(default=None, repr=False)

    def fit(self, training: ScoringInputs) -> Self:
        """Choose the items to compare with."""
        positions: Floats = getattr(training, self.where)
        most = max(100, min(self.most, _MOST_VALUES_NEIGHBOURS // max(1, positions.shape[1])))
        chosen = np.sort(np.random.default_rng(0).permutation(len(positions))[:most])
        times = None if training.times is None else training.times[chosen]
        return replace(self, positions=positions[chosen], times=times)

    def of(self, seen: ScoringInputs) -> Floats:
        """Distances; by a share, of a training item the same as in training."""
        if self.share:
            return self.of_training(seen)
        return self._in_pieces(
            seen, lambda asked, known: nearest(asked, known, self.k, self.metric)
        )

    def of_training(self, training: ScoringInputs) -> Floats:
        """Return each is its own nearest neighbour, which does not count."""
        if self.apart and self.times is not None and training.times is not None:
            windows = getattr(training, self.where)
            around = _around(training.batch.x.shape[-1], self.times)
            return self._of_windows(windows, training.times, self.times, around)
        return self._in_pieces(training, self._without_itself)

    def _of_windows(self, asked: Floats, begin: Whole, known: Whole, around: int) -> Floats:
        """Without those that begin within some steps before or after."""
        pieces = max(1, len(asked) * len(known) // _AT_ONCE_NEIGHBOURS)
        parts = []
        for rows in np.array_split(np.arange(len(asked)), pieces):
            distances = cdist(asked[rows], learned(self.positions), self.metric)
            distances[np.abs(begin[rows, None] - known) <= around] = np.inf
            parts.append(self._of(smallest(distances, min(self.k, len(known)))))
        return np.concatenate(parts)

    def _without_itself(self, asked: Floats, known: Floats) -> Floats:
        """Return the distances to the k nearest others."""
        k = max(1, round(self.share * len(known))) if self.share else self.k
        near = nearest(asked, known, k + 1, self.metric)
        itself = near[:, 0] <= _SAME * usual_distance(asked, known, self.metric)
        return np.where(itself[:, None], near[:, 1:], near[:, :-1])

    def _in_pieces(self, seen: ScoringInputs, near: Callable[[Floats, Floats], Floats]) -> Floats:
        """Return the k-th smallest of the distances of each item, or their mean."""
        asked, known = getattr(seen, self.where), learned(self.positions)
        width = max(len(known), _CANDIDATES * known.shape[1])
        pieces = max(1, len(asked) * width // _AT_ONCE_NEIGHBOURS)
        return np.concatenate([self._of(near(a, known)) for a in np.array_split(asked, pieces)])

    def _of(self, distances: Floats) -> Floats:
        """Of each row the largest, or the mean; infinite ones do not count."""
        there = np.isfinite(distances)
        distances = np.where(there, distances, 0.0)  # a single item has no other
        count = np.maximum(there.sum(1), 1)
        found: Floats = distances.sum(1) / count if self.averaged else distances.max(1)
        return found

    @property
    def arrays(self) -> Arrays:
        """Where the training items are."""
        return {"places": learned(self.positions)}

    def restored(self, arrays: Arrays) -> Self:
        """With these training items."""
        return replace(self, positions=arrays["places"])


def _around(steps: int, times: Whole) -> int:
    """Within how many steps of a window it has no neighbours: fewer where windows are few."""
    fewer = (int(np.ptp(times)) - 5) // 2 - 1
    return min(steps, max(0, fewer))


NEARLY = 1e-6
"""By how much distances of equal neighbours may differ, as a share of them."""


@dataclass(frozen=True)
class RelativeDistance(AnomalyScore):
    """Distance to the k-th nearest training item, in those that its neighbours have themselves.

    Normal items of a sparse kind are far from each other, and no anomalies for that.

    Attributes:
        k: Which neighbour, and how many neighbours it is compared with; at least 1.
        most: Training items at most.
        positions: Where they are.
        usual: The distance of each to its own k-th neighbour.

    Source: Breunig et al. 2000, "LOF: identifying density-based local outliers", without the
    reach of a neighbour, as Zhang, Hutter & Jin 2009, "A new local distance-based outlier
    detection approach for scattered real-world data".
    """

    k: int = 20
    most: int = 5000
    positions: Floats | None = field(default=None, repr=False)
    usual: Floats | None = field(default=None, repr=False)

    def fit(self, training: ScoringInputs) -> Self:
        """Choose the items to compare with."""
        chosen = NeighborDistance(most=self.most).fit(training).positions
        positions = learned(chosen)
        own = replace(self, positions=positions)
        rounds = own._distances(positions, without_itself=True)
        return replace(own, usual=np.concatenate([own._farthest(d) for d in rounds]))

    def of(self, seen: ScoringInputs) -> Floats:
        """Above 1 where neighbours are nearer to each other."""
        return self._ratio(seen.points, without_itself=False)

    def of_training(self, training: ScoringInputs) -> Floats:
        """Return each is its own nearest neighbour, which does not count."""
        return self._ratio(training.points, without_itself=True)

    def _ratio(self, points: Floats, *, without_itself: bool) -> Floats:
        usual = learned(self.usual)
        least = _SAME * (float(usual.mean()) or 1.0)  # copies have no distance
        parts = []
        for distances in self._distances(points, without_itself=without_itself):
            farthest = self._farthest(distances)
            # All that are as near as the k-th: which of equal ones comes first would be chance.
            near = distances - farthest[:, None] <= NEARLY * farthest[:, None]
            expected = (near @ usual) / near.sum(1).clip(1)
            parts.append((farthest + least) / (expected + least))
        return np.concatenate(parts)

    def _farthest(self, distances: Floats) -> Floats:
        """Return the distance to the k-th nearest."""
        k = min(self.k, distances.shape[1] - 1) or 1
        found = np.partition(distances, k - 1, axis=1)[:, k - 1]
        return np.where(np.isfinite(found), found, 0.0)

    def _distances(self, asked: Floats, *, without_itself: bool) -> Iterator[Floats]:
        """Yield distances to all training items, for some items at a time."""
        known = learned(self.positions)
        pieces = max(1, len(asked) * len(known) // _AT_ONCE_NEIGHBOURS)
        for some in np.array_split(asked, pieces):
            distances = cdist(some, known)
            if without_itself:
                nearest_one = distances.argmin(1)
                rows = np.arange(len(some))
                itself = distances[rows, nearest_one] <= _SAME * usual_distance(some, known)
                distances[rows[itself], nearest_one[itself]] = np.inf
            yield distances

    @property
    def arrays(self) -> Arrays:
        """The training items, and how far their neighbours are."""
        return {"places": learned(self.positions), "usual": learned(self.usual)}

    def restored(self, arrays: Arrays) -> Self:
        """With these training items."""
        return replace(self, positions=arrays["places"], usual=arrays["usual"])
