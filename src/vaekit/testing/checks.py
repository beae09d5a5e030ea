"""Checks of parts of your own: posteriors, priors, likelihoods, objectives; one call for any."""

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Size, Tensor, nn
from torch.distributions import Distribution

from vaekit.distributions.gaussian import REAL, Delta, DiagonalNormal
from vaekit.distributions.wrappers import SampleWithLogProb
from vaekit.errors import ConformanceError, SpecError
from vaekit.likelihoods.base import Likelihood
from vaekit.models.vae import Model
from vaekit.objectives.base import Objective, check_composition
from vaekit.posteriors.discrete import Quantizer
from vaekit.posteriors.gaussian import Posterior
from vaekit.priors.base import FittedPrior, Prior
from vaekit.priors.codes import AutoregressiveCodes
from vaekit.randomness import seeded
from vaekit.spec import arguments
from vaekit.types import Batch, TrainingProgress

_DRAWS = 4000
_ERRORS = 5.0  # standard errors; one in a million checks of a right density fails


def require(holds: bool, rule: str, got: Any, remedy: str) -> None:
    """Refuse a part that breaks a rule.

    Raises:
        ConformanceError: It does.
    """
    if not holds:
        raise ConformanceError(f"{rule}; got {got}. {remedy}")


def check_rebuilds(part: nn.Module) -> None:
    """Require that the constructor arguments are all there is to know, but for the weights."""
    name = type(part).__name__
    try:
        again = type(part)(**arguments(part))
    except (SpecError, TypeError, ValueError) as error:
        raise ConformanceError(
            f"{name} must be built again from its constructor arguments, each kept in an "
            f"attribute of its name; {error}"
        ) from error
    ours, theirs = (
        {k: tuple(v.shape) for k, v in module.state_dict().items()} for module in (part, again)
    )
    require(
        ours == theirs,
        f"the state of {name} must follow from its constructor arguments",
        sorted(set(ours.items()) ^ set(theirs.items())),
        "Write what is learnt about sizes back into those attributes.",
    )


def draw_from(q: Distribution, draws: int, *, density: bool) -> tuple[Tensor, Tensor | None]:
    """Draws, and their log density where there is one."""
    if isinstance(q, SampleWithLogProb):
        return q.rsample_with_log_prob(Size((draws,)))
    z = q.rsample((draws,)) if q.has_rsample else q.sample((draws,))
    return z, q.log_prob(z) if density else None


@torch.no_grad()
def check_density(q: Distribution, owner: str, draws: int = _DRAWS) -> None:
    """Require that the density is that of the draws.

    For a Gaussian r that is narrower than the draws, the mean of r(z) / q(z) over draws of q is
    the integral of r, which is 1: whatever q, in any number of dimensions.
    """
    z, log_q = draw_from(q, draws, density=True)
    assert log_q is not None
    center, spread = z.median(0).values, z.std(0)
    r = DiagonalNormal(center, (_NARROW * spread).clamp_min(1e-6).log())
    ratio = (r.log_prob(z) - log_q).exp()
    error = ratio.std(0) / math.sqrt(draws)
    off = (ratio.mean(0) - 1).abs()
    require(
        bool((off <= _ERRORS * error + 1e-4).all()),
        f"draws of {owner} must follow the density that it gives them",
        f"a mean ratio of {(ratio.mean(0)).flatten().tolist()[:3]} where 1 is right, to "
        f"{error.flatten().tolist()[:3]}",
        "Look for a forgotten log-determinant or a sum over the wrong axis.",
    )


_NARROW = 0.6


_ITEMS, _POSTERIOR_DRAWS = 3, 5
_WORDS = {"density", "pointwise", "factorised", "path", "codes"}


def check_posterior(posterior: Posterior, seed: int = 0) -> None:
    """Check that a posterior keeps its promises.

    It is built again from its arguments; its draws have the right shape, follow their density
    and pass gradients to features and parameters; its mean is the same at every call.

    Args:
        posterior: Yours; its weights are not changed.
        seed: Of the features that it is tried on.

    Raises:
        ConformanceError: Says which rule is broken.

    Example:
        >>> from vaekit.posteriors import DiagonalGaussian
        >>> check_posterior(DiagonalGaussian(8, 2))
    """
    name = type(posterior).__name__
    unknown = set(posterior.provides) - _WORDS
    require(not unknown, f"{name}.provides must be among {sorted(_WORDS)}", unknown, "Rename them.")
    check_rebuilds(posterior)
    posterior = copy.deepcopy(posterior).eval()
    with seeded(seed):
        h = 0.5 * torch.randn(_ITEMS, posterior.features_dim, requires_grad=True)
        q = posterior(h, _joint)
        _check_draws(posterior, q)
        _check_mean(posterior, h)
        if "density" in posterior.provides and not _is_special(posterior):
            check_density(posterior(h, _joint), name)
        if "pointwise" in posterior.provides:
            _check_pointwise(q, name)
        _check_gradient(posterior.train(), h)


