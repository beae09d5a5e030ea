"""Properties as a model predicts them: per molecule, for files, and as conditions of sampling."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from sklearn.metrics import mean_absolute_error, r2_score, roc_auc_score
from torch import Tensor

from vaekit.distributions.wrappers import Concatenated
from vaekit.domains.checks import disambiguate_names
from vaekit.errors import CompositionError, DataError, unknown_name
from vaekit.fitting.trained import TrainedModel, batches_of
from vaekit.likelihoods.tokens import TargetedTokens, tokens_part
from vaekit.models.vae import VAE
from vaekit.molecules.applicability import (
    Applicability,
    measure_usable,
    prediction_intervals,
)
from vaekit.molecules.descriptor_fitting import class_skill, combined, heads_by_name
from vaekit.molecules.domain import MoleculeDomain
from vaekit.molecules.properties import PROPERTIES, compute_properties
from vaekit.molecules.readable import JudgedMolecules, judged_molecules
from vaekit.molecules.standardize import Standardized
from vaekit.molecules.targets import Targets
from vaekit.networks.tokens import TokenEncoder
from vaekit.networks.wrappers import ParallelDecoders, with_numbers
from vaekit.randomness import make_generator
from vaekit.training.config import TrainConfig, TrainingSet

_AT_ONCE = 512

_SMALLEST = 1e-30
_HOPELESS = 1e-6


def require_targets(domain: Any) -> Targets:
    """Return what a model of molecules was taught to tell.

    Raises:
        CompositionError: It was taught none, or is of other data.
    """
    if not isinstance(domain, MoleculeDomain) or domain.scales is None:
        raise CompositionError(
            "conditions and predictions are of tables, and of molecules with targets; this model "
            "is of other data, or was taught no targets. Fit one of molecules with "
            "MoleculeDomain(targets=('qed', 'logp')), or vaekit fit --targets qed,logp."
        )
    return domain.scales


@dataclass(frozen=True)
class ConditionedMolecules:
    """New molecules, weighed by how probable it is that they meet the ranges.

    What is told of them comes from their own latents, encoded from what was drawn: latents of the
    prior lie beside those of any molecule, and there tokens and numbers need not agree.

    Attributes:
        trained: The model.
        rows: The context, for as many as are proposed at once; ``None`` without.
        fitted: Whether latents come from the fitted prior.
        ends: Lowest and highest value of each target, in deviations from its mean.
        asked: The ranges, for messages.
        chosen: Columns of the classes asked for, of each target of classes that is asked for.
    """

    most: ClassVar[int] = 50_000

    trained: TrainedModel
    rows: Tensor | None
    fitted: bool
    ends: Float[Tensor, "2 targets"]
    asked: Mapping[str, Any]
    chosen: tuple[tuple[int, ...], ...] = ()

    @classmethod
    def of(
        cls, trained: TrainedModel, rows: Tensor | None, fitted: bool, where: Mapping[str, Any]
    ) -> Self:
        """From ranges by name, (low, high), ``None`` for an open end; of classes one or a list.

        Raises:
            CompositionError: The model was taught no targets.
            SpecError: Not that one.
            DataError: No range, or an empty one.
        """
        known = require_targets(trained.domain)
        ends = np.repeat([[-np.inf], [np.inf]], len(known), 1)
        starts, classes = {name: place for name, place, _ in known.groups}, known.class_names
        chosen: list[tuple[int, ...]] = []
        for name, given in where.items():
            if name not in starts:
                raise unknown_name("target", name, known.names)
            place = starts[name]
            if name in classes:
                chosen.append(tuple(place + i for i in _class_places(name, given, classes[name])))
            else:
                ends[:, place] = _in_deviations(name, given, known, place)
        return cls(trained, rows, fitted, torch.from_numpy(ends).float(), where, tuple(chosen))

    def propose(self, count: int) -> tuple[Tensor, Float[Tensor, "count"]]:
        """Molecules, as the networks see them, and the log probability that the ranges are met.

        Raises:
            DataError: None of them comes near.
        """
        vae = self.trained.vae
        z = vae.generate(count, self.rows, fitted=self.fitted)
        pieces = torch.arange(count, device=z.device).split(_AT_ONCE)
        parts = [self._weighed(vae, z[i], _some(self.rows, i)) for i in pieces]
        x, log_w = (torch.cat(column) for column in zip(*parts, strict=True))
        if float(log_w.max().exp()) < _HOPELESS:
            raise DataError(
                f"the model must know molecules with {dict(self.asked)}; of {count} draws none "
                f"comes near. It was taught {_described(require_targets(self.trained.domain))}. "
                "Ask for less, or for fewer properties at a time."
            )
        return x, log_w

    def _weighed(self, vae: VAE, z: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        x = vae.make(z, rows)
        px = vae.decode(vae.encode(x, rows), rows)
        assert isinstance(px, Concatenated)  # as of `TargetedTokens`, which such a domain asks for
        low, high = self.ends.to(z.device)
        shares = px.parts[1].cdf(high) - px.parts[1].cdf(low)
        log_w = shares.clamp_min(_SMALLEST).log().sum(-1).squeeze(0)
        for columns in self.chosen:
            probability = px.parts[1].mean[..., list(columns)].sum(-1).squeeze(0)
            log_w = log_w + probability.clamp_min(_SMALLEST).log()
        return x, log_w


def _some(rows: Tensor | None, positions: Tensor) -> Tensor | None:
    return None if rows is None else rows[positions]


def _class_places(name: str, given: Any, classes: Sequence[str]) -> list[int]:
    asked = [given] if isinstance(given, str) else given
    if not isinstance(asked, list) or not asked or not all(isinstance(a, str) for a in asked):
        raise DataError(
            f"a target of classes must be asked for as one of {', '.join(map(repr, classes))}, or "
            f"a list of some; got {given!r} for {name!r}."
        )
    for each in asked:
        if each not in classes:
            raise unknown_name(f"class of {name!r}", each, classes)
    return [list(classes).index(each) for each in dict.fromkeys(asked)]


def _in_deviations(name: str, given: Any, known: Targets, place: int) -> tuple[float, float]:
    if not isinstance(given, tuple) or len(given) != 2 or given == (None, None):
        raise DataError(
            f"a property must be asked for as a range (low, high), one of them None if open; got "
            f"{given!r} for {name!r}."
        )
    low = -np.inf if given[0] is None else float(given[0])
    high = np.inf if given[1] is None else float(given[1])
    if not low < high:
        raise DataError(f"a range must have low < high; got {given!r} for {name!r}.")
    mean, deviation = known.means[place], known.deviations[place]
    return (low - mean) / deviation, (high - mean) / deviation


def _described(known: Targets) -> str:
    classes = known.class_names
    return ", ".join(
        f"{name} of {', '.join(classes[name])}"
        if name in classes
        else f"{name} of {known.means[place]:.3g} +- {known.deviations[place]:.2g}"
        for name, place, _ in known.groups
    )


_MOST, _FEWEST = 5000, 10  # molecules measured; known ones that say something


def with_errors(trained: TrainedModel, items: TrainingSet, config: TrainConfig) -> TrainedModel:
    """Return the model, knowing the errors of its predictions of molecules that were held out.

    Where none were held out it knows nothing of them, as it is of other data, or was taught none.
    (The noise that is learned in training is no such measure: too slow in short trainings, too
    small for molecules that are known by heart.)

    Args:
        trained: The model.
        items: What it was trained on.
        config: How: the same split and seed are used here.
    """
    domain = trained.domain
    if not isinstance(domain, MoleculeDomain) or domain.scales is None:
        return trained
    _, held_out = items.split(config.held_out, make_generator(config.seed))
    errors = () if held_out is None else _errors(trained, held_out, domain.scales.deviations)
    return replace(trained, domain=replace(domain, scales=replace(domain.scales, errors=errors)))


@torch.no_grad()
def _errors(
    trained: TrainedModel, items: TrainingSet, units: Sequence[float]
) -> tuple[float | None, ...]:
    """Root mean squares, in the unit of each target; None where too few are known."""
    squares = torch.zeros(len(units), device=trained.device)
    known = torch.zeros_like(squares)
    for batch in batches_of(items.subset(torch.arange(min(_MOST, len(items)))), trained.device):
        px = trained.vae.decode(trained.vae.encode(batch.x, batch.context), batch.context)
        assert isinstance(px, Concatenated)  # as of `TargetedTokens`, which such a domain asks for
        assert batch.observed is not None  # some may be missing
        there = batch.observed[:, -len(units) :]
        away = (px.parts[1].mean.squeeze(0) - batch.x[:, -len(units) :]) * there
        squares, known = squares + away.square().sum(0), known + there.sum(0)
    roots = (squares / known.clamp_min(1)).sqrt().tolist()
    predicted = zip(roots, units, known.tolist(), strict=True)
    return tuple(root * unit if count >= _FEWEST else None for root, unit, count in predicted)


_CHUNK = 512


@torch.no_grad()
def predict_targets(
    trained: TrainedModel, molecules: Any, context: Any = None, *, strict: bool = False
) -> dict[str, NDArray[np.float64]]:
    """Predict the targets of molecules from their latents and their descriptors.

    The user's own columns are told by RDKit's descriptors of the molecule and counts of its
    substructures, too (see `DescriptorModel`), some 10 ms a molecule; what RDKit computes anyhow,
    and targets of models of earlier versions, by latents alone.

    Args:
        trained: A model fitted with `MoleculeDomain(targets=...)`.
        molecules: SMILES, a data frame or a file; with tokens and lengths of training.
        context: Their labels or properties, if the model is conditional.
        strict: Whether a molecule that cannot be read is an error; else its predictions are NaN,
            and one warning counts such molecules.

    Returns:
        By name, shape (molecules,) each: numbers in their unit; of a target of classes the
        probability of each, named ``NAME=CLASS``.

    Raises:
        CompositionError: The model was taught no targets.
        DataError: No molecule can be read; with ``strict``, one cannot.

    Example:
        >>> from vaekit import Autoencoder
        >>> from vaekit.molecules import MoleculeDomain
        >>> smiles = ["C" * n + end for n in range(2, 12) for end in ("O", "N", "Cl")]
        >>> domain = MoleculeDomain(targets=("mw",))
        >>> model = Autoencoder(latent_dim=4, domain=domain, max_epochs=1, progress=False)
        >>> predict_targets(model.fit(smiles).trained_, ["CCCO", "CCN"])["mw"].shape
        (2,)
    """
    require_targets(trained.domain)
    domain = trained.domain
    assert isinstance(domain, MoleculeDomain)  # as of `require_targets`
    if domain.descriptor_model is None:
        codes = trained.encode(molecules, context, strict)
        return predict_from_latents(trained, codes, trained.rows(context, len(codes)))
    molecules = domain.read_all(molecules)  # once, as it may be an iterator
    codes = trained.encode(molecules, context, strict)
    usable = judged_molecules(domain, molecules).usable
    by_latents = _latent_predictions(trained, codes, trained.rows(context, len(codes)))
    predicted, at = by_latents.double().cpu().numpy(), list(usable.positions)
    predicted[at], _ = combined(domain, usable.items.smiles, predicted[at])
    return require_targets(domain).in_units(torch.from_numpy(predicted))


@torch.no_grad()
def predict_from_latents(
    trained: TrainedModel, codes: Float[Tensor, "molecules latent"], rows: Tensor | None = None
) -> dict[str, NDArray[np.float64]]:
    """Return what latents alone tell, as `predict_targets`: what a search in latents goes by.

    Args:
        trained: A model fitted with `MoleculeDomain(targets=...)`.
        codes: Latents, on the model's device.
        rows: The prepared context of each, if the model is conditional.

    Raises:
        CompositionError: The model was taught no targets.
    """
    known = require_targets(trained.domain)
    return known.in_units(_latent_predictions(trained, codes, rows))


@torch.no_grad()
def _latent_predictions(trained: TrainedModel, codes: Tensor, rows: Tensor | None) -> Tensor:
    """Return what latents tell in deviations, shape (molecules, columns)."""
    parts = [codes.new_zeros(0, len(require_targets(trained.domain)))]
    for positions in torch.arange(len(codes), device=codes.device).split(_CHUNK):
        some = None if rows is None else rows[positions]
        px = trained.vae.decode(codes[positions], some)
        assert isinstance(px, Concatenated)  # as of `TargetedTokens`, which such a domain asks for
        parts.append(px.parts[1].mean.squeeze(0))
    return torch.cat(parts)


def expected_errors(trained: TrainedModel) -> dict[str, float]:
    """By how much predictions are off: root mean square errors, by name, in units.

    Measured once, on molecules that were held out of training (as by ``validation=0.1``), where at
    least ten of them were known; other targets are not there. Molecules unlike those fare worse.
    Of a class, ``NAME=CLASS``, it is the error of its probability.

    Raises:
        CompositionError: The model was taught no targets.
    """
    known, domain = require_targets(trained.domain), trained.domain
    assert isinstance(domain, MoleculeDomain)  # as of `require_targets`
    errors = list(known.errors or [None] * len(known))
    for _, head in heads_by_name(domain):
        if errors[head.place] is not None:
            errors[head.place : head.place + head.width] = head.errors or [None] * head.width
    return {name: e for name, e in zip(known.columns, errors, strict=True) if e is not None}


@dataclass(frozen=True)
class ClassAgreement:
    """How well predicted classes agree with known ones.

    Attributes:
        count: Molecules of which the class is known; ``None`` of those that were held out.
        auroc: Area under the ROC curve of each class against the others, the mean over classes;
            ``None`` where all are of one.
        accuracy: Balanced accuracy of the most probable class: the share that is right, the mean
            over classes; likewise.
    """

    count: int | None
    auroc: float | None
    accuracy: float | None


def expected_agreement(trained: TrainedModel) -> dict[str, ClassAgreement]:
    """How well classes were told of molecules held out of training, by name of the target.

    Targets are those of texts, and those of 0 and 1; others, and those of which too few were known,
    are not there.

    Raises:
        CompositionError: The model was taught no targets.
    """
    require_targets(trained.domain)
    domain = trained.domain
    assert isinstance(domain, MoleculeDomain)  # as of `require_targets`
    return {
        name: ClassAgreement(None, head.auroc, head.accuracy)
        for name, head in heads_by_name(domain)
        if head.auroc is not None
    }


Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PredictionAgreement:
    """How well predictions agree with what is known.

    Attributes:
        count: Molecules of which it is known.
        r2: Share of the variance that is told; NaN where there is none to tell.
        error: Mean absolute error, in the property's unit.
        auroc: Area under the ROC curve, of properties that are 0 or 1 and both; ``None`` of others.
    """

    count: int
    r2: float
    error: float
    auroc: float | None = None


@dataclass(frozen=True)
class Predictions:
    """What a model says of molecules, in their order.

    Attributes:
        place: What rows count: ``"row"``, ``"line"`` or ``"record"``.
        rows: Where each molecule stood.
        smiles: Standardised; as it was given where nothing could be predicted.
        values: Predicted properties by name, in their units, NaN where nothing could be; of a
            target of classes the probability of each, ``NAME=CLASS``.
        known: What is known of them, by name, NaN where missing; of classes 0 and 1.
        errors: By how much predictions were off of molecules held out of training, by name: root
            mean squares, of `druglike` what 68 % stay below; those that were measured.
        reasons: Why nothing could be predicted, by place; others are not there.
        applicability: How far each molecule is from what the model learned.
        intervals: Ends within which a property lies nine times of ten, by name; targets without
            enough held-out molecules, and models of earlier versions, have none.
        classes: The classes of each target that has some, by its name.
    """

    place: str
    rows: Sequence[int]
    smiles: Sequence[str]
    values: Mapping[str, Floats]
    known: Mapping[str, Floats]
    errors: Mapping[str, float]
    reasons: Mapping[int, str]
    applicability: Applicability | None = None
    intervals: Mapping[str, tuple[Floats, Floats]] = field(default_factory=dict)
    classes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return how many molecules there are."""
        return len(self.smiles)

    def frame(self) -> Any:
        """Return a data frame of pandas.

        Its columns are predictions, ``NAME_known``, ends of the intervals ``NAME_low`` and
        ``NAME_high``, those of `Applicability.columns`, and ``reason``. A property that is called
        as one of the other columns, as ``smiles``, is ``NAME_value``. Of a target of classes
        ``NAME`` is the most probable one, before the probabilities ``NAME=CLASS``.
        """
        import pandas as pd

        far = {} if self.applicability is None else self.applicability.columns()
        taken = [self.place, "smiles", "reason", *far, *(f"{name}_known" for name in self.known)]
        taken += [f"{name}_{end}" for name in self.intervals for end in ("low", "high")]
        taken += [f"{name}_known" for name in self.classes]
        named = disambiguate_names([*self.classes, *self.values], taken)
        first = {f"{name}={labels[0]}": name for name, labels in self.classes.items()}
        columns: dict[str, Any] = {self.place: self.rows, "smiles": self.smiles}
        for name, values in self.values.items():
            if name in first:
                columns[named[first[name]]] = self.labels(first[name])
            columns[named[name]] = values
        of_classes = {each for name in self.classes for each in self._columns(name)}
        columns |= {
            f"{name}_known": values for name, values in self.known.items() if name not in of_classes
        }
        columns |= {
            f"{name}_known": self.labels(name, known=True)
            for name in self.classes
            if self._columns(name)[0] in self.known
        }
        for name, (low, high) in self.intervals.items():
            columns |= {f"{name}_low": low, f"{name}_high": high}
        columns |= far
        if self.reasons:
            columns["reason"] = [self.reasons.get(place, "") for place in range(len(self))]
        return pd.DataFrame(columns)

    def _columns(self, name: str) -> list[str]:
        return [f"{name}={label}" for label in self.classes[name]]

    def labels(self, name: str, *, known: bool = False) -> list[str | None]:
        """Return the most probable class of each molecule, ``None`` where nothing could be told.

        Args:
            name: Of a target of classes.
            known: Whether what is known is asked for in place of what is predicted.
        """
        columns = self.known if known else self.values
        table, labels = (
            np.stack([columns[each] for each in self._columns(name)]),
            self.classes[name],
        )
        lost = np.isnan(table.sum(0)).tolist()
        places = np.nan_to_num(table).argmax(0).tolist()
        return [
            None if is_lost else labels[place] for is_lost, place in zip(lost, places, strict=True)
        ]

    def class_agreement(self) -> dict[str, ClassAgreement]:
        """By name, of targets of classes that are known of two molecules at least."""
        found = {}
        for name in self.classes:
            columns = self._columns(name)
            if columns[0] not in self.known:
                continue
            known, predicted = (
                np.stack([source[each] for each in columns], 1)
                for source in (self.known, self.values)
            )
            there = ~np.isnan(known).any(1) & ~np.isnan(predicted).any(1)
            if there.sum() > 1:
                skill = class_skill(predicted[there], known[there].argmax(1))
                found[name] = ClassAgreement(int(there.sum()), *skill)
        return found

    def coverage(self) -> dict[str, float]:
        """Return which share of the known values lies in the intervals, by name."""
        found = {}
        for name, (low, high) in self.intervals.items():
            known = self.known.get(name, np.array([]))
            there = ~np.isnan(known)
            if there.any():
                inside = (known >= low)[there] & (known <= high)[there]
                found[name] = float(inside.mean())
        return found

    def agreement(self) -> dict[str, PredictionAgreement]:
        """By name, of properties that are known of two molecules at least."""
        found = {}
        for name, known in self.known.items():
            there = ~np.isnan(known) & ~np.isnan(self.values[name])
            if there.sum() > 1:
                pair = known[there], self.values[name][there]
                r2 = float(r2_score(*pair)) if np.ptp(pair[0]) else np.nan
                error = float(mean_absolute_error(*pair))
                is_binary = set(pair[0]) == {0.0, 1.0}
                auroc = float(roc_auc_score(*pair)) if is_binary else None
                found[name] = PredictionAgreement(int(there.sum()), r2, error, auroc)
        return found


