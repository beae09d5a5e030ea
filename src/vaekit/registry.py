"""Names of parts: built in, registered by hand, or brought by plug-ins; nothing is imported early.

A name belongs to a kind (``"priors"``, ``"domains"``...). Three sources are asked, in this order:

1. what `register` was given in this process;
2. what a package of the core exports, such as ``vaekit.priors``;
3. entry points of installed packages in the group ``vaekit.<kind>``. The modalities of vaekit
   itself (images, tables, series, sequences, molecules) enter through this door as well.

A module is imported when one of its names is used, not before. A name that two sources claim is an
error, since a stored model would otherwise mean something else on another machine.
"""

import functools
import importlib
import importlib.metadata
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload

from vaekit.errors import SpecError, unknown_name

__all__ = ["KINDS", "classes", "get", "name_of", "names", "plugins", "register"]

KINDS: Mapping[str, str | None] = {
    "posteriors": "vaekit.posteriors",
    "priors": "vaekit.priors",
    "likelihoods": "vaekit.likelihoods",
    "networks": "vaekit.networks",
    "latents": "vaekit.latents",
    "models": "vaekit.models",
    "objectives": "vaekit.objectives",
    "presets": "vaekit.presets",
    "domains": None,
    "components": None,
    "metrics": None,
    "commands": None,
    "stored": None,
    "displays": None,
    "trackers": None,
}
"""Every kind of part, and the package of the core whose exports are of that kind."""

STORABLE = (
    "posteriors",
    "priors",
    "likelihoods",
    "networks",
    "latents",
    "models",
    "objectives",
    "domains",
    "components",
)
"""The kinds whose classes a stored description may name."""

T = TypeVar("T")

_registered: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}


@overload
def register(kind: str, value: T, name: str | None = None) -> T: ...
@overload
def register(kind: str, value: None = None, name: str | None = None) -> Callable[[T], T]: ...
def register(kind: str, value: Any = None, name: str | None = None) -> Any:
    """Register a part under a name, in this process; also as a decorator.

    A package that others install had better declare entry points, which need no import::

        [project.entry-points."vaekit.likelihoods"]
        NegativeBinomial = "my_package.likelihoods:NegativeBinomial"

    Args:
        kind: One of `KINDS`.
        value: The class or function; without it, a decorator is returned.
        name: Its name; its own by default.

    Returns:
        The value.

    Raises:
        SpecError: No such kind, or something else has that name.

    Example:
        >>> from vaekit.priors import StandardNormal
        >>> class Shifted(StandardNormal):
        ...     pass
        >>> register("priors", Shifted, name="doctest_shifted").__name__
        'Shifted'
        >>> get("priors", "doctest_shifted") is Shifted
        True
        >>> register("priors", Shifted, name="StandardNormal")
        Traceback (most recent call last):
        ...
        vaekit.errors.SpecError: 'StandardNormal' must be a new name among priors; vaekit has it \
already. Choose another.
    """
    _check_kind(kind)
    if value is None:
        return lambda given: register(kind, given, name)
    own = name or value.__name__
    declared = f"{value.__module__}:{value.__qualname__}"
    if own in _registered[kind]:
        if _identity(_registered[kind][own]) != declared:
            raise _taken(kind, own, f"{_registered[kind][own].__module__} registered it")
    elif own in _exports(kind):
        if not value.__module__.startswith(f"{KINDS[kind]}."):
            raise _taken(kind, own, "vaekit has it already")
        return value
    elif own in _declared(kind):
        if declared not in {point.value for point in _declared(kind)[own]}:
            raise _taken(kind, own, f"the package {_owner(_declared(kind)[own][0])} declares it")
        return value
    _registered[kind][own] = value
    return value


def names(kind: str) -> list[str]:
    """Return all names of a kind, sorted, without importing what they stand for.

    Example:
        >>> "table_vae" in names("presets"), "molecules" in names("domains")
        (True, True)
    """
    _check_kind(kind)
    return sorted({*_registered[kind], *_exports(kind), *_declared(kind)})


