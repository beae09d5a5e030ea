"""What ``vaekit optimise`` is asked for, from words to objectives."""

import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vaekit.domains import MoleculeDomain
from vaekit.domains.molecules import PROPERTIES
from vaekit.errors import SpecError, unknown_name
from vaekit.tasks.optimisation import (
    Bounded,
    EachMeasure,
    ListMeasure,
    Measure,
    Objective,
    Predicted,
    maximise,
    minimise,
    within,
)
from vaekit.tasks.trained import Trained

__all__ = ["load_function", "read_bounds", "read_objectives"]


def read_objectives(
    highest: list[str] | None,
    lowest: list[str] | None,
    ranges: list[str] | None,
    oracles: list[str] | None,
    lowest_oracles: list[str] | None,
    takes_list: bool,
    seconds: float | None,
    trained: Trained,
    context: Any = None,
) -> list[Objective]:
    """All objectives of a command line.

    A name is that of a property, or of a column of the user's that the model was taught.

    Raises:
        SpecError: None, an unknown property, or words that are no ends.
    """

    def what(name: str) -> str | Measure:
        return _asked(name, trained, context)

    found = [_towards(maximise, text, what) for text in highest or []]
    found += [_towards(minimise, text, what) for text in lowest or []]
    found += [_within(text, what) for text in ranges or []]
    for make, texts in ((maximise, oracles), (minimise, lowest_oracles)):
        for text in texts or []:
            name = text.rpartition(":")[2]
            found.append(make(_measure(load_function(text), takes_list, seconds), name=name))
    if not found:
        raise SpecError(
            "there must be something to search for: --maximise qed, --minimise sa, --range "
            "logp=2..3, or --oracle file.py:function."
        )
    return found


def _measure(function: Callable[..., Any], takes_list: bool, seconds: float | None) -> Measure:
    if seconds is not None and not seconds > 0:
        raise SpecError(f"--timeout must be above 0; got {seconds}.")
    return ListMeasure(function, seconds) if takes_list else EachMeasure(function, seconds)


def _asked(name: str, trained: Trained, context: Any) -> str | Measure:
    scales = trained.domain.scales if isinstance(trained.domain, MoleculeDomain) else None
    own = () if scales is None else scales.own
    if name in own:
        return Predicted(trained, name, context)
    if name not in PROPERTIES:
        raise unknown_name("property", name, [*own, *PROPERTIES])
    return name


def _towards(
    make: Callable[..., Objective], text: str, what: Callable[[str], str | Measure]
) -> Objective:
    name, ends = _parsed(text)
    if len(ends) == 1:
        raise SpecError(f"what is worst and best enough must be NAME=LOW..HIGH; got {text!r}.")
    worst, best = (ends if make is maximise else ends[::-1]) or (None, None)
    return make(what(name), worst, best)


def _within(text: str, what: Callable[[str], str | Measure]) -> Objective:
    name, ends = _parsed(text)
    if not ends:
        raise SpecError(f"--range must be NAME=LOW..HIGH or NAME=TARGET; got {text!r}.")
    return within(what(name), ends[0], ends[-1])


def read_bounds(texts: list[str] | None) -> list[Bounded]:
    """``["mw=200..500"]`` to constraints; an end may be left out.

    Example:
        >>> [rule.words for rule in read_bounds(["mw=..500"])]
        ['mw from -inf to 500']
    """
    return [_bounded(text) for text in texts or []]


def _bounded(text: str) -> Bounded:
    name, _, ends = text.partition("=")
    low, dots, high = ends.partition("..")
    if not dots or not (low or high):
        raise SpecError(f"--bound must be NAME=LOW..HIGH, NAME=LOW.. or NAME=..HIGH; got {text!r}.")
    return Bounded(
        name,
        _number(low, text) if low else -float("inf"),
        _number(high, text) if high else float("inf"),
    )


def _parsed(text: str) -> tuple[str, list[float]]:
    """Name, and no number, one, or two."""
    name, equals, ends = text.partition("=")
    return name, [_number(end, text) for end in ends.split("..", 1)] if equals else []


def _number(text: str, whole: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SpecError(
            f"the ends of a range must be numbers, as in logp=2..3; got {whole!r}."
        ) from None


def load_function(text: str) -> Callable[..., Any]:
    """Run a Python file of the user's own, and take a function from it.

    Other files in its folder can be imported by it.

    Args:
        text: ``"file.py:function"``.

    Raises:
        SpecError: No such file or function, or the file fails.
    """
    path, colon, name = text.rpartition(":")
    if not colon or not Path(path).is_file():
        raise SpecError(f"--oracle must be FILE.py:FUNCTION of a file that exists; got {text!r}.")
    spec = importlib.util.spec_from_file_location("vaekit_oracle", path)
    if spec is None or spec.loader is None:
        raise SpecError(f"--oracle must name a Python file that ends in .py; got {path!r}.")
    module = importlib.util.module_from_spec(spec)
    sys.modules["vaekit_oracle"] = module  # so that its dataclasses find themselves
    sys.path.append(str(Path(path).parent.resolve()))  # and its neighbours are found
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise SpecError(f"{path} must run; it raised {type(error).__name__}: {error}.") from error
    function: Any = getattr(module, name, None)
    if not callable(function):
        own = [
            other
            for other, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__
        ]
        raise SpecError(f"{path} must have a function {name!r}; it has {', '.join(own) or 'none'}.")
    return function  # type: ignore[no-any-return]
