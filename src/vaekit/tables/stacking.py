"""Missing cells by several regressions, weighted by how well each predicts hidden known cells."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vaekit.tables.columns import Column
from vaekit.tables.domain import TableDomain
from vaekit.tables.dtypes import DatetimeColumn, from_plain, plain_columns
from vaekit.tables.numbers import NumericColumn

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_MOST_LABELS = (
    30  # of a column that is predicted by regressions; of one with more, the model predicts all
)
_MOST_FEATURES = 60  # of a regression: those that go most with what is predicted
_MOST_ROWS = 3000  # that a regression learns from
_TREES, _LEAF, _FEW_FEATURES = 40, 3, 10
_PENALTIES, _KERNEL_PENALTIES = np.logspace(-1, 4, 11), np.logspace(-4, 2, 9)
_KERNELS, _WIDTH = 200, 0.5  # of kernels exp(-width |x - c|^2 / features)
_HIDDEN = 0.2  # of the known cells, to learn weights from
_MOST_HIDDEN = 0.6  # of known cells that are much like the missing ones
_FEWEST_HOLES = 20  # and known cells, to learn where holes are
_STRENGTH, _FARTHEST = 0.1, 4.0  # of that regression, and of its inputs, in deviations
_SURE = 2.0  # standard errors by which it must beat a constant
FEWEST_ROWS = 50
"""Rows that a table must have: of fewer no weights can be learnt."""
_SHRINK = 25.0  # cells that the weights of all columns together count for those of one
_SUM = 1e3  # weight of the rule that weights sum to one
_LEAST_SPREAD = 0.3  # of the residuals' spread that the local spread has at least
_PARTS = 4  # in which hidden cells are predicted, the others shown
_ENOUGH = 40  # residuals of one column, without those of the others


@dataclass(frozen=True)
class Block:
    """The places of a column among the numbers that regressions see.

    Attributes:
        column: As the domain learned it.
        places: One for a number or a time, one for each label otherwise.
        center: Mean of the known numbers; of times in seconds after the first.
        spread: Their standard deviation.
        labels: Of a column of labels; the most frequent, where there are many.
        complete: Whether these are all labels that there are.
        first: The first time.
        known: The known numbers as regressions see them, sorted.
    """

    column: Column
    places: slice
    center: float = 0.0
    spread: float = 1.0
    labels: tuple[Any, ...] = ()
    complete: bool = True
    first: Any = None
    known: Floats | None = None

    @classmethod
    def of(cls, column: Column, values: Any, start: int) -> Self:
        """Learn from a column of a data frame with its missing cells."""
        if isinstance(column, NumericColumn | DatetimeColumn):
            first = values.min() if isinstance(column, DatetimeColumn) else None
            plain = cls(column, slice(start, start + 1), first=first)
            numbers = plain.encode(values)[:, 0]
            numbers = np.sort(numbers[~np.isnan(numbers)])
            center, spread = float(numbers.mean()), float(numbers.std()) or 1.0
            known = (numbers - center) / spread
            return cls(column, plain.places, center, spread, first=first, known=known)
        counts = values.dropna().astype(object).value_counts()
        labels = tuple(counts.index[:_MOST_LABELS])
        places = slice(start, start + len(labels))
        return cls(column, places, labels=labels, complete=len(counts) == len(labels))

    @property
    def is_number(self) -> bool:
        """Whether it is of numbers or times."""
        return not self.labels

    @property
    def is_predicted(self) -> bool:
        """Whether regressions predict it."""
        return self.complete and (self.is_number or len(self.labels) > 1)

    def encode(self, values: Any) -> Floats:
        """Return a matrix of the cells of a column, NaN where there is none."""
        values = self.column.adapt(values)
        if self.is_number:
            if self.first is not None:
                values = (values - self.first).dt.total_seconds()
            numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
            scaled: Floats = ((numbers - self.center) / self.spread)[:, None]
            return scaled
        objects = values.astype(object)
        codes = objects.map({label: code for code, label in enumerate(self.labels)})
        codes = codes.to_numpy(dtype=np.float64, na_value=np.nan)
        found: Floats = (codes[:, None] == np.arange(len(self.labels))).astype(np.float64)
        found[objects.isna().to_numpy()] = np.nan
        return found

    def decode(self, cells: Floats) -> Any:
        """Return values of the column, of their nearest kind: rounded, or the largest label."""
        import pandas as pd

        if not self.is_number:
            return np.array(self.labels, dtype=object)[cells.argmax(1)]
        numbers = cells[:, 0] * self.spread + self.center
        if self.first is not None:
            return (self.first + pd.to_timedelta(np.round(numbers), unit="s")).to_numpy()
        is_whole = "int" in str(getattr(self.column, "dtype", "")).lower()
        return np.round(numbers) if is_whole else numbers


@dataclass(frozen=True)
class Layout:
    """How the learned columns of a table lie in the matrix that regressions see.

    Attributes:
        blocks: One for each column.
        originals: Types of columns that are learned as others; see `vaekit.tables.dtypes`.
    """

    blocks: tuple[Block, ...]
    originals: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, domain: TableDomain, frame: Any) -> Self:
        """Learn from the rows of training."""
        frame, _ = plain_columns(frame)
        blocks: list[Block] = []
        for column in domain.learned:
            start = blocks[-1].places.stop if blocks else 0
            blocks.append(Block.of(column, frame[column.name], start))
        return cls(tuple(blocks), domain.originals)

    def decode(self, block: Block, cells: Floats) -> Any:
        """Return values of a column, of the type that it came in."""
        import pandas as pd

        values, was = block.decode(cells), self.originals.get(block.column.name)
        if was is None:
            return values
        plain = pd.Series(values, dtype="category" if was.startswith("bins ") else None)
        return from_plain(plain, was).to_numpy()

    def encode(self, frame: Any) -> Floats:
        """Return a matrix of rows, NaN where nothing is known."""
        frame, _ = plain_columns(frame)
        return np.concatenate([b.encode(frame[b.column.name]) for b in self.blocks], 1)

    def without(self, frame: Any, hidden: Bools) -> Any:
        """Return rows with some cells missing, one flag for each block."""
        found = frame.copy()
        for block, rows in zip(self.blocks, hidden.T, strict=True):
            found[block.column.name] = found[block.column.name].mask(rows)
        return found

    def cells(self, hidden: Bools) -> Bools:
        """Return a flag for each place of the matrix, from one for each block."""
        return np.repeat(hidden, [b.places.stop - b.places.start for b in self.blocks], axis=1)


@dataclass(frozen=True)
class CellPredictions:
    """What the model says of each cell of each row, in the layout of a matrix.

    Attributes:
        mean: Mean of the draws.
        spread: Their standard deviation.
        draw: One of them.
        rank: The share of the draws that are below it, in (0, 1); ties are broken at random.
    """

    mean: Floats
    spread: Floats
    draw: Floats
    rank: Floats


def summarize(
    layout: Layout, pieces: Iterator[tuple[Any, int]], frame: Any, seed: int
) -> CellPredictions:
    """Return what draws say, one piece of the rows at a time.

    Args:
        layout: Of the matrix.
        pieces: Frames of the draws of some rows, one draw after the other, and how many draws.
        frame: The rows of training, for columns that the model of the draws has not learned.
        seed: Of the choice of one draw.
    """
    rng, parts = np.random.default_rng(seed), []
    frame, _ = plain_columns(frame)
    for rows, draws in pieces:
        found = []
        rows, _ = plain_columns(rows)
        for block in layout.blocks:
            name = block.column.name
            if name in rows:
                found.append(block.encode(rows[name]))
            else:  # its model has seen too few of its values: any of those known
                known = frame[name].dropna()
                found.append(block.encode(known.sample(len(rows), replace=True, random_state=seed)))
        cells = np.nan_to_num(np.concatenate(found, 1).astype(np.float32))
        cells = cells.reshape(draws, -1, cells.shape[1])
        picked = rng.integers(draws, size=cells.shape[1])
        draw = cells[picked, np.arange(cells.shape[1])]
        below = (cells < draw).sum(0) + rng.random(draw.shape) * (cells == draw).sum(0)
        parts.append((cells.mean(0, dtype=np.float64), cells.std(0), draw, below / draws))
    return CellPredictions(
        *(np.concatenate(part).astype(np.float64) for part in zip(*parts, strict=True))
    )


@dataclass(frozen=True)
class Regression:
    """Predicts the cells of a column from the others of its row, in one or in several ways.

    Attributes:
        features: Places of the cells that it reads.
        estimators: A ridge regression; in the second round also one of Gaussian kernels, and
            extremely randomized trees.
        low: Least values known.
        high: Largest values known.

    Source: Williams & Seeger 2001, "Using the Nyström method to speed up kernel machines"; Geurts
    et al. 2006, "Extremely randomized trees".
    """

    features: NDArray[np.int64]
    estimators: tuple[Any, ...]
    low: Floats
    high: Floats

    @classmethod
    def fit(
        cls,
        X: Floats,
        places: slice,
        rows: NDArray[np.int64],
        weights: Floats | None,
        several: bool,
        seed: int,
    ) -> Self:
        """Learn from the rows in which the column is known."""
        from sklearn.ensemble import ExtraTreesRegressor
        from sklearn.linear_model import RidgeCV

        if len(rows) > _MOST_ROWS:
            rows = np.random.default_rng(seed).choice(rows, _MOST_ROWS, replace=False)
        y, some = X[rows][:, places], None if weights is None else weights[rows]
        features = _related(X[rows], y, places)
        given, asked = X[np.ix_(rows, features)], y[:, 0] if y.shape[1] == 1 else y
        estimators = [RidgeCV(_PENALTIES).fit(given, asked, some)]
        if several:
            share = 1.0 if len(features) < _FEW_FEATURES else 0.5
            forest = ExtraTreesRegressor(
                _TREES, min_samples_leaf=_LEAF, max_features=share, random_state=seed
            )
            estimators += [
                _kernel_ridge(given, asked, some, seed),
                forest.fit(given, asked, some),
            ]
        return cls(features, tuple(estimators), y.min(0), y.max(0))

    def predict(self, X: Floats) -> list[Floats]:
        """Return what each estimator says of some rows, within what is known."""
        given, shape = X[:, self.features], (len(X), len(self.low))
        said = (estimator.predict(given).reshape(shape) for estimator in self.estimators)
        return [np.clip(one, self.low, self.high) for one in said]


def _kernel_ridge(X: Floats, y: Floats, weights: Floats | None, seed: int) -> Any:
    """Return a ridge regression on Gaussian kernels round some of the rows."""
    from sklearn.kernel_approximation import Nystroem
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline

    count = min(_KERNELS, len(X))
    kernels = Nystroem(gamma=_WIDTH / X.shape[1], n_components=count, random_state=seed)
    model = make_pipeline(kernels, RidgeCV(_KERNEL_PENALTIES))
    return model.fit(X, y, ridgecv__sample_weight=weights)


def _related(X: Floats, y: Floats, places: slice) -> NDArray[np.int64]:
    """Return the places of the other cells, of many those that go most with y."""
    others = np.delete(np.arange(X.shape[1]), np.arange(places.start, places.stop))
    if len(others) <= _MOST_FEATURES:
        return others
    centered, target = X[:, others] - X[:, others].mean(0), y - y.mean(0)
    scale = np.sqrt((centered**2).sum(0)) + 1e-12
    strength = (np.abs(centered.T @ target) / scale[:, None]).max(1)
    return np.sort(others[np.argsort(-strength, kind="stable")[:_MOST_FEATURES]])


@dataclass(frozen=True)
class Chain:
    """Regressions of each column on the rows that the model has filled, in two rounds.

    In the first the model and ridge regressions fill the holes, in the second ridge regressions,
    kernels and trees read what they filled.

    Attributes:
        blocks: The columns that are predicted.
        first: A regression for each.
        second: Likewise, in several ways.

    Source: van Buuren & Groothuis-Oudshoorn 2011, "mice: multivariate imputation by chained
    equations"; Stekhoven & Bühlmann 2012, "MissForest", for trees.
    """

    blocks: tuple[Block, ...]
    first: tuple[Regression, ...]
    second: tuple[Regression, ...]

    @classmethod
    def fit(
        cls, layout: Layout, X: Floats, mean: Floats, weights: Floats | None, seed: int
    ) -> Self:
        """Learn from rows with holes, and from what the model says of them."""
        blocks = tuple(b for b in layout.blocks if b.is_predicted)
        counts = np.ones(len(X)) if weights is None else weights
        known = [np.flatnonzero(~np.isnan(X[:, b.places.start]) & (counts > 0)) for b in blocks]
        usable = [(b, rows) for b, rows in zip(blocks, known, strict=True) if len(rows) > 1]
        base = np.where(np.isnan(X), mean, X)

        def fitted(base: Floats, several: bool) -> tuple[Regression, ...]:
            return tuple(
                Regression.fit(base, b.places, rows, weights, several, seed) for b, rows in usable
            )

        blocks = tuple(b for b, _ in usable)
        first = fitted(base, False)
        ridge, *_ = cls(blocks, first, ()).round(first, base, mean)
        second = fitted(np.where(np.isnan(X), (mean + ridge) / 2, X), True)
        return cls(blocks, first, second)

    def round(
        self, regressions: tuple[Regression, ...], base: Floats, mean: Floats
    ) -> list[Floats]:
        """Return what the regressions of one round say; the model speaks where there are none."""
        kinds = len(regressions[0].estimators) if regressions else 1
        found = [mean.copy() for _ in range(kinds)]
        for block, regression in zip(self.blocks, regressions, strict=True):
            for out, said in zip(found, regression.predict(base), strict=True):
                out[:, block.places] = said
        return found

    def candidates(self, X: Floats, mean: Floats) -> list[Floats]:
        """Return what the model, and each kind of regression, say of all cells."""
        base = np.where(np.isnan(X), mean, X)
        ridge, *_ = self.round(self.first, base, mean)
        filled = np.where(np.isnan(X), (mean + ridge) / 2, X)
        return [mean, *self.round(self.second, filled, mean)]


def hidden_cells(layout: Layout, X: Floats, seed: int) -> Bools:
    """Return cells to hide: a fifth of the known ones of each column that regressions predict.

    There is a flag for each row and block. No label is hidden everywhere, and of numbers two
    remain. Where the other columns tell which cells of a column are missing, known cells are hidden
    as the holes are distributed, so that what is learned of them holds where the holes are.

    Source: Tibshirani et al. 2019, "Conformal prediction under covariate shift", for residuals
    that count as their rows are distributed among those to predict.
    """
    rng = np.random.default_rng(seed)
    found = np.zeros((len(X), len(layout.blocks)), dtype=bool)
    for number, block in enumerate(layout.blocks):
        if not block.is_predicted:
            continue
        cells = X[:, block.places]
        known = ~np.isnan(cells[:, 0])
        hide = known & (rng.random(len(X)) < _chances(X, block, known, seed))
        if block.is_number:
            left = cells[known & ~hide, 0]
            if len(left) < 2 or left.min() == left.max():
                hide[:] = False
        else:
            gone = np.nansum(cells[known & ~hide], 0) == 0
            hide &= ~np.nan_to_num(cells[:, gone]).any(1)
        found[:, number] = hide
    return found


def _chances(X: Floats, block: Block, known: Bools, seed: int) -> Floats:
    """Return with which probability each known cell of a column is hidden.

    It is in proportion to the odds that the cell is missing, by a logistic regression on the other
    columns and where these have holes, if that regression beats a constant on rows it was not
    fitted to; the same everywhere otherwise.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    usual = np.full(len(X), _HIDDEN)
    others: Bools = np.asarray(~np.isnan(X).all(0))
    others[block.places] = False
    rows = np.random.default_rng(seed).permutation(len(X))[:_MOST_ROWS]
    missing = ~known[rows]
    if not others.any() or min(missing.sum(), (~missing).sum()) < _FEWEST_HOLES:
        return usual
    inputs = X[:, others]
    gaps = np.isnan(inputs)
    filled = np.where(gaps, np.nanmean(inputs, 0), np.clip(inputs, -_FARTHEST, _FARTHEST))
    inputs = np.concatenate([filled, np.unique(gaps, axis=1)], 1)
    regression = LogisticRegression(C=_STRENGTH, max_iter=500)
    found = cross_val_predict(regression, inputs[rows], missing, cv=3, method="predict_proba")
    share = float(missing.mean())
    gain = np.log(np.where(missing, found[:, 1] / share, found[:, 0] / (1 - share)).clip(1e-9))
    if gain.mean() < _SURE * gain.std() / np.sqrt(len(gain)):
        return usual
    present, absent = regression.fit(inputs[rows], missing).predict_proba(inputs).T
    hidden: Floats = absent / present.clip(1e-3)
    for _ in range(3):  # what the limit takes from some goes to the others
        hidden = np.clip(hidden * _HIDDEN / hidden[known].mean(), 0, _MOST_HIDDEN)
    return hidden


