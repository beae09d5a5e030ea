from .autoregressive import AutoregressiveCells as AutoregressiveCells
from .conv import (
    ConvDecoder as ConvDecoder,
    ConvEncoder as ConvEncoder,
    ResidualDecoder as ResidualDecoder,
    ResidualEncoder as ResidualEncoder,
    SpatialDecoder as SpatialDecoder,
    SpatialEncoder as SpatialEncoder,
    SubpixelDecoder as SubpixelDecoder,
    code_latents as code_latents,
    grid_latents as grid_latents,
    latent_grid as latent_grid,
)
from .codes import CaptionScorer as CaptionScorer, CodeTransformer as CodeTransformer
from .context import (
    ContextReader as ContextReader,
    LearnedTextReader as LearnedTextReader,
    NoReader as NoReader,
    PretrainedTextReader as PretrainedTextReader,
    ValueReader as ValueReader,
)
from .critics import Critic as Critic, FeatureCritic as FeatureCritic, PatchCritic as PatchCritic
from .diffusers_autoencoders import (
    AutoencoderKLDecoder as AutoencoderKLDecoder,
    AutoencoderKLEncoder as AutoencoderKLEncoder,
    AutoencoderTinyDecoder as AutoencoderTinyDecoder,
    AutoencoderTinyEncoder as AutoencoderTinyEncoder,
    own_grid as own_grid,
)
from .denoisers import (
    DenoisingMLP as DenoisingMLP,
    DiffusionTransformer as DiffusionTransformer,
    UNet as UNet,
)
from .dense import (
    Chain as Chain,
    MLPDecoder as MLPDecoder,
    MLPEncoder as MLPEncoder,
    Offset as Offset,
    Reshape as Reshape,
    TabularEncoder as TabularEncoder,
)
from .patches import (
    PatchDecoder as PatchDecoder,
    PatchEncoder as PatchEncoder,
    start_from_patches as start_from_patches,
)
from .scorers import TagScorer as TagScorer
from .sizes import (
    NETWORKS as NETWORKS,
    SIZES as SIZES,
    make_denoiser as make_denoiser,
    make_networks as make_networks,
)
from .temporal import (
    GRUDecoder as GRUDecoder,
    GRUEncoder as GRUEncoder,
    TemporalDecoder as TemporalDecoder,
    TemporalEncoder as TemporalEncoder,
)
from .tokens import (
    TokenEncoder as TokenEncoder,
    TokenGRU as TokenGRU,
    AutoregressiveTokenDecoder as AutoregressiveTokenDecoder,
    TokenTransformer as TokenTransformer,
    lengths_of as lengths_of,
)
from .wrappers import (
    ParallelDecoders as ParallelDecoders,
    NoiseConditionedDecoder as NoiseConditionedDecoder,
    noise_conditioned_part as noise_conditioned_part,
    with_numbers as with_numbers,
)
