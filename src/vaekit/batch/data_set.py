"""One task on all shards of a data set, on one of the engines."""

import contextlib
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from vaekit.batch.job import Job, Outcome
from vaekit.batch.local import Progress, run_here, run_processes
from vaekit.batch.on_ray import run_on_ray
from vaekit.batch.scorer import Scorer, run_digest
from vaekit.batch.shards import (
    Shard,
    State,
    check_outputs,
    choose_shards,
    manifest_of,
    shown_failures,
    state_of,
)
from vaekit.errors import DataError, SaveError, SpecError, unknown_name
from vaekit.files import expanded_path
from vaekit.places import check_target
from vaekit.reading.records import current_options
from vaekit.seeds import check_seed

ENGINES = ("local", "ray")


@dataclass(frozen=True)
class Summary:
    """What was done.

    Attributes:
        written: Shards that were written.
        skipped: Shards that were there already.
        rows: That were written.
        seconds: That it took.
        warnings: Of all shards, with the number of shards that gave each.
    """

    written: int
    skipped: int
    rows: int
    seconds: float
    warnings: Sequence[tuple[str, int]] = ()


def process_data_set(
    scorer: Scorer,
    shards: Sequence[Shard],
    out: str | Path,
    *,
    part: str | None = None,
    processes: int = 1,
    engine: str = "local",
    address: str | None = None,
    force: bool = False,
    console: Console | None = None,
) -> Summary:
    """Write one ``.parquet`` file for each shard, with a row for each of its rows.

    Files appear when they are complete, and those that are there already, by the same run, task and
    options, from a source that has not changed, are skipped: a call that was interrupted is gone on
    with by the same call.

    Args:
        scorer: What is done; of a run that was named by its path.
        shards: As of `find_shards`.
        out: The folder to write to.
        part: ``"i/n"`` for the i-th of n parts of the shards, for as many machines.
        processes: How many work at a time, each with a run in its memory; on Ray how many actors,
            where 0 stands for all cores.
        engine: ``"local"`` or ``"ray"``.
        address: Of the cluster of Ray.
        force: Replace files in ``out`` that are of other runs or options.
        console: Where progress is shown.

    Raises:
        SpecError: An option, a run that is in memory only, or a run that changes meanwhile.
        SaveError: Files of another task in ``out``, or it is where the shards are.
        DataError: Some shards failed; the others were written.
        MissingExtraError: Ray is not installed.
    """
    if engine not in ENGINES:
        raise unknown_name("engine", engine, ENGINES)
    if not isinstance(scorer.run, str):
        raise SpecError("a data set needs a run that was saved; pass its folder to Scorer.")
    if address is not None and engine != "ray":
        raise SpecError("--address is of --engine ray; add that, or leave it out.")
    if processes < 0 or (processes == 0 and engine != "ray"):
        raise SpecError(f"--processes must be at least 1; got {processes}.")
    check_seed(scorer.seed)
    folder = expanded_path(out)
    check_folder(folder, shards)
    started = time.monotonic()
    _ = scorer.slice_rows  # loads the run, and refuses a task that it has not
    made_by = {
        "run": run_digest(scorer.run),
        "task": scorer.task,
        "options": _as_json({**scorer.options, "seed": scorer.seed}),
        "keep": list(scorer.keep),
        "context": list(scorer.context),
        "reading": _as_json(asdict(current_options())),
    }
    chosen = choose_shards(shards, part)
    job = Job(scorer, chosen, str(folder), made_by, current_options())
    states = {s.name: state_of(job.path(s), manifest_of(s, made_by)) for s in chosen}
    check_outputs(folder, states, made_by, force=force)
    numbers = [n for n, s in enumerate(chosen) if states[s.name] is not State.FINISHED]
    was_there = folder.exists()
    try:
        with Progress([chosen[n] for n in numbers], console) as progress:
            outcomes = _run(job, numbers, progress, engine, address, processes)
    finally:
        if not was_there:
            _remove_empty(folder)
    return _summary(outcomes, len(chosen) - len(numbers), time.monotonic() - started)


def _remove_empty(folder: Path) -> None:
    """Remove a new folder into which nothing was written."""
    with contextlib.suppress(OSError):  # there is something in it
        folder.rmdir()


def _as_json(options: Mapping[str, Any]) -> Any:
    """Return options as they come back from a file, where tuples are lists."""
    return json.loads(json.dumps(options))


def _run(
    job: Job,
    numbers: Sequence[int],
    progress: Progress,
    engine: str,
    address: str | None,
    processes: int,
) -> list[Outcome]:
    if not numbers:
        return []
    if engine == "ray":
        return run_on_ray(job, numbers, progress, address, processes or None)
    if processes == 1:
        return run_here(job, numbers, progress)
    return run_processes(job, numbers, progress, processes)


def _summary(outcomes: Sequence[Outcome], skipped: int, seconds: float) -> Summary:
    failed = [(o.name, o.error) for o in sorted(outcomes, key=lambda o: o.name) if o.error]
    if failed:
        others = len(outcomes) - len(failed) + skipped
        raise DataError(
            f"{len(failed)} of {len(outcomes) + skipped} shards failed, the other {others} are "
            f"there; once mended, the same command does only what is missing. "
            f"{shown_failures(failed)}"
        )
    said = Counter(text for outcome in outcomes for text in outcome.warnings)
    rows = sum(outcome.rows for outcome in outcomes)
    return Summary(len(outcomes), skipped, rows, seconds, tuple(said.most_common()))


def check_folder(folder: Path, shards: Sequence[Shard]) -> None:
    """Refuse a folder of results that lies among the shards, or is none.

    Raises:
        SaveError: It is so.
    """
    check_target("--out", folder)
    if folder.is_file():
        raise SaveError(f"--out must be a folder; {folder} is a file. Choose another name.")
    real = folder.resolve()
    for shard in shards:
        if shard.path is None:
            continue
        path = Path(shard.path).resolve()
        root = path if path.is_dir() else path.parent if shard.root is None else Path(shard.root)
        is_inside = path.is_dir() or shard.root is not None
        found = root.resolve()
        if real in (found, path.parent) or (is_inside and found in real.parents):
            raise SaveError(
                f"--out must be a folder apart from the shards, so that results are never read as "
                f"shards; got {folder}, and shards lie in {root}. Choose another folder."
            )
