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
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from torch import nn

from vaekit.errors import SpecError, unknown_name
from vaekit.registry import STORABLE, classes, get, is_concrete, name_of, names

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


def build(spec: Any, components: Mapping[str, Callable[[], Any] | Any] | None = None) -> Any:
    """Build what `describe` described.

    Args:
        spec: JSON from `describe`.
        components: The user's own modules by their place, as in ``{"encoder": MyNet()}``: an
            object, or a factory.

    Raises:
        SpecError: A name is not registered, an argument is unknown or out of range, or a module
            of the user's own was not handed in.

    Example:
        >>> build({"type": "priors.StandardNormal", "args": {"latent_dim": 2}}).latent_dim
        2
    """
    if isinstance(spec, list):
        return tuple(build(item, components) for item in spec)
    if not isinstance(spec, dict):
        return spec
    if "external" in spec:
        return _external(str(spec["external"]), components or {})
    if set(spec) != {"type", "args"}:
        return {key: build(item, components) for key, item in spec.items()}
    return _construct(spec["type"], spec["args"], components)


def _construct(name: Any, args: Any, components: Mapping[str, Any] | None) -> Any:
    cls = _registered_class(name)
    if not isinstance(args, dict):
        raise SpecError(f"the arguments of {name} must be a JSON object; got {args!r}.")
    values = {key: build(item, components) for key, item in args.items()}
    positional = _variadic(cls)
    spread = values.pop(positional, ()) if positional else ()
    try:
        return cls(*spread, **values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise SpecError(f"{name} refuses the stored arguments {values!r}: {error}") from error


def _registered_class(name: Any) -> type:
    """Look a stored name up among the registered ones; nothing else is ever imported."""
    kind, _, own = name.partition(".") if isinstance(name, str) else ("", "", "")
    cls = get(kind, own) if kind in STORABLE and own in names(kind) else None
    if not is_concrete(cls):
        kinds = [kind] if kind in STORABLE else STORABLE
        known = [f"{kind}.{own}" for kind in kinds for own in names(kind)]
        raise SpecError(
            f"{unknown_name('component', name, known)} A part of another package needs that "
            "package installed; one that you registered, the same vaekit.register(...)."
        )
    return typing.cast(type, cls)


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