def stacking_weights(
    blocks: Sequence[Block], candidates: Sequence[Floats], X: Floats, hidden: Bools
) -> Mapping[str, Floats]:
    """Return weights of the candidates for each column, at least 0, with sum 1.

    They minimize the squared error on the hidden cells of the column, shrunk to the weights that
    suit all columns of its kind, which count as so many cells.

    Args:
        blocks: The columns.
        candidates: Matrices of what each says, shape (rows, cells).
        X: The truth.
        hidden: The cells that were hidden, one flag for each block.

    Source: Wolpert 1992, "Stacked generalization"; Breiman 1996, "Stacked regressions", for
    weights that are not negative.
    """
    count = len(candidates)
    own: dict[str, Floats] = {}
    pooled = {True: np.zeros((count, count)), False: np.zeros((count, count))}
    for number, block in enumerate(blocks):
        rows = hidden[:, number]
        off = [(c[rows][:, block.places] - X[rows][:, block.places]).ravel() for c in candidates]
        errors = np.array(off) @ np.array(off).T
        mean = max(float(np.trace(errors)) / count / max(int(rows.sum()), 1), 1e-9)
        own[block.column.name] = errors / mean
        pooled[block.is_number] += errors / mean
    total = pooled[True] + pooled[False]
    found = {}
    for block in blocks:
        kind = pooled[block.is_number]
        kind = kind if np.trace(kind) > 0 else total
        kind = kind / np.trace(kind) * count if np.trace(kind) > 0 else np.eye(count)
        found[block.column.name] = _least_error(own[block.column.name] + _SHRINK * kind)
    return found


