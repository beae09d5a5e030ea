"""Which fusions of scores find anomalies in tables on which they were not chosen.

    python benchmarks/anomalies_generalise.py --sets DIR --columns FOLDER [--seeds 5]
    python benchmarks/anomalies_generalise.py --columns FOLDER --evaluate
    python benchmarks/anomalies_generalise.py --rules

The first line computes what peers and each part of our detectors say, of every set, protocol (see
anomalies.py: A fits and scores the same rows, B fits on normal rows) and seed, and keeps it in
FOLDER; what is there already is not computed again. The second line fuses: each part is mapped to
how rare it is among the training rows, and the mean of some parts is a fusion. One of a short list
of fusions is chosen on one half of the sets (every other one by name, or at random) and measured
on the other, then swapped: each figure of "chosen on the other half" is of a set that had no say.
The third measures rows that break a rule between columns while each value is usual.
"""

import argparse
import itertools
import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from anomalies import read
from results import add_option, keep, recording
from scipy.stats import wilcoxon
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.preprocessing import MinMaxScaler

from vaekit.anomalies import SCORES, VAEDetector
from vaekit.anomalies.compositions import Ranked, Trimmed, Whitened
from vaekit.anomalies.marginals import TailProbability
from vaekit.anomalies.neighbors import NeighborDistance, RelativeDistance

DENSE, FOREST = SCORES["contaminated"]
NEAREST, BLOCKS, DEVIATIONS, EXEMPLARS = SCORES["novelty"]
PARTS = {
    "A": {
        "dense": DENSE,
        "forest": FOREST,
        "cleaned whitened": Trimmed(DENSE, Whitened(NeighborDistance(20))),
        "cleaned weighted": Trimmed(
            DENSE, NeighborDistance(5, where="weighted", metric="cityblock")
        ),
        "cleaned": Trimmed(DENSE, NeighborDistance(20), 0.7),
        "cleaned_and_rules": SCORES["cleaned_and_rules"][0],
    },
    "B": {
        "nearest": NEAREST,
        "blocks": BLOCKS,
        "deviations": DEVIATIONS,
        "exemplars": EXEMPLARS,
        "relative": RelativeDistance(),
        "ranked relative": Ranked(RelativeDistance()),
        "whitened relative": Whitened(RelativeDistance()),
        "novelty_and_rules": SCORES["novelty_and_rules"][0],
    },
}
NOVELTY = ("nearest", "blocks", "deviations", "exemplars")
FUSIONS = {
    "A": {
        "contaminated": ("dense", "forest"),
        "dense_neighbours": ("dense",),
        "dense, cleaned whitened": ("dense", "cleaned whitened"),
        "the same and a forest": ("dense", "cleaned whitened", "forest"),
        "cleaned": ("dense", "cleaned whitened", "cleaned weighted"),
        "cleaned_neighbours": ("cleaned whitened", "cleaned weighted"),
        "cleaned, in ranges": ("dense", "cleaned whitened", "cleaned"),
        "dense, cleaned weighted": ("dense", "cleaned weighted"),
        "cleaned_and_rules": ("cleaned_and_rules",),
    },
    "B": {
        "novelty": NOVELTY,
        "novelty, relative": (*NOVELTY, "relative"),
        "relative_novelty": (*NOVELTY, "relative", "ranked relative"),
        "relative, three spaces": (*NOVELTY, "relative", "ranked relative", "whitened relative"),
        "relative, no exemplars": (*NOVELTY[:3], "relative", "ranked relative"),
        "nearest, blocks, relative": ("nearest", "blocks", "relative", "ranked relative"),
        "novelty_and_rules": ("novelty_and_rules",),
    },
}
PEERS = ("IForest", "kNN 1", "kNN 5", "kNN 20", "LOF", "ECOD", "COPOD", "HBOS")
SPLITS = 20


# What peers say.


