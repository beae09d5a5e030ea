"""The work on trials: what a process does until there is no trial or no time left."""

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from vaekit.autoencoder import Autoencoder
from vaekit.domains.base import Domain
from vaekit.errors import TrainingPruned, VaekitError
from vaekit.tuning.objectives import PruningCallback, TuningSettings, measure
from vaekit.tuning.space import PRIOR, chosen_preset, estimator_options
from vaekit.tuning.study import REASON, LeasedTrial, SharedStudy, seconds_of

_POLL = 0.5
_LEAST = 1e-3
_REFIT_SHARE = 0.4
_CUT = 0.9
"""Share of its time from which on a training is held to have ended by it."""

Watch = Callable[[int, int, str], None]
"""Called with how many trials are over, of how many, and what is worth saying."""


@dataclass(frozen=True)
class Task:
    """What all trials of a search share.

    Attributes:
        folder: Of the search.
        settings: Options.
        fingerprint: Of the data.
        domain: The kind of data, not fitted.
        training: Items to learn from.
        held_out: Items to be judged by.
        training_context: Their context, or ``None``.
        held_out_context: Theirs.
        deadline: Reading of `time.time` after which no trial begins.
    """

    folder: Path
    settings: TuningSettings
    fingerprint: str
    domain: Domain
    training: Any
    held_out: Any
    training_context: Any
    held_out_context: Any
    deadline: float

    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.time()

    def estimator(self, params: Mapping[str, Any], seconds: float, **more: Any) -> Autoencoder:
        """Return the estimator of a trial.

        Args:
            params: Its parameters; empty for the default.
            seconds: For its training, at most.
            **more: Further options.
        """
        options = {
            "seed": self.settings.seed,
            **self.settings.options,
            **estimator_options(params),
            "progress": False,
            **more,
        }
        preset = chosen_preset(params, self.settings.presets)
        minutes = max(seconds, _LEAST) / 60
        return Autoencoder(preset, domain=self.domain, max_minutes=minutes, **options)


def work(task: Task, watch: Watch = lambda done, of, news: None) -> SharedStudy:
    """Take one trial after the other, until all are over or the time is.

    Args:
        task: What to do.
        watch: Called before each trial and while others are waited for.

    Returns:
        The study.
    """
    study = SharedStudy(task.folder, task.settings, task.fingerprint)
    while _has_time(task, study):
        taken = study.take_trial()
        done = len(study.complete())
        if taken is not None:
            watch(done, task.settings.trials, f"trial {taken.number}")
            _run(task, study, taken)
        elif study.is_waiting():
            watch(done, task.settings.trials, "waiting for others")
            time.sleep(_POLL)
        else:
            break
    return study


def _has_time(task: Task, study: SharedStudy) -> bool:
    """Return whether another trial, and the refit of the best, would end before the deadline."""
    left = task.left()
    complete = study.complete()
    if not complete:
        return left > 0
    usual = median(seconds_of(t) for t in complete)
    reserve = refit_seconds(task, study) if task.settings.refit and task.settings.is_single else 0.0
    return left > reserve + 0.5 * usual


def refit_seconds(task: Task, study: SharedStudy) -> float:
    """Return how long a refit of the best trial will take: it has more items.

    If the trial was cut short by its time, two fifths of all time are kept to train it for longer.
    """
    best = study.best()
    if not best:
        return 0.0
    usual = seconds_of(best[0]) / (1 - task.settings.held_out)
    cut = bool(best[0].user_attrs.get("cut"))
    return max(usual, _REFIT_SHARE * 60 * task.settings.minutes) if cut else usual


def _run(task: Task, study: SharedStudy, taken: LeasedTrial) -> None:
    started = time.monotonic()

    def notes(**more: Any) -> dict[str, Any]:
        return {"seconds": time.monotonic() - started, **more}

    try:
        with warnings.catch_warnings():
            if taken.params:  # the default has said what there is to say of the data
                warnings.simplefilter("ignore")
            model, values, gave = _judged(task, study, taken)
    except TrainingPruned as pruned:
        study.finish(taken, "PRUNED", attributes=notes(**{REASON: str(pruned)}))
    except Exception as error:  # of whatever kind: the search goes on, and the page says why
        kind = "" if isinstance(error, VaekitError) else f"{type(error).__name__}: "
        study.finish(taken, "FAIL", attributes=notes(**{REASON: f"{kind}{error}"[:2000]}))
    except BaseException:
        study.abandon(taken, "it was interrupted")
        raise
    else:
        spent, given = model.notes_["seconds"], 60 * float(model.max_minutes or 0)
        more = notes(measures=gave, epochs=len(model.history_), cut=spent > _CUT * given)
        study.finish(taken, "COMPLETE", values, more, model.save)


def _judged(
    task: Task, study: SharedStudy, taken: LeasedTrial
) -> tuple[Autoencoder, list[float], list[str]]:
    """Train the model of a trial, and return it with its objectives and what gave them."""
    settings = task.settings
    reserve = refit_seconds(task, study) if settings.refit else 0.0
    seconds = min(settings.seconds_of_trial, task.left() - reserve)
    callbacks = [PruningCallback(taken.trial)] if settings.prunes and taken.params else []
    model = task.estimator(taken.params, seconds, callbacks=callbacks)
    fit_with_prior(model, taken.params, task.training, task.training_context)
    values, gave = measure(
        model.trained_,
        task.held_out,
        task.held_out_context,
        task.training,
        settings.objectives,
        taken.gave,
    )
    return model, values, gave


def fit_with_prior(
    model: Autoencoder, params: Mapping[str, Any], X: Any, context: Any
) -> Autoencoder:
    """Fit an estimator, and the prior that its trial suggests."""
    model.fit(X, context=context)
    if params.get(PRIOR, "auto") != "auto":
        model.refit_prior(params[PRIOR], X, context)
    return model
