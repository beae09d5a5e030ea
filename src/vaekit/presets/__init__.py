"""Named models: each a function of a few lines that fills the slots."""

from vaekit.presets.autoencoders import (
    annealed_vae,
    autoencoder,
    beta_vae,
    denoising_autoencoder,
    ms_ssim_vae,
    sigma_vae,
    vae,
)
from vaekit.presets.base import PRESETS, Parts, Preset, Recipe, choose_preset, find_preset
from vaekit.presets.baselines import diffusion, flow_matching, gan
from vaekit.presets.conditional import (
    cvae,
    fader_vae,
)
from vaekit.presets.disentangled import (
    beta_tc_vae,
    dip_vae_i,
    dip_vae_ii,
    disentangled_beta_vae,
    factor_vae,
)
from vaekit.presets.hierarchical import (
    hierarchical_vae,
    ladder_vae,
    two_stage_vae,
)
from vaekit.presets.images import image_vae, latent_diffusion
from vaekit.presets.importance import (
    ciwae,
    iwae,
    miwae,
    piwae,
)
from vaekit.presets.mixtures import (
    mixture_vae,
    vade,
    vamp,
)
from vaekit.presets.quantised import (
    categorical_vae,
    fsq_vae,
    residual_vq_vae,
    vq_vae,
)
from vaekit.presets.regularised import (
    aae,
    info_vae,
    rae_gp,
    rae_l2,
    vae_gan,
    wae,
)
from vaekit.presets.richer_posteriors import (
    hvae,
    iaf_vae,
    linear_flow_vae,
    poincare_vae,
    rhvae,
    svae,
)
from vaekit.presets.sequences import sequence_vae
from vaekit.presets.tables import masked_vae, table_vae

__all__ = [
    "PRESETS",
    "Parts",
    "Preset",
    "Recipe",
    "aae",
    "annealed_vae",
    "autoencoder",
    "beta_tc_vae",
    "beta_vae",
    "categorical_vae",
    "choose_preset",
    "ciwae",
    "cvae",
    "denoising_autoencoder",
    "diffusion",
    "dip_vae_i",
    "dip_vae_ii",
    "disentangled_beta_vae",
    "factor_vae",
    "fader_vae",
    "find_preset",
    "flow_matching",
    "fsq_vae",
    "gan",
    "hierarchical_vae",
    "hvae",
    "iaf_vae",
    "image_vae",
    "info_vae",
    "iwae",
    "ladder_vae",
    "latent_diffusion",
    "linear_flow_vae",
    "masked_vae",
    "miwae",
    "mixture_vae",
    "ms_ssim_vae",
    "piwae",
    "poincare_vae",
    "rae_gp",
    "rae_l2",
    "residual_vq_vae",
    "rhvae",
    "sequence_vae",
    "sigma_vae",
    "svae",
    "table_vae",
    "two_stage_vae",
    "vade",
    "vae",
    "vae_gan",
    "vamp",
    "vq_vae",
    "wae",
]
