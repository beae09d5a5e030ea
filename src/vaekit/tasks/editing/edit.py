"""Editing an attribute of items, in the form of the training data."""

from collections.abc import Sequence
from typing import Any

from vaekit.domains import Context
from vaekit.domains.labels import Labels, is_label_table
from vaekit.errors import CompositionError, DataError, unknown_name
from vaekit.tasks.editing.codes import Codes, check_straight, codes_of, show
from vaekit.tasks.editing.directions import NORMALS, find_direction
from vaekit.tasks.editing.edits import Edit, Swap
from vaekit.tasks.trained import Trained, as_items
from vaekit.training import Items

__all__ = ["EDIT_METHODS", "apply_edit", "choose_edit", "edit", "find_edit", "items_of"]

EDIT_METHODS = ("auto", "swap", *NORMALS)
"""Ways to edit, by name."""


def edit(
    trained: Trained,
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
    return _decoded(trained, found.apply(codes_of(trained, items), strength))


def find_edit(
    trained: Trained,
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
    trained: Trained, X: Any, change: Edit, strength: float = 1.0, context: Any = None
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
    return _decoded(trained, change.apply(codes_of(trained, items), strength))


def items_of(trained: Trained, X: Any, labels: Any, context: Any) -> Items:
    """Checked items, in the context given, or in that of their labels."""
    learnt = trained.context
    if context is None and learnt is not None and labels is not None:
        context = _context_in(learnt, labels)
    return as_items(trained.domain, learnt, X, context)


def _context_in(learnt: Context, labels: Any) -> Any:
    """The labels, unless the context is of one column and they are of several."""
    if learnt.columns is None and is_label_table(labels):
        return labels if len(Labels.of(labels).columns) == 1 else None
    return labels


def choose_edit(
    trained: Trained,
    items: Items,
    labels: Any,
    attribute: str,
    to: str,
    method: str,
    protect: Sequence[str],
    codes: Codes | None = None,
) -> Edit:
    """The edit of that name; see `edit`."""
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
    codes = codes_of(trained, items) if codes is None else codes
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


def _decoded(trained: Trained, codes: Codes) -> Any:
    return trained.domain.decode(show(trained, codes))
