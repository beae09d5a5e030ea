"""Finding groups of similar items in a model's latents, and the folder that shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vaekit.clustering.methods import (
    METHODS,
    Assigned,
    Encoded,
    Partition,
    encode,
    find_clusters,
)
from vaekit.csv_text import rows_csv
from vaekit.domains.base import Domain
from vaekit.errors import DataError, SpecError, unknown_name
from vaekit.files import to_json
from vaekit.fitting.trained import TrainedModel, as_classes, as_items
from vaekit.metrics.clusters import NOISE, ClusterAgreement, agreement
from vaekit.plots.latent_maps import cluster_bars, cluster_cards, latent_map
from vaekit.reports import check_folder, write_folder
from vaekit.seeds import check_seed
from vaekit.training.config import Items


@dataclass(frozen=True)
class Trait:
    """In what a cluster differs from all other items.

    Attributes:
        name: A latent (``"z3"``) or a column of a table.
        difference: Mean inside less mean outside, in standard deviations over all items.
    """

    name: str
    difference: float

    def __str__(self) -> str:
        """As it is shown: ``z3 +1.8``."""
        return f"{self.name} {self.difference:+.1f}"


def traits(
    values: NDArray[np.float64], names: Sequence[str], inside: NDArray[np.bool_], most: int
) -> tuple[Trait, ...]:
    """In what some items differ most from the others, the largest difference first.

    Args:
        values: What may differ, shape (items, columns).
        names: One per column.
        inside: Which items, shape (items,).
        most: How many traits at most.

    Returns:
        Empty where no items are inside, or all. Columns without variance are left out.

    Example:
        >>> x = np.array([[0.0, 5.0], [0.0, 7.0], [2.0, 6.0], [2.0, 6.0]])
        >>> [str(trait) for trait in traits(x, ("a", "b"), np.array([1, 1, 0, 0], bool), 1)]
        ['a -2.0']
    """
    if not inside.any() or inside.all():
        return ()
    spread = values.std(0)
    varied = np.flatnonzero(spread > np.finfo(np.float32).eps * np.abs(values).max(0))
    apart = values[inside].mean(0) - values[~inside].mean(0)
    differences = apart[varied] / spread[varied]
    order = np.argsort(-np.abs(differences), kind="stable")[:most]
    return tuple(Trait(names[varied[i]], float(differences[i])) for i in order)


def central_items(z: NDArray[np.float64], inside: NDArray[np.bool_], most: int) -> tuple[int, ...]:
    """Return the items closest to the mean of a cluster, the closest first.

    Args:
        z: Latents, shape (items, latents).
        inside: Which items are in the cluster, shape (items,).
        most: How many at most.

    Example:
        >>> central_items(np.array([[0.0], [9.0], [1.0], [3.0]]), np.array([1, 0, 1, 1], bool), 2)
        (2, 0)
    """
    positions = np.flatnonzero(inside)
    if not len(positions):
        return ()
    distance = np.linalg.norm(z[positions] - z[positions].mean(0), axis=1)
    return tuple(int(i) for i in positions[np.argsort(distance, kind="stable")[:most]])


@dataclass(frozen=True)
class Cluster:
    """One cluster.

    Attributes:
        number: Its number, from 0.
        size: How many items it has; 0 for a component of a model that no item belongs to.
        representatives: The items closest to the mean of its latents, the closest first.
        traits: What sets it apart from all other items, the largest difference first: columns of
            a table, or else latents.
        latents: The latents that do, in the same way.
    """

    number: int
    size: int
    representatives: tuple[int, ...]
    traits: tuple[Trait, ...]
    latents: tuple[Trait, ...]

    def summary(self, most: int = 3) -> str:
        """Return the first traits in one line."""
        return ", ".join(str(trait) for trait in self.traits[:most])


@dataclass(frozen=True, eq=False)
class Clustering:
    """What `cluster` finds.

    Attributes:
        assignments: The number of each item's cluster, int64 of shape (items,); -1 for items in
            none, which only method ``"hdbscan"`` leaves over.
        probabilities: Shape (items, clusters), where the method gives any: of the mixture's
            components, of the neighbours' votes, or how firmly an item is in a dense region.
        clusters: The clusters, by number.
        method: The method used: a key of `METHODS`.
        criterion: What chose the number of clusters; ``"given"`` where you did.
        scores: The criterion for each number of clusters that was tried, the best first.
        agreement: ClusterAgreement with the labels; ``None`` without labels.
        z: The latents that were clustered, shape (items, latents).
        seed: Of everything random.
        partition: Puts further items into these clusters; see `assign`.
    """

    assignments: NDArray[np.int64] = field(repr=False)
    probabilities: NDArray[np.float64] | None = field(repr=False)
    clusters: tuple[Cluster, ...] = field(repr=False)
    method: str
    criterion: str
    scores: Mapping[int, float] = field(repr=False)
    agreement: ClusterAgreement | None
    z: NDArray[np.float64] = field(repr=False)
    seed: int
    partition: Partition = field(repr=False)

    def _repr_html_(self) -> str:
        """Return the clusters in a table for notebooks."""
        from vaekit.reports import notebook_table

        rows = [(one.number, one.size, one.summary()) for one in self.clusters]
        return notebook_table(("cluster", "items", "what sets it apart"), rows, self.method)

    @property
    def k(self) -> int:
        """How many clusters there are, without the items in none."""
        return len(self.clusters)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many items each cluster has."""
        return tuple(cluster.size for cluster in self.clusters)

    @property
    def noise(self) -> int:
        """How many items are in no cluster."""
        return int((self.assignments == NOISE).sum())

    @property
    def confidence(self) -> NDArray[np.float64] | None:
        """The probability of each item's own cluster, 0 for items in none, or ``None``."""
        if self.probabilities is None:
            return None
        inside = self.assignments != NOISE
        own = np.zeros(len(self.assignments))
        own[inside] = self.probabilities[inside, self.assignments[inside]]
        return own

    def to_json(self) -> dict[str, Any]:
        """Everything but what there is one of for each item, as plain values."""
        return {
            "items": len(self.assignments),
            "k": self.k,
            "noise": self.noise,
            "method": self.method,
            "criterion": self.criterion,
            "scores": {str(k): score for k, score in self.scores.items()},
            "agreement": None if self.agreement is None else asdict(self.agreement),
            "seed": self.seed,
            "clusters": [asdict(cluster) for cluster in self.clusters],
        }


