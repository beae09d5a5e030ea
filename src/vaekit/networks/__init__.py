"""Encoders and decoders; any ``nn.Module`` of the right shapes serves as well."""

from vaekit.networks.autoregressive import AutoregressiveCells
from vaekit.networks.beside import Beside, blurred_part, with_numbers
from vaekit.networks.blocks import Chain, Offset, Reshape
from vaekit.networks.blurred import BlurredDecoder
from vaekit.networks.conv import ConvDecoder, ConvEncoder
from vaekit.networks.critics import Critic, FeatureCritic, PatchCritic
from vaekit.networks.denoising_mlp import DenoisingMLP
from vaekit.networks.grids import grid_latents, latent_grid
from vaekit.networks.mlp import MLPDecoder, MLPEncoder
from vaekit.networks.recurrent import GRUDecoder, GRUEncoder
from vaekit.networks.residual import ResidualDecoder, ResidualEncoder
from vaekit.networks.sizes import (
    NETWORKS,
    SIZES,
    make_denoiser,
    make_networks,
)
from vaekit.networks.spatial import SpatialDecoder, SpatialEncoder
from vaekit.networks.subpixel import SubpixelDecoder
from vaekit.networks.tabular import TabularEncoder
from vaekit.networks.temporal import TemporalDecoder, TemporalEncoder
from vaekit.networks.token_teller import TokenTeller, lengths_of
from vaekit.networks.token_transformer import TokenTransformer
from vaekit.networks.tokens import TokenEncoder, TokenGRU
from vaekit.networks.unet import UNet

__all__ = [
    "NETWORKS",
    "SIZES",
    "AutoregressiveCells",
    "Beside",
    "BlurredDecoder",
    "Chain",
    "ConvDecoder",
    "ConvEncoder",
    "Critic",
    "DenoisingMLP",
    "FeatureCritic",
    "GRUDecoder",
    "GRUEncoder",
    "MLPDecoder",
    "MLPEncoder",
    "Offset",
    "PatchCritic",
    "Reshape",
    "ResidualDecoder",
    "ResidualEncoder",
    "SpatialDecoder",
    "SpatialEncoder",
    "SubpixelDecoder",
    "TabularEncoder",
    "TemporalDecoder",
    "TemporalEncoder",
    "TokenEncoder",
    "TokenGRU",
    "TokenTeller",
    "TokenTransformer",
    "UNet",
    "blurred_part",
    "grid_latents",
    "latent_grid",
    "lengths_of",
    "make_denoiser",
    "make_networks",
    "with_numbers",
]
