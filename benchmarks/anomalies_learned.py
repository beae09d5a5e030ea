"""Does a score that was learned once, on other tables, find anomalies in tables it has not seen?

    python benchmarks/anomalies_generalise.py --sets DIR --columns FOLDER --seeds 2
    python benchmarks/anomalies_learned.py --sets DIR --columns FOLDER [--data DATA]

A small network reads, of each row, how it lies to the training rows: its distances to the nearest
1 to 50 in four spaces (ranges, deviations, ranks, whitened), those beside its neighbours' own, how
one-sided they lie, and how far out its cells are; each as it is and as a rank among the training
rows. It learns to put anomalies first in thousands of made tables (mixtures, copulas, random
networks; groups of their own, rows with noise, clusters, exchanged cells, some cells far out) or,
with --data, of real ones (tables of a folder; rows are anomalies whose hidden column is of a rare
class or at an end of its range). None of these is a set of ADBench. The default of VAEDetector and
the peers are as anomalies_generalise.py has kept them in FOLDER.
"""

import argparse
import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats
import torch
from anomalies import read
from anomalies_generalise import PEERS
from scipy.spatial.distance import cdist
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import nn

from vaekit.anomalies.marginals import TailProbability

DEFAULT = {"A": "cleaned_and_rules", "B": "novelty_and_rules"}
NEAREST = (1, 2, 5, 10, 20, 50)
REAL = ("abalone", "adult", "california_housing", "credit_default", "diamonds", "titanic")
NORMAL = scipy.stats.norm
CURVES = (np.tanh, np.sin, lambda x: np.maximum(x, 0))
MARGINALS = (
    lambda u, rng: NORMAL.ppf(u),
    lambda u, rng: np.exp(rng.uniform(0.3, 1.5) * NORMAL.ppf(u)),
    lambda u, rng: scipy.stats.t.ppf(u, rng.uniform(2, 6)),
    lambda u, rng: u,
    lambda u, rng: -np.log(1 - u),
    lambda u, rng: scipy.stats.beta.ppf(u, *rng.uniform(0.4, 3, 2)),
    lambda u, rng: NORMAL.ppf(u) + rng.uniform(1, 4) * np.sign(u - 0.5),
    lambda u, rng: np.round(rng.uniform(0.5, 4) * NORMAL.ppf(u)),
    lambda u, rng: (u > rng.uniform(0.3, 0.95)).astype(float),
    lambda u, rng: np.where(u < 0.5, 0.0, -np.log(2 - 2 * np.maximum(u, 0.5))),
)


# Made tables.


def log_uniform(low, high, rng):
    return np.exp(rng.uniform(np.log(low), np.log(high)))


def correlated(columns, rng):
    """A root of a random correlation matrix, of a few factors."""
    factors = rng.normal(size=(columns, rng.integers(1, min(columns, 8) + 1)))
    found = (factors * rng.uniform(0.3, 1.5)) @ (factors.T * rng.uniform(0.3, 1.5))
    found += np.diag(rng.uniform(0.05, 1.0, columns))
    deviation = np.sqrt(np.diag(found))
    return np.linalg.cholesky(found / deviation[:, None] / deviation)


def process(columns, rng):
    """What draws rows: a mixture, a copula or a random network."""
    kind = rng.choice(3, p=[0.4, 0.25, 0.35])
    if kind == 0:
        count, apart = rng.integers(1, 9), rng.uniform(0.5, 3)
        means = rng.normal(size=(count, columns)) * apart
        roots = [correlated(columns, rng) * rng.uniform(0.3, 1.2, (columns, 1)) for _ in means]
        shares = rng.dirichlet(np.full(count, 2.0))

        def draw(n):
            chosen, noise = rng.choice(count, n, p=shares), rng.normal(size=(n, columns))
            return np.stack([means[c] + roots[c] @ e for c, e in zip(chosen, noise, strict=True)])

    elif kind == 1:
        root = correlated(columns, rng)

        def draw(n):
            return rng.normal(size=(n, columns)) @ root.T

    else:
        inputs, hidden = rng.integers(1, min(columns, 10) + 1), rng.integers(8, 33)
        curve, noise = CURVES[rng.integers(len(CURVES))], rng.uniform(0.02, 0.4)
        first = rng.normal(size=(inputs, hidden)) * rng.uniform(0.5, 2) / np.sqrt(inputs)
        shift = rng.normal(size=hidden)
        second = rng.normal(size=(hidden, columns)) / np.sqrt(hidden)

        def draw(n):
            rows = curve(rng.normal(size=(n, inputs)) @ first + shift) @ second
            return rows / (rows.std(0) + 1e-6) + noise * rng.normal(size=(n, columns))

    return draw


