"""Are the reasons right, and is the false-alarm rate met?

    python benchmarks/anomalies_why.py --sets DIR

DIR holds ADBench's .npz files with X and y (or the folder that VAEKIT_ANOMALIES names). Of at most
3,000 normal rows of each set half are learned from.

Reasons: of 100 other rows k columns are corrupted: moved by 4 standard deviations, up or down, or
taken from another row wherever that is more than 2 standard deviations away. Prints how many of
the corrupted columns are among the first k reasons of `VAEDetector(novelty=True).explain`, beside
the k columns that are farthest from their mean in standard deviations.

False alarms: with `false_alarm_rate=t` the share of the other normal rows that is flagged, over all
sets, and on how many sets it lies within the 95 % interval that a rate of t would have, which is
beta-binomial: both the held-out rows and the scored ones are a sample.
"""

import argparse
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from results import add_option, keep, recording
from scipy.stats import betabinom

from vaekit.anomalies import VAEDetector

ROWS, ASKED = 3000, 100
RATES = (0.01, 0.05, 0.1)


def normal_rows(path, seed):
    """Two halves of the normal rows, without columns that hardly vary."""
    stored, rng = np.load(path), np.random.default_rng(seed)
    X = stored["X"].astype(np.float64)[stored["y"] == 0]
    X = X[rng.permutation(len(X))[:ROWS]]
    half = len(X) // 2
    X = X[:, X[:half].std(0) > 1e-9]
    return X[:half], X[half:]


def corrupted(known, rows, k, how, rng):
    """Rows with k columns changed, and which those are; fewer where none can be."""
    deviation = known.std(0)
    changed, positions = rows.copy(), []
    for row in changed:
        chosen = rng.permutation(len(row))
        if how == "moved":
            chosen = chosen[:k]
            row[chosen] += 4 * deviation[chosen] * rng.choice([-1, 1], k)
        else:
            other = known[rng.integers(len(known))]
            far = np.abs(other - row) > 2 * deviation
            chosen = chosen[far[chosen]][:k]
            row[chosen] = other[chosen]
        positions.append(set(chosen.tolist()))
    return changed, positions


def found_share(lists, positions):
    hits = [len(set(found[: len(p)]) & p) for found, p in zip(lists, positions, strict=True)]
    return sum(hits), sum(len(p) for p in positions)


def reasons(paths, options):
    settings = [(how, k) for how in ("moved", "taken") for k in (1, 2, 3)]
    totals = {setting: np.zeros((2, 2)) for setting in settings}
    for path in paths:
        for seed in range(options.seed, options.seed + options.seeds):
            known, others = normal_rows(path, seed)
            rng = np.random.default_rng(seed)
            detector = VAEDetector(novelty=True, seed=seed, progress=False).fit(known)
            rows = others[rng.permutation(len(others))[:ASKED]]
            for how, k in settings:
                changed, positions = corrupted(known, rows, k, how, rng)
                why = detector.explain(changed, top=k)
                ours = [[int(reason.column) for reason in found] for found in why]
                far = np.argsort(-np.abs(changed - known.mean(0)) / known.std(0), axis=1)
                for i, lists in enumerate((ours, far.tolist())):
                    totals[how, k][i] += found_share(lists, positions)
            if options.verbose:
                shown = "  ".join(
                    f"{h} {k}: {t[0, 0]:.0f}/{t[0, 1]:.0f}" for (h, k), t in totals.items()
                )
                print(f"  {path.stem} {shown}", flush=True)
    print("reasons: corrupted columns among the first k; ours, farthest from the mean")
    for (how, k), total in totals.items():
        ours, far = 100 * total[:, 0] / total[:, 1]
        print(f"  {how}, k={k}: {ours:.1f} %, {far:.1f} %", flush=True)
        keep(
            how,
            {f"k = {k}, %": ours},
            peer="columns farthest from their mean",
            peer_figures={f"k = {k}, %": far},
            part="reasons: corrupted columns among the first k",
        )


def false_alarms(paths, options):
    print("false alarms: target, realised over all sets, sets within their 95 % interval")
    for rate in RATES:
        flagged, scored, within, fits = 0, 0, 0, 0
        for path in paths:
            for seed in range(options.seed, options.seed + options.seeds):
                known, others = normal_rows(path, seed)
                if len(known) < 2 * (1 / rate - 1):
                    continue
                detector = VAEDetector(
                    false_alarm_rate=rate, seed=seed, max_epochs=options.epochs, progress=False
                ).fit(known)
                alarms = int((detector.predict(others) == -1).sum())
                held_out = len(detector.held_out_)
                allowed = int(np.floor(rate * (held_out + 1) + 1e-9))
                law = betabinom(len(others), allowed, held_out + 1 - allowed)
                within += law.ppf(0.025) <= alarms <= law.ppf(0.975)
                flagged, scored, fits = flagged + alarms, scored + len(others), fits + 1
        print(f"  {rate}: {flagged / scored:.4f}, {within} of {fits}", flush=True)
        found = {
            "realised": flagged / scored,
            "sets within the 95 % interval": f"{within} of {fits}",
        }
        keep(f"asked {rate}", found, part="false alarms: new normal rows flagged")


def main(options):
    if not options.sets:
        sys.exit("anomalies_why.py needs ADBench's sets: pass --sets DIR, or set VAEKIT_ANOMALIES.")
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    paths = sorted(Path(options.sets).glob("*.npz"))
    if "reasons" in options.parts:
        reasons(paths, options)
    if "alarms" in options.parts:
        false_alarms(paths, options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", default=os.environ.get("VAEKIT_ANOMALIES"))
    parser.add_argument("--parts", nargs="*", default=["reasons", "alarms"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--epochs", type=int, help="passes of the false-alarm part, where quick")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--verbose", action="store_true")
    add_option(parser)
    options = parser.parse_args()
    with recording("anomalies_why", options.results):
        main(options)
