"""How far off a model's predictions are, measured where it did not learn."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from vaekit.distributions import Joined
from vaekit.domains import MoleculeDomain
from vaekit.randomness import make_generator
from vaekit.tasks.trained import Trained, batches_of
from vaekit.training import Items, TrainConfig

__all__ = ["with_errors"]

_MOST, _FEWEST = 5000, 10  # molecules measured; known ones that say something


def with_errors(trained: Trained, items: Items, config: TrainConfig) -> Trained:
    """The model, knowing the errors of its predictions of molecules that were held out.

    Where none were held out it knows nothing of them, as it is of other data, or was taught none.
    (The noise that is learnt in training is no such measure: too slow in short trainings, too small
    for molecules that are known by heart.)

    Args:
        trained: The model.
        items: What it was trained on.
        config: How: the same split and seed are used here.
    """
    domain = trained.domain
    if not isinstance(domain, MoleculeDomain) or domain.scales is None:
        return trained
    _, held_out = items.split(config.held_out, make_generator(config.seed))
    errors = () if held_out is None else _errors(trained, held_out, domain.scales.deviations)
    return replace(trained, domain=replace(domain, scales=replace(domain.scales, errors=errors)))


@torch.no_grad()
def _errors(trained: Trained, items: Items, units: Sequence[float]) -> tuple[float | None, ...]:
    """Root mean squares, in the unit of each target; None where too few are known."""
    squares = torch.zeros(len(units), device=trained.device)
    known = torch.zeros_like(squares)
    for batch in batches_of(items.subset(torch.arange(min(_MOST, len(items)))), trained.device):
        px = trained.vae.decode(trained.vae.encode(batch.x, batch.context), batch.context)
        assert isinstance(px, Joined)  # as of `TargetedTokens`, which such a domain asks for
        assert batch.observed is not None  # some may be missing
        there = batch.observed[:, -len(units) :]
        away = (px.parts[1].mean.squeeze(0) - batch.x[:, -len(units) :]) * there
        squares, known = squares + away.square().sum(0), known + there.sum(0)
    roots = (squares / known.clamp_min(1)).sqrt().tolist()
    told = zip(roots, units, known.tolist(), strict=True)
    return tuple(root * unit if count >= _FEWEST else None for root, unit, count in told)
