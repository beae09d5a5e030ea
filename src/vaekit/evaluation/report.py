"""An evaluation as a folder: JSON, CSV and pictures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from vaekit.csv_text import rows_csv
from vaekit.errors import FormatError
from vaekit.evaluation.evaluation import Evaluation
from vaekit.evaluation.settings import LATENT_ITEMS
from vaekit.evaluation.subject import EvaluationContext
from vaekit.files import expanded_path, read_json, to_json
from vaekit.metrics.latents import ACTIVE_VARIANCE
from vaekit.plots.charts import code_usage, latent_health
from vaekit.plots.latent_maps import latent_map
from vaekit.reports import check_folder, write_folder


def draw_pictures(subject: EvaluationContext) -> dict[str, Figure]:
    """Return the pictures that the model and the data allow, by file name."""
    drawn = {
        "kl_per_latent": _kl_per_latent(subject),
        "latent_map": _latent_map(subject),
        "code_usage": _code_usage(subject),
        **subject.trained.domain.evaluation_pictures(subject),
    }
    return {name: figure for name, figure in drawn.items() if figure is not None}


def _kl_per_latent(subject: EvaluationContext) -> Figure | None:
    if not subject.has_latents or subject.health.kl_per_latent is None:
        return None
    health = subject.health
    active = np.asarray(health.mean_variance) > ACTIVE_VARIANCE
    return latent_health(health.kl_per_latent, active)


def _latent_map(subject: EvaluationContext) -> Figure | None:
    if not subject.has_latents:
        return None
    codes = subject.codes[:LATENT_ITEMS]
    if codes.shape[1] < 2:
        return None
    if subject.labels is not None:
        return latent_map(codes, subject.labels[: len(codes)])
    return latent_map(codes)


def _code_usage(subject: EvaluationContext) -> Figure | None:
    count = subject.vae.latent.num_codes if subject.has_latents else 0
    if not count:
        return None
    return code_usage(torch.bincount(subject.code_numbers.flatten(), minlength=count))


_USUAL = (
    "samples",
    "reconstructions",
    "kl_per_latent",
    "latent_map",
    "code_usage",
    "columns",
    "associations",
)
"""Names of the pictures of built-in domains."""


_JSON, _CSV = "evaluation.json", "evaluation.csv"
_COLUMNS = ("group", "measure", "value", "standard_error", "unit", "items", "note")


def check_evaluation_folder(path: Path) -> None:
    """Refuse a place that holds something else; worth asking before the work, too.

    Raises:
        SaveError: Neither new, nor empty, nor an older evaluation and nothing else.
    """
    path = expanded_path(path)
    ours = {_JSON, _CSV, *(f"{name}.png" for name in (*_USUAL, *_drawn_before(path)))}
    check_folder(path, ours, "an older evaluation")


def _drawn_before(path: Path) -> list[str]:
    """Return the names of the pictures of an older evaluation, whatever domain drew them."""
    if not (path / _JSON).is_file():
        return []
    try:
        stored = read_json(path / _JSON)
    except FormatError:  # something else of that name
        return []
    pictures = stored.get("pictures", []) if isinstance(stored, dict) else []
    return [name for name in pictures if isinstance(name, str)]


def write_evaluation(path: Path, evaluation: Evaluation, notes: Mapping[str, Any]) -> None:
    """Write a folder in one rename; an older evaluation there is replaced, anything else is not.

    Args:
        path: The folder.
        evaluation: What was measured.
        notes: What else is worth keeping, as JSON: versions, for instance.

    Raises:
        SaveError: The disk is full or not writable, or the folder holds something else.
    """
    check_evaluation_folder(path)
    files = {
        _JSON: to_json({**notes, **evaluation.to_json(), "pictures": sorted(evaluation.pictures)}),
        _CSV: _csv(evaluation),
    }
    write_folder(path, files, evaluation.pictures)


def _csv(evaluation: Evaluation) -> bytes:
    stored = [row.to_json() | {"measure": row.name} for row in evaluation.measured]
    return rows_csv(_COLUMNS, ([row[column] for column in _COLUMNS] for row in stored))