def _joint(z: Tensor) -> Tensor:
    """Return a log joint density to follow: a standard normal."""
    return -0.5 * z.square().sum(-1)


def _is_special(posterior: Posterior) -> bool:
    """Codes have probabilities, and curved spaces volumes of their own."""
    return isinstance(posterior, Quantizer) or posterior.manifold != REAL


def _check_draws(posterior: Posterior, q: Distribution) -> None:
    name, shape = type(posterior).__name__, (_POSTERIOR_DRAWS, _ITEMS, posterior.latent_dim)
    require(isinstance(q, Distribution), f"{name} must return a distribution", type(q), "")
    z, log_q = draw_from(q, _POSTERIOR_DRAWS, density="density" in posterior.provides)
    require(
        tuple(z.shape) == shape,
        f"draws of {name} must have shape (draws, batch, latent)",
        tuple(z.shape),
        "Use event shape (latent,), for instance by Independent(..., 1).",
    )
    require(bool(z.isfinite().all()), f"draws of {name} must be finite", z, "")
    if log_q is not None:
        require(
            tuple(log_q.shape) == shape[:2],
            f"log q of {name} must have shape (draws, batch)",
            tuple(log_q.shape),
            "Sum over the latents.",
        )


def _check_gradient(posterior: Posterior, h: Tensor) -> None:
    """In training mode: true codes, which evaluation draws, have no gradient to pass."""
    name, total = type(posterior).__name__, draw_from(posterior(h, _joint), 1, density=False)[0]
    gradient = None
    if total.requires_grad:
        (gradient,) = torch.autograd.grad(total.square().sum(), h, allow_unused=True)
    require(
        gradient is not None and bool(gradient.isfinite().all()),
        f"draws of {name} must pass a finite gradient to the features",
        gradient,
        "Draw by rsample, reparametrised.",
    )


def _check_mean(posterior: Posterior, h: Tensor) -> None:
    state = torch.get_rng_state()
    first, second = posterior(h, _joint).mean, posterior(h, _joint).mean
    require(
        torch.equal(first, second) and torch.equal(state, torch.get_rng_state()),
        f"the mean of {type(posterior).__name__} must be the same at every call",
        "two different ones, or a random number drawn",
        "Encoding must not be random: return the centre, not a draw.",
    )


def _check_pointwise(q: Distribution, name: str) -> None:
    require(not isinstance(q, Delta), f"{name} must have a density to provide it", q, "")
    z, log_q = draw_from(q, _POSTERIOR_DRAWS, density=True)
    assert log_q is not None
    require(
        torch.allclose(q.log_prob(z), log_q, atol=1e-3, rtol=1e-3),
        f"{name} must give a point the density that its draw had",
        q.log_prob(z) - log_q,
        "" if isinstance(q, SampleWithLogProb) else "log_prob must not be random.",
    )


_ROWS, _PRIOR_DRAWS = 400, 50


def check_prior(prior: Prior, seed: int = 0) -> None:
    """Check that a prior keeps its promises.

    It is built again from its arguments (after a fit, if it is fitted); its draws have the right
    shape and follow their density; the same generator gives the same fit.

    Args:
        prior: Yours, without a context; one that is fitted is fitted here.
        seed: Of the latents that it is tried on.

    Raises:
        ConformanceError: Says which rule is broken.

    Example:
        >>> from vaekit.priors import StandardNormal
        >>> check_prior(StandardNormal(2))
    """
    name = type(prior).__name__
    with seeded(seed):
        if isinstance(prior, FittedPrior):
            _check_fit(prior)
        check_rebuilds(prior)
        p = prior(None, _aggregate)
        require(isinstance(p, Distribution), f"{name} must return a distribution", type(p), "")
        z = p.sample((_PRIOR_DRAWS,))
        require(
            tuple(z.shape) == (_PRIOR_DRAWS, prior.latent_dim),
            f"draws of {name} must have shape (n, latent)",
            tuple(z.shape),
            "Without a context the batch shape is () and the event shape (latent,).",
        )
        require(bool(z.isfinite().all()), f"draws of {name} must be finite", z, "")
        if prior.normalized and prior.manifold == REAL and not isinstance(prior, _CODES):
            check_density(p, name)


