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
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
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


class InUseError(Exception):
    """What loaded cannot be used: its parts are sound, and do not fit each other."""


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
        ended: ``"loaded"``, ``"refused"``, ``"unusable"`` where it loaded and then another error
            came out in use, or the name of an error that must not come out.
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
    try:
        return _use(found)
    except VaekitError:
        raise
    except Exception as error:
        raise InUseError(f"{type(error).__name__}: {error}") from error


def _use(found: Any) -> object:
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
        with limited(SECONDS * 4), torch.random.fork_rng(devices=[]), watched(folder, case):
            subject.read(folder)
    except VaekitError as error:
        ended, message = "refused", f"{type(error).__name__}: {error}"
        if error.__cause__ is not None and "must be a sound run folder" in message:
            caught = _last_place(error.__cause__)
    except InUseError as error:
        ended, message, where = "unusable", str(error), _last_place(error.__cause__ or error)
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
    with tempfile.TemporaryDirectory() as place:
        every = subjects(Path(place))
        found = [s for s in every if fnmatch.fnmatch(s.name, only)]
        if not found:  # one case, as the table names it
            name, _, seed = only.rpartition("/")
            found = [s for s in every if s.name == name]
            return [run_case(found[0], int(seed), files_of(every))]
        return run_cases(found, files_of(every), range(first, first + cases), seconds)


def files_of(found: list[Subject]) -> list[Path]:
    """Sound files that may stand in the place of others."""
    return [s.source / name for s in found for name in sorted(set(s.files))]


def run_cases(
    found: list[Subject], others: list[Path], numbers: Iterable[int], seconds: float = 1e9
) -> list[Outcome]:
    """Run cases of given numbers, for so many seconds at most."""
    outcomes, end = [], time.monotonic() + seconds
    for number in numbers:
        outcomes.append(run_case(found[number % len(found)], number // len(found), others))
        if time.monotonic() > end:
            break
    return outcomes


@dataclass
class Audit:
    """Notes what a reader must not do: processes, sockets, writing, reading elsewhere.

    Attributes:
        folder: Where reading is fine; ``None`` while nothing is watched.
        writes: Whether writing there is fine, as in a training.
        follows: Whether reading elsewhere is fine, as of data that are a link.
        broken: What was done.
    """

    folder: Path | None = None
    writes: bool = False
    follows: bool = False
    broken: list[str] = field(default_factory=list)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take an event of the interpreter; see `sys.addaudithook`."""
        if self.folder is None:
            return
        if event == "open":
            self._opened(*arguments)
        elif event.startswith(_WRITING) and self.writes:
            return
        elif event.startswith((*_FORBIDDEN, *_WRITING)):
            self.broken.append(f"{event} {arguments!r:.200}")

    def _opened(self, path: Any, mode: Any, flags: Any) -> None:
        writes = bool((flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if isinstance(path, int):  # a file that was opened before, and noted then
            return
        real = Path(os.path.realpath(os.fsdecode(path)))
        folder = Path(os.path.realpath(self.folder))
        lock = folder.with_name(f".{folder.name}.lock")  # beside a folder that is trained into
        inside = real.is_relative_to(folder) or real == lock
        code = any(real.is_relative_to(place) for place in _CODE)
        fine = (inside and self.writes) if writes else inside or code or self.follows
        if not fine:
            self.broken.append(f"open {real} {mode} {flags}")


_FORBIDDEN = (
    "subprocess.",
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "socket.",
    "urllib.",
    "webbrowser.",
    "pickle.find_class",
)
_WRITING = (
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.mkdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
    "shutil.",
)
_CODE = [
    Path(os.path.realpath(place))
    for place in (
        *(sys.prefix, sys.base_prefix, Path(__file__).parents[1] / "src"),
        *("/proc", "/sys/fs/cgroup"),  # where the system says how much memory there is
    )
]
_AUDIT = Audit()


@contextlib.contextmanager
def watched(folder: Path, case: str) -> Iterator[None]:
    """Within the block, what `_AUDIT` forbids is noted, if it was put in force."""
    kind = case.split("/", maxsplit=1)[0]
    _AUDIT.folder, _AUDIT.writes, _AUDIT.follows = folder, kind == "checkpoint", kind == "input"
    try:
        yield
    finally:
        _AUDIT.folder = None


def report(outcomes: list[Outcome]) -> str:
    """A table of the outcomes by kind, and each kind of error that must not come out."""
    groups = collections.defaultdict(collections.Counter)
    for o in outcomes:
        group = o.case.split("/")[0]
        groups[group][o.ended if o.ended in _FINE else "raw"] += 1
    head = ("cases", "loaded", "refused", "unusable", "raw", "slow", "big")
    lines = ["".join([f"{'kind':12}", *(f"{word:>9}" for word in head)])]
    for group, counts in groups.items():
        of = [o for o in outcomes if o.case.split("/")[0] == group]
        slow = sum(o.seconds > SECONDS for o in of)
        big = sum(o.megabytes > MEGABYTES for o in of)
        figures = [len(of), *(counts[word] for word in head[1:5]), slow, big]
        lines.append("".join([f"{group:12}", *(f"{figure:9}" for figure in figures)]))
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
    unusable = collections.Counter(
        f"{o.where}: {o.message[:100]!r} {o.case}" for o in outcomes if o.ended == "unusable"
    )
    lines.append(f"unusable: {unusable.total()}")
    lines += [f"{count:5} at {where}" for where, count in unusable.most_common(20)]
    unforeseen = collections.Counter(o.where for o in outcomes if o.ended == "refused" and o.where)
    lines.append(f"refused by no rule of its own, but as damaged: {unforeseen.total()}")
    lines += [f"{count:5} at {where}" for where, count in unforeseen.most_common(20)]
    return "\n".join(lines)


_FINE = ("loaded", "refused", "unusable")


def wrong(outcomes: list[Outcome]) -> list[Outcome]:
    """Return the cases that broke a promise: another error, too slow, or too much memory."""
    return [
        o
        for o in outcomes
        if o.ended not in _FINE or o.seconds > SECONDS or o.megabytes > MEGABYTES
    ]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", default="*", help="a pattern of subjects, or one case")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so many")
    parser.add_argument("--audited", action="store_true", help="note forbidden acts as well")
    given = parser.parse_args()
    if given.audited:
        sys.addaudithook(_AUDIT)
    outcomes = run(given.cases, given.first, given.only, given.seconds)
    print(report(outcomes))
    if len(outcomes) == 1:
        print(outcomes[0])
    print(*_AUDIT.broken, sep="\n", end="" if not _AUDIT.broken else "\n")
    sys.exit(bool(wrong(outcomes) or _AUDIT.broken))


if __name__ == "__main__":
    main()
