"""Tables, and ways to hide their cells, that imputers are compared on; see imputation.py.

The tables are in two halves: on those of `DEVELOPMENT` vaekit's settings were chosen, those of
`LEFT_OUT` were looked at once, at the end.
"""

import numpy as np
import pandas as pd
from sklearn import datasets

BUILT_IN = {
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
    "diabetes": datasets.load_diabetes,
}
ANOMALIES = {
    "cardio": "6_cardio",
    "vowels": "40_vowels",
    "pima": "29_Pima",
    "page_blocks": "27_PageBlocks",
    "waveform": "41_Waveform",
}
DEVELOPMENT = (
    *("wine", "breast_cancer", "adult", "abalone", "california_housing", "credit_default"),
    *("cardio", "vowels"),
)
LEFT_OUT = (
    "diabetes",
    "bank",
    "diamonds",
    "titanic",
    "penguins",
    "pima",
    "page_blocks",
    "waveform",
)
_SLOPE = 2.0  # of the logistic curves: how far the reason tells what is missing
_SHARE_SEEN = 0.3  # of the columns, that have no holes and tell where others have some


def read(name, folder):
    """A table by its name: with scikit-learn, or in the folder; None where it is not there."""
    if name in BUILT_IN:
        return BUILT_IN[name](as_frame=True).data
    if folder is None:
        return None
    if name in ANOMALIES:
        with np.load(f"{folder}/adbench_tabular/{ANOMALIES[name]}.npz") as file:
            return pd.DataFrame(file["X"]).add_prefix("x")
    frame = pd.read_csv(f"{folder}/{name}/{name}.csv.gz")
    return frame.drop(columns=[c for c in ("split",) if c in frame])


def is_number(values):
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _positions(frame, rng):
    """Each cell's place in its column, mean 0 and variance 1: ranks; labels in a random order."""
    found = {}
    for name in frame:
        values = frame[name]
        if not is_number(values):
            labels = values.dropna().unique()
            values = values.map(dict(zip(labels, rng.permutation(len(labels)), strict=True)))
        ranks = values.astype(float).rank()
        found[name] = ((ranks - ranks.mean()) / (ranks.std() or 1.0)).fillna(0.0)
    return pd.DataFrame(found).to_numpy()


def _with_share(reason, share):
    """Probabilities that rise with the reason, and are the share in the mean."""
    low, high = -20.0, 20.0
    for _ in range(50):
        middle = (low + high) / 2
        mean = (1 / (1 + np.exp(-_SLOPE * reason - middle))).mean()
        low, high = (middle, high) if mean < share else (low, middle)
    return 1 / (1 + np.exp(-_SLOPE * reason - low))


def hide(frame, mechanism, share, seed):
    """The rows with cells missing, and which of them were known.

    At random every cell is missing with the same probability (MCAR). By other columns (MAR) three
    columns in ten stay whole, and a weighted sum of them tells where the others have holes. By
    their own value (MNAR) larger values are missing more often.
    """
    rng = np.random.default_rng(seed)
    chance = np.full(frame.shape, share)
    if mechanism == "by other columns":
        positions, count = _positions(frame, rng), frame.shape[1]
        seen = rng.permutation(count)[: max(1, round(_SHARE_SEEN * count))]
        for place in range(count):
            reason = positions[:, seen] @ rng.normal(size=len(seen))
            chance[:, place] = _with_share(reason / (reason.std() or 1.0), share)
        chance[:, seen] = 0.0
    elif mechanism == "by their own value":
        positions = _positions(frame, rng)
        chance = np.stack([_with_share(column, share) for column in positions.T], 1)
    elif mechanism != "at random":
        raise SystemExit(f"cells are hidden at random, by other columns, ...; got {mechanism!r}.")
    hidden = rng.random(frame.shape) < chance
    return frame.mask(hidden), hidden & frame.notna().to_numpy()
