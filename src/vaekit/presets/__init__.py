"""Named models: each a function of a few lines that fills the slots."""

from vaekit.presets.autoencoders import annealed_vae, autoencoder, beta_vae, vae
from vaekit.presets.base import PRESETS, Parts, Preset, Recipe, choose_preset, find_preset
from vaekit.presets.conditional import cvae
from vaekit.presets.importance import iwae

__all__ = [
    "PRESETS",
    "Parts",
    "Preset",
    "Recipe",
    "annealed_vae",
    "autoencoder",
    "beta_vae",
    "choose_preset",
    "cvae",
    "find_preset",
    "iwae",
    "vae",
]
