"""Functions over a trained model, each from its own package."""

from vaekit.augmentation.advice import Augmentation
from vaekit.augmentation.augment_table import augment
from vaekit.clustering.clusters import Cluster, Clustering, Trait, assign, cluster
from vaekit.comparison.models import Comparison, compare
from vaekit.comparison.settings import ComparisonSettings
from vaekit.editing.codes import Direction, Edit, Swap
from vaekit.editing.curve import CurvePoint, EditCurve, edit_curve
from vaekit.editing.directions import find_direction
from vaekit.editing.edits import (
    EDIT_METHODS,
    apply_edit,
    discover_directions,
    edit,
    find_edit,
    transfer,
)
from vaekit.evaluation.evaluation import Evaluation, evaluate
from vaekit.evaluation.measures import interpolation_smoothness
from vaekit.evaluation.settings import EvaluationSettings
from vaekit.fitting.conditional import sample_where
from vaekit.fitting.fine_tuning import fine_tune_model
from vaekit.fitting.fit import (
    Fitted,
    Plan,
    assemble,
    continue_training,
    examine,
    fit_model,
    fit_prior,
)
from vaekit.fitting.interpolation import (
    decoded_energy,
    interpolate_latents,
    shorten,
    traverse_latents,
)
from vaekit.fitting.prior import NAMED_PRIORS, get_prior, refit_prior
from vaekit.fitting.trained import TrainedModel
from vaekit.molecules.design.measures import Predicted
from vaekit.molecules.design.objectives import maximize, minimize, within
from vaekit.molecules.design.optimize import Optimization, optimize
from vaekit.tables.imputation import ESTIMATES, impute

__all__ = [
    "EDIT_METHODS",
    "ESTIMATES",
    "NAMED_PRIORS",
    "Augmentation",
    "Cluster",
    "Clustering",
    "Comparison",
    "ComparisonSettings",
    "CurvePoint",
    "Direction",
    "Edit",
    "EditCurve",
    "Evaluation",
    "EvaluationSettings",
    "Fitted",
    "Optimization",
    "Plan",
    "Predicted",
    "Swap",
    "TrainedModel",
    "Trait",
    "apply_edit",
    "assemble",
    "assign",
    "augment",
    "cluster",
    "compare",
    "continue_training",
    "decoded_energy",
    "discover_directions",
    "edit",
    "edit_curve",
    "evaluate",
    "examine",
    "find_direction",
    "find_edit",
    "fine_tune_model",
    "fit_model",
    "fit_prior",
    "get_prior",
    "impute",
    "interpolate_latents",
    "interpolation_smoothness",
    "maximize",
    "minimize",
    "optimize",
    "refit_prior",
    "sample_where",
    "shorten",
    "transfer",
    "traverse_latents",
    "within",
]
