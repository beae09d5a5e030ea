from .clusters import (
    Cluster as Cluster,
    Clustering as Clustering,
    Trait as Trait,
    assign as assign,
    cluster as cluster,
)
from .estimator import VAEClusterer as VAEClusterer
from .methods import METHODS as METHODS
