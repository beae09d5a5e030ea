"""Functions over a trained model."""

from vaekit.tasks.assemble import assemble
from vaekit.tasks.clustering import Cluster, Clustering, Trait, assign, cluster
from vaekit.tasks.comparison import Comparison, ComparisonSettings, compare
from vaekit.tasks.evaluation import Evaluation, EvaluationSettings, evaluate
from vaekit.tasks.examine import examine
from vaekit.tasks.fitting import Fitted, Plan, fit_model
from vaekit.tasks.interpolate import interpolate_latents, traverse_latents
from vaekit.tasks.named_priors import NAMED_PRIORS, named_prior
from vaekit.tasks.refit import refit_prior
from vaekit.tasks.trained import Trained

__all__ = [
    "NAMED_PRIORS",
    "Cluster",
    "Clustering",
    "Comparison",
    "ComparisonSettings",
    "Evaluation",
    "EvaluationSettings",
    "Fitted",
    "Plan",
    "Trained",
    "Trait",
    "assemble",
    "assign",
    "cluster",
    "compare",
    "evaluate",
    "examine",
    "fit_model",
    "interpolate_latents",
    "named_prior",
    "refit_prior",
    "traverse_latents",
]
