"""Measures of trained models."""

from vaekit.metrics.latent_health import Health, latent_health

__all__ = ["Health", "latent_health"]