def predict_molecules(
    trained: TrainedModel, molecules: Any, context: Any = None, *, compute: bool = False
) -> Predictions:
    """Predict the targets of a list or file of molecules, one row for each.

    Molecules that a rule rejects, or that the model has no tokens for, keep their row, with the
    reason, and one warning counts them. Beside each prediction stands the interval in which the
    property lies nine times of ten, wider for molecules that the model knows less well, and how far
    the molecule is from what it learned; see `Predictions`. Columns of the file that are named as
    targets are taken for what is known.

    Args:
        trained: A model fitted with `MoleculeDomain(targets=...)`.
        molecules: SMILES, a data frame or a file.
        context: If the model is conditional: one row for all, or one for each molecule, of which
            those of molecules that cannot be read are passed over.
        compute: Compare with the targets that RDKit can compute, 2 ms a molecule, in place of
            columns of these names; but a target that the user's own column taught, which says
            something else, stays compared with the column.

    Raises:
        CompositionError: The model was taught no targets.
        DataError: The source cannot be read, or holds no molecule that the model knows.

    Example:
        >>> from vaekit import Autoencoder
        >>> smiles = ["C" * n + end for n in range(2, 12) for end in ("O", "N", "Cl")]
        >>> domain = MoleculeDomain(targets=("mw",))
        >>> model = Autoencoder(latent_dim=4, domain=domain, max_epochs=1, progress=False)
        >>> found = predict_molecules(model.fit(smiles).trained_, ["CCCO", "CCN"])
        >>> found.frame().columns[:4].tolist(), found.reasons
        (['row', 'smiles', 'mw', 'round_trip'], {})
    """
    targets, domain = require_targets(trained.domain), trained.domain
    assert isinstance(domain, MoleculeDomain)  # as of `require_targets`
    judged = judged_molecules(domain, molecules)
    kept, usable = judged.kept, judged.usable
    if not len(kept):
        raise DataError(
            f"the model must know one molecule at least; of the {usable.count} that were given, "
            f"{usable.words or 'there is none'}. Fit a model of molecules like these."
        )
    by_latents = _latent_predictions(trained, *trained.encode_usable(usable, context))
    both, halves = combined(domain, kept.smiles, by_latents.double().cpu().numpy())
    predicted = targets.in_units(torch.from_numpy(both))
    known = _known(kept, targets, compute=compute)
    if not usable.is_whole:
        warnings.warn(
            f"nothing predicted of {usable.count - len(kept)} of {usable.count} molecules: "
            f"{usable.words}.",
            stacklevel=2,
        )
    far = measure_usable(trained, usable, context)
    return _in_order(judged, predicted, known, trained, far, halves)


