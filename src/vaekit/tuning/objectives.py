"""What can be chosen about a search: its objective, when poor trials are given up, the rest."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from vaekit.errors import DataError, SpecError, TrainingPruned, unknown_name
from vaekit.evaluation.evaluation import MEASURES
from vaekit.evaluation.measures import Measure, ReportRow
from vaekit.evaluation.settings import EvaluationSettings
from vaekit.evaluation.subject import EvaluationContext
from vaekit.fitting.trained import TrainedModel
from vaekit.presets.base import Preset
from vaekit.seeds import check_seed
from vaekit.training.callbacks import Callback, EpochMetrics
from vaekit.tuning.space import Range

Direction = Literal["minimize", "maximize"]

ALIASES = {
    "log-likelihood": "IWAE-64 bound",
    "C2ST": "two-sample AUC of boosted trees, samples",
    "FCD": "Fréchet ChemNet distance (FCD), samples",
}
"""Short names of measures."""

_MAXIMIZED = (
    "ELBO",
    "IWAE-64 bound",
    "active units",
    "precision, samples",
    "recall, samples",
    "density, samples",
    "coverage, samples",
    "PSNR",
    "SSIM",
    "MS-SSIM",
    "alpha-precision, samples",
    "beta-recall, samples",
    "codes given back",
    "exact reconstruction",
    "valid reconstructions",
    "similarity of reconstructions",
    "valid halfway between two",
    "valid, samples",
    "different, of valid, samples",
    "new, of different, samples",
    "internal diversity, samples",
    "similarity to nearest held-out (SNN), samples",
    "fragments, cosine (Frag), samples",
    "scaffolds, cosine (Scaf), samples",
    "mutual information of items and latents",
)
_MINIMIZED = (
    "Frechet distance, samples",
    "Frechet distance, reconstructions",
    "squared error per value",
    "KL of the aggregate posterior to the prior",
    "of it total correlation",
    "shape error, samples",
    "trend error, samples",
    "two-sample AUC of boosted trees, samples",
    "samples nearer to training rows",
    "squared error of normal scores",
    "Fréchet ChemNet distance (FCD), samples",
)
DIRECTIONS: Mapping[str, Direction] = {
    **dict.fromkeys(_MAXIMIZED, "maximize"),
    **dict.fromkeys(_MINIMIZED, "minimize"),
}
"""Which way the measures of `vaekit.evaluation.evaluate` are better, as far as that is known."""

_GIVEN = re.compile(r"(?P<name>.+)=(?P<direction>min|max)")


def known_objectives() -> list[str]:
    """Return all names of objectives whose direction is known, short ones first."""
    return [*ALIASES, *DIRECTIONS]


@dataclass(frozen=True)
class Objective:
    """A measure of an evaluation, and which way it is better.

    Attributes:
        name: Of the row, as `vaekit.evaluation.Evaluation.value` takes it.
        direction: Which way it is better.
    """

    name: str
    direction: Direction

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the objective of a name.

        Args:
            text: A measure or a short name (``"log-likelihood"``, ``"C2ST"``, ``"FCD"``); of a
                measure whose direction is not known, one of a plug-in for instance,
                ``"NAME=min"`` or ``"NAME=max"``.

        Raises:
            SpecError: Unknown, and without a direction.

        Example:
            >>> Objective.of("C2ST").direction, Objective.of("my own measure=max").direction
            ('minimize', 'maximize')
        """
        if not isinstance(text, str):
            raise SpecError(f"an objective must be the name of a measure; got {text!r}.")
        if given := _GIVEN.fullmatch(text):
            name = ALIASES.get(given["name"], given["name"])
            return cls(name, "minimize" if given["direction"] == "min" else "maximize")
        name = ALIASES.get(text, text)
        if name in DIRECTIONS:
            return cls(name, DIRECTIONS[name])
        if name.startswith("boosted trees predict "):
            return cls(name, "maximize")
        error = unknown_name("objective", text, known_objectives())
        raise SpecError(
            f"{error} Or name any other measure of vaekit evaluate with its direction: "
            f"'{text}=min' or '{text}=max'."
        )

    @property
    def judges_samples(self) -> bool:
        """Whether it depends on the prior that samples are drawn from."""
        return self.name.endswith("samples")

    @property
    def target(self) -> str | None:
        """The column that trees are to predict, where that is the objective."""
        found = re.fullmatch(r"boosted trees predict (.+), samples", self.name)
        return None if found is None else found[1]

    def better(self, a: float, b: float) -> bool:
        """Return whether a is better than b."""
        return a < b if self.direction == "minimize" else a > b


