"""How a preset is defined, named and found."""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Concatenate, NamedTuple, ParamSpec

from torch import Tensor, nn

from vaekit.errors import CompositionError, SpecError, unknown_name
from vaekit.latents.base import Latent, Single
from vaekit.likelihoods.base import TABLE, TOKENS, Likelihood
from vaekit.models.samplers import Diffusion
from vaekit.models.vae import VAE, Model
from vaekit.networks.context import ContextReader
from vaekit.networks.sizes import make_denoiser
from vaekit.objectives.base import Objective
from vaekit.posteriors.gaussian import DiagonalGaussian
from vaekit.priors.base import StandardNormal
from vaekit.registry import get, names, register

P = ParamSpec("P")

LatentDim = int | Callable[[Sequence[int]], int]

Training = Mapping[str, Any] | Callable[[Sequence[int]], Mapping[str, Any]]

LATENTS = 16
"""Latents of a model that is meant for no other number."""

_NOT_PRESETS = frozenset(
    {
        "Parts",
        "Preset",
        "Recipe",
        "choose_preset",
        "get_preset",
        "preset",
        "preset_for",
        "preset_names",
    }
)
"""What else ``vaekit.presets`` exports."""

_NO_NUMBERS = {
    TABLE: "rows hold labels as well. Use preset 'table_vae'.",
    TOKENS: "items are tokens. Use preset 'sequence_vae'.",
}


class Recipe(NamedTuple):
    """What a preset makes: an untrained model and the objective that trains it."""

    model: Model
    objective: Objective


@dataclass(frozen=True)
class Parts:
    """What a domain offers a preset.

    Attributes:
        encoder: x -> features.
        decoder: latents and context -> likelihood features.
        likelihood: The domain's default, or the user's choice.
        features_dim: Size of the encoder's features.
        latent_dim: Number of latents.
        context_dim: Size of what networks are told of the context; 0 without one.
        reader: What reads the context for them; ``None`` where they are told it as it is.
        examples: Some training items as the networks see them, for parts that start from data.
        denoiser: Makes a network for diffusion; ``None`` for a small one that suits the examples.
        columns: The places of each column's cells, of tables; ``None`` where each value is one.
    """

    encoder: nn.Module
    decoder: nn.Module
    likelihood: Likelihood
    features_dim: int
    latent_dim: int
    context_dim: int = 0
    examples: Tensor | None = None
    denoiser: Callable[..., nn.Module] | None = None
    columns: Sequence[Sequence[int]] | None = None
    reader: ContextReader | None = None

    @property
    def context_rows(self) -> int:
        """Size of a row of the context, before it is read."""
        return self.context_dim if self.reader is None else self.reader.context_dim

    @property
    def posterior_dim(self) -> int:
        """Size of what the posterior reads: features and context."""
        return self.features_dim + self.context_dim

    @property
    def channels(self) -> int:
        """Channels of an image.

        Raises:
            CompositionError: The items are no images.
        """
        shape = self.some_items(1).shape[1:]
        if len(shape) != 3:
            raise CompositionError(
                f"this preset needs images of shape (channels, height, width); got items of shape "
                f"{tuple(shape)}."
            )
        return shape[0]

    def some_items(self, count: int) -> Tensor:
        """At least so many training items.

        Raises:
            CompositionError: There are fewer.
        """
        got = 0 if self.examples is None else len(self.examples)
        if self.examples is None or got < count:
            raise CompositionError(
                f"this preset starts from {count} training items; got {got}. Use fewer "
                "components, or more data."
            )
        return self.examples

    def vae(self, latent: Latent | None = None) -> VAE:
        """A VAE of these parts, by default with Gaussian posterior and standard normal prior."""
        latent = latent or Single(
            DiagonalGaussian(self.posterior_dim, self.latent_dim), StandardNormal(self.latent_dim)
        )
        parts = (self.encoder, latent, self.decoder, self.likelihood)
        return VAE(*parts, self.context_rows, reader=self.reader)

    def diffusion(self, path: str, steps: int) -> Diffusion:
        """A diffusion model of these parts, standardised to the examples.

        Raises:
            CompositionError: There are no examples, or they hold codes, between which there is
                nothing to go through.
        """
        if why := _NO_NUMBERS.get(self.likelihood.support):
            raise CompositionError(f"such models go from noise to numbers, and these {why}")
        x = self.some_items(1)
        own = self.denoiser or partial(make_denoiser, "small", x.shape[1:], self.context_dim)
        words = 0 if self.reader is None else self.reader.sequence_dim
        network = own(sequence_dim=words) if words and len(x.shape) == 4 else own()
        model = Diffusion(network, x.shape[1:], path, steps, self.context_rows, self.reader)
        model.start_from(x)
        return model


