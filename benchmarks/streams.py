"""Data that stream: memory, throughput, and the schema that is learned from sketches.

    python benchmarks/streams.py [--rows 20000000] [--data DIR]

Tables of 20 columns are made and written as Parquet, half of the columns numbers with tails, the
others labels. Each fit runs in a process of its own, on one thread; its memory is the peak above
what the imports take. Throughput is rows trained on per second, of training alone and of
everything after the imports, next to a fit of the same rows in memory, in turn.

Pictures of 64x64 are written as one file each, and as archives of 10,000. What a first pass over
them costs is what they take before the training, held against a pass at the speed of the training.

With --data, the folder of the development sets, the schema that is learned with sketches of at most
200 exact values is held against the exact one, on 12 tables; and so are models of 400 steps, with
sketches beyond 2,000 values, by how well boosted trees tell their samples from held-out rows.
"""

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from results import add_option, keep, recording

TABLES = (
    "abalone", "adult", "bank", "california_housing", "credit_default", "diamonds", "freesolv",
    "penguins", "titanic", "nab/realKnownCause__nyc_taxi",
    "nab/realKnownCause__machine_temperature_system_failure",
    "nab/realKnownCause__rogue_agent_key_hold",
)  # fmt: skip
SHARD = 500_000
SKETCHED = 2000  # values: as 50,000 do, more than a column has knots
PICTURES_OF_ARCHIVE = 10_000


def made(rows, seed):
    """Return a table: ten numbers that hang together, and ten columns of labels."""
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(rows, 3))
    columns = {}
    for place in range(10):
        mixed = base @ rng.normal(size=3) + 0.3 * rng.normal(size=rows)
        columns[f"number{place}"] = np.exp(mixed / 2) if place % 2 else mixed
        cut = np.digitize(mixed, np.linspace(-2, 2, 3 + place))
        columns[f"label{place}"] = pd.Categorical.from_codes(
            cut, [f"value {i}" for i in range(4 + place)]
        ).astype(str)
    return pd.DataFrame(columns)


def written(folder, rows):
    """Write a table as shards, which are kept for another run."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(range(0, rows, SHARD)):
        path = folder / f"{number:04}.parquet"
        if not path.exists():
            made(min(SHARD, rows - start), number).to_parquet(path)
    return folder


def pictures(folder, count):
    """Write pictures as files and as archives; return both places, and the pictures' array."""
    from PIL import Image

    files, archives = folder / "files", folder / "archives"
    files.mkdir(parents=True, exist_ok=True)
    archives.mkdir(exist_ok=True)
    coarse = np.random.default_rng(0).integers(0, 256, (512, 8, 8, 3), np.uint8)
    for start in range(0, count, PICTURES_OF_ARCHIVE):
        path = archives / f"{start:08}.tar"
        if path.exists():
            continue
        with tarfile.open(path, "w") as tar:
            for place in range(start, min(count, start + PICTURES_OF_ARCHIVE)):
                tiles = np.roll(coarse[place % 512], place // 512 % 64)
                image = Image.fromarray(tiles).resize((64, 64), Image.Resampling.BICUBIC)
                content = io.BytesIO()
                image.save(content, "PNG", compress_level=1)
                below = files / f"{start // PICTURES_OF_ARCHIVE:04}"
                below.mkdir(exist_ok=True)
                (below / f"{place:08}.png").write_bytes(content.getvalue())
                member = tarfile.TarInfo(f"{place:08}.png")
                member.size = content.tell()
                content.seek(0)
                tar.addfile(member, content)
    return files, archives


def child_of_pictures(kind, folder, steps):
    """Fit pictures in this process, and print what it took."""
    import torch

    import vaekit
    from vaekit.training import Callback

    torch.set_num_threads(1)
    started = time.monotonic()
    if kind == "memory":
        source = np.stack([x for piece in pieces_of(folder) for x in piece])
    else:
        source = vaekit.stream(folder)
    ends = []  # of steps alone: the look at what is held out costs as much in memory

    class Clock(Callback):
        def on_step(self, metrics):
            ends.append(time.monotonic())

    options = {"steps": steps, "callbacks": [Clock()], "progress": False}
    model = vaekit.Autoencoder("vae", domain="images", **options).fit(source)
    taken = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"memory": peak / 1024, "before": taken - model.notes_["seconds"],
                      "step": (ends[-1] - ends[0]) / (len(ends) - 1)}))  # fmt: skip


def pieces_of(folder):
    import vaekit
    from vaekit.images import ImageDomain

    return (piece.items for piece in vaekit.stream(folder).pieces(ImageDomain()))