def neighbours(train, test, protocol):
    scaler = MinMaxScaler().fit(train)
    known, asked = scaler.transform(train), scaler.transform(test)
    finder, itself = NearestNeighbors().fit(known), protocol == "A"
    most = min(20, len(train) - 1)
    distances = finder.kneighbors(None if itself else asked, most)[0]
    found = {f"kNN {k}": distances[:, min(k, most) - 1] for k in (1, 5, 20)}
    lof = LocalOutlierFactor(most, novelty=not itself).fit(known)
    found["LOF"] = -(lof.negative_outlier_factor_ if itself else lof.score_samples(asked))
    return found


def margins(train, rows):
    """HBOS, ECOD and COPOD: histograms of columns, and shares of values beyond each cell."""
    n, rising = len(train), np.sort(train, axis=0)
    place = np.array(
        [np.searchsorted(k, x, "right") for k, x in zip(rising.T, rows.T, strict=True)]
    )
    below = np.array([np.searchsorted(k, x, "left") for k, x in zip(rising.T, rows.T, strict=True)])
    left, right = (-np.log((np.clip(p, 0, n) + 0.5) / (n + 1)).T for p in (place, n - below))
    skew = np.sign(((train - train.mean(0)) ** 3).mean(0))
    automatic = np.where(skew < 0, left, right)
    both = (left + right) / 2
    hbos = np.zeros(len(rows))
    for column, x in zip(train.T, rows.T, strict=True):
        counts, edges = np.histogram(column, 10)
        bins = np.clip(np.searchsorted(edges, x, "right") - 1, 0, 9)
        outside = (x < edges[0]) | (x > edges[-1])
        hbos -= np.log(np.where(outside, 0.0, counts[bins] / counts.max()) + 0.1)
    return {
        "HBOS": hbos,
        "ECOD": np.maximum.reduce([part.sum(1) for part in (left, right, automatic)]),
        "COPOD": np.maximum(both.sum(1), np.where(skew == 0, both, automatic).sum(1)),
    }


def peers(train, test, protocol, seed):
    forest = IsolationForest(random_state=seed).fit(train)
    found = {"IForest": -forest.score_samples(test)}
    return found | neighbours(train, test, protocol) | margins(train, test)


# What our parts say.


def parts(train, test, protocol, seed):
    """How rare each part finds the scored rows among the training rows."""
    options = {"novelty": protocol == "B", "seed": seed, "progress": False}
    detector = VAEDetector(method="neighbours", **options).fit(train).detector_
    known, asked = detector.prepare_inputs(train), detector.prepare_inputs(test)
    found = {}
    for name, part in PARTS[protocol].items():
        fitted = part.fit(known)
        usual = fitted.of_training(known)
        scores = usual if protocol == "A" else fitted.of(asked)
        found[name] = TailProbability.of(usual)(scores)
    return found


def compute(options):
    folder = Path(options.columns)
    folder.mkdir(exist_ok=True)
    runs = itertools.product(
        range(options.seeds), options.protocols, sorted(Path(options.sets).glob("*.npz"))
    )
    for seed, protocol, path in runs:
        target = folder / f"{protocol}-{seed}-{path.stem}.npz"
        if target.exists():
            continue
        started = time.process_time()
        train, test, y = read(path, protocol, seed)
        found = peers(train, test, protocol, seed) | parts(train, test, protocol, seed)
        np.savez(target, y=y, **found)
        print(target.stem, f"{time.process_time() - started:.1f} s", flush=True)


# Which fusion is chosen, and how it does elsewhere.


def figures(protocol, options):
    """Of each method, AUROC and AP in percent of each set, the mean over seeds."""
    found = {}
    paths = sorted(Path(options.columns).glob(f"{protocol}-*.npz"))
    for path in paths:
        name = path.stem.split("-", 2)[2]
        with np.load(path) as stored:
            y, columns = stored["y"], {key: stored[key] for key in stored.files}
        scores = {peer: columns[peer] for peer in PEERS}
        for fusion, members in FUSIONS[protocol].items():
            scores[fusion] = np.mean([columns[member] for member in members], axis=0)
        for method, values in scores.items():
            pair = 100 * roc_auc_score(y, values), 100 * average_precision_score(y, values)
            found.setdefault(method, {}).setdefault(name, []).append(pair)
    sets = sorted(next(iter(found.values())))
    seeds = len(paths) // len(sets)
    return {m: np.array([np.mean(v[s], axis=0) for s in sets]) for m, v in found.items()}, seeds


