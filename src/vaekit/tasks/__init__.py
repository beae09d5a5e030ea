"""Functions over a trained model."""

from vaekit.tasks.assemble import assemble
from vaekit.tasks.evaluation import Evaluation, EvaluationSettings, evaluate
from vaekit.tasks.examine import examine
from vaekit.tasks.interpolate import interpolate_latents, traverse_latents
from vaekit.tasks.named_priors import NAMED_PRIORS, named_prior
from vaekit.tasks.refit import refit_prior
from vaekit.tasks.trained import Trained

__all__ = [
    "NAMED_PRIORS",
    "Evaluation",
    "EvaluationSettings",
    "Trained",
    "assemble",
    "evaluate",
    "examine",
    "interpolate_latents",
    "named_prior",
    "refit_prior",
    "traverse_latents",
]