def of_pictures(options, root):
    files, archives = pictures(root / f"pictures{options.pictures}", options.pictures)
    found = {}
    for kind, place in (("folder", files), ("archives", archives), ("memory", files)):
        found[kind] = fitted(f"pictures-{kind}", place, options.picture_steps)
        print(kind, found[kind], flush=True)
    steps = options.pictures / 128
    usual = found["memory"]["step"]
    for kind in ("folder", "archives"):
        before, step = found[kind]["before"], found[kind]["step"]
        figures = {
            "throughput against in memory, later passes": usual / step,
            "throughput against in memory, first pass": steps * usual / (before + steps * step),
            "seconds before the training": before,
            "peak memory, MB": found[kind]["memory"],
            "peak memory of the fit in memory, MB": found["memory"]["memory"],
        }
        print(kind, figures, flush=True)
        aim = "first" if kind == "archives" else "later"
        name = next(figure for figure in figures if aim in figure)
        keep(
            f"{options.pictures} pictures from {kind}",
            figures,
            part="pictures",
            targets={name: ("at least .8", figures[name] >= 0.8)},
        )


def child(kind, folder, steps):
    """Fit in this process, and print what it took."""
    if kind.startswith("pictures-"):
        child_of_pictures(kind.removeprefix("pictures-"), folder, steps)
        return
    import torch

    import vaekit

    torch.set_num_threads(1)
    vaekit.Autoencoder("table_vae", latent_dim=2, steps=2, max_epochs=1, progress=False).fit(
        made(300, 0)
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    source = vaekit.stream(folder) if kind == "stream" else pd.concat(
        [pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))], ignore_index=True
    )  # fmt: skip
    model = vaekit.Autoencoder("table_vae", domain="table", steps=steps, progress=False).fit(source)
    taken = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    trained = model.history_[-1]["step"]
    result = {"memory": (peak - before) / 1024, "seconds": taken, "steps": trained,
              "training": model.notes_["seconds"], "loss": model.history_[-1]["loss"]}  # fmt: skip
    print(json.dumps(result))