def _least_error(errors: Floats) -> Floats:
    """Return weights w >= 0 with sum 1 of the least w' errors w."""
    from scipy.optimize import nnls

    count = len(errors)
    scaled = errors / (np.trace(errors) / count) + 1e-4 * np.eye(count)
    root = np.linalg.cholesky(scaled + _SUM * np.ones((count, count)))
    weights = nnls(root.T, np.linalg.solve(root, np.full(count, _SUM)))[0]
    return np.asarray(weights / weights.sum(), dtype=np.float64)


@dataclass(frozen=True)
class Margin:
    """How far from its estimate a cell may be, as cells were that had been hidden.

    Attributes:
        least: Least local spread.
        residuals: Of hidden cells, in local spreads, sorted.

    Source: Papadopoulos et al. 2008, "Normalized nonconformity measures for regression conformal
    prediction".
    """

    least: float
    residuals: Floats

    def scale(self, spread: Floats) -> Floats:
        """Return the local spread: that of the model's draws, and some everywhere."""
        return np.sqrt(spread**2 + self.least**2)

    def off(self, rank: Floats, spread: Floats) -> Floats:
        """Return the residual of a rank in (0, 1)."""
        count = len(self.residuals)
        place = np.clip(rank * (count + 1) - 1, 0, count - 1)
        return self.scale(spread) * np.interp(place, np.arange(count), self.residuals)


