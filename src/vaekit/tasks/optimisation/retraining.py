"""Teaching the model the best molecules, so that it draws more like them."""

import numpy as np

from vaekit.tasks.optimisation.archive import Archive
from vaekit.tasks.optimisation.space import Space

__all__ = ["Retraining"]


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
        """Whether enough came in since the last."""
        return len(archive) - self._last >= max(self.every, self._last // 10)

    def apply(self, space: Space, archive: Archive, rng: np.random.Generator) -> None:
        """Train."""
        self._last = len(archive)
        places = archive.best(len(archive))
        weights = 1 / (self.sharpness * len(places) + np.arange(1, len(places) + 1))
        drawn = rng.choice(places, self.items, p=weights / weights.sum())
        smiles = [archive.smiles[place] for place in drawn]
        known, _ = space.encode(smiles)
        chosen = [one for one, good in zip(smiles, known, strict=True) if good]
        if chosen:
            space.adapt(chosen, int(rng.integers(2**31 - 1)))
