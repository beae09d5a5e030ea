"""Detectors of anomalies: a trained model, scores and a threshold."""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.anomalies.drift import Drift, find_drift
from vaekit.anomalies.inputs import (
    AnomalyScore,
    BrokenCells,
    ReferenceStatistics,
    ScoringInputs,
    arrays_of_part,
    prepare_inputs,
    reference_statistics,
)
from vaekit.anomalies.marginals import TailProbability
from vaekit.anomalies.patches import PatchDistance
from vaekit.anomalies.reasons import (
    Reason,
    columns_of,
    find_reasons,
    heat_maps,
    region_reasons,
    usual_heat,
)
from vaekit.anomalies.scores import SCORES
from vaekit.bounds import Amount
from vaekit.errors import CompositionError, DataError, FormatError, unknown_name
from vaekit.files import expanded_path, read_json, to_json
from vaekit.fitting.fit import Plan, continue_training
from vaekit.fitting.trained import TrainedModel, as_items, batches_of
from vaekit.schema import check_document, shown
from vaekit.tensor_files import read_header, read_tensors
from vaekit.training.config import Items, TrainConfig

_MOST_ROWS, _MOST_VALUES = 10_000, 2**25
_OWN = "own"  # the name of a score that has none


@dataclass(frozen=True)
class Memory:
    """Rows as their domain prepared them, each of those seen with equal probability.

    What a detector goes on with when more data come: without old rows it would forget them, and
    with all of them its memory would grow.

    Attributes:
        rows: The rows kept.
        seen: How many there were.

    Example:
        >>> memory = Memory.of(torch.zeros(20_000, 2), seed=0).with_more(torch.ones(5_000, 2), 1)
        >>> len(memory.rows), memory.seen, round(memory.rows.mean().item(), 1)
        (10000, 25000, 0.2)
    """

    rows: Tensor = field(repr=False)
    seen: int

    @classmethod
    def of(cls, rows: Tensor, seed: int) -> Self:
        """Choose among the first rows."""
        chosen = np.random.default_rng(seed).permutation(len(rows))[: _room(rows)]
        return cls(rows[torch.from_numpy(np.sort(chosen))].clone(), len(rows))

    def with_more(self, rows: Tensor, seed: int) -> Self:
        """Choose among old and new ones, as if all had come at once."""
        rng, total = np.random.default_rng(seed), self.seen + len(rows)
        wanted = min(_room(rows), len(self.rows) + len(rows))
        old = int(rng.hypergeometric(self.seen, len(rows), min(wanted, total)))
        old = min(old, len(self.rows))
        parts = [
            some[torch.from_numpy(np.sort(rng.permutation(len(some))[:count]))]
            for some, count in ((self.rows, old), (rows, wanted - old))
        ]
        return type(self)(torch.cat(parts), total)


