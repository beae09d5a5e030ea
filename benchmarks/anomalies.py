"""Anomalies in tables, beside isolation forests, nearest neighbours and PyOD's detectors.

    python benchmarks/anomalies.py --sets DIR [--peer PEER/bin/python]

DIR holds ADBench's .npz files with X and y (or the folder that VAEKIT_ANOMALIES names). Of at most
3,000 rows of each set, by two protocols:

A: fit on all rows, anomalies included, and score them; `VAEDetector()`.
B: fit on half of the normal rows, and score the others; `VAEDetector(novelty=True)`.

Prints the mean over sets and seeds of the area under the ROC curve and of average precision, in
percent, of our default, of what the model says alone (the bound, and the density around training
items), of scikit-learn's isolation forest and of the distance to the k-th nearest neighbour
(columns scaled to 0 ... 1); with PEER, a Python that has PyOD, also of its HBOS, ECOD, KNN,
AutoEncoder and VAE with their defaults. Then our default beside the best of the others: the mean
gain, on how many sets it is ahead, and the p-value of a Wilcoxon test over the sets.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from results import add_option, keep, recording
from scipy.stats import wilcoxon
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import MinMaxScaler

from vaekit.anomalies import VAEDetector, fit_detector

ROWS = 3000
NEIGHBOURS = {"A": (5, 20), "B": (1, 3, 5, 20)}


def read(path, protocol, seed):
    """Rows to fit on, rows to score, and which of those are anomalies."""
    stored, rng = np.load(path), np.random.default_rng(seed)
    X, y = stored["X"].astype(np.float64), stored["y"].astype(int)
    chosen = rng.permutation(len(X))[:ROWS]
    X, y = X[chosen], y[chosen]
    if protocol == "A":
        return X, X, y
    normal, odd = np.flatnonzero(y == 0), np.flatnonzero(y == 1)
    half = len(normal) // 2
    scored = np.r_[normal[half:], odd]
    return X[normal[:half]], X[scored], y[scored]


def ours(train, test, protocol, seed):
    """The default, and the model alone."""
    started = time.process_time()
    detector = VAEDetector(novelty=protocol == "B", seed=seed, progress=False).fit(train)
    found = {"vaekit": -detector.score_samples(test)}
    seconds = time.process_time() - started
    trained = detector.autoencoder_.trained_
    for name in ("bound", "exemplars"):
        found[f"vaekit, {name}"] = fit_detector(trained, train, score=name).score(test)
    return found, seconds


def scikit(train, test, protocol, seed):
    found = {"IForest": -IsolationForest(random_state=seed).fit(train).score_samples(test)}
    scaler = MinMaxScaler().fit(train)
    known, asked = scaler.transform(train), scaler.transform(test)
    itself = protocol == "A"  # each row is its own nearest neighbour
    for k in NEIGHBOURS[protocol]:
        finder = NearestNeighbors(n_neighbors=k + itself).fit(known)
        found[f"kNN {k}"] = finder.kneighbors(asked)[0][:, -1]
    return found


def pyod(train, test, options, seed):
    """The peer, in a process of its own."""
    if not options.peer:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/data.npz", train=train, test=test)
        script = Path(__file__).with_name("anomalies_pyod.py")
        command = [options.peer, str(script), folder, str(seed), str(options.threads)]
        subprocess.run(command, check=True, capture_output=True)
        with np.load(f"{folder}/scores.npz") as scores:
            return {f"PyOD {name}": scores[name] for name in scores.files}


def one_set(path, protocol, options):
    """By method the area and the precision, each the mean over seeds; and our seconds."""
    figures, spent = {}, []
    for seed in range(options.seed, options.seed + options.seeds):
        train, test, y = read(path, protocol, seed)
        found, seconds = ours(train, test, protocol, seed)
        spent.append(seconds)
        found |= scikit(train, test, protocol, seed) | pyod(train, test, options, seed)
        for name, scores in found.items():
            pair = roc_auc_score(y, scores), average_precision_score(y, scores)
            figures.setdefault(name, []).append(pair)
    return {name: np.mean(pairs, axis=0) for name, pairs in figures.items()}, np.mean(spent)


def one_protocol(protocol, paths, options):
    results, seconds = [], []
    for path in paths:
        figures, spent = one_set(path, protocol, options)
        results.append(figures)
        seconds.append(spent)
        shown = "  ".join(f"{n} {100 * a:.1f}/{100 * p:.1f}" for n, (a, p) in figures.items())
        if options.verbose:
            print(f"  {path.stem}: {shown}  {spent:.1f} s", flush=True)
    names = list(results[0])
    table = {name: np.array([result[name] for result in results]) for name in names}
    print(f"protocol {protocol}: {len(paths)} sets, {options.seeds} seeds, AUROC/AP in percent")
    for name, values in table.items():
        area, precision = 100 * values.mean(axis=0)
        print(f"  {name:16} {area:.1f}/{precision:.1f}")
        keep(name, {f"{protocol}: AUROC": area, f"{protocol}: AP": precision}, seeds=options.seeds)
    others = [name for name in names if not name.startswith("vaekit")]
    best = max(others, key=lambda name: table[name].mean())
    for place, what in enumerate(("AUROC", "AP")):
        gain = table["vaekit"][:, place] - table[best][:, place]
        p = wilcoxon(gain).pvalue
        spread = f"ahead on {(gain > 0).sum()}, p {p:.3f}"
        name = f"{protocol}: {what}"
        keep(f"gain over {best}", {name: 100 * gain.mean()}, spreads={name: spread})
        print(
            f"  {what}: {100 * gain.mean():+.1f} over {best}, ahead on {(gain > 0).sum()}, "
            f"p {p:.3f}"
        )
    print(
        f"  CPU seconds of a set: {np.median(seconds):.1f}, at most {max(seconds):.1f}", flush=True
    )


def main(options):
    if not options.sets:
        sys.exit("anomalies.py needs ADBench's sets: pass --sets DIR, or set VAEKIT_ANOMALIES.")
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    paths = sorted(Path(options.sets).glob("*.npz"))
    for protocol in options.protocols:
        one_protocol(protocol, paths, options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", default=os.environ.get("VAEKIT_ANOMALIES"))
    parser.add_argument("--protocols", default="AB")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--verbose", action="store_true", help="print each set")
    parser.add_argument("--peer", help="a Python with PyOD")
    add_option(parser)
    options = parser.parse_args()
    with recording("anomalies", options.results):
        main(options)