def measure(
    trained: TrainedModel,
    held_out: Any,
    context: Any,
    training: Any,
    objectives: Sequence[Objective],
    first: Iterable[str] = (),
) -> tuple[list[float], list[str]]:
    """Return the objectives of a model on held-out items.

    Measures are taken one after the other until all are known; others are not taken.

    Args:
        trained: The model.
        held_out: Items that it was not trained on.
        context: Theirs, or ``None``.
        training: The items that it was trained on, which some measures compare with.
        objectives: What is asked for.
        first: Names of the measures that are known to give them, which are taken first.

    Returns:
        A number for each objective, and the names of the measures that gave them.

    Raises:
        DataError: A measure that these data or this model do not have, with the reason.
    """
    target = next((o.target for o in objectives if o.target is not None), None)
    settings = EvaluationSettings(target=target)
    needs_training = any("training" in o.name or "(FCD)" in o.name for o in objectives)
    subject = EvaluationContext.of(
        trained, held_out, context, None, None, settings, None, training if needs_training else None
    )
    wanted, gave = {o.name for o in objectives}, list[str]()
    found: dict[str, ReportRow] = {}
    for each in _ordered(trained.domain.evaluation_measures(subject, MEASURES), set(first)):
        rows = {row.name: row for row in each.rows(subject) if row.name in wanted}
        found |= rows
        gave += [each.name] if rows else []
        if found.keys() == wanted:
            break
    return [_value(found, objective.name) for objective in objectives], gave


def _ordered(measures: Sequence[Measure], first: set[str]) -> list[Measure]:
    return sorted(measures, key=lambda each: each.name not in first)


def _value(found: Mapping[str, ReportRow], name: str) -> float:
    if name not in found:
        raise DataError(
            f"objective {name!r} must be a measure that these data have; it is none. vaekit "
            "evaluate shows those that they have."
        )
    row = found[name]
    if row.value is None or not math.isfinite(row.value):
        why = row.note or f"it is {row.value}"
        raise DataError(f"objective {name!r} must be a finite number; {why}")
    return float(row.value)


_WARM_UP = 0.2
"""Share of the steps in which nothing is given up: losses of the first ones say little."""


class PruningCallback(Callback):
    """Reports each epoch to a trial of Optuna, and gives the training up if its pruner says so.

    Reported is the negative evidence lower bound on held-out items with the KL at weight 1, so that
    trials with different weights compare; of objectives without these terms the validation loss.
    In a study that maximizes, it is reported with the other sign.

    Args:
        trial: Of a study of Optuna with one objective.

    Raises:
        TrainingPruned: In the fit, when the trial is to be given up.

    In a search of your own::

        def objective(trial):
            rate = trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True)
            callbacks = [PruningCallback(trial)]
            try:
                model = Autoencoder(learning_rate=rate, callbacks=callbacks).fit(X)
            except TrainingPruned as pruned:
                raise optuna.TrialPruned from pruned
            return model.score(X_held_out)
    """

    def __init__(self, trial: Any) -> None:
        self.trial = trial

    def on_epoch_end(self, metrics: EpochMetrics) -> None:
        """Report, and ask whether to go on."""
        value = comparable_loss(metrics.values)
        if value is None:
            return
        grows = self.trial.study.direction.name == "MAXIMIZE"
        self.trial.report(-value if grows else value, metrics.epoch)
        if metrics.step >= _WARM_UP * metrics.total and self.trial.should_prune():
            raise TrainingPruned(
                f"given up after epoch {metrics.epoch}, with a validation loss of {value:.4g}"
            )


