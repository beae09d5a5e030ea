"""An example of every registered component, and small models made of them.

A part registered later is covered at once: its constructor arguments are inferred from their
names. Where that does not work, `example` fails and asks for a line in `ARGUMENTS`.
"""

import copy
import functools
import inspect
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit import latents, likelihoods, models, networks, objectives, posteriors, priors
from vaekit.distributions import REAL, DiagonalNormal
from vaekit.likelihoods import base as support
from vaekit.spec import components
from vaekit.types import Batch, TrainingProgress

FEATURES_DIM, LATENT_DIM = 6, 2
EVENT = (4,)
IMAGE = (3, 7, 9)
EVEN_IMAGE = (3, 4, 6)
SERIES = (2, 9)
CLOCK = TrainingProgress(step=3, total=10, items=100)

COMMON: dict[str, Any] = {
    "features_dim": FEATURES_DIM,
    "latent_dim": LATENT_DIM,
    "in_dim": LATENT_DIM,
    "hidden": (8,),
    "width": 8,
    "channels": (4, 8),
    "shape": EVENT,
    "num_components": 3,
    "num_classes": 5,
    "levels": 8,
    "num_codes": 5,
    "num_centroids": 4,
    "sizes": (1, 1),
}
"""Arguments by parameter name; parameters that are not here keep their defaults."""

ARGUMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "networks.MLPDecoder": lambda: {"shape": (1, *EVENT)},
    "networks.ConvEncoder": lambda: {"shape": IMAGE},
    "networks.ConvDecoder": lambda: {"shape": (2, *IMAGE)},
    "networks.ResidualEncoder": lambda: {"shape": IMAGE, "patch": 2},
    "networks.ResidualDecoder": lambda: {"shape": (2, *IMAGE), "patch": 2},
    "networks.SpatialEncoder": lambda: {"shape": IMAGE, "per_place": 2},
    "networks.SpatialDecoder": lambda: {"shape": (2, *IMAGE), "grid": (2, 2, 3)},
    "networks.PatchEncoder": lambda: {"shape": IMAGE, "per_place": 2},
    "networks.PatchDecoder": lambda: {"shape": (2, *IMAGE), "grid": (2, 2, 3)},
    "networks.AutoencoderKLEncoder": lambda: {
        "shape": EVEN_IMAGE,
        "block_out_channels": (4, 8),
        "layers_per_block": 1,
        "norm_num_groups": 2,
    },
    "networks.AutoencoderKLDecoder": lambda: {
        "grid": (2, 2, 3),
        "shape": (2, *EVEN_IMAGE),
        "block_out_channels": (4, 8),
        "layers_per_block": 1,
        "norm_num_groups": 2,
    },
    "networks.AutoencoderTinyEncoder": lambda: {
        "shape": EVEN_IMAGE,
        "encoder_block_out_channels": (4, 4),
        "num_encoder_blocks": (1, 1),
    },
    "networks.AutoencoderTinyDecoder": lambda: {
        "grid": (2, 2, 3),
        "shape": (2, *EVEN_IMAGE),
        "decoder_block_out_channels": (4, 4),
        "num_decoder_blocks": (1, 1),
    },
    "networks.TemporalEncoder": lambda: {"shape": SERIES},
    "networks.TemporalDecoder": lambda: {"shape": (2, *SERIES)},
    "networks.GRUEncoder": lambda: {"shape": SERIES},
    "networks.GRUDecoder": lambda: {"shape": (2, *SERIES)},
    "networks.TabularEncoder": lambda: {"num_codes": (2, 3), "num_numbers": 2},
    "networks.AutoregressiveCells": lambda: {
        "num_codes": (2, 3),
        "numeric_cells": ((1, 3),),
        "edges": ((0.0, 0.4, 1.0),),
        "width": 8,
    },
    "networks.UNet": lambda: {"shape": IMAGE},
    "networks.DiffusionTransformer": lambda: {"shape": IMAGE, "width": 32, "layers": 1},
    "networks.SubpixelDecoder": lambda: {"shape": (2, *IMAGE)},
    "networks.PatchCritic": lambda: {"image_channels": IMAGE[0]},
    "networks.FeatureCritic": lambda: {"body": example("networks.MLPEncoder")},
    "networks.ValueReader": lambda: {"context_dim": 3},
    "networks.NoReader": lambda: {"context_dim": 3},
    "networks.LearnedTextReader": lambda: {"num_codes": 9, "length": 4, "width": 32, "layers": 1},
    "networks.PretrainedTextReader": lambda: {
        "source": "wordllama",
        "length": 4,
        "word_dim": 256,
        "width": 32,
        "layers": 1,
    },
    "networks.CodeTransformer": lambda: {
        "tokens": 4,
        "num_codes": 5,
        "width": 32,
        "layers": 1,
        "reader": example("networks.LearnedTextReader"),
        "context_dim": 4,
    },
    "networks.CaptionScorer": lambda: {
        "tokens": 4,
        "num_codes": 5,
        "reader": example("networks.LearnedTextReader"),
        "width": 16,
    },
    "networks.TagScorer": lambda: {
        "body": example("networks.MLPEncoder", hidden=(FEATURES_DIM,)),
        "num_tags": 5,
    },
    "components.PretrainedWords": lambda: {"source": "wordllama", "length": 4},
    "posteriors.Placewise": lambda: {
        "quantizer": example("posteriors.VectorQuantized", latent_dim=1, features_dim=3),
        "places": (1, LATENT_DIM),
    },
    "posteriors.VectorQuantized": lambda: {"depth": 2},
    "posteriors.FiniteScalar": lambda: {"levels": 5},
    "likelihoods.AutoregressiveTable": lambda: {"cells": example("networks.AutoregressiveCells")},
    "likelihoods.Tokens": lambda: {"network": example("networks.TokenGRU")},
    "likelihoods.TargetedTokens": lambda: {
        "tokens": example("likelihoods.Tokens"),
        "num_targets": 2,
    },
    "components.ApplicabilityReference": lambda: {
        "log_densities": (-3.0, -1.0),
        "quantiles": (0.5, None),
        "fingerprints": (),
    },
    "components.KernelHead": lambda: {
        "place": 0,
        "share": 0.5,
        "length": 2.0,
        "noise": 0.1,
        "offset": (0.0,),
        "weights": "AACAPw==",
        "width": 1,
    },
    "components.DescriptorModel": lambda: {
        "descriptors": ("MolWt",),
        "centers": (46.0,),
        "spreads": (10.0,),
        "landmarks": "AAA=",
        "sizes": (1,),
        "places": "UAA=",
        "counts": "Ag==",
        "heads": (example("components.KernelHead"),),
    },
    "components.Targets": lambda: {"names": ("mw",), "means": (1.0,), "deviations": (2.0,)},
    "networks.TokenGRU": lambda: {"steps": 4},
    "networks.TokenTransformer": lambda: {"steps": 4, "layers": 1, "heads": 2},
    "objectives.FixedSchedule": lambda: {"objective": objectives.elbo()},
    "networks.NoiseConditionedDecoder": lambda: {"body": example("networks.MLPDecoder")},
    "networks.ParallelDecoders": lambda: {
        "first": example("networks.NoiseConditionedDecoder"),
        "second": example("networks.MLPDecoder"),
    },
    "likelihoods.Table": lambda: {"num_codes": (2, 3), "num_numbers": 2},
    **{
        f"components.{kind}": lambda: {"name": "size", "dtype": "float64", "has_missing": False}
        for kind in (
            "CategoricalColumn",
            "ConstantColumn",
            "DatetimeColumn",
            "KeyColumn",
            "NumericColumn",
            "TextColumn",
        )
    },
    "components.Vocabulary": lambda: {"tokens": ("a", "b"), "longest": 3},
    "components.Inequality": lambda: {"low": "start", "high": "end"},
    "components.FixedCombinations": lambda: {"columns": ("city", "country")},
    "components.Unique": lambda: {"columns": ("customer", "day")},
    "posteriors.GridGaussian": lambda: {"grid": (1, 1, 2)},
    "posteriors.Riemannian": lambda: {"step_size": 0.02},
    "priors.FittedFlow": lambda: {"steps": 200, "hidden": (32,)},
    "priors.FlowMatching": lambda: {"steps": 60, "width": 8, "depth": 1, "solver_steps": 5},
    "priors.SecondStage": lambda: {"steps": 20},
    "priors.AutoregressiveCodes": lambda: {"steps": 20, "width": 8},
    "priors.RiemannianManifold": lambda: {"neighbors": 5, "steps": 2},
    "latents.Ladder": lambda: {"hidden": 8},
    "latents.Discrete": lambda: {"quantizer": example("posteriors.FiniteScalar")},
    "networks.Chain": lambda: {"links": (networks.Offset(EVENT), networks.Offset(EVENT))},
    "latents.Single": lambda: {
        "posterior": example("posteriors.DiagonalGaussian"),
        "prior": example("priors.StandardNormal"),
    },
    "models.VAE": lambda: {
        "encoder": example("networks.MLPEncoder", hidden=(FEATURES_DIM,)),
        "latent": example("latents.Single"),
        "decoder": example("networks.MLPDecoder"),
        "likelihood": example("likelihoods.Gaussian"),
    },
    "models.GAN": lambda: {
        "decoder": example("networks.MLPDecoder"),
        "likelihood": example("likelihoods.Gaussian"),
    },
    "models.Diffusion": lambda: {"network": example("networks.DenoisingMLP")},
    "objectives.Adversarial": lambda: {"critic": example("networks.FeatureCritic", features_dim=8)},
    "objectives.Linear": lambda: {"start": 0.0, "end": 2.0, "share": 0.5},
    "objectives.Cosine": lambda: {"start": 0.0, "end": 2.0, "share": 0.5},
    "objectives.Cyclical": lambda: {"start": 0.0, "end": 2.0},
    "objectives.WarmUpCosine": lambda: {"peak": 0.1},
    "objectives.CapacityKL": lambda: {"capacity": objectives.Linear(0.0, 5.0)},
    "objectives.ClusterStart": lambda: {"base": objectives.elbo(), "memory": 20},
    "objectives.PriorCritic": lambda: _judged(),
    "objectives.TotalCorrelationCritic": lambda: _judged(),
    "objectives.ContextCritic": lambda: _judged(),
    "objectives.PatchAdversary": lambda: {
        "base": objectives.elbo(),
        "critic": example("networks.FeatureCritic", features_dim=8),
        "start": 0.0,
    },
    "objectives.VAEGAN": lambda: {"critic": example("networks.FeatureCritic", features_dim=8)},
    "objectives.Sum": lambda: {
        "terms": (objectives.Reconstruction(), (objectives.Linear(0.0, 4.0), objectives.KL())),
        "draws": 2,
    },
}
"""Arguments by registered name, where those by parameter name do not serve."""


