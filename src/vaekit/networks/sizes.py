"""Named networks in named sizes, so that a user need not choose widths."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from torch import nn

from vaekit.errors import CompositionError, unknown_name
from vaekit.networks.conv import (
    ConvDecoder,
    ConvEncoder,
    ResidualDecoder,
    ResidualEncoder,
    SubpixelDecoder,
    grid_stages,
    is_large,
    latent_grid,
)
from vaekit.networks.denoisers import DenoisingMLP, UNet
from vaekit.networks.dense import MLPDecoder, MLPEncoder
from vaekit.networks.diffusers_autoencoders import AutoencoderKLDecoder, AutoencoderKLEncoder
from vaekit.networks.patches import PatchDecoder, PatchEncoder
from vaekit.networks.temporal import GRUDecoder, GRUEncoder, TemporalDecoder, TemporalEncoder

_Networks = tuple[nn.Module, nn.Module, int]

_COARSEST = 4  # strided stages stop at about this height or width
_COARSE = 8  # those of residual networks, which go on thinking there
# A decoder one layer deeper than the encoder buys more likelihood for the same time than the
# mirror image does (docs/results): to paint is harder than to recognise.
_MLP_WIDTHS = {
    "small": ((512,), (256, 512)),
    "medium": ((1024,), (512, 1024)),
    "large": ((2048, 1024), (512, 1024, 2048)),
}
_CONV_WIDTHS = {"small": 16, "medium": 32, "large": 64}
_UNET_WIDTHS = {"small": 64, "medium": 96, "large": 128}
_DENOISING_WIDTHS = {"small": 256, "medium": 512, "large": 1024}
_GRU_WIDTHS = {"small": 48, "medium": 96, "large": 192}
_KL_SIZES = {"small": (32, 1, 8), "medium": (64, 1, 16), "large": (128, 2, 32)}
"""Channels of the finest stage, residual blocks of each, and groups of the norms."""
_READING_BLOCKS, _PAINTING_BLOCKS = 1, 2  # to paint is harder
_FEWEST_PATCHES = 7  # along the shorter side of what a U-Net sees
_ATTENTIVE = 8  # height or width at which a U-Net looks at all places, and halves no more

_IMAGES, _SERIES = "(channels, height, width)", "(channels, steps)"
_TEMPORAL = ("temporal_conv", "gru")

SIZES = tuple(_MLP_WIDTHS)
"""Sizes that every named network has."""


def make_networks(
    network: str,
    size: str,
    shape: Sequence[int],
    in_dim: int,
    channels: int,
    context_dim: int = 0,
) -> tuple[nn.Module, nn.Module, int]:
    """Make an encoder and its mirror.

    Args:
        network: ``"mlp"``; for images ``"conv"``, ``"subpixel"``, ``"resnet"``, ``"spatial"``
            or ``"coarse"``, or ``"autoencoder_kl"`` of diffusers; for series ``"temporal_conv"``
            or ``"gru"``.
        size: ``"small"``, ``"medium"`` or ``"large"``.
        shape: Shape of one item; (channels, height, width) for those for images,
            (channels, steps) for those for series.
        in_dim: Inputs of the decoder: latents and context.
        channels: Features that the likelihood needs for each value.
        context_dim: How many of the decoder's inputs are the context; only ``"spatial"`` and
            ``"coarse"`` ask.

    Returns:
        Encoder, decoder, and the size of the encoder's features.

    Raises:
        SpecError: Unknown network or size.
        CompositionError: A network for images or series for items that are none, latents that do
            not fill the grid of ``"spatial"``, or sides or a context that ``"autoencoder_kl"`` does
            not take.

    Example:
        >>> encoder, decoder, features_dim = make_networks("mlp", "small", (1, 28, 28), 16, 1)
        >>> features_dim
        512
    """
    if network not in NETWORKS:
        raise unknown_name("network", network, NETWORKS)
    if size not in SIZES:
        raise unknown_name("size", size, SIZES)
    if network != "mlp":
        _check_axes(network, shape)
    return NETWORKS[network](_Wanted(size, tuple(shape), in_dim, channels, context_dim))


def _check_axes(network: str, shape: Sequence[int]) -> None:
    axes = _SERIES if network in _TEMPORAL else _IMAGES
    if len(shape) != axes.count(",") + 1:
        kind = "series" if network in _TEMPORAL else "images"
        raise CompositionError(
            f"network {network!r} needs {kind} of shape {axes}; got items of shape "
            f"{tuple(shape)}. Use network='mlp'."
        )


@dataclass(frozen=True)
class _Wanted:
    """What a pair of networks is made for; see `make_networks`."""

    size: str
    shape: tuple[int, ...]
    in_dim: int
    channels: int
    context_dim: int

    @property
    def out_shape(self) -> tuple[int, ...]:
        """Of what the decoder says of one item."""
        return (self.channels, *self.shape)

    @property
    def width(self) -> int:
        """Of the convolutions that this size has."""
        return _CONV_WIDTHS[self.size]


def _mlp(wanted: _Wanted) -> _Networks:
    # A layer much wider than a narrow item only overfits and costs time.
    widest = max(64, 4 * math.prod(wanted.shape))
    encoding, decoding = (
        tuple(min(width, widest) for width in widths) for widths in _MLP_WIDTHS[wanted.size]
    )
    encoder = MLPEncoder(wanted.shape, encoding)
    return encoder, MLPDecoder(wanted.in_dim, decoding, wanted.out_shape), encoding[-1]


def _convolutional(
    encoder: Callable[..., nn.Module], decoder: Callable[..., nn.Module]
) -> Callable[[_Wanted], _Networks]:
    def build(wanted: _Wanted) -> _Networks:
        stages = max(1, round(math.log2(min(wanted.shape[1:]) / _COARSEST)))
        channels = tuple(wanted.width * 2**i for i in range(1, stages + 1))
        features_dim = 8 * wanted.width
        return (
            encoder(wanted.shape, channels, features_dim),
            decoder(wanted.in_dim, channels[::-1], wanted.out_shape),
            features_dim,
        )

    return build


def _light_encoder(
    shape: tuple[int, ...], channels: tuple[int, ...], features_dim: int
) -> nn.Module:
    """Half as wide, so that it takes no longer than its decoder."""
    return ConvEncoder(shape, tuple(width // 2 for width in channels), features_dim)


def _subpixel(in_dim: int, channels: tuple[int, ...], out_shape: tuple[int, ...]) -> nn.Module:
    """As wide as the coarsest stages of the convolutional decoder of the same size."""
    width = 4 * min(channels) // 2
    return SubpixelDecoder(in_dim, (8 * width, 8 * width), (width // 2, width), out_shape)


def _residual(wanted: _Wanted) -> _Networks:
    """Of large images no convolution runs at more than half the size."""
    side = min(wanted.shape[1:])
    patch = 2 if is_large(wanted.shape) else 1
    stages = max(1, round(math.log2(side / patch / _COARSE)))
    width = 4 * wanted.width
    channels, features_dim = (width // 2,) * (stages - 1) + (width,), 4 * width
    return (
        ResidualEncoder(wanted.shape, channels, features_dim, patch),
        ResidualDecoder(wanted.in_dim, (features_dim,), channels[::-1], wanted.out_shape, patch),
        features_dim,
    )


def _spatial(wanted: _Wanted, more: int = 0) -> _Networks:
    grid = latent_grid(wanted.shape, wanted.in_dim - wanted.context_dim, more)
    halvings, width = grid_stages(wanted.shape, more), 4 * wanted.width
    return (
        PatchEncoder(wanted.shape, halvings, grid[0], width, _READING_BLOCKS),
        PatchDecoder(grid, wanted.out_shape, halvings, width, _PAINTING_BLOCKS, wanted.context_dim),
        2 * math.prod(grid),
    )


def _autoencoder_kl(wanted: _Wanted) -> _Networks:
    """Stages that halve until the grid is that of ``"spatial"``."""
    if wanted.context_dim:
        raise CompositionError(
            "network 'autoencoder_kl' must be told no context, as that of diffusers is told none; "
            f"got one of size {wanted.context_dim}. Use preset 'latent_diffusion', whose prior "
            "reads the context, or network='spatial'."
        )
    grid, halvings = latent_grid(wanted.shape, wanted.in_dim), grid_stages(wanted.shape)
    width, layers, groups = _KL_SIZES[wanted.size]
    channels = tuple(width * min(2**stage, 4) for stage in range(halvings + 1))
    encoder = AutoencoderKLEncoder(wanted.shape, channels, layers, grid[0], groups)
    decoder = AutoencoderKLDecoder(grid, wanted.out_shape, channels, layers, groups)
    return encoder, decoder, 2 * math.prod(grid)


def _temporal(wanted: _Wanted) -> _Networks:
    stages = max(1, round(math.log2(wanted.shape[1] / _COARSE)))
    channels, features_dim = (2 * wanted.width,) * stages, 8 * wanted.width
    return (
        TemporalEncoder(wanted.shape, channels, features_dim),
        TemporalDecoder(wanted.in_dim, channels, wanted.out_shape),
        features_dim,
    )


def _recurrent(wanted: _Wanted) -> _Networks:
    width = _GRU_WIDTHS[wanted.size]
    return (
        GRUEncoder(wanted.shape, width, 2 * width),
        GRUDecoder(wanted.in_dim, width, wanted.out_shape),
        2 * width,
    )


NETWORKS: dict[str, Callable[[_Wanted], _Networks]] = {
    "mlp": _mlp,
    "conv": _convolutional(ConvEncoder, ConvDecoder),
    "subpixel": _convolutional(_light_encoder, _subpixel),
    "resnet": _residual,
    "spatial": _spatial,
    "coarse": partial(_spatial, more=1),
    "autoencoder_kl": _autoencoder_kl,
    "temporal_conv": _temporal,
    "gru": _recurrent,
}
"""Builders of the named networks."""

OWN_SCALE = frozenset({"autoencoder_kl"})
"""Networks for images that see and make the values themselves, not what differs from the mean."""


def make_denoiser(
    size: str, shape: Sequence[int], context_dim: int, sequence_dim: int = 0
) -> nn.Module:
    """Return a U-Net for images, residual linear layers for anything else.

    Args:
        size: ``"small"``, ``"medium"`` or ``"large"``.
        shape: Shape of one item.
        context_dim: Size of the context.
        sequence_dim: Size of the vectors of words; 0 without words. Only U-Nets attend to them.

    Raises:
        SpecError: Unknown size.

    Example:
        >>> make_denoiser("small", (1, 28, 28), 0).channels
        (64, 64)
    """
    if size not in SIZES:
        raise unknown_name("size", size, SIZES)
    if len(shape) == 3:
        return _unet(size, tuple(shape), context_dim, sequence_dim)
    return _denoising_mlp(size, tuple(shape), context_dim)


def _unet(size: str, shape: Sequence[int], context_dim: int, sequence_dim: int) -> nn.Module:
    """Patches of 4 leave little detail to a network that has hours; it then wants smaller ones."""
    width, side = _UNET_WIDTHS[size], min(shape[1:])
    patch = next((p for p in (4, 2) if side >= _FEWEST_PATCHES * p), 1)
    stages = 1 + max(1, round(math.log2(side / patch / _ATTENTIVE)))
    return UNet(shape, [width] * stages, patch, context_dim, sequence_dim)


def _denoising_mlp(size: str, shape: Sequence[int], context_dim: int) -> nn.Module:
    width = _DENOISING_WIDTHS[size]
    return DenoisingMLP(shape, (width,) * 3, context_dim)


_LATENT_PLACES = 8  # along a side at which the U-Net of latents works, after its patches


def latent_unet(
    width: int,
    shape: Sequence[int],
    context_dim: int,
    sequence_dim: int = 0,
    beside: int = 0,
) -> nn.Module:
    """Return a U-Net for latents on a grid.

    Args:
        width: Channels of the finest stage; the coarser ones have a half more.
        shape: (latents per place, height, width).
        context_dim: Size of what is told in one vector.
        sequence_dim: Size of the vectors of words; 0 without words.
        beside: Channels that are shown beside the latents.

    Example:
        >>> latent_unet(64, (4, 16, 16), 0).channels
        (64, 96)
    """
    side = min(shape[1:])
    patch = max(1, side // _LATENT_PLACES)
    return UNet(tuple(shape), (width, width * 3 // 2), patch, context_dim, sequence_dim, beside)
