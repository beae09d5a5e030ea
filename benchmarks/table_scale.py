"""What a table costs: seconds and memory by rows and columns, with labels of 5,000 kinds.

    python benchmarks/table_scale.py [--rows 10000,100000,1000000] [--columns 10,50] [--minutes 0.5]

Tables are made up: two fifths of the columns labels of few kinds, one column labels of 5,000 kinds,
the others numbers that depend on them. Each size runs in a process of its own. Training is stopped
after --minutes; what ten passes would take (the least that a training of this size makes by itself)
is extrapolated from the seconds per step, which do not depend on the rows. Prints seconds to learn
the columns and encode all rows, per step of 256 rows, of ten passes; of 10,000 samples; and the
peak of resident memory, beside what the data frame itself takes.
"""

import argparse
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import torch
from results import add_option, keep, recording

BATCH, PASSES = 256, 10


def table(rows, columns, seed=0):
    rng = np.random.default_rng(seed)
    kind = rng.integers(5, size=rows)
    made = {"many": pd.Series(rng.zipf(1.3, rows) % 5000).astype(str)}
    for place in range(columns - 1):
        if place % 5 < 2:
            noise = rng.integers(place % 7 + 2, size=rows)
            made[f"label{place}"] = np.char.add("v", ((kind + noise) % 9).astype(str))
        else:
            made[f"number{place}"] = kind * rng.random() + rng.normal(size=rows)
    return pd.DataFrame(made)


def measure(rows, columns, minutes):
    from vaekit import Autoencoder
    from vaekit.tables import TableDomain

    torch.set_num_threads(1)
    frame = table(rows, columns)
    size = frame.memory_usage(deep=True).sum() / 2**30
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    started = time.perf_counter()
    TableDomain().fit(frame).prepare(frame)
    schema = time.perf_counter() - started
    started = time.perf_counter()
    model = Autoencoder(domain="table", max_minutes=minutes, seed=0, progress=False).fit(frame)
    fit = time.perf_counter() - started
    steps = model.history_[-1]["step"]
    per_step = 60 * minutes / steps  # the prior takes little of it
    started = time.perf_counter()
    model.sample(10_000, seed=0)
    sampling = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    passes = PASSES * rows / BATCH * per_step
    print(
        f"  {rows:>9,} x {columns}: frame {size:.2f} GB; columns and encoding {schema:.1f} s; step "
        f"{1000 * per_step:.0f} ms, {PASSES} passes {passes / 60:.1f} min; whole fit within "
        f"{minutes} min {fit:.0f} s; 10,000 samples {sampling:.1f} s; memory {before:.1f} GB with "
        f"the frame, {peak:.1f} GB at most",
        flush=True,
    )
    figures = {
        "columns and encoding, s": schema,
        "step of 256 rows, ms": 1000 * per_step,
        "ten passes, minutes": passes / 60,
        "10,000 samples, s": sampling,
        "memory at most, GB": peak,
    }
    keep(f"{rows:,} x {columns}", figures, note=f"whole fit within {minutes} minutes: {fit:.0f} s")


def main(options):
    if options.one:
        measure(*options.one, options.minutes)
        return
    for columns in options.columns:
        for rows in options.rows:
            one = ["--one", f"{rows},{columns}", "--minutes", str(options.minutes)]
            if options.results:
                one += ["--results", str(options.results)]
            subprocess.run([sys.executable, __file__, *one], check=True)


def numbers(text):
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=numbers, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--columns", type=numbers, default=[10, 50])
    parser.add_argument("--minutes", type=float, default=0.5)
    parser.add_argument("--one", type=numbers, help=argparse.SUPPRESS)
    add_option(parser)
    options = parser.parse_args()
    with recording("table_scale", options.results):
        main(options)
