"""Anomalies in time series, beside a seasonal-naive forecast, isolation forests and neighbours.

    python benchmarks/anomalies_series.py --data DIR

DIR (or the folder that VAEKIT_DATA names) holds nab/*.csv.gz, series with the columns value and
label, and ecg5000_train500/*.npz. Of each of NAB's series, by two protocols, the last 85 % are
scored, as NAB has it, and no method is told a label:

A: fit on the first 15 %, NAB's probationary part; `VAEDetector(novelty=True)`.
B: fit on the whole series, anomalies included; `VAEDetector()`.

All methods use the same windows (`SeriesDomain(window="auto")`), average over the windows that
cover a step, and flag by the same rule: the median of the training steps' scores and three robust
deviations. ECG5000: fit on half of the normal beats (class 1), score all others. Prints means over
series and seeds, in percent: the area under the ROC curve and average precision over single steps,
event precision, recall and F1 without point adjustment, and NAB's score (standard profile; of each
event the first step is the alarm). Figures of events are over series that have one.
"""

import argparse
import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from results import add_option, keep, recording
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import NearestNeighbors

from vaekit.anomalies import VAEDetector, automatic_threshold
from vaekit.series import (
    SeriesDomain,
    dominant_period,
    event_scores,
    nab_scale,
    nab_sums,
    runs,
    step_ranking,
)

PROBATION = 0.15
FIGURES = ("AUROC", "AP", "precision", "recall", "F1")


def over_steps(scores, window):
    """Of each step, the mean over the windows that cover it."""
    total = np.convolve(scores, np.ones(window))
    return total / np.convolve(np.ones(len(scores)), np.ones(window))


def seasonal(series, period, window):
    """The difference to the value one period before, smoothed as much as the others are."""
    found = np.r_[np.zeros(period), np.abs(series[period:] - series[:-period])]
    return over_steps(found[: len(found) - window + 1], window)


def neighbors(train, windows, k, itself):
    finder = NearestNeighbors(n_neighbors=k + itself).fit(train)
    return finder.kneighbors(windows)[0][:, -1]


def baselines(train, series, window, seed):
    """By method the scores of the training steps, and of all steps."""
    cut = np.lib.stride_tricks.sliding_window_view
    known, asked, whole = cut(train, window), cut(series, window), len(train) == len(series)
    period = dominant_period(train[:, None]) or 1
    forest = IsolationForest(random_state=seed).fit(known)
    found = {"IForest": [-forest.score_samples(x) for x in (known, asked)]}
    for k in (1, 5):
        of_all = neighbors(known, asked, k, whole)
        found[f"kNN {k}"] = [of_all if whole else neighbors(known, known, k, True), of_all]
    found = {name: [over_steps(s, window) for s in pair] for name, pair in found.items()}
    return found | {"seasonal": [seasonal(x, period, window) for x in (train, series)]}


def ours(train, series, protocol, seed):
    started = time.process_time()
    domain = SeriesDomain(window="auto")
    detector = VAEDetector(novelty=protocol == "A", domain=domain, seed=seed, progress=False)
    detector.fit(train)
    whole = len(train) == len(series)
    scores = detector.steps_.training if whole else detector.step_scores(series)
    return [detector.steps_.training, scores], time.process_time() - started


def judge(pair, labels, start):
    """The figures of one method on one series, and what NAB sums."""
    training, scores = pair
    flags = scores > automatic_threshold(training)
    flags[:start] = False
    events, true = runs(flags), [span for span in runs(labels) if span[1] > start]
    alarms = np.zeros(len(labels), dtype=bool)
    alarms[[first for first, _ in events]] = True
    nab = nab_sums(alarms, runs(labels), start=start)
    if not true:
        return [np.nan] * len(FIGURES), nab
    ranking, found = step_ranking(scores[start:], labels[start:]), event_scores(events, true)
    figures = [ranking.auroc, ranking.average_precision, found.precision, found.recall, found.f1]
    return figures, nab


def one_series(path, protocol, options):
    """By method the figures and NAB's sums of each seed, and our seconds."""
    frame = pd.read_csv(path)
    series, labels = frame["value"].to_numpy(float), frame["label"].to_numpy(bool)
    start = int(PROBATION * len(series))
    train = series[:start] if protocol == "A" else series
    window = SeriesDomain(window="auto").fit(train).steps
    found, spent = {}, []
    for seed in range(options.seed, options.seed + options.seeds):
        pair, seconds = ours(train, series, protocol, seed)
        spent.append(seconds)
        methods = {"vaekit": pair}
        if seed == options.seed:
            methods |= baselines(train, series, window, seed)
        for name, pair in methods.items():
            found.setdefault(name, []).append(judge(pair, labels, start))
    shown = " ".join(f"{name} {100 * runs_[0][0][0]:.0f}" for name, runs_ in found.items())
    if options.verbose:
        print(f"  {path.name[:50]} w {window} {shown} {np.mean(spent):.1f} s", flush=True)
    return found, spent


