"""Synthetic tables, beside ctgan's TVAE: shapes, trends, trees, use, nearness, time.

    python benchmarks/tables.py --data DIR --peer PEER/bin/python

For each table (DIR/NAME/NAME.csv.gz, or the folder that VAEKIT_TABLES names) and seed: --rows
training rows, as many held-out rows, and up to 8,000 more to score a classifier on. Prints, for
other real rows, for ``Autoencoder()`` with nothing chosen, and for TVAE with its defaults in the
same run (PEER is a Python with ctgan; left out where --peer is not given):

- shape and trend error, % (mean over columns and pairs), against the training rows;
- the area under the curve of boosted trees that tell synthetic from held-out rows (0.5 at best);
- the area under the curve of boosted trees trained on synthetic rows, on real ones;
- alpha-precision and beta-recall, %, and the share of rows nearer to training than to held-out
  rows, % (50 at best);
- CPU seconds of the fit, and of 1,000 samples.

With --whole, in place of that: all rows of the official split (the column "split") of each table
that has one, and of ``Autoencoder()``: shape and trend errors against the training rows; detection,
1 - 2 |AUC - .5| of the trees that tell as many synthetic rows from the test rows; the area under
the curve of trees trained on synthetic rows, on the test rows; seconds of the fit and of 100,000
rows.

With --before, the folder of the sources of another version (src of another checkout), that version
is measured in the same run. --makers names some of the makers of rows, where not all are asked for.

"copies" are training rows drawn with replacement: how far trees tell even those apart, since they
repeat what the training rows have by chance. "quick" is ``Autoencoder(steps=80)``.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from results import add_option, keep, recording

from vaekit import Autoencoder
from vaekit.tables import (
    closest_record_share,
    row_fidelity,
    shape_errors,
    train_on_synthetic,
    trend_errors,
    two_sample_auc,
)

TARGETS = {"adult": "income", "credit_default": "default", "bank": "deposit"}
MOST = {"adult": 0.55}  # C2ST
NAMES = ("shape", "trend", "C2ST", "TSTR", "alpha", "beta", "DCR", "fit s", "1,000 s")


def read(folder, name):
    frame = pd.read_csv(f"{folder}/{name}/{name}.csv.gz")
    frame = frame.drop(columns=[c for c in ("split",) if c in frame])
    target = TARGETS.get(name, frame.columns[-1])
    return frame, target if target in frame.columns else frame.columns[-1]


def split(frame, rows, seed):
    order = np.random.default_rng(seed).permutation(len(frame))
    cuts = (order[:rows], order[rows : 2 * rows], order[2 * rows : 3 * rows], order[3 * rows :])
    train, held_out, other, test = (frame.iloc[c].reset_index(drop=True) for c in cuts)
    return train, held_out, other, test[:8000]


def figures(rows, train, held_out, test, target, fit=float("nan"), sampling=float("nan")):
    fidelity = row_fidelity(held_out, rows)
    return {
        "shape": 100 * np.mean(list(shape_errors(train, rows).values())),
        "trend": 100 * np.mean(list(trend_errors(train, rows).values())),
        "C2ST": two_sample_auc(held_out, rows),
        "TSTR": train_on_synthetic(rows, test, target),
        "alpha": 100 * fidelity.alpha_precision,
        "beta": 100 * fidelity.beta_recall,
        "DCR": 100 * closest_record_share(rows, train, held_out),
        "fit s": fit,
        "1,000 s": sampling,
    }


def quick(train, seed, options):
    return ours(train, seed, options, steps=80)


def copies(train, seed, options):
    rows = train.sample(len(train), replace=True, random_state=seed).reset_index(drop=True)
    return rows, float("nan"), float("nan")


def ours(train, seed, options, steps=None):
    started = time.process_time()
    model = Autoencoder(seed=seed, progress=False, domain="table", steps=steps).fit(train)
    fit, started = time.process_time() - started, time.process_time()
    rows = model.sample(len(train), seed=seed)
    return rows, fit, (time.process_time() - started) * 1000 / len(train)


BEFORE = """
import sys, time, warnings
import pandas, torch
from vaekit import Autoencoder
warnings.simplefilter("ignore")
torch.set_num_threads(int(sys.argv[3]))
train = pandas.read_pickle(sys.argv[1] + "/train.pkl")
started = time.process_time()
model = Autoencoder(seed=int(sys.argv[2]), progress=False, domain="table").fit(train)
fit, started = time.process_time() - started, time.process_time()
model.sample(len(train), seed=int(sys.argv[2])).to_pickle(sys.argv[1] + "/rows.pkl")
print(fit, (time.process_time() - started) * 1000 / len(train))
"""


def before(train, seed, options):
    """Another version, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        train.to_pickle(f"{folder}/train.pkl")
        command = [sys.executable, "-c", BEFORE, folder, str(seed), str(options.threads)]
        env = {**os.environ, "PYTHONPATH": str(options.before)}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
        rows = pd.read_pickle(f"{folder}/rows.pkl")
    fit, sampling = (float(word) for word in done.stdout.split()[-2:])
    return rows, fit, sampling


