"""Methods of search: each proposes molecules, by noise, blends and crossings of codes."""

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vaekit.molecules.design.constraints import CandidateFilter
from vaekit.molecules.design.evaluator import Archive
from vaekit.molecules.design.objectives import SurrogateModel
from vaekit.molecules.design.space import Codes, Space
from vaekit.optimizers import AdamW

Floats = NDArray[np.float64]

_FADE, _FLOOR = 0.9, 0.02


@dataclass(frozen=True)
class Parents:
    """The best molecules' codes, the best first.

    Attributes:
        codes: Shape (parents, latent).
        weights: How often each is taken; sums to 1.
    """

    codes: Codes
    weights: Floats

    def draw(self, n: int, rng: np.random.Generator) -> Codes:
        """Return some of them, with repeats."""
        return self.codes[rng.choice(len(self.codes), n, p=self.weights)]


Make = Callable[[Parents, int, np.random.Generator], Codes]


@dataclass(frozen=True)
class VariationOperator:
    """One way to make codes.

    Attributes:
        name: For reports.
        make: From parents, how many, and a source of randomness.
    """

    name: str
    make: Make


def noise(radius: float) -> Make:
    """Return a parent and Gaussian noise of that standard deviation."""

    def make(parents: Parents, n: int, rng: np.random.Generator) -> Codes:
        codes = parents.draw(n, rng)
        return _jittered(codes, radius, rng)

    return make


def blend(radius: float) -> Make:
    """Somewhere between two parents, and noise."""

    def make(parents: Parents, n: int, rng: np.random.Generator) -> Codes:
        a, b = parents.draw(n, rng), parents.draw(n, rng)
        share = rng.random((n, 1), np.float32)
        mixed = share * a + (1 - share) * b
        return _jittered(mixed, radius, rng)

    return make


def cross(radius: float) -> Make:
    """Return some latents of one parent and the others of another, and noise."""

    def make(parents: Parents, n: int, rng: np.random.Generator) -> Codes:
        a, b = parents.draw(n, rng), parents.draw(n, rng)
        taken = rng.random(a.shape) < rng.random((n, 1))
        crossed = np.where(taken, a, b).astype(np.float32)
        return _jittered(crossed, radius, rng)

    return make


def _jittered(codes: Codes, radius: float, rng: np.random.Generator) -> Codes:
    moved: Codes = (codes + radius * rng.standard_normal(codes.shape)).astype(np.float32)
    return moved


WAYS = (
    VariationOperator("as it is", noise(0.0)),
    VariationOperator("noise 0.15", noise(0.15)),
    VariationOperator("noise 0.3", noise(0.3)),
    VariationOperator("noise 0.6", noise(0.6)),
    VariationOperator("noise 1", noise(1.0)),
    VariationOperator("blend", blend(0.0)),
    VariationOperator("blend and noise", blend(0.3)),
    VariationOperator("cross", cross(0.1)),
)