def _room(rows: Tensor) -> int:
    """Return how many rows are kept: fewer where they are large, as those of pictures."""
    return max(100, min(_MOST_ROWS, _MOST_VALUES // max(1, rows[0].numel())))


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
        usual_cost: The median cost of the training items, nats; see `ScoringInputs.cost`.
        usual_heat: What each value costs in the mean training item, nats; of images only.
    """

    trained: TrainedModel
    name: str
    frame: ReferenceStatistics
    scores: Sequence[AnomalyScore]
    rarities: Sequence[TailProbability]
    training: Floats = field(repr=False)
    memory: Memory = field(repr=False)
    usual_cost: float = 0.0
    usual_heat: Floats | None = field(default=None, repr=False)

    def score(self, X: Any, context: Any = None) -> Floats:
        """Return the mean of how rare each score is among the training items, in nats.

        A cell that training did not know, as a new label, adds the log of the number of training
        items, where the domain takes it as a hole; see `TableDomain.unseen`.

        Args:
            X: Items of the kind seen in training.
            context: Their labels or properties, for conditional models.

        Returns:
            Shape (items,); the higher, the more unusual. The same at every call.
        """
        return self._score(self.prepare_inputs(X, context))

    def score_rows(self, rows: Tensor) -> Floats:
        """`score` of items that their domain prepared."""
        domain = self.trained.domain
        items = Items(rows, domain.encode, None, domain.observed(rows))
        return self._score(
            prepare_inputs(self.trained.vae, self.frame, batches_of(items, self.trained.device))
        )

    def _score(self, seen: ScoringInputs) -> Floats:
        return seen.novelty_cost + _mean([score.of(seen) for score in self.scores], self.rarities)

    def score_pieces(self, pieces: Iterable[Any]) -> Iterator[Floats]:
        """`score` of items that come a piece at a time, with one piece in memory.

        Args:
            pieces: Items, as a generator reads them from a file or a queue; see
                `vaekit.domains.read_pieces`.
        """
        return (self.score(piece) for piece in pieces)

    def prepare_inputs(self, X: Any, context: Any = None) -> ScoringInputs:
        """Return items as the scores see them."""
        return prepare_inputs(self.trained.vae, self.frame, self.trained.batches(X, context))

    def probabilities(self, scores: Floats) -> Floats:
        """Return how sure it is that items of these scores are unusual, from 0 to 1.

        What is no more unusual than the mean training item gets 0; three standard deviations get
        .997.

        Source: Kriegel et al. 2011, "Interpreting and unifying outlier scores", section 3.2.
        """
        from scipy.special import erf

        spread = float(self.training.std()) or 1.0
        found: Floats = np.maximum(0.0, erf((scores - self.training.mean()) / (spread * 2**0.5)))
        return found

    def reasons(self, X: Any, context: Any = None, top: int = 3) -> list[list[Reason]]:
        """Return the columns of each row that make it unusual, the strongest first.

        Each column in turn is replaced by what the model expects there; those whose replacement
        makes the row more usual are the reasons. Of rows whose score is that of a rule between
        columns that they break, the reasons are the columns that differ from what the others say.
        Of images whose patches are compared they are the regions that are unusual; see
        `vaekit.anomalies.region_reasons`.

        Args:
            X: Rows of an array or a table, or images.
            context: Their labels or properties, for conditional models.
            top: How many at most.

        Raises:
            CompositionError: Items are no rows of columns, nor images whose patches are compared.
        """
        if self.localizes:
            return region_reasons(self._pixels(X, context), float(np.median(self._peaks)), top)
        broken = self._broken_cells(X, context)
        return find_reasons(self.trained, self.frame, self.usual_cost, X, context, top, broken)

    def _broken_cells(self, X: Any, context: Any) -> BrokenCells | None:
        """Return which cells break rules, of the first score that knows of some."""
        columns_of(self.trained.domain)
        seen = self.prepare_inputs(X, context)
        found = (score.broken_cells(seen) for score in self.scores)
        return next((cells for cells in found if cells is not None), None)

    def heat_maps(self, X: Any) -> Floats:
        """Return where images are unusual: their anomaly maps.

        Where patches are compared (methods ``"patches"`` and ``"patches_efficientnet"``), it is
        how far the patch around each pixel is from usual ones, in standard deviations; the largest
        makes the score. Else it is what each pixel costs above the usual, smoothed, in nats.

        Args:
            X: Images.

        Returns:
            Shape (images, height, width), at least 0.

        Raises:
            CompositionError: Items are no images, or their pixels are not told one by one.
        """
        if self.localizes:
            return np.maximum(0.0, self._pixels(X))
        return heat_maps(self.trained, self.usual_heat, X)

    @property
    def localizes(self) -> bool:
        """Whether the score itself says where an image is unusual."""
        return any(isinstance(score, PatchDistance) for score in self.scores)

    def _pixels(self, X: Any, context: Any = None) -> Floats:
        """Return the mean of the maps of those scores that have some."""
        seen = self.prepare_inputs(X, context)
        maps = [score.pixels(seen) for score in self.scores if isinstance(score, PatchDistance)]
        mean: Floats = np.mean(maps, axis=0)
        return mean

    @property
    def _peaks(self) -> Floats:
        """Largest values of the maps of training images."""
        pairs = zip(self.scores, self.rarities, strict=True)
        found: Floats = np.mean([r.known for s, r in pairs if isinstance(s, PatchDistance)], axis=0)
        return found

    def drift(self, rows: Tensor, scores: Floats, reference: Floats | None = None) -> Drift:
        """Return whether items are as unusual as those of training were, and which columns moved.

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
    trained: TrainedModel,
    X: Any,
    context: Any = None,
    *,
    score: str | AnomalyScore = "contaminated",
) -> Detector:
    """Learn how training items score.

    Args:
        trained: A model of items like these, with a density.
        X: The training items, some of which may be anomalies.
        context: Their labels or properties, for conditional models.
        score: One of `SCORES`, or a score of your own, as ``PatchDistance(network)``.

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


def detector_of(
    trained: TrainedModel, items: Items, memory: Memory, score: str | AnomalyScore
) -> Detector:
    """`fit_detector` of items that are prepared.

    Args:
        trained: The model.
        items: What it learns from.
        memory: What it keeps of them, and of those before.
        score: One of `SCORES`, or a score of your own.
    """
    if isinstance(score, str) and score not in SCORES:
        raise unknown_name("score", score, SCORES)
    name, asked = (score, SCORES[score]) if isinstance(score, str) else (_OWN, (score,))
    if missing := {"density", "normalised"} - trained.vae.provides:
        raise CompositionError(
            f"anomalies are told by a density, and this model lacks {sorted(missing)}. Use preset "
            "'vae'."
        )
    if len(items) < 2:
        raise DataError("a detector needs at least 2 items to learn from; got 1.")
    shown = torch.cat([batch.visible.cpu() for batch in batches_of(items, trained.device)])
    frame = reference_statistics(trained.vae, trained.domain, shown)
    times = trained.domain.starts(len(items))
    seen = prepare_inputs(trained.vae, frame, batches_of(items, trained.device), times)
    fitted = [part.fit(seen) for part in asked]
    values = [part.of_training(seen) for part in fitted]
    rarities = [TailProbability.of(value) for value in values]
    # Only reasons of rows ask for the cost, whose draws would cost more than patches altogether.
    is_local = all(isinstance(part, PatchDistance) for part in asked)
    return Detector(
        trained,
        name,
        frame,
        fitted,
        rarities,
        _mean(values, rarities),
        memory,
        0.0 if is_local else float(np.median(seen.cost)),
        usual_heat(trained, items),
    )


def _mean(values: Sequence[Floats], rarities: Sequence[TailProbability]) -> Floats:
    rare = [rarity(value) for rarity, value in zip(rarities, values, strict=True)]
    mean: Floats = np.mean(rare, axis=0)
    return mean


_FEWEST_STEPS = 100


def partial_fit_detector(
    detector: Detector, plan: Plan, config: TrainConfig, X: object
) -> Detector:
    """Train on new items among kept ones, and learn anew how items score.

    The steps are those of the first training times the share of the new items among all, at
    least 100. What was learned of the data (columns, labels, scaling) stays as it was.

    Args:
        detector: What was learned so far; it stays as it is.
        plan: How its model was built.
        config: How to train; ``steps`` is that of a first training.
        X: New items, at least 1.

    Returns:
        A detector that has seen the new items too.

    Raises:
        DataError: Items that are not of the kind seen before.
    """
    old, domain = detector.memory, detector.trained.domain
    rows = domain.prepare(X)
    mixed = torch.cat([old.rows, rows])
    steps = round((config.steps or 0) * len(rows) / (old.seen + len(rows)))
    passes = max(_FEWEST_STEPS, steps) * config.items_per_step / len(mixed)
    config = replace(config, max_epochs=max(1, round(passes)))
    trained = replace(detector.trained, model=copy.deepcopy(detector.trained.model))
    continue_training(
        trained, plan, Items(mixed, domain.encode, None, domain.observed(mixed)), config
    )
    memory = old.with_more(rows, config.seed + old.seen)
    kept = Items(memory.rows, domain.encode, None, domain.observed(memory.rows))
    score = detector.scores[0] if detector.name == _OWN else detector.name
    return detector_of(trained, kept, memory, score)


_FORMAT = 1
_JSON, _ARRAYS = DETECTOR_FILES = ("detector.json", "detector.safetensors")
_WITH_HOLES = ("memory", "held_out", "steps.training")  # NaN where a cell is missing
_PLACES = ("low", "span", "mean", "deviation", "noise")
Arrays = dict[str, NDArray[Any]]


def check_storable(detector: Detector) -> None:
    """Refuse a detector that could not be read again.

    Raises:
        CompositionError: Its score is one of your own.
    """
    if detector.name not in SCORES:
        raise CompositionError(
            "stored files hold no code, and this detector's score is an object of your own. Fit "
            "it with a name of vaekit.anomalies.SCORES as its method to store it."
        )


def detector_files(
    detector: Detector, notes: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> dict[str, bytes]:
    """Contents by name of what is to lie beside the files of the model.

    The files hold training items: those that neighbours are sought among, and those that
    `partial_fit_detector` goes on with.

    Args:
        detector: What to keep.
        notes: What else, as JSON.
        arrays: What else, as arrays; their names must not start as those of a detector.

    Raises:
        CompositionError: Its score is one of your own.
    """
    check_storable(detector)
    frame = detector.frame
    document = {
        "format": _FORMAT,
        "score": detector.name,
        "num_codes": list(frame.num_codes),
        "novelty": frame.novelty,
        "fills": frame.imputes_missing,
        "usual_cost": detector.usual_cost,
        "seen": detector.memory.seen,
        "notes": dict(notes),
    }
    all_arrays: Arrays = {
        **{f"frame.{name}": getattr(frame, name) for name in _PLACES},
        "training": detector.training,
        "memory": detector.memory.rows.numpy(),
        **arrays,
    }
    if detector.usual_heat is not None:
        all_arrays["usual_heat"] = detector.usual_heat
    for i, (score, rarity) in enumerate(zip(detector.scores, detector.rarities, strict=True)):
        all_arrays[f"rarity.{i}"] = rarity.known
        all_arrays |= {f"score.{i}.{name}": array for name, array in score.arrays.items()}
    whole = {name: np.ascontiguousarray(array) for name, array in all_arrays.items()}
    return {_JSON: to_json(document), _ARRAYS: safetensors.numpy.save(whole)}


def read_detector(
    path: str | Path, trained: TrainedModel
) -> tuple[Detector, dict[str, Any], Arrays]:
    """Read what `detector_files` wrote.

    Args:
        path: The folder.
        trained: The model in it.

    Returns:
        The detector, and the notes and arrays that were kept with it.

    Raises:
        FormatError: Missing, damaged, of a newer format, or not of this model.
    """
    folder = expanded_path(path)
    document = check_document(_Document, read_json(folder / _JSON), str(folder / _JSON))
    if document["format"] != _FORMAT:
        raise FormatError(
            f"{folder / _JSON} must be a detector of format {_FORMAT}; got "
            f"{shown(document['format'])}."
        )
    arrays = _arrays(folder / _ARRAYS)
    try:
        detector = _restored(document, arrays, trained)
        _try(detector)
        return detector, dict(document["notes"]), arrays
    except (FormatError, MemoryError):
        raise
    except Exception as error:  # arrays that do not fit each other lead to any
        raise FormatError(
            f"{folder} must hold a detector of the model beside it; its files are damaged or of "
            f"another: {type(error).__name__}: {shown(str(error))}."
        ) from error


@dataclass(frozen=True)
class _Document:
    """What ``detector.json`` holds."""

    format: Any
    score: str
    num_codes: Sequence[int]
    novelty: float
    fills: bool
    usual_cost: float
    seen: Amount
    notes: Mapping[str, Any]


def _arrays(path: Path) -> Arrays:
    tensors = read_tensors(path, read_header(path), _WITH_HOLES)
    if half := [name for name, tensor in tensors.items() if tensor.dtype is torch.bfloat16]:
        raise FormatError(f"{path} must hold numbers that NumPy has; {half[0]!r} is bfloat16.")
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def _restored(document: Mapping[str, Any], arrays: Arrays, trained: TrainedModel) -> Detector:
    name = document["score"]
    if name not in SCORES:
        raise unknown_name("score", name, SCORES)
    codes, novelty = tuple(document["num_codes"]), float(document["novelty"])
    _check_codes(codes, trained)
    positions = {name: arrays[f"frame.{name}"] for name in _PLACES}
    frame = ReferenceStatistics(
        codes, **positions, novelty=novelty, imputes_missing=bool(document["fills"])
    )
    scores = [
        score.restored(arrays_of_part(arrays, f"score.{i}."))
        for i, score in enumerate(SCORES[name])
    ]
    rarities = [TailProbability.of(arrays[f"rarity.{i}"]) for i in range(len(scores))]
    memory = Memory(torch.from_numpy(arrays["memory"]), int(document["seen"]))
    return Detector(
        trained,
        name,
        frame,
        scores,
        rarities,
        arrays["training"],
        memory,
        float(document["usual_cost"]),
        arrays.get("usual_heat"),
    )


def _check_codes(codes: Sequence[int], trained: TrainedModel) -> None:
    """Each code becomes a coordinate of each item, so their number must be the domain's own."""
    own = tuple(trained.domain.category_counts)
    if own != tuple(codes):
        raise FormatError(
            f"detector.json: num_codes must be those of the model's columns, {shown(own)}; got "
            f"{shown(codes)}. The file is damaged or of another model."
        )


def _try(detector: Detector) -> None:
    """Parts that do not fit each other or the model cannot score an item."""
    detector.score_rows(detector.memory.rows[:2])
