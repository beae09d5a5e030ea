from .anomalies import (
    EventScores as EventScores,
    StepDetector as StepDetector,
    StepRanking as StepRanking,
    event_scores as event_scores,
    fit_steps as fit_steps,
    nab_scale as nab_scale,
    nab_score as nab_score,
    nab_sums as nab_sums,
    restore_steps as restore_steps,
    runs as runs,
    series_page as series_page,
    step_ranking as step_ranking,
)
from .domain import SeriesDomain as SeriesDomain
from .plots import unusual_steps as unusual_steps
from .reading import dominant_period as dominant_period
