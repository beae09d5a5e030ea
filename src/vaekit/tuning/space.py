"""What is searched: options of the estimator and of its preset, each with its range."""

import abc
import inspect
import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaekit.autoencoder import Autoencoder
from vaekit.errors import SpecError, unknown_name
from vaekit.fitting.prior import NAMED_PRIORS
from vaekit.presets.base import Preset, choose_preset, get_preset
from vaekit.registry import get

PRESET, PRIOR, OPTION = "preset", "prior", "option."
_FIXED = frozenset(
    {
        "callbacks",
        "checkpoint_dir",
        "cpu_minutes",
        "decoder",
        "device",
        "devices",
        "domain",
        "encoder",
        "first_stage",
        "max_minutes",
        "progress",
        "resume",
        "strategy",
        "tensorboard",
        "text",
    }
)


class Range(abc.ABC):
    """The values that a parameter may take."""

    @abc.abstractmethod
    def suggest(self, trial: Any, name: str) -> Any:
        """Return a value that a trial of Optuna suggests."""

    @abc.abstractmethod
    def to_json(self) -> Any:
        """Return the declaration, as `read_space` takes it."""


@dataclass(frozen=True)
class Choice(Range):
    """One of some values.

    Attributes:
        values: Words, numbers, booleans or ``None``; at least one.
    """

    values: tuple[Any, ...]

    def suggest(self, trial: Any, name: str) -> Any:
        """Return one of the values."""
        return trial.suggest_categorical(name, list(self.values))

    def to_json(self) -> Any:
        """Return the values."""
        return list(self.values)


@dataclass(frozen=True)
class Integer(Range):
    """A whole number.

    Attributes:
        low: The least.
        high: The largest, which may be taken as well.
        log: Whether ratios count rather than differences.
    """

    low: int
    high: int
    log: bool = False

    def suggest(self, trial: Any, name: str) -> Any:
        """Return a whole number."""
        return trial.suggest_int(name, self.low, self.high, log=self.log)

    def to_json(self) -> Any:
        """Return the bounds."""
        return {"low": self.low, "high": self.high, "log": self.log}


@dataclass(frozen=True)
class Real(Range):
    """A number.

    Attributes:
        low: The least.
        high: The largest.
        log: Whether ratios count rather than differences.
    """

    low: float
    high: float
    log: bool = False

    def suggest(self, trial: Any, name: str) -> Any:
        """Return a number."""
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def to_json(self) -> Any:
        """Return the bounds."""
        return {"low": float(self.low), "high": float(self.high), "log": self.log}


Space = Mapping[str, Range]

_BETA = Real(0.1, 4.0, log=True)
OPTIONS: Mapping[str, Mapping[str, Range]] = {
    "annealed_vae": {"beta": _BETA, "share": Real(0.05, 0.8)},
    "beta_tc_vae": {"beta": Real(0.5, 10.0, log=True)},
    "beta_vae": {"beta": _BETA},
    "cvae": {"beta": _BETA},
    "image_vae": {"beta": _BETA, "adversarial": Real(0.2, 5.0, log=True)},
    "iwae": {"k": Choice((4, 8, 16))},
    "latent_diffusion": {"beta": _BETA, "spectrum": Real(0.2, 5.0, log=True)},
    "masked_vae": {"beta": _BETA, "most": Real(0.2, 0.7)},
    "mixture_vae": {"components": Integer(5, 50, log=True)},
    "sequence_vae": {"beta": Real(0.05, 1.0, log=True), "blur": Real(0.2, 0.8)},
    "table_vae": {"beta": Real(0.02, 1.0, log=True), "share": Real(0.2, 0.8)},
    "vamp": {"components": Integer(20, 200, log=True)},
    "vq_vae": {"num_codes": Choice((64, 128, 256)), "commitment": Real(0.2, 4.0, log=True)},
}
"""What is searched of the options of presets; of others only the options of the training."""

