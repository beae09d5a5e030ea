"""Bayesian optimization: Gaussian processes on fingerprints and on latents choose proposals."""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from vaekit.molecules.design.evaluator import Archive
from vaekit.molecules.design.methods import (
    Breeder,
    Elites,
    Method,
    Retraining,
    Tools,
    num_parents,
    ranked_parents,
)
from vaekit.molecules.design.space import Codes
from vaekit.molecules.design.surrogates import (
    GaussianProcess,
    counted_bits,
    fit_process,
    radial_kernel,
    tanimoto_kernel,
)

Floats = NDArray[np.float64]

_MOST_FINGERPRINTS = 2000
_BEST_SHARE = 0.6  # of those, where there are more; the rest is drawn from all


class FingerprintGP(Method):
    """Many proposals of the model for each call, of which a surrogate chooses.

    The surrogate is an exact Gaussian process with a Tanimoto kernel on Morgan fingerprints with
    counts, on up to 2,000 molecules. Each place of a batch goes to the highest upper confidence
    bound, with a boldness of its own. The most promising proposals become parents of more within
    a round.

    Args:
        tools: What it works with.
        retraining: Teaches the model the best molecules now and then; ``None`` leaves it alone.
        ratio: Proposals for each call.
        depth: Generations of proposals within a round, at least 1.

    Source: Tripp et al. 2021, "A fresh look at de novo molecular design benchmarks", for Gaussian
    processes on fingerprints with an evolutionary search of their bound; Srinivas et al. 2010,
    "Gaussian process optimization in the bandit setting", for the bound.
    """

    def __init__(
        self, tools: Tools, retraining: Retraining | None = None, ratio: int = 8, depth: int = 2
    ) -> None:
        self.tools, self.archive, self.retraining = tools, Archive(), retraining
        self.ratio, self.depth = ratio, depth
        self.elites = Elites(tools.space, self.archive)
        self.breeder = Breeder(tools.space, tools.candidate_filter, tools.rng)
        self._bits: list[NDArray[np.uint8]] = []

    def propose(self, n: int) -> list[str]:
        """Breed, judge, breed of the best judged, choose."""
        if self.retraining is not None and self.retraining.is_due(self.archive):
            self.retraining.apply(self.tools.space, self.archive, self.tools.rng)
            self.elites.forget()
        _, codes = self.elites.best(num_parents(len(self.archive)))
        if not len(codes):
            return self.breeder.breed(None, n)
        pool, mean, deviation = self._judged(codes, self.ratio * n // self.depth)
        return [pool[place] for place in chosen_places(mean, deviation, n, self.tools.rng)]

    def _judged(self, codes: Codes, count: int) -> tuple[list[str], Floats, Floats]:
        """Candidates of some generations, and what the surrogate says of them."""
        process, pool = self._process(), dict[str, None]()
        mean, deviation = np.empty(0), np.empty(0)
        for _ in range(self.depth):
            made = self.breeder.breed(ranked_parents(codes), count)
            more = [one for one in made if one not in pool]
            if more:
                judged = process.predict(counted_bits(more))
                pool.update(dict.fromkeys(more))
                mean, deviation = np.append(mean, judged[0]), np.append(deviation, judged[1])
            promising = np.argsort(-(mean + deviation), kind="stable")[: len(codes)]
            names = list(pool)
            _, fresh = self.elites.codes([names[place] for place in promising])
            codes = fresh if len(fresh) else codes
        return list(pool), mean, deviation

    def _process(self) -> GaussianProcess:
        positions = self._points()
        bits = np.stack([self._bits[place] for place in positions])
        return fit_process(bits, self.archive.scores[positions], [tanimoto_kernel], self.tools.rng)

    def _points(self) -> NDArray[np.int64]:
        """Return the best, and others so that the surrogate knows what is bad."""
        order = self.archive.best(len(self.archive))
        if len(order) <= _MOST_FINGERPRINTS:
            return order
        best = int(_BEST_SHARE * _MOST_FINGERPRINTS)
        rest = self.tools.rng.permutation(order[best:])[: _MOST_FINGERPRINTS - best]
        return np.concatenate([order[:best], rest])

    def observe(self, smiles: Sequence[str], scores: Floats) -> None:
        """Remember, and see which ways brought molecules that are among the best now."""
        self.archive.add(smiles, scores)
        self._bits += list(counted_bits(smiles))
        self.breeder.credit(self.archive.among_best(smiles, num_parents(len(self.archive))))


def chosen_places(mean: Floats, deviation: Floats, n: int, rng: np.random.Generator) -> list[int]:
    """Return places of n candidates: each the highest mean + boldness * deviation of those left.

    The boldness of each pick is drawn from an exponential distribution of mean 1, so that a batch
    holds safe picks and bold ones.
    """
    left = np.ones(len(mean), bool)
    chosen = []
    for boldness in rng.exponential(1.0, min(n, len(mean))):
        bound = np.where(left, mean + boldness * deviation, -np.inf)
        place = int(bound.argmax())
        left[place] = False
        chosen.append(place)
    return chosen


_MOST_LATENT_POINTS, _CANDIDATES = 1000, 2000
_LENGTHS = (0.25, 0.5, 1.0, 2.0)  # of the kernel, in typical distances between two codes
_WIDEST, _REGION_WIDTH, _NARROWEST = 1.6, 0.8, 0.8 / 2**7
_SUCCESSES, _FAILURES = 2, 4  # rounds in a row
_THOMPSON_TRIES = 4
_LEAST_SPREAD = 0.3  # of a latent, where the first molecules are few or alike
_LEAST_MOVED = 20  # latents that a candidate changes, on average


class LatentGP(Method):
    """Expected improvement of a Gaussian process on codes, of candidates drawn from the prior.

    A baseline that is known to do little better than chance in many dimensions.

    Source: Gomez-Bombarelli et al. 2018, "Automatic chemical design using a data-driven continuous
    representation of molecules"; Jones et al. 1998, "Efficient global optimization of expensive
    black-box functions", eq. 15, for the improvement.
    """

    def __init__(self, tools: Tools) -> None:
        self.tools, self.archive = tools, Archive()
        self.elites = Elites(tools.space, self.archive)

    def propose(self, n: int) -> list[str]:
        """Decode the candidates that promise most."""
        space = self.tools.space
        scores, codes = _points(self.elites, self.tools.rng)
        if not len(codes):
            return self.tools.candidate_filter.gather(lambda m: space.decode(space.prior(m)), n)
        process = _fitted(codes, scores, self.tools.rng)

        tries = itertools.count(1)

        def draw(m: int) -> list[str | None]:
            candidates = space.prior(max(_CANDIDATES, 4 * m))
            mean, deviation = process.predict(candidates)
            gain = _expected_gain(mean, deviation, float(scores.max()))
            best = np.argsort(-gain, kind="stable")[: m * next(tries)]  # more if these are known
            return space.decode(candidates[self.tools.rng.permutation(best)[:m]])

        return self.tools.candidate_filter.gather(draw, n)

    def observe(self, smiles: Sequence[str], scores: Floats) -> None:
        """Remember."""
        self.archive.add(smiles, scores)


class TrustRegion(Method):
    """Thompson sampling within a box around the best code, which grows by success and shrinks.

    A round is a success if it brought a better molecule. After two in a row the box doubles; after
    four without it halves; when it is too small it begins anew at its first width. A candidate
    changes some of the latents only.

    Source: Eriksson et al. 2019, "Scalable global optimization via local Bayesian optimization"
    (TuRBO), section 2; Maus et al. 2022, "Local latent space Bayesian optimization over structured
    inputs", for latents of molecules.
    """

    def __init__(self, tools: Tools) -> None:
        self.tools, self.archive = tools, Archive()
        self.elites = Elites(tools.space, self.archive)
        self.width, self._successes, self._failures = _REGION_WIDTH, 0, 0

    def propose(self, n: int) -> list[str]:
        """Decode the highest of a draw of the process, another draw for each molecule."""
        space, rng = self.tools.space, self.tools.rng
        scores, codes = _points(self.elites, rng)
        if not len(codes):
            return self.tools.candidate_filter.gather(lambda m: space.decode(space.prior(m)), n)
        process = _fitted(codes, scores, rng)
        spread = np.maximum(codes.std(0), _LEAST_SPREAD)
        widths = itertools.count()

        def draw(m: int) -> list[str | None]:
            wider = spread * 1.2 ** (again := next(widths))  # if what is near is known
            candidates = self._candidates(codes[int(scores.argmax())], wider, max(500, 4 * m))
            if again >= _THOMPSON_TRIES:  # it insists on what is no molecule
                return space.decode(candidates[:m])
            mean, deviation = process.predict(candidates)
            drawn = mean + deviation * rng.standard_normal((m, len(mean)))
            return space.decode(candidates[np.unique(drawn.argmax(1))])

        return self.tools.candidate_filter.gather(draw, n)

    def _candidates(self, center: Codes, spread: Codes, n: int) -> Codes:
        rng, dim = self.tools.rng, len(center)
        moved = rng.random((n, dim)) < min(1.0, _LEAST_MOVED / dim)
        moved[np.arange(n), rng.integers(dim, size=n)] = True
        shift = self.width * spread * rng.uniform(-1, 1, (n, dim))
        return np.where(moved, center + shift, center).astype(np.float32)

    def observe(self, smiles: Sequence[str], scores: Floats) -> None:
        """Remember, and grow or shrink."""
        before = self.archive.scores.max() if len(self.archive) else None
        self.archive.add(smiles, scores)
        if before is None:
            return
        is_better = bool(scores.max() > before)
        self._successes = self._successes + 1 if is_better else 0
        self._failures = 0 if is_better else self._failures + 1
        if self._successes == _SUCCESSES:
            self.width, self._successes = min(2 * self.width, _WIDEST), 0
        elif self._failures == _FAILURES:
            self.width, self._failures = self.width / 2, 0
        if self.width < _NARROWEST:
            self.width = _REGION_WIDTH


def _points(elites: Elites, rng: np.random.Generator) -> tuple[Floats, Codes]:
    """Half of the points the best, half any."""
    archive = elites.archive
    order = archive.best(len(archive))
    if len(order) > _MOST_LATENT_POINTS:
        half = _MOST_LATENT_POINTS // 2
        order = np.concatenate([order[:half], rng.permutation(order[half:])[:half]])
    kept, codes = elites.codes([archive.smiles[place] for place in order])
    return archive.scores[order[kept]], codes


def _fitted(codes: Codes, scores: Floats, rng: np.random.Generator) -> GaussianProcess:
    typical = float(np.sqrt(2 * codes.var(0).sum())) or 1.0
    return fit_process(codes, scores, [radial_kernel(share * typical) for share in _LENGTHS], rng)


def _expected_gain(mean: Floats, deviation: Floats, best: float) -> Floats:
    scaled = (mean - best) / deviation
    gain: Floats = deviation * (scaled * norm.cdf(scaled) + norm.pdf(scaled))
    return gain
