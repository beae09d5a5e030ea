from .checks import check as check, check_objective as check_objective
from .checks import (
    check_likelihood as check_likelihood,
    check_posterior as check_posterior,
    check_prior as check_prior,
)
