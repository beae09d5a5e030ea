"""The Fréchet ChemNet distance, by the network of the package fcd."""

import functools
from collections.abc import Iterable
from importlib import resources
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vaekit.domains.molecules import canonical
from vaekit.errors import DataError, MissingExtraError
from vaekit.metrics.frechet import frechet_distance

__all__ = ["chemnet_activations", "frechet_chemnet_distance"]

_LONGEST = 349  # letters; the network was trained on rows of 350, the end included
_WEIGHTS = "ChemNet_v0.13_pretrained.pt"


def chemnet_activations(
    molecules: Iterable[str | None], batch_size: int = 256, device: str | torch.device = "cpu"
) -> Float[Tensor, "molecules 512"]:
    """What ChemNet, trained to predict bioassays, sees in molecules; 2 ms each on one CPU core.

    Args:
        molecules: SMILES; invalid ones are left out, and those with more than 349 letters.
        batch_size: Molecules at once.
        device: Where to compute.

    Raises:
        MissingExtraError: The extra ``fcd`` is not installed.

    Source: Mayr et al. 2018, "Large-scale comparison of machine learning methods for drug target
    prediction on ChEMBL", for the network.
    """
    network, encoded = _network(str(device))
    texts = [text for text in canonical(molecules) if text is not None and len(text) <= _LONGEST]
    parts = [torch.empty(0, 512)]
    for start in range(0, len(texts), batch_size):
        rows = np.stack([encoded(text, _LONGEST + 1) for text in texts[start : start + batch_size]])
        letters = torch.from_numpy(rows / rows.shape[2]).float().to(device)
        with torch.no_grad():
            parts.append(network(letters.transpose(1, 2)).cpu())
    return torch.cat(parts)


def frechet_chemnet_distance(
    references: Iterable[str | None] | Tensor, samples: Iterable[str | None] | Tensor
) -> float:
    """Fréchet distance of what ChemNet sees in two sets of molecules (FCD).

    It depends on how many there are: random molecules of MOSES' training set are at about
    0.01 + 1206 / n from its whole test set. So compare at equal numbers, and beside that floor.

    Args:
        references: SMILES, for instance held-out ones, or their `chemnet_activations`.
        samples: The same of generated molecules.

    Raises:
        DataError: Not more than 512 valid molecules on either side.
        MissingExtraError: The extra ``fcd`` is not installed.

    Source: Preuer et al. 2018, "Fréchet ChemNet distance: a metric for generative models for
    molecules in drug discovery".
    """
    ours, theirs = (
        side if isinstance(side, Tensor) else chemnet_activations(side)
        for side in (references, samples)
    )
    least = min(len(ours), len(theirs))
    if least <= ours.shape[1]:
        raise DataError(
            f"the Fréchet ChemNet distance needs more than {ours.shape[1]} valid molecules on "
            f"either side, and better 5,000; got {len(ours)} references and {len(theirs)} samples. "
            "Pass more."
        )
    return frechet_distance(ours, theirs)


@functools.cache
def _network(device: str) -> tuple[Any, Any]:
    """ChemNet, and what writes a SMILES as one-hot letters."""
    try:
        from fcd.utils import get_one_hot, load_imported_model
    except ImportError as error:
        raise MissingExtraError(
            "the Fréchet ChemNet distance needs the package fcd: pip install 'vaekit[fcd]'."
        ) from error
    with resources.as_file(resources.files("fcd") / _WEIGHTS) as path:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    return load_imported_model(stored).to(device).eval().requires_grad_(False), get_one_hot