_CODES = (AutoregressiveCodes,)
"""Their log_prob is of codes, for which there is no narrower Gaussian."""


def _aggregate(x: Tensor) -> Distribution:
    """q(z | x) of pseudo-inputs whose first values are its mean."""
    flat = x.flatten(1)
    return DiagonalNormal(flat[:, :2], torch.zeros_like(flat[:, :2]))


def _check_fit(prior: FittedPrior) -> None:
    u = torch.randn(_ROWS, prior.latent_dim)
    u[::2] += 3
    if isinstance(prior, _CODES):
        u = torch.randint(2, u.shape).float()
    states = []
    for _ in range(2):
        fitted = prior.fit(u, generator=torch.Generator().manual_seed(0))
        require(fitted is prior, f"{type(prior).__name__}.fit must return self", fitted, "")
        states.append({k: v.clone() for k, v in prior.state_dict().items()})
    same = all(torch.equal(states[0][k], states[1][k]) for k in states[0])
    require(
        same and states[0].keys() == states[1].keys(),
        f"{type(prior).__name__}.fit must give the same for the same generator",
        "two different fits",
        "Run it inside vaekit.randomness.seeded(generator), and start afresh.",
    )


_LIKELIHOOD_DRAWS, _LIKELIHOOD_ITEMS = 2, 5


def check_likelihood(
    likelihood: Likelihood, event_shape: Sequence[int] = (1, 8, 8), seed: int = 0
) -> None:
    """Check that a likelihood keeps its promises.

    It is built again from its arguments; its log p(x | z) has the right shape, is finite, passes
    gradients, adds up over items alone, and is not moved by what stands in missing cells.

    Args:
        likelihood: Yours.
        event_shape: Shape of one item that it can describe.
        seed: Of the items and features that it is tried on.

    Raises:
        ConformanceError: Says which rule is broken.

    Example:
        >>> from vaekit.likelihoods import Bernoulli
        >>> check_likelihood(Bernoulli())
    """
    check_rebuilds(likelihood)
    likelihood = copy.deepcopy(likelihood).eval()
    with seeded(seed):
        channels = likelihood.features_per_value
        features = torch.randn(
            _LIKELIHOOD_DRAWS, _LIKELIHOOD_ITEMS, channels, *event_shape, requires_grad=True
        )
        x = _items(likelihood, event_shape)
        _check_scores(likelihood, features, x)
        _check_missing(likelihood, features, x)
        _check_pictures(likelihood, features, x)


def _items(likelihood: Likelihood, event_shape: Sequence[int]) -> Tensor:
    support, shape = likelihood.support, (_LIKELIHOOD_ITEMS, *event_shape)
    x = support.examples(shape)
    require(
        tuple(x.shape) == shape and support.holds(x),
        f"examples of support {support.name!r} must have the shape asked for, and lie in it",
        tuple(x.shape),
        "Mend `examples` or `holds`.",
    )
    return x


def _check_scores(likelihood: Likelihood, features: Tensor, x: Tensor) -> None:
    name = type(likelihood).__name__
    scores = likelihood.log_prob(likelihood(features), Batch(x))
    require(
        tuple(scores.shape) == (_LIKELIHOOD_DRAWS, _LIKELIHOOD_ITEMS),
        f"log_prob of {name} must have shape (draws, batch)",
        tuple(scores.shape),
        "Sum over the event, not over draws or items.",
    )
    require(bool(scores.isfinite().all()), f"log_prob of {name} must be finite", scores, "")
    (gradient,) = torch.autograd.grad(scores[0, 0], features, allow_unused=True)
    require(
        gradient is not None and bool(gradient[0, 0].isfinite().all()),
        f"log_prob of {name} must pass a finite gradient to the features",
        gradient,
        "",
    )
    others = gradient.clone()
    others[0, 0] = 0
    require(
        not others.any(),
        f"{name} must score each draw and item on its own",
        "a gradient to other items",
        "Look for a mean or a sum over the batch.",
    )