def _known(found: Standardized, targets: Targets, *, compute: bool) -> dict[str, Floats]:
    classes = targets.class_names
    given = {
        name: found.properties[name]
        for name in targets.names
        if name in found.properties and name not in classes
    }
    if any(name in found.labels or name in found.properties for name in classes):
        values = targets.in_own_units(found)
        given |= {
            targets.columns[place]: values[:, place]
            for name, start, width in targets.groups
            if name in classes and (name in found.labels or name in found.properties)
            for place in range(start, start + width)
        }
    if not compute:
        return given
    names = [name for name in targets.names if name in PROPERTIES]
    own = [name for name in names if name in targets.own]
    if own:
        warnings.warn(
            f"not computed: {', '.join(own)}. The model learned columns of these names that say "
            "something else than RDKit computes.",
            stacklevel=3,
        )
    return given | compute_properties(found.smiles, [name for name in names if name not in own])


def _in_order(
    judged: JudgedMolecules,
    predicted: Mapping[str, Floats],
    known: Mapping[str, Floats],
    trained: TrainedModel,
    far: Applicability,
    halves: Mapping[str, Floats],
) -> Predictions:
    """Return rows of what could be predicted and of what could not, as they were given."""
    found = judged.found
    texts = dict(zip(found.rows, found.smiles, strict=True))
    why = dict(judged.unreadable)
    for entry in found.report.rejected:
        texts[entry.row], why[entry.row] = entry.given, str(entry.reason)
    rows = sorted(texts)
    positions = {row: place for place, row in enumerate(rows)}
    there = [positions[row] for row in judged.kept.rows]
    given = list(judged.usable.positions)
    ends = prediction_intervals(trained, predicted, far.cost[given], halves)
    return Predictions(
        found.report.place,
        rows,
        [texts[row] for row in rows],
        {name: _spread(values, there, len(rows)) for name, values in predicted.items()},
        {name: _spread(values, there, len(rows)) for name, values in known.items()},
        expected_errors(trained),
        {positions[row]: reason for row, reason in sorted(why.items())},
        far.at(given, there, len(rows)),
        {
            n: (_spread(a, there, len(rows)), _spread(b, there, len(rows)))
            for n, (a, b) in ends.items()
        },
        require_targets(trained.domain).class_names,
    )