_LEAST_ITEMS = 10
_REPRESENTATIVES = 10
_TRAITS = 5


def cluster(
    trained: TrainedModel,
    X: Any,
    context: Any = None,
    *,
    method: str = "auto",
    k: int | None = None,
    labels: Any = None,
    seed: int = 0,
) -> Clustering:
    """Find groups of alike items.

    | method | finds | chooses k by |
    |---|---|---|
    | ``"auto"``, ``"graph"`` | thinly joined parts of a graph of neighbours | gap of eigenvalues |
    | ``"gmm"`` | Gaussians of any orientation | BIC |
    | ``"kmeans"`` | round groups of like width | silhouette |
    | ``"hdbscan"`` | dense regions; items between them are in none, -1 | density |
    | ``"model"`` | components of the prior of ``vade``, ``mixture_vae``, ``vamp`` | the preset |

    Clusters are numbered from the largest on; with ``"model"``, by component.

    Args:
        trained: The model, for instance ``Autoencoder("vade").fit(X).trained_``.
        X: At least 10 items of the kind seen in training.
        context: Their labels or properties, for conditional models.
        method: How to find clusters; the table says which there are.
        k: How many clusters, from 1 to the number of items; ``None`` chooses from 2 to 20.
        labels: Known classes, whole numbers or text, to compare the clusters with; they have no
            influence on the clusters.
        seed: Of everything random.

    Raises:
        DataError: Too few items, more clusters than items, labels that do not fit or are all one.
        SpecError: An unknown method, or a k that is not possible.
        CompositionError: Method ``"model"`` for a model whose prior has no components.

    Source: those of `METHODS`; for ``"model"`` Jiang et al. 2017, "Variational deep embedding".

    Example:
        >>> from vaekit import Autoencoder
        >>> from vaekit.datasets import digits
        >>> model = Autoencoder(latent_dim=4, max_epochs=2, progress=False).fit(digits().images)
        >>> found = cluster(model.trained_, digits().images[:300], k=4)
        >>> found.k, sum(found.sizes), found.method
        (4, 300, 'auto')
    """
    seed = check_seed(seed)
    check_options(method, k)
    items = as_items(trained.domain, trained.context, X, context)
    classes = as_classes(labels, len(items))
    _check_counts(len(items), k, classes)
    encoded = encode(trained, items, seed, components=method == "model")
    found = find_clusters(encoded, method, k, seed)
    clusters = found.assigned.clusters
    return Clustering(
        clusters,
        found.assigned.probabilities,
        _described(trained.domain, items, encoded, found.assigned, found.k),
        method,
        found.criterion,
        found.scores,
        None if classes is None else agreement(clusters, classes),
        encoded.z,
        seed,
        found.partition,
    )


