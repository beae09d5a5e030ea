"""Going on with a detector when more data come."""

import copy
from dataclasses import replace

import torch

from vaekit.tasks.anomalies.detector import Detector, detector_of
from vaekit.tasks.fitting import Plan, train_further
from vaekit.training import Items, TrainConfig

__all__ = ["learn_further"]

_FEWEST_STEPS = 100


def learn_further(detector: Detector, plan: Plan, config: TrainConfig, X: object) -> Detector:
    """Train on new items among kept ones, and learn anew how items score.

    The steps are those of the first training times the share of the new items among all, at
    least 100. What was learnt of the data (columns, labels, scaling) stays as it was.

    Args:
        detector: What was learnt so far; it stays as it is.
        plan: How its model was built.
        config: How to train; ``steps`` is that of a first training.
        X: New items, at least 1.

    Returns:
        A detector that has seen the new items too.

    Raises:
        DataError: Items that are not of the kind seen before.
    """
    old, domain = detector.memory, detector.trained.domain
    rows = domain.prepare(X)
    mixed = torch.cat([old.rows, rows])
    steps = round((config.steps or 0) * len(rows) / (old.seen + len(rows)))
    passes = max(_FEWEST_STEPS, steps) * config.items_per_step / len(mixed)
    config = replace(config, max_epochs=max(1, round(passes)))
    trained = replace(detector.trained, model=copy.deepcopy(detector.trained.model))
    train_further(trained, plan, Items(mixed, domain.encode, None, domain.observed(mixed)), config)
    memory = old.with_more(rows, config.seed + old.seen)
    kept = Items(memory.rows, domain.encode, None, domain.observed(memory.rows))
    return detector_of(trained, kept, memory, detector.name)
