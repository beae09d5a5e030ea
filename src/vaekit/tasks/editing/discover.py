"""Directions that nobody labelled: along which latents vary most, or items change most."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import vjp

from vaekit.domains.labels import Labels
from vaekit.errors import SpecError, unknown_name
from vaekit.models import VAE
from vaekit.randomness import make_generator
from vaekit.tasks.editing.codes import Codes, check_straight, codes_of
from vaekit.tasks.editing.edit import items_of
from vaekit.tasks.editing.edits import Direction
from vaekit.tasks.editing.whitening import Whitening
from vaekit.tasks.trained import Trained

__all__ = ["discover_directions"]

_LOOKED_AT = 64  # items at which the decoder's slope is taken
_PROBES = 16
_LEAST_CORRELATION = 0.3

Matrix = NDArray[np.float64]


def discover_directions(
    trained: Trained,
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
    check_straight(trained)
    if source not in ("latents", "decoder"):
        raise unknown_name("source", source, ["latents", "decoder"])
    codes = codes_of(trained, items_of(trained, X, labels, context))
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


def _mean_square_slope(vae: VAE, codes: Codes, back: Matrix, seed: int) -> Matrix:
    """The mean over items of J^T J, J being the slope along whitened coordinates.

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
