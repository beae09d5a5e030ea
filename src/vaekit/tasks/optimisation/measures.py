"""Where numbers of molecules come from: computed properties, and the user's own functions."""

import abc
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from vaekit.domains.molecules import PROPERTIES, properties_of
from vaekit.errors import DataTypeError, unknown_name
from vaekit.tasks.optimisation.timing import HangingError, TimedCalls

__all__ = ["EachMeasure", "Failure", "ListMeasure", "Measure", "Outcome", "PropertyMeasure"]


@dataclass(frozen=True)
class Failure:
    """Why a molecule has no value.

    Attributes:
        reason: In words.
    """

    reason: str


Outcome = float | Failure


class Measure(abc.ABC):
    """Gives each molecule a number, or says why not.

    Attributes:
        free: Whether it may be asked about any number of molecules, to begin with the best.
    """

    free: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """What its numbers are called, where an objective is given no name."""
        return "oracle"

    @abc.abstractmethod
    def outcomes(self, smiles: Sequence[str]) -> Iterator[Outcome]:
        """One for each molecule, in order, as they come in."""


@dataclass(frozen=True)
class PropertyMeasure(Measure):
    """One of `vaekit.domains.molecules.PROPERTIES`.

    Attributes:
        name: Its name.

    Raises:
        SpecError: No property has that name.

    Example:
        >>> [round(value, 1) for value in PropertyMeasure("mw").outcomes(["CCO"])]
        [46.1]
    """

    free: ClassVar[bool] = True

    name: str

    def __post_init__(self) -> None:
        if self.name not in PROPERTIES:
            raise unknown_name("property", self.name, PROPERTIES)

    @property
    def label(self) -> str:
        """The property's name."""
        return self.name

    def outcomes(self, smiles: Sequence[str]) -> Iterator[Outcome]:
        """Compute it."""
        for one in smiles:
            yield _number(float(properties_of([one], [self.name])[self.name][0]))


@dataclass(frozen=True)
class EachMeasure(Measure):
    """A function of one SMILES.

    Attributes:
        function: Returns a number.
        seconds: The most that a call may take; ``None`` for no limit.
        calls: Those that were given up; see `TimedCalls`.

    Example:
        >>> list(EachMeasure(len).outcomes(["CCO"]))
        [3.0]
    """

    function: Callable[[str], Any]
    seconds: float | None = None
    calls: TimedCalls = field(default_factory=TimedCalls, init=False, repr=False, compare=False)

    def outcomes(self, smiles: Sequence[str]) -> Iterator[Outcome]:
        """Call it for each."""
        for one in smiles:
            yield self._outcome(one)

    def _outcome(self, smiles: str) -> Outcome:
        try:
            return _number(self.calls.call(self.function, smiles, self.seconds))
        except HangingError:
            raise
        except Exception as error:  # whatever the user's code does, the run goes on
            return Failure(_words(error))


@dataclass(frozen=True)
class ListMeasure(Measure):
    """A function of a list of SMILES.

    Attributes:
        function: Returns as many numbers.
        seconds: The most that a call may take for each molecule in it; ``None`` for no limit.
        calls: Those that were given up; see `TimedCalls`.

    Example:
        >>> list(ListMeasure(lambda smiles: [len(one) for one in smiles]).outcomes(["CCO", "C"]))
        [3.0, 1.0]
    """

    function: Callable[[list[str]], Any]
    seconds: float | None = None
    calls: TimedCalls = field(default_factory=TimedCalls, init=False, repr=False, compare=False)

    def outcomes(self, smiles: Sequence[str]) -> Iterator[Outcome]:
        """Call it for all; where that fails, for each, so that one does not spoil the others."""
        try:
            yield from self._together(list(smiles))
        except HangingError:
            raise
        except Exception as error:  # as of `EachMeasure`
            if len(smiles) == 1:
                yield Failure(_words(error))
            else:
                for one in smiles:
                    yield from self.outcomes([one])

    def _together(self, smiles: list[str]) -> list[Outcome]:
        seconds = None if self.seconds is None else self.seconds * len(smiles)
        values = list(self.calls.call(self.function, smiles, seconds))
        if len(values) != len(smiles):
            raise DataTypeError(
                f"a function of a list must return as many numbers; got {len(values)} for "
                f"{len(smiles)} molecules."
            )
        return [_number(value) for value in values]


def _number(value: Any) -> Outcome:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return Failure(f"is no number: {value!r}"[:200])
    return number if math.isfinite(number) else Failure(f"is {number}")


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200]
