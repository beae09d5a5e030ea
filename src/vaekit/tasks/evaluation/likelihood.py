"""Bounds of log p(x)."""

from dataclasses import replace

import torch
from torch import Tensor

from vaekit.errors import CompositionError
from vaekit.likelihoods import Bernoulli, Categorical, DiscretisedLogistic, Tokens
from vaekit.metrics import (
    Estimate,
    annealed_log_likelihood,
    bits_per_dim,
    elbo_estimate,
    log_likelihood,
)
from vaekit.models import VAE
from vaekit.tasks.evaluation.rows import Row
from vaekit.tasks.evaluation.settings import LIKELIHOOD_ITEMS
from vaekit.tasks.evaluation.subject import Subject

__all__ = ["annealed", "elbo", "importance_bound"]

_ELBO_DRAWS = 8
_LEVELS = 256


def elbo(subject: Subject) -> list[Row]:
    """The evidence lower bound with weight 1 on the KL."""
    vae = _with_density(subject)
    draws, batches = min(_ELBO_DRAWS, subject.settings.draws), subject.batches(LIKELIHOOD_ITEMS)
    bound = elbo_estimate(vae, batches, draws=draws, generator=subject.generator())
    return [Row.of("ELBO", bound, note=_nature(subject))]


def importance_bound(subject: Subject) -> list[Row]:
    """The importance-weighted bound, and what it is in bits per value."""
    bound, draws = _bound(subject, LIKELIHOOD_ITEMS), subject.settings.draws
    row = Row.of(f"IWAE-{draws} bound", bound, note=_nature(subject))
    return [row, _in_bits(subject, row)]


def annealed(subject: Subject) -> list[Row]:
    """Annealed importance sampling on a few items, beside the bound on the same items."""
    vae, settings = _with_density(subject), subject.settings
    name = "annealed importance sampling"
    if not settings.annealed:
        return [Row(name, None, note="off by default; ask for some items (--annealed 20)")]
    generator = subject.generator()
    values = [
        annealed_log_likelihood(vae, batch, steps=settings.annealing_steps, generator=generator)
        for batch in subject.batches(settings.annealed)
    ]
    beside = Row.of(f"IWAE-{settings.draws} bound, same items", _bound(subject, settings.annealed))
    return [Row.of(name, Estimate.of(torch.cat(values).cpu()), note=_nature(subject)), beside]


def _bound(subject: Subject, items: int) -> Estimate:
    draws, batches = subject.settings.draws, subject.batches(items)
    vae = _with_density(subject)
    return log_likelihood(vae, batches, draws=draws, generator=subject.generator())


def _with_density(subject: Subject) -> VAE:
    """The model, if log p(x) has a meaning."""
    vae = subject.vae
    if "density" not in vae.provides:
        raise CompositionError(
            "this model's latents are points, without the density that a bound of log p(x) needs."
        )
    if "normalised" not in vae.provides:
        raise CompositionError(
            f"{type(vae.likelihood).__name__} is an energy and no density, so there is no log p(x)."
        )
    return vae


def _in_bits(subject: Subject, row: Row) -> Row:
    """The same bound in bits for each value of an item; its error shrinks alike."""
    assert row.value is not None
    assert row.standard_error is not None
    values, levels = subject.trained.domain.num_features, _levels(subject)
    error = bits_per_dim(-row.standard_error, values, levels=1)
    value = bits_per_dim(row.value, values, levels)
    return replace(
        row,
        measure="bits per dimension",
        value=value,
        unit="bits",
        standard_error=error,
        note=_explained(subject),
    )


def _is_discrete(subject: Subject) -> bool:
    return isinstance(
        subject.vae.likelihood, Bernoulli | Categorical | DiscretisedLogistic | Tokens
    )


def _levels(subject: Subject) -> int:
    """How many levels were scaled to 0 ... 1, if densities of them are to become probabilities."""
    return _LEVELS if subject.are_images and not _is_discrete(subject) else 1


def _nature(subject: Subject) -> str:
    """What is to be known about log p(x) under this likelihood."""
    if isinstance(subject.vae.likelihood, Bernoulli) and not _are_binary(subject):
        return "no density (Bernoulli on grey values): compare with the same likelihood only"
    return "log-probability" if _is_discrete(subject) else "log density"


def _explained(subject: Subject) -> str:
    """How log p(x) was turned into bits."""
    nature = _nature(subject)
    if _is_discrete(subject):
        return nature
    if subject.are_images:
        return f"{nature} of {_LEVELS} levels from 0 to 1, to which no noise was added"
    return f"{nature} of the scaled columns: compare at the same scaling only; may be negative"


def _are_binary(subject: Subject) -> bool:
    return all(_is_binary(batch.x) for batch in subject.batches(LIKELIHOOD_ITEMS))


def _is_binary(x: Tensor) -> bool:
    return bool(((x == 0) | (x == 1)).all())
