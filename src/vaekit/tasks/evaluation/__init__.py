"""Measuring a trained model on held-out data: likelihood, latents, reconstruction, samples."""

from vaekit.tasks.evaluation.evaluate import MEASURES, Evaluation, evaluate
from vaekit.tasks.evaluation.rows import Measure, Row
from vaekit.tasks.evaluation.settings import EvaluationSettings
from vaekit.tasks.evaluation.subject import Subject

__all__ = [
    "MEASURES",
    "Evaluation",
    "EvaluationSettings",
    "Measure",
    "Row",
    "Subject",
    "evaluate",
]