_REAL_LATENTS = frozenset({"beta_vae", "cvae", "iwae", "sigma_vae", "table_vae", "vae"})
_TRAINING: Mapping[str, Range] = {
    "network_size": Choice(("small", "medium", "large")),
    "learning_rate": Real(5e-4, 1e-2, log=True),
    "batch_size": Choice((32, 64, 128, 256)),
    "weight_decay": Choice((0.0, 1e-3, 1e-2, 1e-1)),
    "ema": Choice((0.0, 0.99, 0.999)),
}
_PRIORS = Choice(("auto", "gaussian", "nsf", "flow_matching"))


def default_space(
    presets: Sequence[str | Preset], shape: Sequence[int], *, samples: bool = False
) -> dict[str, Range]:
    """Return what is searched where nothing else is asked for.

    Args:
        presets: The models to choose from; of several the choice is a parameter, too.
        shape: Shape of an item.
        samples: Whether the objective judges samples, so that the prior to draw from counts.

    Example:
        >>> sorted(default_space(["vae"], (8,)))[:3]
        ['batch_size', 'ema', 'latent_dim']
    """
    chosen = [get_preset(preset) for preset in presets]
    found: dict[str, Range] = {}
    if len(chosen) > 1:
        found[PRESET] = Choice(tuple(preset.name for preset in chosen))
    usual = [preset.latents_for(shape) for preset in chosen]
    low = max(1, min(usual) // 2)
    high = max(low + 1, *usual, min(3 * max(usual), math.prod(shape) - 1))
    found["latent_dim"] = Integer(low, high, log=True)
    found |= _TRAINING
    for preset in chosen:
        own = OPTIONS.get(preset.name, {})
        found |= {f"{OPTION}{name}": known for name, known in own.items()}
    if samples and {preset.name for preset in chosen} <= _REAL_LATENTS:
        found[PRIOR] = _PRIORS
    return found


def read_space(declared: Mapping[str, Any] | str | Path | None) -> dict[str, Range] | None:
    """Return a space as it was declared.

    Args:
        declared: For each name a list of choices, or a mapping with ``low``, ``high`` and perhaps
            ``log``, whole numbers if both bounds are; or a `Choice`, `Integer` or `Real`; or a path
            to a ``.toml`` or ``.json`` file of that form. ``None`` for none.

    Raises:
        SpecError: A file or a declaration of another form, or an unknown name.

    Example:
        >>> read_space({"latent_dim": {"low": 2, "high": 8}, "ema": [0.0, 0.99]})
        {'latent_dim': Integer(low=2, high=8, log=False), 'ema': Choice(values=(0.0, 0.99))}
    """
    if declared is None:
        return None
    if isinstance(declared, str | Path):
        declared = _document(Path(declared))
    if not isinstance(declared, Mapping) or not declared:
        raise SpecError(f"a space must name at least one parameter; got {declared!r}.")
    for name in declared:
        _check_name(name)
    return {name: _range(name, value) for name, value in declared.items()}


def _document(path: Path) -> Any:
    readers = {".toml": tomllib.loads, ".json": json.loads}
    if path.suffix not in readers:
        raise SpecError(f"a space must be a .toml or .json file; got {path}.")
    try:
        found = readers[path.suffix](path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise SpecError(f"a space must be a file; there is none at {path}.") from error
    except ValueError as error:  # of both formats, and of other encodings
        raise SpecError(f"{path} must be sound {path.suffix[1:].upper()}: {error}.") from error
    return _merged(found)


def _merged(found: Any) -> Any:
    """Return ``[option.beta]`` of TOML, which is a table within a table, as one name."""
    if not isinstance(found, dict) or not isinstance(found.get("option"), dict):
        return found
    own = found.pop("option")
    return {**found, **{f"{OPTION}{name}": value for name, value in own.items()}}


def parameters() -> list[str]:
    """Return all names that a space may have, but for options of presets."""
    options = inspect.signature(Autoencoder).parameters.keys() - _FIXED
    return sorted({*options, PRIOR})


def _check_name(name: Any) -> None:
    if not isinstance(name, str):
        raise SpecError(f"names of parameters must be text; got {name!r}.")
    if not name.startswith(OPTION) and name not in parameters():
        known = [*parameters(), f"{OPTION}NAME of a preset's own"]
        raise unknown_name("parameter of the search", name, known)


def check_space(space: Space, presets: Sequence[str | Preset]) -> None:
    """Refuse names that no candidate has.

    Raises:
        SpecError: An option of no preset, or an unknown preset or prior.
    """
    named = [get_preset(preset) for preset in presets]
    if isinstance(choice := space.get(PRESET), Choice):
        named = [get_preset(name) for name in choice.values]
    known = {name for preset in named for name in own_options(preset)}
    for name in space:
        if name.startswith(OPTION) and (own := name.removeprefix(OPTION)) not in known:
            those = ", ".join(preset.name for preset in named)
            raise unknown_name(f"option of {those}", own, known or ["(none)"])
    if isinstance(priors := space.get(PRIOR), Choice):
        for name in priors.values:
            if name not in NAMED_PRIORS:
                raise unknown_name("prior", name, NAMED_PRIORS)


def _range(name: str, value: Any) -> Range:
    if isinstance(value, Range):
        return value
    if isinstance(value, list | tuple):
        return _choice(name, value)
    if not isinstance(value, Mapping) or not {"low", "high"} <= value.keys():
        raise SpecError(
            f"parameter {name!r} must be a list of choices, or have low and high; got {value!r}."
        )
    if odd := sorted(value.keys() - {"low", "high", "log"}):
        raise unknown_name(f"part of the range of {name!r}", odd[0], ("low", "high", "log"))
    low, high, log = value["low"], value["high"], value.get("log", False)
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (low, high))
    if not numbers or not isinstance(log, bool) or not low < high or (log and low <= 0):
        raise SpecError(
            f"the range of {name!r} must have numbers low < high, and low > 0 with log=true; got "
            f"low={low!r}, high={high!r}, log={log!r}."
        )
    if isinstance(low, int) and isinstance(high, int):
        return Integer(low, high, log)
    return Real(float(low), float(high), log)


def _choice(name: str, values: Sequence[Any]) -> Choice:
    if not values or not all(isinstance(v, str | int | float | bool | None) for v in values):
        raise SpecError(
            f"choices of {name!r} must be words, numbers or booleans, at least one; got {values!r}."
        )
    return Choice(tuple(values))


def suggest(trial: Any, space: Space, presets: Sequence[str | Preset]) -> dict[str, Any]:
    """Return the parameters that a trial of Optuna suggests, the preset's own options as they fit.

    Args:
        trial: Of Optuna.
        space: What is searched.
        presets: The models to choose from.
    """
    found = {}
    if PRESET in space:
        found[PRESET] = space[PRESET].suggest(trial, PRESET)
    preset = _preset_of(found, presets)
    for name, known in space.items():
        fits = not name.startswith(OPTION) or name.removeprefix(OPTION) in own_options(preset)
        if name != PRESET and fits:
            found[name] = known.suggest(trial, name)
    return found


def own_options(preset: Preset) -> list[str]:
    """Return the names of all options of a preset.

    Example:
        >>> own_options(get_preset("beta_vae"))
        ['beta']
    """
    return list(inspect.signature(get("presets", preset.name)).parameters)


def _preset_of(params: Mapping[str, Any], presets: Sequence[str | Preset]) -> Preset:
    known = [get_preset(preset) for preset in presets]
    name = params.get(PRESET, known[0].name)
    return {preset.name: preset for preset in known}.get(name) or get_preset(name)


def chosen_preset(params: Mapping[str, Any], presets: Sequence[str | Preset]) -> Preset:
    """Return the preset of a trial, with the options that it suggests.

    Args:
        params: As `suggest` returned them; empty for the default.
        presets: The models to choose from, of which the first is the default.
    """
    preset = _preset_of(params, presets)
    own = {
        name.removeprefix(OPTION): value
        for name, value in params.items()
        if name.startswith(OPTION)
    }
    return choose_preset(preset.name, {**preset.options, **own}) if own else preset


def estimator_options(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return those parameters of a trial that are options of the estimator."""
    return {
        name: value
        for name, value in params.items()
        if name not in (PRESET, PRIOR) and not name.startswith(OPTION)
    }
