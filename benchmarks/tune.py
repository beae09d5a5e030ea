"""``vaekit tune`` against the default in the same time, and a search of which a process is killed.

    python benchmarks/tune.py --data data/
    python benchmarks/tune.py --data data/ --tables abalone,titanic --minutes 2
    python benchmarks/tune.py --parts kill

Eight tables, each NAME/NAME.csv.gz in --data, of which some rows are taken; a quarter of them are
test data, which neither side sees. The default has the time in two forms: one training of that
length (its learning rate comes down in time, and the weights of the best validation are kept), and
with --repeats the best of as many trainings with different seeds as fit in, chosen as the search
chooses. The search must beat the better of both. Judged is the log-likelihood of the test rows, a
bound by 64 importance samples, in nats per row: the objective of the search.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from results import add_option, keep, recording

import vaekit
from vaekit import Autoencoder

PARTS = ("tables", "kill")
TABLES = (
    *("abalone", "adult", "bank", "california_housing"),
    *("credit_default", "diamonds", "penguins", "titanic"),
)
SEEDS = {"seed": {"low": 0, "high": 1_000_000}}
ENDLESS = 100_000

WORKER = """
import sys
import numpy as np
from vaekit import tune

tune(np.load(sys.argv[1]), trials=int(sys.argv[3]), minutes=30, pruner="none", refit=False,
     space={"learning_rate": {"low": 1e-3, "high": 1e-2}, "latent_dim": [1, 2, 3]},
     options={"max_epochs": 60, "batch_size": 8}, out=sys.argv[2])
"""


def split(folder, name, rows):
    """Rows to learn from, and test rows."""
    table = pd.read_csv(folder / name / f"{name}.csv.gz")
    table = table.sample(min(rows, len(table)), random_state=0).reset_index(drop=True)
    cut = len(table) // 4
    return table[cut:].reset_index(drop=True), table[:cut].reset_index(drop=True)


def judged(model, test):
    return float(model.score(test))


def searched(train, minutes, trials, seed, preset, space=None):
    """The best of a search, its trials, and the seconds that it took."""
    started = time.time()
    with tempfile.TemporaryDirectory() as folder:
        found = vaekit.tune(
            train,
            trials=trials,
            minutes=minutes,
            presets=[preset],
            objective="log-likelihood",
            space=space,
            seed=seed,
            out=Path(folder) / "out",
        )
        return found.best, found.trials, time.time() - started


def long(train, minutes, seed, preset):
    """One training of the whole time."""
    model = Autoencoder(
        preset, max_epochs=ENDLESS, max_minutes=minutes, seed=seed, progress=False, domain="table"
    )
    return model.fit(train)


def compare(name, options):
    train, test = split(options.data, name, options.rows)
    rows = []
    for seed in range(options.seeds):
        asked = (train, options.minutes, options.trials, seed, options.preset)
        best, trials, seconds = searched(*asked)
        once = long(train, options.minutes, seed, options.preset)
        row = {
            "search": judged(best, test),
            "default, one long training": judged(once, test),
            "trials": len(trials),
            "seconds": seconds,
        }
        if options.repeats:
            again = searched(*asked, SEEDS)[0]
            row["default, best of seeds"] = judged(again, test)
        print(f"{name}, seed {seed}: {row}", flush=True)
        rows.append(row)
    mean = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
    default = max(value for key, value in mean.items() if key.startswith("default"))
    mean["gain over the better default"] = mean["search"] - default
    keep(name, mean, part="tables", seeds=options.seeds, note="nats per row of test data")
    return mean["gain over the better default"]


def tables(options):
    names = options.tables.split(",")
    gains = {name: compare(name, options) for name in names}
    won = sum(gain > 0 for gain in gains.values())
    print(f"the search is better on {won} of {len(names)} tables: {gains}")
    keep(
        "all tables",
        {"tables on which the search is better": won},
        part="tables",
        targets={"tables on which the search is better": ("at least 5 of 8", won >= 5)},
        seeds=options.seeds,
    )


def kill(options):
    """Four processes on one study, of which one is killed while it trains."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        x = rng.normal(size=(120, 2)) @ rng.normal(size=(2, 5)) + 0.1 * rng.normal(size=(120, 5))
        np.save(place / "x.npy", x)
        (place / "worker.py").write_text(WORKER)
        out = place / "out"
        words = [sys.executable, str(place / "worker.py"), str(place / "x.npy"), str(out)]
        words.append(str(options.trials))
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        running = {p.pid: p for p in (subprocess.Popen(words, env=environment) for _ in range(4))}
        killed = kill_one(out / "leases", running)
        codes = sorted(process.wait() for process in running.values())
        trials = pd.read_csv(out / "trials.csv")
    states = trials["state"].value_counts().to_dict()
    complete = trials[trials["state"] == "complete"]
    twice = int(complete.filter(like="param ").dropna().duplicated().sum())
    figures = {
        "trials asked for": options.trials,
        "trials complete": states.get("complete", 0),
        "trials lost and not run again": states.get("lost", 0) - int(trials["retry_of"].count()),
        "trials run twice": twice,
    }
    print(f"killed during trial {killed}; exit codes {codes}; {figures}")
    keep(
        "4 processes, one killed",
        figures,
        part="kill",
        targets={name: ("0", figures[name] == 0) for name in list(figures)[2:]},
    )


def kill_one(leases, running):
    """Kill a process while it works on a trial that is none of the first four."""
    while True:
        for path in sorted(leases.glob("0*")) if leases.exists() else ():
            try:
                holder = json.loads(path.read_text())["process"]
            except (ValueError, FileNotFoundError):
                continue
            if int(path.name) >= 4 and holder in running:
                running[holder].kill()
                return int(path.name)
        time.sleep(0.02)


def main(options):
    warnings.simplefilter("ignore")
    for part in options.parts.split(","):
        {"tables": tables, "kill": kill}[part](options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--minutes", type=float, default=5.0, help="of each side and table")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--trials", type=int, default=40, help="of a search, at most")
    parser.add_argument("--repeats", action="store_true", help="the best of seeds as well")
    parser.add_argument("--preset", default="auto")
    add_option(parser)
    options = parser.parse_args()
    with recording("tune", options.results):
        main(options)
