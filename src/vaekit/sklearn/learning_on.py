"""Going on with a fitted detector."""

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vaekit.errors import CompositionError
from vaekit.sklearn.held_out import PARTS, parted
from vaekit.tasks import Plan
from vaekit.tasks.anomalies import Detector, learn_further
from vaekit.training import TrainConfig

if TYPE_CHECKING:
    from vaekit.sklearn.detector import VAEDetector

__all__ = ["learn_on"]


def learn_on(estimator: "VAEDetector", X: Any) -> tuple[Detector, Tensor | None]:
    """See `VAEDetector.partial_fit`.

    Returns:
        What was learnt, and the held-out items with some of the new ones.
    """
    if estimator.steps_ is not None:
        raise CompositionError(
            "detectors of series are fitted anew: all series together tell what is usual at a "
            "step. Call fit with all of them."
        )
    autoencoder, rows = estimator.autoencoder_, estimator.held_out_rows_
    if rows is not None:
        X, held_out = parted(X, len(X) // PARTS, estimator.seed)
        if len(held_out):
            rows = torch.cat([rows, autoencoder.domain_.prepare(held_out)])
    plan = Plan(**{f.name: getattr(autoencoder, f.name) for f in fields(Plan)})
    options = {f.name: getattr(autoencoder, f.name) for f in fields(TrainConfig)}
    return learn_further(estimator.detector_, plan, TrainConfig(**options), X), rows