def tvae(train, seed, options):
    """The peer, in a process of its own with as many threads."""
    with tempfile.TemporaryDirectory() as folder:
        train.to_csv(f"{folder}/train.csv", index=False)
        peer = Path(__file__).with_name("tables_tvae.py")
        command = [options.peer, str(peer), folder, str(seed), str(options.threads)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        rows = pd.read_csv(f"{folder}/rows.csv")
    fit, sampling = (float(word) for word in done.stdout.split()[-2:])
    return rows.astype(dict(train.dtypes), errors="ignore"), fit, sampling


def show(name, found, part):
    medians = {k: np.median([f[k] for f in found]) for k in NAMES}
    ranges = {k: (min(f[k] for f in found), max(f[k] for f in found)) for k in NAMES}
    print(f"  {name:14}" + "  ".join(f"{k} {medians[k]:.3f}" for k in NAMES))
    print(f"  {'':14}" + "  ".join(f"{ranges[k][0]:.3g}-{ranges[k][1]:.3g}" for k in NAMES))
    measured = {k: v for k, v in medians.items() if not np.isnan(v)}
    most = MOST.get(part.split(",")[0], 0.58)
    targets = {"C2ST": (f"at most {most}", measured["C2ST"] <= most)} if name == "vaekit" else None
    spreads = ranges if len(found) > 1 else None
    keep(name, measured, part=part, spreads=spreads, seeds=len(found), targets=targets)
    sys.stdout.flush()


def one_table(name, options):
    frame, target = read(options.data, name)
    makers = {"copies": copies, "vaekit": ours, "vaekit quick": quick}
    makers |= {"the version before": before} if options.before else {}
    makers |= {"TVAE": tvae} if options.peer else {}
    makers = {k: make for k, make in makers.items() if not options.makers or k in options.makers}
    found = {"real rows": [], **{maker: [] for maker in makers}}
    for seed in range(options.seeds):
        train, held_out, other, test = split(frame, options.rows, seed)
        found["real rows"].append(figures(other, train, held_out, test, target))
        found["real rows"][-1]["TSTR"] = train_on_synthetic(train, test, target)
        for maker, make in makers.items():
            rows, fit, sampling = make(train, seed, options)
            found[maker].append(figures(rows, train, held_out, test, target, fit, sampling))
    print(f"{name}: {options.rows} rows, target {target}, {options.seeds} seeds")
    for maker, rows in found.items():
        show(maker, rows, f"{name}, {options.rows:,} rows")


def whole(name, options):
    frame = pd.read_csv(f"{options.data}/{name}/{name}.csv.gz")
    if "split" not in frame:
        print(f"{name}: has no official split")
        return
    is_train = frame.pop("split") == "train"
    train, test = (frame[rows].reset_index(drop=True) for rows in (is_train, ~is_train))
    target, found = TARGETS[name], []
    print(f"{name}: {len(train)} rows, real {train_on_synthetic(train, test, target):.3f}")
    for seed in range(options.seeds):
        started = time.perf_counter()
        model = Autoencoder(seed=seed, progress=False, domain="table").fit(train)
        fit, started = time.perf_counter() - started, time.perf_counter()
        model.sample(100_000, seed=seed)
        sampling = time.perf_counter() - started
        rows = model.sample(len(train), seed=seed)
        found.append(
            {
                "shape": 100 * np.mean(list(shape_errors(train, rows).values())),
                "trend": 100 * np.mean(list(trend_errors(train, rows).values())),
                "detection": 1 - 2 * abs(two_sample_auc(test, rows) - 0.5),
                "TSTR": train_on_synthetic(rows, test, target),
                "fit s": fit,
                "1e5 rows s": sampling,
            }
        )
        print(f"  seed {seed}: " + "  ".join(f"{k} {v:.3f}" for k, v in found[-1].items()))
        keep(f"seed {seed}", found[-1], part=f"all of {name}")
        sys.stdout.flush()
    medians = {k: np.median([f[k] for f in found]) for k in found[0]}
    print("  medians: " + "  ".join(f"{k} {v:.3f}" for k, v in medians.items()))


def main(options):
    if not options.data:
        raise SystemExit("tables.py measures real tables: pass --data DIR.")
    torch.set_num_threads(options.threads)
    for name in options.tables.split(","):
        (whole if options.whole else one_table)(name, options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("VAEKIT_TABLES"))
    parser.add_argument("--tables", default="adult,bank,credit_default")
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--whole", action="store_true", help="all rows of the official split")
    parser.add_argument("--peer", help="a Python with ctgan")
    parser.add_argument("--before", help="folder of the sources of another version")
    parser.add_argument("--makers", nargs="+", help="some of them alone, by name")
    add_option(parser)
    options = parser.parse_args()
    with recording("tables", options.results):
        main(options)
