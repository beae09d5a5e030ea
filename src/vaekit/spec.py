"""Objects to JSON and back, by name and constructor arguments; nothing stored is ever executed.

The rule that makes it work is scikit-learn's: a component's constructor arguments are its
configuration, and each is kept under its own name. So an object is described by
``{"type": "posteriors.DiagonalGaussian", "args": {"features_dim": 256, "latent_dim": 16}}``,
and only names in `vaekit.registry` can be built again. A module of the user's
own is described as ``{"external": "package.Class"}`` and has to be handed in again on loading.
"""

import functools
import inspect
import math
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import NoneType
from typing import Any

import numpy as np
from torch import nn

from vaekit.errors import SpecError, VaekitError, unknown_name
from vaekit.registry import STORABLE, classes, get, is_concrete, name_of, names
from vaekit.schema import check_arguments, shown

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@functools.cache
def components() -> dict[str, type]:
    """Import all concrete classes that a stored description may name, by ``kind.Name``.

    Example:
        >>> components()["priors.StandardNormal"].__name__
        'StandardNormal'
    """
    return {f"{kind}.{name}": cls for kind in STORABLE for name, cls in classes(kind).items()}


def describe(value: Any, place: str = "") -> Json:
    """Describe a component, or an argument of one, as JSON.

    Args:
        value: What to describe.
        place: Where it stands, as in ``encoder.links.0``: the name by which a module of the
            user's own is asked for on loading.

    Raises:
        SpecError: An argument is neither JSON, nor a component, nor a user's own module.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise SpecError(f"a stored number must be finite; got {value!r}.")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return describe(value.item(), place)
    if isinstance(value, list | tuple | nn.ModuleList):
        return [describe(item, _inside(place, i)) for i, item in enumerate(value)]
    if isinstance(value, Mapping):
        return {str(key): describe(item, _inside(place, key)) for key, item in value.items()}
    name = name_of(type(value))
    if name is None and callable(value):  # a network, a term, a schedule
        return {"external": place or type(value).__qualname__}
    if name is None:
        raise SpecError(
            f"{place or 'the value'} must be JSON, a component of vaekit or a module of your own "
            f"to be stored; got {type(value).__name__}."
        )
    return {"type": name, "args": describe(arguments(value), place)}


def _inside(place: str, name: object) -> str:
    return f"{place}.{name}" if place else str(name)


def arguments(value: object) -> dict[str, Any]:
    """The constructor arguments of a component, read from the attributes of the same names."""
    if type(value).__init__ is nn.Module.__init__:  # a module that takes nothing
        return {}
    names = inspect.signature(type(value).__init__).parameters
    try:
        return {name: getattr(value, name) for name in names if name != "self"}
    except AttributeError as error:
        raise SpecError(
            f"{type(value).__name__} must keep each constructor argument in an attribute of the "
            f"same name, so that it can be stored; {error}."
        ) from error


def with_defaults(spec: Any) -> Any:
    """Return a stored description with the arguments that components have got since then.

    Args:
        spec: JSON from `describe`, of this version or an earlier one.

    Example:
        >>> stored = {"type": "likelihoods.Gaussian", "args": {}}
        >>> with_defaults(stored) == {"type": "likelihoods.Gaussian", "args": {"scale": 1.0}}
        True
    """
    if isinstance(spec, list):
        return [with_defaults(item) for item in spec]
    if not isinstance(spec, dict):
        return spec
    filled = {key: with_defaults(item) for key, item in spec.items()}
    if spec.keys() != {"type", "args"} or not isinstance(filled["args"], dict):
        return filled
    kind, _, own = str(spec["type"]).partition(".")
    if kind not in STORABLE or own not in names(kind):
        return filled
    for parameter in inspect.signature(get(kind, own)).parameters.values():
        if parameter.default is not parameter.empty and parameter.name not in filled["args"]:
            filled["args"][parameter.name] = describe(parameter.default)
    return filled


@dataclass(frozen=True)
class Source:
    """Where a description comes from, and what it may ask for.

    Attributes:
        place: What errors call it, as in ``model.json: model``.
        components: The user's own modules by their place, as in ``{"encoder": MyNet()}``: an
            object, or a factory.
        kinds: The kinds of parts that it may name.
        largest: The largest whole number of an argument whose annotation has no mark; see
            `vaekit.bounds.Between`.
    """

    place: str = "the description"
    components: Mapping[str, Callable[[], Any] | Any] = field(default_factory=dict)
    kinds: Sequence[str] = STORABLE
    largest: int = 2**31


def build(
    spec: Any,
    components: Mapping[str, Callable[[], Any] | Any] | None = None,
    source: Source | None = None,
) -> Any:
    """Build what `describe` described.

    Args:
        spec: JSON from `describe`.
        components: The user's own modules by their place, as in ``{"encoder": MyNet()}``: an
            object, or a factory.
        source: Where it is stored, and what it may ask for; by default it is trusted to be of a
            sensible size.

    Raises:
        SpecError: A name is not registered, an argument is unknown or out of range, or a module
            of the user's own was not handed in.
        FormatError: An argument is of the wrong type or size; names it.

    Example:
        >>> build({"type": "priors.StandardNormal", "args": {"latent_dim": 2}}).latent_dim
        2
    """
    source = source or Source()
    if components:
        source = replace(source, components=components)
    return _built(spec, source, source.place)


def _built(spec: Any, source: Source, place: str) -> Any:
    if isinstance(spec, list):
        if all(type(item) in _PLAIN for item in spec):  # as of thousands of numbers
            return tuple(spec)
        return tuple(_built(item, source, f"{place}[{i}]") for i, item in enumerate(spec))
    if not isinstance(spec, dict):
        return spec
    if "external" in spec:
        return _external(str(spec["external"]), source.components)
    if spec.keys() != {"type", "args"}:
        return {key: _built(item, source, f"{place}.{key}") for key, item in spec.items()}
    return _construct(spec["type"], spec["args"], source, place)


_PLAIN = (int, float, str, bool, NoneType)


def _construct(name: Any, args: Any, source: Source, place: str) -> Any:
    cls = _registered_class(name, source, place)
    if not isinstance(args, dict):
        raise SpecError(
            f"{place}: the arguments of {name} must be a JSON object; got {shown(args)}."
        )
    values = {key: _built(item, source, f"{place}.args.{key}") for key, item in args.items()}
    check_arguments(cls, values, f"{place}.args", name, source.largest)
    positional = _variadic(cls)
    spread = values.pop(positional, ()) if positional else ()
    try:
        return cls(*spread, **values)
    except VaekitError:
        raise
    except Exception as error:
        # A constructor relies on arguments that fit each other; stored ones may not.
        raise SpecError(
            f"{place}: {name} refuses the stored arguments {shown(values)}: {error}"
        ) from error


def _registered_class(name: Any, source: Source, place: str) -> type:
    """Look a stored name up among the registered ones; nothing else is ever imported."""
    kind, _, own = name.partition(".") if isinstance(name, str) else ("", "", "")
    cls = get(kind, own) if kind in source.kinds and own in names(kind) else None
    if not is_concrete(cls):
        kinds = [kind] if kind in source.kinds else source.kinds
        known = [f"{kind}.{own}" for kind in kinds for own in names(kind)]
        raise SpecError(
            f"{place}.type: {unknown_name('component', name, known)} A part of "
            "another package needs that package installed; one that you registered, the same "
            "vaekit.register(...)."
        )
    return typing.cast(type, cls)


@functools.cache
def _variadic(cls: type) -> str | None:
    parameters = inspect.signature(typing.cast(Any, cls).__init__).parameters.values()
    return next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)


def _external(name: str, components: Mapping[str, Any]) -> Any:
    if name not in components:
        raise SpecError(
            f"the model's {name} is a module of your own, whose code is not stored; pass "
            f"load(..., components={{{name!r}: YourModule(...)}})."
        )
    given = components[name]
    return given() if inspect.isfunction(given) or inspect.isclass(given) else given
