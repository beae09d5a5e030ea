"""What stored text may ask for: how large its whole numbers are, and what is made from them.

A description of a model is text, and a few bytes of it can ask for any time and memory. What is
sound is known beforehand: the stored tensors say how many there are, and how large.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from torch import nn
from torch.nn.modules import module as torch_module
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

from vaekit.errors import FormatError

SMALLEST_LARGEST = 2**16
"""A whole number that no tensor shows, such as the side of an image, may always be so large."""

_MODULES_PER_TENSOR, _FEWEST_MODULES = 20, 1000
_FEWEST_TENSORS, _FEWEST_VALUES = 64, 2**22


@dataclass(frozen=True)
class Between:
    """A mark of an annotation: the least and the largest that a stored whole number may be.

    A number without a mark shows in the shapes of the stored tensors, and is bounded by those.

    Attributes:
        least: The smallest.
        largest: The largest.
    """

    least: int
    largest: int


Steps = Annotated[int, Between(0, 10_000_000)]
"""Of a fit that follows the training: nothing is made of them, and no tensor shows them."""

Iterations = Annotated[int, Between(0, 100_000)]
"""Of what is done for each item that is drawn or encoded."""

Side = Annotated[int, Between(0, 8192)]
"""Of what a table is made with as many rows or columns, before any tensor: masks of flows."""

Layers = Annotated[int, Between(0, 256)]
"""Of a Transformer of PyTorch, which copies the first one, and not what it was made from."""

Amount = Annotated[int, Between(0, 2**63)]
"""Of what was counted in the data: nothing is made of it."""

Integer = Annotated[int, Between(-(2**63), 2**63)]
"""A value from the data."""


@dataclass(frozen=True)
class Within:
    """A mark of an annotation: where a stored number that need not be whole must lie.

    Attributes:
        least: The smallest; ``None`` for any.
        most: The largest; ``None`` for any.
        above: What it must be larger than; ``None`` for any.
    """

    least: float | None = None
    most: float | None = None
    above: float | None = None


Share = Annotated[float, Within(least=0.0, most=1.0)]
"""Of units that are left out, of values that are replaced."""

Positive = Annotated[float, Within(above=0.0)]
"""A temperature, the size of a step."""

NotNegative = Annotated[float, Within(least=0.0)]
"""What is added to keep a matrix regular."""


@dataclass(frozen=True)
class Budget:
    """What a description may ask for.

    Attributes:
        largest: The largest whole number of an argument without a mark.
        tensors: How many parameters and buffers may be made.
        values: How many numbers they may have in all.
        modules: How many modules may be put into others.

    Example:
        >>> Budget.of([(2, 100_000), (3,)]).largest
        100000
    """

    largest: int = SMALLEST_LARGEST
    tensors: int = _FEWEST_TENSORS
    values: int = _FEWEST_VALUES
    modules: int = _FEWEST_MODULES

    @classmethod
    def of(cls, shapes: "list[tuple[int, ...]]") -> "Budget":
        """Return what tensors of these shapes allow.

        Twice as many tensors and numbers may be made as are stored: some parts make one and
        replace it, and some keep what they do not store.
        """
        counts = [_product(shape) for shape in shapes]
        full = [shape for shape, count in zip(shapes, counts, strict=True) if count]
        return cls(
            max([SMALLEST_LARGEST, *(side for shape in full for side in shape)]),
            _FEWEST_TENSORS + 2 * len(shapes),
            _FEWEST_VALUES + 2 * sum(counts),
            _FEWEST_MODULES + _MODULES_PER_TENSOR * len(shapes),
        )


def _product(shape: tuple[int, ...]) -> int:
    count = 1
    for side in shape:
        count *= side
    return count


class _Meter:
    """Counts what modules register, and stops when that is more than a budget has."""

    def __init__(self, budget: Budget, place: str) -> None:
        self.budget, self.place = budget, place
        self.tensors = self.values = self.modules = 0

    def count_tensor(self, tensor: Any) -> None:
        """Count a parameter or a buffer."""
        self.tensors += 1
        self.values += tensor.numel()
        if self.tensors > self.budget.tensors or self.values > self.budget.values:
            raise self._refused(f"{self.tensors} tensors of {self.values} numbers")

    def count_module(self) -> None:
        """Count a module."""
        self.modules += 1
        if self.modules > self.budget.modules:
            raise self._refused(f"{self.modules} modules")

    def _refused(self, got: str) -> FormatError:
        return FormatError(
            f"{self.place} must fit the stored weights, and so must be of at most "
            f"{self.budget.tensors} tensors of {self.budget.values} numbers and "
            f"{self.budget.modules} modules; got {got} or more. The file is damaged or foreign: "
            "get a sound copy."
        )


_counting = threading.local()


def _tensor_registered(owner: Any, name: str, tensor: Any) -> None:
    meter = getattr(_counting, "meter", None)
    if meter is not None and tensor is not None:
        meter.count_tensor(tensor)


def _module_registered(owner: Any, name: str, module: Any) -> None:
    meter = getattr(_counting, "meter", None)
    if meter is not None:
        meter.count_module()


# Once and for good: PyTorch's lists of hooks must not change while another thread makes modules.
torch_module.register_module_parameter_registration_hook(_tensor_registered)
torch_module.register_module_buffer_registration_hook(_tensor_registered)
torch_module.register_module_module_registration_hook(_module_registered)


class _Unfilled(TorchFunctionMode):
    """Leaves out what fills tensors, which have no memory here: it takes most of the time.

    Small constants stay on the CPU: on the meta device PyTorch works out what becomes of them in
    Python, and imports its compiler for that, which takes longer than to load most models.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        if func in _FILLS:
            filled = args[0] if args else named.get("tensor")
            if isinstance(filled, torch.Tensor) and filled.is_meta:
                return filled
        if func in _DRAWS and named.get("device") is None:
            return torch.empty(*args, **named)
        if func in _CONSTANTS and named.get("device") is None and _is_small(args, named):
            return func(*args, **{**named, "device": "cpu"})
        try:
            return func(*args, **named)
        except RuntimeError:
            if not _are_mixed(args, named):
                raise
        args, named = tree_map(_without_memory, (args, named))  # a constant met a parameter
        return func(*args, **named)


