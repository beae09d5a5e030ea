from .base import Elementwise as Elementwise, Likelihood as Likelihood
from .elementwise import (
    Bernoulli as Bernoulli,
    Categorical as Categorical,
    ContinuousBernoulli as ContinuousBernoulli,
    DiscretizedLogistic as DiscretizedLogistic,
    StructuralSimilarity as StructuralSimilarity,
    Student as Student,
)
from .base import (
    Gaussian as Gaussian,
    LearnedGaussian as LearnedGaussian,
    OptimalGaussian as OptimalGaussian,
)
from .table import AutoregressiveTable as AutoregressiveTable, Table as Table
from .tokens import TargetedTokens as TargetedTokens, Tokens as Tokens, tokens_part as tokens_part
