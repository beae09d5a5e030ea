"""Editing an attribute of items by labels, by examples, or along discovered directions."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import vjp

from vaekit.domains.context import Context, Labels, is_label_table
from vaekit.editing.codes import (
    Direction,
    Edit,
    EncodedItems,
    Swap,
    check_straight,
    encode_items,
    show,
)
from vaekit.editing.directions import NORMALS, Whitening, find_direction
from vaekit.errors import CompositionError, DataError, SpecError, unknown_name
from vaekit.fitting.trained import TrainedModel, as_items
from vaekit.models.vae import VAE
from vaekit.randomness import make_generator
from vaekit.seeds import check_seed
from vaekit.training.config import Items

EDIT_METHODS = ("auto", "swap", *NORMALS)
"""Ways to edit, by name."""


def edit(
    trained: TrainedModel,
    X: Any,
    labels: Any = None,
    *,
    attribute: str,
    to: str,
    method: str = "auto",
    protect: Sequence[str] = (),
    strength: float = 1.0,
    context: Any = None,
) -> Any:
    """Give items another label of one attribute, and leave all else as it is.

    To learn a direction from some items and to edit others, use `find_edit` and `apply_edit`.

    Args:
        trained: The model, for instance ``Autoencoder(...).fit(X).trained_``.
        X: Items of the kind seen in training.
        labels: Their labels: a data frame, a dict of columns, an array, a list, or what
            `read_labels` returns. A direction is found by them, and a conditional model takes its
            context from them where none is given.
        attribute: The column to change; ``label`` for labels without names.
        to: The label to change it to.
        method: ``"swap"``, in the context of a conditional model; ``"mean"``, ``"logistic"`` or
            ``"svm"``, see `find_direction`; ``"auto"`` swaps where the model's context has the
            attribute, else takes the difference of means.
        protect: For directions: columns that must not change.
        strength: 0 gives the reconstruction, 1 the whole edit.
        context: For conditional models, where it is not in the labels.

    Returns:
        The edited items, in the form of the training data.

    Raises:
        DataError: Labels that do not fit the items, or too few with or without the label.
        SpecError: Unknown attribute, label or method.
        CompositionError: A direction through latents that are no real vectors.

    Example:
        >>> from vaekit import Autoencoder
        >>> from vaekit.datasets import digits
        >>> data = digits()
        >>> model = Autoencoder(latent_dim=8, max_epochs=3, progress=False).fit(data.images)
        >>> edit(model.trained_, data.images, data.labels, attribute="label", to="3").shape
        (1797, 8, 8)
    """
    items = items_of(trained, X, labels, context)
    found = choose_edit(trained, items, labels, attribute, to, method, protect)
    return _decoded(trained, found.apply(encode_items(trained, items), strength))


def find_edit(
    trained: TrainedModel,
    X: Any,
    labels: Any = None,
    *,
    attribute: str,
    to: str,
    method: str = "auto",
    protect: Sequence[str] = (),
    context: Any = None,
) -> Edit:
    """Find an edit on labelled items, for `apply_edit` to make on any; arguments as of `edit`.

    Example:
        >>> from vaekit import Autoencoder
        >>> from vaekit.datasets import digits
        >>> data = digits()
        >>> model = Autoencoder(latent_dim=8, max_epochs=3, progress=False).fit(data.images)
        >>> three = find_edit(model.trained_, data.images, data.labels, attribute="label", to="3")
        >>> apply_edit(model.trained_, data.images[:5], three, 1.5).shape
        (5, 8, 8)
    """
    items = items_of(trained, X, labels, context)
    return choose_edit(trained, items, labels, attribute, to, method, protect)


def apply_edit(
    trained: TrainedModel, X: Any, change: Edit, strength: float = 1.0, context: Any = None
) -> Any:
    """Edit items.

    Args:
        trained: The model.
        X: Items of the kind seen in training.
        change: From `find_edit`, `transfer` or `discover_directions`.
        strength: 0 gives the reconstruction, 1 the whole edit.
        context: For conditional models.
    """
    items = items_of(trained, X, None, context)
    return _decoded(trained, change.apply(encode_items(trained, items), strength))


def items_of(trained: TrainedModel, X: Any, labels: Any, context: Any) -> Items:
    """Checked items, in the context given, or in that of their labels."""
    learned = trained.context
    if context is None and learned is not None and labels is not None:
        context = _context_in(learned, labels)
    return as_items(trained.domain, learned, X, context)


def _context_in(learned: Context, labels: Any) -> Any:
    """Return the labels, unless the context is of one column and they are of several."""
    if learned.columns is None and is_label_table(labels):
        return labels if len(Labels.of(labels).columns) == 1 else None
    return labels


def choose_edit(
    trained: TrainedModel,
    items: Items,
    labels: Any,
    attribute: str,
    to: str,
    method: str,
    protect: Sequence[str],
    codes: EncodedItems | None = None,
) -> Edit:
    """Return the edit of that name; see `edit`."""
    if method not in EDIT_METHODS:
        raise unknown_name("method", method, EDIT_METHODS)
    known = {} if trained.context is None else trained.context.attributes
    if method == "swap" or (method == "auto" and attribute in known):
        return _swap(trained.context, attribute, to)
    check_straight(trained)
    if labels is None:
        raise DataError(
            f"a direction of {attribute!r} is found from labelled items; got no labels. Pass "
            "labels, one per item, or fit with them as context."
        )
    named = Labels.of(labels, len(items))
    chosen = "mean" if method == "auto" else method
    codes = encode_items(trained, items) if codes is None else codes
    return find_direction(codes, named, attribute=attribute, to=to, method=chosen, protect=protect)


def _swap(context: Context | None, attribute: str, to: str) -> Swap:
    if context is None:
        raise CompositionError(
            "method 'swap' needs a model with a context; this one was fitted without. Use method "
            "'mean', or fit(X, context=labels)."
        )
    known = context.attributes
    if attribute not in known:
        raise unknown_name("attribute of the model's context", attribute, known)
    if to not in known[attribute]:
        raise unknown_name(f"value of attribute {attribute!r}", to, known[attribute])
    return Swap(context, attribute, to)


def _decoded(trained: TrainedModel, codes: EncodedItems) -> Any:
    return trained.domain.decode(show(trained, codes))


def transfer(
    trained: TrainedModel,
    like: Any,
    unlike: Any,
    *,
    pairs: bool = False,
    like_context: Any = None,
    unlike_context: Any = None,
) -> Direction:
    """Return the step from one set of examples to another, for `apply_edit`.

    Args:
        trained: The model.
        like: Examples that have what others should get.
        unlike: Examples that lack it, as alike as can be in all else: for instance the items that
            will be edited.
        pairs: Whether the examples are pairs; then the first step is that of the first pair, to
            be made on the first item that is edited, and so on (analogies). Otherwise there is one
            step, the difference of the mean latents.
        like_context: For conditional models.
        unlike_context: For conditional models.

    Raises:
        DataError: Pairs of unequal number.
        CompositionError: Latents that are no real vectors.

    Source: Radford et al. 2016, "Unsupervised representation learning with DCGANs", section 6.3.2
    (means of a few examples); Reed et al. 2015, "Deep visual analogy-making", eq. 2 (pairs).

    Example:
        >>> from vaekit import Autoencoder
        >>> from vaekit.datasets import digits
        >>> images = digits().images
        >>> model = Autoencoder(latent_dim=8, max_epochs=3, progress=False).fit(images)
        >>> transfer(model.trained_, images[:20], images[20:60]).step.shape
        torch.Size([8])
    """
    check_straight(trained)
    a, b = (
        _codes(trained, X, context)
        for X, context in ((unlike, unlike_context), (like, like_context))
    )
    if pairs and len(a) != len(b):
        raise DataError(f"pairs must be as many on both sides; got {len(a)} and {len(b)}.")
    step = b.z - a.z if pairs else b.z.mean(0) - a.z.mean(0)
    return Direction(step, "as the examples")


def _codes(trained: TrainedModel, X: Any, context: Any) -> EncodedItems:
    return encode_items(trained, items_of(trained, X, None, context))


_LOOKED_AT = 64  # items at which the decoder's slope is taken
_PROBES = 16
_LEAST_CORRELATION = 0.3

Matrix = NDArray[np.float64]


def discover_directions(
    trained: TrainedModel,
    X: Any,
    n: int = 8,
    labels: Any = None,
    *,
    source: str = "decoder",
    context: Any = None,
    seed: int = 0,
) -> list[Direction]:
    """Find directions without labels; where there are labels, they give them names.

    Args:
        trained: The model.
        X: Items.
        n: How many directions, at most as many as latents.
        labels: Of these items. A direction is called by the label that its latents correlate with
            most, at least by 0.3, and points towards it.
        source: ``"latents"``, the principal directions of the latents; ``"decoder"``, those along
            which the decoder's output changes most for a step of one standard deviation, from the
            mean of J^T J over items, J being the decoder's Jacobian in whitened coordinates.
        context: For conditional models.
        seed: Of the random vectors by which the Jacobian is asked.

    Returns:
        Directions, strongest first; strength 1 is a standard deviation of the latents.

    Raises:
        SpecError: More directions than latents, or an unknown source.
        CompositionError: Latents that are no real vectors.

    Source: Harkonen et al. 2020, "GANSpace" (principal directions); Ramesh et al. 2018, "A spectral
    regularizer for unsupervised disentanglement", section 2 (of the Jacobian).

    Example:
        >>> from vaekit import Autoencoder
        >>> from vaekit.datasets import digits
        >>> data = digits()
        >>> model = Autoencoder(latent_dim=8, max_epochs=3, progress=False).fit(data.images)
        >>> found = discover_directions(model.trained_, data.images, 2, data.labels)
        >>> len(found), found[0].step.shape
        (2, torch.Size([8]))
    """
    seed = check_seed(seed)
    check_straight(trained)
    if source not in ("latents", "decoder"):
        raise unknown_name("source", source, ["latents", "decoder"])
    codes = encode_items(trained, items_of(trained, X, labels, context))
    if not 1 <= n <= codes.z.shape[1]:
        raise SpecError(f"n must be from 1 to the number of latents, {codes.z.shape[1]}; got {n}.")
    z = codes.z.double().cpu().numpy()
    whitening = Whitening.of(z)
    axes = _axes(whitening.back @ whitening.back)
    if source == "decoder":
        some = codes.at(np.linspace(0, len(codes) - 1, min(len(codes), _LOOKED_AT)).astype(int))
        axes = _axes(_mean_square_slope(trained.vae, some, whitening.back, seed))
    named = None if labels is None else Labels.of(labels, len(codes))
    white = whitening(z)
    pairs = [_named(axis, white @ axis, place, named) for place, axis in enumerate(axes.T[:n])]
    steps = [torch.from_numpy(whitening.step(axis)).to(codes.z) for axis, _ in pairs]
    return [Direction(step, name) for step, (_, name) in zip(steps, pairs, strict=True)]


def _axes(symmetric: Matrix) -> Matrix:
    """Eigenvectors as columns, that of the largest eigenvalue first."""
    axes: Matrix = np.linalg.eigh(symmetric)[1][:, ::-1]
    return axes


def _mean_square_slope(vae: VAE, codes: EncodedItems, back: Matrix, seed: int) -> Matrix:
    """Return the mean over items of J^T J, J being the slope along whitened coordinates.

    J^T v of a standard normal v has the second moment J^T J, so that a few backward passes do
    where the whole Jacobian would take one per latent or value.
    """

    def shown(z: Tensor) -> Tensor:
        return vae.show(z, codes.context)

    both: Any = vjp(shown, codes.z)
    x, pull = both
    generator = make_generator(seed)
    probes = [torch.randn(x.shape, generator=generator).to(x) for _ in range(_PROBES)]
    pulled = torch.cat([pull(probe)[0].detach() for probe in probes])
    slopes = pulled.double().cpu().numpy() @ back
    mean: Matrix = slopes.T @ slopes / len(slopes)
    return mean


def _named(axis: Matrix, along: Matrix, place: int, labels: Labels | None) -> tuple[Matrix, str]:
    """The axis, turned towards the label that it correlates with most, and what to call it."""
    found = [] if labels is None else list(_correlations(along, labels))
    best = max(found, key=lambda pair: abs(pair[0]), default=(0.0, ""))
    if abs(best[0]) < _LEAST_CORRELATION:
        return axis, f"direction {place + 1}"
    return axis * np.sign(best[0]), f"{best[1]} ({abs(best[0]):.2f})"


def _correlations(along: Matrix, labels: Labels) -> Iterator[tuple[float, str]]:
    """With having each label of each attribute."""
    for attribute in labels.columns:
        for value in labels.values(attribute):
            having = labels.having(attribute, value)
            if not having.all():
                yield float(np.corrcoef(along, having)[0, 1]), f"{attribute}: {value}"
