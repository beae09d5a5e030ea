"""The autoencoders of latent diffusion models, as the library diffusers builds them.

The layers are those of diffusers itself, and so are the names of their weights: those of an
encoder and of a decoder here together are those of an ``AutoencoderKL`` or ``AutoencoderTiny``.
What differs is around them: pixels lie in [0, 1] here and in [-1, 1] there, and latents are flat.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vaekit.bounds import Layers
from vaekit.errors import CompositionError, MissingExtraError, unknown_name

TINY_LOG_VARIANCE = 2 * math.log(1e-3)
"""Of all latents of an `AutoencoderTinyEncoder`, which knows of no variance."""

_LOG_VARIANCE = -4.0  # at the start: latents that already say something from the first step on
_SMALL = 0.1
_MOST_STAGES = 13
_VALUES_AT_ONCE = 2**26  # of the widest feature map, where nothing has to be kept for gradients
_ACTIVATIONS = ("gelu", "mish", "relu", "silu")
_UPSAMPLINGS = ("bicubic", "bilinear", "nearest")
_EPSILON = 1e-6


def _layers() -> Any:
    """Return the module of diffusers with the layers of its autoencoders.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        from diffusers.models.autoencoders import vae
    except (ImportError, RuntimeError) as error:  # the second: a part of it could not be imported
        raise MissingExtraError(
            "autoencoders of the library diffusers need it: pip install 'vaekit[diffusers]'."
        ) from error
    return vae


class AutoencoderKLEncoder(nn.Module):
    """The encoder of an ``AutoencoderKL`` of diffusers, that of Stable Diffusion.

    Arguments are called as there.

    Args:
        shape: (channels, height, width) of one image; sides must be multiples of 2 to the power of
            the stages but one.
        block_out_channels: Channels of each stage, all of which but the last halve the sides.
        layers_per_block: Residual blocks of each stage.
        latent_channels: Latents at each place of the grid.
        norm_num_groups: Groups of each norm; must divide all channels.
        use_quant_conv: Whether a convolution of single places comes last.
        mid_block_add_attention: Whether the coarsest places attend to each other.
        scaling_factor: What pipelines of diffusers multiply latents by; ``None`` leaves it open.
        shift_factor: What they take from latents before; ``None`` for nothing.
        frozen: Whether the weights are never trained.

    Attributes:
        grid: (latents per place, height, width) of the latents.

    Raises:
        CompositionError: Sides, or groups, that do not fit.
        MissingExtraError: The library diffusers is not installed.

    Source: Rombach et al. 2022, "High-resolution image synthesis with latent diffusion models",
    section 3.1 and appendix G.

    Example:
        >>> encoder = AutoencoderKLEncoder((3, 64, 48), (8, 16), 1, 4, norm_num_groups=4)
        >>> encoder.grid, encoder(torch.zeros(5, 3, 64, 48)).shape
        ((4, 32, 24), torch.Size([5, 6144]))
    """

    peak_rate: ClassVar[float] = 5e-4

    def __init__(
        self,
        shape: Sequence[int],
        block_out_channels: Sequence[int] = (128, 256, 512, 512),
        layers_per_block: Layers = 2,
        latent_channels: int = 4,
        norm_num_groups: int = 32,
        use_quant_conv: bool = True,
        mid_block_add_attention: bool = True,
        scaling_factor: float | None = None,
        shift_factor: float | None = None,
        frozen: bool = False,
    ) -> None:
        super().__init__()
        _check_stages(block_out_channels, norm_num_groups)
        self.shape = tuple(shape)
        self.block_out_channels = tuple(block_out_channels)
        self.layers_per_block = layers_per_block
        self.latent_channels = latent_channels
        self.norm_num_groups = norm_num_groups
        self.use_quant_conv = use_quant_conv
        self.mid_block_add_attention = mid_block_add_attention
        self.scaling_factor = scaling_factor
        self.shift_factor = shift_factor
        self.frozen = frozen
        self.grid = _grid_of(self.shape, latent_channels, len(self.block_out_channels))
        self.encoder = _layers().Encoder(
            in_channels=self.shape[0],
            out_channels=latent_channels,
            down_block_types=("DownEncoderBlock2D",) * len(self.block_out_channels),
            block_out_channels=self.block_out_channels,
            layers_per_block=layers_per_block,
            norm_num_groups=norm_num_groups,
            double_z=True,
            mid_block_add_attention=mid_block_add_attention,
        )
        self.quant_conv = (
            nn.Conv2d(2 * latent_channels, 2 * latent_channels, 1) if use_quant_conv else None
        )
        last: Any = self.encoder.conv_out if self.quant_conv is None else self.quant_conv
        with torch.no_grad():
            last.weight[latent_channels:] *= _SMALL
            nn.init.constant_(last.bias[latent_channels:], _LOG_VARIANCE)
        if frozen:
            self.requires_grad_(False)

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Tensor:
        """Means of all latents, then the logarithms of their variances."""
        widest = self.block_out_channels[0] * math.prod(self.shape[1:])
        return _in_parts(self._encoded, x, widest).flatten(1)

    def _encoded(self, x: Tensor) -> Tensor:
        h: Tensor = self.encoder(2 * x - 1)
        return h if self.quant_conv is None else self.quant_conv(h)


