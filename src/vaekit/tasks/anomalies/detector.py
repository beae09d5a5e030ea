"""A trained model that tells how unusual items are, and why."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.domains import TableDomain
from vaekit.domains.checks import is_frame
from vaekit.errors import CompositionError, DataError, unknown_name
from vaekit.tasks.anomalies.rarity import Rarity
from vaekit.tasks.anomalies.scores import SCORES, Score
from vaekit.tasks.anomalies.seen import Frame, Seen, frame_of, look
from vaekit.tasks.trained import Trained
from vaekit.types import Batch

__all__ = ["Detector", "Reason", "fit_detector"]

Floats = NDArray[np.float64]

_SMALLEST = 1e-6


@dataclass(frozen=True)
class Reason:
    """Why an item is unusual: one column.

    Attributes:
        column: Its name; of arrays without names its place.
        found: The value.
        expected: What the model would have it be, given the others.
        share: Of what the row costs above the usual, how much goes away if it were so.
    """

    column: str
    found: Any
    expected: Any
    share: float


@dataclass(frozen=True)
class Detector:
    """Scores of items against those it was fitted on.

    Attributes:
        trained: The model.
        frame: Where training items lie.
        scores: What is averaged.
        rarities: What makes each of them comparable.
        training: The combined scores of the training items.
        usual_cost: The median cost of the training items, nats; see `Seen.cost`.
    """

    trained: Trained
    frame: Frame
    scores: Sequence[Score]
    rarities: Sequence[Rarity]
    training: Floats = field(repr=False)
    usual_cost: float = 0.0

    def score(self, X: Any, context: Any = None) -> Floats:
        """The mean of how rare each score is among the training items, in nats.

        Args:
            X: Items of the kind seen in training.
            context: Their labels or properties, for conditional models.

        Returns:
            Shape (items,); the higher, the more unusual. The same at every call.
        """
        seen = self.look(X, context)
        return _mean([score.of(seen) for score in self.scores], self.rarities)

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

    @torch.no_grad()
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
        columns, raw = self._columns(), self.trained.domain.read(X)
        raw = raw if is_frame(raw) else np.asarray(raw)
        rows = [
            _row(batch, place)
            for batch in self.trained.batches(raw, context)
            for place in range(len(batch.x))
        ]
        return [self._reasons(raw, place, row, columns)[:top] for place, row in enumerate(rows)]

    def _columns(self) -> dict[str, tuple[int, ...]]:
        domain = self.trained.domain
        if isinstance(domain, TableDomain):
            return {name: tuple(places) for name, places in domain.cells.items()}
        if len(domain.event_shape) != 1:
            raise CompositionError("reasons are columns of rows; these items are no rows.")
        names = domain.feature_names or [str(i) for i in range(domain.event_shape[0])]
        return {name: (place,) for place, name in enumerate(names)}

    def _reasons(
        self, raw: Any, place: int, row: Batch, columns: dict[str, tuple[int, ...]]
    ) -> list[Reason]:
        """All columns that lessen the cost of a row, if they were as expected."""
        places = list(columns.values())
        expected = self._expected(row, places)
        changed = row.visible.expand(len(places) + 1, -1).clone()
        for i, own in enumerate(places):
            changed[i, list(own)] = expected[i, list(own)]
        cost = look(self.trained.vae, self.frame, [self._batch(changed, row.context)]).cost
        gains = (cost[-1] - cost[:-1]) / max(cost[-1] - self.usual_cost, _SMALLEST)
        shown = self.trained.domain.decode(expected)
        order = [int(i) for i in np.argsort(-gains) if gains[i] > _SMALLEST]
        names = list(columns)
        return [
            Reason(name, _cell(raw, place, name, i), _cell(shown, i, name, i), float(gains[i]))
            for i, name in ((i, names[i]) for i in order)
        ]

    def _batch(self, x: Tensor, context: Tensor | None) -> Batch:
        """Rows with what goes with them: numbers count only where the label says there is one."""
        domain = self.trained.domain
        rows = domain.prepare(domain.decode(x))
        known = None if context is None else context.expand(len(x), -1)
        return Batch(domain.encode(rows).to(x.device), known, domain.observed(rows))

    def _expected(self, row: Batch, places: Sequence[tuple[int, ...]]) -> Tensor:
        """Of each column, the row as the model gives it back if that column is unknown."""
        vae = self.trained.vae
        hidden = row.visible.expand(len(places), -1).clone()
        for i, own in enumerate(places):
            hidden[i, list(own)] = 0.0  # the mean of a number, and a label that is not known
        context = None if row.context is None else row.context.expand(len(hidden), -1)
        return vae.show(vae.encode(hidden, context), context)


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
    if score not in SCORES:
        raise unknown_name("score", score, SCORES)
    if missing := {"density", "normalised"} - trained.vae.provides:
        raise CompositionError(
            f"anomalies are told by a density, and this model lacks {sorted(missing)}. Use preset "
            "'vae'."
        )
    batches = list(trained.batches(X, context))
    if sum(len(batch.x) for batch in batches) < 2:
        raise DataError("a detector needs at least 2 items to learn from; got 1.")
    frame = frame_of(trained.domain, torch.cat([batch.visible.cpu() for batch in batches]))
    seen = look(trained.vae, frame, batches)
    fitted = [part.fit(seen) for part in SCORES[score]]
    values = [part.of_training(seen) for part in fitted]
    rarities = [Rarity.of(value) for value in values]
    usual = float(np.median(seen.cost))
    return Detector(trained, frame, fitted, rarities, _mean(values, rarities), usual)


def _mean(values: Sequence[Floats], rarities: Sequence[Rarity]) -> Floats:
    rare = [rarity(value) for rarity, value in zip(rarities, values, strict=True)]
    mean: Floats = np.mean(rare, axis=0)
    return mean


def _row(batch: Batch, place: int) -> Batch:
    """One row of a batch, as a batch."""
    context = None if batch.context is None else batch.context[place : place + 1]
    observed = None if batch.observed is None else batch.observed[place : place + 1]
    return Batch(batch.x[place : place + 1], context, observed)


def _cell(rows: Any, row: int, name: str, place: int) -> Any:
    value = rows[name].iloc[row] if is_frame(rows) else rows[row][place]
    return value.item() if isinstance(value, np.generic | Tensor) else value
