"""Estimators with the mixins of scikit-learn, for tasks that it has names for."""

from vaekit.sklearn.clusterer import VAEClusterer

__all__ = ["VAEClusterer"]
