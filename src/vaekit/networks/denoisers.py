"""Networks for diffusion and flow matching, conditioned on the time step."""

import itertools
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from vaekit.bounds import Layers, Side
from vaekit.errors import SpecError
from vaekit.networks.conv import halved, norm
from vaekit.types import Conditioning

_FREQUENCIES = 8


class TimestepEmbedding(nn.Module):
    """Time and context as one vector, for networks that are told both.

    Args:
        context_dim: Size of the context; 0 for none.
        width: Size of the vector.
    """

    frequencies: Tensor

    def __init__(self, context_dim: int, width: int) -> None:
        super().__init__()
        self.register_buffer("frequencies", math.pi / 2 * torch.arange(1.0, _FREQUENCIES + 1))
        conditioning = 2 * _FREQUENCIES + context_dim
        self.body = nn.Sequential(
            nn.Linear(conditioning, width), nn.SiLU(), nn.Linear(width, width)
        )

    def forward(self, t: Tensor, context: Tensor | None) -> Tensor:
        """Times (batch, 1) and context (batch, context) to vectors (batch, width)."""
        angles = t * self.frequencies
        conditioning = [angles.sin(), angles.cos()] + ([] if context is None else [context])
        vector: Tensor = self.body(torch.cat(conditioning, -1))
        return vector


def zero_init_linear(in_dim: int, out_dim: int | None = None) -> nn.Linear:
    """Return a linear layer that adds nothing at first."""
    layer = nn.Linear(in_dim, out_dim or in_dim)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def zero_init_conv(in_channels: int, channels: int, size: int = 3) -> nn.Conv2d:
    """Return a convolution that adds nothing at first."""
    layer = nn.Conv2d(in_channels, channels, size, padding=size // 2)
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


class DenoisingMLP(nn.Module):
    """Residual linear layers, each told the time and the context; for items that are no images.

    Args:
        shape: Shape of one item.
        hidden: Width of each residual layer; all the same width.
        context_dim: Size of the context; 0 for an unconditional model.

    Example:
        >>> import torch
        >>> DenoisingMLP((4,), (8, 8))(torch.zeros(5, 4), torch.zeros(5, 1), None).shape
        torch.Size([5, 4])
    """

    def __init__(self, shape: Sequence[int], hidden: Sequence[int], context_dim: int = 0) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.hidden = tuple(hidden)
        self.context_dim = context_dim
        size, width = math.prod(shape), hidden[0]
        self.conditioning = TimestepEmbedding(context_dim, width)
        self.lift = nn.Linear(size, width)
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), zero_init_linear(width)
            )
            for _ in hidden
        )
        self.head = zero_init_linear(width, size)

    def forward(
        self, x: Float[Tensor, "batch *event"], t: Float[Tensor, "batch 1"], context: Tensor | None
    ) -> Float[Tensor, "batch *event"]:
        """Return the velocity."""
        conditioning, h = self.conditioning(t, context), self.lift(x.flatten(1))
        for layer in self.layers:
            h = h + layer(h + conditioning)
        velocity: Tensor = self.head(F.silu(h))
        return velocity.view(x.shape)


