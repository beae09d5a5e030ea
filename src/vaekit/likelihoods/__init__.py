"""Likelihoods p(x | z): modules whose forward turns decoder features into a distribution."""

from vaekit.likelihoods.autoregressive_table import AutoregressiveTable
from vaekit.likelihoods.base import Elementwise, Likelihood
from vaekit.likelihoods.bernoulli import Bernoulli
from vaekit.likelihoods.categorical import Categorical
from vaekit.likelihoods.continuous_bernoulli import ContinuousBernoulli
from vaekit.likelihoods.discretised import DiscretisedLogistic
from vaekit.likelihoods.gaussian import Gaussian, LearnedGaussian, OptimalGaussian
from vaekit.likelihoods.structural import StructuralSimilarity
from vaekit.likelihoods.student import Student
from vaekit.likelihoods.table import Table
from vaekit.likelihoods.targeted import TargetedTokens, tokens_part
from vaekit.likelihoods.tokens import Tokens

__all__ = [
    "AutoregressiveTable",
    "Bernoulli",
    "Categorical",
    "ContinuousBernoulli",
    "DiscretisedLogistic",
    "Elementwise",
    "Gaussian",
    "LearnedGaussian",
    "Likelihood",
    "OptimalGaussian",
    "StructuralSimilarity",
    "Student",
    "Table",
    "TargetedTokens",
    "Tokens",
    "tokens_part",
]
