"""Estimators with the mixins of scikit-learn, for tasks that it has names for."""

from vaekit.sklearn.clusterer import VAEClusterer
from vaekit.sklearn.detector import VAEDetector
from vaekit.sklearn.imputer import VAEImputer
from vaekit.sklearn.oversampler import VAEOverSampler
from vaekit.sklearn.stored_detector import load_detector

__all__ = ["VAEClusterer", "VAEDetector", "VAEImputer", "VAEOverSampler", "load_detector"]
