"""Weighted sums of terms; the evidence lower bound is the first of them."""

import functools
import operator
from collections.abc import Callable, Iterator

from torch import Tensor

from vaekit.errors import SpecError
from vaekit.models import VAE, Model
from vaekit.objectives.base import Objective, Term, vae_of
from vaekit.objectives.corruption import Corruption
from vaekit.objectives.terms import KL, Reconstruction
from vaekit.types import Batch, Clock, Evidence, Schedule, Update

__all__ = ["Sum", "Weight", "elbo"]

Weight = float | Schedule
Addend = Term | tuple[Weight, Term]


class Sum(Objective):
    """A weighted sum of terms, averaged over the batch, minimised over the whole model.

    Args:
        terms: Each a term, or a pair of weight and term; a weight is a number or a schedule.
        draws: Latents drawn per item.
        corrupt: Spoils what the encoder sees, while the likelihood is asked for the clean items.

    Example:
        >>> from vaekit.objectives import KL, Linear, Reconstruction
        >>> Sum(Reconstruction(), (Linear(0.0, 4.0, share=0.3), KL()))
        Sum(reconstruction + Linear(start=0.0, end=4.0, share=0.3, steps=None) * kl)
    """

    def __init__(self, *terms: Addend, draws: int = 1, corrupt: Corruption | None = None) -> None:
        super().__init__()
        if not terms:
            raise SpecError("a Sum must have at least one term; got none.")
        if draws < 1:
            raise SpecError(f"draws must be at least 1; got {draws}.")
        self.terms = terms
        self.draws = draws
        self.corrupt = corrupt
        self._weighted = [_pair(term) for term in terms]

    @property
    def requires(self) -> frozenset[str]:
        """All that any of the terms requires."""
        return frozenset().union(*(term.requires for _, term in self._weighted))

    def losses(self, model: Model, batch: Batch, clock: Clock) -> Iterator[Update]:
        """Yield the one update."""
        vae = vae_of(model, self)
        seen = None if self.corrupt is None else self.corrupt(batch.visible)
        loss, terms = self.total(vae.evidence(batch, self.draws, seen), vae, clock)
        yield Update({"model": loss}, terms)

    def total(
        self, evidence: Evidence, model: VAE, clock: Clock
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum, and each term's mean without its weight, detached."""
        parts: dict[str, Tensor] = {}
        addends = []
        for weight, term in self._weighted:
            value = term(evidence, model, clock).mean()
            parts[term.name] = value.detach()
            addends.append(_scaled(value, _at(weight, clock)))
        loss = functools.reduce(operator.add, addends)
        return loss, {"loss": loss.detach(), **parts}

    def __repr__(self) -> str:
        """Read like the formula."""
        shown = [
            term.name if weight == 1.0 else f"{weight} * {term.name}"
            for weight, term in self._weighted
        ]
        return f"Sum({' + '.join(shown)})"


def elbo(beta: Weight = 1.0, draws: int = 1) -> Sum:
    """The negative evidence lower bound, with a weight on the KL.

    Args:
        beta: Weight of the KL, not negative; 1 is the bound itself.
        draws: Latents drawn per item.

    Source: Kingma & Welling 2014, eq. 3; Higgins et al. 2017 for beta.
    """
    if not callable(beta) and not beta >= 0:
        raise SpecError(f"beta must not be negative; got {beta}.")
    return Sum(Reconstruction(), (beta, KL()), draws=draws)


def _pair(addend: Addend) -> tuple[Weight, Term]:
    if isinstance(addend, Term):
        return 1.0, addend
    weight, term = addend
    return weight, term


def _scaled(value: Tensor, weight: float) -> Tensor:
    return value if weight == 1.0 else weight * value


def _at(weight: float | Callable[[Clock], float], clock: Clock) -> float:
    return weight(clock) if callable(weight) else weight
