"""Small data sets for the recorded cases, the same at every call."""

import functools
from typing import Any

import numpy as np
import pandas as pd

from vaekit.datasets import digits

__all__ = [
    "MOLECULES",
    "SEQUENCES",
    "images",
    "labels",
    "long_series",
    "people",
    "rows",
    "set_of_series",
]

ENDS = ("O", "N", "C(=O)O", "C#N", "Cl", "c1ccccc1", "C1CCNCC1")
MOLECULES = [f"{'C' * n}{end}" for n in range(1, 10) for end in ENDS]
SEQUENCES = [f"{a}{b}{c}" for a in "ab" for b in ("xy", "y", "zzx") for c in ("a", "bb", "cab")] * 5


def images(count: int = 200) -> Any:
    """The first digits."""
    return digits().images[:count]


def labels(count: int = 200) -> Any:
    """Their classes."""
    return digits().labels[:count]


@functools.cache
def _rows() -> Any:
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(200, 2))
    return np.c_[hidden, hidden.sum(1), hidden[:, 0] - hidden[:, 1]] + 0.1 * rng.normal(
        size=(200, 4)
    )


def rows() -> Any:
    """A numeric table with four columns that hang together."""
    return _rows().copy()


def people(count: int = 200) -> Any:
    """A table with labels, whole numbers, dates and missing cells."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "job": rng.choice(["cook", "clerk", "vet"], 200, p=[0.5, 0.3, 0.2]),
            "age": rng.integers(18, 80, 200),
            "pay": rng.normal(2000, 300, 200).round(2),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, 200), "D"),
        }
    )
    frame["pay"] += 10 * frame["age"]
    frame.loc[rng.random(200) < 0.1, "pay"] = np.nan
    frame.loc[rng.random(200) < 0.1, "job"] = None
    return frame[:count].copy()


def set_of_series() -> Any:
    """Sixty waves of twenty steps."""
    rng = np.random.default_rng(2)
    phase, speed = rng.uniform(0, 6, (60, 1)), rng.uniform(0.3, 0.6, (60, 1))
    return np.sin(phase + speed * np.arange(20)) + 0.1 * rng.normal(size=(60, 20))


def long_series() -> Any:
    """Two channels over 300 steps, with something unusual at the end."""
    rng = np.random.default_rng(3)
    time = np.arange(300)
    series = np.c_[np.sin(time / 4), np.cos(time / 4)] + 0.1 * rng.normal(size=(300, 2))
    series[250:256, 1] += 4
    return series
