from .clusters import (
    Cluster as Cluster,
    Clustering as Clustering,
    Trait as Trait,
    assign as assign,
    cluster as cluster,
)
from .estimator import VAEClusterer as VAEClusterer
from .methods import METHODS as METHODS
from .clusters import check_options as check_options
from .clusters import check_clustering_folder as check_clustering_folder
from .clusters import draw_pictures as draw_pictures
from .clusters import write_clustering as write_clustering