def margins(
    blocks: Sequence[Block], mixed: Floats, spread: Floats, X: Floats, hidden: Bools
) -> Mapping[str, Margin]:
    """Return the margin of each column of numbers; few residuals are joined by others'."""
    found: dict[str, Margin] = {}
    for number, block in enumerate(blocks):
        if block.is_number:
            rows, place = hidden[:, number], block.places.start
            off = X[rows, place] - mixed[rows, place]
            least = _LEAST_SPREAD * float(np.sqrt((off**2).mean())) if rows.any() else 0.0
            margin = Margin(max(least, 1e-6), np.zeros(0))
            found[block.column.name] = Margin(
                margin.least, np.sort(off / margin.scale(spread[rows, place]))
            )
    everything = np.sort(np.concatenate([m.residuals for m in found.values()] or [np.zeros(1)]))
    everything = everything if len(everything) else np.zeros(1)
    return {
        name: m if len(m.residuals) >= _ENOUGH else Margin(m.least, everything)
        for name, m in found.items()
    }


@dataclass(frozen=True)
class Stack:
    """What fills holes beside the model.

    Attributes:
        layout: Of the matrix that regressions see.
        chain: The regressions.
        weights: Of the model and of each kind of regression, by column.
        margins: By column of numbers.
        widening: By column of numbers: by how much the spread of the draws of the model that the
            margins come from is larger, in cells that neither has seen.
    """

    layout: Layout
    chain: Chain
    weights: Mapping[str, Floats]
    margins: Mapping[str, Margin]
    widening: Mapping[str, float]

    def fill(self, frame: Any, model: CellPredictions, estimate: str, seed: int) -> dict[str, Any]:
        """Return values for the missing cells of each column, by its name.

        Args:
            frame: Rows with holes.
            model: What the model says of them.
            estimate: ``"mean"`` or ``"draw"``.
            seed: Of draws.
        """
        X = self.layout.encode(frame)
        mixed = mix(self.layout.blocks, self.chain.candidates(X, model.mean), self.weights)
        rng, found = np.random.default_rng(seed), {}
        for block in (b for b in self.layout.blocks if b.is_predicted):
            name, places = block.column.name, block.places
            holes = frame[name].isna().to_numpy()
            cells = mixed[holes][:, places]
            if estimate == "draw" and block.is_number:
                rank, spread = model.rank[holes, places.start], model.spread[holes, places.start]
                spread = spread * self.widening[name]
                cells = cells + self.margins[name].off(rank, spread)[:, None]
                cells = _possible(cells, block)
            elif estimate == "draw":
                cells = _relabelled(
                    model.draw[holes, places], model.mean[holes, places], cells, rng
                )
            found[name] = self.layout.decode(block, cells)
        return found


