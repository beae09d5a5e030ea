"""Filling missing cells of tables: over a trained model, and the scikit-learn imputer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, validate_data
from torch import Tensor
from torch.distributions import Categorical, Distribution

from vaekit.autoencoder import Autoencoder, require_trained
from vaekit.distributions.rows import as_row, drawn
from vaekit.domains.checks import (
    check_column_names,
    frame_like,
    is_foreign_table,
    is_frame,
    plain_frame,
    with_text_names,
)
from vaekit.errors import (
    CompositionError,
    DataError,
    DataTypeError,
    SpecError,
    unknown_name,
)
from vaekit.fitting.trained import TrainedModel
from vaekit.presets.base import Preset, get_preset
from vaekit.randomness import seeded
from vaekit.seeds import check_seed
from vaekit.tables.columns import Column
from vaekit.tables.domain import TableDomain
from vaekit.tables.dtypes import DatetimeColumn
from vaekit.tables.numbers import NumericColumn
from vaekit.tables.stacking import (
    FEWEST_ROWS,
    CellPredictions,
    Layout,
    Stack,
    fit_stack,
    hidden_cells,
    summarize,
)
from vaekit.training.callbacks import Callback, CallbackList
from vaekit.types import Batch

ESTIMATES = ("mean", "draw")
"""What a hole is filled with: the mean of numbers and the most probable label, or a draw."""

Floats = NDArray[np.float64]
_FEWER_STEPS = 1200  # of the second model, which tells what the weights should be
_DRAWS_OF_FIT = 30  # that weights and regressions are learnt from


def is_weighted(preset: str | Preset) -> bool:
    """Return whether draws of models of this preset should be weighted.

    Those of all but `masked_vae`, whose posterior is trained to tell hidden cells.

    Example:
        >>> is_weighted("iwae"), is_weighted("masked_vae")
        (True, False)
    """
    return preset == "auto" or get_preset(preset).name != "masked_vae"


@torch.no_grad()
def impute(
    trained: TrainedModel,
    X: Any,
    context: Any = None,
    *,
    estimate: str = "mean",
    draws: int = 100,
    weighted: bool = True,
    shift: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Any:
    """Fill the missing cells of rows with what goes with their other cells.

    Latents are drawn from the posterior given the cells that are there, the other cells from the
    latents. Of models that were trained on whole rows each draw is then weighted by how much
    better the model explains the known cells by it than the posterior thought: self-normalised
    importance sampling, exact for many draws. The posterior of `masked_vae` was trained to tell
    hidden cells, and its draws count alike.

    It presumes that cells are missing at random: for reasons that the other cells tell. Where
    large values, for instance, are rather kept secret, say with ``shift`` by how much, and look
    how far the conclusions depend on it.

    Args:
        trained: A model of a table, fitted with ``TableDomain(missing="unobserved")``.
        X: A pandas data frame, or a path to one, with the columns of training.
        context: Labels or properties, for conditional models.
        estimate: ``"mean"``, the best guess; ``"draw"``, a value that might have been, so that a
            few imputations with different seeds show how unsure it is.
        draws: Latents for each row, at least 1.
        weighted: Whether draws are weighted; see `is_weighted`.
        shift: Of columns of numbers: how many standard deviations missing values are above what
            the other cells let expect; below, if negative.
        seed: Of the draws.

    Returns:
        The same rows, in which only missing cells of learned columns are changed.

    Raises:
        CompositionError: The model is of other data, or takes missing cells for values.
        SpecError: An unknown estimate, no draws, or a shift of a column that has no numbers.
        DataError: Other columns, or values that training did not see.

    Source: Mattei & Frellsen 2019, "MIWAE: deep generative modelling and imputation of incomplete
    data sets", eq. 10-12; Ivanov et al. 2019, "Variational autoencoder with arbitrary
    conditioning"; van Buuren 2018, "Flexible imputation of missing data", section 9.2, for shifts.

    Example:
        >>> import pandas as pd
        >>> from vaekit import Autoencoder
        >>> frame = pd.DataFrame({"size": [1.5, None, 2.5, 4.0] * 9, "kind": list("aabb") * 9})
        >>> domain = TableDomain(missing="unobserved")
        >>> model = Autoencoder(domain=domain, max_epochs=2, progress=False).fit(frame)
        >>> impute(model.trained_, frame)["size"].isna().sum()
        np.int64(0)
    """
    seed = check_seed(seed)
    domain = _check(trained, estimate, draws)
    frame, shifts = domain.read(X), _shifts(domain, shift or {})
    choose = _best_guess if estimate == "mean" else _one_draw
    with seeded(seed):
        parts = _drawn(trained, frame, context, draws, weighted)
        chosen = [choose(domain, *drawn) for drawn in parts]
    filled = frame.copy()
    for column in domain.learned:
        holes = frame[column.name].isna().to_numpy()
        values = np.concatenate([part[column.name].to_numpy() for part in chosen])[holes]
        if column.name in shifts:
            values = _shifted(values, shifts[column.name], frame[column.name])
        filled.loc[holes, column.name] = _as_precise(values, frame[column.name])
    return filled


def _shifts(domain: TableDomain, shift: Mapping[str, float]) -> Mapping[str, float]:
    numbers = [column.name for column in domain.learned if isinstance(column, NumericColumn)]
    for name in shift:
        if name not in numbers:
            raise unknown_name("column of numbers", name, numbers)
        if not isinstance(shift[name], int | float):
            raise SpecError(f"the shift of {name!r} must be a number; got {shift[name]!r}.")
    return shift


def _shifted(values: Any, by: float, known: Any) -> Any:
    """Moved by so many standard deviations of the known values; whole numbers stay whole."""
    moved = values + by * float(known.std())
    return np.round(moved) if "int" in str(known.dtype).lower() else moved


def _as_precise(values: Any, known: Any) -> Any:
    """Return numbers as precise as those known: pandas puts none of 64 bits beside those of 32."""
    is_float = isinstance(known.dtype, np.dtype) and known.dtype.kind == "f"
    return np.asarray(values, dtype=known.dtype) if is_float else values


def _drawn(
    trained: TrainedModel, frame: Any, context: Any, draws: int, weighted: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows drawn for some rows, shape (draws, rows, cells), and their weights (draws, rows)."""
    for batch in trained.batches(frame, context):
        evidence, known = trained.vae.evidence(batch, draws), _Known(batch)
        x = as_row(evidence.px).walk(known)
        log_w = replace(evidence, log_px=known.log_px).log_w
        yield x, (log_w if weighted else torch.zeros_like(log_w)).softmax(0)