def _judged() -> dict[str, Any]:
    critic = example("networks.Critic", in_dim=LATENT_DIM)
    return {"base": objectives.elbo(), "critic": critic, "weight": 2.0}


def names(slot: str) -> list[str]:
    """The registered names of a slot."""
    return [name for name in components() if name.startswith(f"{slot}.")]


_ROWS = (support.TABLE, support.TOKENS)
"""Supports whose items have no shape but their own."""


def likelihood_names() -> list[str]:
    """The likelihoods that are densities of items of any shape."""
    parts = {name: components()[name] for name in names("likelihoods")}
    return [n for n, part in parts.items() if part.normalized and part.support not in _ROWS]


def flat_posteriors(*provides: str) -> list[str]:
    """The posteriors over real vectors that provide all this."""
    flat = [name for name in names("posteriors") if _is_flat(name)]
    return [name for name in flat if set(provides) <= components()[name].provides]


def flat_priors() -> list[str]:
    """The priors with a density over real vectors."""
    codes = ("priors.AutoregressiveCodes",)
    normalized = [n for n in names("priors") if components()[n].normalized and n not in codes]
    return [name for name in normalized if _is_flat(name)]


def trained_priors() -> list[str]:
    """The priors over real vectors that are trained with the model."""
    return [n for n in flat_priors() if not issubclass(components()[n], priors.FittedPrior)]