def fit_stack(
    layout: Layout,
    frame: Any,
    hidden: Bools,
    predict: Callable[[Any], CellPredictions],
    predict_by_other: Callable[[Any], CellPredictions],
    weights: Floats | None,
    seed: int = 0,
) -> Stack:
    """Return regressions on what a model fills, and the weights that they earn.

    Args:
        layout: Of the matrix.
        frame: Rows of training, with holes.
        hidden: Known cells that the other model was not shown, one flag for each block.
        predict: From rows with holes to what the model says of them.
        predict_by_other: The same of the other model.
        weights: How much each row counts.
        seed: Of the trees and the parts.
    """
    X = layout.encode(frame)
    masked = np.where(layout.cells(hidden), np.nan, X)
    blind = Chain.fit(
        layout, masked, predict_by_other(layout.without(frame, hidden)).mean, weights, seed
    )
    parts = np.random.default_rng(seed).integers(_PARTS, size=hidden.shape)
    found: list[Floats] = []
    spread = np.zeros(X.shape)
    for part in range(_PARTS):
        now = hidden & (parts == part)
        cells = layout.cells(now)
        said = predict_by_other(layout.without(frame, now))
        candidates = blind.candidates(np.where(cells, np.nan, X), said.mean)
        found = found or [np.zeros(X.shape) for _ in candidates]
        for out, one in zip(found, candidates, strict=True):
            out[cells] = one[cells]
        spread[cells] = said.spread[cells]
    mixing = stacking_weights(layout.blocks, found, X, hidden)
    mixed = mix(layout.blocks, found, mixing)
    own, others = predict(frame), predict_by_other(frame)
    return Stack(
        layout,
        Chain.fit(layout, X, own.mean, weights, seed),
        mixing,
        margins(layout.blocks, mixed, spread, X, hidden),
        _widening(layout.blocks, own, others, np.isnan(X)),
    )