class _Known:
    """Chooses the cells that are known, draws the others, and adds up how probable those were."""

    def __init__(self, batch: Batch) -> None:
        self.x, self.observed = batch.visible, batch.observed
        self.log_px = torch.zeros(())

    def __call__(self, place: int, cell: Distribution) -> Tensor:
        value = drawn(place, cell)
        if self.observed is None:
            known = torch.ones_like(self.x[..., place], dtype=torch.bool)
        else:
            known = self.observed[..., place]
        given = self.x[..., place].expand(value.shape)
        score = cell.log_prob((given - 1).clamp_min(0) if isinstance(cell, Categorical) else given)
        self.log_px = self.log_px + torch.where(known, score, 0.0)
        return torch.where(known, given, value)


def _one_draw(domain: TableDomain, x: Tensor, weights: Tensor) -> Any:
    """Return one of the draws of each row, by their weights."""
    positions = torch.multinomial(weights.T, 1).squeeze(1)
    return domain.decode(x[positions, torch.arange(x.shape[1])])


def _best_guess(domain: TableDomain, x: Tensor, weights: Tensor) -> Any:
    """Means of numbers and times, and the labels with the most weight."""
    import pandas as pd

    rows, shares = domain.decode(x.flatten(0, 1)), weights.double().cpu().numpy()
    return pd.DataFrame({c.name: _guess(c, rows[c.name], shares) for c in domain.learned})


def _guess(column: Column, values: Any, weights: Floats) -> Any:
    import pandas as pd

    if isinstance(column, NumericColumn):
        numbers = values.to_numpy(dtype=np.float64).reshape(weights.shape)
        means = (numbers * weights).sum(0)
        return np.round(means) if "int" in column.dtype.lower() else means
    if isinstance(column, DatetimeColumn):
        whole = values.astype("int64").to_numpy().reshape(weights.shape)
        first = whole.min(0)  # of large numbers only differences keep their last digits
        means = first + ((whole - first) * weights).sum(0).round().astype(np.int64)
        return pd.Series(means).astype(values.dtype)
    positions, labels = pd.factorize(values.astype(object))
    votes = np.zeros((len(labels), weights.shape[1]))
    np.add.at(votes, (positions.reshape(weights.shape), np.arange(weights.shape[1])), weights)
    return pd.Series(labels[votes.argmax(0)]).astype(values.dtype)


_MOST_DRAWS = 1_000_000


def _check(trained: TrainedModel, estimate: str, draws: int) -> TableDomain:
    if estimate not in ESTIMATES:
        raise unknown_name("estimate", estimate, ESTIMATES)
    if not 1 <= draws <= _MOST_DRAWS:
        raise SpecError(f"draws must be from 1 to {_MOST_DRAWS}; got {draws}. Take 100.")
    domain = trained.domain
    if not isinstance(domain, TableDomain) or domain.missing != "unobserved":
        raise CompositionError(
            "filling holes needs a model that learnt from rows with holes: fit it with "
            "domain=TableDomain(missing='unobserved')."
        )
    if "density" not in trained.vae.provides:
        raise CompositionError(
            "filling holes needs a model with a density; this one's latents are points. Use "
            "preset 'iwae' or 'vae'."
        )
    return domain


