"""Edits by example: make these look like those."""

from typing import Any

from vaekit.errors import DataError
from vaekit.tasks.editing.codes import Codes, check_straight, codes_of
from vaekit.tasks.editing.edit import items_of
from vaekit.tasks.editing.edits import Direction
from vaekit.tasks.trained import Trained

__all__ = ["transfer"]


def transfer(
    trained: Trained,
    like: Any,
    unlike: Any,
    *,
    pairs: bool = False,
    like_context: Any = None,
    unlike_context: Any = None,
) -> Direction:
    """The step from one set of examples to another, for `apply_edit`.

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


def _codes(trained: Trained, X: Any, context: Any) -> Codes:
    return codes_of(trained, items_of(trained, X, None, context))
