"""Synthetic rows for lopsided and for small training sets, beside none and SMOTE.

    python benchmarks/augmentation.py --data DIR [--what lopsided,few,advice,numbers]

Needs imbalanced-learn beside the package. DIR holds NAME/NAME.csv.gz and adbench_tabular/*.npz
(the folder that VAEKIT_TABLES names).

lopsided: 40 rows of one class and up to 1,500 of the other; average precision of the rare class on
    the other rows (at most 3,000 and 6,000), of boosted trees and of a logistic regression, both at
    their defaults: trained as it is, with SMOTE (SMOTE-NC where there are labels; missing numbers
    as means), and with `VAEOverSampler`, both at their defaults.
few: 50, 100 and 200 rows, half of each class, and twice as many with `VAEOverSampler("all")`.
numbers: 50, 200 and 1,000 rows with a number to tell; R2 with and without `augment`'s rows.
advice: `augment` says whether to augment, knowing the training rows only. It is right if boosted
    trees then gain on the other rows where it says so, and gain no more than two standard errors of
    that gain (bootstrap of the other rows) where it says that they do not, or that it cannot tell.

Prints means over seeds, and of each set the gain (standard error over seeds).
"""

import argparse
import os
import time
import warnings

import numpy as np
import pandas as pd
import torch
from results import add_option, keep, recording
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import average_precision_score, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from vaekit.augmentation import VAEOverSampler, augment
from vaekit.training import TrainConfig

TABLES = {
    "adult": ("income", ">50K"),
    "bank": ("deposit", "yes"),
    "credit_default": ("default", "1"),
    "diamonds": ("cut", "Fair"),
}
ARRAYS = {
    "annthyroid": "2_annthyroid",
    "mammography": "23_mammography",
    "pendigits": "28_pendigits",
    "cardiotocography": "7_Cardiotocography",
    "fault": "12_fault",
    "satellite": "30_satellite",
    "landsat": "19_landsat",
}
NUMBERS = {
    "abalone": "rings",
    "california_housing": "median_house_value",
    "diamonds": "price",
    "bank": "balance",
}
SMALL = ("adult", "bank", "credit_default", "diamonds", "mammography", "cardiotocography")
RARE, FREQUENT = 40, 1500
RARE_TESTED, FREQUENT_TESTED = 3000, 6000
BOOTSTRAPS = 200


def read(name, data):
    """Rows, and whether each is of the class that is made rare."""
    if name in ARRAYS:
        stored = np.load(f"{data}/adbench_tabular/{ARRAYS[name]}.npz")
        return pd.DataFrame(stored["X"]).add_prefix("x"), stored["y"].astype(int)
    frame = pd.read_csv(f"{data}/{name}/{name}.csv.gz")
    frame = frame.drop(columns=[c for c in ("split",) if c in frame])
    target, rare = TABLES[name]
    y = (frame[target].astype(str).str.strip().str.rstrip(".") == rare).to_numpy().astype(int)
    return frame.drop(columns=target), y


def parted(X, y, seed, rare, frequent):
    rng = np.random.default_rng(seed)
    ones, zeros = (rng.permutation(np.flatnonzero(y == label)) for label in (1, 0))
    frequent = min(frequent, len(zeros) * 3 // 4)
    train = rng.permutation(np.r_[ones[:rare], zeros[:frequent]])
    test = np.r_[ones[rare : rare + RARE_TESTED], zeros[frequent : frequent + FREQUENT_TESTED]]
    return (*(X.iloc[i].reset_index(drop=True) for i in (train, test)), y[train], y[test])


def is_number(column):
    return pd.api.types.is_numeric_dtype(column)


def alike(train, test):
    """Labels as categories that both know, numbers as floats."""
    train, test = train.copy(), test.copy()
    for name in train:
        if is_number(train[name]):
            train[name], test[name] = train[name].astype(float), test[name].astype(float)
            continue
        labels = sorted(set(train[name].dropna().astype(str)))
        for part in (train, test):
            part[name] = pd.Categorical(part[name].astype(str), categories=labels)
    return train, test


def linear(model):
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    hot = OneHotEncoder(handle_unknown="ignore")
    select = make_column_selector(dtype_include="category")
    return make_pipeline(make_column_transformer((hot, select), remainder=numbers), model)


def trees():
    return HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=0)


