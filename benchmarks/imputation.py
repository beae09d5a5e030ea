"""Filling missing cells, beside means, neighbours, iterated regressions, forests and packages.

    python benchmarks/imputation.py --data DIR --half development
    python benchmarks/imputation.py --data DIR --half left-out --miceforest PYTHON

Wine, breast cancer and diabetes come with scikit-learn; the other tables are DIR/NAME/NAME.csv.gz
and DIR/adbench_tabular/NUMBER_NAME.npz (the folder that VAEKIT_TABLES names). The halves are in
imputation_tables.py: settings were chosen on the one, the other was looked at once. Of up to --rows
rows, cells are hidden at random, by other columns and by their own value; each method learns from
and fills the same rows. Prints the root mean squared error of hidden numbers, each column in
standard deviations of its known cells; the share of hidden labels guessed right; mean ranks of the
error; CPU seconds; and how many hidden numbers lie within the 90 % intervals of --draws draws of
VAEImputer, in columns where no value is had by a twentieth of the rows (elsewhere the interval
covers more, as a value that is often right is within).

miceforest and HyperImpute run in a Python of their own, named by --miceforest and --hyperimpute.
"""

import argparse
import os
import resource
import time
import warnings
from functools import partial

import numpy as np
import pandas as pd
import torch
from imputation_peers import METHODS, PeerError, in_its_python
from imputation_tables import DEVELOPMENT, LEFT_OUT, hide, is_number, read
from results import add_option, keep, recording

from vaekit.tables import VAEImputer, impute

HALVES = {"development": DEVELOPMENT, "left-out": LEFT_OUT}
ERROR, LABELS = "error of hidden numbers, deviations", "share of hidden labels told"
RANK, SECONDS, COVERED = "mean rank of the error", "CPU s", "within 90 % intervals"
OURS, ALONE = "VAEImputer", "VAEImputer(stacking=False)"
CONDITIONS = (
    *("0.3 at random", "0.3 by their own value", "0.3 by other columns"),
    *("0.5 at random", "0.1 at random"),
)
_OFTEN = 0.05


def cpu_seconds():
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def scores(frame, filled, hidden, given):
    """Error of numbers in standard deviations, and share of labels that are right."""
    errors, right = [], []
    for place, name in enumerate(frame):
        rows = hidden[:, place]
        truth, guess = frame[name][rows], filled[name][rows]
        if is_number(frame[name]):
            spread = given[name].std() or 1.0
            errors.append((((truth - guess.astype(float)) / spread) ** 2).to_numpy(dtype=float))
        else:
            right.append((truth.astype(str) == guess.astype(str)).to_numpy())
    rmse = np.sqrt(np.concatenate(errors).mean())
    return rmse, np.concatenate(right).mean() if right else np.nan


def covered(imputer, frame, given, hidden, count):
    """The share of hidden numbers between the 5th and the 95th percentile of draws."""
    imputer.set_params(estimate="draw", draws=20)
    several = [imputer.set_params(seed=seed).transform(given) for seed in range(count)]
    inside = []
    for place, name in enumerate(frame):
        rows = hidden[:, place]
        values = given[name].dropna()
        if not is_number(frame[name]) or values.value_counts(normalize=True).max() >= _OFTEN:
            continue
        drawn = np.array([one[name].to_numpy(dtype=float)[rows] for one in several])
        low, high = np.quantile(drawn, [0.05, 0.95], axis=0, method="weibull")
        truth = frame[name].to_numpy(dtype=float)[rows]
        slack = 1e-6 * values.std()
        inside.append((truth >= low - slack) & (truth <= high + slack))
    return np.concatenate(inside).mean() if inside else np.nan


def methods(options):
    found = dict(METHODS)
    for package, python in (
        ("miceforest", options.miceforest),
        ("HyperImpute", options.hyperimpute),
    ):
        if python:
            found[package] = partial(in_its_python, package.lower(), python)
    found[OURS] = None
    chosen = options.methods.split(";") if options.methods else list(found)
    return {name: found[name] for name in chosen}