def _check_missing(likelihood: Likelihood, features: Tensor, x: Tensor) -> None:
    observed = torch.rand(x.shape) < 0.7
    spoilt = torch.where(observed, x, torch.full_like(x, float("nan")))
    px = likelihood(features)
    clean, got = (likelihood.log_prob(px, Batch(b, observed=observed)) for b in (x, spoilt))
    require(
        torch.equal(clean, got),
        f"what stands in missing cells must not move log_prob of {type(likelihood).__name__}",
        got - clean,
        "Score batch.visible, and leave out the cells where batch.observed is False.",
    )


def _check_pictures(likelihood: Likelihood, features: Tensor, x: Tensor) -> None:
    name = type(likelihood).__name__
    point = likelihood.point(likelihood(features))
    require(
        tuple(point.shape) == (_LIKELIHOOD_DRAWS, *x.shape),
        f"point of {name} must have shape (draws, batch, *event)",
        tuple(point.shape),
        "",
    )
    start = likelihood.initial_features(x.mean(0))
    wanted = (likelihood.features_per_value, *x.shape[1:])
    require(
        tuple(start.shape) == wanted and bool(start.isfinite().all()),
        f"initial_features of {name} must be finite, of shape (channels, *event) = {wanted}",
        tuple(start.shape),
        "",
    )


_CLOCKS = (TrainingProgress(0, 10, 100), TrainingProgress(9, 10, 100))


def check_objective(objective: Objective, model: Model, batch: Batch, seed: int = 0) -> None:
    """Check that an objective keeps its promises on a model that it should train.

    Its groups hold every parameter once; its losses are finite scalars, each with a gradient to
    its own group; it can be evaluated without gradients, as validation does.

    Args:
        objective: Yours.
        model: A model that it trains; a copy is used.
        batch: Some items.
        seed: Of the draws.

    Raises:
        ConformanceError: Says which rule is broken.
        CompositionError: The model does not provide what the objective requires.
    """
    model, objective = copy.deepcopy((model, objective))
    check_composition(model, objective)
    groups = {name: list(group) for name, group in objective.groups(model).items()}
    _check_groups(objective, model, groups)
    with seeded(seed):
        for progress in _CLOCKS:
            _check_losses(objective, model, batch, progress, groups)
        _check_evaluation(objective, model, batch)


def _check_groups(
    objective: Objective, model: Model, groups: Mapping[str, list[nn.Parameter]]
) -> None:
    name = type(objective).__name__
    grouped = [id(p) for group in groups.values() for p in group]
    trained = {id(p) for p in [*model.parameters(), *objective.parameters()]}
    require(
        len(grouped) == len(set(grouped)),
        f"no parameter may be in two groups of {name}",
        f"{len(grouped) - len(set(grouped))} that are",
        "Two optimisers would pull at it.",
    )
    require(
        set(grouped) == trained,
        f"the groups of {name} must hold every parameter of model and objective",
        f"{len(trained - set(grouped))} left out",
        "Critics belong to a group of their own.",
    )


def _check_losses(
    objective: Objective,
    model: Model,
    batch: Batch,
    progress: TrainingProgress,
    groups: Mapping[str, list[nn.Parameter]],
) -> None:
    name, count = type(objective).__name__, 0
    for update in objective.losses(model, batch, progress):
        count += 1
        require(
            set(update.losses) <= set(groups),
            f"losses of {name} must be for its groups {sorted(groups)}",
            sorted(update.losses),
            "",
        )
        for group, loss in update.losses.items():
            require(
                loss.shape == () and bool(loss.isfinite()),
                f"the loss of group {group!r} of {name} must be a finite scalar",
                loss,
                "Take the mean over draws and items last.",
            )
            gradients = torch.autograd.grad(
                loss, groups[group], allow_unused=True, retain_graph=True
            )
            require(
                any(g is not None and bool(g.any()) for g in gradients),
                f"the loss of group {group!r} of {name} must have a gradient to that group",
                "none",
                "Look for a detach too many.",
            )
        attached = [term for term, value in update.terms.items() if value.requires_grad]
        require(not attached, f"terms of {name} must be detached", attached, "")
    require(count > 0, f"{name} must yield an update", "none", "")


def _check_evaluation(objective: Objective, model: Model, batch: Batch) -> None:
    model.eval()
    objective.eval()
    with torch.no_grad():
        updates = list(objective.losses(model, batch, _CLOCKS[1]))
    require(bool(updates), f"{type(objective).__name__} must be evaluated, too", "nothing", "")


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
