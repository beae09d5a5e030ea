"""A clustering as a folder: JSON, CSV and pictures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vaekit.clustering.clusters import Cluster, Clustering
from vaekit.csv_text import rows_csv
from vaekit.files import to_json
from vaekit.fitting.trained import TrainedModel
from vaekit.metrics.clusters import NOISE
from vaekit.plots.latent_maps import cluster_bars, cluster_cards, latent_map
from vaekit.reports import check_folder, write_folder

PICTURES = ("cards", "latent_map")
"""Names of all pictures; each is drawn where there is something to draw."""

_MOST_CARDS = 30  # clusters; more make a picture that no one looks through
_MOST_POINTS = 5_000


def draw_pictures(
    found: Clustering, trained: TrainedModel, X: Any, projection: str = "pca"
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
        drawn["latent_map"] = cluster_map(found, projection)
    return drawn


def cards(found: Clustering, trained: TrainedModel, X: Any) -> Figure:
    """Representatives of each cluster as images, or for other items the bars of its traits.

    The 30 largest clusters are shown; there must be one.

    Args:
        found: The clusters.
        trained: The model.
        X: The items, in memory.
    """
    full = sorted((c for c in found.clusters if c.size), key=lambda c: -c.size)[:_MOST_CARDS]
    total = len(found.assignments)
    if trained.domain.draws_images:
        return cluster_cards({_words(c, total): _items(trained, X, c) for c in full})
    return cluster_bars(
        {f"{c.number}: {c.size} items": {t.name: t.difference for t in c.traits} for c in full}
    )


def cluster_map(found: Clustering, projection: str = "pca") -> Figure:
    """Return a random choice of the items, at most 5,000, by latents and coloured by cluster."""
    rows = np.random.default_rng(found.seed).permutation(len(found.z))[:_MOST_POINTS]
    names = [*(str(c.number) for c in found.clusters), "none"]
    labels = np.where(found.assignments == NOISE, found.k, found.assignments)[rows]
    return latent_map(found.z[rows], labels, label_names=names, projection=projection)


def _words(cluster: Cluster, total: int) -> str:
    share = 100 * cluster.size / total
    return f"{cluster.number}: {cluster.size} items, {share:.0f} %\n{cluster.summary(2)}"


def _items(trained: TrainedModel, X: Any, cluster: Cluster) -> NDArray[Any]:
    """Return the images of a cluster's representatives, as the domain shows them."""
    rows = trained.domain.prepare(X)[list(cluster.representatives)]
    return np.asarray(trained.domain.decode(trained.domain.encode(rows)))


_JSON, _CSV = "clusters.json", "clusters.csv"

FILES = (_JSON, _CSV, *(f"{name}.png" for name in PICTURES))
"""Names of all files that may be written."""


def check_clustering_folder(path: Path) -> None:
    """Refuse a place that holds something else; worth asking before the work, too.

    Raises:
        SaveError: Neither new, nor empty, nor older clusters and nothing else.
    """
    check_folder(path, FILES, "one of older clusters")


def write_clustering(
    path: Path, found: Clustering, pictures: "Mapping[str, Figure]", notes: Mapping[str, Any]
) -> None:
    """Write a folder in one rename; older clusters there are replaced, anything else is not.

    ``clusters.csv`` has a line for each item: its number, its cluster (-1 for none) and how
    probable that cluster is, where the method tells.

    Args:
        path: The folder.
        found: The clusters.
        pictures: Figures by name.
        notes: What else is worth keeping, as JSON: versions, for instance.

    Raises:
        SaveError: The disk is full or not writable, or the folder holds something else.
    """
    check_clustering_folder(path)
    files = {_JSON: to_json({**notes, **found.to_json()}), _CSV: _csv(found)}
    write_folder(path, files, pictures)


def _csv(found: Clustering) -> bytes:
    confidence = found.confidence
    rows = (
        (item, int(number), "" if confidence is None else f"{confidence[item]:.4f}")
        for item, number in enumerate(found.assignments)
    )
    return rows_csv(("item", "cluster", "probability"), rows)
