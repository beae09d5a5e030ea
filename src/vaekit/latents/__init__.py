"""Latents: how posterior and prior are joined."""

from vaekit.latents.base import Latent
from vaekit.latents.discrete import Discrete
from vaekit.latents.ladder import Ladder
from vaekit.latents.single import Single

__all__ = ["Discrete", "Ladder", "Latent", "Single"]