def assign(
    found: Clustering, trained: TrainedModel, X: Any, context: Any = None
) -> NDArray[np.int64]:
    """Put further items into clusters that were found.

    Args:
        found: What `cluster` returned.
        trained: The model that it was given.
        X: Items of the kind seen in training.
        context: Their labels or properties, for conditional models.

    Returns:
        The number of each item's cluster, shape (items,); -1 for none.

    Raises:
        DataError: Items or context that do not fit the model.

    Example:
        >>> from vaekit import Autoencoder
        >>> from vaekit.datasets import digits
        >>> model = Autoencoder(latent_dim=4, max_epochs=2, progress=False).fit(digits().images)
        >>> found = cluster(model.trained_, digits().images[:300], k=4)
        >>> assign(found, model.trained_, digits().images[300:]).shape
        (1497,)
    """
    items = as_items(trained.domain, trained.context, X, context)
    encoded = encode(trained, items, found.seed, components=found.method == "model")
    return found.partition.assign(encoded).clusters


def check_options(method: str, k: int | None) -> None:
    """Refuse what no data could make right.

    Raises:
        SpecError: An unknown method, or k below 1.
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    if k is not None and not (isinstance(k, int | np.integer) and k >= 1):
        raise SpecError(f"k must be None or a whole number of at least 1; got {k!r}.")


def _check_counts(items: int, k: int | None, classes: NDArray[Any] | None) -> None:
    if items < _LEAST_ITEMS:
        raise DataError(
            f"clustering needs at least {_LEAST_ITEMS} items; got {items}. Pass more, and some "
            "hundreds for clusters that mean something."
        )
    if k is not None and k > items:
        raise DataError(
            f"k must be at most the number of items, {items}; got {k}. Ask for fewer clusters."
        )
    if classes is not None and len(np.unique(classes)) < 2:
        raise DataError(
            f"labels must be of at least 2 classes; got only {classes[0]!s}. Leave them out."
        )


def _described(
    domain: Domain, items: Items, encoded: Encoded, assigned: Assigned, k: int
) -> tuple[Cluster, ...]:
    latents = [f"z{i}" for i in range(encoded.z.shape[1])]
    values, names = _columns(domain, items) or (encoded.z, latents)

    def describe(number: int) -> Cluster:
        inside = assigned.clusters == number
        return Cluster(
            number,
            int(inside.sum()),
            central_items(encoded.z, inside, _REPRESENTATIVES),
            traits(values, names, inside, _TRAITS),
            traits(encoded.z, latents, inside, _TRAITS),
        )

    return tuple(describe(number) for number in range(k))


def _columns(domain: Domain, items: Items) -> tuple[NDArray[np.float64], list[str]] | None:
    """Return the columns of a table and their names; ``None`` for items of another kind."""
    if len(domain.event_shape) != 1:
        return None
    values = domain.encode(items.rows).double().numpy()
    return values, list(domain.feature_names or (f"column {i}" for i in range(values.shape[1])))


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
