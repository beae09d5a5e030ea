"""How much memory fitting and using take, above what the imports take, beside the data's own.

Each case runs in a process of its own, which makes the data, notes what it holds, and then works;
``growth`` is the peak after that, less what was held before the data were made, over the bytes of
the data. So 2.5 means: the data, and one and a half times as much again.

    python benchmarks/memory.py
    python benchmarks/memory.py --only long --check

A case may take ``BOUND`` times its data (``OF_KINDS`` times, if there are labels), what it
returns, some times the weights of its model, and what one batch takes on its way through the
networks, which does not grow with the data.
"""

import argparse
import json
import resource
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from results import add_option, keep, recording

MB = 1e6
BOUND, OF_WEIGHTS = 2.5, 7
OF_KINDS = 5
"""In place of ``BOUND``, of tables with labels: networks see a code and a number of each cell."""

BATCH = {"images": 700 * MB, "labelled": 220 * MB, "wide labelled": 560 * MB}
OTHER = 10 * MB


def numbers(rows: int, columns: int) -> Any:
    """Return random numbers in single precision, made without a copy."""
    return np.random.default_rng(0).standard_normal((rows, columns), dtype=np.float32)


def images() -> Any:
    """Return 20,000 random images of 64 x 64 in colour."""
    return np.random.default_rng(0).integers(0, 255, (20_000, 64, 64, 3), dtype=np.uint8)


def labelled(rows: int, columns: int) -> Any:
    """Return a data frame of numbers and a column of text labels, a table of several kinds."""
    import pandas as pd

    frame = table(rows, columns - 1)
    labels = np.random.default_rng(1).integers(0, 5, rows)
    return frame.assign(kind=pd.Categorical.from_codes(labels, list("abcde")))


def table(rows: int, columns: int) -> Any:
    """Return a data frame of numbers with names."""
    import pandas as pd

    return pd.DataFrame(numbers(rows, columns), columns=[f"c{i}" for i in range(columns)])


LONG, WIDE = (1_000_000, 20), (5, 30_000)
LABELLED = (300_000, 20), (50, 500)
DATA: dict[str, Callable[[], Any]] = {
    "long": lambda: numbers(*LONG),
    "long frame": lambda: table(*LONG),
    "wide": lambda: numbers(*WIDE),
    "wide frame": lambda: table(*WIDE),
    "labelled": lambda: labelled(*LABELLED[0]),
    "wide labelled": lambda: labelled(*LABELLED[1]),
    "images": images,
}
WORK = ("fit", "transform", "score")


def size_of(data: Any) -> int:
    """Return the bytes of an array or a data frame."""
    if isinstance(data, np.ndarray):
        return int(data.nbytes)
    return int(data.memory_usage(index=False, deep=True).sum())


def resident() -> float:
    """Return what this process holds now, in bytes."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize()


def peak() -> float:
    """Return the most that this process has held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run(case: str, work: str, batch: int | None) -> dict[str, Any]:
    """Measure one case in this process."""
    import torch

    from vaekit import Autoencoder

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    few = labelled(300, 4) if "labelled" in case else numbers(300, 4)
    small = Autoencoder(steps=2, latent_dim=2, progress=False).fit(few)  # what is imported late
    small.transform(few), small.score_samples(few, draws=2)
    before = resident()
    data = DATA[case]()
    size = size_of(data)
    model, result = Autoencoder(steps=3, batch_size=batch, progress=False), 0
    if work == "fit":
        model.fit(data)
    else:
        some = data[:2000] if isinstance(data, np.ndarray) else data.iloc[:2000]
        model.fit(some)
        if work == "transform":
            result = model.transform(data).nbytes
        else:
            result = model.score_samples(data, draws=1).nbytes
    grown = peak() - before
    parameters = sum(p.numel() * p.element_size() for p in model.model_.parameters())
    times = OF_KINDS if "labelled" in case else BOUND
    bound = times * size + result + OF_WEIGHTS * parameters + BATCH.get(case, OTHER)
    return {
        "case": case,
        "work": work,
        "data_MB": round(size / MB, 1),
        "model_MB": round(parameters / MB, 1),
        "peak_MB": round(grown / MB, 1),
        "result_MB": round(result / MB, 1),
        "growth": round((grown - result) / size, 2),
        "bound_MB": round(bound / MB, 1),
        "holds": grown <= bound,
    }


def main() -> None:
    """Run all cases, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="only cases whose name holds this")
    parser.add_argument("--case", nargs=2, help="one case, in this process")
    parser.add_argument("--batch", type=int, help="items per step, if not as usual")
    parser.add_argument("--check", action="store_true", help="fail where a bound does not hold")
    add_option(parser)
    asked = parser.parse_args()
    if asked.case:
        print(json.dumps(run(*asked.case, asked.batch)))
        return
    with recording("memory", asked.results):
        rows = [
            measured(case, work, asked.batch)
            for case in DATA
            for work in WORK
            if asked.only in f"{case} {work}"
        ]
    if asked.check and not all(row["holds"] for row in rows):
        sys.exit("a bound does not hold")


def measured(case: str, work: str, batch: int | None) -> dict[str, Any]:
    """Measure a case in a process of its own, print it and keep its figures."""
    command = [sys.executable, __file__, "--case", case, work]
    command += ["--batch", str(batch)] if batch else []
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(row, flush=True)
    figures = {"data, MB": row["data_MB"], "held at most, MB": row["peak_MB"]}
    target = (f"<= {row['bound_MB']:.0f}", row["holds"])
    keep(f"{case}: {work}", figures, targets={"held at most, MB": target})
    return row


if __name__ == "__main__":
    main()
