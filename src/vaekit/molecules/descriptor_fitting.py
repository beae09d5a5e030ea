"""Learning a `DescriptorModel` after training, and what it and the latents predict together."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from vaekit.distributions.wrappers import Concatenated
from vaekit.domains.base import Domain
from vaekit.fitting.trained import TrainedModel, batches_of
from vaekit.molecules.descriptor_model import (
    DescriptorModel,
    Floats,
    KernelHead,
    Kernels,
    MoleculeDescriptors,
    compute_descriptors,
    descriptor_names,
    packed,
    variances,
    variances_without,
    weights_of,
    whitened,
)
from vaekit.molecules.domain import MoleculeDomain
from vaekit.molecules.reference import conformal_quantile
from vaekit.molecules.targets import Targets
from vaekit.randomness import make_generator
from vaekit.training.config import TrainConfig, TrainingSet

_MOST, _HELD_OUT = 20_000, 2000  # molecules that are learned from; measured
_LANDMARKS, _FEWEST = 1500, 20  # the most; molecules that a target must be known of
_JUDGED, _FEW_LANDMARKS = 1500, 500  # molecules by which kernels are chosen; their landmarks
_SHARES, _LENGTHS = (0.0, 0.25, 0.5, 0.75), (1.0, 2.0, 4.0)
_NOISES = (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
_WEIGHED, _SHRINK = 30, 50  # held-out molecules that the share of latents needs; is shrunk by
_SURE = 2.0  # standard errors that the gain by latents must exceed
_VARIES = 1e-9


@dataclass(frozen=True)
class _Known:
    """Molecules, and what is known of their targets.

    Attributes:
        found: Their descriptors.
        values: Their targets as the networks see them, shape (molecules, columns), NaN where
            missing.
        told: What the latents tell of these, likewise; ``None`` where it is of no use.
    """

    found: MoleculeDescriptors
    values: Floats
    told: Floats | None = None


def with_descriptors(
    trained: TrainedModel, items: TrainingSet, config: TrainConfig
) -> TrainedModel:
    """Return the model, predicting the user's own columns by descriptors of molecules, too.

    How much the latents tell beside them is weighed on the molecules that were held out of
    training, for a network knows those of training by heart; without any, descriptors tell alone.
    What RDKit computes anyhow is told by latents alone.

    Args:
        trained: The model; one of other data, or without such targets, stays as it is.
        items: What it was trained on.
        config: How: the same split and seed are used here.
    """
    domain = trained.domain
    if not isinstance(domain, MoleculeDomain) or domain.scales is None or not domain.scales.own:
        return trained
    learned, held_out = items.split(config.held_out, make_generator(config.seed))
    order = torch.randperm(len(learned), generator=make_generator(config.seed))[:_MOST]
    names = descriptor_names()
    known = _read(trained, learned.subset(order.sort().values), names, with_latents=False)
    model = fit_descriptors(names, known, domain, config.seed)
    if model is None:
        return trained  # none of the columns is known: it keeps what it had
    if held_out is not None:
        some = held_out.subset(torch.arange(min(_HELD_OUT, len(held_out))))
        measured = _read(trained, some, model.descriptors, with_latents=True)
        model = replace(
            model,
            heads=tuple(
                _weighed(head, told, away, measured, domain.scales)
                for head, told, away in model.predict(measured.found)
            ),
        )
    return replace(trained, domain=replace(domain, descriptor_model=model))


@torch.no_grad()
def _read(
    trained: TrainedModel, items: TrainingSet, names: Sequence[str], *, with_latents: bool
) -> _Known:
    domain = trained.domain
    assert isinstance(domain, MoleculeDomain)  # as `with_descriptors` has looked
    smiles: list[str] = []
    values, told = [], []
    for batch in batches_of(items, trained.device):
        assert batch.observed is not None  # some may be missing
        columns = domain.num_target_columns
        there = batch.observed[:, -columns:]
        some = torch.where(there, batch.x[:, -columns:], torch.nan)
        values.append(some.double().cpu().numpy())
        smiles += domain.decode(batch.x)
        if with_latents:
            px = trained.vae.decode(trained.vae.encode(batch.x, batch.context), batch.context)
            assert isinstance(px, Concatenated)  # as of `TargetedTokens`, which targets ask for
            told.append(px.parts[1].mean.squeeze(0).double().cpu().numpy())
    joined = np.concatenate(told) if told else None
    return _Known(compute_descriptors(smiles, names), np.concatenate(values), joined)


def fit_descriptors(
    names: Sequence[str], known: _Known, domain: MoleculeDomain, seed: int
) -> DescriptorModel | None:
    """Return what descriptors tell of the user's own columns; ``None`` where too few are known.

    Args:
        names: Of the descriptors.
        known: Molecules of training.
        domain: Fitted, with targets.
        seed: Of the choice of landmarks.
    """
    scales = domain.scales
    assert scales is not None  # as whoever asks has looked
    own = [group for group in scales.groups if group[0] in scales.own]
    rows = {place: np.flatnonzero(~np.isnan(known.values[:, place])) for _, place, _ in own}
    own = [group for group in own if _can_be_learned(known.values, rows[group[1]], *group[1:])]
    if not own:
        return None
    numbers = known.found.numbers
    spreads = np.nanstd(np.where(np.isnan(numbers).all(0), 0.0, numbers), 0)
    kept = spreads > _VARIES
    centers = np.nanmean(np.where(np.isnan(numbers).all(0), 0.0, numbers), 0)
    chosen = [name for name, is_kept in zip(names, kept, strict=True) if is_kept]
    found = MoleculeDescriptors(numbers[:, kept], known.found.counts)
    rng, odds = np.random.default_rng(seed), _odds(known.values, own, rows)

    def landmarks(most: int) -> NDArray[np.int64]:
        count = min(most, int((odds > 0).sum()))
        return np.sort(rng.choice(len(odds), count, replace=False, p=odds / odds.sum()))

    few, many = landmarks(_FEW_LANDMARKS), landmarks(_LANDMARKS)
    sketch, model = (
        DescriptorModel.of(chosen, centers[kept], spreads[kept], found[places])
        for places in (few, many)
    )
    work = _Work(found, known.values, scales, domain.class_weights, rng)
    heads = []
    for _, place, width in own:
        judged = rng.permutation(rows[place])[:_JUDGED]
        share, length = work.choose(sketch, place, width, judged)
        heads.append(work.fit(model, many, place, width, rows[place], share, length))
    return replace(model, heads=tuple(heads))


def _can_be_learned(values: Floats, rows: NDArray[np.int64], place: int, width: int) -> bool:
    some = values[rows][:, place : place + width]
    return len(some) >= _FEWEST and bool((np.ptp(some, axis=0) > _VARIES).any())


def _odds(
    values: Floats, own: Sequence[tuple[str, int, int]], rows: Mapping[int, NDArray[np.int64]]
) -> Floats:
    """Return how probably each molecule is a landmark: those of rare classes are more often."""
    odds = np.zeros(len(values))
    for _, place, width in own:
        some = values[rows[place]][:, place : place + width]
        _, of_kind, counts = np.unique(some, axis=0, return_inverse=True, return_counts=True)
        is_class = width > 1 or len(counts) == 2
        odds[rows[place]] += (1 / counts)[of_kind.ravel()] if is_class else 1 / len(some)
    return odds


@dataclass(frozen=True)
class _Work:
    """Fits heads, one after the other."""

    found: MoleculeDescriptors
    values: Floats
    scales: Targets
    class_weights: Sequence[float]
    rng: np.random.Generator

    def choose(
        self, model: DescriptorModel, place: int, width: int, rows: NDArray[np.int64]
    ) -> tuple[float, float]:
        """Return share and length of the kernel by which molecules left out are told best."""
        kernels, some = Kernels(model), self.found[rows]
        y, weights = self._targets(rows, place, width)
        tried = [*itertools.product(_SHARES, _LENGTHS), (1.0, 1.0)]
        errors = []
        for share, length in tried:
            features = whitened(kernels.of(some, share, length), kernels.among(share, length))
            errors.append(_ridge(features, y, weights).error)
        return tried[int(np.argmin(errors))]

    def fit(
        self,
        model: DescriptorModel,
        landmarks: NDArray[np.int64],
        place: int,
        width: int,
        rows: NDArray[np.int64],
        share: float,
        length: float,
    ) -> KernelHead:
        """Return the head of a target."""
        kernels, some = Kernels(model), self.found[rows]
        y, weights = self._targets(rows, place, width)
        among, kernel = kernels.among(share, length), kernels.of(some, share, length)
        solved = _ridge(whitened(kernel, among), y, weights)
        head = KernelHead(
            place,
            width,
            share,
            length,
            solved.noise,
            tuple(solved.offset.tolist()),
            packed(weights_of(solved.weights, among), "<f4"),
        )
        labels = _labels(self.scales, place, y)
        if labels is not None:
            slopes = _slopes(solved.left_out, labels, weights, width)
            return replace(head, slopes=tuple(slopes.ravel().tolist()))
        expected = variances(kernel, among, solved.noise)
        at = np.searchsorted(landmarks, rows) % len(landmarks)
        is_landmark = landmarks[at] == rows
        expected[is_landmark] = variances_without(among, solved.noise)[at[is_landmark]]
        scores = np.abs(solved.left_out - y)[:, 0] / np.sqrt(expected)
        return replace(head, quantile=conformal_quantile(scores))

    def _targets(self, rows: NDArray[np.int64], place: int, width: int) -> tuple[Floats, Floats]:
        y = self.values[rows][:, place : place + width]
        if width == 1 or not self.class_weights:
            return y, np.ones(len(y))
        weights: Floats = y @ np.asarray(self.class_weights[place : place + width])
        return y, weights


@dataclass(frozen=True)
class _Solved:
    """A ridge regression, and what it says of each row without it."""

    weights: Floats
    offset: Floats
    noise: float
    left_out: Floats
    error: float


def _ridge(features: Floats, y: Floats, weights: Floats) -> _Solved:
    """Choose the penalty by leaving single rows out.

    Source: Hastie, Tibshirani & Friedman 2009, "The elements of statistical learning", equation
    7.64, for ridge regression with weights.
    """
    offset = np.average(y, axis=0, weights=weights)
    away, heavy = y - offset, features * weights[:, None]
    roots, axes = np.linalg.eigh(heavy.T @ features)
    roots = np.maximum(roots, 0.0)
    turned, sums = features @ axes, axes.T @ (heavy.T @ away)
    best: _Solved | None = None
    for noise in _NOISES:
        lever = np.minimum(weights * (turned**2 @ (1 / (roots + noise))), 1 - 1e-9)
        weighed = sums / (roots + noise)[:, None]
        left_out = y - (away - turned @ weighed) / (1 - lever)[:, None]
        error = float(np.average(((y - left_out) ** 2).sum(1), weights=weights))
        if best is None or error < best.error:
            best = _Solved(axes @ weighed, offset, noise, left_out, error)
    assert best is not None  # there are noises
    return best


def _labels(scales: Targets, place: int, values: Floats) -> NDArray[np.int64] | None:
    """Return the class of each molecule; ``None`` of numbers other than 0 and 1."""
    if values.shape[1] > 1:
        classes: NDArray[np.int64] = values.argmax(1)
        return classes
    raw = values[:, 0] * scales.deviations[place] + scales.means[place]
    whole = np.round(raw)
    is_binary = np.allclose(raw, whole, atol=1e-3) and set(whole.tolist()) == {0.0, 1.0}
    return whole.astype(np.int64) if is_binary else None


def _slopes(scores: Floats, labels: NDArray[np.int64], weights: Floats, width: int) -> Floats:
    """Return what makes probabilities of scores of molecules left out, as `KernelHead` holds it.

    Source: Platt 1999, "Probabilistic outputs for support vector machines".
    """
    spread = scores.std(0) + 1e-9
    fitted = LogisticRegression(C=10.0, max_iter=1000).fit(scores / spread, labels, weights)
    slopes, offsets = fitted.coef_ / spread, fitted.intercept_
    if width > 1 and len(offsets) == 1:  # of two classes: the logit of the second
        slopes, offsets = np.concatenate([-slopes, slopes]) / 2, np.r_[-offsets, offsets] / 2
    found: Floats = np.concatenate([slopes.T, offsets[None]])
    return found


def _weighed(
    head: KernelHead, told: Floats, away: Floats, known: _Known, scales: Targets
) -> KernelHead:
    """Return a head that knows how much latents tell beside it, and how it fares."""
    place, width = head.place, head.width
    y = known.values[:, place : place + width]
    there = ~np.isnan(y[:, 0])
    if there.sum() < _FEWEST // 2:
        return head
    assert known.told is not None  # read with latents
    y, told, away = y[there], _as_column(head, told[there], scales), away[there]
    latents = known.told[there][:, place : place + width]
    share, together = _share(told, latents, y), told.copy()
    halves = np.arange(len(y)) % 2 == 0
    for half in (halves, ~halves):  # each told with the share that suits the other
        part = _share(told[~half], latents[~half], y[~half])
        together[half] += part * (latents - told)[half]
    units = np.asarray(scales.deviations[place : place + width])
    errors = np.sqrt(((together - y) ** 2).mean(0)) * units
    quantile = None
    if width == 1 and not head.slopes:
        quantile = conformal_quantile(np.abs(together - y)[:, 0] / away)
    labels = _labels(scales, place, y)
    auroc, accuracy = (None, None) if labels is None else _skill(together, labels, scales, place)
    return replace(
        head,
        latents=share,
        errors=tuple(errors.tolist()),
        quantile=quantile or head.quantile,
        auroc=auroc,
        accuracy=accuracy,
    )


def _as_column(head: KernelHead, told: Floats, scales: Targets) -> Floats:
    """Return probabilities of 0 and 1 in deviations, in which such a column is; others as is."""
    if head.width > 1 or not head.slopes:
        return told
    return (told - scales.means[head.place]) / scales.deviations[head.place]


def _share(told: Floats, latents: Floats, y: Floats) -> float:
    """Return the share of the latents in [0, 1] with the least squares, shrunk where few say so.

    None where what they gain could be chance, as of a class that few of the molecules are of.
    """
    if len(y) < _WEIGHED:
        return 0.0
    apart = latents - told
    best = float(((y - told) * apart).sum() / max((apart**2).sum(), _VARIES))
    share = float(np.clip(best, 0.0, 1.0))
    gains = ((y - told) ** 2 - (y - told - share * apart) ** 2).sum(1)
    if gains.mean() <= _SURE * gains.std() / np.sqrt(len(gains)):
        return 0.0
    return share * len(y) / (len(y) + _SHRINK)


def _skill(
    told: Floats, labels: NDArray[np.int64], scales: Targets, place: int
) -> tuple[float | None, float | None]:
    """Return the area under the ROC curve, the mean over classes, and the balanced accuracy."""
    if told.shape[1] == 1:
        probability = told[:, 0] * scales.deviations[place] + scales.means[place]
        told = np.stack([1 - probability, probability], 1)
    return class_skill(told, labels)


def class_skill(
    probabilities: Floats, labels: NDArray[np.int64]
) -> tuple[float | None, float | None]:
    """Return how well probabilities tell classes.

    Args:
        probabilities: Shape (molecules, classes).
        labels: The class of each molecule.

    Returns:
        Area under the ROC curve of each class against the others, the mean over those that some
        molecules are of and some are not; and balanced accuracy of the most probable class.
        ``None`` where all are of one class.

    Example:
        >>> class_skill(np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]]), np.array([0, 1, 1]))
        (1.0, 0.75)
    """
    kinds = np.unique(labels)
    if len(kinds) < 2:
        return None, None
    areas = [roc_auc_score(labels == kind, probabilities[:, kind]) for kind in kinds]
    accuracy = balanced_accuracy_score(labels, probabilities.argmax(1))
    return float(np.mean(areas)), float(accuracy)


def combined(
    domain: MoleculeDomain, smiles: Sequence[str], told: Floats
) -> tuple[Floats, dict[str, Floats]]:
    """Return what latents and descriptors tell together.

    Args:
        domain: Of a model with targets.
        smiles: The molecules, standardized.
        told: What the latents tell, in deviations, shape (molecules, columns).

    Returns:
        The same of both; and by name of a number half the width of its interval, in its unit.
    """
    model, scales = domain.descriptor_model, domain.scales
    if model is None or scales is None:
        return told, {}
    together, halves, columns = told.copy(), dict[str, Floats](), scales.columns
    for head, values, away in model.predict(model.describe(smiles)):
        place, stop = head.place, head.place + head.width
        values = _as_column(head, values, scales)
        together[:, place:stop] = values + head.latents * (told[:, place:stop] - values)
        if head.quantile is not None:
            halves[columns[place]] = head.quantile * scales.deviations[place] * away
    return together, halves


def target_remarks(domain: Domain) -> dict[str, str]:
    """Return in words from what each target is told, and how well of molecules held out."""
    found: dict[str, str] = {}
    if not isinstance(domain, MoleculeDomain):
        return found
    for name, head in heads_by_name(domain):
        said = "told by descriptors"
        if head.latents > 0:
            said += f" and, {head.latents:.0%} of it, by latents"
        if head.auroc is not None:
            said += f"; held-out AUROC {head.auroc:.3f}, balanced accuracy {head.accuracy:.3f}"
        elif head.errors and head.width == 1:
            said += f"; held-out error {head.errors[0]:.3g}"
        found[name] = said
    return found


def heads_by_name(domain: MoleculeDomain) -> Iterator[tuple[str, KernelHead]]:
    """Yield the targets that are predicted by descriptors, too, each with its head."""
    model, scales = domain.descriptor_model, domain.scales
    if model is not None and scales is not None:
        names = {place: name for name, place, _ in scales.groups}
        yield from ((names[head.place], head) for head in model.heads)