@dataclass(frozen=True)
class Preset:
    """A named model with its options chosen; call `build` with a domain's parts.

    Attributes:
        name: Its name.
        options: The options chosen, by name.
        likelihood: Name of the likelihood that it is meant for; ``"auto"`` takes the domain's.
        table_likelihood: Name of the one that it is meant for where the data are a table.
        prior: Name of the prior that is fitted to its latents after training.
        image_network: Name of the networks that it is meant to have for images.
        latent_dim: Number of latents that it has where none is given, or what tells it from the
            shape of an item.
        training: Options of the training that are its own where the user leaves them open, each a
            value or what tells it from the number of items; or what tells all from the shape of
            one.
        prior_reads_context: Whether the prior of its latents learns to read the context, and the
            model itself is told nothing of it.
        prior_reads_captions: The same of captions alone; the model is told other contexts itself.
        guided: Whether in training some of the context is left untold, so that sampling can be
            guided by it.
        make: The function behind it.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    likelihood: str = field(default="auto", compare=False)
    table_likelihood: str = field(default="auto", compare=False)
    prior: str = field(default="auto", compare=False)
    image_network: str = field(default="auto", compare=False)
    latent_dim: LatentDim = field(default=LATENTS, compare=False)
    training: Training = field(default_factory=dict, compare=False)
    prior_reads_context: bool = field(default=False, compare=False)
    prior_reads_captions: bool = field(default=False, compare=False)
    guided: bool = field(default=False, compare=False)
    make: Callable[..., Recipe] = field(repr=False, default=lambda parts: _unmade(), compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as it was chosen, so that estimators with one go to other processes."""
        return choose_preset, (self.name, dict(self.options))

    def __str__(self) -> str:
        """As it would be typed: ``beta_vae(beta=4.0)``."""
        chosen = ", ".join(f"{name}={value}" for name, value in self.options.items())
        return f"{self.name}({chosen})" if chosen else self.name

    def latents_for(self, shape: Sequence[int]) -> int:
        """The number of latents for items of a shape, at most half of their values.

        Example:
            >>> [get_preset("vae").latents_for(shape) for shape in ((1, 28, 28), (6,))]
            [16, 3]
        """
        if not isinstance(self.latent_dim, int):
            return self.latent_dim(shape)
        return min(self.latent_dim, max(1, math.prod(shape) // 2))

    def training_for(self, items: int, shape: Sequence[int] = ()) -> dict[str, Any]:
        """Options of the training for so many items, each of this shape.

        Example:
            >>> get_preset("table_vae").training_for(3000)["steps"]
            400
            >>> get_preset("image_vae").training_for(3000, (3, 64, 64))["batch_size"]
            32
        """
        chosen = self.training(shape) if callable(self.training) else self.training
        return {k: v(items) if callable(v) else v for k, v in chosen.items()}

    def build(self, parts: Parts) -> Recipe:
        """Fill the slots."""
        return self.make(parts, **self.options)


def preset(make: Callable[Concatenate[Parts, P], Recipe]) -> Callable[P, Preset]:
    """Turn a recipe into a preset: calling it with options gives a `Preset` of that name."""
    return _registered(make, _Meant())


@dataclass(frozen=True)
class _Meant:
    """What else a preset is meant to go with."""

    likelihood: str = "auto"
    table_likelihood: str = "auto"
    prior: str | Callable[[Mapping[str, Any]], str] = "auto"
    image_network: str = "auto"
    latent_dim: LatentDim = LATENTS
    training: Training = field(default_factory=dict)
    prior_reads_context: bool = False
    prior_reads_captions: bool = False
    guided: bool = False


def preset_for(
    *,
    likelihood: str = "auto",
    table_likelihood: str = "auto",
    prior: str | Callable[[Mapping[str, Any]], str] = "auto",
    image_network: str = "auto",
    latent_dim: LatentDim = LATENTS,
    training: Training | None = None,
    prior_reads_context: bool = False,
    prior_reads_captions: bool = False,
    guided: bool = False,
) -> Callable[[Callable[Concatenate[Parts, P], Recipe]], Callable[P, Preset]]:
    """`preset` for a recipe that is meant to go with these; see `Preset`.

    The prior may depend on the options that were chosen.
    """
    meant = _Meant(
        likelihood,
        table_likelihood,
        prior,
        image_network,
        latent_dim,
        training or {},
        prior_reads_context,
        prior_reads_captions,
        guided,
    )

    def decorate(make: Callable[Concatenate[Parts, P], Recipe]) -> Callable[P, Preset]:
        return _registered(make, meant)

    return decorate


def _registered(
    make: Callable[Concatenate[Parts, P], Recipe], meant: _Meant
) -> Callable[P, Preset]:
    name = getattr(make, "__name__")  # noqa: B009 - a Callable is not known to have one

    def choose(*args: P.args, **options: P.kwargs) -> Preset:
        if args:
            raise SpecError(f"options of {name} must be given by name; got {args!r}.")
        known = list(inspect.signature(make).parameters)[1:]
        for option in options:
            if option not in known:
                raise unknown_name(f"option of preset {name!r}", option, known or ["(none)"])
        return Preset(
            name,
            options,
            meant.likelihood,
            meant.table_likelihood,
            meant.prior(options) if callable(meant.prior) else meant.prior,
            meant.image_network,
            meant.latent_dim,
            meant.training,
            meant.prior_reads_context,
            meant.prior_reads_captions,
            meant.guided,
            make,
        )

    choose.__doc__, choose.__name__ = make.__doc__, name
    signature = inspect.signature(make)
    options_only = list(signature.parameters.values())[1:]
    choose.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=options_only, return_annotation=Preset
    )
    choose.__module__, choose.__qualname__ = make.__module__, name
    return register("presets", choose)


def preset_names() -> list[str]:
    """Return the names of all presets, built in and of plug-ins, sorted.

    Example:
        >>> preset_names()[:2]
        ['aae', 'annealed_vae']
    """
    return [name for name in names("presets") if name not in _NOT_PRESETS]


def get_preset(chosen: str | Preset) -> Preset:
    """The preset of that name with its default options, or the one given.

    Raises:
        SpecError: No preset has that name; suggests the nearest.

    Example:
        >>> get_preset("beta_vae").name
        'beta_vae'
    """
    return chosen if isinstance(chosen, Preset) else choose_preset(chosen, {})


def choose_preset(name: str, options: Mapping[str, Any]) -> Preset:
    """The preset of that name with these options.

    Raises:
        SpecError: Unknown name or option; suggests the nearest.

    Example:
        >>> choose_preset("beta_vae", {"beta": 2.0}).options
        {'beta': 2.0}
    """
    if name not in preset_names():
        raise unknown_name("preset", name, preset_names())
    make = get("presets", name)
    known = inspect.signature(make).parameters
    for option, value in options.items():
        if option in known:
            _check_option(name, option, value, known[option].default)
    preset: Preset = make(**options)
    return preset


def _check_option(name: str, option: str, value: Any, usual: Any) -> None:
    """Refuse a value of another kind than the usual one, or one that is no finite number."""
    kinds = {float: (int, float), int: (int,), bool: (bool, int), str: (str,)}
    words = {float: "a finite number", int: "a whole number", bool: "0 or 1", str: "a word"}
    kind = type(usual)
    if kind not in kinds:
        return
    is_finite = not isinstance(value, int | float) or abs(value) <= _LARGEST
    if not (isinstance(value, kinds[kind]) and is_finite):
        shown = text if len(text := repr(value)) < 60 else f"{text[:50]}..."
        raise SpecError(
            f"option {option} of preset {name!r} must be {words[kind]}; got {shown}. The usual "
            f"one is {usual!r}."
        )


_LARGEST = 1e300


def _unmade() -> Recipe:
    raise SpecError("this Preset was made without a recipe; take one from vaekit.presets.")
