"""Imputation as a transformer of scikit-learn."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, validate_data

from vaekit.autoencoder import Autoencoder, require_trained
from vaekit.domains.checks import is_frame
from vaekit.presets.base import Preset
from vaekit.tables.domain import TableDomain
from vaekit.tables.imputation import impute, is_weighted


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
        seed: Seed of everything random.
        progress: Show a bar; ``None`` does so on a terminal.

    Attributes:
        autoencoder_: The fitted `Autoencoder`.

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
        seed: int = 0,
        progress: bool | None = None,
    ) -> None:
        self.estimate = estimate
        self.preset = preset
        self.scale = scale
        self.shift = shift
        self.latent_dim = latent_dim
        self.max_epochs = max_epochs
        self.draws = draws
        self.seed = seed
        self.progress = progress

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from rows, with their missing cells.

        Args:
            X: A pandas data frame, or an array of numbers, NaN where missing; at least 2 rows.
            y: Ignored, as in scikit-learn.

        Raises:
            VaekitError: As of `Autoencoder.fit`.
        """
        frame = self._frame(X, reset=True)
        model = Autoencoder(
            self.preset,
            self.latent_dim,
            domain=TableDomain(missing="unobserved", scale=self.scale),
            max_epochs=self.max_epochs,
            seed=self.seed,
            progress=self.progress,
        )
        self.autoencoder_ = model.fit(frame)
        return self

    def transform(self, X: Any) -> Any:
        """The rows with their missing cells filled, in the form in which they came.

        Args:
            X: Rows with the columns of training.
        """
        trained = require_trained(self, "transform")
        frame = self._frame(X, reset=False)
        filled = impute(
            trained,
            frame,
            estimate=self.estimate,
            draws=self.draws,
            weighted=is_weighted(self.preset),
            shift=self.shift,
            seed=self.seed,
        )
        return filled if is_frame(X) else filled.to_numpy(dtype=frame.to_numpy().dtype)

    def _frame(self, X: Any, *, reset: bool) -> Any:
        """A data frame; arrays are checked as scikit-learn does."""
        import pandas as pd

        if is_frame(X):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X
        array = validate_data(
            self,
            X,
            reset=reset,
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan",
            ensure_min_samples=2 if reset else 1,
        )
        return pd.DataFrame(array, columns=[f"x{i}" for i in range(array.shape[1])])

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the columns: those that came in."""
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
