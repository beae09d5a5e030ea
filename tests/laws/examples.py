"""An example of every registered component, and small models made of them.

A part registered later is covered at once: its constructor arguments are inferred from their
names. Where that does not work, `example` fails and asks for a line in `ARGUMENTS`.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit import latents, likelihoods, models, networks, objectives, priors
from vaekit.spec import registry
from vaekit.types import Batch, Clock

FEATURES_DIM, LATENT_DIM = 6, 2
EVENT = (4,)
IMAGE = (3, 7, 9)
CLOCK = Clock(step=3, total=10, items=100)

COMMON: dict[str, Any] = {
    "features_dim": FEATURES_DIM,
    "latent_dim": LATENT_DIM,
    "in_dim": LATENT_DIM,
    "hidden": (8,),
    "channels": (4, 8),
    "shape": EVENT,
    "num_components": 3,
    "num_classes": 5,
    "levels": 8,
}
"""Arguments by parameter name; parameters that are not here keep their defaults."""

ARGUMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "networks.MLPDecoder": lambda: {"shape": (1, *EVENT)},
    "networks.ConvEncoder": lambda: {"shape": IMAGE},
    "networks.ConvDecoder": lambda: {"shape": (2, *IMAGE)},
    "networks.ResidualEncoder": lambda: {"shape": IMAGE},
    "networks.ResidualDecoder": lambda: {"shape": (2, *IMAGE)},
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
    "objectives.Linear": lambda: {"start": 0.0, "end": 2.0, "share": 0.5},
    "objectives.Cosine": lambda: {"start": 0.0, "end": 2.0, "share": 0.5},
    "objectives.Cyclical": lambda: {"start": 0.0, "end": 2.0},
    "objectives.WarmUpCosine": lambda: {"peak": 0.1},
    "objectives.CapacityKL": lambda: {"capacity": objectives.Linear(0.0, 5.0)},
    "objectives.Sum": lambda: {
        "terms": (objectives.Reconstruction(), (objectives.Linear(0.0, 4.0), objectives.KL())),
        "draws": 2,
    },
}
"""Arguments by registered name, where those by parameter name do not serve."""


def names(slot: str) -> list[str]:
    """The registered names of a slot."""
    return [name for name in registry() if name.startswith(f"{slot}.")]


def with_density() -> list[str]:
    """The posteriors that have a density."""
    return [name for name in names("posteriors") if "density" in registry()[name].provides]


def example(name: str, **chosen: Any) -> Any:
    """A component of that name, the same at every call."""
    cls = registry()[name]
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


def example_prior(name: str) -> priors.Prior:
    """A prior with its parameters moved, or fitted to two clusters."""
    prior = randomised(example(name))
    if isinstance(prior, priors.FittedPrior):
        prior.fit(two_clusters(400), generator=torch.Generator().manual_seed(0))
    return prior


def two_clusters(n: int) -> Tensor:
    """Points of two Gaussians of deviation 0.5, around (-1.5, 0) and (1.5, 1)."""
    generator = torch.Generator().manual_seed(2)
    centres = torch.tensor([[-1.5, 0.0], [1.5, 1.0]])[torch.arange(n) % 2]
    return centres + 0.5 * torch.randn(n, 2, generator=generator)


def example_vae(
    likelihood: str = "likelihoods.Gaussian",
    posterior: str = "posteriors.DiagonalGaussian",
    prior: str = "priors.StandardNormal",
) -> models.VAE:
    """A small VAE over items of shape `EVENT`, made of these parts."""
    noise = example(likelihood)
    shape = (noise.features_per_value, *EVENT)
    encoder = example("networks.MLPEncoder", hidden=(FEATURES_DIM,))
    decoder = example("networks.MLPDecoder", shape=shape)
    latent = latents.Single(example(posterior), example_prior(prior))
    return randomised(models.VAE(encoder, latent, decoder, noise))


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
    if likelihood.support == "real":
        return torch.randn(n, *EVENT, generator=generator)
    values = values_of(likelihood)
    return values[torch.randint(len(values), (n, *EVENT), generator=generator)]


def values_of(likelihood: likelihoods.Likelihood) -> Tensor:
    """All values of a discrete likelihood, or a fine grid over those of a density."""
    if isinstance(likelihood, likelihoods.Bernoulli):
        return torch.tensor([0.0, 1.0])
    if isinstance(likelihood, likelihoods.DiscretisedLogistic):
        return torch.linspace(0, 1, likelihood.levels)
    if likelihood.support == "codes":
        return torch.arange(likelihood.num_classes).float()
    low, high = {"unit": (0.0, 1.0), "real": (-60.0, 60.0)}[likelihood.support]
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


def parts_of(slots: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """All combinations of one registered part from each slot."""
    if not slots:
        yield ()
        return
    for name in names(slots[0]):
        for rest in parts_of(slots[1:]):
            yield (name, *rest)


def assert_mean(samples: Tensor, expected: Tensor | float) -> None:
    """The mean over the first axis lies within 4 standard errors of what is expected."""
    error = (samples.mean(0) - expected).abs()
    bound = 4 * samples.std(0) / len(samples) ** 0.5 + 1e-5
    assert (error < bound).all(), f"off by {error}, allowed {bound}"
