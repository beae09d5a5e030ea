"""Numeric tables: numpy arrays, tensors and data frames of numbers."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vaekit.domains.base import Domain, require_fitted
from vaekit.domains.checks import as_numbers, check_column_names, check_finite, check_rows
from vaekit.domains.choice import collect_items
from vaekit.domains.graphs import ItemReader, ItemWriter, Port, ScaledReader, ScaledWriter
from vaekit.domains.hooks import DetectorDefaults, TrainingBudget, score_of_rows
from vaekit.domains.learning import SchemaLearner
from vaekit.domains.sources import read_source
from vaekit.domains.stored import StoredFields
from vaekit.domains.views import number_column
from vaekit.errors import DataError, SpecError, unknown_name
from vaekit.likelihoods.base import CODES, REAL, UNIT, Likelihood, Support
from vaekit.networks.sizes import make_denoiser, make_networks
from vaekit.presets.autoencoders import beta_vae, vae
from vaekit.presets.base import Parts
from vaekit.reading.tables import is_table_file

_CELLS = 2**17


def blocks(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield an array some rows at a time: views, of about a hundred thousand cells.

    Example:
        >>> [len(part) for part in blocks(np.zeros((50_000, 4)))]
        [32768, 17232]
    """
    rows = max(1, _CELLS * len(array) // max(1, array.size))
    for start in range(0, len(array), rows):
        yield array[start : start + rows]


def deviation(array: NDArray[Any]) -> NDArray[np.float64]:
    """Return the standard deviation of each column, to the bit that of ``array.std(0, float64)``.

    NumPy adds up the rows of an array that lies row by row one after the other, and of one that
    lies column by column each column by itself; both can be done without a copy of the array.

    Args:
        array: Shape (rows, columns), of numbers.

    Example:
        >>> bool((deviation(np.eye(5)) == np.eye(5).std(0)).all())
        True
    """
    mean = array.mean(0, dtype=np.float64)
    if array.ndim == 2 and array.shape[1] > 1 and array.flags.c_contiguous:
        return _by_rows(array, mean)
    if array.ndim == 2 and array.flags.f_contiguous:
        return _by_columns(array, mean)
    return np.asarray(array.std(0, dtype=np.float64))


def _by_rows(array: NDArray[Any], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.zeros((1, array.shape[1]))
    for place, part in enumerate(blocks(array)):
        squares = np.square(part - mean)
        rows = squares if place == 0 else np.concatenate([total, squares])
        total = np.add.reduce(rows, axis=0, dtype=np.float64, keepdims=True)
    return np.asarray(np.sqrt(total[0] / len(array)))


def _by_columns(array: NDArray[Any], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    totals = [
        np.add.reduce(np.square(array[:, place] - mean[place]), dtype=np.float64)
        for place in range(array.shape[1])
    ]
    return np.asarray(np.sqrt(np.asarray(totals) / len(array)))


# Of detectors. Weights of the KL: clean items need not be compressed as much as others, and wide
# ones even less.
_LESS, _LEAST, _WIDE = 0.3, 0.1, 256
_STEPS, _BATCH, _RATE = 400, 256, 2e-2
_LEAST_PASSES, _MOST_PASSES = 2, 300


@dataclass(frozen=True)
class ArrayDomain(Domain):
    """Rows of numbers; standardised to mean 0 and deviation 1 by default.

    Attributes:
        standardize: Learn and apply a scaling of each column. Without it, values are used as
            they are, and new data must stay within the training range [low, high].
        scaling: What a column is scaled to: ``"deviation"``, mean 0 and standard deviation 1, or
            ``"range"``, mean 0 and the same range for all columns.
        mean: Learned mean of each column.
        scale: Learned standard deviation of each column, or a share of its range that is the same
            for all; 1 for a constant one.
        low: Least value in training.
        high: Largest value in training.
        whole: Whether all values were whole numbers.
        columns: Column names, where the data had them.
        kind: ``"numpy"``, ``"torch"`` or ``"pandas"``: what `decode` returns.
        dtype: The float type that `decode` returns.

    Example:
        >>> domain = ArrayDomain().fit([[1.0, 10.0], [3.0, 10.0]])
        >>> domain.prepare([[5.0, 10.0]])
        tensor([[3., 0.]])
        >>> domain.decode(torch.tensor([[3.0, 0.0]]))
        array([[ 5., 10.]])
    """

    standardize: bool = True
    scaling: str = "deviation"
    mean: Sequence[float] | None = None
    scale: Sequence[float] | None = None
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    columns: Sequence[str] | None = None
    kind: str = "numpy"
    dtype: str = "float64"

    def fit(self, raw: Any) -> Self:
        """Learn columns and scaling; a learned scaling is replaced."""
        raw = self.read(raw)
        array, columns = _table(raw), _columns(raw)
        check_rows(array, least=2)
        check_finite(array, columns)
        mean, scale = self._scaling(array)
        return replace(
            self,
            mean=tuple(mean.tolist()),
            scale=tuple(scale.tolist()),
            low=float(array.min()),
            high=float(array.max()),
            whole=array.dtype.kind in "biu" or all(_are_whole(part) for part in blocks(array)),
            columns=columns,
            kind=_kind(raw),
            dtype="float32" if array.dtype in (np.float32, np.float16) else "float64",
        )

    def _scaling(self, array: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        if not self.standardize:
            return np.zeros(array.shape[1]), np.ones(array.shape[1])
        if self.scaling not in _SCALINGS:
            raise unknown_name("scaling", self.scaling, _SCALINGS)
        # Squares of sizes far from 1 are infinite or 0: those columns are scaled in their own unit.
        size = np.max([np.abs(part).max(0) for part in blocks(array)], 0).astype(np.float64)
        unit = np.where((size == 0) | ((size > 1e-100) & (size < 1e100)), 1.0, size)
        with np.errstate(over="ignore", invalid="ignore"):
            if (unit != 1).any():
                mean, scale = (part * unit for part in _SCALINGS[self.scaling](array / unit))
            else:
                mean, scale = _SCALINGS[self.scaling](array)
        if not (np.isfinite(mean).all() and np.isfinite(scale).all()):
            raise DataError(
                "columns must have a finite variance; got values so large that their squares "
                f"overflow (largest {np.abs(array).max():g}). Rescale or take logarithms first."
            )
        # Rounding leaves a constant column with a tiny deviation; dividing by it would turn
        # noise of the last bit into whole units.
        constant = array.max(0) == array.min(0)
        return np.where(constant, array[0], mean), np.where(constant, 1.0, scale)

    def prepare(self, raw: Any) -> Tensor:
        """Check and scale; computed in double precision, returned in single."""
        mean = np.asarray(require_fitted(self.mean, self))
        raw = self.read(raw)
        columns = _columns(raw)
        if self.columns and columns and columns != tuple(self.columns):
            self._check_columns(columns, len(columns))
            raw, columns = raw[list(self.columns)], tuple(self.columns)  # by name, in any order
        array = _table(raw)
        self._check_columns(columns, array.shape[1])
        check_rows(array)
        check_finite(array, columns)
        if not self.standardize:
            self._check_range(array)
        scaled, scale = np.empty_like(array, dtype=np.float32, subok=False), np.asarray(self.scale)
        for part, into in zip(blocks(array), blocks(scaled), strict=True):
            into[...] = (part.astype(np.float64) - mean) / scale
        return torch.from_numpy(scaled)

    def _check_columns(self, columns: tuple[str, ...] | None, count: int) -> None:
        learned = tuple(self.columns) if self.columns else None
        expected = len(require_fitted(self.mean, self))
        if columns is not None and learned is not None:
            if lacking := sorted(set(learned) - set(columns)):
                raise DataError(
                    f"columns must be those of training; missing {lacking}. Feature names seen at "
                    "fit time, yet now missing: add them."
                )
            return
        if count != expected:
            raise DataError(
                f"X has {count} features, but Autoencoder is expecting {expected} features as "
                "input: pass the columns that it was fitted on."
            )

    def _check_range(self, array: NDArray[Any]) -> None:
        if array.min() < self.low or array.max() > self.high:
            raise DataError(
                f"values must lie within [{self.low:g}, {self.high:g}] as in training, because "
                f"standardise=False; got [{array.min():g}, {array.max():g}]."
            )

    def read(self, raw: Any) -> Any:
        """Read a .csv, .npz or .npy file."""
        return read_source(raw) if isinstance(raw, str | Path) else collect_items(raw)

    def encode(self, rows: Tensor) -> Tensor:
        """Return rows are stored as the networks see them."""
        return rows

    def decode(self, x: Tensor) -> Any:
        """Undo the scaling."""
        scale, mean = np.asarray(self.scale), np.asarray(require_fitted(self.mean, self))
        array = (x.detach().cpu().double().numpy() * scale + mean).astype(self.dtype)
        if self.kind == "torch":
            return torch.from_numpy(array)
        if self.kind == "pandas":
            import pandas as pd

            return pd.DataFrame(array, columns=list(self.columns or range(array.shape[1])))
        return array

    def learner(self) -> SchemaLearner:
        """Return what keeps sums, from which means and deviations follow."""
        return _ArrayLearner(self)

    def graph_reader(self) -> ItemReader:
        """Return what scales rows of numbers."""
        port = Port("items", "float64", self.event_shape)
        return ScaledReader(port, require_fitted(self.mean, self), self.scale or ())

    def graph_writer(self) -> ItemWriter:
        """Return what scales rows back."""
        port = Port("items", self.dtype, self.event_shape)
        return ScaledWriter(port, require_fitted(self.mean, self), self.scale or ())

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Column names, where the data had them."""
        return None if self.columns is None else tuple(self.columns)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(columns,)."""
        return (len(require_fitted(self.mean, self)),)

    def check_stored(self, place: str, model: nn.Module) -> None:
        """Refuse scalings of other lengths than the columns, and kinds that there are none of."""
        fields = StoredFields(place)
        count = fields.scaling(self.mean, self.scale, "mean")
        fields.names("columns", self.columns, count)
        fields.one_of("scaling", self.scaling, _SCALINGS)
        fields.one_of("kind", self.kind, ("numpy", "torch", "pandas"))
        fields.one_of("dtype", self.dtype, ("float32", "float64"))
        fields.shape(self.event_shape, model)

    def page_decoder(self) -> Mapping[str, Any]:
        """Return a card with a number for each column."""
        mean, scale = require_fitted(self.mean, self), require_fitted(self.scale, self)
        names = self.columns or [str(place) for place in range(len(mean))]
        cells = zip(names, scale, mean, strict=True)
        return {"kind": "card", "columns": [number_column(n, s, m) for n, s, m in cells]}

    def detector_defaults(self, clean: bool, X: Any) -> DetectorDefaults:
        """Return a noise for each column, and a short training with large steps."""
        shape = tuple(X.shape) if isinstance(X, Tensor) else np.asarray(X).shape
        is_wide = math.prod(shape[1:]) >= _WIDE
        if not clean:
            score = "contaminated" if is_wide else score_of_rows(clean)
            return DetectorDefaults(self, vae(), None, "auto", score, _brief(shape))
        # One noise for columns of one range: else the model explains the easy ones only.
        domain, noise = replace(self, scaling="range"), "learned_gaussian"
        if is_wide:
            return DetectorDefaults(domain, beta_vae(beta=_LEAST), None, noise, "wide_novelty")
        preset, score = beta_vae(beta=_LESS), score_of_rows(clean)
        return DetectorDefaults(domain, preset, None, noise, score, _brief(shape))

    @classmethod
    def confidence(cls, raw: Any) -> float:
        """Return a little for whatever is no path; of paths, for those of tables."""
        return 0.2 if not isinstance(raw, Path) or is_table_file(raw) else 0.0

    @property
    def supports(self) -> frozenset[Support]:
        """Real; within 0 and 1, or codes, where the unscaled data were."""
        unit = not self.standardize and self.low >= 0 and self.high <= 1
        codes = not self.standardize and self.whole and self.low >= 0
        kinds = {REAL: True, UNIT: unit, CODES: codes}
        return frozenset(kind for kind, holds in kinds.items() if holds)

    @property
    def default_likelihood(self) -> str:
        """Normal noise of a learned size for each column."""
        return "per_feature_gaussian"

    def parts(
        self,
        rows: Tensor,
        latent_dim: int,
        *,
        context_dim: int = 0,
        network: str = "auto",
        size: str = "small",
        likelihood: str | Likelihood = "auto",
    ) -> Parts:
        """Fully connected networks."""
        chosen = self.choose_likelihood(likelihood)
        if chosen.support == CODES and self.high >= chosen.features_per_value:
            raise SpecError(
                f"Categorical has {chosen.features_per_value} classes; the data have codes up to "
                f"{self.high:g}. Pass likelihood=Categorical({int(self.high) + 1})."
            )
        encoder, decoder, features_dim = make_networks(
            "mlp" if network == "auto" else network,
            size,
            self.event_shape,
            latent_dim + context_dim,
            chosen.features_per_value,
            context_dim,
        )
        denoiser = partial(make_denoiser, size, self.event_shape, context_dim)
        return Parts(
            encoder, decoder, chosen, features_dim, latent_dim, context_dim, denoiser=denoiser
        )


@final
class _ArrayLearner(SchemaLearner):
    """Counts, means, squares and ranges of columns, merged as of Chan, Golub & LeVeque 1983."""

    domain: ArrayDomain

    def __init__(self, domain: ArrayDomain) -> None:
        super().__init__(domain)
        self.form: ArrayDomain | None = None  # fitted to the first piece
        self.mean = self.squares = self.low = self.high = np.zeros(0)
        self.whole = True

    def _update(self, piece: Any) -> None:
        array, columns = _table(piece), _columns(piece)
        check_finite(array, columns)
        if self.form is None:
            form = replace(self.domain, columns=columns, kind=_kind(piece))
            self.form = replace(form, mean=(0.0,) * array.shape[1])
        elif columns and self.form.columns and columns != tuple(self.form.columns):
            self.form._check_columns(columns, len(columns))
            array = _table(piece[list(self.form.columns)])
        self.form._check_columns(columns, array.shape[1])
        double = array.astype(np.float64)
        mean = double.mean(0)
        part = _ArrayLearner(self.domain)
        part.form, part.mean, part.squares = self.form, mean, np.square(double - mean).sum(0)
        part.low, part.high, part.count = double.min(0), double.max(0), len(double)
        part.whole = array.dtype.kind in "biu" or _are_whole(array)
        single = array.dtype in (np.float32, np.float16)
        part.form = replace(self.form, dtype="float32" if single else "float64")
        self._merge(part)

    def _merge(self, other: Self) -> None:
        if other.form is None:
            return
        if self.form is None or not self.count:
            both = (other.mean, other.squares, other.low, other.high)
            self.mean, self.squares, self.low, self.high = both
            self.form, self.whole = other.form, other.whole
            return
        self.form._check_columns(tuple(other.form.columns or ()) or None, len(other.mean))
        total, apart = self.count + other.count, other.mean - self.mean
        self.squares = self.squares + other.squares
        self.squares += np.square(apart) * self.count * other.count / total
        self.mean = self.mean + apart * other.count / total
        self.low = np.minimum(self.low, other.low)
        self.high = np.maximum(self.high, other.high)
        self.whole = self.whole and other.whole
        if other.form.dtype != self.form.dtype:
            self.form = replace(self.form, dtype="float64")

    def learned(self) -> ArrayDomain:
        """Return the domain with the scaling of all rows."""
        if self.form is None or self.count < 2:
            raise DataError(f"there must be at least 2 rows to learn from; got {self.count}.")
        deviation, span = np.sqrt(self.squares / self.count), self.high - self.low
        if not np.isfinite(deviation).all():
            raise DataError(
                "columns must have a finite variance; got values so large that their squares "
                "overflow. Rescale or take logarithms first."
            )
        scale = deviation
        if self.domain.scaling == "range":
            shares = deviation[span > 0] / span[span > 0]
            scale = span * (shares.mean() if len(shares) else 1.0)
        elif self.domain.scaling != "deviation":
            raise unknown_name("scaling", self.domain.scaling, _SCALINGS)
        mean = np.where(span == 0, self.low, self.mean)
        scale = np.where(span == 0, 1.0, scale)
        if not self.domain.standardize:
            mean, scale = np.zeros_like(mean), np.ones_like(scale)
        return replace(
            self.form,
            mean=tuple(mean.tolist()),
            scale=tuple(scale.tolist()),
            low=float(self.low.min()),
            high=float(self.high.max()),
            whole=self.whole,
        )


def _are_whole(array: NDArray[Any]) -> bool:
    return bool(np.equal(np.mod(array, 1), 0).all())


def _by_deviation(array: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    return array.mean(0, dtype=np.float64), deviation(array)


def _by_range(array: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the ranges times what makes the mean deviation 1, where training starts best."""
    mean, deviation = _by_deviation(array)
    span = array.max(0).astype(np.float64) - array.min(0).astype(np.float64)
    shares = deviation[span > 0] / span[span > 0]
    return mean, span * (shares.mean() if len(shares) else 1.0)


_SCALINGS: dict[str, Callable[[NDArray[Any]], tuple[NDArray[Any], NDArray[Any]]]] = {
    "deviation": _by_deviation,
    "range": _by_range,
}


def _table(raw: Any) -> NDArray[Any]:
    array = as_numbers(raw)
    if array.ndim != 2:
        raise DataError(
            f"a numeric table must have 2 dimensions (rows, columns); got shape {array.shape}. "
            "Expected 2D array, got 1D array instead or more. Reshape your data: "
            "X.reshape(-1, 1) for one column, X.reshape(1, -1) for one row."
        )
    if array.shape[1] == 0:
        raise DataError(
            f"X must have at least one column; got 0 feature(s) (shape={array.shape}) while a "
            "minimum of 1 is required."
        )
    return array


def _columns(raw: Any) -> tuple[str, ...] | None:
    if _kind(raw) != "pandas":
        return None
    check_column_names(raw)
    names = list(raw.columns)
    return tuple(names) if all(isinstance(name, str) for name in names) else None


def _kind(raw: Any) -> str:
    if isinstance(raw, Tensor):
        return "torch"
    return "pandas" if type(raw).__module__.startswith("pandas") else "numpy"


def _brief(shape: Sequence[int]) -> TrainingBudget:
    """Return few but large steps, so that the noise of rows gets in time where it belongs."""
    passes = round(_STEPS * _BATCH / max(1, math.prod(shape[:1])))
    return TrainingBudget(_STEPS, _BATCH, _RATE, min(_MOST_PASSES, max(_LEAST_PASSES, passes)))