def chosen_elsewhere(table, fusions, half):
    """Figures of each set by the fusion that is best on the other half, and which those are."""
    left, names = np.zeros_like(next(iter(table.values()))), []
    for some in (half, ~half):
        best = max(fusions, key=lambda name: table[name][some].mean())
        left[~some] = table[best][~some]
        names.append(best)
    return left, names


def compare(name, found, table, protocol, seeds, *, note=""):
    """Print and keep a gain over the best peer by the mean of both measures."""
    best = max(PEERS, key=lambda peer: table[peer].mean())
    gain = found - table[best]
    for place, what in enumerate(("AUROC", "AP")):
        values = gain[:, place]
        p = wilcoxon(values).pvalue
        spread = f"ahead on {(values > 0).sum()} of {len(values)}, p {p:.3f}"
        print(
            f"    {what} {found[:, place].mean():.1f}: {values.mean():+.1f} over {best}, {spread}"
        )
        figure = f"{protocol}: {what}"
        keep(
            f"gain of {name} over the best peer",
            {figure: values.mean()},
            spreads={figure: spread},
            seeds=seeds,
            note=note,
        )


def evaluate(protocol, options):
    table, seeds = figures(protocol, options)
    count = len(table["IForest"])
    print(f"protocol {protocol}: {count} sets, {seeds} seeds, AUROC/AP in percent")
    halves = {"first half": np.arange(count) % 2 == 0, "second half": np.arange(count) % 2 == 1}
    for name, values in table.items():
        shown = {"": values, **{h: values[some] for h, some in halves.items()}}
        words = "  ".join(
            f"{h} {v[:, 0].mean():.1f}/{v[:, 1].mean():.1f}" for h, v in shown.items()
        )
        print(f"  {name:26}{words}")
        for half, v in shown.items():
            area, precision = v.mean(axis=0)
            start = f"{protocol}, {half}" if half else protocol
            keep(name, {f"{start}: AUROC": area, f"{start}: AP": precision}, seeds=seeds)
    left, names = chosen_elsewhere(table, FUSIONS[protocol], halves["first half"])
    print(f"  chosen on the other half (chosen: {names[0]}; {names[1]}):")
    note = f"chosen on the first half: {names[0]}; on the second: {names[1]}"
    compare("the fusion chosen on the other half", left, table, protocol, seeds, note=note)
    for half, some in halves.items():
        own = {peer: table[peer][some] for peer in PEERS}
        print(
            f"  {half}, left out: {left[some].mean(0).round(1)}", end=", best of peers by measure "
        )
        print(np.max([v.mean(0) for v in own.values()], axis=0).round(1))
    gains, best = [], max(PEERS, key=lambda peer: table[peer].mean())
    for seed in range(SPLITS):
        order = np.random.default_rng(seed).permutation(count)
        gains.append(
            (chosen_elsewhere(table, FUSIONS[protocol], order < count // 2)[0] - table[best]).mean(
                0
            )
        )
    low, middle, high = np.quantile(gains, (0.1, 0.5, 0.9), axis=0)
    spans = f"10 - 90 %: {low.round(1)} {high.round(1)}"
    print(f"  {SPLITS} random splits: gain {middle.round(1)}, {spans}")
    for place, what in enumerate(("AUROC", "AP")):
        figure = f"{protocol}: {what}"
        spread = f"{low[place]:.1f} to {high[place]:.1f}"
        keep(
            f"the same by {SPLITS} random splits, median",
            {figure: middle[place]},
            spreads={figure: spread},
            seeds=seeds,
        )
    for name in FUSIONS[protocol]:
        print(f"  {name}")
        compare(name, table[name], table, protocol, seeds)


# Rows that break a rule.

RULES = {
    "sum": lambda a, b: a + b,
    "product": lambda a, b: a * b,
    "curve": lambda a, b: np.sin(2 * a),
    "regime": lambda a, b: np.where(a > 0, b, -b),
    "ratio": lambda a, b: np.exp(a - b / 2),
}


def ruled(rule, rows, rng):
    """Two columns, one that follows from them but for a twentieth, four that do not."""
    a, b = rng.normal(size=(2, rows))
    told = RULES[rule](a, b)
    told = told + 0.05 * told.std() * rng.normal(size=rows)
    return np.column_stack([a, b, told, rng.normal(size=(rows, 4))])


def broken(rows, rng):
    """The third cell from another row, by more than a standard deviation away from its own."""
    odd, left = rows.copy(), np.arange(len(rows))
    while len(left):
        odd[left, 2] = rows[rng.integers(len(rows), size=len(left)), 2]
        left = left[np.abs(odd[left, 2] - rows[left, 2]) < rows[:, 2].std()]
    return odd


def rules(options):
    methods = {
        "A": ("contaminated", "cleaned", "cleaned_and_rules", "dependencies", "broken_rules"),
        "B": ("novelty", "relative_novelty", "novelty_and_rules", "dependencies", "broken_rules"),
    }
    print("rows that break a rule, % found at 10 % false alarms")
    for protocol, names in methods.items():
        for name in names:
            found, named, aside = {rule: [] for rule in RULES}, [], []
            for rule, seed in itertools.product(RULES, range(options.seeds)):
                rng = np.random.default_rng(seed)
                rows, odd = ruled(rule, 2000, rng), broken(ruled(rule, 100, rng), rng)
                train = np.concatenate([rows, odd]) if protocol == "A" else rows[:1000]
                detector = VAEDetector(
                    novelty=protocol == "B", method=name, seed=seed, progress=False
                ).fit(train)
                if protocol == "A":
                    usual, scores = np.split(detector.decision_scores_, [len(rows)])
                else:
                    usual, scores = (-detector.score_samples(x) for x in (rows[1000:], odd))
                is_found = scores > np.quantile(usual, 0.9)
                found[rule].append(100 * is_found.mean())
                why = detector.explain(odd[is_found])
                named += [any(reason.column == "2" for reason in said) for said in why]
                aside += [said[0].column not in ("0", "1", "2") for said in why]
            shares = {rule: np.mean(values) for rule, values in found.items()}
            mean = np.mean(list(shares.values()))
            print(
                f"  {protocol} {name:18} {mean:.0f}:",
                {r: round(s) for r, s in shares.items()},
                f"reason {100 * np.mean(named):.0f}, aside {100 * np.mean(aside):.0f}",
                flush=True,
            )
            keep(
                f"rows that break a rule: {name}",
                {
                    f"{protocol}: found, %": mean,
                    f"{protocol}: found, the changed column a reason, %": 100 * np.mean(named),
                    f"{protocol}: found, first reason aside, %": 100 * np.mean(aside),
                },
                seeds=options.seeds,
            )


def main(options):
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    if options.rules:
        rules(options)
    elif options.evaluate:
        for protocol in options.protocols:
            evaluate(protocol, options)
    elif options.sets:
        compute(options)
    else:
        sys.exit("anomalies_generalise.py needs ADBench's sets: pass --sets DIR.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", default=os.environ.get("VAEKIT_ANOMALIES"))
    parser.add_argument("--columns", help="a folder for what parts say of each set")
    parser.add_argument("--protocols", default="AB")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--evaluate", action="store_true")
    parser.add_argument("--rules", action="store_true")
    add_option(parser)
    options = parser.parse_args()
    with recording("anomalies_generalise", options.results):
        main(options)
