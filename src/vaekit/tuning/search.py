"""Searching for the options that suit some data."""

import time
import warnings
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.autoencoder import Autoencoder
from vaekit.domains.base import Domain
from vaekit.domains.choice import infer_domain
from vaekit.errors import DataError, SpecError, TrainingError, VaekitError, unknown_name
from vaekit.files import atomic_write, expanded_path, read_json, to_json
from vaekit.fitting.trained import resolve_context
from vaekit.presets.base import Preset, get_preset
from vaekit.randomness import make_generator
from vaekit.spec import describe
from vaekit.trackers.base import require_library
from vaekit.training.config import Items
from vaekit.tuning.leases import one_at_a_time
from vaekit.tuning.objectives import Objective, TuningSettings
from vaekit.tuning.report import BEST, FILES, TuningResult, make_result, write_report
from vaekit.tuning.space import (
    PRESET,
    Choice,
    Range,
    check_space,
    default_space,
    read_space,
)
from vaekit.tuning.study import JOURNAL, LEASES, LOCK, REASON, RUNS, SETTINGS, SharedStudy
from vaekit.tuning.work import Task, Watch, fit_with_prior, refit_seconds, work
from vaekit.tuning.worker import helpers

_FINISH, _BEST_NOTE = ".finish.lock", "best.json"
_OURS = frozenset({JOURNAL, f"{JOURNAL}.lock", LEASES, LOCK, f"{LOCK}.lock", RUNS, SETTINGS})
_OURS_AT_THE_END = frozenset({BEST, _BEST_NOTE, _FINISH, *FILES})
_LEAST_HELD_OUT = 10
_TRAINED = 0.85
"""Share of the time left that a refit trains: its prior, its measures and files take the rest."""
_LEAST_OF_A_REFIT = 0.5
"""Of the time that a refit would take: with less of it, the trial's own run is better."""


def tune(
    data: Any,
    context: Any = None,
    *,
    trials: int = 50,
    minutes: float = 30.0,
    objective: str | Sequence[str] = "auto",
    presets: Sequence[str | Preset] = ("auto",),
    space: Mapping[str, Any] | str | Path | None = None,
    out: str | Path = "tuning",
    processes: int = 1,
    domain: str | Domain = "auto",
    held_out: float = 0.2,
    trial_minutes: float | None = None,
    pruner: str = "median",
    refit: bool = True,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    watch: Watch = lambda done, of, news: None,
) -> TuningResult:
    """Search for the options that suit the data: train many models, and keep the best.

    A part of the data is held out from all trainings, and each model is judged by it; so keep test
    data out of ``data``. The first trial is the default of the package, so that what is found is
    known to be better than it, or is it. The others are suggested by Optuna's TPE sampler from what
    is known by then, and poor ones are given up early.

    Everything is stored in ``out`` after each trial. The same call again goes on with what is
    there; so do calls at the same time, from other machines with the same disk too: every trial is
    taken once, and the trial of a process that was killed is taken by another one.

    Args:
        data: As of `Autoencoder.fit`.
        context: Labels or properties to condition the models on.
        trials: How many there are to be in ``out``, those of former calls and others included.
        minutes: The time of this call, the refit of the best included.
        objective: A measure of ``vaekit evaluate``, such as ``"log-likelihood"``, ``"C2ST"``,
            ``"Frechet distance, samples"``; ``"NAME=min"`` or ``"NAME=max"`` of one that is not
            known. Or several to trade off: then no trial is given up early, and there is a front of
            trials in place of a best one. ``"auto"`` takes what suits the data.
        presets: The models to choose from; the first is the default.
        space: What is searched, as `vaekit.tuning.read_space` takes it; ``None`` for
            `vaekit.tuning.default_space`.
        out: Folder of the search, new or of the same search.
        processes: How many to start on this machine.
        domain: As of `Autoencoder`.
        held_out: Share of the data by which trials are judged, above 0, below 1.
        trial_minutes: Longest training of a trial; ``None`` for twice its even share.
        pruner: How poor trials are found: ``"median"``, ``"hyperband"``, or ``"none"``.
        refit: Whether the best trial is fitted anew on all data, those held out included, if time
            is left for it; else its run is kept as it is.
        options: Further options of `Autoencoder` that all trials share.
        seed: Of everything random.
        watch: Called with how many trials are over, of how many, and what happens.

    Returns:
        The trials, and the best model, a run in ``out/best``; ``out/index.html`` shows them.

    Raises:
        SpecError: An unknown objective, parameter, preset or option; a folder of another search.
        DataError: Too few items.
        TrainingError: No trial ended within the time, or all failed.
        MissingExtraError: The extra ``tune`` is not installed.
    """
    started = time.time()
    require_library("optuna", "tune", "vaekit.tune")
    folder = expanded_path(out)
    check_tuning_folder(folder)
    shared = _checked_options(options or {})
    domain = infer_domain(data, domain).with_source(data)
    context = resolve_context(domain, data, context, must=True)
    data = domain.read(data)
    fitted = domain.fit(data)
    rows = fitted.prepare(data)
    chosen = tuple(get_preset(fitted.default_preset if p == "auto" else p) for p in presets)
    objectives = _objectives(objective, fitted)
    settings = TuningSettings(
        trials,
        minutes,
        objectives,
        chosen,
        _space(space, chosen, fitted, objectives, shared),
        shared,
        trial_minutes,
        processes,
        held_out,
        pruner,
        refit,
        seed,
    )
    learn, judge = _split(len(rows), held_out, seed)
    task = Task(
        folder,
        settings,
        _fingerprint(fitted, rows),
        domain,
        _part(data, learn),
        _part(data, judge),
        _part(context, learn),
        _part(context, judge),
        started + 60 * minutes,
    )
    del rows
    with helpers(task, processes - 1):
        study = work(task, watch)
    with one_at_a_time(folder / _FINISH):
        return _finish(task, study, data, context, watch)


