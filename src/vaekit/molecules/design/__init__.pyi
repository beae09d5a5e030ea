from .constraints import (
    Bounded as Bounded,
    DesignConstraint as DesignConstraint,
    Keeps as Keeps,
    Lacks as Lacks,
    NoAlerts as NoAlerts,
    Similar as Similar,
)
from .evaluator import (
    Record as Record,
    area_of_best as area_of_best,
    best_so_far as best_so_far,
    mean_of_best as mean_of_best,
    pareto_set as pareto_set,
)
from .measures import (
    EachMeasure as EachMeasure,
    ListMeasure as ListMeasure,
    MoleculeMeasure as MoleculeMeasure,
    Predicted as Predicted,
    PropertyMeasure as PropertyMeasure,
)
from .methods import Method as Method, Tools as Tools
from .objectives import (
    Desirability as Desirability,
    Goal as Goal,
    DesignObjective as DesignObjective,
    Towards as Towards,
    Within as Within,
    maximize as maximize,
    minimize as minimize,
    within as within,
)
from .optimize import (
    BASELINES as BASELINES,
    Optimization as Optimization,
    Summary as Summary,
    optimize as optimize,
    table as table,
)
from .optimize import design_page as design_page, draw_best as draw_best
from .search_loop import SearchResult as SearchResult, Progress as Progress, search as search
from .settings import (
    METHODS as METHODS,
    SearchSettings as SearchSettings,
    Starts as Starts,
    find_starts as find_starts,
    make_method as make_method,
    round_of as round_of,
)
from .space import MoleculeSpace as MoleculeSpace, Space as Space
