"""Which model tells anomalies best, by the kind of items and by what is known of them."""

from dataclasses import replace

from vaekit.domains import ArrayDomain, Domain, SeriesDomain, TableDomain
from vaekit.presets import Preset, beta_vae, vae

__all__ = ["suited"]

_LESS = 0.3  # weight of the KL: clean items need not be compressed as much as others
_LATENTS_OF_SERIES = 4  # with more, anomalies are given back as well as the rest


def suited(domain: Domain, clean: bool) -> tuple[Domain, Preset, int | None, str]:
    """The domain with options chosen, the preset, its latents and its likelihood.

    Args:
        domain: The kind of items.
        clean: Whether the training items are known to be normal.
    """
    if isinstance(domain, TableDomain):  # among ranks, the largest is never far away
        return replace(domain, scale="straight", unseen="hole"), vae(), None, "auto"
    if isinstance(domain, SeriesDomain):
        return domain, vae(), _LATENTS_OF_SERIES, "auto"
    if isinstance(domain, ArrayDomain) and clean:
        # One noise for columns of one range: else the model explains the easy ones only.
        return replace(domain, scaling="range"), beta_vae(beta=_LESS), None, "learned_gaussian"
    return domain, vae(), None, "auto"
