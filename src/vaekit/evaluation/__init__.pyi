from .evaluation import Evaluation as Evaluation, MEASURES as MEASURES, evaluate as evaluate
from .measures import (
    Measure as Measure,
    Row as Row,
    interpolation_smoothness as interpolation_smoothness,
)
from .subject import EvaluationSettings as EvaluationSettings, Subject as Subject
