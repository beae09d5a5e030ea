"""One call for any part."""

from typing import Any

from vaekit.errors import ConformanceError
from vaekit.likelihoods import Likelihood
from vaekit.posteriors import Posterior
from vaekit.priors import Prior
from vaekit.testing.likelihoods import check_likelihood
from vaekit.testing.posteriors import check_posterior
from vaekit.testing.priors import check_prior

__all__ = ["check"]


def check(part: Any) -> None:
    """Check a posterior, a prior or a likelihood of your own.

    An objective needs a model to be checked on: see `check_objective`.

    Raises:
        ConformanceError: Says which promise of its base class it breaks.

    Example:
        >>> from vaekit.priors import LearnedMixture
        >>> check(LearnedMixture(2, num_components=3))
    """
    if isinstance(part, Posterior):
        check_posterior(part)
    elif isinstance(part, Prior):
        check_prior(part)
    elif isinstance(part, Likelihood):
        check_likelihood(part)
    else:
        raise ConformanceError(
            f"check takes a Posterior, a Prior or a Likelihood; got {type(part).__name__}. Derive "
            "from one of these; for objectives call check_objective(objective, model, batch)."
        )
