"""Bayesian optimisation in the latent space: everywhere, and within a trust region."""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from vaekit.tasks.optimisation.archive import Archive
from vaekit.tasks.optimisation.gaussian_process import GaussianProcess, fit_process, radial_kernel
from vaekit.tasks.optimisation.methods.base import Elites, Method, Tools
from vaekit.tasks.optimisation.space import Codes

__all__ = ["LatentGP", "TrustRegion"]

Floats = NDArray[np.float64]

_MOST_POINTS, _CANDIDATES = 1000, 2000
_LENGTHS = (0.25, 0.5, 1.0, 2.0)  # of the kernel, in typical distances between two codes
_WIDEST, _WIDTH, _NARROWEST = 1.6, 0.8, 0.8 / 2**7
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
            return self.tools.sieve.gather(lambda m: space.decode(space.prior(m)), n)
        process = _fitted(codes, scores, self.tools.rng)

        tries = itertools.count(1)

        def draw(m: int) -> list[str | None]:
            candidates = space.prior(max(_CANDIDATES, 4 * m))
            mean, deviation = process.predict(candidates)
            gain = _expected_gain(mean, deviation, float(scores.max()))
            best = np.argsort(-gain, kind="stable")[: m * next(tries)]  # more if these are known
            return space.decode(candidates[self.tools.rng.permutation(best)[:m]])

        return self.tools.sieve.gather(draw, n)

    def tell(self, smiles: Sequence[str], scores: Floats) -> None:
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
        self.width, self._successes, self._failures = _WIDTH, 0, 0

    def propose(self, n: int) -> list[str]:
        """Decode the highest of a draw of the process, another draw for each molecule."""
        space, rng = self.tools.space, self.tools.rng
        scores, codes = _points(self.elites, rng)
        if not len(codes):
            return self.tools.sieve.gather(lambda m: space.decode(space.prior(m)), n)
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

        return self.tools.sieve.gather(draw, n)

    def _candidates(self, centre: Codes, spread: Codes, n: int) -> Codes:
        rng, dim = self.tools.rng, len(centre)
        moved = rng.random((n, dim)) < min(1.0, _LEAST_MOVED / dim)
        moved[np.arange(n), rng.integers(dim, size=n)] = True
        shift = self.width * spread * rng.uniform(-1, 1, (n, dim))
        return np.where(moved, centre + shift, centre).astype(np.float32)

    def tell(self, smiles: Sequence[str], scores: Floats) -> None:
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
            self.width = _WIDTH


def _points(elites: Elites, rng: np.random.Generator) -> tuple[Floats, Codes]:
    """Half of the points the best, half any."""
    archive = elites.archive
    order = archive.best(len(archive))
    if len(order) > _MOST_POINTS:
        half = _MOST_POINTS // 2
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
