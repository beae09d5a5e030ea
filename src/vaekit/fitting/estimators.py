"""What the estimators of this package share."""

from typing import Any

import sklearn.exceptions
from sklearn.base import clone

from vaekit.autoencoder import Autoencoder
from vaekit.errors import NotFittedError
from vaekit.fitting.trained import Trained


class EstimatorNotFittedError(NotFittedError, sklearn.exceptions.NotFittedError):
    """The package's error and scikit-learn's at once: each is what some callers catch."""


def fit_autoencoder(template: Autoencoder, X: Any, context: Any) -> Autoencoder:
    """Fit a copy of an estimator, so that the one given stays as it was."""
    copied: Autoencoder = clone(template)
    return copied.fit(X, context=context)


def adopt_features(estimator: Any, autoencoder: Autoencoder) -> None:
    """Set what scikit-learn wants to know of the columns seen in fit."""
    estimator.n_features_in_ = autoencoder.n_features_in_
    if "feature_names_in_" in vars(autoencoder):
        estimator.feature_names_in_ = autoencoder.feature_names_in_


def trained_of(estimator: Any, method: str) -> Trained:
    """The model of an estimator's ``autoencoder_``.

    Raises:
        EstimatorNotFittedError: There is none yet.
    """
    if "autoencoder_" not in vars(estimator):
        raise EstimatorNotFittedError(
            f"this {type(estimator).__name__} is not fitted yet; call fit(X) before {method}."
        )
    trained: Trained = estimator.autoencoder_.trained_
    return trained