def comparable_loss(values: Mapping[str, float]) -> float | None:
    """Return what trials are compared by on the way; ``None`` of adversarial games and the like.

    Example:
        >>> comparable_loss({"validation_reconstruction": 3.0, "validation_kl": 1.5})
        4.5
    """
    parts = [values.get(f"validation_{name}") for name in ("reconstruction", "kl")]
    if parts[0] is not None and parts[1] is not None:
        return parts[0] + parts[1]
    return values.get("validation_loss")


PRUNERS = ("median", "hyperband", "none")
_SHARE = 2.0
"""Of the time that each trial would have if all were alike."""


@dataclass(frozen=True)
class TuningSettings:
    """Options of `tune`, after their names are resolved.

    Attributes:
        trials: How many there are to be in the folder, the default one included.
        minutes: After which no further trial begins; the refit of the best is included.
        objectives: One, or several to trade off.
        presets: The models to choose from; the first is the default.
        space: What is searched.
        options: Options of the estimator that all trials share.
        trial_minutes: Longest training of one trial; ``None`` for twice its even share.
        processes: On this machine.
        held_out: Share of the items that trials are judged by.
        pruner: One of `PRUNERS`.
        refit: Whether the best trial is fitted anew on all items.
        seed: Of everything random.

    Raises:
        SpecError: A value out of its range.
    """

    trials: int
    minutes: float
    objectives: tuple[Objective, ...]
    presets: tuple[Preset, ...]
    space: Mapping[str, Range]
    options: Mapping[str, Any] = field(default_factory=dict)
    trial_minutes: float | None = None
    processes: int = 1
    held_out: float = 0.2
    pruner: str = "median"
    refit: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the values."""
        for name, most in (("trials", 1_000_000), ("processes", 1024)):
            value = vars(self)[name]
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
                raise SpecError(f"{name} must be a whole number from 1 to {most}; got {value!r}.")
        for name in ("minutes", "trial_minutes"):
            value = vars(self)[name]
            if value is not None and not (_is_number(value) and 0 < value < math.inf):
                raise SpecError(f"{name} must be positive and finite; got {value!r}.")
        if not (_is_number(self.held_out) and 0 < self.held_out < 1):
            raise SpecError(f"held_out must be above 0 and below 1; got {self.held_out!r}.")
        if self.pruner not in PRUNERS:
            raise unknown_name("pruner", self.pruner, PRUNERS)
        names = [objective.name for objective in self.objectives]
        if not names or len(set(names)) < len(names):
            raise SpecError(f"objectives must be different, at least one; got {names}.")
        check_seed(self.seed)

    @property
    def is_single(self) -> bool:
        """Whether there is one objective, and so a best trial."""
        return len(self.objectives) == 1

    @property
    def prunes(self) -> bool:
        """Whether poor trials are given up: only where one objective says what is poor."""
        return self.is_single and self.pruner != "none"

    @property
    def seconds_of_trial(self) -> float:
        """The longest training of a trial."""
        if self.trial_minutes is not None:
            return 60 * self.trial_minutes
        return _SHARE * 60 * self.minutes * self.processes / self.trials

    def identity(self) -> dict[str, Any]:
        """Return what all calls that work into one folder must share, as JSON."""
        return {
            "objectives": [f"{o.name} ({o.direction})" for o in self.objectives],
            "presets": [str(preset) for preset in self.presets],
            "space": {name: known.to_json() for name, known in self.space.items()},
            "options": {name: repr(value) for name, value in sorted(self.options.items())},
            "held_out": self.held_out,
            "seed": self.seed,
        }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
