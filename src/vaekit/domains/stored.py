"""Rules between the stored fields of a domain, beyond the type of each."""

from collections.abc import Collection, Sequence, Sized
from dataclasses import dataclass
from typing import Any

from torch import nn

from vaekit.errors import FormatError
from vaekit.schema import shown


@dataclass(frozen=True)
class StoredFields:
    """Says what is wrong with the fields of a stored part.

    Attributes:
        place: Where they are stored, as ``domain.json: domain``.

    Example:
        >>> StoredFields("domain.json: domain").require(False, "steps", "be at least 1", 0)
        Traceback (most recent call last):
        ...
        vaekit.errors.FormatError: domain.json: domain.args.steps must be at least 1; got 0. The \
file is damaged or of another model: get a sound copy.
    """

    place: str

    def require(self, holds: bool, field: str, rule: str, got: object) -> None:
        """Raise unless a rule holds.

        Raises:
            FormatError: It does not.
        """
        if not holds:
            raise FormatError(
                f"{self.place}.args.{field} must {rule}; got {shown(got)}. The file is damaged or "
                "of another model: get a sound copy."
            )

    def one_of(self, field: str, value: object, choices: Collection[object]) -> None:
        """Require one of some values."""
        words = ", ".join(sorted(map(repr, choices)))
        self.require(value in choices, field, f"be one of {words}", value)

    def length(self, field: str, value: Sized | None, count: int) -> None:
        """Require so many items."""
        got = None if value is None else len(value)
        fits = value is not None and len(value) == count
        self.require(fits, field, f"have {count} items", got)

    def scaling(
        self, middle: Sequence[float] | None, scale: Sequence[float] | None, field: str
    ) -> int:
        """Require a middle and a scale of each column, none 0; return how many there are.

        Args:
            middle: The middles.
            scale: The scales.
            field: What the middles are called.
        """
        self.require(bool(middle), field, "be given", middle)
        count = len(middle or ())
        self.length("scale", scale, count)
        self.require(all(scale or ()), "scale", "be other than 0", scale)
        return count

    def names(self, field: str, names: Sequence[Any] | None, count: int | None = None) -> None:
        """Require names that differ, so many of them; ``None`` is fine."""
        if names is None:
            return
        if count is not None:
            self.length(field, names, count)
        self.require(len(set(names)) == len(names), field, "hold names that differ", names)

    def shape(self, event: tuple[int, ...], model: nn.Module) -> None:
        """Require the shape of an item to be the one that the parts of the model were made for."""
        known = {s for part in model.modules() if (s := _shape_of(part))}
        fits = not known or event in known or any(shape[1:] == event for shape in known)
        self.require(fits, "shape", f"be that of the items of the model, {sorted(known)}", event)


def _shape_of(part: nn.Module) -> tuple[int, ...]:
    """Return the shape of an item that a part was made for; empty where it says none."""
    shape = getattr(part, "shape", ())
    is_shape = isinstance(shape, tuple) and all(isinstance(side, int) for side in shape)
    return shape if is_shape else ()


def codes_of(model: nn.Module) -> list[Any]:
    """Return the numbers of codes that the parts of a model were made for, each once."""
    found = [getattr(part, "num_codes", None) for part in model.modules()]
    return [codes for i, codes in enumerate(found) if codes is not None and codes not in found[:i]]
