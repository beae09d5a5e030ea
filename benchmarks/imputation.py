"""Filling 30 % of the cells, beside means, nearest neighbours and iterated regressions.

    python benchmarks/imputation.py --data DIR

Wine and breast cancer come with scikit-learn; the other tables are DIR/NAME/NAME.csv.gz (the folder
that VAEKIT_TABLES names). Of up to --rows rows, three cells in ten are hidden at random; each
method learns from and fills the same rows. Prints, median (range) over seeds: the root mean squared
error of hidden numbers, each column in standard deviations of its known cells; and the share of
hidden labels guessed right. Scikit-learn's imputers read labels as one-hot columns.
"""

import argparse
import os
import time

import numpy as np
import pandas as pd
import torch
from results import add_option, keep, recording
from sklearn.compose import make_column_selector
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from vaekit.tables import VAEImputer

TABLES = ("wine", "breast_cancer", "adult", "abalone", "california_housing", "credit_default")
BUILT_IN = {"wine": load_wine, "breast_cancer": load_breast_cancer}


def read(name, options):
    if name in BUILT_IN:
        return BUILT_IN[name](as_frame=True).data
    frame = pd.read_csv(f"{options.data}/{name}/{name}.csv.gz")
    return frame.drop(columns=[c for c in ("split",) if c in frame])


def hide(frame, seed):
    """The rows with three cells in ten missing, and which were known and are hidden."""
    hidden = np.random.default_rng(seed).random(frame.shape) < 0.3
    return frame.mask(hidden), hidden & frame.notna().to_numpy()


def by_scikit(imputer):
    def fill(frame):
        labels = [c for c in frame if not pd.api.types.is_numeric_dtype(frame[c])]
        numbers = frame.drop(columns=labels).astype(float)
        mean, spread = numbers.mean(), numbers.std().replace(0, 1)
        hot = [pd.get_dummies(frame[c], dtype=float).where(frame[c].notna()) for c in labels]
        wide = pd.concat([(numbers - mean) / spread, *hot], axis=1)
        wide.columns = range(wide.shape[1])
        filled = imputer.fit_transform(wide)
        out = frame.copy()
        count = numbers.shape[1]
        out[numbers.columns] = filled[:, :count] * spread.to_numpy() + mean.to_numpy()
        for label, part in zip(labels, hot, strict=True):
            guess = filled[:, count : count + part.shape[1]].argmax(1)
            out[label] = frame[label].where(frame[label].notna(), part.columns.to_numpy()[guess])
            count += part.shape[1]
        return out

    return fill


def ours(frame):
    return VAEImputer(progress=False).fit_transform(frame)


METHODS = {
    "mean, mode": by_scikit(SimpleImputer()),
    "KNN": by_scikit(KNNImputer()),
    "Iterative": by_scikit(IterativeImputer(max_iter=10, tol=1e-2)),
    "VAEImputer": ours,
}


def scores(frame, filled, hidden, given):
    """Error of numbers in standard deviations, and share of labels that are right."""
    errors, right = [], []
    numeric = set(make_column_selector(dtype_include="number")(frame))
    for place, name in enumerate(frame):
        rows = hidden[:, place]
        truth, guess = frame[name][rows], filled[name][rows]
        if name in numeric:
            spread = given[name].std() or 1.0
            errors.append((((truth - guess) / spread) ** 2).to_numpy(dtype=float))
        else:
            right.append((truth.astype(str) == guess.astype(str)).to_numpy())
    rmse = np.sqrt(np.concatenate(errors).mean())
    return rmse, np.concatenate(right).mean() if right else np.nan


def one_table(name, options):
    found = {method: [] for method in METHODS}
    whole = read(name, options)
    for seed in range(options.seeds):
        chosen = np.random.default_rng(seed).permutation(len(whole))[: options.rows]
        frame = whole.iloc[chosen].reset_index(drop=True)
        given, hidden = hide(frame, seed)
        for method, fill in METHODS.items():
            started = time.process_time()
            filled = fill(given)
            seconds = time.process_time() - started
            found[method].append((*scores(frame, filled, hidden, given), seconds))
    print(f"{name}: {len(frame)} rows of {frame.shape[1]} columns, {options.seeds} seeds")
    for method, rows in found.items():
        error, right, seconds = np.median(rows, 0)
        ends = f"{min(r[0] for r in rows):.3f}-{max(r[0] for r in rows):.3f}"
        labels = "" if np.isnan(right) else f"  labels {right:.3f}"
        print(f"  {method:12} error {error:.3f} ({ends}){labels}  {seconds:.1f} CPU s", flush=True)
        figures = {"error of hidden numbers, deviations": error, "CPU s": seconds}
        figures |= {} if np.isnan(right) else {"share of hidden labels told": right}
        spreads = {"error of hidden numbers, deviations": ends}
        keep(method, figures, part=f"{name}, {len(frame):,} rows", spreads=spreads, seeds=len(rows))
    return {method: np.median(rows, 0)[0] for method, rows in found.items()}


def main(options):
    torch.set_num_threads(options.threads)
    names = [n for n in options.tables.split(",") if options.data or n in BUILT_IN]
    results = [one_table(name, options) for name in names]
    print(
        "mean over tables: "
        + "  ".join(f"{method} {np.mean([r[method] for r in results]):.3f}" for method in METHODS)
    )
    if not options.data:
        print("Tables beyond scikit-learn's were left out: pass --data DIR.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("VAEKIT_TABLES"))
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    add_option(parser)
    options = parser.parse_args()
    with recording("imputation", options.results):
        main(options)
