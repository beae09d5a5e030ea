"""Autoencoders in the form of the library diffusers."""

import copy
import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vaekit.errors import CompositionError, MissingExtraError, SaveError
from vaekit.exports.folders import MARK, ExportReport, check_destination, mark
from vaekit.files import atomic_folder, to_json
from vaekit.fitting.first_stage import CONFIG, WEIGHTS
from vaekit.fitting.trained import TrainedModel
from vaekit.latents.base import Single
from vaekit.models.vae import VAE
from vaekit.networks.diffusers_autoencoders import (
    AutoencoderKLDecoder,
    AutoencoderKLEncoder,
    AutoencoderTinyDecoder,
    AutoencoderTinyEncoder,
)
from vaekit.posteriors.gaussian import GridGaussian
from vaekit.priors.flow import NetworkPrior
from vaekit.randomness import seeded
from vaekit.tensor_files import tensor_pieces

TOLERANCE = 1e-5
"""Largest difference to what the other library makes, of values of a size of 1 or below."""


def to_diffusers(trained: TrainedModel, path: Path) -> ExportReport:
    """Write the autoencoder of a model as diffusers reads it.

    Args:
        trained: The model.
        path: Where to.

    Raises:
        CompositionError: Another kind of model.
        SaveError: Disk full, or the folder holds something else; nothing is changed.
        MissingExtraError: diffusers is not installed.
    """
    vae, kind = _autoencoder_of(trained)
    check_destination(path)
    try:
        import diffusers
    except (ImportError, RuntimeError) as error:
        raise MissingExtraError(
            "an export to diffusers needs that library: pip install 'vaekit[diffusers]'."
        ) from error
    encoder, decoder = (copy.deepcopy(part).cpu().eval() for part in (vae.encoder, vae.decoder))
    config = {
        "_class_name": kind,
        "_diffusers_version": diffusers.__version__,
        **_config(vae, encoder, decoder),
    }
    with atomic_folder(path) as folder:
        (folder / CONFIG).write_bytes(to_json(config))
        (folder / MARK).write_bytes(to_json(mark("diffusers")))
        state = {**encoder.state_dict(), **decoder.state_dict()}
        with (folder / WEIGHTS).open("wb") as file:
            file.writelines(tensor_pieces(state, {"format": "pt"}))
        difference = _difference(getattr(diffusers, kind), folder, encoder, decoder)
    return ExportReport(path, "diffusers", kind, difference)


def _autoencoder_of(trained: TrainedModel) -> tuple[VAE, str]:
    """Return the model, and what diffusers calls its autoencoder.

    Raises:
        CompositionError: Diffusers has no such model.
    """
    model = trained.model
    if isinstance(model, VAE):
        parts = type(model.encoder), type(model.decoder)
        kind = _KINDS.get(parts)
        on_grid = isinstance(model.latent, Single)
        on_grid = on_grid and isinstance(model.latent.posterior, GridGaussian)
        if kind is not None and on_grid and trained.domain.draws_images:
            _check_values(model)
            return model, kind
        called = " and ".join(part.__name__ for part in parts)
    else:
        called = type(model).__name__
    raise CompositionError(
        f"an export to diffusers needs the networks of diffusers; this model's are {called}. Fit "
        "preset 'latent_diffusion' with network='autoencoder_kl' or with a first_stage."
    )


_KINDS: Mapping[tuple[type, type], str] = {
    (AutoencoderKLEncoder, AutoencoderKLDecoder): "AutoencoderKL",
    (AutoencoderTinyEncoder, AutoencoderTinyDecoder): "AutoencoderTiny",
}


@torch.no_grad()
def _check_values(model: VAE) -> None:
    """Refuse decoders whose features are no values of pixels, as logits are.

    Raises:
        CompositionError: They are not.
    """
    likelihood = model.likelihood
    if likelihood.features_per_value == 1:
        features = torch.linspace(0, 1, 5).reshape(1, 1, 1, 5)
        own = copy.deepcopy(likelihood).cpu().eval()
        shown = _shown(own, features)
        if shown is not None and torch.equal(shown.flatten(), features.flatten()):
            return
    raise CompositionError(
        "an export to diffusers needs a likelihood whose mean is what the decoder makes; this "
        f"model's is {type(likelihood).__name__}. Fit with likelihood='optimal_gaussian'."
    )