def _spread(values: Floats, positions: Sequence[int], count: int) -> Floats:
    spread = np.full(count, np.nan)
    spread[positions] = values
    return spread


def with_targets(
    trained: TrainedModel, targets: Sequence[str], found: Standardized
) -> TrainedModel:
    """Return a model that can learn to tell properties from its latents, which it cannot tell yet.

    Args:
        trained: A model of molecules; its parts are changed in place.
        targets: As of `MoleculeDomain`; they take the place of those that it had.
        found: What it is to learn them from.

    Raises:
        CompositionError: The model is of other data.
        SpecError: No column and no property has a name.
        DataError: A target that does not vary.
    """
    vae, domain = trained.vae, trained.domain
    tokens = tokens_part(vae.likelihood)
    if not isinstance(domain, MoleculeDomain) or tokens is None:
        raise CompositionError(
            f"targets are properties of molecules; this model is of {type(domain).__name__}. Leave "
            "them out."
        )
    taught = domain.with_targets(targets, found)
    count = taught.num_target_columns
    if isinstance(vae.encoder, TokenEncoder):  # it must not read the numbers behind the tokens
        vae.encoder.positions = tokens.network.steps
    first = vae.decoder.first if isinstance(vae.decoder, ParallelDecoders) else vae.decoder
    decoder = with_numbers(first, vae.latent_dim + vae.context_dim, count)
    vae.decoder = decoder.to(trained.device)
    likelihood = TargetedTokens(tokens, count, **taught.target_options)
    vae.likelihood = likelihood.to(trained.device)
    return replace(trained, domain=taught)