def _is_small(args: Sequence[Any], named: Mapping[str, Any]) -> bool:
    """Return whether no number is large, and there is no step, which might be tiny."""
    numbers = [value for value in (*args, *named.values()) if isinstance(value, int | float)]
    return len(args) <= 2 and all(abs(number) <= _SMALL for number in numbers)


def _are_mixed(args: Sequence[Any], named: Mapping[str, Any]) -> bool:
    tensors = [each for each in tree_leaves((args, named)) if isinstance(each, torch.Tensor)]
    return len({tensor.is_meta for tensor in tensors}) > 1


def _without_memory(value: Any) -> Any:
    return value.to("meta") if isinstance(value, torch.Tensor) else value


_SMALL = 1024
_DRAWS = frozenset({torch.rand, torch.randn})
_CONSTANTS = frozenset({torch.arange, torch.eye, torch.tensor})
_FILLS = frozenset(
    {
        torch.Tensor.fill_,
        torch.Tensor.normal_,
        torch.Tensor.uniform_,
        torch.Tensor.zero_,
        nn.init.kaiming_uniform_,
        nn.init.normal_,
        nn.init.uniform_,
    }
)


@contextmanager
def metered(budget: Budget, place: str) -> Iterator[None]:
    """Within the block, modules that this thread makes must stay within a budget.

    Args:
        budget: What they may be.
        place: What is built, as errors call it.

    Raises:
        FormatError: There are more, or larger ones; raised as soon as that is so.
    """
    _counting.meter = _Meter(budget, place)
    try:
        with torch.device("meta"), _Unfilled():
            yield
    finally:
        _counting.meter = None
