"""The model classes; every named model is one of these, filled with parts."""

from vaekit.models.base import Model
from vaekit.models.diffusion import Diffusion
from vaekit.models.gan import GAN
from vaekit.models.vae import VAE

__all__ = ["GAN", "VAE", "Diffusion", "Model"]
