"""Scores made of the mutual information between each latent and each factor."""

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from vaekit.metrics.disentanglement.labelled import Labelled

__all__ = ["modularity", "mutual_information_gap"]

_BINS = 20


def mutual_information_gap(
    codes: Float[Tensor, "items latents"], factors: Int[Tensor, "others factors"]
) -> float:
    """By how much the latent that knows most of a factor is ahead of the next, over its entropy.

    Information is measured between the factor and the latent in 20 bins of equal width, as usual
    since Locatello et al. 2019; the paper itself takes it from the posterior's density.

    Args:
        codes: One row of latents per item, for instance posterior means.
        factors: The factors that made each item: integers.

    Returns:
        From 0 to 1, averaged over the factors. 1 where one latent alone knows each.

    Raises:
        DataError: See `disentanglement`.

    Source: Chen et al. 2018, "Isolating sources of disentanglement in variational autoencoders",
    eq. 6.

    Example:
        >>> import torch
        >>> factors = torch.cartesian_prod(torch.arange(10), torch.arange(10))
        >>> round(mutual_information_gap(factors.float(), factors), 6)
        1.0
    """
    labelled = Labelled.of(codes, factors)
    ranked = np.sort(_information(labelled), axis=0)
    gaps = ranked[-1] - ranked[-2]
    return float((gaps / _entropies(labelled)).mean())


def modularity(
    codes: Float[Tensor, "items latents"], factors: Int[Tensor, "others factors"]
) -> float:
    """Whether each latent knows of one factor only.

    Latents that know of none count by the noise of their estimates, and constant ones not at all.

    Args:
        codes: One row of latents per item, for instance posterior means.
        factors: The factors that made each item: integers.

    Returns:
        From 0 to 1, averaged over the latents. 1 where each knows one factor, even if none knows
        it completely or several know the same; 0 where all latents are constant.

    Raises:
        DataError: See `disentanglement`.

    Source: Ridgeway & Mozer 2018, "Learning deep disentangled embeddings with the f-statistic
    loss", section 2.

    Example:
        >>> import torch
        >>> factors = torch.cartesian_prod(torch.arange(10), torch.arange(10))
        >>> round(modularity(factors.float(), factors), 6)
        1.0
    """
    information = _information(Labelled.of(codes, factors))
    most = information.max(1)
    squares = np.square(information[most > 0] / most[most > 0, None])
    deviation = (squares.sum(1) - 1) / (information.shape[1] - 1)
    return float((1 - deviation).mean()) if len(deviation) else 0.0


def _information(labelled: Labelled) -> NDArray[np.float64]:
    """Mutual information in nats, shape (latents, factors)."""
    from sklearn.metrics import mutual_info_score  # costs half a second

    bins = [_binned(column) for column in labelled.codes.T]
    scores = [[mutual_info_score(f, b) for f in labelled.factors.T] for b in bins]
    # Rounding leaves 1e-16 between a constant and anything.
    return np.where(np.array(scores) > 1e-12, scores, 0.0)


def _binned(column: NDArray[np.float64]) -> NDArray[np.int64]:
    edges = np.histogram_bin_edges(column, _BINS)
    return np.digitize(column, edges[1:-1])


def _entropies(labelled: Labelled) -> NDArray[np.float64]:
    """Entropy of each factor in nats."""
    from sklearn.metrics import mutual_info_score

    return np.array([mutual_info_score(column, column) for column in labelled.factors.T])
