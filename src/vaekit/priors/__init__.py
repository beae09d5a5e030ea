"""Priors p(z): trained with the model, or fitted to its latents afterwards."""

from vaekit.priors.ball import WrappedNormal
from vaekit.priors.base import FittedPrior, Prior
from vaekit.priors.codes import AutoregressiveCodes
from vaekit.priors.ex_post import GaussianMixture
from vaekit.priors.flow import FittedFlow
from vaekit.priors.flow_matching import FlowMatching
from vaekit.priors.gaussian import FittedGaussian
from vaekit.priors.kernel import KernelDensity
from vaekit.priors.manifold import RiemannianManifold
from vaekit.priors.mixture import LearnedMixture
from vaekit.priors.normal import StandardNormal
from vaekit.priors.second_stage import SecondStage
from vaekit.priors.sphere import UniformSphere
from vaekit.priors.vamp import Vamp

__all__ = [
    "AutoregressiveCodes",
    "FittedFlow",
    "FittedGaussian",
    "FittedPrior",
    "FlowMatching",
    "GaussianMixture",
    "KernelDensity",
    "LearnedMixture",
    "Prior",
    "RiemannianManifold",
    "SecondStage",
    "StandardNormal",
    "UniformSphere",
    "Vamp",
    "WrappedNormal",
]
