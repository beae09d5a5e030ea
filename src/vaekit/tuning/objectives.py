"""What is searched for: any measure of an evaluation, and which way it is better."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from vaekit.errors import DataError, SpecError, unknown_name
from vaekit.evaluation.evaluation import MEASURES
from vaekit.evaluation.measures import Measure, ReportRow
from vaekit.evaluation.settings import EvaluationSettings
from vaekit.evaluation.subject import EvaluationContext
from vaekit.fitting.trained import TrainedModel

Direction = Literal["minimize", "maximize"]

ALIASES = {
    "log-likelihood": "IWAE-64 bound",
    "C2ST": "two-sample AUC of boosted trees, samples",
    "FCD": "Fréchet ChemNet distance (FCD), samples",
}
"""Short names of measures."""

_MAXIMIZED = (
    "ELBO",
    "IWAE-64 bound",
    "active units",
    "precision, samples",
    "recall, samples",
    "density, samples",
    "coverage, samples",
    "PSNR",
    "SSIM",
    "MS-SSIM",
    "alpha-precision, samples",
    "beta-recall, samples",
    "codes given back",
    "exact reconstruction",
    "valid reconstructions",
    "similarity of reconstructions",
    "valid halfway between two",
    "valid, samples",
    "different, of valid, samples",
    "new, of different, samples",
    "internal diversity, samples",
    "similarity to nearest held-out (SNN), samples",
    "fragments, cosine (Frag), samples",
    "scaffolds, cosine (Scaf), samples",
    "mutual information of items and latents",
)
_MINIMIZED = (
    "Frechet distance, samples",
    "Frechet distance, reconstructions",
    "squared error per value",
    "KL of the aggregate posterior to the prior",
    "of it total correlation",
    "shape error, samples",
    "trend error, samples",
    "two-sample AUC of boosted trees, samples",
    "samples nearer to training rows",
    "squared error of normal scores",
    "Fréchet ChemNet distance (FCD), samples",
)
DIRECTIONS: Mapping[str, Direction] = {
    **dict.fromkeys(_MAXIMIZED, "maximize"),
    **dict.fromkeys(_MINIMIZED, "minimize"),
}
"""Which way the measures of `vaekit.evaluation.evaluate` are better, as far as that is known."""

_GIVEN = re.compile(r"(?P<name>.+)=(?P<direction>min|max)")


def known_objectives() -> list[str]:
    """Return all names of objectives whose direction is known, short ones first."""
    return [*ALIASES, *DIRECTIONS]


@dataclass(frozen=True)
class Objective:
    """A measure of an evaluation, and which way it is better.

    Attributes:
        name: Of the row, as `vaekit.evaluation.Evaluation.value` takes it.
        direction: Which way it is better.
    """

    name: str
    direction: Direction

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the objective of a name.

        Args:
            text: A measure or a short name (``"log-likelihood"``, ``"C2ST"``, ``"FCD"``); of a
                measure whose direction is not known, one of a plug-in for instance,
                ``"NAME=min"`` or ``"NAME=max"``.

        Raises:
            SpecError: Unknown, and without a direction.

        Example:
            >>> Objective.of("C2ST").direction, Objective.of("my own measure=max").direction
            ('minimize', 'maximize')
        """
        if not isinstance(text, str):
            raise SpecError(f"an objective must be the name of a measure; got {text!r}.")
        if given := _GIVEN.fullmatch(text):
            name = ALIASES.get(given["name"], given["name"])
            return cls(name, "minimize" if given["direction"] == "min" else "maximize")
        name = ALIASES.get(text, text)
        if name in DIRECTIONS:
            return cls(name, DIRECTIONS[name])
        if name.startswith("boosted trees predict "):
            return cls(name, "maximize")
        error = unknown_name("objective", text, known_objectives())
        raise SpecError(
            f"{error} Or name any other measure of vaekit evaluate with its direction: "
            f"'{text}=min' or '{text}=max'."
        )

    @property
    def judges_samples(self) -> bool:
        """Whether it depends on the prior that samples are drawn from."""
        return self.name.endswith("samples")

    @property
    def target(self) -> str | None:
        """The column that trees are to predict, where that is the objective."""
        found = re.fullmatch(r"boosted trees predict (.+), samples", self.name)
        return None if found is None else found[1]

    def better(self, a: float, b: float) -> bool:
        """Return whether a is better than b."""
        return a < b if self.direction == "minimize" else a > b


def measure(
    trained: TrainedModel,
    held_out: Any,
    context: Any,
    training: Any,
    objectives: Sequence[Objective],
    first: Iterable[str] = (),
) -> tuple[list[float], list[str]]:
    """Return the objectives of a model on held-out items.

    Measures are taken one after the other until all are known; others are not taken.

    Args:
        trained: The model.
        held_out: Items that it was not trained on.
        context: Theirs, or ``None``.
        training: The items that it was trained on, which some measures compare with.
        objectives: What is asked for.
        first: Names of the measures that are known to give them, which are taken first.

    Returns:
        A number for each objective, and the names of the measures that gave them.

    Raises:
        DataError: A measure that these data or this model do not have, with the reason.
    """
    target = next((o.target for o in objectives if o.target is not None), None)
    settings = EvaluationSettings(target=target)
    needs_training = any("training" in o.name or "(FCD)" in o.name for o in objectives)
    subject = EvaluationContext.of(
        trained, held_out, context, None, None, settings, None, training if needs_training else None
    )
    wanted, gave = {o.name for o in objectives}, list[str]()
    found: dict[str, ReportRow] = {}
    for each in _ordered(trained.domain.evaluation_measures(subject, MEASURES), set(first)):
        rows = {row.name: row for row in each.rows(subject) if row.name in wanted}
        found |= rows
        gave += [each.name] if rows else []
        if found.keys() == wanted:
            break
    return [_value(found, objective.name) for objective in objectives], gave


def _ordered(measures: Sequence[Measure], first: set[str]) -> list[Measure]:
    return sorted(measures, key=lambda each: each.name not in first)


def _value(found: Mapping[str, ReportRow], name: str) -> float:
    if name not in found:
        raise DataError(
            f"objective {name!r} must be a measure that these data have; it is none. vaekit "
            "evaluate shows those that they have."
        )
    row = found[name]
    if row.value is None or not math.isfinite(row.value):
        why = row.note or f"it is {row.value}"
        raise DataError(f"objective {name!r} must be a finite number; {why}")
    return float(row.value)