class AutoencoderKLDecoder(nn.Module):
    """The decoder of an ``AutoencoderKL`` of diffusers; see `AutoencoderKLEncoder`.

    Args:
        grid: (latents per place, height, width) of the latents.
        shape: Shape of the output of one image: (features per value, channels, height, width).
        block_out_channels: Channels of each stage, in the order of the encoder.
        layers_per_block: Residual blocks of each stage of the encoder; here are one more.
        norm_num_groups: Groups of each norm; must divide all channels.
        use_post_quant_conv: Whether a convolution of single places comes first.
        mid_block_add_attention: Whether the coarsest places attend to each other.
        frozen: Whether the weights are never trained.

    Raises:
        CompositionError: Sides, or groups, that do not fit.
        MissingExtraError: The library diffusers is not installed.

    Source: Rombach et al. 2022, section 3.1 and appendix G.

    Example:
        >>> decoder = AutoencoderKLDecoder((4, 8, 8), (1, 3, 16, 16), (8, 16), 1, 4)
        >>> decoder(torch.zeros(5, 256)).shape
        torch.Size([5, 1, 3, 16, 16])
    """

    def __init__(
        self,
        grid: Sequence[int],
        shape: Sequence[int],
        block_out_channels: Sequence[int] = (128, 256, 512, 512),
        layers_per_block: Layers = 2,
        norm_num_groups: int = 32,
        use_post_quant_conv: bool = True,
        mid_block_add_attention: bool = True,
        frozen: bool = False,
    ) -> None:
        super().__init__()
        _check_stages(block_out_channels, norm_num_groups)
        self.grid = tuple(grid)
        self.shape = tuple(shape)
        self.block_out_channels = tuple(block_out_channels)
        self.layers_per_block = layers_per_block
        self.norm_num_groups = norm_num_groups
        self.use_post_quant_conv = use_post_quant_conv
        self.mid_block_add_attention = mid_block_add_attention
        self.frozen = frozen
        _check_grid(self.grid, self.shape, len(self.block_out_channels))
        latent_channels = self.grid[0]
        self.decoder = _layers().Decoder(
            in_channels=latent_channels,
            out_channels=self.shape[0] * self.shape[1],
            up_block_types=("UpDecoderBlock2D",) * len(self.block_out_channels),
            block_out_channels=self.block_out_channels,
            layers_per_block=layers_per_block,
            norm_num_groups=norm_num_groups,
            mid_block_add_attention=mid_block_add_attention,
        )
        self.post_quant_conv = (
            nn.Conv2d(latent_channels, latent_channels, 1) if use_post_quant_conv else None
        )
        if frozen:
            self.requires_grad_(False)

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch features *event"]:
        """Return images with values around [0, 1]."""
        latents = z.unflatten(1, self.grid)
        # The finest stage of the decoder works with the channels of the one before.
        widest = max(self.block_out_channels[:2]) * math.prod(self.shape[2:])
        images = _in_parts(self._decoded, latents, widest)
        return torch.unflatten(images, 1, self.shape[:2])

    def _decoded(self, latents: Tensor) -> Tensor:
        if self.post_quant_conv is not None:
            latents = self.post_quant_conv(latents)
        out: Tensor = self.decoder(latents)
        return (out + 1) / 2


