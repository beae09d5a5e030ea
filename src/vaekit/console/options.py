"""Command-line options made from the estimator's signature, so that the two cannot drift."""

import inspect
import re
import types
import typing
from collections.abc import Callable
from typing import Any

import typer

from vaekit.autoencoder import Autoencoder
from vaekit.errors import SpecError

_NOT_ON_THE_COMMAND_LINE = frozenset({"encoder", "decoder", "checkpoint_dir", "progress", "domain"})
_SIMPLE = (bool, int, float, str)


def accept_estimator_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that takes ``**options`` one option for each argument of `Autoencoder`."""
    own = [
        p
        for p in inspect.signature(command).parameters.values()
        if p.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    signature = inspect.Signature([*own, *_estimator_options()])
    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    return command


def _estimator_options() -> list[inspect.Parameter]:
    described = _descriptions()
    hints = typing.get_type_hints(Autoencoder.__init__)
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=typer.Option(parameter.default, help=described[name]),
            annotation=_simple_type(hints[name]),
        )
        for name, parameter in inspect.signature(Autoencoder).parameters.items()
        if name not in _NOT_ON_THE_COMMAND_LINE
    ]


def _simple_type(hint: Any) -> Any:
    """The part of a type that a word can stand for: ``str | Preset`` is a str."""
    members = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    simple = next(kind for kind in _SIMPLE if kind in members)
    return simple | None if type(None) in members else simple


def _descriptions() -> dict[str, str]:
    """What the estimator's docstring says of each argument."""
    section = inspect.getdoc(Autoencoder) or ""
    section = section.split("Args:\n", 1)[1].split("\n\nAttributes:", 1)[0]
    entries = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", section, flags=re.MULTILINE)
    return {name: re.sub(r"\s+", " ", text).replace("``", "") for name, text in entries}


def parse_assignments(pairs: list[str]) -> dict[str, Any]:
    """``["beta=4.5", "k=8", "family=normal"]`` to a dictionary of numbers and words.

    Raises:
        SpecError: A pair without ``=``, or without anything after it.

    Example:
        >>> parse_assignments(["beta=0.5", "k=8", "gradient=path"])
        {'beta': 0.5, 'k': 8, 'gradient': 'path'}
    """
    return dict(_assignment(pair) for pair in pairs)


def _assignment(pair: str) -> tuple[str, int | float | str]:
    name, _, value = pair.partition("=")
    if not name or not value:
        raise SpecError(f"a preset option must be NAME=VALUE, as in beta=4; got {pair!r}.")
    if re.fullmatch(r"[+-]?\d+", value):
        return name, int(value)
    try:
        return name, float(value)
    except ValueError:
        return name, value