def scores(X, y, test, truth):
    """Average precision of boosted trees and of a logistic regression."""
    X, test = alike(X, test)
    models = (trees(), linear(LogisticRegression(max_iter=2000)))
    told = [model.fit(X, y).predict_proba(test)[:, 1] for model in models]
    return [average_precision_score(truth, scores) for scores in told]


def smote(X, y, seed):
    from imblearn.over_sampling import SMOTE, SMOTENC

    known = X.copy()
    for name in X:
        filling = X[name].mean() if is_number(X[name]) else "?"
        known[name] = X[name].fillna(filling)
    labels = [name for name in X if not is_number(X[name])]
    sampler = SMOTENC(labels, random_state=seed) if labels else SMOTE(random_state=seed)
    return sampler.fit_resample(known, y)


def report(title, found, names):
    """Means of each way, and the gain over none with its standard error."""
    print(title)
    for name, rows in found.items():
        base = np.array(rows["none"])
        parts = [f"none {base.mean():.3f}"]
        for way in names:
            gain = np.array(rows[way]) - base
            error = gain.mean(axis=1).std(ddof=1) / len(gain) ** 0.5 if len(gain) > 1 else np.nan
            by_model = "/".join(f"{1000 * g:+.0f}" for g in gain.mean(axis=0))
            parts.append(f"{way} {np.mean(rows[way]):.3f} ({by_model} ± {1000 * error:.0f})")
        print(f"  {name:22} " + "  ".join(parts), flush=True)
        for way in ("none", *names):
            keep(name, {f"mean score, {way}": np.mean(rows[way])}, part=title, seeds=len(base))
    gains = {
        way: [np.mean(np.array(r[way]) - np.array(r["none"])) for r in found.values()]
        for way in names
    }
    for way, gain in gains.items():
        best = np.min([np.subtract(gain, other) for other in (0, *gains.values())], axis=0) >= 0
        print(
            f"  {way}: mean gain {1000 * np.mean(gain):+.1f} thousandths, above none on "
            f"{np.sum(np.array(gain) > 0)} of {len(gain)}, best of all on {best.sum()}",
            flush=True,
        )
        keep(f"mean over sets: {way}", {"gain, thousandths": 1000 * np.mean(gain)}, part=title)


def lopsided(options):
    found = {}
    for name in options.sets or [*TABLES, *ARRAYS]:
        X, y = read(name, options.data)
        rows = found.setdefault(name, {"none": [], "SMOTE": [], "VAEOverSampler": []})
        for seed in range(options.seeds):
            train, test, labels, truth = parted(X, y, seed, RARE, FREQUENT)
            sampler = VAEOverSampler(seed=seed, progress=False)
            paths = {
                "none": (train, labels),
                "SMOTE": smote(train, labels, seed),
                "VAEOverSampler": sampler.fit_resample(train, labels),
            }
            for way, data in paths.items():
                rows[way].append(scores(*data, test, truth))
        report(name, {name: rows}, ("SMOTE", "VAEOverSampler"))
    report("lopsided: average precision (trees/regression)", found, ("SMOTE", "VAEOverSampler"))