class AutoencoderTinyEncoder(nn.Module):
    """The encoder of an ``AutoencoderTiny`` of diffusers: a small one that imitates a larger one.

    It knows of no variance, so all latents get the same one: a standard deviation of 0.001, of
    latents that spread over units. So densities exist, and what is drawn decodes as the mean does.
    Arguments are called as in diffusers.

    Args:
        shape: (channels, height, width) of one image; sides must be multiples of 2 to the power of
            the stages but one.
        encoder_block_out_channels: Channels of each stage, which must all be alike.
        num_encoder_blocks: Residual blocks of each stage.
        latent_channels: Latents at each place of the grid.
        act_fn: ``"relu"``, ``"silu"``, ``"gelu"`` or ``"mish"``.
        scaling_factor: What pipelines of diffusers multiply latents by; ``None`` leaves it open.
        shift_factor: What they take from latents before; ``None`` for nothing.
        frozen: Whether the weights are never trained.

    Attributes:
        grid: (latents per place, height, width) of the latents.

    Raises:
        CompositionError: Sides, or stages, that do not fit.
        SpecError: An unknown activation.
        MissingExtraError: The library diffusers is not installed.

    Source: Bohan 2023, "Tiny autoencoder for Stable Diffusion" (TAESD).

    Example:
        >>> encoder = AutoencoderTinyEncoder((3, 64, 48), (8, 8), (1, 1))
        >>> encoder.grid, encoder(torch.zeros(5, 3, 64, 48)).shape
        ((4, 32, 24), torch.Size([5, 6144]))
    """

    def __init__(
        self,
        shape: Sequence[int],
        encoder_block_out_channels: Sequence[int] = (64, 64, 64, 64),
        num_encoder_blocks: Sequence[Layers] = (1, 3, 3, 3),
        latent_channels: int = 4,
        act_fn: str = "relu",
        scaling_factor: float | None = None,
        shift_factor: float | None = None,
        frozen: bool = False,
    ) -> None:
        super().__init__()
        _check_blocks(encoder_block_out_channels, num_encoder_blocks, act_fn)
        self.shape = tuple(shape)
        self.encoder_block_out_channels = tuple(encoder_block_out_channels)
        self.num_encoder_blocks = tuple(num_encoder_blocks)
        self.latent_channels = latent_channels
        self.act_fn = act_fn
        self.scaling_factor = scaling_factor
        self.shift_factor = shift_factor
        self.frozen = frozen
        self.grid = _grid_of(self.shape, latent_channels, len(self.num_encoder_blocks))
        self.encoder = _layers().EncoderTiny(
            in_channels=self.shape[0],
            out_channels=latent_channels,
            num_blocks=self.num_encoder_blocks,
            block_out_channels=self.encoder_block_out_channels,
            act_fn=act_fn,
        )
        if frozen:
            self.requires_grad_(False)

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Tensor:
        """Means of all latents, then the logarithms of their variances."""
        widest = self.encoder_block_out_channels[0] * math.prod(self.shape[1:])
        means = _in_parts(self._encoded, x, widest).flatten(1)
        return torch.cat([means, torch.full_like(means, TINY_LOG_VARIANCE)], 1)

    def _encoded(self, x: Tensor) -> Tensor:
        means: Tensor = self.encoder(2 * x - 1)
        return means


class AutoencoderTinyDecoder(nn.Module):
    """The decoder of an ``AutoencoderTiny`` of diffusers; see `AutoencoderTinyEncoder`.

    Args:
        grid: (latents per place, height, width) of the latents.
        shape: Shape of the output of one image: (features per value, channels, height, width).
        decoder_block_out_channels: Channels of each stage, which must all be alike.
        num_decoder_blocks: Residual blocks of each stage.
        act_fn: ``"relu"``, ``"silu"``, ``"gelu"`` or ``"mish"``.
        upsample_fn: ``"nearest"``, ``"bilinear"`` or ``"bicubic"``: how sides are doubled.
        frozen: Whether the weights are never trained.

    Raises:
        CompositionError: Sides, or stages, that do not fit.
        SpecError: An unknown activation or way to double sides.
        MissingExtraError: The library diffusers is not installed.

    Source: Bohan 2023, "Tiny autoencoder for Stable Diffusion" (TAESD).

    Example:
        >>> decoder = AutoencoderTinyDecoder((4, 8, 8), (1, 3, 16, 16), (8, 8), (1, 1))
        >>> decoder(torch.zeros(5, 256)).shape
        torch.Size([5, 1, 3, 16, 16])
    """

    def __init__(
        self,
        grid: Sequence[int],
        shape: Sequence[int],
        decoder_block_out_channels: Sequence[int] = (64, 64, 64, 64),
        num_decoder_blocks: Sequence[Layers] = (3, 3, 3, 1),
        act_fn: str = "relu",
        upsample_fn: str = "nearest",
        frozen: bool = False,
    ) -> None:
        super().__init__()
        _check_blocks(decoder_block_out_channels, num_decoder_blocks, act_fn)
        if upsample_fn not in _UPSAMPLINGS:
            raise unknown_name("upsample_fn", upsample_fn, _UPSAMPLINGS)
        self.grid = tuple(grid)
        self.shape = tuple(shape)
        self.decoder_block_out_channels = tuple(decoder_block_out_channels)
        self.num_decoder_blocks = tuple(num_decoder_blocks)
        self.act_fn = act_fn
        self.upsample_fn = upsample_fn
        self.frozen = frozen
        _check_grid(self.grid, self.shape, len(self.num_decoder_blocks))
        self.decoder = _layers().DecoderTiny(
            in_channels=self.grid[0],
            out_channels=self.shape[0] * self.shape[1],
            num_blocks=self.num_decoder_blocks,
            block_out_channels=self.decoder_block_out_channels,
            upsampling_scaling_factor=2,
            act_fn=act_fn,
            upsample_fn=upsample_fn,
        )
        if frozen:
            self.requires_grad_(False)

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch features *event"]:
        """Return images with values around [0, 1]."""
        widest = self.decoder_block_out_channels[0] * math.prod(self.shape[2:])
        images = _in_parts(self._decoded, z.unflatten(1, self.grid), widest)
        return torch.unflatten(images, 1, self.shape[:2])

    def _decoded(self, latents: Tensor) -> Tensor:
        out: Tensor = self.decoder(latents)
        return (out + 1) / 2


