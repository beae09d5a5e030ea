"""Molecules with desired properties: objectives, constraints, methods of search, reports."""

from vaekit.tasks.optimisation.aims import Aim, Towards, Within
from vaekit.tasks.optimisation.assessor import Record
from vaekit.tasks.optimisation.constraints import (
    Bounded,
    Constraint,
    Keeps,
    Lacks,
    NoAlerts,
    Similar,
)
from vaekit.tasks.optimisation.curves import area_of_best, best_so_far, mean_of_best
from vaekit.tasks.optimisation.drawing import draw_best
from vaekit.tasks.optimisation.measures import (
    EachMeasure,
    ListMeasure,
    Measure,
    PropertyMeasure,
)
from vaekit.tasks.optimisation.methods import METHODS, Method, Tools
from vaekit.tasks.optimisation.objectives import Goal, Objective, maximise, minimise, within
from vaekit.tasks.optimisation.optimise import BASELINES, optimise
from vaekit.tasks.optimisation.pareto import pareto_set
from vaekit.tasks.optimisation.predicted import Predicted
from vaekit.tasks.optimisation.report import design_page
from vaekit.tasks.optimisation.result import Optimisation, Summary
from vaekit.tasks.optimisation.search import Found, Progress, search
from vaekit.tasks.optimisation.settings import SearchSettings, round_of
from vaekit.tasks.optimisation.space import MoleculeSpace, Space
from vaekit.tasks.optimisation.starts import Starts, find_starts
from vaekit.tasks.optimisation.table import table

__all__ = [
    "BASELINES",
    "METHODS",
    "Aim",
    "Bounded",
    "Constraint",
    "EachMeasure",
    "Found",
    "Goal",
    "Keeps",
    "Lacks",
    "ListMeasure",
    "Measure",
    "Method",
    "MoleculeSpace",
    "NoAlerts",
    "Objective",
    "Optimisation",
    "Predicted",
    "Progress",
    "PropertyMeasure",
    "Record",
    "SearchSettings",
    "Similar",
    "Space",
    "Starts",
    "Summary",
    "Tools",
    "Towards",
    "Within",
    "area_of_best",
    "best_so_far",
    "design_page",
    "draw_best",
    "find_starts",
    "maximise",
    "mean_of_best",
    "minimise",
    "optimise",
    "pareto_set",
    "round_of",
    "search",
    "table",
    "within",
]
