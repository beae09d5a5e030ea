"""What is unlike the rest, by how much, and why."""

from vaekit.tasks.anomalies.detector import Detector, fit_detector
from vaekit.tasks.anomalies.drift import Drift, Moved, find_drift
from vaekit.tasks.anomalies.further import learn_further
from vaekit.tasks.anomalies.reasons import Reason
from vaekit.tasks.anomalies.report import Found, reason_words, report_page, series_page
from vaekit.tasks.anomalies.scores import SCORES
from vaekit.tasks.anomalies.steps import Event, StepDetector, fit_steps, restore_steps
from vaekit.tasks.anomalies.stored import detector_files, read_detector
from vaekit.tasks.anomalies.threshold import (
    automatic_threshold,
    check_contamination,
    check_rate,
    conformal_p_values,
    conformal_threshold,
    threshold_of,
)

__all__ = [
    "SCORES",
    "Detector",
    "Drift",
    "Event",
    "Found",
    "Moved",
    "Reason",
    "StepDetector",
    "automatic_threshold",
    "check_contamination",
    "check_rate",
    "conformal_p_values",
    "conformal_threshold",
    "detector_files",
    "find_drift",
    "fit_detector",
    "fit_steps",
    "learn_further",
    "read_detector",
    "reason_words",
    "report_page",
    "restore_steps",
    "series_page",
    "threshold_of",
]
