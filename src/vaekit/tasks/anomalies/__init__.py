"""What is unlike the rest, by how much, and why."""

from vaekit.tasks.anomalies.detector import Detector, Reason, fit_detector
from vaekit.tasks.anomalies.scores import SCORES
from vaekit.tasks.anomalies.steps import Event, StepDetector, fit_steps
from vaekit.tasks.anomalies.threshold import automatic_threshold, conformal_p_values

__all__ = [
    "SCORES",
    "Detector",
    "Event",
    "Reason",
    "StepDetector",
    "automatic_threshold",
    "conformal_p_values",
    "fit_detector",
    "fit_steps",
]
