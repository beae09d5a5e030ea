from .codes import (
    CodeDistribution as CodeDistribution,
    GumbelCodes as GumbelCodes,
    PlacewiseCodes as PlacewiseCodes,
    PointCodes as PointCodes,
    UniformCodes as UniformCodes,
)
from .gaussian import (
    Delta as Delta,
    DiagonalNormal as DiagonalNormal,
    FullNormal as FullNormal,
    kl_per_latent as kl_per_latent,
)
from .gaussian import (
    Ball as Ball,
    Manifold as Manifold,
    Metric as Metric,
    REAL as REAL,
    SPHERE as SPHERE,
    WrappedNormalDistribution as WrappedNormalDistribution,
)
from .solvers import (
    PATHS as PATHS,
    Path as Path,
    TIMES as TIMES,
    draw_times as draw_times,
    find_path as find_path,
)
from .pixels import (
    ContinuousBernoulliDistribution as ContinuousBernoulliDistribution,
    DiscretizedLogisticDistribution as DiscretizedLogisticDistribution,
)
from .solvers import (
    SOLVERS as SOLVERS,
    find_solver as find_solver,
    solve as solve,
)
from .rows import (
    AutoregressiveRow as AutoregressiveRow,
    BinnedNormal as BinnedNormal,
    Cells as Cells,
    Choose as Choose,
    RowDistribution as RowDistribution,
    as_row as as_row,
    drawn as drawn,
    most_probable as most_probable,
)
from .sequences import (
    BEGIN as BEGIN,
    END as END,
    PADDING as PADDING,
    TokenSequence as TokenSequence,
)
from .sphere import (
    PowerSpherical as PowerSpherical,
    VonMisesFisher as VonMisesFisher,
    log_sphere_area as log_sphere_area,
)
from .targets import NumbersAndClasses as NumbersAndClasses
from .wrappers import (
    Categories as Categories,
    Concatenated as Concatenated,
    Push as Push,
    PushforwardDistribution as PushforwardDistribution,
    SampleWithLogProb as SampleWithLogProb,
    frozen as frozen,
)
