"""Directions in latent space that change a labeled attribute."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from vaekit.domains.context import Labels
from vaekit.editing.codes import Direction, EncodedItems
from vaekit.errors import DataError, SpecError, unknown_name

_ROUNDS = 50
_LARGEST = 20.0  # times the mean: no single item may speak for a whole class


def balanced_weights(
    positive: NDArray[np.bool_], others: Sequence[NDArray[np.str_]]
) -> NDArray[np.float64]:
    """Weigh items so that no other attribute tells the positive ones from the rest.

    Each side gets half of the weight, and in each the labels of every other attribute get the
    shares that they have among all items, as far as the items allow: raking, or iterative
    proportional fitting.

    Args:
        positive: Whether each item has the attribute.
        others: The labels of each other attribute.

    Returns:
        Weights with mean 1.

    Source: Deming & Stephan 1940, "On a least squares adjustment of a sampled frequency table".

    Example:
        >>> positive = np.array([True, True, True, False, False, False])
        >>> hair = np.array(["long", "long", "short", "long", "short", "short"])
        >>> balanced_weights(positive, [hair]).round(2).tolist()
        [0.75, 0.75, 1.5, 1.5, 0.75, 0.75]
    """
    weights = np.ones(len(positive))
    sides = [positive, ~positive]
    cells = [(side, labels) for labels in others for side in sides]
    for _ in range(_ROUNDS):
        before = weights.copy()
        for side, labels in cells:
            _rake(weights, side, labels)
        for side in sides:
            weights[side] *= len(weights) / 2 / weights[side].sum()
        weights = np.minimum(weights, _LARGEST)
        if np.abs(weights - before).max() < 1e-6:
            break
    balanced: NDArray[np.float64] = weights / weights.mean()
    return balanced


def _rake(weights: NDArray[np.float64], side: NDArray[np.bool_], labels: NDArray[np.str_]) -> None:
    """Give each label, within a side, its share among all items; in place."""
    total = weights[side].sum()
    for label in np.unique(labels[side]):
        chosen = side & (labels == label)
        weights[chosen] *= total * (labels == label).mean() / weights[chosen].sum()


_FLOOR = 1e-4  # of the largest variance: a collapsed latent has hardly any, and is not blown up

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Whitening:
    """A linear map to whitened coordinates, and back.

    In them a step means the same in each direction: standard deviations of the latents.

    Attributes:
        mean: Of the latents.
        forth: (latent, latent), symmetric: to whitened coordinates.
        back: Its inverse.

    Example:
        >>> z = np.random.default_rng(0).normal(size=(1000, 2)) @ np.array([[3.0, 0], [1, 1]])
        >>> np.cov(Whitening.of(z)(z).T).round(3).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """

    mean: Matrix
    forth: Matrix
    back: Matrix

    @classmethod
    def of(cls, z: Matrix, weights: Matrix | None = None) -> Self:
        """Learn from latents of shape (items, latent), at least 2, and a weight of each."""
        variances, axes = np.linalg.eigh(np.atleast_2d(np.cov(z.T, aweights=weights)))
        scale = np.sqrt(np.maximum(variances, _FLOOR * max(variances.max(), 1e-12)))
        return cls(
            np.average(z, axis=0, weights=weights), axes / scale @ axes.T, axes * scale @ axes.T
        )

    def __call__(self, z: Matrix) -> Matrix:
        """Whitened coordinates of latents."""
        whitened: Matrix = (z - self.mean) @ self.forth
        return whitened

    def step(self, whitened: Matrix) -> Matrix:
        """Return a difference in whitened coordinates as one of latents."""
        step: Matrix = whitened @ self.back
        return step


_LEAST_ITEMS = 10
_LEAST_LEFT = 0.05  # of a direction's length, once the protected ones are taken out

Normal = Callable[[Matrix, NDArray[np.bool_], Matrix], Matrix]


def find_direction(
    codes: EncodedItems,
    labels: Labels,
    *,
    attribute: str,
    to: str,
    method: str = "mean",
    protect: Sequence[str] = (),
) -> Direction:
    """Return the direction in which items get a label.

    It is found in whitened coordinates, on items weighted so that those with the label and those
    without are alike in every other attribute, see `balanced_weights`. A step of strength 1 is as
    long as the classes are apart along it.

    Args:
        codes: Encoded items.
        labels: Of these items.
        attribute: The column to change.
        to: The label to change it to.
        method: ``"mean"``, the difference of the classes' means; ``"logistic"`` or ``"svm"``, the
            normal of the plane by which a logistic regression or a linear support vector machine
            parts the classes.
        protect: Columns along whose own differences of means the step may not go.

    Raises:
        DataError: Too few items with or without the label; nothing left beside the protected.
        SpecError: Unknown attribute, label or method.

    Source: Larsen et al. 2016, section 4.2 (means); Shen et al. 2020, "Interpreting the latent
    space of GANs for semantic face editing", sections 3.1 (normals) and 3.2 (protection).

    Example:
        >>> z = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
        >>> mouth = {"mouth": np.where(z[:, 0] > 0, "smile", "frown")}
        >>> found = find_direction(EncodedItems(z), Labels.of(mouth), attribute="mouth", to="smile")
        >>> bool(found.step[0] > 1), bool(found.step[1].abs() < 0.3)
        (True, True)
    """
    if method not in NORMALS:
        raise unknown_name("method", method, NORMALS)
    positive = check_attribute(labels, attribute, to)
    others = [name for name in labels.columns if name != attribute]
    _check_protected(labels, attribute, protect)
    weights = balanced_weights(positive, [labels.column(name) for name in others])
    z = codes.z.double().cpu().numpy()
    # With the weights, for the items' own correlations would lead the step off again.
    whitening = Whitening.of(z, weights)
    white = whitening(z)
    with threadpool_limits(1):
        normal = _unit(NORMALS[method](white, positive, weights))
    normal = _beside(normal, _differences(white, weights, labels, protect), attribute, protect)
    gap = _mean_difference(white @ normal, positive, weights)
    step = whitening.step(normal * gap)
    return Direction(torch.from_numpy(step).to(codes.z), f"{attribute}: {to}")


def check_attribute(labels: Labels, attribute: str, to: str) -> NDArray[np.bool_]:
    """Return which items have the label, if enough have it and enough have not.

    Raises:
        DataError: Says how many there are, and which.
        SpecError: Unknown attribute or label.
    """
    positive = labels.having(attribute, to)
    if positive.all():
        raise DataError(
            f"attribute {attribute!r} must have at least two labels; all {len(labels)} items have "
            f"{to!r}. Add items that have another."
        )
    for chosen, what in ((positive, f"labelled {to!r}"), (~positive, f"not labelled {to!r}")):
        if chosen.sum() < _LEAST_ITEMS:
            names = np.asarray(labels.items)[chosen].tolist()
            raise DataError(
                f"attribute {attribute!r} needs at least {_LEAST_ITEMS} items {what}; got "
                f"{len(names)}: {', '.join(names)}. Label more of them."
            )
    return positive


def _check_protected(labels: Labels, attribute: str, protect: Sequence[str]) -> None:
    for name in protect:
        labels.column(name)
    if attribute in protect:
        raise SpecError(f"the attribute that is edited, {attribute!r}, cannot be protected, too.")


def _mean_difference(values: Matrix, positive: NDArray[np.bool_], weights: Matrix) -> Matrix:
    """Of the weighted means of the two sides."""
    sides = [np.average(values[s], axis=0, weights=weights[s]) for s in (positive, ~positive)]
    difference: Matrix = sides[0] - sides[1]
    return difference


def _logistic(white: Matrix, positive: NDArray[np.bool_], weights: Matrix) -> Matrix:
    from sklearn.linear_model import LogisticRegression  # costs half a second

    fit = LogisticRegression(max_iter=2000).fit(white, positive, sample_weight=weights)
    normal: Matrix = fit.coef_[0]
    return normal


def _svm(white: Matrix, positive: NDArray[np.bool_], weights: Matrix) -> Matrix:
    from sklearn.svm import LinearSVC

    machine = LinearSVC(C=0.1, dual=False, max_iter=5000)
    normal: Matrix = machine.fit(white, positive, sample_weight=weights).coef_[0]
    return normal


NORMALS: dict[str, Normal] = {"mean": _mean_difference, "logistic": _logistic, "svm": _svm}
"""How a direction is found, by name."""


def _differences(white: Matrix, weights: Matrix, labels: Labels, protect: Sequence[str]) -> Matrix:
    """For each label of each protected attribute, how the mean of its items differs."""
    found = [np.zeros((0, white.shape[1]))]
    for name in protect:
        sides = [labels.having(name, label) for label in labels.values(name)]
        found += [np.average(white[s], axis=0, weights=weights[s])[None] for s in sides]
    return np.concatenate(found)


def _beside(normal: Matrix, protected: Matrix, attribute: str, protect: Sequence[str]) -> Matrix:
    """The part of a unit vector that is orthogonal to all protected differences, of length 1."""
    if not len(protected):
        return normal
    _, sizes, axes = np.linalg.svd(protected, full_matrices=False)
    axes = axes[sizes > 1e-6 * max(sizes.max(), 1e-12)]
    rest = normal - axes.T @ (axes @ normal)
    if np.linalg.norm(rest) < _LEAST_LEFT:
        raise DataError(
            f"the direction of {attribute!r} must have a part beside those of {list(protect)}; it "
            "has none: in these latents they are one. Protect fewer, or use more latents."
        )
    return _unit(rest)


def _unit(vector: Matrix) -> Matrix:
    length = np.linalg.norm(vector)
    if not length > 0:
        raise DataError("the latents must differ between the labels; they do not differ at all.")
    unit: Matrix = vector / length
    return unit
