"""Functions over a trained model."""

from vaekit.tasks.assemble import assemble
from vaekit.tasks.editing import (
    EDIT_METHODS,
    CurvePoint,
    Direction,
    Edit,
    EditCurve,
    Swap,
    apply_edit,
    discover_directions,
    edit,
    edit_curve,
    find_direction,
    find_edit,
    transfer,
)
from vaekit.tasks.evaluation import Evaluation, EvaluationSettings, evaluate
from vaekit.tasks.examine import examine
from vaekit.tasks.interpolate import interpolate_latents, traverse_latents
from vaekit.tasks.named_priors import NAMED_PRIORS, named_prior
from vaekit.tasks.refit import refit_prior
from vaekit.tasks.trained import Trained

__all__ = [
    "EDIT_METHODS",
    "NAMED_PRIORS",
    "CurvePoint",
    "Direction",
    "Edit",
    "EditCurve",
    "Evaluation",
    "EvaluationSettings",
    "Swap",
    "Trained",
    "apply_edit",
    "assemble",
    "discover_directions",
    "edit",
    "edit_curve",
    "evaluate",
    "examine",
    "find_direction",
    "find_edit",
    "interpolate_latents",
    "named_prior",
    "refit_prior",
    "transfer",
    "traverse_latents",
]