def anomalies_of(kind, n, rows, draw, rng):
    """Anomalies of one kind, beside usual rows and what draws them."""
    base, columns = draw(n), rows.shape[1]
    mean, deviation = rows.mean(0), rows.std(0) + 1e-9
    some = rng.random(columns) < rng.uniform(0.15, 1)
    some[rng.integers(columns)] = True
    if kind == "group":  # elsewhere, and of a form of its own
        own = process(columns, rng)(n)
        shift = rng.normal(size=columns) * rng.uniform(0.3, 3)
        there = mean + deviation * (
            shift + own / (own.std(0) + 1e-9) * np.exp(rng.uniform(-1, 0.7))
        )
        return np.where(some, there, base)
    if kind == "noise":
        return base + rng.normal(size=base.shape) * deviation * rng.uniform(0.2, 1.2) * some
    if kind == "anywhere":
        return rng.uniform(rows.min(0), rows.max(0), base.shape)
    if kind == "cluster":
        centre = draw(1) + deviation * rng.normal(size=columns) * rng.uniform(0.5, 3) * some
        return centre + rng.normal(size=base.shape) * deviation * rng.uniform(0.02, 0.4)
    if kind == "exchanged":
        for column in np.flatnonzero(some):
            base[:, column] = rng.choice(rows[:, column], n)
        return base
    if kind == "few cells":
        few = rng.choice(columns, rng.integers(1, max(2, columns // 4) + 1), replace=False)
        base[:, few] += deviation[few] * rng.choice([-1, 1], len(few)) * rng.uniform(1, 4)
        return base
    return mean + (base - mean) * rng.uniform(1.3, 3)  # wider


KINDS = ("group", "group", "noise", "anywhere", "cluster", "exchanged", "few cells", "wider")


def made(rng):
    """A made table: rows, and which are anomalies."""
    n, columns = int(log_uniform(120, 700, rng)), int(log_uniform(3, 40, rng))
    count = max(6, int(log_uniform(0.02, 0.3, rng) * n))
    draw = process(columns, rng)
    rows = draw(n)
    kinds = rng.choice(KINDS, rng.integers(1, 3))
    parts = zip(kinds, np.array_split(np.arange(count), len(kinds)), strict=True)
    odd = [anomalies_of(kind, len(part), rows, draw, rng) for kind, part in parts]
    table, y = np.concatenate([rows, *odd]), np.r_[np.zeros(n), np.ones(count)]
    if rng.random() < 0.6:
        for column in np.flatnonzero(rng.random(columns) < 0.6):
            away = (table[:, column] - rows[:, column].mean()) / (rows[:, column].std() + 1e-9)
            share = np.clip(NORMAL.cdf(away), 1e-4, 1 - 1e-4)
            table[:, column] = MARGINALS[rng.integers(len(MARGINALS))](share, rng)
    if rng.random() < 0.3:  # columns that tell nothing
        table = np.c_[table, rng.normal(size=(len(table), rng.integers(1, columns // 2 + 2)))]
    if rng.random() < 0.3:
        rounded = rng.random(table.shape[1]) < 0.5
        table = np.where(rounded, np.round(table * rng.uniform(1, 20)), table)
    return table * np.exp(2 * rng.normal(size=table.shape[1])), y


# Real tables.


def numbers_of(path):
    """The columns of a table as numbers; labels as their ranks by how frequent they are."""
    found = []
    for _, column in pd.read_csv(path).items():
        if pd.api.types.is_numeric_dtype(column):
            found.append(column.fillna(column.median()).to_numpy(float))
        elif column.nunique() <= 60:
            ranks = column.astype(str).value_counts().reset_index(drop=True)
            order = column.astype(str).value_counts().index
            found.append(column.astype(str).map(dict(zip(order, ranks.index, strict=True))))
    return np.array(found, dtype=float).T


def hidden_column(tables, rng):
    """A real table without a column, which says of each row whether it is an anomaly."""
    while True:
        table = tables[rng.integers(len(tables))]
        column = rng.integers(table.shape[1])
        values, classes = table[:, column], np.unique(table[:, column])
        if len(classes) <= 60 and rng.random() < 0.6:
            odd = np.isin(values, rng.choice(classes, rng.integers(1, len(classes) // 4 + 2)))
        else:
            share = log_uniform(0.01, 0.25, rng)
            high = rng.random() < 0.5
            edge = np.quantile(values, 1 - share if high else share)
            odd = values >= edge if high else values <= edge
        usual, odd = np.flatnonzero(~odd), np.flatnonzero(odd)
        if len(usual) < 200 or len(odd) < 10:
            continue
        n = min(len(usual), int(log_uniform(200, 900, rng)))
        count = min(len(odd), max(6, int(log_uniform(0.02, 0.35, rng) * n)))
        rows = np.r_[rng.choice(usual, n, replace=False), rng.choice(odd, count, replace=False)]
        left = np.delete(table, column, axis=1)[rows]
        left = left[:, left.std(0) > 0]
        if left.shape[1] > 1:
            return left, np.r_[np.zeros(n), np.ones(count)]


# How rows lie to the training rows.


def spaces(train, test):
    """The training rows and the scored ones: in ranges, deviations, ranks, and whitened."""
    varies = train.max(0) > train.min(0)
    varies = varies if varies.any() else ~varies
    train, test = train[:, varies], test[:, varies]
    low, span = train.min(0), np.ptp(train, axis=0) + 1e-12
    yield (train - low) / span, np.clip((test - low) / span, -3, 4)
    mean, deviation = train.mean(0), train.std(0) + 1e-9
    away = [np.clip((rows - mean) / deviation, -10, 10) for rows in (train, test)]
    yield away
    rising = np.sort(train, axis=0).T
    yield [
        np.column_stack(
            [
                (np.searchsorted(k, x, "left") + np.searchsorted(k, x, "right")) / (2 * len(k))
                for k, x in zip(rising, rows.T, strict=True)
            ]
        )
        for rows in (train, test)
    ]
    spreads, turned = np.linalg.eigh(np.cov(away[0].T, ddof=0).reshape(varies.sum(), -1) + 0.05)
    yield [rows @ (turned / np.sqrt(np.maximum(spreads, 0.05))) for rows in away]


def rarity(usual, values):
    at_least = len(usual) - np.searchsorted(np.sort(usual), values, "left")
    return np.log((len(usual) + 1) / (at_least + 0.5))


def nearest(distances, most):
    places = np.argpartition(distances, most - 1, axis=1)[:, :most]
    found = np.take_along_axis(distances, places, 1)
    order = np.argsort(found, axis=1)
    return np.take_along_axis(places, order, 1), np.take_along_axis(found, order, 1)


def relations(train, test, protocol):
    """Features of the scored rows, and of the training rows without themselves."""
    pairs = []  # a figure of the training rows and of the scored ones
    for known, asked in spaces(train, test):
        within = cdist(known, known)
        np.fill_diagonal(within, np.inf)
        counts = [min(k, len(known) - 1) for k in NEAREST]
        ways = [nearest(within, counts[-1])]
        ways += ways if protocol == "A" else [nearest(cdist(asked, known), counts[-1])]
        least = 1e-3 * np.median(ways[0][1][:, min(9, counts[-1] - 1)]) + 1e-12
        logs = [np.log(distances + least) for _, distances in ways]
        pairs += [(logs[0][:, k - 1], logs[1][:, k - 1]) for k in counts]
        for k in (counts[2], counts[4]):
            own = logs[0][:, k - 1]
            pairs.append(
                [
                    log[:, k - 1] - own[places[:, :k]].mean(1)
                    for log, (places, _) in zip(logs, ways, strict=True)
                ]
            )
        sided = []
        for rows, (places, _) in zip((known, asked), ways, strict=True):
            away = known[places[:, : counts[3]]] - rows[:, None]
            usual = np.linalg.norm(away, axis=2).mean(1) + 1e-9
            sided.append(np.linalg.norm(away.mean(1), axis=1) / usual)
        pairs.append(sided)
    cells, n = [], len(train)
    for rows in (train, test):
        ends = [
            np.minimum(
                np.searchsorted(k, x, "right"), n - np.searchsorted(k, x, "left")
            )
            for k, x in zip(np.sort(train, axis=0).T, rows.T, strict=True)
        ]  # fmt: skip
        out = -np.sort(np.log((np.clip(ends, 0, n) + 0.5) / (n + 1)), axis=0).T
        cells.append(
            np.c_[out.mean(1), out[:, [min(j, out.shape[1] - 1) for j in (0, 1, 2, 4, 9)]]]
        )
    pairs += list(zip(cells[0].T, cells[1].T, strict=True))
    about = [np.log(n) / 7, np.log(train.shape[1]) / 4, float(protocol == "A")]
    found = []
    for place in (1, 0):
        figures = [
            f
            for usual, scored in pairs
            for values in [(usual, scored)[place]]
            for f in (
                np.clip((values - usual.mean()) / (usual.std() + 1e-6), -4, 8),
                rarity(usual, values),
            )
        ]
        rows = np.column_stack(figures)
        found.append(np.c_[rows, np.tile(about, (len(rows), 1))].astype(np.float32))
    return found


def lessons(draw, count, protocol, rng):
    """Tables to learn from: features of their scored rows, and which are anomalies."""
    found = []
    while len(found) < count:
        table, y = draw(rng)
        if not np.isfinite(table).all():
            continue
        train = scored = np.arange(len(y))
        if protocol == "B":
            usual = rng.permutation(np.flatnonzero(y == 0))
            train, rest = np.split(usual, [len(usual) // 2])
            scored = np.r_[rest, np.flatnonzero(y == 1)]
        features = relations(table[train], table[scored], protocol)[0]
        found.append((torch.from_numpy(features), torch.from_numpy(y[scored] == 1)))
    return found


# The network.


def learn(tables, seed, steps, hidden=48):
    """Train to put anomalies before others, table by table."""
    torch.manual_seed(seed)
    rng, width = np.random.default_rng(seed), tables[0][0].shape[1]
    layers = [nn.Linear(width, hidden), nn.GELU(), nn.Dropout(0.1)]
    layers += [nn.Linear(hidden, hidden), nn.GELU(), nn.Dropout(0.1), nn.Linear(hidden, 1)]
    net = nn.Sequential(*layers)
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    for _ in range(steps):
        loss = torch.zeros(())
        for place in rng.integers(len(tables), size=8):
            features, odd = tables[place]
            scores = net(features).squeeze(1)
            loss = loss + nn.functional.softplus(scores[~odd] - scores[odd, None]).mean() / 8
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net.eval()


def scores_of(net, features):
    with torch.no_grad():
        return net(torch.from_numpy(features)).squeeze(1).numpy()


def main(options):
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    if not options.sets or not options.columns:
        sys.exit("anomalies_learned.py needs ADBench's sets and what anomalies_generalise.py kept.")
    for protocol in options.protocols:
        started, rng = time.process_time(), np.random.default_rng(1)
        tables = lessons(made, options.tables, protocol, rng)
        if options.data:
            real = [numbers_of(Path(options.data) / n / f"{n}.csv.gz") for n in REAL]
            tables += lessons(lambda rng: hidden_column(real, rng), options.tables, protocol, rng)  # noqa: B023
        net = learn(tables, 0, options.steps)
        print(
            f"protocol {protocol}: learned in {time.process_time() - started:.0f} CPU s", flush=True
        )
        found = {}
        for path in sorted(Path(options.sets).glob("*.npz")):
            for seed in range(options.seeds):
                train, test, y = read(path, protocol, seed)
                scored, usual = (scores_of(net, f) for f in relations(train, test, protocol))
                with np.load(Path(options.columns) / f"{protocol}-{seed}-{path.stem}.npz") as kept:
                    ways = {name: kept[name] for name in (*PEERS, DEFAULT[protocol])}
                rare = TailProbability.of(usual)(scored)
                ways |= {"learned": scored, "both": (ways[DEFAULT[protocol]] + rare) / 2}
                for name, values in ways.items():
                    pair = roc_auc_score(y, values), average_precision_score(y, values)
                    found.setdefault(name, {}).setdefault(path.stem, []).append(pair)
        tables = {
            n: 100 * np.array([np.mean(p, 0) for p in by.values()]) for n, by in found.items()
        }
        first = np.arange(len(next(iter(tables.values())))) % 2 == 0
        for name, values in tables.items():
            gain = values - tables[DEFAULT[protocol]]
            halves = [gain[some].mean(0).round(1) for some in (first, ~first)]
            print(f"  {name:20} {values.mean(0).round(1)} over the default, by half: {halves}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", default=os.environ.get("VAEKIT_ANOMALIES"))
    parser.add_argument("--columns", help="the folder of anomalies_generalise.py")
    parser.add_argument("--data", help="a folder of real tables to learn from as well")
    parser.add_argument("--protocols", default="AB")
    parser.add_argument("--tables", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=2)
    main(parser.parse_args())