class VAEImputer(TransformerMixin, BaseEstimator):
    """Fills missing cells with what goes with the other cells of their row.

    Takes data frames with labels, dates and numbers, and arrays of numbers; learns from rows with
    missing cells as they are.

    Args:
        estimate: ``"mean"``, the best guess, or ``"draw"``, a value that might have been; fit
            once and transform with several seeds for multiple imputation.
        preset: The model, by name or with options: `masked_vae`, or one with a density such as
            ``"iwae"``, whose draws are then weighted by importance.
        scale: What the model sees of numbers: ``"standard"``, or ``"quantiles"`` for shapes far
            from normal; see `TableDomain`.
        shift: By column of numbers: how many standard deviations missing values are above what
            the other cells let expect, where they are not missing at random. See
            `vaekit.tables.imputation`.
        latent_dim: Number of latents; ``None`` takes what suits the table.
        max_epochs: Passes over the rows; ``None`` takes as many as give about 2,400 steps.
        draws: Latents that each row is filled from.
        stacking: Whether ridge regressions, kernels and trees on the rows that the model has
            filled join it, each with the weight that it earns on cells of the training rows that
            are hidden for that; see `Stack`. Takes a second, shorter training. ``False`` leaves
            the model alone, and so do tables of fewer than 50 rows, or with one column to learn.
        seed: Seed of everything random.
        progress: Show a bar; ``None`` does so on a terminal.
        callbacks: `Callback` objects, called during the fit of the model: to log it, look at it,
            stop it. They are neither stored nor copied, and not called by the second training.

    Attributes:
        autoencoder_: The fitted `Autoencoder`.
        stack_: The fitted `Stack`, or ``None`` where the model fills alone.

    Source: Ivanov et al. 2019, "Variational autoencoder with arbitrary conditioning"; Mattei &
    Frellsen 2019, "MIWAE: deep generative modelling and imputation of incomplete data sets".

    Example:
        >>> X = np.array([[1.0, 2.0], [2.0, np.nan], [np.nan, 6.0], [4.0, 8.0]] * 9)
        >>> imputer = VAEImputer(latent_dim=1, max_epochs=2, progress=False)
        >>> bool(np.isnan(imputer.fit_transform(X)).any())
        False
    """

    def __init__(
        self,
        estimate: str = "mean",
        *,
        preset: str | Preset = "masked_vae",
        scale: str = "standard",
        shift: Mapping[str, float] | None = None,
        latent_dim: int | None = None,
        max_epochs: int | None = None,
        draws: int = 100,
        stacking: bool = True,
        seed: int = 0,
        progress: bool | None = None,
        callbacks: Sequence[Callback] | None = None,
    ) -> None:
        self.estimate = estimate
        self.preset = preset
        self.scale = scale
        self.shift = shift
        self.latent_dim = latent_dim
        self.max_epochs = max_epochs
        self.draws = draws
        self.stacking = stacking
        self.seed = seed
        self.progress = progress
        self.callbacks = callbacks

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn from rows, with their missing cells.

        Args:
            X: A data frame, or an array of numbers, NaN where missing; at least 2 rows.
            y: Ignored, as in scikit-learn.
            sample_weight: How much each row counts in training; see `Autoencoder.fit`.

        Raises:
            VaekitError: As of `Autoencoder.fit`.
        """
        frame = self._frame(X, reset=True)
        if not isinstance(self.stacking, bool):
            raise SpecError(f"stacking must be True or False; got {self.stacking!r}.")
        domain = TableDomain(missing="unobserved", scale=self.scale)
        model = self._model(domain, self.callbacks, self.progress)
        model.fit_inner(frame, sample_weight=sample_weight)
        with CallbackList(self.callbacks).ending(self, model.save):
            self.autoencoder_ = model
            self.stack_ = self._stacked(frame, sample_weight) if self.stacking else None
        return self

    def _model(
        self,
        domain: TableDomain,
        callbacks: Sequence[Callback] | None,
        progress: bool | None,
        steps: int | None = None,
    ) -> Autoencoder:
        return Autoencoder(
            self.preset,
            self.latent_dim,
            domain=domain,
            max_epochs=self.max_epochs,
            steps=steps,
            seed=self.seed,
            progress=progress,
            callbacks=callbacks,
        )

    def _stacked(self, frame: Any, sample_weight: Any) -> Stack | None:
        """Return regressions beside the model, weighted by a model that was not shown some cells.

        That model, and regressions on what it fills, never see those cells; they tell them a part
        at a time, with the other parts shown, so that a row has about as many holes as it had.
        """
        trained = require_trained(self, "fit")
        if len(frame) < FEWEST_ROWS:
            return None
        layout = Layout.of(_check(trained, self.estimate, self.draws), frame)
        X = layout.encode(frame)
        hidden = hidden_cells(layout, X, self.seed)
        if sum(block.is_predicted for block in layout.blocks) < 2 or not hidden.any():
            return None
        weights = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        # Of the values that it was not shown it knows nothing, which is no news to the user.
        domain = TableDomain(missing="unobserved", scale=self.scale, unseen="missing")
        steps = _FEWER_STEPS if self.max_epochs is None else None
        other = self._model(domain, None, False, steps)
        other.fit(layout.without(frame, hidden), sample_weight=sample_weight)

        def predict(model: TrainedModel, rows: Any) -> CellPredictions:
            draws = min(self.draws, _DRAWS_OF_FIT)
            return summarize(layout, self._pieces(model, rows, draws), frame, self.seed)

        return fit_stack(
            layout,
            frame,
            hidden,
            partial(predict, trained),
            partial(predict, other.trained_),
            weights,
        )

    def _pieces(self, trained: TrainedModel, frame: Any, draws: int) -> Iterator[tuple[Any, int]]:
        """Yield draws of some rows at a time, decoded, one draw after the other."""
        domain = _check(trained, self.estimate, self.draws)
        with torch.no_grad(), seeded(check_seed(self.seed)):
            for x, weights in _drawn(trained, frame, None, draws, is_weighted(self.preset)):
                chosen = x
                if is_weighted(self.preset):  # drawn anew by their weights, so that all count alike
                    places = torch.multinomial(weights.T, len(x), replacement=True).T
                    chosen = x.gather(0, places[..., None].expand_as(x))
                yield domain.decode(chosen.flatten(0, 1)), len(x)

    def transform(self, X: Any) -> Any:
        """Return the rows with their missing cells filled, in the form in which they came.

        Args:
            X: Rows with the columns of training.
        """
        trained = require_trained(self, "transform")
        frame = self._frame(X, reset=False)
        stack = getattr(self, "stack_", None)  # imputers stored by earlier versions have none
        fill = self._fill_alone if stack is None else partial(self._fill_stacked, stack)
        filled = fill(trained, frame)
        if is_frame(X) or is_foreign_table(X):
            return frame_like(filled.set_axis(plain_frame(X).columns, axis=1), X)
        return filled.to_numpy(dtype=frame.to_numpy().dtype)

    def _fill_alone(self, trained: TrainedModel, frame: Any) -> Any:
        return impute(
            trained,
            frame,
            estimate=self.estimate,
            draws=self.draws,
            weighted=is_weighted(self.preset),
            shift=self.shift,
            seed=self.seed,
        )

    def _fill_stacked(self, stack: Stack, trained: TrainedModel, frame: Any) -> Any:
        """Fill by all; what regressions do not tell, such as one of many labels, by the model."""
        seed = check_seed(self.seed)
        domain = _check(trained, self.estimate, self.draws)
        shifts = _shifts(domain, self.shift or {})
        said = summarize(stack.layout, self._pieces(trained, frame, self.draws), frame, seed)
        found = stack.fill(frame, said, self.estimate, seed)
        gaps = {c.name: frame[c.name].isna().to_numpy() for c in domain.learned}
        is_complete = all(name in found for name, holes in gaps.items() if holes.any())
        filled = frame.copy() if is_complete else self._fill_alone(trained, frame)
        for name, values in found.items():
            if name in shifts:
                values = _shifted(values, shifts[name], frame[name])
            filled.loc[gaps[name], name] = _as_precise(values, frame[name])
        return filled

    def _frame(self, X: Any, *, reset: bool) -> Any:
        """Return a data frame; arrays are checked as scikit-learn does."""
        import pandas as pd

        X = plain_frame(X)
        check_column_names(X)
        if is_frame(X):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return with_text_names(X)
        try:
            array = validate_data(
                self,
                X,
                reset=reset,
                dtype=[np.float64, np.float32],
                ensure_all_finite="allow-nan",
                ensure_min_samples=2 if reset else 1,
            )
        except TypeError as error:
            raise DataTypeError(str(error)) from error
        except ValueError as error:
            raise DataError(str(error)) from error
        return pd.DataFrame(array, columns=[f"x{i}" for i in range(array.shape[1])])

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return names of the columns: those that came in."""
        names: NDArray[np.object_] = _check_feature_names_in(self, input_features)
        return names

    def __sklearn_is_fitted__(self) -> bool:
        return "autoencoder_" in vars(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags
