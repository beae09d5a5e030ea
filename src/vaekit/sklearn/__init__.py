"""Estimators with the mixins of scikit-learn, for tasks that it has names for."""

from vaekit.sklearn.clusterer import VAEClusterer
from vaekit.sklearn.detector import VAEDetector
from vaekit.sklearn.imputer import VAEImputer
from vaekit.sklearn.oversampler import VAEOverSampler

__all__ = ["VAEClusterer", "VAEDetector", "VAEImputer", "VAEOverSampler"]
