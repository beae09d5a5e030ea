"""How much CPU time detectors of tables take, beside PyOD's VAE.

    python benchmarks/anomalies_speed.py [--peer PEER/bin/python]

Rows of 20 numbers that hang together: normal ones, mixed. In CPU seconds of one thread, at the
defaults of both situations, `VAEDetector()` and `VAEDetector(novelty=True)`: the fit of 10,000,
3,000 and 100,000 rows, and one row scored. With PEER, a Python that has PyOD, its VAE with its
defaults is fitted to the same 10,000 rows before our fits of each round, so that what else runs on
the machine weighs on both; printed is how many times faster ours are. Not wall time: it would count
other jobs as ours.
"""

import argparse
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from results import add_option, keep, recording

from vaekit.anomalies import VAEDetector

COLUMNS, CALLS = 20, 200
SITUATIONS = {"VAEDetector()": False, "VAEDetector(novelty=True)": True}


def mixed(rows, seed=0):
    """Normal numbers in columns that hang together."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, COLUMNS)) @ rng.normal(size=(COLUMNS, COLUMNS))


def fit(X, novelty):
    started = time.process_time()
    detector = VAEDetector(novelty=novelty, progress=False).fit(X)
    return time.process_time() - started, detector


def theirs(X, options):
    """PyOD's VAE in a process of its own, whose start does not count."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/rows.npy", X)
        script = Path(__file__).with_name("anomalies_speed_pyod.py")
        command = [options.peer, str(script), f"{folder}/rows.npy", str(options.threads)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def beside(options):
    """10,000 rows, ours and theirs in turn."""
    X, rounds = mixed(10_000), []
    for _ in range(options.rounds):
        peer = theirs(X, options) if options.peer else np.nan
        rounds.append([peer, *(fit(X, novelty)[0] for novelty in SITUATIONS.values())])
        print(f"  round: {np.round(rounds[-1], 2).tolist()}", flush=True)
    seconds = np.array(rounds)
    print(f"10,000 x {COLUMNS}: PyOD's VAE {np.median(seconds[:, 0]):.1f} CPU s")
    for name, own in zip(SITUATIONS, seconds[:, 1:].T, strict=True):
        ratio = seconds[:, 0] / own
        print(
            f"  {name}: {np.median(own):.2f} CPU s, {np.median(ratio):.1f} times as fast "
            f"({ratio.min():.1f} - {ratio.max():.1f})"
        )
        figures = {"fit, CPU s": np.median(own)}
        if options.peer:
            figures["times as fast as PyOD's VAE"] = np.median(ratio)
        spreads = {"times as fast as PyOD's VAE": ratio}
        keep(name, figures, part="10,000 x 20", spreads=spreads)


def alone(rows, repeats):
    X = mixed(rows)
    for name, novelty in SITUATIONS.items():
        spent = [fit(X, novelty)[0] for _ in range(repeats)]
        print(f"{rows:,} x {COLUMNS}, {name}: {np.median(spent):.2f} CPU s", flush=True)
        keep(name, {"fit, CPU s": np.median(spent)}, part=f"{rows:,} x {COLUMNS}")


def one_row():
    X = mixed(3000)
    for name, novelty in SITUATIONS.items():
        detector, spent = fit(X, novelty)[1], []
        for row in X[:CALLS]:
            started = time.process_time()
            detector.score_samples(row[None])
            spent.append(time.process_time() - started)
        print(f"one row, {name}: {1e3 * np.median(spent):.2f} CPU ms, median of {CALLS}")
        keep(name, {"CPU ms": 1e3 * np.median(spent)}, part="one row")


def main(options):
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    fit(mixed(300), True)  # first calls
    beside(options)
    alone(3000, options.rounds)
    one_row()
    alone(100_000, 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", help="a Python with PyOD")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    add_option(parser)
    options = parser.parse_args()
    with recording("anomalies_speed", options.results):
        main(options)
