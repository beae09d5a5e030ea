"""The study that all processes share: trials are taken once, and none is lost."""

import shutil
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaekit.errors import FormatError, SpecError
from vaekit.files import atomic_write, read_json, to_json
from vaekit.trackers.base import require_library
from vaekit.tuning.leases import Lease, is_lost, one_at_a_time
from vaekit.tuning.objectives import TuningSettings
from vaekit.tuning.space import suggest

JOURNAL, SETTINGS, LOCK = "journal.log", "settings.json", ".lock"
LEASES, RUNS = "leases", "runs"
_NAME = "tune"
_STARTUP = 5
_MOST_KEPT = 20
LOST, RETRY, DEFAULT, REASON = "lost", "retry_of", "default", "reason"


@dataclass(frozen=True)
class LeasedTrial:
    """A trial that this process has taken.

    Attributes:
        number: Of the trial.
        params: Its parameters; empty for the default.
        trial: Of Optuna.
        lease: Which says that the process lives.
        gave: Names of the measures that gave the objectives in another trial.
    """

    number: int
    params: Mapping[str, Any]
    trial: Any
    lease: Lease
    gave: tuple[str, ...]


class SharedStudy:
    """A study of Optuna in a folder, which several processes and machines work on.

    Whatever is decided about trials is decided under one lock, which the system frees if its holder
    is killed: which trial is next, which are lost, which are kept. The first trial is the default,
    whose parameters are none.

    Args:
        folder: Of the search; made if need be.
        settings: Options.
        data: What tells these data from others.

    Raises:
        MissingExtraError: Optuna is not installed.
        SpecError: The folder holds a search with other options or other data.
    """

    def __init__(self, folder: Path, settings: TuningSettings, data: str) -> None:
        self.optuna = require_library("optuna", "tune", "tune")
        self.folder, self.settings = folder, settings
        self.optuna.logging.set_verbosity(self.optuna.logging.WARNING)
        with self.locked():
            self._agree({**settings.identity(), "data": data})
            self.study = self._open()
            if not self.study.get_trials(deepcopy=False):
                self.study.enqueue_trial({}, user_attrs={DEFAULT: True})

    def locked(self) -> Any:
        """Return a context in which no other process decides anything."""
        return one_at_a_time(self.folder / LOCK)

    def _agree(self, own: Mapping[str, Any]) -> None:
        path = self.folder / SETTINGS
        if not path.exists():
            atomic_write(path, to_json(own))
            return
        known = read_json(path)
        if not isinstance(known, dict):
            raise FormatError(f"{path} must be an object; it is damaged. Choose another folder.")
        if other := [name for name in own if known.get(name) != own[name]]:
            name = other[0]
            raise SpecError(
                f"{self.folder} must hold a search with the same {name}; it holds one with "
                f"{known.get(name)!r}, and got {own[name]!r}. Choose another folder, or the same "
                "options."
            )

    def _open(self) -> Any:
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

        path = str(self.folder / JOURNAL)
        self.storage = JournalStorage(JournalFileBackend(path, JournalFileOpenLock(path)))
        return self.optuna.create_study(
            storage=self.storage,
            study_name=_NAME,
            load_if_exists=True,
            directions=[o.direction for o in self.settings.objectives],
            pruner=self._pruner(),
        )

    def _pruner(self) -> Any:
        pruners = self.optuna.pruners
        if not self.settings.prunes:
            return pruners.NopPruner()
        if self.settings.pruner == "hyperband":
            return pruners.HyperbandPruner()
        return pruners.MedianPruner(n_startup_trials=_STARTUP, n_warmup_steps=1)

    def take_trial(self) -> LeasedTrial | None:
        """Take the next trial; ``None`` where as many as wanted are taken."""
        with self.locked():
            self._reap()
            trials = self.trials()
            if len([t for t in trials if counts(t)]) >= self.settings.trials:
                return None
            self.study.sampler = self._sampler(len(trials))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", self.optuna.exceptions.ExperimentalWarning)
                trial = self.study.ask()
                is_default = bool(trial.user_attrs.get(DEFAULT))
                params = {}
                if not is_default:
                    params = suggest(trial, self.settings.space, self.settings.presets)
            lease = Lease(self._lease(trial.number))
        finished = [t for t in trials if t.user_attrs.get("measures")]
        gave = tuple(finished[0].user_attrs["measures"]) if finished else ()
        return LeasedTrial(trial.number, params, trial, lease, gave)

    def _sampler(self, number: int) -> Any:
        seed = (self.settings.seed * 1_000_003 + number) % 2**32
        if self.settings.is_single:
            return self.optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        return self.optuna.samplers.TPESampler(seed=seed)

    def _lease(self, number: int) -> Path:
        return self.folder / LEASES / f"{number:06d}"

    def _reap(self) -> None:
        """Hand trials whose process is gone to others, each once."""
        for trial in self.trials():
            if trial.state.name == "RUNNING" and is_lost(self._lease(trial.number)):
                self._hand_back(trial.number, trial.params, trial.user_attrs, "its process ended")
                self._lease(trial.number).unlink(missing_ok=True)

    def _hand_back(
        self, number: int, params: Mapping[str, Any], attrs: Mapping[str, Any], why: str
    ) -> None:
        trial_id = self.storage.get_trial_id_from_study_id_trial_number(
            self.storage.get_study_id_from_name(_NAME), number
        )
        again = RETRY not in attrs
        self._attribute(trial_id, REASON, why if again else f"{why}, for the second time")
        if again:  # a trial that ends its process twice is a failed one
            self._attribute(trial_id, LOST, True)
        self.study.tell(number, state=self.optuna.trial.TrialState.FAIL)
        if again:
            own = {RETRY: number} | ({DEFAULT: True} if attrs.get(DEFAULT) else {})
            self.study.enqueue_trial(dict(params), user_attrs=own)

    def _attribute(self, trial_id: int, name: str, value: Any) -> None:
        self.storage.set_trial_user_attr(trial_id, name, value)

    def finish(
        self,
        taken: LeasedTrial,
        state: str,
        values: Sequence[float] | None = None,
        attributes: Mapping[str, Any] | None = None,
        save: Callable[[Path], None] | None = None,
    ) -> bool:
        """Say how a trial ended.

        Args:
            taken: The trial.
            state: ``"COMPLETE"``, ``"PRUNED"`` or ``"FAIL"``.
            values: The objectives, of a complete one.
            attributes: What else is worth keeping.
            save: Writes its run to a folder, which is done if the trial is among the best.

        Returns:
            Whether it counts: not if others held the process for dead and took the trial over.
        """
        with self.locked():
            if not self._is_ours(taken):
                taken.lease.release()
                return False
            for name, value in (attributes or {}).items():
                taken.trial.set_user_attr(name, value)
            if save is not None and values is not None and self._is_best(values):
                save(self.folder / RUNS / f"{taken.number:06d}")
            chosen = self.optuna.trial.TrialState[state]
            self.study.tell(taken.number, None if values is None else list(values), state=chosen)
            self._forget_others()
        taken.lease.release()
        return True

    def abandon(self, taken: LeasedTrial, why: str) -> None:
        """Hand a trial back that was interrupted; another process takes it, now or later."""
        with self.locked():
            if self._is_ours(taken):
                frozen = self.trials()[taken.number]
                attrs = {k: v for k, v in frozen.user_attrs.items() if k != RETRY}
                self._hand_back(taken.number, frozen.params, attrs, why)
        taken.lease.release()

    def _is_ours(self, taken: LeasedTrial) -> bool:
        return bool(self.trials()[taken.number].state.name == "RUNNING")

    def trials(self) -> list[Any]:
        """Return all trials, lost ones included, by number."""
        found: list[Any] = self.study.get_trials(deepcopy=False)
        return found

    def complete(self) -> list[Any]:
        """Return the trials that ended with a value."""
        return [t for t in self.trials() if t.state.name == "COMPLETE"]

    def best(self) -> list[Any]:
        """Return the best trial, or of several objectives those that no other one dominates."""
        complete = self.complete()
        front = [
            t for t in complete if not any(self._dominates(o.values, t.values) for o in complete)
        ]
        if self.settings.is_single:
            return front[:1]
        return front[:_MOST_KEPT]

    def _is_best(self, values: Sequence[float]) -> bool:
        known = [t.values for t in self.complete()]
        if self.settings.is_single:
            return not any(self._dominates(v, values) or v == list(values) for v in known)
        return not any(self._dominates(v, values) for v in known)

    def _dominates(self, a: Sequence[float], b: Sequence[float]) -> bool:
        objectives = self.settings.objectives
        worse = any(o.better(y, x) for o, x, y in zip(objectives, a, b, strict=True))
        return not worse and any(o.better(x, y) for o, x, y in zip(objectives, a, b, strict=True))

    def _forget_others(self) -> None:
        """Remove runs that are no longer among the best, so that the disk stays bounded."""
        kept = {f"{t.number:06d}" for t in self.best()}
        place = self.folder / RUNS
        for run in place.iterdir() if place.exists() else ():
            if run.name not in kept and not run.name.startswith("."):
                shutil.rmtree(run, ignore_errors=True)

    def is_waiting(self) -> bool:
        """Return whether others still work on trials, which may be lost yet."""
        with self.locked():
            self._reap()
        return any(t.state.name in ("RUNNING", "WAITING") for t in self.trials())


def counts(trial: Any) -> bool:
    """Return whether a trial is one of those that were asked for: neither lost nor yet to begin."""
    return trial.state.name != "WAITING" and not trial.user_attrs.get(LOST)


def seconds_of(trial: Any) -> float:
    """Return how long a trial took, or has taken so far."""
    if trial.datetime_start is None:
        return 0.0
    if trial.datetime_complete is None:
        return max(0.0, time.time() - float(trial.datetime_start.timestamp()))
    return float((trial.datetime_complete - trial.datetime_start).total_seconds())
