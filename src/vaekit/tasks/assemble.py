"""From a domain's parts and a preset to an untrained model."""

import warnings
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from vaekit.domains import Domain
from vaekit.domains.custom import use_networks
from vaekit.errors import SpecError
from vaekit.likelihoods import Likelihood
from vaekit.presets import Preset, Recipe
from vaekit.randomness import seeded

__all__ = ["assemble"]

_EXAMPLES = 1000


def assemble(
    preset: Preset,
    domain: Domain,
    rows: Tensor,
    latent_dim: int,
    *,
    context_dim: int = 0,
    network: str = "auto",
    network_size: str = "small",
    likelihood: str | Likelihood = "auto",
    encoder: nn.Module | None = None,
    decoder: nn.Module | None = None,
    seed: int = 0,
) -> Recipe:
    """Build the networks that suit the data, and let the preset fill its slots with them.

    Args:
        preset: The named model.
        domain: What was learnt about the data.
        rows: The data, as the domain prepared them.
        latent_dim: Number of latents; a warning is given if that compresses nothing.
        context_dim: Size of the context; 0 without one.
        network: Name of the networks.
        network_size: ``"small"``, ``"medium"`` or ``"large"``.
        likelihood: A name or a likelihood.
        encoder: The user's own, in place of the domain's.
        decoder: The user's own, in place of the domain's.
        seed: Seed of the initial weights.

    Raises:
        SpecError: Unknown names.
        CompositionError: Parts that do not fit.
    """
    if not (isinstance(latent_dim, int | np.integer) and latent_dim >= 1):
        raise SpecError(f"latent_dim must be a whole number of at least 1; got {latent_dim!r}.")
    if latent_dim >= domain.num_features and "tokens" not in domain.supports:
        warnings.warn(
            f"latent_dim={latent_dim} is not below the {domain.num_features} values of an item, "
            "so nothing is compressed; fewer latents usually sample better.",
            stacklevel=3,
        )
    if isinstance(likelihood, str) and likelihood == "auto":
        of_table = "table" in domain.supports
        likelihood = preset.table_likelihood if of_table else preset.likelihood
    if network == "auto" and len(domain.event_shape) == 3:
        network = preset.image_network
    with seeded(seed):
        parts = domain.parts(
            rows,
            int(latent_dim),
            context_dim=context_dim,
            network=network,
            size=network_size,
            likelihood=likelihood,
        )
        parts = use_networks(parts, domain.encode(rows[:1]), encoder, decoder)
        return preset.build(replace(parts, examples=_examples(domain, rows)))


def _examples(domain: Domain, rows: Tensor) -> Tensor:
    """Items spread evenly over the data, for parts that start from some."""
    chosen = torch.linspace(0, len(rows) - 1, min(len(rows), _EXAMPLES)).long()
    return domain.encode(rows[chosen])
