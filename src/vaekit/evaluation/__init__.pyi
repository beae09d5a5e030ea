from .evaluation import Evaluation as Evaluation, MEASURES as MEASURES, evaluate as evaluate
from .measures import (
    Measure as Measure,
    ReportRow as ReportRow,
    interpolation_smoothness as interpolation_smoothness,
)
from .subject import EvaluationContext as EvaluationContext
from .report import check_evaluation_folder as check_evaluation_folder
from .report import write_evaluation as write_evaluation
from .settings import EvaluationSettings as EvaluationSettings
