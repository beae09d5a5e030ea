"""Other software that fills missing cells, each a function from a table to the filled table.

Scikit-learn's imputers read labels as one-hot columns. Forests are iterated as MissForest does, a
forest of its kind for each column (Stekhoven & Buhlmann 2012): scikit-learn's IterativeImputer has
one estimator for all columns, and so none for labels. HyperImpute and miceforest run in a Python of
their own, which is told by its path.
"""

import subprocess
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from imputation_tables import is_number
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

FORESTS = {
    "MissForest": (RandomForestRegressor, RandomForestClassifier),
    "iterated ExtraTrees": (ExtraTreesRegressor, ExtraTreesClassifier),
}


def by_scikit(imputer, frame):
    labels = [c for c in frame if not is_number(frame[c])]
    numbers = frame.drop(columns=labels).astype(float)
    mean, spread = numbers.mean(), numbers.std().replace(0, 1)
    hot = [pd.get_dummies(frame[c], dtype=float).where(frame[c].notna()) for c in labels]
    wide = pd.concat([(numbers - mean) / spread, *hot], axis=1)
    wide.columns = range(wide.shape[1])
    filled = imputer().fit_transform(wide)
    out = frame.copy()
    count = numbers.shape[1]
    out[numbers.columns] = filled[:, :count] * spread.to_numpy() + mean.to_numpy()
    for label, part in zip(labels, hot, strict=True):
        guess = filled[:, count : count + part.shape[1]].argmax(1)
        out[label] = frame[label].where(frame[label].notna(), part.columns.to_numpy()[guess])
        count += part.shape[1]
    return out


def coded(frame):
    """Numbers as they are and the positions of labels, NaN in holes; and the labels by column."""
    known = {c: np.sort(frame[c].dropna().unique()) for c in frame if not is_number(frame[c])}
    columns = {
        c: pd.Series(pd.Categorical(frame[c], known[c]).codes).replace(-1, np.nan)
        if c in known
        else frame[c]
        for c in frame
    }
    return pd.DataFrame(columns).astype(float), known


def decoded(frame, filled, known):
    """The table with its holes filled from positions and numbers."""
    out = frame.copy()
    for name in frame:
        gap = frame[name].isna()
        values = filled[name].astype(float)[gap]
        if name in known:
            values = known[name][values.round().clip(0, len(known[name]) - 1).astype(int)]
        out[name] = frame[name].astype(object if name in known else float)
        out.loc[gap, name] = values
    return out


def by_forests(kinds, frame, trees=50, rounds=5):
    """Iterated as MissForest is: until what is filled in moves more than in the round before."""
    codes, known = coded(frame)
    labels, holes = list(known), frame.isna()
    start = {c: codes[c].mode()[0] if c in labels else codes[c].mean() for c in frame}
    filled, moved = codes.fillna(start), {}
    for round_ in range(rounds):
        before = filled.copy()
        for name in holes.sum().sort_values(kind="stable").index:
            gap = holes[name].to_numpy()
            if not gap.any():
                continue
            forest = kinds[name in labels](trees, random_state=round_)
            given = filled.drop(columns=name).to_numpy()
            forest.fit(given[~gap], codes[name].to_numpy()[~gap])
            filled.loc[gap, name] = forest.predict(given[gap])
        numbers = [c for c in frame if c not in labels]
        change = {
            "numbers": ((filled[numbers] - before[numbers]) ** 2).sum().sum()
            / (filled[numbers] ** 2).sum().sum(),
            "labels": (filled[labels] != before[labels]).to_numpy().sum(),
        }
        if moved and all(change[kind] >= moved[kind] for kind in moved):
            filled = before
            break
        moved = change
    return decoded(frame, filled, known)


class PeerError(Exception):
    """A package has not filled a table."""


_PROGRAM = """
import sys, warnings
warnings.simplefilter("ignore")
import pandas as pd
frame = pd.read_pickle(sys.argv[2])
if sys.argv[1] == "miceforest":
    import miceforest
    # Its own way to match means fails where a probability is 0 or 1; "fast" does not look at it.
    kernel = miceforest.ImputationKernel(
        frame, num_datasets=5, mean_match_strategy="fast", random_state=0
    )
    kernel.mice(5, num_threads=1, verbose=False)
    drawn = [kernel.complete_data(n) for n in range(5)]
    filled = frame.copy()
    for name in frame:
        parts = pd.concat([d[name] for d in drawn], axis=1)
        labels = isinstance(frame[name].dtype, pd.CategoricalDtype)
        filled[name] = parts.mode(axis=1)[0] if labels else parts.mean(axis=1)
else:
    import torch
    torch.set_num_threads(1)
    from hyperimpute.plugins.imputers import Imputers
    filled = Imputers().get("hyperimpute", random_state=0).fit_transform(frame.astype(float))
    filled.columns = frame.columns
filled.to_pickle(sys.argv[3])
"""


def in_its_python(package, python, frame):
    """Filled by a package of another Python; labels travel as their positions."""
    codes, known = coded(frame)
    codes.columns = [f"c{place}" for place in range(frame.shape[1])]
    if package == "miceforest":
        for label in known:
            place = codes.columns[frame.columns.get_loc(label)]
            codes[place] = codes[place].astype("Int64").astype("category")
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "given.pkl"), Path(folder, "filled.pkl")
        codes.to_pickle(given)
        run = [python, "-c", _PROGRAM, package, str(given), str(made)]
        done = subprocess.run(run, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PeerError(f"{package} failed: {done.stderr[-500:]}")
        filled = pd.read_pickle(made)
    filled.columns = frame.columns
    return decoded(frame, filled, known)


METHODS = {
    "mean, mode": partial(by_scikit, SimpleImputer),
    "KNN": partial(by_scikit, KNNImputer),
    "iterated BayesianRidge": partial(
        by_scikit, partial(IterativeImputer, max_iter=10, tol=1e-2, random_state=0)
    ),
    **{name: partial(by_forests, kinds) for name, kinds in FORESTS.items()},
}
