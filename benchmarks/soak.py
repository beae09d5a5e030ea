"""An hour of fits, loads, scores and samples in one process: memory and open files stay flat.

    python benchmarks/soak.py --minutes 60

Each round fits a small model of images, of a numeric table and of a table with labels, saves it
over the last one, loads it, scores and samples, finds anomalies, and reads a file that is damaged.
Memory is what the process holds at the end of a round (MB), without what it holds only for a
moment; the first tenth of the time is left to warm up. Growth is the slope of a straight line over
the rest, in MB an hour.
"""

import argparse
import gc
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from results import add_option, keep, recording

from vaekit import Autoencoder, load
from vaekit.errors import VaekitError
from vaekit.sklearn import VAEDetector

MOST_GROWTH = 20.0


def held():
    """Memory in MB and open files of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(list(Path("/proc/self/fd").iterdir()))


def one_round(folder, number):
    rng = np.random.default_rng(number)
    size = rng.normal(size=300)
    table = pd.DataFrame({"size": size, "kind": np.where(size > 0, "a", "b")})
    numbers = rng.normal(size=(300, 5)).astype(np.float32)
    images = rng.random((120, 16, 16), np.float32)
    for name, items in (("table", table), ("numbers", numbers), ("images", images)):
        fitting = Autoencoder(latent_dim=2, max_epochs=3, seed=number, progress=False)
        fitting.fit(items).save(folder / name)
        model = load(folder / name)
        model.score_samples(items[:50], draws=4)
        model.sample(50, seed=number)
        model.reconstruct(items[:50])
    VAEDetector(max_epochs=3, seed=number, progress=False).fit(numbers).predict(numbers)
    (folder / "damaged.npy").write_bytes(b"\x93NUMPY\x01\x00" + rng.bytes(100))
    try:
        Autoencoder(progress=False).fit(folder / "damaged.npy")
    except VaekitError:
        return
    sys.exit("a damaged file was read")


def main(minutes):
    started, rows = time.monotonic(), []
    with tempfile.TemporaryDirectory() as place:
        while (spent := time.monotonic() - started) < 60 * minutes:
            one_round(Path(place), len(rows))
            gc.collect()
            rows.append((spent / 3600, *held()))
            if len(rows) % 20 == 1:
                print(
                    f"{spent / 60:5.1f} min  round {len(rows):4}  {rows[-1][1]:6.0f} MB  "
                    f"{rows[-1][2]} files",
                    flush=True,
                )
    hours, memory, files = np.array([r for r in rows if r[0] > minutes / 600]).T
    growth = float(np.polyfit(hours, memory, 1)[0])
    figures = {
        "rounds": len(rows),
        "memory after warming up, MB": round(float(memory[0])),
        "memory at the end, MB": round(float(memory[-1])),
        "growth, MB an hour": round(growth, 1),
        "open files after warming up": int(files[0]),
        "open files at the end": int(files[-1]),
    }
    for name, value in figures.items():
        print(f"{name}: {value}")
    targets = {
        "growth, MB an hour": (f"<= {MOST_GROWTH:.0f}", growth <= MOST_GROWTH),
        "open files at the end": ("no more", bool(files[-1] <= files[0])),
    }
    keep(f"{minutes:g} minutes", figures, targets=targets)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=60)
    add_option(parser)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    with recording("reliability", options.results):
        main(options.minutes)