class Variation:
    """Chooses among ways by how many good molecules each brought for as many that it made.

    Args:
        paths: At least one.
    """

    def __init__(self, paths: Sequence[VariationOperator] = WAYS) -> None:
        self.paths = tuple(paths)
        self._made = np.ones(len(paths))
        self._good = np.ones(len(paths))

    @property
    def shares(self) -> Floats:
        """How often each way is taken; sums to 1."""
        rates: Floats = self._good / self._made
        raised = rates / rates.sum() + _FLOOR
        shares: Floats = raised / raised.sum()
        return shares

    def split(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return how many each way is to make."""
        return rng.multinomial(n, self.shares)

    def credit(self, made: NDArray[np.int64], good: NDArray[np.int64]) -> None:
        """Learn from what the ways made, and how much of it was good; old news fades."""
        self._made = _FADE * self._made + made
        self._good = _FADE * self._good + good + 1e-3


_FRESH = 0.03  # share of the proposals that come from the prior
_ROUNDS, _MOST_ROUNDS = 3, 12  # of draws, where they bring something, or nothing so far
_LEAST_PARENTS = 30


def num_parents(predicted: int) -> int:
    """Return how many of the molecules told are bred from: a hundredth, but at least 30."""
    return max(_LEAST_PARENTS, predicted // 100)


def ranked_parents(codes: Codes, soft: float = 0.1) -> Parents:
    """Parents of which the r-th best is taken in proportion to 1 / (soft * parents + r).

    Source: Tripp et al. 2020, "Sample-efficient optimization in the latent space of deep generative
    models via weighted retraining", eq. 2.
    """
    weights = 1 / (soft * len(codes) + np.arange(1, len(codes) + 1))
    return Parents(codes, weights / weights.sum())


class Breeder:
    """Makes candidates of parents, and remembers which way each came by.

    Args:
        space: The model's latents.
        candidate_filter: Lets good proposals through.
        rng: Source of randomness.
    """

    def __init__(
        self, space: Space, candidate_filter: CandidateFilter, rng: np.random.Generator
    ) -> None:
        self.space, self.candidate_filter, self.rng = space, candidate_filter, rng
        self.variation = Variation()
        self._way: dict[str, int] = {}
        self._made = np.zeros(len(self.variation.paths), np.int64)

    def breed(self, parents: Parents | None, n: int) -> list[str]:
        """At most n different candidates, fewer if they run dry; from the prior without parents."""
        found: dict[str, int] = {}
        for done in range(_MOST_ROUNDS):
            if len(found) >= n or (found and done >= _ROUNDS):
                break
            paths, drawn = self._round(parents, max(64, n - len(found)))
            for place in self.candidate_filter.pick(drawn):
                found.setdefault(str(drawn[place]), int(paths[place]))
        chosen = dict(list(found.items())[:n])
        self._way.update(chosen)
        return list(chosen)

    def _round(self, parents: Parents | None, n: int) -> tuple[NDArray[np.int64], list[str | None]]:
        """Which way each was made by, -1 for the prior, and what was drawn; decoded together."""
        fresh = n if parents is None else max(1, int(_FRESH * n))
        counts = np.zeros(len(self.variation.paths), np.int64)
        codes = [self.space.prior(fresh)]
        if parents is not None:
            counts = self.variation.split(n, self.rng)
            pairs = zip(self.variation.paths, counts, strict=True)
            codes += [way.make(parents, int(count), self.rng) for way, count in pairs]
            self._made += counts
        paths = np.repeat(np.arange(-1, len(counts)), [fresh, *counts])
        return paths, self.space.decode(np.concatenate(codes))

    def credit(self, good: Sequence[str]) -> None:
        """Say which proposals turned out to be good, then start counting anew."""
        counts = np.zeros(len(self.variation.paths), np.int64)
        for one in good:
            way = self._way.get(one, -1)
            if way >= 0:
                counts[way] += 1
        self.variation.credit(self._made, counts)
        self._way.clear()
        self._made[:] = 0


class Retraining:
    """Weighted retraining.

    Args:
        every: Scored molecules between two trainings, at least; later a tenth of all, since the
            best of many change little.
        items: Molecules of a training, drawn with repeats.
        sharpness: The r-th best of n is drawn in proportion to 1 / (sharpness * n + r).

    Source: Tripp et al. 2020, "Sample-efficient optimization in the latent space of deep generative
    models via weighted retraining", eq. 2 and algorithm 1.
    """

    def __init__(self, every: int = 200, items: int = 1000, sharpness: float = 1e-2) -> None:
        self.every, self.items, self.sharpness = every, items, sharpness
        self._last = 0

    def is_due(self, archive: Archive) -> bool:
        """Return whether enough came in since the last."""
        return len(archive) - self._last >= max(self.every, self._last // 10)

    def apply(self, space: Space, archive: Archive, rng: np.random.Generator) -> None:
        """Train."""
        self._last = len(archive)
        positions = archive.best(len(archive))
        weights = 1 / (self.sharpness * len(positions) + np.arange(1, len(positions) + 1))
        drawn = rng.choice(positions, self.items, p=weights / weights.sum())
        smiles = [archive.smiles[place] for place in drawn]
        known, _ = space.encode(smiles)
        chosen = [one for one, good in zip(smiles, known, strict=True) if good]
        if chosen:
            space.adapt(chosen, int(rng.integers(2**31 - 1)))


@dataclass(frozen=True)
class Tools:
    """What a method works with.

    Attributes:
        space: The model's latents.
        candidate_filter: Lets good proposals through.
        rng: Source of randomness.
        surrogate: What the model expects of molecules; ``None`` for nothing.
    """

    space: Space
    candidate_filter: CandidateFilter
    rng: np.random.Generator
    surrogate: SurrogateModel | None = None

    @property
    def seed(self) -> int:
        """Another one at each call."""
        return int(self.rng.integers(2**31 - 1))


class Method(abc.ABC):
    """Asked for molecules, then told their scores, in turns."""

    @abc.abstractmethod
    def propose(self, n: int) -> list[str]:
        """Up to n molecules that are valid, new and allowed; fewer, or none, if there are no more.

        Args:
            n: How many calls may be spent on them.
        """

    @abc.abstractmethod
    def observe(self, smiles: Sequence[str], scores: NDArray[np.float64]) -> None:
        """Take in scores, the larger the better, of molecules that were proposed or given."""


class Elites:
    """Codes of the best molecules told, encoded once each.

    Args:
        space: The model's latents.
        archive: What was told.
    """

    def __init__(self, space: Space, archive: Archive) -> None:
        self.space, self.archive = space, archive
        self._codes: dict[str, NDArray[np.float32] | None] = {}

    def forget(self) -> None:
        """After the space has changed."""
        self._codes.clear()

    def codes(self, smiles: Sequence[str]) -> tuple[list[int], NDArray[np.float32]]:
        """Return places of those that can be encoded, and their codes."""
        new = [one for one in dict.fromkeys(smiles) if one not in self._codes]
        known, codes = self.space.encode(new)
        rows = iter(codes)
        self._codes.update({o: next(rows) if k else None for o, k in zip(new, known, strict=True)})
        found = [self._codes[one] for one in smiles]
        rest = [code for code in found if code is not None]
        shape = (len(rest), self.space.dim)
        return [i for i, c in enumerate(found) if c is not None], np.array(rest).reshape(shape)

    def best(self, n: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return scores and codes of the n best that can be encoded, the best first."""
        positions = self.archive.best(2 * n)
        kept, codes = self.codes([self.archive.smiles[place] for place in positions])
        return self.archive.scores[positions[kept]][:n], codes[:n]


class Screening(Method):
    """Samples of the prior; learns nothing."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools

    def propose(self, n: int) -> list[str]:
        """Draw."""
        space = self.tools.space
        return self.tools.candidate_filter.gather(lambda m: space.decode(space.prior(m)), n)

    def observe(self, smiles: Sequence[str], scores: NDArray[np.float64]) -> None:
        """Nothing to learn."""


_PARENTS, _RADIUS = 10, 0.5


class LocalNoise(Method):
    """Codes of the ten best, with Gaussian noise of half a standard deviation of the prior."""

    def __init__(self, tools: Tools) -> None:
        self.tools, self.archive = tools, Archive()
        self.elites = Elites(tools.space, self.archive)

    def propose(self, n: int) -> list[str]:
        """Draw around the best; from the prior where none can be encoded."""
        space, rng = self.tools.space, self.tools.rng
        _, codes = self.elites.best(_PARENTS)
        if not len(codes):
            return self.tools.candidate_filter.gather(lambda m: space.decode(space.prior(m)), n)
        parents = Parents(codes, np.full(len(codes), 1 / len(codes)))
        make = noise(_RADIUS)
        return self.tools.candidate_filter.gather(lambda m: space.decode(make(parents, m, rng)), n)

    def observe(self, smiles: Sequence[str], scores: NDArray[np.float64]) -> None:
        """Remember."""
        self.archive.add(smiles, scores)


class Evolution(Method):
    """The best molecules' codes with noise, blended and crossed; what works is done more often.

    Args:
        tools: What it works with.
        retraining: Teaches the model the best molecules now and then; ``None`` leaves it alone.
    """

    def __init__(self, tools: Tools, retraining: Retraining | None = None) -> None:
        self.tools, self.archive, self.retraining = tools, Archive(), retraining
        self.elites = Elites(tools.space, self.archive)
        self.breeder = Breeder(tools.space, tools.candidate_filter, tools.rng)

    def propose(self, n: int) -> list[str]:
        """Breed."""
        if self.retraining is not None and self.retraining.is_due(self.archive):
            self.retraining.apply(self.tools.space, self.archive, self.tools.rng)
            self.elites.forget()
        _, codes = self.elites.best(num_parents(len(self.archive)))
        return self.breeder.breed(ranked_parents(codes) if len(codes) else None, n)

    def observe(self, smiles: Sequence[str], scores: NDArray[np.float64]) -> None:
        """Remember, and see which ways brought molecules that are among the best now."""
        self.archive.add(smiles, scores)
        self.breeder.credit(self.archive.among_best(smiles, num_parents(len(self.archive))))


def retrained(tools: Tools) -> Evolution:
    """Evolution with retraining."""
    return Evolution(tools, Retraining())


_HEADS, _HEAD_WIDTH, _RATE = 3, 128, 3e-3
_FIRST_STEPS, _FURTHER_STEPS = 300, 60
_ASCENT_PARENTS, _MOST_HEAD_POINTS = 20, 2000
_ASCENT_STEPS, _STRIDE = 20, 0.1  # in standard deviations of the prior


class GradientAscent(Method):
    """From codes of the best molecules uphill on what small networks predict.

    Three heads are trained further each round on the codes of all that was scored, each on other
    draws of them; the mean of their predictions less their spread is climbed, in steps of equal
    length, and decoded along the way.

    Source: Gomez-Bombarelli et al. 2018, "Automatic chemical design using a data-driven continuous
    representation of molecules", for ascent on a property head; Lakshminarayanan et al. 2017,
    "Simple and scalable predictive uncertainty estimation using deep ensembles", for several.
    """

    def __init__(self, tools: Tools) -> None:
        self.tools, self.archive = tools, Archive()
        self.elites = Elites(tools.space, self.archive)
        self.heads: list[nn.Module] = []

    def propose(self, n: int) -> list[str]:
        """Climb."""
        space, rng, candidate_filter = self.tools.space, self.tools.rng, self.tools.candidate_filter
        scores, codes = self.elites.best(_MOST_HEAD_POINTS)
        if not len(codes):
            return candidate_filter.gather(lambda m: space.decode(space.prior(m)), n)
        self._learn(torch.from_numpy(codes), torch.from_numpy(scores).float())

        def draw(m: int) -> list[str | None]:
            starts = codes[rng.integers(min(_ASCENT_PARENTS, len(codes)), size=m)]
            jitter = _STRIDE * rng.standard_normal(starts.shape, np.float32)
            return space.decode(_climbed(self.heads, starts + jitter, rng))

        return candidate_filter.gather(draw, n)

    def _learn(self, z: Tensor, scores: Tensor) -> None:
        """Predict standardised scores."""
        steps = _FURTHER_STEPS if self.heads else _FIRST_STEPS
        self.heads = self.heads or [_new_head(z.shape[1]) for _ in range(_HEADS)]
        desirabilities = (scores - scores.mean()) / scores.std(correction=0).clamp_min(1e-9)
        for head in self.heads:
            _train(head, z, desirabilities, steps, self.tools.rng)

    def observe(self, smiles: Sequence[str], scores: NDArray[np.float64]) -> None:
        """Remember."""
        self.archive.add(smiles, scores)


def _new_head(dim: int) -> nn.Module:
    return nn.Sequential(nn.Linear(dim, _HEAD_WIDTH), nn.SiLU(), nn.Linear(_HEAD_WIDTH, 1))


def _train(
    head: nn.Module, z: Tensor, desirabilities: Tensor, steps: int, rng: np.random.Generator
) -> None:
    head.requires_grad_(True)
    optimizer = AdamW(head.parameters(), lr=_RATE, weight_decay=0.01, fused=True)
    for _ in range(steps):
        some = torch.from_numpy(rng.integers(len(z), size=128))
        noisy = z[some] + _STRIDE * torch.randn(len(some), z.shape[1])
        loss = (head(noisy).squeeze(1) - desirabilities[some]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    head.requires_grad_(False)


def _climbed(heads: Sequence[nn.Module], starts: Codes, rng: np.random.Generator) -> Codes:
    """Return a point of each way up, from its first step to its last."""
    z = torch.from_numpy(starts.astype(np.float32))
    stops = torch.from_numpy(rng.integers(1, _ASCENT_STEPS + 1, size=len(starts)))
    for step in range(_ASCENT_STEPS):
        z.requires_grad_(True)
        predicted = torch.stack([head(z).squeeze(1) for head in heads])
        height = predicted.mean(0) - predicted.std(0, correction=0)
        (slope,) = torch.autograd.grad(height.sum(), z)
        unit = slope / slope.norm(dim=1, keepdim=True).clamp_min(1e-9)
        going = (step < stops).unsqueeze(1)
        z = torch.where(going, z.detach() + _STRIDE * z.shape[1] ** 0.5 / 4 * unit, z.detach())
    return z.numpy()


class SurrogateScreening(Method):
    """Of several proposals for each call those whose properties, as the model tells them, are best.

    Where the model was not taught all that is asked for, the method is left as it is.

    Args:
        method: Proposes.
        tools: What it works with.
        ratio: Proposals for each call.
    """

    def __init__(self, method: Method, tools: Tools, ratio: int = 4) -> None:
        self.method, self.tools, self.ratio = method, tools, ratio

    def propose(self, n: int) -> list[str]:
        """Ask for more, and keep the best."""
        surrogate = self.tools.surrogate
        if surrogate is None or surrogate.scores([]) is None:
            return self.method.propose(n)
        made = self.method.propose(self.ratio * n)
        scores = surrogate.scores(made)
        assert scores is not None  # as of none of them
        order = np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")
        return [made[place] for place in order[:n]]

    def observe(self, smiles: Sequence[str], scores: NDArray[np.float64]) -> None:
        """The method."""
        self.method.observe(smiles, scores)


class Staged(Method):
    """Asks the first method while few molecules are known; both are told all.

    Args:
        first: Needs little to go by.
        then: Does better with much.
        enough: Molecules told, from which on the second is asked.
    """

    def __init__(self, first: Method, then: Method, enough: int) -> None:
        self.first, self.then, self.enough = first, then, enough
        self._told = 0

    def propose(self, n: int) -> list[str]:
        """By one of them."""
        return (self.first if self._told < self.enough else self.then).propose(n)

    def observe(self, smiles: Sequence[str], scores: NDArray[np.float64]) -> None:
        """Both."""
        self._told += len(smiles)
        self.first.observe(smiles, scores)
        self.then.observe(smiles, scores)
