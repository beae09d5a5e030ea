"""Where numbers of molecules come from: computed, predicted, or a function of the user's."""

import abc
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch

from vaekit.errors import DataTypeError, VaekitError, unknown_name
from vaekit.fitting.trained import TrainedModel
from vaekit.molecules.design.space import MoleculeSpace
from vaekit.molecules.predictions import predict_from_latents, require_targets
from vaekit.molecules.properties import PROPERTIES, compute_properties
from vaekit.molecules.readable import UNREADABLE

_MOST_LEFT = 4  # calls that were given up and still go on


class HangingError(VaekitError):
    """Too many calls were given up and still go on."""


class TimedCalls:
    """Calls functions, and gives up waiting after a time.

    A call that was given up goes on in its thread, for Python cannot end one; it does not keep the
    program from ending. While four such calls go on, no further one is begun, so that functions
    that hang do not pile up.

    Example:
        >>> TimedCalls().call(len, "CCO", 5.0)
        3
    """

    def __init__(self) -> None:
        self._left: list[threading.Thread] = []

    def call(self, function: Callable[[Any], Any], argument: Any, seconds: float | None) -> Any:
        """Call a function.

        Args:
            function: Of one argument.
            argument: It.
            seconds: How long to wait; ``None`` for as long as it takes, in this thread.

        Raises:
            TimeoutError: It took longer.
            HangingError: It was not called, as too many that were given up still go on.
            BaseException: Whatever the function raised.
        """
        if seconds is None:
            return function(argument)
        self._check()
        answers: list[Any] = []
        errors: list[BaseException] = []

        def work() -> None:
            try:
                answers.append(function(argument))
            except BaseException as error:  # handed to the thread that waits
                errors.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(seconds)
        if errors:
            raise errors[0]
        if not answers:
            self._left.append(thread)
            raise TimeoutError(f"took longer than {seconds:g} s")
        return answers[0]

    def _check(self) -> None:
        self._left = [thread for thread in self._left if thread.is_alive()]
        if len(self._left) >= _MOST_LEFT:
            raise HangingError(
                f"calls must end at some time; {len(self._left)} that took too long still go on, "
                "and Python cannot end them. Allow more time, or let the function start its "
                "program by subprocess.run(..., timeout=seconds), which ends it."
            )


@dataclass(frozen=True)
class Failure:
    """Why a molecule has no value.

    Attributes:
        reason: In words.
    """

    reason: str


Outcome = float | Failure


class MoleculeMeasure(abc.ABC):
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
        """Return one for each molecule, in order, as they come in."""


@dataclass(frozen=True)
class PropertyMeasure(MoleculeMeasure):
    """One of `vaekit.molecules.PROPERTIES`.

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
            yield _number(float(compute_properties([one], [self.name])[self.name][0]))


@dataclass(frozen=True)
class EachMeasure(MoleculeMeasure):
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
class ListMeasure(MoleculeMeasure):
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
            yield from self._all_at_once(list(smiles))
        except HangingError:
            raise
        except Exception as error:  # as of `EachMeasure`
            if len(smiles) == 1:
                yield Failure(_words(error))
            else:
                for one in smiles:
                    yield from self.outcomes([one])

    def _all_at_once(self, smiles: list[str]) -> list[Outcome]:
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


@dataclass(frozen=True, eq=False)
class Predicted(MoleculeMeasure):
    """A property as a model tells it, for instance an activity that was measured of some.

    A search by predictions finds what the model takes for good, errors of the model among it, the
    more the further it goes from what was measured: measure the best, teach them, search again.

    Attributes:
        trained: A model fitted with `MoleculeDomain(targets=...)`; a search that learns further
            does not change what is predicted.
        name: One of its targets; ``NAME=CLASS`` for the probability of a class.
        context: Of a conditional model: one label, or one row of properties, for all molecules.

    Raises:
        CompositionError: The model was taught no targets.
        SpecError: Not that one.

    Example:
        >>> from vaekit import load
        >>> measure = Predicted(load("moses").trained_, "tpsa")
        >>> [round(v, -1) for v in measure.outcomes(["CCOc1ccc(CNC(C)=O)cc1"])]  # by RDKit 38
        [40.0]
    """

    free: ClassVar[bool] = True

    trained: TrainedModel
    name: str
    context: Any = None
    space: MoleculeSpace = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.name not in (names := require_targets(self.trained.domain).columns):
            raise unknown_name("target", self.name, names)
        object.__setattr__(self, "space", MoleculeSpace(self.trained, self.context))

    @property
    def label(self) -> str:
        """So that no table or page passes predictions for measurements."""
        return f"predicted {self.name}"

    def outcomes(self, smiles: Sequence[str]) -> Iterator[Outcome]:
        """Predict; a molecule that the model cannot encode has no value."""
        known, codes = self.space.encode(smiles)
        z = torch.as_tensor(codes, device=self.trained.device)
        rows = self.trained.rows(self.context, len(z))
        predicted = iter(predict_from_latents(self.trained, z, rows)[self.name].tolist())
        for fine in known:
            yield next(predicted) if fine else Failure(f"has {UNREADABLE}")