def few(options):
    found = {}
    for name in options.sets or SMALL:
        X, y = read(name, options.data)
        for size in (50, 100, 200):
            rows = found.setdefault(f"{name}, {size}", {"none": [], "VAEOverSampler": []})
            for seed in range(options.seeds):
                train, test, labels, truth = parted(X, y, seed, size // 2, size // 2)
                sampler = VAEOverSampler("all", seed=seed, progress=False)
                rows["none"].append(scores(train, labels, test, truth))
                rows["VAEOverSampler"].append(
                    scores(*sampler.fit_resample(train, labels), test, truth)
                )
    report("few rows: average precision (trees/regression)", found, ("VAEOverSampler",))


def numbers(options):
    found = {}
    for name, target in NUMBERS.items():
        frame = pd.read_csv(f"{options.data}/{name}/{name}.csv.gz")
        frame.columns = [c.lower() for c in frame]
        for size in (50, 200, 1000):
            rows = found.setdefault(f"{name}, {size}", {"none": [], "augment": []})
            for seed in range(options.seeds):
                order = np.random.default_rng(seed).permutation(len(frame))
                train, test = (
                    frame.iloc[i].reset_index(drop=True)
                    for i in (order[:size], order[size : size + 5000])
                )
                y, truth = (part.pop(target).to_numpy(float) for part in (train, test))
                config = TrainConfig(seed=seed, progress=False)
                made = augment(train, y, kind="numbers", folds=2, config=config)
                more = pd.concat([train, made.items], ignore_index=True)
                rows["none"].append(r2(train, y, test, truth))
                rows["augment"].append(r2(more, np.r_[y, made.labels], test, truth))
    report("numbers: R2 (trees/ridge regression)", found, ("augment",))


def r2(X, y, test, truth):
    X, test = alike(X, test)
    boosted = HistGradientBoostingRegressor(categorical_features="from_dtype", random_state=0)
    models = (boosted, linear(RidgeCV(np.logspace(-2, 3, 11))))
    return [r2_score(truth, model.fit(X, y).predict(test)) for model in models]


def gain_on_others(X, y, made, test, truth):
    """What boosted trees gain on the other rows, and its standard error by a bootstrap."""
    both = pd.concat([X, made.items.astype(X.dtypes.to_dict())], ignore_index=True)
    told = []
    for rows, labels in ((X, y), (both, np.r_[y, made.labels])):
        seen, asked = alike(rows, test)
        told.append(trees().fit(seen, labels).predict_proba(asked)[:, 1])
    rng, gains = np.random.default_rng(0), []
    for _ in range(BOOTSTRAPS):
        i = rng.integers(len(truth), size=len(truth))
        without, with_synthetic = (average_precision_score(truth[i], t[i]) for t in told)
        gains.append(with_synthetic - without)
    without, with_synthetic = (average_precision_score(truth, t) for t in told)
    return with_synthetic - without, np.std(gains)


def advice(options):
    cases = [(name, RARE, FREQUENT, "auto") for name in options.sets or [*TABLES, *ARRAYS]]
    cases += [(name, n // 2, n // 2, "all") for name in SMALL for n in (50, 100, 200)]
    right = {"augment": [], "do not augment": [], "cannot tell": []}
    for name, rare, frequent, strategy in cases:
        X, y = read(name, options.data)
        train, test, labels, truth = parted(X, y, options.seed, rare, frequent)
        made = augment(
            train, labels, strategy=strategy, config=TrainConfig(seed=options.seed, progress=False)
        )
        gain, error = gain_on_others(train, labels, made, test, truth)
        good = gain > 0 if made.helps else gain <= 2 * error
        said = "augment" if made.helps else "do not augment" if made.clear else "cannot tell"
        right[said].append(good)
        print(
            f"  {name}, {rare}:{frequent}: {said} (expected "
            f"{made.gain:+.3f} ± {made.standard_error:.3f}), found {gain:+.3f} ± {error:.3f}: "
            f"{'right' if good else 'WRONG'}",
            flush=True,
        )
    for said, found in right.items():
        print(f"'{said}' was right in {sum(found)} of {len(found)} cases", flush=True)
        part = f"is the advice right? (seed {options.seed})"
        keep(said, {"right": f"{sum(found)} of {len(found)}"}, part=part, seeds=1)


WHAT = {"lopsided": lopsided, "few": few, "numbers": numbers, "advice": advice}


def main(options):
    if not options.data:
        raise SystemExit("augmentation.py needs real tables: pass --data DIR, or set VAEKIT_TABLES")
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    for what in options.what.split(","):
        started = time.perf_counter()
        WHAT[what](options)
        print(f"{what}: {(time.perf_counter() - started) / 60:.0f} minutes", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("VAEKIT_TABLES"))
    parser.add_argument("--what", default=",".join(WHAT))
    parser.add_argument("--sets", type=lambda text: text.split(","), default=None)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="of the advice")
    parser.add_argument("--threads", type=int, default=1)
    add_option(parser)
    options = parser.parse_args()
    with recording("augmentation", options.results):
        main(options)
