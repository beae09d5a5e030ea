"""Latents: how posterior and prior are joined."""

from vaekit.latents.base import Latent
from vaekit.latents.single import Single

__all__ = ["Latent", "Single"]
