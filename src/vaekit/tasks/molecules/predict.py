"""What a model says of properties that it was taught."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from vaekit.distributions import Joined
from vaekit.tasks.molecules.aimed import targets_of
from vaekit.tasks.trained import Trained

__all__ = ["expected_errors", "predict_targets", "told_by_latents"]

_CHUNK = 512


@torch.no_grad()
def predict_targets(
    trained: Trained, molecules: Any, context: Any = None
) -> dict[str, NDArray[np.float64]]:
    """Predict the targets of molecules from their latents.

    Args:
        trained: A model fitted with `MoleculeDomain(targets=...)`.
        molecules: SMILES, a data frame or a file; with tokens and lengths of training.
        context: Their labels or properties, if the model is conditional.

    Returns:
        The mean of p(property | posterior mean), in its unit, by name, shape (molecules,) each.

    Raises:
        CompositionError: The model was taught no targets.
        DataError: As of `MoleculeDomain.prepare`.

    Example:
        >>> from vaekit import Autoencoder
        >>> from vaekit.domains import MoleculeDomain
        >>> smiles = ["C" * n + end for n in range(2, 12) for end in ("O", "N", "Cl")]
        >>> domain = MoleculeDomain(targets=("mw",))
        >>> model = Autoencoder(latent_dim=4, domain=domain, max_epochs=1, progress=False)
        >>> predict_targets(model.fit(smiles).trained_, ["CCCO", "CCN"])["mw"].shape
        (2,)
    """
    codes = trained.encode(molecules, context)
    return told_by_latents(trained, codes, trained.rows(context, len(codes)))


@torch.no_grad()
def told_by_latents(
    trained: Trained, codes: Float[Tensor, "molecules latent"], rows: Tensor | None = None
) -> dict[str, NDArray[np.float64]]:
    """What latents tell, as `predict_targets`.

    Args:
        trained: A model fitted with `MoleculeDomain(targets=...)`.
        codes: Latents, on the model's device.
        rows: The prepared context of each, if the model is conditional.

    Raises:
        CompositionError: The model was taught no targets.
    """
    known = targets_of(trained.domain)
    parts = [codes.new_zeros(0, len(known))]
    for places in torch.arange(len(codes), device=codes.device).split(_CHUNK):
        some = None if rows is None else rows[places]
        px = trained.vae.decode(codes[places], some)
        assert isinstance(px, Joined)  # as of `TargetedTokens`, which such a domain asks for
        parts.append(px.parts[1].mean.squeeze(0))
    return known.in_units(torch.cat(parts))


def expected_errors(trained: Trained) -> dict[str, float]:
    """By how much predictions are off: root mean square errors, by name, in units.

    Measured once, on molecules that were held out of training (as by ``validation=0.1``), where at
    least ten of them were known; other targets are not there. Molecules unlike those fare worse.

    Raises:
        CompositionError: The model was taught no targets.
    """
    known = targets_of(trained.domain)
    errors = known.errors or [None] * len(known)
    return {name: e for name, e in zip(known.names, errors, strict=True) if e is not None}
