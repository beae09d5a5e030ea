"""Functions over a trained model."""

from vaekit.tasks.assemble import assemble
from vaekit.tasks.augmentation import Augmentation, augment
from vaekit.tasks.clustering import Cluster, Clustering, Trait, assign, cluster
from vaekit.tasks.comparison import Comparison, ComparisonSettings, compare
from vaekit.tasks.conditional import sample_where
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
from vaekit.tasks.examine import examine, fit_prior
from vaekit.tasks.fine_tune import fine_tune_model
from vaekit.tasks.fitting import Fitted, Plan, fit_model, train_further
from vaekit.tasks.geodesic import decoded_energy, shorten
from vaekit.tasks.impute import ESTIMATES, impute
from vaekit.tasks.interpolate import interpolate_latents, traverse_latents
from vaekit.tasks.named_priors import NAMED_PRIORS, named_prior
from vaekit.tasks.optimisation import (
    Optimisation,
    Predicted,
    maximise,
    minimise,
    optimise,
    within,
)
from vaekit.tasks.refit import refit_prior
from vaekit.tasks.smoothness import interpolation_smoothness
from vaekit.tasks.trained import Trained

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
    "Optimisation",
    "Plan",
    "Predicted",
    "Swap",
    "Trained",
    "Trait",
    "apply_edit",
    "assemble",
    "assign",
    "augment",
    "cluster",
    "compare",
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
    "impute",
    "interpolate_latents",
    "interpolation_smoothness",
    "maximise",
    "minimise",
    "named_prior",
    "optimise",
    "refit_prior",
    "sample_where",
    "shorten",
    "train_further",
    "transfer",
    "traverse_latents",
    "within",
]