def _shown(likelihood: Any, features: Tensor) -> Tensor | None:
    try:
        shown: Tensor = likelihood.point(likelihood(features))
    except RuntimeError:  # a noise for each pixel
        return None
    return shown


def _config(vae: VAE, encoder: Any, decoder: Any) -> dict[str, Any]:
    """Return the arguments by which diffusers builds such a model, but for its class."""
    shift = encoder.shift_factor
    own = encoder.scaling_factor
    scaling = _scaling_of(vae) if own is None else own
    common = {
        "in_channels": encoder.shape[0],
        "out_channels": encoder.shape[0],
        "latent_channels": encoder.latent_channels,
        "act_fn": getattr(encoder, "act_fn", "silu"),
        "scaling_factor": scaling,
    }
    if isinstance(encoder, AutoencoderTinyEncoder):
        return {
            **common,
            "shift_factor": 0.0 if shift is None else shift,
            "encoder_block_out_channels": list(encoder.encoder_block_out_channels),
            "decoder_block_out_channels": list(decoder.decoder_block_out_channels),
            "num_encoder_blocks": list(encoder.num_encoder_blocks),
            "num_decoder_blocks": list(decoder.num_decoder_blocks),
            "upsample_fn": decoder.upsample_fn,
            "upsampling_scaling_factor": 2,
        }
    stages = len(encoder.block_out_channels)
    return {
        **common,
        "shift_factor": shift,
        "block_out_channels": list(encoder.block_out_channels),
        "down_block_types": ["DownEncoderBlock2D"] * stages,
        "up_block_types": ["UpDecoderBlock2D"] * stages,
        "layers_per_block": encoder.layers_per_block,
        "norm_num_groups": encoder.norm_num_groups,
        "use_quant_conv": encoder.use_quant_conv,
        "use_post_quant_conv": decoder.use_post_quant_conv,
        "mid_block_add_attention": encoder.mid_block_add_attention,
        "sample_size": max(encoder.shape[1:]),
    }


def _scaling_of(vae: VAE) -> float:
    """Return what brings latents to unit variance, where the fitted prior knows them; else 1."""
    prior = vae.fitted_prior
    if not isinstance(prior, NetworkPrior):
        return 1.0
    variance = prior.scale.double().square().mean() + prior.location.double().var(correction=0)
    return 1 / math.sqrt(float(variance))


@torch.no_grad()
def _difference(kind: Any, folder: Path, encoder: Any, decoder: Any) -> float:
    """Return the largest difference to what diffusers makes of the folder.

    Raises:
        SaveError: It is too large.
    """
    with warnings.catch_warnings(), seeded(0):  # new layers draw weights, before they are read
        warnings.simplefilter("ignore")  # of what is deprecated within that library
        theirs = kind.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, low_cpu_mem_usage=False
        ).eval()
    x = torch.rand(2, *encoder.shape, generator=torch.Generator().manual_seed(0))
    means, log_variances = encoder(x).chunk(2, 1)
    pairs = [(decoder(means).squeeze(1), (_decode(theirs, means, encoder.grid) + 1) / 2)]
    coded = theirs.encode(2 * x - 1)
    if isinstance(encoder, AutoencoderTinyEncoder):
        pairs.append((means, coded.latents.flatten(1)))
    else:
        found = coded.latent_dist
        pairs.append((means, found.mean.flatten(1)))
        pairs.append((log_variances.clamp(-30, 20), found.logvar.flatten(1)))  # as bounded there
    difference = max(float((ours - other).abs().max()) for ours, other in pairs)
    relative = max(
        float(((ours - other).abs() / other.abs().clamp_min(1)).max()) for ours, other in pairs
    )
    if not relative <= TOLERANCE:
        raise SaveError(
            f"diffusers must make of the exported model what vaekit does, within {TOLERANCE}; the "
            f"largest difference is {difference:.2g}. Nothing was written. Another version of "
            "diffusers may do: pip install -U 'vaekit[diffusers]'."
        )
    return difference


def _decode(theirs: nn.Module, means: Tensor, grid: tuple[int, ...]) -> Tensor:
    decode: Any = theirs.decode
    images: Tensor = decode(means.unflatten(1, grid)).sample
    return images
