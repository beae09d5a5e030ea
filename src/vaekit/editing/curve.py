"""An edit judged: how much it changes what it should, and what it costs, as it grows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.domains.context import Labels
from vaekit.editing.codes import Direction, EncodedItems, encode_items, show
from vaekit.editing.directions import Whitening, check_attribute, find_direction
from vaekit.editing.edits import choose_edit, items_of
from vaekit.errors import DataError, SpecError
from vaekit.fitting.trained import TrainedModel
from vaekit.metrics.reconstructions import EditScores, attribute_classifier, edit_scores
from vaekit.randomness import make_generator
from vaekit.seeds import check_seed
from vaekit.training.config import Items

_SHARES = (0.4, 0.8)  # to find the edit; up to here to train the judge; the rest is edited
_MOST_EDITED = 1000
_LEAST_EDITED = 5


@dataclass(frozen=True)
class CurvePoint:
    """What an edit of one strength does."""

    strength: float
    scores: EditScores


@dataclass(frozen=True)
class EditCurve:
    """Measures of an edit at several strengths, beside what would do without it.

    Attributes:
        attribute: What was edited.
        to: Its new label.
        points: One per strength.
        baselines: ``"no edit"``, the reconstruction; ``"random direction"``, a step as long as the
            difference of means but of random direction; ``"nearest real item"``, the reconstruction
            of the item nearest in the latents that has the label.
        accuracy: Of the judge, for each attribute: nothing it says is surer than that.
        items: How many items were edited; none of them had the label.
    """

    attribute: str
    to: str
    points: tuple[CurvePoint, ...]
    baselines: Mapping[str, EditScores]
    accuracy: Mapping[str, float]
    items: int

    def rows(self) -> list[dict[str, float | str]]:
        """Return one row per strength and baseline, as plain values."""
        named = {f"strength {p.strength:g}": p.scores for p in self.points}
        return [
            {
                "edit": name,
                "flip": scores.flip,
                "identity": scores.identity,
                **{f"kept {other}": share for other, share in scores.kept.items()},
            }
            for name, scores in {**named, **self.baselines}.items()
        ]


def edit_curve(
    trained: TrainedModel,
    X: Any,
    labels: Any,
    *,
    attribute: str,
    to: str,
    method: str = "auto",
    protect: Sequence[str] = (),
    strengths: Sequence[float] = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0),
    context: Any = None,
    epochs: int = 10,
    seed: int = 0,
) -> EditCurve:
    """Measure an edit on items and by a judge of which it knows nothing.

    The items are shuffled and parted: on two fifths the edit is found, on two fifths a classifier
    of all attributes is trained, on the rest, as far as it lacks the label, the edit is measured.

    Args:
        trained: The model; best pass items that it has not seen.
        X: Some hundreds of items at least.
        labels: Of these items; arguments from here on as of `edit`.
        attribute: The column to change.
        to: The label to change it to.
        method: How.
        protect: Columns that must not change.
        strengths: Where the curve is taken.
        context: For conditional models, where it is not in the labels.
        epochs: Of the judge's training.
        seed: Decides the parts, the judge, and the random direction.

    Raises:
        DataError: As for `edit`, or too few items for so many parts.

    Example:
        >>> from vaekit import Autoencoder
        >>> from vaekit.datasets import digits
        >>> data = digits()
        >>> model = Autoencoder(latent_dim=8, max_epochs=5, progress=False).fit(data.images)
        >>> curve = edit_curve(
        ...     model.trained_, data.images, data.labels, attribute="label", to="3", epochs=4
        ... )
        >>> curve.points[3].scores.flip > curve.baselines["no edit"].flip
        True
    """
    if not strengths:
        raise SpecError("strengths must be at least one; got none.")
    items = items_of(trained, X, labels, context)
    named = Labels.of(labels, len(items))
    seed = check_seed(seed)
    learned, judged, edited = _parted(named, attribute, to, seed)
    known, seen = named.at(learned), _some(items, learned)
    check_attribute(known, attribute, to)
    codes, start = encode_items(trained, seen), encode_items(trained, _some(items, edited))
    change = choose_edit(trained, seen, known, attribute, to, method, protect, codes)
    judge = attribute_classifier(_some(items, judged), named.at(judged), epochs=epochs, seed=seed)
    before = show(trained, start)

    def scores(after: EncodedItems) -> EditScores:
        return edit_scores(judge, before, show(trained, after), attribute, to)

    points = tuple(CurvePoint(s, scores(change.apply(start, s))) for s in strengths)
    baselines = {
        "no edit": scores(start),
        "random direction": scores(_random(codes, known, attribute, to, seed).apply(start, 1.0)),
        "nearest real item": scores(_nearest(start, codes, known.having(attribute, to))),
    }
    return EditCurve(attribute, to, points, baselines, judge.accuracy, len(edited))


def _parted(named: Labels, attribute: str, to: str, seed: int) -> list[NDArray[np.int64]]:
    """Return the items to find the edit on, to train the judge on, and to edit."""
    order = torch.randperm(len(named), generator=make_generator(seed)).numpy()
    learned, judged, rest = np.split(order, [int(share * len(order)) for share in _SHARES])
    edited = rest[~named.having(attribute, to)[rest]][:_MOST_EDITED]
    if len(edited) < _LEAST_EDITED:
        raise DataError(
            f"a curve needs at least {_LEAST_EDITED} items to edit; got {len(edited)} that lack "
            f"{to!r} in the fifth of {len(order)} items that is edited. Pass more items."
        )
    return [learned, judged, edited]


def _some(items: Items, positions: NDArray[np.int64]) -> Items:
    return items.subset(torch.from_numpy(positions))


def _random(codes: EncodedItems, labels: Labels, attribute: str, to: str, seed: int) -> Direction:
    """As long as the difference of means."""
    step = find_direction(codes, labels, attribute=attribute, to=to).step.cpu()
    drawn = torch.randn(step.shape, generator=make_generator(seed))
    return Direction(drawn / drawn.norm() * step.norm(), "random")


def _nearest(start: EncodedItems, codes: EncodedItems, having: NDArray[np.bool_]) -> EncodedItems:
    """For each item the nearest of those that have the label, by whitened latents."""
    from sklearn.neighbors import NearestNeighbors  # costs half a second

    whitening = Whitening.of(_double(codes.z))
    positions = np.flatnonzero(having)
    search = NearestNeighbors(n_neighbors=1).fit(whitening(_double(codes.z[positions])))
    found = search.kneighbors(whitening(_double(start.z)), return_distance=False)[:, 0]
    return codes.at(positions[found])


def _double(z: Tensor) -> NDArray[np.float64]:
    return z.double().cpu().numpy()
