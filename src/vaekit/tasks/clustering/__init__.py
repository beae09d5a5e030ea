"""Groups of alike items in the latents of a trained model."""

from vaekit.tasks.clustering.cluster import assign, cluster
from vaekit.tasks.clustering.methods import METHODS
from vaekit.tasks.clustering.result import Cluster, Clustering
from vaekit.tasks.clustering.traits import Trait

__all__ = ["METHODS", "Cluster", "Clustering", "Trait", "assign", "cluster"]
