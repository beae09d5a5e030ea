"""Objectives: what training minimises, as weighted sums of terms."""

from vaekit.objectives.adversarial import (
    ContextCritic,
    LatentCritic,
    PriorCritic,
    TotalCorrelationCritic,
)
from vaekit.objectives.arrived import Arrived
from vaekit.objectives.base import Objective, Pace, Term, check_composition
from vaekit.objectives.clustering import ClusterStart
from vaekit.objectives.corruption import AddNoise, Corruption, HideColumns, HideValues
from vaekit.objectives.denoising import Denoising
from vaekit.objectives.discrepancy import MeanDiscrepancy
from vaekit.objectives.elbo import Sum, elbo
from vaekit.objectives.gan import Adversarial
from vaekit.objectives.importance import (
    ImportanceBound,
    PartialImportance,
    PathImportanceBound,
    importance_weighted,
)
from vaekit.objectives.patch_adversary import PatchAdversary
from vaekit.objectives.regularisers import (
    Commitment,
    CovariancePenalty,
    DecomposedKL,
    LatentNorm,
)
from vaekit.objectives.schedules import Cosine, Cyclical, Linear, WarmUpCosine
from vaekit.objectives.smoothness import DecoderNorm, GradientPenalty
from vaekit.objectives.terms import KL, CapacityKL, Reconstruction
from vaekit.objectives.vaegan import VAEGAN

__all__ = [
    "KL",
    "VAEGAN",
    "AddNoise",
    "Adversarial",
    "Arrived",
    "CapacityKL",
    "ClusterStart",
    "Commitment",
    "ContextCritic",
    "Corruption",
    "Cosine",
    "CovariancePenalty",
    "Cyclical",
    "DecoderNorm",
    "DecomposedKL",
    "Denoising",
    "GradientPenalty",
    "HideColumns",
    "HideValues",
    "ImportanceBound",
    "LatentCritic",
    "LatentNorm",
    "Linear",
    "MeanDiscrepancy",
    "Objective",
    "Pace",
    "PartialImportance",
    "PatchAdversary",
    "PathImportanceBound",
    "PriorCritic",
    "Reconstruction",
    "Sum",
    "Term",
    "TotalCorrelationCritic",
    "WarmUpCosine",
    "check_composition",
    "elbo",
    "importance_weighted",
]
