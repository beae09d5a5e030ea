"""Finding groups of alike items in a trained model's latents."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.domains import Domain
from vaekit.errors import DataError, SpecError, unknown_name
from vaekit.metrics import agreement
from vaekit.tasks.clustering.encoded import Encoded, encode
from vaekit.tasks.clustering.methods import METHODS, find_clusters
from vaekit.tasks.clustering.partition import Assigned
from vaekit.tasks.clustering.result import Cluster, Clustering
from vaekit.tasks.clustering.traits import central_items, traits
from vaekit.tasks.labels import as_classes
from vaekit.tasks.trained import Trained, as_items
from vaekit.training import Items

__all__ = ["assign", "check_options", "cluster"]

_LEAST_ITEMS = 10
_REPRESENTATIVES = 10
_TRAITS = 5


def cluster(
    trained: Trained,
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


def assign(found: Clustering, trained: Trained, X: Any, context: Any = None) -> NDArray[np.int64]:
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
    """The columns of a table and their names; ``None`` for items of another kind."""
    if len(domain.event_shape) != 1:
        return None
    values = domain.encode(items.rows).double().numpy()
    return values, list(domain.feature_names or (f"column {i}" for i in range(values.shape[1])))
