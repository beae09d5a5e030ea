from .base import FittedPrior as FittedPrior, Prior as Prior
from .codes import AutoregressiveCodes as AutoregressiveCodes
from .density import (
    FittedGaussian as FittedGaussian,
    GaussianMixture as GaussianMixture,
    KernelDensity as KernelDensity,
)
from .base import (
    StandardNormal as StandardNormal,
    UniformSphere as UniformSphere,
    WrappedNormal as WrappedNormal,
)
from .flow import FittedFlow as FittedFlow
from .flow_matching import FlowMatching as FlowMatching
from .density import RiemannianManifold as RiemannianManifold
from .density import LearnedMixture as LearnedMixture, Vamp as Vamp
from .flow import SecondStage as SecondStage
