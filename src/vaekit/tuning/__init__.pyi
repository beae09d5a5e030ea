from .objectives import Objective as Objective, known_objectives as known_objectives
from .objectives import PruningCallback as PruningCallback
from .report import TuningResult as TuningResult
from .search import tune as tune
from .objectives import TuningSettings as TuningSettings
from .space import (
    Choice as Choice,
    Integer as Integer,
    Real as Real,
    default_space as default_space,
    read_space as read_space,
)