def own_grid(encoder: nn.Module) -> tuple[int, ...] | None:
    """Return (latents per place, height, width) of an encoder of diffusers; ``None`` of others.

    Example:
        >>> own_grid(AutoencoderTinyEncoder((3, 64, 48), (8, 8), (1, 1))), own_grid(nn.Flatten())
        ((4, 32, 24), None)
    """
    if isinstance(encoder, AutoencoderKLEncoder | AutoencoderTinyEncoder):
        return encoder.grid
    return None


def _in_parts(network: Callable[[Tensor], Tensor], x: Tensor, widest: int) -> Tensor:
    """Apply a network; without gradients to some items at a time, so that memory is bounded.

    Args:
        network: What to apply.
        x: The items.
        widest: Numbers in the largest feature map of one item.
    """
    at_once = max(1, _VALUES_AT_ONCE // max(1, widest))
    if torch.is_grad_enabled() or len(x) <= at_once:
        return network(x)
    return torch.cat([network(some) for some in x.split(at_once)])


def _check_stages(channels: Sequence[int], groups: int) -> None:
    """Refuse what no encoder or decoder can be made of.

    Raises:
        CompositionError: Says what.
    """
    if not 1 <= len(channels) <= _MOST_STAGES:
        raise CompositionError(
            f"block_out_channels must have 1 to {_MOST_STAGES} stages; got {len(channels)}."
        )
    if groups < 1 or any(number < 1 or number % groups for number in channels):
        raise CompositionError(
            f"block_out_channels must be multiples of norm_num_groups={groups}; got "
            f"{tuple(channels)}. Change either."
        )


def _check_blocks(channels: Sequence[int], blocks: Sequence[int], act_fn: str) -> None:
    """Refuse what no tiny encoder or decoder can be made of.

    Raises:
        CompositionError: Stages that do not fit.
        SpecError: An unknown activation.
    """
    if act_fn not in _ACTIVATIONS:
        raise unknown_name("act_fn", act_fn, _ACTIVATIONS)
    is_one_width = len(set(channels)) == 1 and channels[0] >= 1
    if not is_one_width or len(channels) != len(blocks) or len(channels) > _MOST_STAGES:
        raise CompositionError(
            f"an AutoencoderTiny must have 1 to {_MOST_STAGES} stages with the same number of "
            f"channels; got channels {tuple(channels)} and blocks {tuple(blocks)}."
        )


def _grid_of(shape: Sequence[int], latent_channels: int, stages: int) -> tuple[int, ...]:
    """Return the grid of the latents.

    Raises:
        CompositionError: No images, or sides that cannot be halved so often.
    """
    if len(shape) != 3:
        raise CompositionError(
            "an autoencoder of diffusers needs images of shape (channels, height, width); got "
            f"items of shape {tuple(shape)}."
        )
    side = 2 ** (stages - 1)
    height, width = shape[1:]
    if height % side or width % side or not height or not width:
        raise CompositionError(
            f"height and width of images must be multiples of {side} for this autoencoder; got "
            f"{height} x {width}. Scale them: --size, in Python ImageDomain(size=...)."
        )
    return latent_channels, height // side, width // side


def _check_grid(grid: Sequence[int], shape: Sequence[int], stages: int) -> None:
    """Refuse a grid that is not decoded to the shape.

    Raises:
        CompositionError: It is not.
    """
    made = tuple(side * 2 ** (stages - 1) for side in grid[1:])
    if len(grid) != 3 or len(shape) != 4 or made != tuple(shape[2:]):
        raise CompositionError(
            f"a decoder of {stages} stages must make images of the shape asked for from its grid; "
            f"got grid {tuple(grid)} and shape {tuple(shape)}."
        )
