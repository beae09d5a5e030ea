"""Damaged run folders, detectors, checkpoints and data files: what the readers make of them.

Each case copies a sound folder or file, damages it by a seed, and reads it with limits on time and
memory. The only error that may come out is a `VaekitError`. Run:

    python benchmarks/fuzz.py --cases 100000
    python benchmarks/fuzz.py --only 'run/table/17'      # one case again, with its traceback
"""

import argparse
import collections
import contextlib
import fnmatch
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vaekit import Autoencoder, load
from vaekit.domains import infer_domain, read_source
from vaekit.errors import VaekitError
from vaekit.testing.mutations import mutate_file

SOUND = Path(__file__).parents[1] / "tests" / "gold" / "runs"
SECONDS, MEGABYTES = 5.0, 500.0
_MODEL_FILES = ("model.json", "model.safetensors", "domain.json", "train.json")


class OutOfTimeError(BaseException):
    """Not an `Exception`, so that nothing on the way takes it for a damaged file."""


@dataclass(frozen=True)
class Subject:
    """Something sound that is damaged, and what reads it.

    Attributes:
        name: What it is called.
        source: The sound folder.
        files: Which of its files are damaged.
        read: What is done with the damaged copy.
    """

    name: str
    source: Path
    files: tuple[str, ...]
    read: Callable[[Path], object]


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        case: ``subject/seed``.
        damage: What was done.
        ended: ``"loaded"``, ``"refused"`` or the name of an error that must not come out.
        where: The last place in the package, of such an error, or of one that no rule foresaw.
        seconds: How long it took.
        megabytes: The most memory that the process had above what it had before.
        message: Of the error.
    """

    case: str
    damage: str
    ended: str
    where: str
    seconds: float
    megabytes: float
    message: str


def subjects(folder: Path) -> list[Subject]:
    """Sound folders and files of each kind, made in a folder."""
    return [*_runs(folder), *_checkpoints(), *_inputs(folder / "inputs")]


def _runs(folder: Path) -> Iterator[Subject]:
    for stored in sorted(path for path in SOUND.iterdir() if (path / "model.json").exists()):
        current = folder / "runs" / stored.name
        if not current.exists():
            load(stored).save(current)
        more = ("detector.json", "detector.safetensors")
        kind = "detector" if (stored / more[0]).exists() else "run"
        files = (*_MODEL_FILES, *more, *more) if kind == "detector" else _MODEL_FILES
        yield Subject(f"{kind}/{stored.name}", current, files, load_and_use)
        yield Subject(f"{kind}/{stored.name}-1", stored, files, load_and_use)


def load_and_use(folder: Path) -> object:
    """Load, and try what a user does first."""
    found = load(folder)
    model = found if isinstance(found, Autoencoder) else found.autoencoder_
    context = None if model.context_ is None else next(iter(model.context_.attributes.values()))[0]
    drawn = model.sample(2, context, seed=0)
    return model.transform(drawn, context)


def _checkpoints() -> Iterator[Subject]:
    sys.path.insert(0, str(SOUND.parents[1]))
    from gold.data import images
    from gold.stored import checkpointed

    def resume(folder: Path) -> object:
        return checkpointed(folder).fit(images())

    source = SOUND / "checkpoint"
    yield Subject("checkpoint/images", source, ("checkpoint.safetensors",), resume)


def _inputs(folder: Path) -> Iterator[Subject]:
    if not folder.exists():
        folder.mkdir(parents=True)
        write_inputs(folder)
    for path in sorted(folder.iterdir()):
        name = next(iter(path.iterdir())).name
        yield Subject(f"input/{path.name}", path, (name,), _reader(path.name, name))


def _reader(kind: str, name: str) -> Callable[[Path], object]:
    def read(folder: Path) -> object:
        path = folder if kind == "png" else folder / name
        if kind in ("smi", "sdf"):
            from vaekit.molecules.reading import read_molecules

            return read_molecules(path)
        raw = read_source(path)
        return infer_domain(raw).fit(raw)

    return read


def write_inputs(folder: Path) -> None:
    """Write a sound file of each format, each in a folder of its own."""
    import pandas as pd
    from PIL import Image

    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(30, 4))
    frame = pd.DataFrame(
        {"size": numbers[:, 0], "kind": list("abc") * 10, "day": pd.date_range("2020", periods=30)}
    )
    smiles = ["CCO", "c1ccccc1", "CC(=O)O", "CN"] * 5
    for kind in ("npy", "npz", "parquet", "csv", "csv.gz", "jsonl", "png", "smi", "sdf", "gz"):
        (folder / kind).mkdir()
        path = folder / kind / f"data.{kind}"
        if kind == "npy":
            np.save(path, numbers)
        elif kind == "npz":
            np.savez(path, X=numbers)
        elif kind == "parquet":
            frame.to_parquet(path)
        elif kind in ("csv", "csv.gz"):
            frame.to_csv(path, index=False)
        elif kind == "jsonl":
            frame.to_json(path, orient="records", lines=True, date_format="iso")
        elif kind == "png":
            for number in range(4):
                pixels = rng.integers(0, 255, (12, 12, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(path.with_name(f"{number}.png"))
        elif kind == "smi":
            path.write_text("\n".join(smiles) + "\n")
        elif kind == "gz":
            _write_idx(path)
        else:
            _write_sdf(path, smiles)


def _write_idx(path: Path) -> None:
    import gzip

    head = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in (5, 8, 8))
    path.write_bytes(gzip.compress(head + bytes(range(64)) * 5))


def _write_sdf(path: Path, smiles: list[str]) -> None:
    from rdkit import Chem

    with Chem.SDWriter(str(path)) as writer:
        for text in smiles:
            writer.write(Chem.MolFromSmiles(text))


def run_case(subject: Subject, seed: int, others: list[Path]) -> Outcome:
    """Damage a copy of a subject and read it."""
    case = f"{subject.name}/{seed}"
    rng = random.Random(case)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "run"
        shutil.copytree(subject.source, folder)
        file = folder / rng.choice(subject.files)
        damage = mutate_file(file, [o for o in others if o.suffix == file.suffix], rng)
        return _read(subject, folder, case, damage)


def _read(subject: Subject, folder: Path, case: str, damage: str) -> Outcome:
    ended, where, message = "loaded", "", ""
    caught = ""
    before = _resident("VmRSS")
    _forget_peak()
    start = time.perf_counter()
    try:
        with limited(SECONDS * 4), torch.random.fork_rng(devices=[]):
            subject.read(folder)
    except VaekitError as error:
        ended, message = "refused", f"{type(error).__name__}: {error}"
        if error.__cause__ is not None and "must be a sound run folder" in message:
            caught = _last_place(error.__cause__)
    except (Exception, OutOfTimeError) as error:
        ended, message = type(error).__name__, str(error)
        where = _last_place(error)
    seconds = time.perf_counter() - start
    return Outcome(
        case, damage, ended, where or caught, seconds, _resident("VmHWM") - before, message
    )


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Within the block, warnings are silent, and time beyond a limit is an error."""

    def stop(signum: int, frame: Any) -> None:
        raise OutOfTimeError(f"more than {seconds} s")

    old = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def _last_place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "vaekit" in f.filename and "benchmarks" not in f.filename]
    last = own[-1] if own else frames[-1]
    return f"{Path(last.filename).name}:{last.lineno} {last.name}"


