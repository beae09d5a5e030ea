"""One line of an evaluation, and what makes such lines."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from vaekit.errors import VaekitError
from vaekit.metrics import Estimate
from vaekit.tasks.evaluation.subject import Subject

__all__ = ["Measure", "Row"]


@dataclass(frozen=True)
class Row:
    """A number with what it needs to be understood, or the reason why there is none.

    Attributes:
        measure: What was measured.
        value: The number; ``None`` where there is none, and then `note` says why.
        unit: Of the value and its error; empty for shares and ratios.
        standard_error: Of a mean over items; ``None`` where it is not known.
        items: How many items it was measured on.
        source: Whose samples, where a measure is taken of several.
        note: How to read the number, or why there is none.
        parts: What the value is made of, for instance one number per latent.
        group: Filled in by `Measure`.

    Example:
        >>> Row("ELBO", -90.0, "nats", standard_error=0.5, items=1000).interval
        (-90.9799..., -89.0200...)
    """

    measure: str
    value: float | None
    unit: str = ""
    standard_error: float | None = None
    items: int | None = None
    source: str = ""
    note: str = ""
    parts: tuple[float, ...] | None = None
    group: str = ""

    @classmethod
    def of(cls, measure: str, estimate: Estimate, note: str = "") -> "Row":
        """A mean over items, in nats, with its standard error."""
        error, items = estimate.standard_error, estimate.items
        return cls(measure, estimate.mean, "nats", error, items, note=note)

    @property
    def name(self) -> str:
        """Measure and source in one."""
        return f"{self.measure}, {self.source}" if self.source else self.measure

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % confidence interval; ``None`` without a standard error."""
        if self.value is None or self.standard_error is None:
            return None
        return Estimate(self.value, self.standard_error, self.items or 0).interval()

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain values; numbers that JSON cannot say become ``None``."""
        values = {key: _plain(value) for key, value in asdict(self).items()}
        return values | {"interval": _plain(self.interval)}


@dataclass(frozen=True)
class Measure:
    """A function that makes some rows of one group.

    Attributes:
        group: Which part of the evaluation the rows belong to.
        name: What is measured, for progress and refusals.
        of: Makes the rows; an error of this package is a refusal.
    """

    group: str
    name: str
    of: Callable[[Subject], list[Row]]

    def rows(self, subject: Subject) -> list[Row]:
        """The rows; one with the reason where the model or the data do not allow the measure."""
        try:
            rows = self.of(subject)
        except VaekitError as refusal:
            rows = [Row(self.name, None, note=str(refusal))]
        return [replace(row, group=self.group) for row in rows]


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
