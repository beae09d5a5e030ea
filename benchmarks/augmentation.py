"""Synthetic rows for lopsided and for small training sets, beside none and SMOTE.

    python benchmarks/augmentation.py --data DIR [--what lopsided,few,numbers]
    python benchmarks/augmentation.py --data DIR --what advice,noise --half left-out

Needs imbalanced-learn beside the package. DIR holds NAME/NAME.csv.gz and adbench_tabular/*.npz
(the folder that VAEKIT_TABLES names).

lopsided: 40 rows of one class and up to 1,500 of the other; average precision of the rare class on
    the other rows (at most 3,000 and 6,000), of boosted trees and of a logistic regression, both at
    their defaults: trained as it is, with SMOTE (SMOTE-NC where there are labels; missing numbers
    as means), and with `VAEOverSampler`, both at their defaults.
few: 50, 100 and 200 rows, half of each class, and twice as many of each with SMOTE(-NC) and with
    `VAEOverSampler("double")`.
numbers: 50, 200 and 1,000 rows with a number to tell; R2 with and without `augment`'s rows.
advice: `augment` says whether to augment, knowing the training rows only. It is right if boosted
    trees then gain on the other rows where it says so, and gain no more than two standard errors of
    that gain (bootstrap of the other rows) where it says that they do not, or that it cannot tell.
    The cases of --half are in augmentation_cases.py: settings were chosen on those of development
    and looked-at, the left-out ones, of other tables, were looked at once. What SMOTE(-NC) gains
    stands beside.
noise: the same cases with shuffled targets, of which nothing can be learned: how often `augment`
    says that synthetic rows help. Models are trained for --noise-epochs.

Prints means over seeds, and of each set the gain (standard error over seeds).
"""

import argparse
import dataclasses
import os
import time
import warnings

import numpy as np
import pandas as pd
import torch
from augmentation_cases import (
    CASES,
    cases,
    read_case,
    split_classes,
    split_numbers,
    with_classes,
    with_numbers,
)
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

LOPSIDED = (
    *("adult", "bank", "credit_default", "diamonds", "annthyroid", "mammography", "pendigits"),
    *("cardiotocography", "fault", "satellite", "landsat"),
)
NUMBERS = (
    *("abalone#rings", "california_housing#median_house_value", "diamonds#price"),
    "bank#balance",
)
SMALL = ("adult", "bank", "credit_default", "diamonds", "mammography", "cardiotocography")
RARE, FREQUENT = 40, 1500
TESTED = (3000, 6000)
BOOTSTRAPS = 200


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


def boosted_regression():
    return HistGradientBoostingRegressor(categorical_features="from_dtype", random_state=0)


def scores(X, y, test, truth):
    """Average precision of boosted trees and of a logistic regression."""
    X, test = alike(X, test)
    models = (trees(), linear(LogisticRegression(max_iter=2000)))
    told = [model.fit(X, y).predict_proba(test)[:, 1] for model in models]
    return [average_precision_score(truth, scores) for scores in told]