class UNet(nn.Module):
    """Halvings, attention at the coarsest, and doublings that see what was there before.

    Images are first cut into patches, whose pixels become channels: a quarter of the work for
    patches of 2.

    Args:
        shape: (channels, height, width) of one image.
        channels: Channels of each stage, finest first; each further stage halves the image.
        patch: Height and width of a patch.
        context_dim: Size of the context; 0 for an unconditional model.
        sequence_dim: Size of the vectors of words, to which every place up to 16 to a side attends
            as well; 0 without words.
        beside: Channels of an image that is shown beside, after its own channels, and not made.

    Source: Ronneberger et al. 2015, "U-Net"; Ho et al. 2020, appendix B, for its use here;
    Rombach et al. 2022, section 3.3, for attention to words.

    Example:
        >>> net = UNet((1, 9, 8), (8, 16), patch=2)
        >>> net(torch.zeros(5, 1, 9, 8), torch.zeros(5, 1), None).shape
        torch.Size([5, 1, 9, 8])
    """

    def __init__(
        self,
        shape: Sequence[int],
        channels: Sequence[int],
        patch: int = 1,
        context_dim: int = 0,
        sequence_dim: int = 0,
        beside: int = 0,
    ) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.channels = tuple(channels)
        self.beside = beside
        self.patch = patch
        self.context_dim = context_dim
        self.sequence_dim = sequence_dim
        conditioning, pixels = 2 * channels[0], shape[0] * patch**2
        self.conditioning = TimestepEmbedding(context_dim, conditioning)
        self.stem = nn.Conv2d(pixels + beside * patch**2, channels[0], 3, padding=1)
        pairs = list(itertools.pairwise(channels))
        self.downs = nn.ModuleList(_Block(c, c, conditioning) for c in channels[:-1])
        self.halvings = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairs)
        self.middle = nn.ModuleList(
            _Block(channels[-1], channels[-1], conditioning) for _ in range(2)
        )
        self.attention = _Attention(channels[-1])
        self.doublings = nn.ModuleList(nn.Conv2d(b, a, 3, padding=1) for a, b in pairs)
        self.ups = nn.ModuleList(_Block(2 * c, c, conditioning) for c in channels[:-1])
        self.head = nn.Sequential(norm(channels[0]), nn.SiLU(), zero_init_conv(channels[0], pixels))
        side = -(-min(shape[1:]) // patch)
        sides = [halved((side, side), stage)[-1][0] for stage in range(len(channels))]
        self.words = nn.ModuleList(
            _CrossAttention(width, sequence_dim)
            if sequence_dim and side <= _ATTENDING
            else nn.Identity()
            for width, side in zip(channels, sides, strict=True)
        )

    def forward(
        self,
        x: Float[Tensor, "batch inputs height width"],
        t: Float[Tensor, "batch 1"],
        context: Tensor | Conditioning | None,
    ) -> Float[Tensor, "batch channels height width"]:
        """Return the velocity, of those channels that are made."""
        told = context if isinstance(context, Conditioning) else None
        conditioning = self.conditioning(t, context if told is None else told.vector)
        h, kept = self.stem(self._cut(x)), []
        for block, halve in zip(self.downs, self.halvings, strict=True):
            h = block(h, conditioning)
            kept.append(h)
            h = halve(h)
        first, second = self.middle
        *words, deepest = self.words
        h = self._read(deepest, self.attention(first(h, conditioning)), told)
        h = second(h, conditioning)
        ups = zip(reversed(self.ups), reversed(self.doublings), reversed(words), strict=True)
        for block, double, attend in ups:
            beside = kept.pop()
            h = double(F.interpolate(h, size=beside.shape[-2:]))
            h = self._read(attend, block(torch.cat([h, beside], 1), conditioning), told)
        return self._join(self.head(h))

    def _read(self, attend: nn.Module, h: Tensor, told: Conditioning | None) -> Tensor:
        read: Tensor = attend(h, told) if isinstance(attend, _CrossAttention) else h
        return read

    def _cut(self, x: Tensor) -> Tensor:
        height, width = self._padding()
        return F.pixel_unshuffle(F.pad(x, (0, width, 0, height)), self.patch)

    def _join(self, h: Tensor) -> Tensor:
        _, height, width = self.shape
        return F.pixel_shuffle(h, self.patch)[..., :height, :width]

    def _padding(self) -> tuple[int, int]:
        """Return what is missing to whole patches."""
        return -self.shape[1] % self.patch, -self.shape[2] % self.patch


class DiffusionTransformer(nn.Module):
    """Patches as a sequence, all of which look at each other and at the words: a DiT.

    Every layer is told the time and the context by stretches, shifts and gates, which begin at
    nothing. It has more to learn than a `UNet`, of which much is on a grid from the start: on a CPU
    it takes several times as long to be as good.

    Args:
        shape: (channels, height, width) of one image.
        width: Of each place of the sequence; a multiple of 32.
        layers: Layers.
        patch: Height and width of a patch.
        context_dim: Size of the context; 0 for an unconditional model.
        sequence_dim: Size of the vectors of words; 0 without words.
        beside: Channels of an image that is shown beside, after its own channels, and not made.

    Raises:
        SpecError: A width that is no multiple of 32, or a patch below 1.

    Source: Peebles & Xie 2023, "Scalable diffusion models with transformers", section 3.2
    (adaLN-Zero); Chen et al. 2024, "PixArt-alpha", section 2.3, for attention to words.

    Example:
        >>> net = DiffusionTransformer((4, 5, 4), 32, 1)
        >>> net(torch.zeros(5, 4, 5, 4), torch.zeros(5, 1), None).shape
        torch.Size([5, 4, 5, 4])
    """

    def __init__(
        self,
        shape: Sequence[int],
        width: int,
        layers: Layers,
        patch: Side = 2,
        context_dim: int = 0,
        sequence_dim: int = 0,
        beside: int = 0,
    ) -> None:
        super().__init__()
        if width < _HEAD or width % _HEAD:
            raise SpecError(f"width must be a multiple of {_HEAD}; got {width}.")
        if patch < 1:
            raise SpecError(f"patch must be at least 1; got {patch}.")
        self.shape = tuple(shape)
        self.width, self.layers, self.patch = width, layers, patch
        self.context_dim, self.sequence_dim, self.beside = context_dim, sequence_dim, beside
        rows, columns = (-(-size // patch) for size in shape[1:])
        self.conditioning = TimestepEmbedding(context_dim, width)
        self.stem = nn.Linear((shape[0] + beside) * patch**2, width)
        self.positions = nn.Parameter(_SMALL * torch.randn(rows * columns, width))
        self.body = nn.ModuleList(_DiTLayer(width, sequence_dim) for _ in range(layers))
        self.modulation = zero_init_linear(width, 2 * width)
        self.head = zero_init_linear(width, shape[0] * patch**2)

    def forward(
        self,
        x: Float[Tensor, "batch inputs height width"],
        t: Float[Tensor, "batch 1"],
        context: Tensor | Conditioning | None,
    ) -> Float[Tensor, "batch channels height width"]:
        """Return the velocity, of those channels that are made."""
        told = context if isinstance(context, Conditioning) else None
        conditioning = self.conditioning(t, context if told is None else told.vector)
        _, height, width = self.shape
        patches = F.pixel_unshuffle(
            F.pad(x, (0, -width % self.patch, 0, -height % self.patch)), self.patch
        )
        h = self.stem(patches.flatten(2).mT) + self.positions
        for layer in self.body:
            h = layer(h, conditioning, told)
        stretch, shift = self.modulation(F.silu(conditioning)).unsqueeze(1).chunk(2, -1)
        h = self.head(F.layer_norm(h, h.shape[-1:]) * (1 + stretch) + shift)
        made = F.pixel_shuffle(h.mT.unflatten(2, patches.shape[2:]), self.patch)
        velocity: Tensor = made[..., :height, :width]
        return velocity


_HEAD, _SMALL = 32, 0.02


class _DiTLayer(nn.Module):
    """Attention to all places, to the words, and a dense part, each as far as a gate lets it."""

    def __init__(self, width: int, sequence_dim: int) -> None:
        super().__init__()
        self.heads = width // _HEAD
        self.modulation = zero_init_linear(width, 6 * width)
        self.looks = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.query = nn.Linear(width, width) if sequence_dim else None
        self.words = nn.Linear(sequence_dim, 2 * width) if sequence_dim else None
        self.read = zero_init_linear(width)
        self.dense = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor, conditioning: Tensor, told: Conditioning | None) -> Tensor:
        parts = self.modulation(F.silu(conditioning)).unsqueeze(1).chunk(6, -1)
        stretch, shift, gate, dense_stretch, dense_shift, dense_gate = parts
        q, k, v = self._split_heads(self.looks(self._norm(x) * (1 + stretch) + shift), 3)
        x = x + gate * self.out(self._merge_heads(F.scaled_dot_product_attention(q, k, v)))
        if self.query is not None and self.words is not None and told is not None:
            assert told.sequence is not None, "the reader of a network with words gives a sequence"
            assert told.there is not None, "with each sequence comes which places are there"
            (q,) = self._split_heads(self.query(x), 1)
            k, v = self._split_heads(self.words(told.sequence), 2)
            seen = F.scaled_dot_product_attention(q, k, v, told.there[:, None, None])
            x = x + self.read(self._merge_heads(seen))
        h = self._norm(x) * (1 + dense_stretch) + dense_shift
        out: Tensor = x + dense_gate * self.dense(h)
        return out

    def _norm(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:])

    def _split_heads(self, x: Tensor, kinds: int) -> tuple[Tensor, ...]:
        return torch.unflatten(x, -1, (kinds, self.heads, -1)).transpose(1, 3).unbind(2)

    def _merge_heads(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2).flatten(2)


class _Block(nn.Module):
    """Two convolutions around what is told, beside a shortcut."""

    def __init__(self, in_channels: int, channels: int, conditioning: int) -> None:
        super().__init__()
        self.before = nn.Sequential(
            norm(in_channels), nn.SiLU(), nn.Conv2d(in_channels, channels, 3, padding=1)
        )
        self.modulation = nn.Linear(conditioning, 2 * channels)
        self.norm = norm(channels)
        self.after = zero_init_conv(channels, channels)
        is_wider = in_channels != channels
        self.shortcut = nn.Conv2d(in_channels, channels, 1) if is_wider else nn.Identity()

    def forward(self, x: Tensor, conditioning: Tensor) -> Tensor:
        stretch, shift = self.modulation(F.silu(conditioning))[..., None, None].chunk(2, 1)
        h = self.norm(self.before(x)) * (1 + stretch) + shift
        out: Tensor = self.shortcut(x) + self.after(F.silu(h))
        return out


_ATTENDING = 16  # most places along a side that attend to words


class _CrossAttention(nn.Module):
    """Every place looks at the words; one head for each 32 channels."""

    def __init__(self, channels: int, sequence_dim: int) -> None:
        super().__init__()
        self.heads = max(1, channels // 32)
        self.norm = norm(channels)
        self.query = nn.Conv2d(channels, channels, 1)
        self.words = nn.Linear(sequence_dim, 2 * channels)
        self.out = zero_init_conv(channels, channels, 1)

    def forward(self, x: Tensor, told: Conditioning) -> Tensor:
        assert told.sequence is not None, "the reader of a network with words gives a sequence"
        assert told.there is not None, "with each sequence comes which places are there"
        q = self.query(self.norm(x)).flatten(2).unflatten(1, (self.heads, -1)).transpose(-1, -2)
        k, v = self.words(told.sequence).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v, told.there[:, None, None])
        out: Tensor = x + self.out(seen.transpose(-1, -2).flatten(1, 2).view_as(x))
        return out


class _Attention(nn.Module):
    """Every place looks at every other; one head for each 32 channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = max(1, channels // 32)
        self.norm = norm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = zero_init_conv(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        looks = self.qkv(self.norm(x)).flatten(2)
        q, k, v = looks.unflatten(1, (3, self.heads, -1)).transpose(-1, -2).unbind(1)
        seen = F.scaled_dot_product_attention(q, k, v).transpose(-1, -2)
        out: Tensor = x + self.out(seen.flatten(1, 2).view_as(x))
        return out
