"""Checks of likelihoods."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from vaekit.likelihoods import Likelihood
from vaekit.randomness import seeded
from vaekit.testing.common import check_rebuilds, require
from vaekit.types import Batch

__all__ = ["check_likelihood"]

_DRAWS, _ITEMS = 2, 5


def check_likelihood(
    likelihood: Likelihood, event_shape: Sequence[int] = (1, 8, 8), seed: int = 0
) -> None:
    """Check that a likelihood keeps its promises.

    It is built again from its arguments; its log p(x | z) has the right shape, is finite, passes
    gradients, adds up over items alone, and is not moved by what stands in missing cells.

    Args:
        likelihood: Yours.
        event_shape: Shape of one item that it can describe.
        seed: Of the items and features that it is tried on.

    Raises:
        ConformanceError: Says which rule is broken.

    Example:
        >>> from vaekit.likelihoods import Bernoulli
        >>> check_likelihood(Bernoulli())
    """
    check_rebuilds(likelihood)
    likelihood = copy.deepcopy(likelihood).eval()
    with seeded(seed):
        channels = likelihood.features_per_value
        features = torch.randn(_DRAWS, _ITEMS, channels, *event_shape, requires_grad=True)
        x = _items(likelihood, event_shape)
        _check_scores(likelihood, features, x)
        _check_missing(likelihood, features, x)
        _check_pictures(likelihood, features, x)


def _items(likelihood: Likelihood, event_shape: Sequence[int]) -> Tensor:
    shape = (_ITEMS, *event_shape)
    kinds = {
        "real": lambda: torch.randn(shape),
        "codes": lambda: torch.randint(2, shape).float(),
    }
    return kinds.get(likelihood.support, lambda: torch.randint(2, shape).float())()


def _check_scores(likelihood: Likelihood, features: Tensor, x: Tensor) -> None:
    name = type(likelihood).__name__
    scores = likelihood.log_prob(likelihood(features), Batch(x))
    require(
        tuple(scores.shape) == (_DRAWS, _ITEMS),
        f"log_prob of {name} must have shape (draws, batch)",
        tuple(scores.shape),
        "Sum over the event, not over draws or items.",
    )
    require(bool(scores.isfinite().all()), f"log_prob of {name} must be finite", scores, "")
    (gradient,) = torch.autograd.grad(scores[0, 0], features, allow_unused=True)
    require(
        gradient is not None and bool(gradient[0, 0].isfinite().all()),
        f"log_prob of {name} must pass a finite gradient to the features",
        gradient,
        "",
    )
    others = gradient.clone()
    others[0, 0] = 0
    require(
        not others.any(),
        f"{name} must score each draw and item on its own",
        "a gradient to other items",
        "Look for a mean or a sum over the batch.",
    )


def _check_missing(likelihood: Likelihood, features: Tensor, x: Tensor) -> None:
    observed = torch.rand(x.shape) < 0.7
    spoilt = torch.where(observed, x, torch.full_like(x, float("nan")))
    px = likelihood(features)
    clean, got = (likelihood.log_prob(px, Batch(b, observed=observed)) for b in (x, spoilt))
    require(
        torch.equal(clean, got),
        f"what stands in missing cells must not move log_prob of {type(likelihood).__name__}",
        got - clean,
        "Score batch.visible, and leave out the cells where batch.observed is False.",
    )


def _check_pictures(likelihood: Likelihood, features: Tensor, x: Tensor) -> None:
    name = type(likelihood).__name__
    point = likelihood.point(likelihood(features))
    require(
        tuple(point.shape) == (_DRAWS, *x.shape),
        f"point of {name} must have shape (draws, batch, *event)",
        tuple(point.shape),
        "",
    )
    start = likelihood.initial_features(x.mean(0))
    wanted = (likelihood.features_per_value, *x.shape[1:])
    require(
        tuple(start.shape) == wanted and bool(start.isfinite().all()),
        f"initial_features of {name} must be finite, of shape (channels, *event) = {wanted}",
        tuple(start.shape),
        "",
    )
