"""The pictures of a clustering."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vaekit import plots
from vaekit.domains import ImageDomain
from vaekit.metrics.clustering import NOISE
from vaekit.tasks.clustering.result import Cluster, Clustering
from vaekit.tasks.trained import Trained

__all__ = ["PICTURES", "cards", "draw_pictures", "latent_map"]

PICTURES = ("cards", "latent_map")
"""Names of all pictures; each is drawn where there is something to draw."""

_MOST_CARDS = 30  # clusters; more make a picture that no one looks through
_MOST_POINTS = 5_000


def draw_pictures(
    found: Clustering, trained: Trained, X: Any, projection: str = "pca"
) -> dict[str, Figure]:
    """Cards and map, by name: cards need a cluster, the map at least two latents.

    Args:
        found: The clusters.
        trained: The model.
        X: The items, in memory.
        projection: Of the map; see `vaekit.plots.latent_map`.

    Raises:
        SpecError: An unknown projection.
        MissingExtraError: The projection needs an extra that is not installed.
    """
    drawn = {"cards": cards(found, trained, X)} if any(found.sizes) else {}
    if found.z.shape[1] >= 2:
        drawn["latent_map"] = latent_map(found, projection)
    return drawn


def cards(found: Clustering, trained: Trained, X: Any) -> Figure:
    """Representatives of each cluster as images, or for other items the bars of its traits.

    The 30 largest clusters are shown; there must be one.

    Args:
        found: The clusters.
        trained: The model.
        X: The items, in memory.
    """
    full = sorted((c for c in found.clusters if c.size), key=lambda c: -c.size)[:_MOST_CARDS]
    total = len(found.assignments)
    if isinstance(trained.domain, ImageDomain):
        return plots.cluster_cards({_words(c, total): _items(trained, X, c) for c in full})
    return plots.cluster_bars(
        {f"{c.number}: {c.size} items": {t.name: t.difference for t in c.traits} for c in full}
    )


def latent_map(found: Clustering, projection: str = "pca") -> Figure:
    """A random choice of the items, at most 5,000, by latents and coloured by cluster."""
    rows = np.random.default_rng(found.seed).permutation(len(found.z))[:_MOST_POINTS]
    names = [*(str(c.number) for c in found.clusters), "none"]
    labels = np.where(found.assignments == NOISE, found.k, found.assignments)[rows]
    return plots.latent_map(found.z[rows], labels, label_names=names, projection=projection)


def _words(cluster: Cluster, total: int) -> str:
    share = 100 * cluster.size / total
    return f"{cluster.number}: {cluster.size} items, {share:.0f} %\n{cluster.summary(2)}"


def _items(trained: Trained, X: Any, cluster: Cluster) -> NDArray[Any]:
    """The images of a cluster's representatives, as the domain shows them."""
    rows = trained.domain.prepare(X)[list(cluster.representatives)]
    return np.asarray(trained.domain.decode(trained.domain.encode(rows)))