def smote(X, y, seed, strategy="auto"):
    """The rows and those of SMOTE-NC where there are labels, else of SMOTE; "double" as ours."""
    from imblearn.over_sampling import SMOTE, SMOTENC

    known = X.copy()
    for name in X:
        filling = X[name].mean() if is_number(X[name]) else "?"
        known[name] = X[name].astype(float if is_number(X[name]) else object).fillna(filling)
    labels = [name for name in X if not is_number(X[name])]
    if strategy == "double":
        classes, counts = np.unique(y, return_counts=True)
        strategy = {c: n + max(counts) for c, n in zip(classes, counts, strict=True)}
    made = SMOTENC(labels, random_state=seed) if labels else SMOTE(random_state=seed)
    return made.set_params(sampling_strategy=strategy).fit_resample(known, y)


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
    for name in options.sets or LOPSIDED:
        X, y = with_classes(name, options.data)
        rows = found.setdefault(name, {"none": [], "SMOTE": [], "VAEOverSampler": []})
        for seed in range(options.seeds):
            train, test, labels, truth = split_classes(X, y, seed, RARE, FREQUENT, TESTED)
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
        X, y = with_classes(name, options.data)
        for size in (50, 100, 200):
            rows = found.setdefault(
                f"{name}, {size}", {"none": [], "SMOTE": [], "VAEOverSampler": []}
            )
            for seed in range(options.seeds):
                train, test, labels, truth = split_classes(X, y, seed, size // 2, size // 2, TESTED)
                sampler = VAEOverSampler("double", seed=seed, progress=False)
                paths = {
                    "none": (train, labels),
                    "SMOTE": smote(train, labels, seed, "double"),
                    "VAEOverSampler": sampler.fit_resample(train, labels),
                }
                for way, data in paths.items():
                    rows[way].append(scores(*data, test, truth))
    report("few rows: average precision (trees/regression)", found, ("SMOTE", "VAEOverSampler"))


def numbers(options):
    found = {}
    for name in NUMBERS:
        frame, y = with_numbers(name, options.data)
        for size in (50, 200, 1000):
            rows = found.setdefault(f"{name}, {size}", {"none": [], "augment": []})
            for seed in range(options.seeds):
                train, test, labels, truth = split_numbers(frame, y, seed, size, 5000)
                config = TrainConfig(seed=seed, progress=False)
                made = augment(train, labels, kind="numbers", folds=2, config=config)
                more = pd.concat([train, made.items], ignore_index=True)
                rows["none"].append(r2(train, labels, test, truth))
                rows["augment"].append(r2(more, np.r_[labels, made.labels], test, truth))
    report("numbers: R2 (trees/ridge regression)", found, ("augment",))


def r2(X, y, test, truth):
    X, test = alike(X, test)
    models = (boosted_regression(), linear(RidgeCV(np.logspace(-2, 3, 11))))
    return [r2_score(truth, model.fit(X, y).predict(test)) for model in models]


def gain_on_others(X, y, ways, test, truth, classes):
    """What boosted trees gain on the other rows in each way, and the standard errors."""
    measure = average_precision_score if classes else r2_score
    predicted = []
    for rows, targets in ((X, y), *ways):
        seen, asked = alike(rows, test)
        if classes:
            predicted.append(trees().fit(seen, targets).predict_proba(asked)[:, 1])
        else:
            predicted.append(boosted_regression().fit(seen, targets).predict(asked))

    def gains(i):
        without, *others = (measure(truth[i], p[i]) for p in predicted)
        return np.subtract(others, without)

    rng, n = np.random.default_rng(0), len(truth)
    drawn = [gains(rng.integers(n, size=n)) for _ in range(BOOTSTRAPS)]
    return gains(np.arange(n)), np.std(drawn, axis=0)


def chosen_cases(options):
    return [c for c in cases(options.half) if not options.sets or c[0] in options.sets]


def advised(name, rows, options, noise=False):
    """A case, and what `augment` says of it."""
    train, test, y, truth, strategy = read_case(name, rows, options.seed, options.data)
    epochs = None
    if noise:
        y, epochs = np.random.default_rng(options.seed).permutation(y), options.noise_epochs
    config = TrainConfig(seed=options.seed, progress=False, max_epochs=epochs)
    made = augment(train, y, strategy=strategy, folds=options.folds, config=config)
    return made, (train, y, test, truth, strategy)


def by_folds_alone(made):
    """The advice by gain and standard error only, whatever can be learned."""
    return dataclasses.replace(made, chance=0.0)


def right_or_not(made, gain, error):
    return gain > 0 if made.helps else gain <= 2 * error


def verdict(made):
    return "augment" if made.helps else "do not augment" if made.clear else "cannot tell"


def advice(options):
    right, all_gains = {"augment": [], "do not augment": [], "cannot tell": []}, []
    alone, always = [], []
    for name, rows in chosen_cases(options):
        made, (train, y, test, truth, strategy) = advised(name, rows, options)
        classes = "#" not in name
        both = pd.concat([train, made.items.astype(train.dtypes.to_dict())], ignore_index=True)
        ways = [(both, np.r_[y, made.labels])]
        if classes:
            ways.append(smote(train, y, options.seed, strategy))
        (gain, *smotes), (error, *_) = gain_on_others(train, y, ways, test, truth, classes)
        said = verdict(made)
        good = right_or_not(made, gain, error)
        right[said].append(good)
        alone.append(right_or_not(by_folds_alone(made), gain, error))
        always.append(gain > 0)
        if classes:
            all_gains.append((gain * (said == "augment"), gain, *smotes))
        print(
            f"  {name}, {rows}: {said} ({made.advice}) found {gain:+.3f} ± {error:.3f}, SMOTE "
            f"{smotes[0] if classes else np.nan:+.3f}: {'right' if good else 'WRONG'}",
            flush=True,
        )
    part = f"is the advice right? ({options.half} tables)"
    found = {
        **right,
        "all": [good for told in right.values() for good in told],
        "by the folds alone": alone,
        "always to augment": always,
    }
    for said, told in found.items():
        share = f" ({np.mean(told):.0%})" if told else ""
        print(f"'{said}' was right in {sum(told)} of {len(told)} cases{share}", flush=True)
        reached = {"right": ("80 %", bool(np.mean(told) >= 0.8))} if said == "all" else None
        figures = {"right": f"{sum(told)} of {len(told)}"}
        keep(said, figures, part=part, seeds=1, targets=reached)
    names = ("augment, where advised", "augment, always", "SMOTE(-NC), always")
    for name, gain in zip(names, np.mean(all_gains, axis=0), strict=True):
        print(f"{name}: mean gain of average precision {gain:+.4f}")
        keep(name, {"gain of average precision, thousandths": 1000 * gain}, part=part, seeds=1)


def noise(options):
    found, alone = [], []
    for name, rows in chosen_cases(options):
        made, _ = advised(name, rows, options, noise=True)
        found.append(made.helps)
        alone.append(by_folds_alone(made).helps)
        print(f"  {name}, {rows}, shuffled targets: {verdict(made)} ({made.advice})", flush=True)
    for subject, wrong in {"augment": found, "by the folds alone": alone}.items():
        print(f"{subject}: 'augment' of shuffled targets in {sum(wrong)} of {len(wrong)} cases")
        keep(
            subject,
            {"said 'augment' of shuffled targets": f"{sum(wrong)} of {len(wrong)}"},
            part=f"is the advice right? ({options.half} tables)",
            seeds=1,
        )


WHAT = {"lopsided": lopsided, "few": few, "numbers": numbers, "advice": advice, "noise": noise}


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
    parser.add_argument("--seed", type=int, default=0, help="of the advice, and of noise")
    parser.add_argument("--half", choices=CASES, default="development", help="of the advice")
    parser.add_argument("--folds", type=int, default=5, help="of the advice, and of noise")
    parser.add_argument("--noise-epochs", type=int, default=5, help="None are needed to learn it")
    parser.add_argument("--threads", type=int, default=1)
    add_option(parser)
    options = parser.parse_args()
    with recording("augmentation", options.results):
        main(options)
