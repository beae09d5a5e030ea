"""The pictures of an evaluation."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from vaekit import plots
from vaekit.domains import TableDomain
from vaekit.metrics import associations
from vaekit.metrics.latent_health import ACTIVE_VARIANCE
from vaekit.tasks.evaluation.molecule_pictures import (
    drawn_samples,
    map_of_logp,
    property_histograms,
)
from vaekit.tasks.evaluation.molecule_sets import is_molecules
from vaekit.tasks.evaluation.settings import LATENT_ITEMS
from vaekit.tasks.evaluation.subject import Subject
from vaekit.tasks.evaluation.tables import is_table

__all__ = ["PICTURES", "draw_pictures"]

_SHOWN, _PAIRS = 30, 20


def draw_pictures(subject: Subject) -> dict[str, Figure]:
    """Those of `PICTURES` that the model and the data allow, by name."""
    drawn = {name: draw(subject) for name, draw in PICTURES.items()}
    return {name: figure for name, figure in drawn.items() if figure is not None}


def _samples(subject: Subject) -> Figure | None:
    if is_molecules(subject):
        return drawn_samples(subject)
    if not subject.are_images:
        return None
    items = subject.some(_SHOWN)
    sheets = {"real items": subject.x(items)}
    sheets["samples"] = subject.sampled(items)
    if subject.has_latents:
        sheets["model prior"] = subject.drawn_from_prior(items)
    return plots.image_sheets({name: _raw(subject, x) for name, x in sheets.items()})


def _reconstructions(subject: Subject) -> Figure | None:
    if not (subject.are_images and subject.has_latents):
        return None
    items = subject.some(_PAIRS)
    real, given_back = subject.x(items), subject.reconstructed(items)
    return plots.reconstruction_pairs(_raw(subject, real), _raw(subject, given_back))


def _kl_per_latent(subject: Subject) -> Figure | None:
    if not subject.has_latents or subject.health.kl_per_latent is None:
        return None
    health = subject.health
    active = np.asarray(health.mean_variance) > ACTIVE_VARIANCE
    return plots.latent_health(health.kl_per_latent, active)


def _latent_map(subject: Subject) -> Figure | None:
    if not subject.has_latents:
        return None
    codes = subject.codes[:LATENT_ITEMS]
    if codes.shape[1] < 2:
        return None
    if subject.labels is not None:
        return plots.latent_map(codes, subject.labels[: len(codes)])
    return map_of_logp(subject, codes) if is_molecules(subject) else plots.latent_map(codes)


def _code_usage(subject: Subject) -> Figure | None:
    count = subject.vae.latent.num_codes if subject.has_latents else 0
    if not count:
        return None
    return plots.code_usage(torch.bincount(subject.code_numbers.flatten(), minlength=count))


def _columns(subject: Subject) -> Figure | None:
    if is_molecules(subject):
        return property_histograms(subject)
    return plots.marginals(*_rows(subject)) if is_table(subject) else None


def _associations(subject: Subject) -> Figure | None:
    if not is_table(subject):
        return None
    return plots.association_difference(*(associations(rows) for rows in _rows(subject)))


def _rows(subject: Subject) -> tuple[Any, Any]:
    """Real and synthetic rows, of the columns that are learnt."""
    names = [column.name for column in cast(TableDomain, subject.trained.domain).learnt]
    real, new = subject.x(subject.reference), subject.sampled(subject.reference)
    return _raw(subject, real)[names], _raw(subject, new)[names]


def _raw(subject: Subject, x: Tensor) -> Any:
    """Items in the form of the training data, whose layout pictures understand."""
    return subject.trained.domain.decode(x)


PICTURES: dict[str, Callable[[Subject], Figure | None]] = {
    "samples": _samples,
    "reconstructions": _reconstructions,
    "kl_per_latent": _kl_per_latent,
    "latent_map": _latent_map,
    "code_usage": _code_usage,
    "columns": _columns,
    "associations": _associations,
}
"""By file name; each is ``None`` where there is nothing to draw."""
