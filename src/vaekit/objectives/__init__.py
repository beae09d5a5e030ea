"""Objectives: what training minimises, as weighted sums of terms."""

from vaekit.objectives.base import Objective, Term, check_composition
from vaekit.objectives.elbo import Sum, elbo
from vaekit.objectives.importance import ImportanceBound, importance_weighted
from vaekit.objectives.schedules import Cosine, Cyclical, Linear, WarmUpCosine
from vaekit.objectives.terms import KL, CapacityKL, Reconstruction

__all__ = [
    "KL",
    "CapacityKL",
    "Cosine",
    "Cyclical",
    "ImportanceBound",
    "Linear",
    "Objective",
    "Reconstruction",
    "Sum",
    "Term",
    "WarmUpCosine",
    "check_composition",
    "elbo",
    "importance_weighted",
]