def table(results, title):
    print(f"{title}: {len(results)} series; {', '.join(FIGURES)}, NAB score")
    for name in results[0]:
        seeds = []
        for seed in range(len(results[0][name])):
            figures = np.nanmean([result[name][seed][0] for result in results], axis=0)
            raw, count = np.sum([result[name][seed][1] for result in results], axis=0)
            seeds.append([*(100 * figures), nab_scale(raw, count)])
        mean, spread = np.mean(seeds, axis=0), np.ptp(seeds, axis=0)
        line = "  ".join(f"{value:5.1f}" for value in mean)
        ranges = "  ".join(f"{value:.1f}" for value in spread)
        print(f"  {name:10} {line}" + (f"   range over seeds {ranges}" if len(seeds) > 1 else ""))
        figures = dict(zip((*FIGURES, "NAB"), mean, strict=True))
        spans = {k: f"range {v:.1f}" for k, v in zip(figures, spread, strict=True)}
        keep(name, figures, part=title, spreads=spans if len(seeds) > 1 else None, seeds=len(seeds))


def nab(protocol, options):
    paths = sorted((Path(options.data) / "nab").glob("*.csv.gz"))
    odd = range(0, len(paths), 2)  # the first, the third, ...: what was tuned on
    chosen = odd if options.tune else range(len(paths))
    found = {i: one_series(paths[i], protocol, options) for i in chosen}
    print(f"NAB, protocol {protocol}")
    if not options.tune:
        table([result for result, _ in found.values()], f"{protocol}, all")
        table(
            [result for i, (result, _) in found.items() if i % 2], f"{protocol}, even, not tuned on"
        )
    seconds = np.concatenate([spent for _, spent in found.values()])
    table([found[i][0] for i in odd], f"{protocol}, odd, tuned on")
    print(f"  CPU seconds of a series: {np.median(seconds):.1f}, at most {seconds.max():.1f}")


def ecg(options):
    stored = np.load(next((Path(options.data) / "ecg5000_train500").glob("*.npz")))
    X, y = stored["x"].astype(float), stored["y"].astype(int)
    figures = {}
    for seed in range(options.seed, options.seed + options.seeds):
        normal = np.random.default_rng(seed).permutation(np.flatnonzero(y == 1))
        half = len(normal) // 2
        asked = np.r_[normal[half:], np.flatnonzero(y != 1)]
        train, test, odd = X[normal[:half]], X[asked], y[asked] != 1
        detector = VAEDetector(novelty=True, domain="series", seed=seed, progress=False)
        found = {"vaekit": -detector.fit(train).score_samples(test)}
        forest = IsolationForest(random_state=seed).fit(train)
        found["IForest"] = -forest.score_samples(test)
        found |= {f"kNN {k}": neighbors(train, test, k, False) for k in (1, 5)}
        found["median beat"] = np.abs(test - np.median(train, axis=0)).mean(1)
        for name, scores in found.items():
            pair = roc_auc_score(odd, scores), average_precision_score(odd, scores)
            figures.setdefault(name, []).append(pair)
    print(f"ECG5000, {options.seeds} seeds: AUROC/AP, range of AUROC")
    for name, pairs in figures.items():
        area, precision = 100 * np.mean(pairs, axis=0)
        print(f"  {name:12} {area:.1f}/{precision:.1f}  {100 * np.ptp(pairs, axis=0)[0]:.1f}")
        keep(name, {"AUROC": area, "AP": precision}, part="ECG5000", seeds=options.seeds)


def main(options):
    if not options.data:
        sys.exit("anomalies_series.py needs data: pass --data DIR, or set VAEKIT_DATA.")
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    ecg(options)
    for protocol in options.protocols:
        nab(protocol, options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("VAEKIT_DATA"))
    parser.add_argument("--protocols", default="BA")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tune", action="store_true", help="odd series only: use seeds from 100")
    parser.add_argument("--verbose", action="store_true", help="print each series")
    add_option(parser)
    options = parser.parse_args()
    with recording("anomalies_series", options.results):
        main(options)
