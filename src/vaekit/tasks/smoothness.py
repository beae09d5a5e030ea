"""How smoothly a trained model goes from item to item."""

from typing import Any

from vaekit.metrics import Smoothness, smoothness
from vaekit.tasks.trained import Trained

__all__ = ["interpolation_smoothness"]


def interpolation_smoothness(
    trained: Trained,
    a: Any,
    b: Any,
    *,
    steps: int = 51,
    path: str = "linear",
    context: Any = None,
) -> Smoothness:
    """Measure decoded ways between pairs of items; best of items that the model has not seen.

    Distances are those of items as the networks see them: 0 to 1 for images, standardised for
    tables.

    Args:
        trained: The model.
        a: Items where the ways begin, at least two.
        b: As many items, where they end.
        steps: Points on each way, both ends included.
        path: ``"linear"``, ``"spherical"`` or ``"geodesic"``.
        context: Labels or properties, one for each way.

    Raises:
        DataError: Not as many items in b as in a, fewer than two, or ends that decode alike.
        SpecError: Unknown path or too few steps.
        CompositionError: The model has no latents.

    Example:
        >>> from vaekit import Autoencoder
        >>> from vaekit.datasets import digits
        >>> images = digits().images
        >>> model = Autoencoder(latent_dim=4, max_epochs=3, progress=False).fit(images)
        >>> found = interpolation_smoothness(model.trained_, images[:9], images[9:18])
        >>> found.length.mean >= 1, found.length.items
        (True, 9)
    """
    return smoothness(trained.decoded_ways(a, b, steps, path, context))