def get(kind: str, name: str) -> Any:
    """Import and return what has a name.

    Raises:
        SpecError: Nothing of that kind has it, or two packages claim it.

    Example:
        >>> get("domains", "images").__name__
        'ImageDomain'
    """
    _check_kind(kind)
    if name in _registered[kind]:
        return _registered[kind][name]
    if name in _exports(kind):
        return getattr(importlib.import_module(str(KINDS[kind])), name)
    if name not in _declared(kind):
        raise unknown_name(kind.removesuffix("s"), name, names(kind))
    points = _declared(kind)[name]
    if len(points) > 1:
        owners = " and ".join(sorted(_owner(point) for point in points))
        raise SpecError(
            f"{name!r} must be one package's name among {kind}; {owners} both declare it. "
            "Uninstall one of them."
        )
    return points[0].load()


def name_of(cls: type) -> str | None:
    """Return ``kind.name`` of a storable class; ``None`` if nothing registers it.

    Example:
        >>> from vaekit.priors import StandardNormal
        >>> name_of(StandardNormal)
        'priors.StandardNormal'
    """
    return next((f"{kind}.{own}" for kind in STORABLE if (own := _name_among(kind, cls))), None)


def classes(kind: str) -> dict[str, type]:
    """Import all concrete classes of a storable kind, by name.

    Example:
        >>> classes("priors")["StandardNormal"].__name__
        'StandardNormal'
    """
    found = {name: get(kind, name) for name in names(kind)}
    return {name: value for name, value in found.items() if is_concrete(value)}


def is_concrete(value: Any) -> bool:
    """Return whether something is a class that can be instantiated."""
    return inspect.isclass(value) and not inspect.isabstract(value)


def plugins() -> dict[str, list[str]]:
    """Return what packages other than vaekit declare: ``kind.name`` by package and version."""
    found: dict[str, list[str]] = {}
    for kind in KINDS:
        for name, points in _declared(kind).items():
            for owner in {_owner(point) for point in points}:
                if owner.split()[0] != "vaekit":
                    found.setdefault(owner, []).append(f"{kind}.{name}")
    return found


def provider(kind: str, name: str) -> str:
    """Return the package, with its version, that declares a name; else ``""``."""
    points = _declared(kind).get(name)
    return _owner(points[0]) if points else ""


def _name_among(kind: str, cls: type) -> str | None:
    for name, value in _registered[kind].items():
        if value is cls:
            return name
    if cls.__name__ in _exports(kind) and get(kind, cls.__name__) is cls:
        return str(cls.__name__)
    for name, points in _declared(kind).items():
        if _identity(cls) in {point.value for point in points}:
            return name
    return None


def _identity(value: Any) -> str:
    return f"{value.__module__}:{value.__qualname__}"


def _exports(kind: str) -> frozenset[str]:
    package = KINDS[kind]
    return frozenset() if package is None else _exported(package)


@functools.cache
def _exported(package: str) -> frozenset[str]:
    return frozenset(importlib.import_module(package).__all__)


@functools.cache
def _declared(kind: str) -> dict[str, list[importlib.metadata.EntryPoint]]:
    """Entry points by name; the same package seen twice on the path counts once."""
    found: dict[str, dict[str, importlib.metadata.EntryPoint]] = {}
    for point in importlib.metadata.entry_points(group=f"vaekit.{kind}"):
        found.setdefault(point.name, {}).setdefault(point.value, point)
    return {name: list(points.values()) for name, points in found.items()}


def _owner(point: importlib.metadata.EntryPoint) -> str:
    return "an unknown package" if point.dist is None else f"{point.dist.name} {point.dist.version}"


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise unknown_name("kind of part", kind, KINDS)


def _taken(kind: str, name: str, why: str) -> SpecError:
    return SpecError(f"{name!r} must be a new name among {kind}; {why}. Choose another.")
