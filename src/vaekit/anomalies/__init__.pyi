from .detector import (
    Detector as Detector,
    detector_files as detector_files,
    fit_detector as fit_detector,
    partial_fit_detector as partial_fit_detector,
    read_detector as read_detector,
)
from .drift import Drift as Drift, Moved as Moved, find_drift as find_drift
from .estimator import VAEDetector as VAEDetector, load_detector as load_detector
from .patches import NETWORKS as NETWORKS, PatchDistance as PatchDistance
from .reasons import (
    Reason as Reason,
    reason_words as reason_words,
    region_reasons as region_reasons,
)
from .report import FlaggedItem as FlaggedItem, report_page as report_page
from .steps import AnomalousEvent as AnomalousEvent, StepScorer as StepScorer
from .scores import SCORES as SCORES
from .threshold import (
    automatic_threshold as automatic_threshold,
    check_contamination as check_contamination,
    check_rate as check_rate,
    conformal_p_values as conformal_p_values,
    conformal_threshold as conformal_threshold,
    choose_threshold as choose_threshold,
)
from .detector import Memory as Memory
