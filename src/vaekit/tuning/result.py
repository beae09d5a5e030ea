"""What a search found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from vaekit.autoencoder import Autoencoder
from vaekit.errors import CompositionError
from vaekit.storage.loading import load_model
from vaekit.tuning.objectives import Objective
from vaekit.tuning.settings import TuningSettings
from vaekit.tuning.space import Choice, Integer, Range
from vaekit.tuning.study import LOST, REASON, RETRY, RUNS, SharedStudy, seconds_of

BEST = "best"
_STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running"}


@dataclass(frozen=True)
class TuningResult:
    """What a search found.

    Attributes:
        folder: Where everything is stored.
        objectives: What was searched for.
        trials: One row per trial: number, state, the objectives, the parameters as ``param NAME``,
            seconds, epochs, the reason of what ended otherwise, and ``retry_of``, the trial whose
            process was lost.
        best_number: Of the best trial; ``None`` of several objectives.
        best_params: Its parameters; empty if the default is best.
        front: Numbers of the trials that no other one dominates, at most 20; of one objective the
            best alone.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from vaekit import tune
        >>> X = np.random.default_rng(0).normal(size=(200, 3))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found = tune(X, trials=2, minutes=1, options={"max_epochs": 2}, out=f"{folder}/t")
        ...     len(found.trials), found.best.sample(2).shape
        (2, (2, 3))
    """

    folder: Path
    objectives: tuple[Objective, ...]
    trials: pd.DataFrame = field(repr=False)
    best_number: int | None
    best_params: Mapping[str, Any]
    front: tuple[int, ...]

    @cached_property
    def best(self) -> Autoencoder:
        """The best model.

        Raises:
            CompositionError: There were several objectives, and so no single best one.
        """
        if self.best_number is None:
            raise CompositionError(
                f"of several objectives there is no best trial; take one of front, {self.front}, "
                "by load(NUMBER)."
            )
        model: Autoencoder = load_model(self.folder / BEST)
        return model

    def load(self, number: int) -> Autoencoder:
        """Return the model of a trial of `front`, trained without the held-out items.

        Args:
            number: Of the trial.

        Raises:
            CompositionError: Its run was not kept.
        """
        if number not in self.front:
            raise CompositionError(
                f"runs are kept of the best trials only, {self.front}; got {number}."
            )
        model: Autoencoder = load_model(self.folder / RUNS / f"{number:06d}")
        return model

    def value(self, number: int, objective: str | None = None) -> float:
        """Return an objective of a trial, NaN where it has none.

        Args:
            number: Of the trial.
            objective: Its name; ``None`` for the first.
        """
        name = self.objectives[0].name if objective is None else objective
        return float(self.trials.loc[self.trials["number"] == number, name].iloc[0])


def make_result(study: SharedStudy) -> TuningResult:
    """Return what is known by now."""
    settings, best = study.settings, study.best()
    single = settings.is_single and bool(best)
    return TuningResult(
        study.folder,
        settings.objectives,
        trials_table(study, settings),
        best[0].number if single else None,
        dict(best[0].params) if single else {},
        tuple(t.number for t in best),
    )


def trials_table(study: SharedStudy, settings: TuningSettings) -> pd.DataFrame:
    """Return one row per trial that has begun."""
    rows = []
    for trial in study.trials():
        if trial.state.name == "WAITING":
            continue
        lost = bool(trial.user_attrs.get(LOST))
        values = [float("nan")] * len(settings.objectives)
        if trial.state.name == "COMPLETE":  # a pruned one has its last validation loss there
            values = trial.values
        names = [objective.name for objective in settings.objectives]
        rows.append(
            {
                "number": trial.number,
                "state": "lost" if lost else _STATES[trial.state.name],
                **dict(zip(names, values, strict=True)),
                **{f"param {name}": trial.params.get(name) for name in settings.space},
                "seconds": trial.user_attrs.get("seconds", seconds_of(trial)),
                "epochs": trial.user_attrs.get("epochs"),
                "reason": trial.user_attrs.get(REASON, ""),
                "retry_of": trial.user_attrs.get(RETRY),
            }
        )
    frame = pd.DataFrame(rows, dtype=object)
    if frame.empty:
        return frame
    names = [objective.name for objective in settings.objectives]
    kinds = dict.fromkeys([*names, "seconds"], "float64")
    kinds |= dict.fromkeys(["number", "epochs", "retry_of"], "Int64")
    kinds |= dict.fromkeys(["state", "reason"], "str")
    kinds |= {f"param {name}": _dtype(known) for name, known in settings.space.items()}
    return frame.astype(kinds)


def _dtype(known: Range) -> str:
    if isinstance(known, Choice):
        return "Int64" if all(type(value) is int for value in known.values) else "object"
    return "Int64" if isinstance(known, Integer) else "float64"