def _forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _resident(field: str) -> float:
    """Return a figure of memory of this process in megabytes; 0 where the system has none."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) / 1000
    return 0.0


def run(cases: int, first: int = 0, only: str = "*", seconds: float = 1e9) -> list[Outcome]:
    """Run so many cases, spread over the subjects in turn."""
    torch.set_num_threads(1)
    outcomes = []
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as place:
        found = [s for s in subjects(Path(place)) if fnmatch.fnmatch(s.name, only)]
        if not found:  # one case, as the table names it
            name, _, seed = only.rpartition("/")
            found = [s for s in subjects(Path(place)) if s.name == name]
            first, cases = int(seed) * len(found), 1
        others = [s.source / f for s in found for f in set(s.files)]
        for number in range(first, first + cases):
            subject = found[number % len(found)]
            outcomes.append(run_case(subject, number // len(found), others))
            if time.monotonic() > end:
                break
    return outcomes


def report(outcomes: list[Outcome]) -> str:
    """A table of the outcomes by kind, and each kind of error that must not come out."""
    groups = collections.defaultdict(collections.Counter)
    for o in outcomes:
        group = o.case.split("/")[0]
        groups[group][o.ended if o.ended in ("loaded", "refused") else "raw"] += 1
    lines = [f"{'kind':12}{'cases':>8}{'loaded':>8}{'refused':>9}{'raw':>6}{'slow':>6}{'big':>5}"]
    for group, counts in groups.items():
        of = [o for o in outcomes if o.case.split("/")[0] == group]
        slow = sum(o.seconds > SECONDS for o in of)
        big = sum(o.megabytes > MEGABYTES for o in of)
        lines.append(
            f"{group:12}{len(of):8}{counts['loaded']:8}{counts['refused']:9}{counts['raw']:6}"
            f"{slow:6}{big:5}"
        )
    slowest = max(outcomes, key=lambda o: o.seconds)
    biggest = max(outcomes, key=lambda o: o.megabytes)
    lines.append(f"slowest: {slowest.seconds:.2f} s ({slowest.case}, {slowest.damage})")
    lines.append(f"biggest: {biggest.megabytes:.0f} MB ({biggest.case}, {biggest.damage})")
    raw = collections.defaultdict(list)
    for o in wrong(outcomes):
        raw[(o.ended, o.where)].append(o)
    for (ended, where), found in sorted(raw.items(), key=lambda item: -len(item[1])):
        o = found[0]
        lines.append(f"{len(found):5} {ended} at {where}: {o.message[:150]!r}")
        lines.append(f"      {o.case} ({o.damage}), {o.seconds:.1f} s, {o.megabytes:.0f} MB")
    unforeseen = collections.Counter(o.where for o in outcomes if o.ended == "refused" and o.where)
    lines.append(f"refused by no rule of its own, but as damaged: {unforeseen.total()}")
    lines += [f"{count:5} at {where}" for where, count in unforeseen.most_common(20)]
    return "\n".join(lines)


def wrong(outcomes: list[Outcome]) -> list[Outcome]:
    """Return the cases that broke a promise: another error, too slow, or too much memory."""
    return [
        o
        for o in outcomes
        if o.ended not in ("loaded", "refused") or o.seconds > SECONDS or o.megabytes > MEGABYTES
    ]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", default="*", help="a pattern of subjects, or one case")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so many")
    given = parser.parse_args()
    outcomes = run(given.cases, given.first, given.only, given.seconds)
    print(report(outcomes))
    if len(outcomes) == 1:
        print(outcomes[0])
    sys.exit(bool(wrong(outcomes)))


if __name__ == "__main__":
    main()