def check_tuning_folder(folder: Path) -> None:
    """Refuse a place that holds something else than a search.

    Raises:
        SpecError: Neither new, nor empty, nor a search.
    """
    if not folder.exists():
        return
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else {folder.name}
    if names - _OURS - _OURS_AT_THE_END and SETTINGS not in names:
        raise SpecError(
            f"{folder} must be a new folder or one of a search; it holds something else. Choose "
            "another name."
        )


def _checked_options(options: Mapping[str, Any]) -> dict[str, Any]:
    limits = {"max_minutes", "cpu_minutes"}
    own = {"callbacks", "checkpoint_dir", "domain", "preset", "progress", "resume"} | limits
    known = Autoencoder().get_params().keys() - own
    for name in options:
        if name not in known:
            raise unknown_name("option of all trials", name, known)
    return dict(options)


def _objectives(given: str | Sequence[str], domain: Domain) -> tuple[Objective, ...]:
    names = [given] if isinstance(given, str) else list(given)
    return tuple(Objective.of(domain.tuning_objective if n == "auto" else n) for n in names)


def _space(
    given: Mapping[str, Any] | str | Path | None,
    presets: Sequence[Preset],
    domain: Domain,
    objectives: Sequence[Objective],
    options: Mapping[str, Any],
) -> dict[str, Range]:
    found = read_space(given)
    if found is None:
        samples = any(objective.judges_samples for objective in objectives)
        found = default_space(presets, domain.event_shape, samples=samples)
        found = {name: known for name, known in found.items() if name not in options}
    elif len(presets) > 1 and PRESET not in found:
        found = {PRESET: Choice(tuple(preset.name for preset in presets)), **found}
    if both := sorted(found.keys() & options.keys()):
        raise SpecError(
            f"{both[0]!r} must be searched or the same for all trials; got both. Leave it out of "
            "space or of options."
        )
    check_space(found, presets)
    return found


def _split(count: int, share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return positions of items to learn from, and of those to judge by."""
    held_out = round(share * count)
    if held_out < _LEAST_HELD_OUT or count - held_out < _LEAST_HELD_OUT:
        raise DataError(
            f"a search needs at least {_LEAST_HELD_OUT} items to learn from, and as many that are "
            f"held out; got {count} items with held_out={share:g}, which are {count - held_out} "
            f"and {held_out}."
        )
    order = torch.randperm(count, generator=make_generator(seed)).numpy()
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def _fingerprint(domain: Domain, rows: Tensor) -> str:
    """Tell these data from others: by their rows as prepared, and by what prepared them."""
    learned = zlib.crc32(to_json(describe(domain)))
    return f"{Items(rows).fingerprint()} {learned:08x}"


def _part(values: Any, positions: NDArray[np.int64]) -> Any:
    """Some of the items or contexts, in the form in which they are."""
    if values is None:
        return None
    if isinstance(values, Mapping):
        values = pd.DataFrame(values)
    if isinstance(values, list | tuple):
        return [values[place] for place in positions]
    if isinstance(values, torch.Tensor):
        return values[torch.from_numpy(positions)]
    return getattr(values, "iloc", values)[positions]


def _finish(task: Task, study: SharedStudy, data: Any, context: Any, watch: Watch) -> TuningResult:
    """Write the best model, the table of trials and the page; whoever comes last does it last."""
    result = make_result(study)
    if not result.front:
        write_report(task.folder, result, task.settings)
        raise TrainingError(_why_nothing(task, result))
    refit = None
    if result.best_number is not None:
        watch(len(study.complete()), task.settings.trials, "the best model")
        refit = _write_best(task, study, result, data, context)
    write_report(task.folder, result, task.settings, refit)
    return result


def _why_nothing(task: Task, result: TuningResult) -> str:
    minutes, trials = task.settings.minutes, result.trials
    if trials.empty:
        return (
            f"at least one trial must end within minutes={minutes:g}; none had begun by then. Give "
            "more minutes."
        )
    failed = trials[trials["state"] == "failed"]
    if failed.empty:
        return (
            f"at least one trial must end within minutes={minutes:g}; {len(trials)} had begun. "
            "Give more minutes; the same folder goes on from there."
        )
    first = failed.iloc[0]
    return (
        f"at least one trial must end with a value; all {len(failed)} failed. Trial "
        f"{first['number']}: {first[REASON]}"
    )


def _write_best(
    task: Task, study: SharedStudy, result: TuningResult, data: Any, context: Any
) -> bool:
    """Write the best model, and return whether it was fitted anew: where there is time for it."""
    number, path, place = result.best_number, task.folder / _BEST_NOTE, task.folder / BEST
    assert number is not None, "of one objective"
    known = read_json(path) if path.exists() and place.exists() else {}
    note = {"number": number, "params": dict(result.best_params), "refit": task.settings.refit}
    if known == note:
        return task.settings.refit
    left, needed = task.left(), refit_seconds(task, study)
    if task.settings.refit and left > _LEAST_OF_A_REFIT * needed:
        try:
            model = task.estimator(result.best_params, _TRAINED * left)  # more than a trial had
            fit_with_prior(model, result.best_params, data, context).save(place)
        except VaekitError as error:
            warnings.warn(
                f"the best trial could not be fitted to all data: {error} Its own run, trained "
                "without the held-out items, is kept in its place.",
                stacklevel=4,
            )
            note["refit"] = False
    else:
        note["refit"] = False
    if not note["refit"] and known != note:
        result.load(number).save(place)
    atomic_write(path, to_json(note))
    return bool(note["refit"])
