"""Estimators with the mixins of scikit-learn, for tasks that it has names for."""

from vaekit.anomalies.estimator import VAEDetector, load_detector
from vaekit.augmentation.estimator import VAEOverSampler
from vaekit.clustering.estimator import VAEClusterer
from vaekit.tables.imputation import VAEImputer

__all__ = [
    "VAEClusterer",
    "VAEDetector",
    "VAEImputer",
    "VAEOverSampler",
    "load_detector",
]