def _is_flat(name: str) -> bool:
    part = example(name)
    return part.manifold == REAL and not isinstance(part, posteriors.Quantizer)


def example(name: str, **chosen: Any) -> Any:
    """A component of that name, the same at every call."""
    cls = components()[name]
    chosen = {**ARGUMENTS.get(name, dict)(), **chosen}
    spread, values = _arguments(name, inspect.signature(cls.__init__), chosen)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return cls(*spread, **values)


def _arguments(
    name: str, signature: inspect.Signature, chosen: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    spread: tuple[Any, ...] = ()
    values = {}
    for parameter in list(signature.parameters.values())[1:]:
        if parameter.kind is parameter.VAR_POSITIONAL:
            spread = chosen[parameter.name]
        elif parameter.name in chosen or parameter.name in COMMON:
            values[parameter.name] = chosen.get(parameter.name, COMMON.get(parameter.name))
        elif parameter.default is parameter.empty:
            raise LookupError(f"{name} has no example: add its {parameter.name!r} to ARGUMENTS")
    return spread, values


def randomised(module: nn.Module, spread: float = 0.3) -> nn.Module:
    """The module with its parameters moved, so that no law holds only at the start."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += spread * torch.randn(parameter.shape, generator=generator)
    return module


@functools.cache
def _fitted(name: str) -> priors.Prior:
    prior = randomised(example(name))
    if isinstance(prior, priors.FittedPrior):
        points = two_clusters(400)
        if isinstance(prior, priors.AutoregressiveCodes):
            points = (points.sign() + 1).round()
        prior.fit(points, generator=torch.Generator().manual_seed(0))
    return prior


def example_prior(name: str) -> priors.Prior:
    """A prior with its parameters moved, or fitted to two clusters."""
    return copy.deepcopy(_fitted(name))


def aggregate(x: Tensor) -> Distribution:
    """q(z | x) of pseudo-inputs, for priors that are made of posteriors."""
    return DiagonalNormal(2 * x[:, :2], x[:, 2:] - 1)


def example_latent(posterior: str, prior: str | None = None) -> latents.Latent:
    """The posterior joined with a prior, by default one that fits it."""
    part = example(posterior)
    if isinstance(part, posteriors.Quantizer):
        return latents.Discrete(part)
    fitting = {"Sphere": "priors.UniformSphere", "Ball": "priors.WrappedNormal"}
    default = fitting.get(type(part.manifold).__name__, "priors.StandardNormal")
    return latents.Single(part, example_prior(prior or default))


def two_clusters(n: int) -> Tensor:
    """Points of two Gaussians of deviation 0.5, around (-1.5, 0) and (1.5, 1)."""
    generator = torch.Generator().manual_seed(2)
    centers = torch.tensor([[-1.5, 0.0], [1.5, 1.0]])[torch.arange(n) % 2]
    return centers + 0.5 * torch.randn(n, 2, generator=generator)


def example_vae(
    likelihood: str = "likelihoods.Gaussian",
    posterior: str = "posteriors.DiagonalGaussian",
    prior: str | None = None,
) -> models.VAE:
    """A small VAE over items of shape `EVENT`, made of these parts."""
    noise = example(likelihood)
    shape = (noise.features_per_value, *EVENT)
    encoder = example("networks.MLPEncoder", hidden=(FEATURES_DIM,))
    decoder = example("networks.MLPDecoder", shape=shape)
    return randomised(models.VAE(encoder, example_latent(posterior, prior), decoder, noise))


def default_objective(model: models.VAE) -> objectives.Sum:
    """The ELBO, or the reconstruction alone where there is no density."""
    if "density" in model.provides:
        return objectives.elbo()
    return objectives.Sum(objectives.Reconstruction())


def loss_of(model: models.VAE, batch: Batch, seed: int = 0) -> Tensor:
    """The default objective's loss, on a random stream of its own."""
    torch.manual_seed(seed)
    (update,) = default_objective(model).losses(model, batch, CLOCK)
    return update.losses["model"]


def items(likelihood: likelihoods.Likelihood, n: int = 5) -> Tensor:
    """Items of shape `EVENT` within the support of a likelihood."""
    generator = torch.Generator().manual_seed(3)
    if likelihood.support == support.REAL:
        return torch.randn(n, *EVENT, generator=generator)
    values = values_of(likelihood)
    return values[torch.randint(len(values), (n, *EVENT), generator=generator)]


def values_of(likelihood: likelihoods.Likelihood) -> Tensor:
    """All values of a discrete likelihood, or a fine grid over those of a density."""
    if isinstance(likelihood, likelihoods.Bernoulli):
        return torch.tensor([0.0, 1.0])
    if isinstance(likelihood, likelihoods.DiscretizedLogistic):
        return torch.linspace(0, 1, likelihood.levels)
    if likelihood.support == support.CODES:
        return torch.arange(likelihood.num_classes).float()
    low, high = {support.UNIT: (0.0, 1.0), support.REAL: (-60.0, 60.0)}[likelihood.support]
    return torch.linspace(low, high, 20_001)


def weights_of(likelihood: likelihoods.Likelihood) -> Tensor:
    """What each of `values_of` counts in a sum over the support: 1, or the trapezoid rule."""
    values = values_of(likelihood)
    if len(values) < 1000:
        return torch.ones(len(values))
    weights = (values[1] - values[0]).repeat(len(values))
    weights[[0, -1]] /= 2
    return weights


def plane(half_width: float = 9.0, steps: int = 301) -> tuple[Tensor, float]:
    """Points of a square grid around the origin, shape (points, 2), and the area of each."""
    axis = torch.linspace(-half_width, half_width, steps)
    return torch.cartesian_prod(axis, axis), float(axis[1] - axis[0]) ** 2


def no_joint(z: Tensor) -> Tensor:
    """A log joint density for posteriors that follow none: the standard normal, unnormalised."""
    return -0.5 * z.square().sum(-1)


def example_posterior(name: str, n: int = 3) -> Distribution:
    """q(z | x) of n items under a posterior with moved parameters."""
    generator = torch.Generator().manual_seed(4)
    h = 0.5 * torch.randn(n, FEATURES_DIM, generator=generator)
    return randomised(example(name), spread=0.2)(h, no_joint)


def combinations() -> Iterator[tuple[str, str, str | None]]:
    """Each likelihood with the default latents, and all posteriors with all priors that fit."""
    for likelihood in likelihood_names():
        yield likelihood, "posteriors.DiagonalGaussian", None
    for posterior in names("posteriors"):
        yield "likelihoods.Gaussian", posterior, None
    for posterior, prior in itertools.product(flat_posteriors(), trained_priors()):
        if components()[prior].requires <= components()[posterior].provides:
            yield "likelihoods.Gaussian", posterior, prior


def assert_mean(samples: Tensor, expected: Tensor | float) -> None:
    """The mean over the first axis lies within 4 standard errors of what is expected."""
    error = (samples.mean(0) - expected).abs()
    bound = 4 * samples.std(0) / len(samples) ** 0.5 + 1e-5
    assert (error < bound).all(), f"off by {error}, allowed {bound}"
