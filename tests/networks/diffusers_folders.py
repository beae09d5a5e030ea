"""Small autoencoders of diffusers with random weights, in folders as that library writes them."""

import torch
from diffusers import AutoencoderKL, AutoencoderTiny


def small_kl(**options):
    torch.manual_seed(0)
    chosen = {
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "latent_channels": 4,
        **options,
    }
    return AutoencoderKL(**chosen).eval()


def small_tiny(**options):
    torch.manual_seed(0)
    chosen = {
        "encoder_block_out_channels": (8, 8),
        "decoder_block_out_channels": (8, 8),
        "num_encoder_blocks": (1, 1),
        "num_decoder_blocks": (1, 1),
        **options,
    }
    return AutoencoderTiny(**chosen).eval()


MODELS = {
    "kl": small_kl,
    "kl without quant convs": lambda: small_kl(use_quant_conv=False, use_post_quant_conv=False),
    "kl without attention": lambda: small_kl(mid_block_add_attention=False, latent_channels=2),
    "tiny": small_tiny,
}


def write(model, folder):
    model.save_pretrained(folder)
    return folder
