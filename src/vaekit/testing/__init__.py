"""Checks for parts of your own: one call says whether a part keeps what its base class promises.

    from vaekit.testing import check

    check(MyPosterior(features_dim=8, latent_dim=2))

The package's own parts pass the same checks.
"""

from vaekit.testing.entry import check
from vaekit.testing.likelihoods import check_likelihood
from vaekit.testing.objectives import check_objective
from vaekit.testing.posteriors import check_posterior
from vaekit.testing.priors import check_prior

__all__ = ["check", "check_likelihood", "check_objective", "check_posterior", "check_prior"]