def fitted(kind, folder, steps):
    command = [sys.executable, __file__, "--child", kind, str(folder), str(steps)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def memory(options, root):
    beside = {}
    for rows in sorted({500_000, options.rows}):
        found = fitted("stream", written(root / f"rows{rows}", rows), options.steps)
        print(f"{rows} rows: {found}", flush=True)
        beside[rows] = found["seconds"] - found["training"]
        figures = {
            "peak memory above the imports, MB": found["memory"],
            "seconds beside the training": beside[rows],
        }
        if rows > min(beside):
            more = beside[rows] - beside[min(beside)]
            figures["rows a second, both passes"] = (rows - min(beside)) / more
        met = {"peak memory above the imports, MB": ("<= 500", found["memory"] <= 500)}
        keep(f"{rows} rows", figures, targets=met, part="memory")


def throughput(options, root):
    folder = written(root / "rows500000", 500_000)
    ratios = []
    for _ in range(options.rounds):
        streamed = fitted("stream", folder, options.steps)
        in_memory = fitted("memory", folder, options.steps)
        speeds = [one["steps"] / one["training"] for one in (streamed, in_memory)]
        ratios.append(speeds[0] / speeds[1])
        told = [f"{one['memory']:.0f} MB, {one['seconds']:.0f} s" for one in (streamed, in_memory)]
        print(f"steps a second {speeds[0]:.1f} and {speeds[1]:.1f}; ratio {ratios[-1]:.3f}; {told}")
    figures = {"throughput against in memory": float(np.median(ratios)),
               "least of the rounds": min(ratios)}  # fmt: skip
    good = float(np.median(ratios)) >= 0.85
    met = {"throughput against in memory": (">= 0.85", good)}
    keep("500000 rows", figures, targets=met, part="throughput")


def schemas(data):
    """Hold sketched schemas of development tables against exact ones."""
    from vaekit.domains.sources import read_source
    from vaekit.tables import TableDomain
    from vaekit.tables.learning import TableLearner

    for name in TABLES:
        place = data / f"{name}.csv.gz" if "/" in name else data / name / f"{name}.csv.gz"
        frame = read_source(place)
        exact = TableDomain().fit(frame)
        for limit, part in ((50_000, "default"), (200, "sketched")):
            one, other = (TableLearner(TableDomain(), limit) for _ in range(2))
            step = max(50, len(frame) // 9)
            for number, start in enumerate(range(0, len(frame), step)):
                (one if number % 2 else other).update(frame.iloc[start : start + step])
            other.merge(one)
            learned = other.learned()
            pairs = list(zip(learned.columns, exact.columns, strict=True))
            worst = max((off(a, b, frame[b.name]) for a, b in pairs), default=0.0)
            figures = {
                "columns alike, %": 100 * float(np.mean([a == b for a, b in pairs])),
                "kinds and labels alike, %": 100 * float(np.mean([alike(a, b) for a, b in pairs])),
                "largest error of a rank, %": 100 * worst,
                "stated error, %": 100 * other.rank_error,
            }
            print(f"{name}, {part}: {figures}", flush=True)
            met = {
                "kinds and labels alike, %": ("100", figures["kinds and labels alike, %"] == 100),
                "largest error of a rank, %": ("as stated", worst <= other.rank_error + 1e-12),
            }
            short = name.rpartition("_")[2] if "/" in name else name
            keep(short, figures, targets=met, part=part)


def models(options):
    """Hold models of sketched schemas against those of exact ones, by samples told from rows."""
    import torch

    from vaekit.domains.sources import read_source
    from vaekit.tables import TableDomain
    from vaekit.tables.learning import TableLearner
    from vaekit.tuning.objectives import Objective

    torch.set_num_threads(1)
    aim = Objective.of("C2ST")
    apart, seeds = [], range(options.model_seeds)
    for name in TABLES:
        place = options.data / (f"{name}.csv.gz" if "/" in name else f"{name}/{name}.csv.gz")
        frame = read_source(place)
        frame = frame.sample(frac=1, random_state=0)
        cut = min(len(frame) // 3, 3000)
        test, train = frame[:cut].reset_index(drop=True), frame[cut:].reset_index(drop=True)
        learner = TableLearner(TableDomain(), SKETCHED)
        learner.update(train)
        short = name.rpartition("_")[2] if "/" in name else name
        if learner.learned() == TableDomain().fit(train):
            print(f"{name}: no column has so many values that it is sketched", flush=True)
            apart.append(0.0)
            keep(short, {"C2ST, sketched less exact": 0.0}, part="models", note="nothing sketched")
            continue
        exact, sketched = (
            np.array([judged(limit, seed, train, test, aim) for seed in seeds])
            for limit in (50_000, SKETCHED)
        )
        apart.append(sketched.mean() - exact.mean())
        figures = {
            "C2ST, exact schema": exact.mean(),
            "C2ST, sketched schema": sketched.mean(),
            "C2ST, sketched less exact": apart[-1],
            "spread of seeds, exact schema": exact.std(ddof=1),
        }
        print(f"{name}: {figures}", flush=True)
        keep(short, figures, part="models", seeds=len(seeds))
    error = float(np.std(apart, ddof=1) / len(apart) ** 0.5)
    figures = {"C2ST, sketched less exact": float(np.mean(apart)), "standard error": error}
    print(figures, flush=True)
    met = abs(figures["C2ST, sketched less exact"]) <= 2 * error
    targets = {"C2ST, sketched less exact": ("within two standard errors", met)}
    keep(f"{len(apart)} tables", figures, targets=targets, part="models", seeds=len(seeds))


def judged(limit, seed, train, test, aim):
    """Return how well trees tell samples of a model whose schema was learned so."""
    import vaekit
    from vaekit.tables import TableDomain
    from vaekit.tables.learning import TableLearner
    from vaekit.tuning.objectives import measure

    TableDomain.learner = lambda self: TableLearner(self, limit)
    with tempfile.TemporaryDirectory() as folder:
        train.to_parquet(Path(folder) / "0.parquet")
        model = vaekit.Autoencoder(domain="table", steps=400, seed=seed, progress=False)
        model.fit(vaekit.stream(folder))
    values, _ = measure(model.trained_, test, None, train, [aim])
    return values[0]


def alike(one, other):
    return one.kind == other.kind and getattr(one, "labels", ()) == getattr(other, "labels", ())


def off(one, other, values):
    """Return the largest difference of ranks between sketched knots and the column itself."""
    scale = getattr(one, "scale", None)
    if scale is None or not hasattr(scale, "lows") or not len(scale.values):
        return 0.0
    rest = np.sort(values.dropna().to_numpy(float))
    rest = rest[~np.isin(rest, one.masses)]
    knots = np.asarray(scale.values)
    low = np.searchsorted(rest, knots, "left") / len(rest)
    high = np.searchsorted(rest, knots, "right") / len(rest)
    middle = np.asarray(scale.middles)
    worst = float(np.maximum(low - middle, middle - high).clip(0).max())
    return worst * len(rest) / len(values)  # of all rows, as the sketch states it


def main(options):
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as made_here:
        root = options.folder or Path(made_here)
        if not options.only or "throughput" in options.only:
            throughput(options, root)
        if not options.only or "memory" in options.only:
            memory(options, root)
        if not options.only or "pictures" in options.only:
            of_pictures(options, root)
    if options.data is not None and (not options.only or "schemas" in options.only):
        schemas(options.data)
    if options.data is not None and (not options.only or "models" in options.only):
        models(options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--pictures", type=int, default=200_000)
    parser.add_argument("--picture-steps", type=int, default=150)
    parser.add_argument(
        "--only", nargs="+", choices=["throughput", "memory", "pictures", "schemas", "models"]
    )
    parser.add_argument("--model-seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="to keep the tables in")
    parser.add_argument("--data", type=Path, help="folder of the development sets")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    add_option(parser)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], Path(options.child[1]), int(options.child[2]))
    else:
        with recording("streams", options.results):
            main(options)