def _widening(
    blocks: Sequence[Block], own: CellPredictions, other: CellPredictions, holes: Bools
) -> Mapping[str, float]:
    """Return how much larger the other model's spread is in the holes of each column."""
    numbers = [b for b in blocks if b.is_number]
    found: dict[str, float] = {}
    for block in numbers:
        place = block.places.start
        ours, theirs = (t.spread[holes[:, place], place].sum() for t in (own, other))
        found[block.column.name] = float(theirs / ours) if ours > 0 and theirs > 0 else np.nan
    known = [value for value in found.values() if not np.isnan(value)]
    usual = float(np.median(known)) if known else 1.0
    return {name: usual if np.isnan(value) else value for name, value in found.items()}


def mix(
    blocks: Sequence[Block], candidates: Sequence[Floats], weights: Mapping[str, Floats]
) -> Floats:
    """Return the weighted mean of what candidates say of each column."""
    found = np.empty_like(candidates[0])
    for block in blocks:
        said = [c[:, block.places] for c in candidates]
        found[:, block.places] = np.tensordot(weights[block.column.name], np.array(said), 1)
    return found


def _possible(cells: Floats, block: Block) -> Floats:
    """Return numbers within those known, and the nearest of these where they repeat."""
    known = block.known
    if known is None:
        return cells
    cells = np.clip(cells, known[0], known[-1])
    distinct = np.unique(known)
    if 2 * len(distinct) > len(known):
        return cells
    above = np.clip(np.searchsorted(distinct, cells), 1, max(len(distinct) - 1, 1))
    low, high = distinct[above - 1], distinct[np.minimum(above, len(distinct) - 1)]
    return np.where(cells - low < high - cells, low, high)


def _relabelled(draw: Floats, model: Floats, wanted: Floats, rng: np.random.Generator) -> Floats:
    """Return labels as probable as wanted, the model's draw as often as that allows.

    So the labels of one row go together as the model has drawn them.
    """
    wanted = np.clip(wanted, 0, None) + 1e-12
    wanted = wanted / wanted.sum(1, keepdims=True)
    rows, drawn = np.arange(len(draw)), draw.argmax(1)
    kept = rng.random(len(draw)) * np.maximum(model[rows, drawn], 1e-12) < wanted[rows, drawn]
    left = np.clip(wanted - model, 0, None) + 1e-12
    sums = (left / left.sum(1, keepdims=True)).cumsum(1)
    others = np.minimum((sums < rng.random((len(draw), 1))).sum(1), draw.shape[1] - 1)
    found = np.zeros_like(wanted)
    found[rows, np.where(kept, drawn, others)] = 1.0
    return found