def one_condition(frame, mechanism, share, seed, options):
    """Figures of all methods for one way to hide cells, by method and figure."""
    given, hidden = hide(frame, mechanism, share, seed)
    found = {}
    for method, fill in methods(options).items():
        started = cpu_seconds()
        if fill is None:
            imputer = VAEImputer(seed=seed, progress=False).fit(given)
            filled = imputer.transform(given)
        else:
            try:
                filled = fill(given)
            except PeerError as error:
                print(error, flush=True)
                found[method] = {ERROR: np.nan}
                continue
        seconds = cpu_seconds() - started
        error, right = scores(frame, filled, hidden, given)
        found[method] = {ERROR: error, LABELS: right, SECONDS: seconds}
        if method == OURS:
            if options.draws:
                found[method][COVERED] = covered(imputer, frame, given, hidden, options.draws)
            alone = impute(imputer.autoencoder_.trained_, given, weighted=False, seed=seed)
            error, right = scores(frame, alone, hidden, given)
            found[ALONE] = {ERROR: error, LABELS: right}
    told = [method for method in found if not np.isnan(found[method][ERROR])]
    for rank, method in enumerate(sorted(told, key=lambda m: found[m][ERROR]), 1):
        found[method][RANK] = rank
    return found


def one_table(name, condition, options):
    """Rows of figures: table, way of hiding, seed, method."""
    whole, rows = read(name, options.data), []
    share, mechanism = condition.split(" ", 1)
    for seed in range(options.seeds):
        chosen = np.random.default_rng(seed).permutation(len(whole))[: options.rows]
        frame = whole.iloc[chosen].reset_index(drop=True)
        frame = frame.astype({c: object for c in frame if not is_number(frame[c])})
        found = one_condition(frame, mechanism, float(share), seed, options)
        key = {"table": name, "hidden": f"{float(share):.0%} {mechanism}", "seed": seed}
        rows += [{**key, "method": m, **figures} for m, figures in found.items()]
        said = "  ".join(f"{m} {f[ERROR]:.3f}" for m, f in found.items())
        print(f"{name}, {len(frame):,} rows, {condition}: {said}", flush=True)
    return rows


def tell(rows, options):
    """Print and record means by table, by way of hiding and over everything."""
    rows, seeds = pd.DataFrame(rows), options.seeds
    beside = [m for m in rows["method"].unique() if m not in (OURS, ALONE)]
    figures = [f for f in (ERROR, LABELS, COVERED, RANK, SECONDS) if f in rows]
    for kind in ("table", "hidden", None):
        groups = [("mean", rows)] if kind is None else list(rows.groupby(kind, sort=False))
        for name, group in groups:
            means = group.groupby("method", sort=False)[figures].mean()
            where = f"{options.half}: {name}" + (f", {options.note}" if options.note else "")
            print(f"\n{where}\n{means.round(3).to_string()}", flush=True)
            best = means.loc[beside, ERROR].min() if beside else np.nan
            right = means.loc[beside, LABELS].max() if beside else np.nan
            for method, row in means.iterrows():
                shown = {f: v for f, v in row.items() if not np.isnan(v)}
                targets = {}
                if kind != "table" and method == OURS and beside:
                    targets[ERROR] = (f"below the best peer, {best:.3f}", bool(row[ERROR] < best))
                    if not np.isnan(right):
                        met = bool(row[LABELS] > right)
                        targets[LABELS] = (f"above the best peer, {right:.3f}", met)
                    if COVERED in shown:
                        met = bool(0.88 <= row[COVERED] <= 0.92)
                        targets[COVERED] = (".88 to .92", met)
                keep(method, shown, part=where, seeds=seeds, targets=targets)


def main(options):
    torch.set_num_threads(options.threads)
    names = options.tables.split(",") if options.tables else HALVES[options.half]
    there = [n for n in names if read(n, options.data) is not None]
    rows = []
    try:
        for condition in options.conditions.split(","):
            for name in there:
                rows += one_table(name, condition, options)
    finally:  # of a run that is interrupted, what there is
        tell(rows, options)
    if len(there) < len(names):
        print("Tables beyond scikit-learn's were left out: pass --data DIR.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("VAEKIT_TABLES"))
    parser.add_argument("--half", choices=HALVES, default="development")
    parser.add_argument("--tables", help="some of the half, with commas between them")
    parser.add_argument("--conditions", default=",".join(CONDITIONS), help="SHARE MECHANISM,...")
    parser.add_argument("--methods", help="some of them, with ; between them")
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--draws", type=int, default=39, help="for intervals; 0 leaves them out")
    parser.add_argument("--miceforest", metavar="PYTHON", help="a Python that has miceforest")
    parser.add_argument("--hyperimpute", metavar="PYTHON", help="a Python that has hyperimpute")
    parser.add_argument("--note", default="", help="said in the records beside the half")
    parser.add_argument("--threads", type=int, default=1)
    add_option(parser)
    options = parser.parse_args()
    with recording("imputation", options.results), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of regressions that have not settled
        main(options)
