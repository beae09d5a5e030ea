"""A trained model that tells how unusual items are, and why."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.domains import Domain, SeriesDomain
from vaekit.errors import CompositionError, DataError, unknown_name
from vaekit.tasks.anomalies.drift import Drift, find_drift
from vaekit.tasks.anomalies.heat import heat_maps, usual_heat
from vaekit.tasks.anomalies.memory import Memory
from vaekit.tasks.anomalies.rarity import Rarity
from vaekit.tasks.anomalies.reasons import Reason, find_reasons
from vaekit.tasks.anomalies.scores import SCORES, Score
from vaekit.tasks.anomalies.seen import Frame, Seen, frame_of, look
from vaekit.tasks.trained import Trained, as_items, batches_of
from vaekit.training import Items

__all__ = ["Detector", "detector_of", "fit_detector"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Detector:
    """Scores of items against those it was fitted on.

    Attributes:
        trained: The model.
        name: Of the scores; see `SCORES`.
        frame: Where training items lie.
        scores: What is averaged.
        rarities: What makes each of them comparable.
        training: The combined scores of the training items.
        memory: Some of the training items, at most 10,000.
        usual_cost: The median cost of the training items, nats; see `Seen.cost`.
        usual_heat: What each value costs in the mean training item, nats; of images only.
    """

    trained: Trained
    name: str
    frame: Frame
    scores: Sequence[Score]
    rarities: Sequence[Rarity]
    training: Floats = field(repr=False)
    memory: Memory = field(repr=False)
    usual_cost: float = 0.0
    usual_heat: Floats | None = field(default=None, repr=False)

    def score(self, X: Any, context: Any = None) -> Floats:
        """The mean of how rare each score is among the training items, in nats.

        A cell that training did not know, as a new label, adds the log of the number of training
        items, where the domain takes it as a hole; see `TableDomain.unseen`.

        Args:
            X: Items of the kind seen in training.
            context: Their labels or properties, for conditional models.

        Returns:
            Shape (items,); the higher, the more unusual. The same at every call.
        """
        return self._score(self.look(X, context))

    def score_rows(self, rows: Tensor) -> Floats:
        """`score` of items that their domain prepared."""
        domain = self.trained.domain
        items = Items(rows, domain.encode, None, domain.observed(rows))
        return self._score(
            look(self.trained.vae, self.frame, batches_of(items, self.trained.device))
        )

    def _score(self, seen: Seen) -> Floats:
        return seen.news + _mean([score.of(seen) for score in self.scores], self.rarities)

    def score_pieces(self, pieces: Iterable[Any]) -> Iterator[Floats]:
        """`score` of items that come a piece at a time, with one piece in memory.

        Args:
            pieces: Items, as a generator reads them from a file or a queue; see
                `vaekit.domains.read_pieces`.
        """
        return (self.score(piece) for piece in pieces)

    def look(self, X: Any, context: Any = None) -> Seen:
        """Items as the scores see them."""
        return look(self.trained.vae, self.frame, self.trained.batches(X, context))

    def probabilities(self, scores: Floats) -> Floats:
        """How sure it is that items of these scores are unusual, from 0 to 1.

        What is no more unusual than the mean training item gets 0; three standard deviations get
        .997.

        Source: Kriegel et al. 2011, "Interpreting and unifying outlier scores", section 3.2.
        """
        from scipy.special import erf

        spread = float(self.training.std()) or 1.0
        found: Floats = np.maximum(0.0, erf((scores - self.training.mean()) / (spread * 2**0.5)))
        return found

    def reasons(self, X: Any, context: Any = None, top: int = 3) -> list[list[Reason]]:
        """The columns of each row that make it unusual, the strongest first.

        Each column in turn is replaced by what the model expects there; those whose replacement
        makes the row more usual are the reasons.

        Args:
            X: Rows of an array or a table.
            context: Their labels or properties, for conditional models.
            top: How many at most.

        Raises:
            CompositionError: Items are no rows of columns.
        """
        return find_reasons(self.trained, self.frame, self.usual_cost, X, context, top)

    def heat_maps(self, X: Any) -> Floats:
        """Where images are unusual: what each pixel costs above the usual, smoothed.

        Args:
            X: Images.

        Returns:
            Shape (images, height, width), nats per pixel, at least 0.

        Raises:
            CompositionError: Items are no images, or their pixels are not told one by one.
        """
        return heat_maps(self.trained, self.usual_heat, X)

    def drift(self, rows: Tensor, scores: Floats, reference: Floats | None = None) -> Drift:
        """Whether items are as unusual as those of training were, and which columns moved.

        Args:
            rows: Some of the items of today, as the domain prepares them.
            scores: Of all of them, 20 or more.
            reference: Scores to compare with; ``None`` takes those of the training items.

        Raises:
            DataError: Fewer items.
        """
        known = self.training if reference is None else reference
        return find_drift(self.trained.domain, self.memory.rows, rows, known, scores)


def fit_detector(
    trained: Trained, X: Any, context: Any = None, *, score: str = "contaminated"
) -> Detector:
    """Learn how training items score.

    Args:
        trained: A model of items like these, with a density.
        X: The training items, some of which may be anomalies.
        context: Their labels or properties, for conditional models.
        score: One of `SCORES`.

    Raises:
        SpecError: No score has that name; suggests the nearest.
        CompositionError: The model has no density.
        DataError: Fewer than 2 items.

    Example:
        >>> from vaekit import Autoencoder
        >>> X = np.random.default_rng(0).normal(size=(200, 3))
        >>> model = Autoencoder(latent_dim=1, max_epochs=5, progress=False).fit(X)
        >>> detector = fit_detector(model.trained_, X)
        >>> odd, usual = detector.score([[9.0, -9.0, 9.0], [0.1, 0.2, 0.0]])
        >>> bool(odd > 4 > usual)
        True
    """
    items = as_items(trained.domain, trained.context, X, context)
    return detector_of(trained, items, Memory.of(items.rows, seed=0), score)


def detector_of(trained: Trained, items: Items, memory: Memory, score: str) -> Detector:
    """`fit_detector` of items that are prepared.

    Args:
        trained: The model.
        items: What it learns from.
        memory: What it keeps of them, and of those before.
        score: One of `SCORES`.
    """
    if score not in SCORES:
        raise unknown_name("score", score, SCORES)
    if missing := {"density", "normalised"} - trained.vae.provides:
        raise CompositionError(
            f"anomalies are told by a density, and this model lacks {sorted(missing)}. Use preset "
            "'vae'."
        )
    if len(items) < 2:
        raise DataError("a detector needs at least 2 items to learn from; got 1.")
    shown = torch.cat([batch.visible.cpu() for batch in batches_of(items, trained.device)])
    frame = frame_of(trained.vae, trained.domain, shown)
    times = _times(trained.domain, len(items))
    seen = look(trained.vae, frame, batches_of(items, trained.device), times)
    fitted = [part.fit(seen) for part in SCORES[score]]
    values = [part.of_training(seen) for part in fitted]
    rarities = [Rarity.of(value) for value in values]
    return Detector(
        trained,
        score,
        frame,
        fitted,
        rarities,
        _mean(values, rarities),
        memory,
        float(np.median(seen.cost)),
        usual_heat(trained, items),
    )


def _times(domain: Domain, items: int) -> NDArray[np.int64] | None:
    """Where windows of one series begin; ``None`` of other items."""
    if not isinstance(domain, SeriesDomain) or domain.window is None:
        return None
    return domain.stride * np.arange(items)


def _mean(values: Sequence[Floats], rarities: Sequence[Rarity]) -> Floats:
    rare = [rarity(value) for rarity, value in zip(rarities, values, strict=True)]
    mean: Floats = np.mean(rare, axis=0)
    return mean
