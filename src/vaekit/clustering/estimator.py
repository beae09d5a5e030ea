"""Clustering as an estimator of scikit-learn."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClusterMixin

from vaekit.autoencoder import Autoencoder, adopt_features, fit_autoencoder, require_trained
from vaekit.clustering.clusters import assign, check_options, cluster
from vaekit.presets.base import Preset
from vaekit.presets.structured_latents import vade
from vaekit.training.callbacks import Callback, CallbackList, check_callbacks


class VAEClusterer(ClusterMixin, BaseEstimator):
    """Trains an autoencoder and finds clusters in its latents.

    It takes no ``sample_weight``, since most of its methods have no weights of items.

    Args:
        n_clusters: How many; ``None`` chooses by the method's criterion.
        method: ``"auto"``, ``"graph"``, ``"gmm"``, ``"kmeans"``, ``"hdbscan"`` or ``"model"``;
            see `vaekit.clustering.cluster`.
        preset: The model, by name or with options. ``None`` takes ``"sigma_vae"``, whose latents
            keep most of the items and cluster best, and for method ``"model"`` ``"vade"`` with
            ``n_clusters`` components (10 if that is ``None``).
        latent_dim: Number of latents, at least 1.
        max_epochs: Passes over the data; ``None`` takes as many as give about 2,400 steps.
        seed: Seed of everything random.
        progress: Show a bar; ``None`` does so on a terminal.
        autoencoder: An `Autoencoder` with all options of your own, of which a copy is fitted; the
            options from ``preset`` to ``progress`` then do not count, but for ``seed``, which is
            also the clustering's.
        callbacks: `Callback` objects, called during the fit; those of ``autoencoder`` are called
            before them. They are neither stored nor copied.

    Attributes:
        labels_: The cluster of each item of `fit`, from 0, the largest first; -1 for none.
        probabilities_: Shape (items, clusters), where the method gives any, else ``None``.
        n_clusters_: How many clusters there are.
        clustering_: All that was found: representatives, what sets clusters apart, scores.
        autoencoder_: The fitted `Autoencoder`.

    Example:
        >>> from vaekit.datasets import digits
        >>> images = digits().images
        >>> clusterer = VAEClusterer(4, latent_dim=4, max_epochs=2, progress=False)
        >>> clusterer.fit_predict(images[:300]).shape, clusterer.predict(images[300:305]).shape
        ((300,), (5,))
    """

    def __init__(
        self,
        n_clusters: int | None = None,
        method: str = "auto",
        *,
        preset: str | Preset | None = None,
        latent_dim: int = 16,
        max_epochs: int | None = None,
        seed: int = 0,
        progress: bool | None = None,
        autoencoder: Autoencoder | None = None,
        callbacks: Sequence[Callback] | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.method = method
        self.preset = preset
        self.latent_dim = latent_dim
        self.max_epochs = max_epochs
        self.seed = seed
        self.progress = progress
        self.autoencoder = autoencoder
        self.callbacks = callbacks

    def fit(self, X: Any, y: Any = None, context: Any = None) -> Self:
        """Train and cluster.

        Args:
            X: Images, a numeric table, or a path to a file or folder of them; at least 10 items.
            y: Ignored, as in scikit-learn.
            context: Labels or properties to condition the model on: clusters are then of what
                these leave open.

        Raises:
            VaekitError: As of `Autoencoder.fit` and `vaekit.clustering.cluster`.
        """
        check_options(self.method, self.n_clusters)
        own = () if self.autoencoder is None else check_callbacks(self.autoencoder.callbacks)
        callbacks = (*own, *check_callbacks(self.callbacks))
        autoencoder = fit_autoencoder(self._template(), X, context, callbacks)
        with CallbackList(callbacks).ending(self, autoencoder.save):
            found = cluster(
                autoencoder.trained_,
                X,
                context,
                method=self.method,
                k=self.n_clusters,
                seed=self.seed,
            )
            self.autoencoder_, self.clustering_ = autoencoder, found
            self.labels_, self.probabilities_ = found.assignments, found.probabilities
            self.n_clusters_ = found.k
            adopt_features(self, autoencoder)
        return self

    def predict(self, X: Any, context: Any = None) -> NDArray[np.int64]:
        """Return the cluster of each item, of those seen in `fit` or new ones, shape (items,).

        Args:
            X: Items of the kind seen in `fit`.
            context: Their labels or properties, if the model is conditional.
        """
        trained = require_trained(self, "predict")
        return assign(self.clustering_, trained, X, context)

    def _template(self) -> Autoencoder:
        """Return the estimator to fit."""
        if self.autoencoder is not None:
            return self.autoencoder
        return Autoencoder(
            self._preset(),
            self.latent_dim,
            max_epochs=self.max_epochs,
            seed=self.seed,
            progress=self.progress,
        )

    def _preset(self) -> str | Preset:
        if self.preset is not None:
            return self.preset
        if self.method == "model":
            return vade(components=self.n_clusters or 10)
        return "sigma_vae"

    def __sklearn_is_fitted__(self) -> bool:
        return "autoencoder_" in vars(self)
