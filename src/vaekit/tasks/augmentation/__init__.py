"""Synthetic items for training sets that are small or lopsided."""

from vaekit.tasks.augmentation.augment import Augmentation, augment
from vaekit.tasks.augmentation.forms import joined
from vaekit.tasks.augmentation.strategy import (
    STRATEGIES,
    counts_of,
    wanted_counts,
    wanted_rows,
)
from vaekit.tasks.augmentation.synthesise import synthesise

__all__ = [
    "STRATEGIES",
    "Augmentation",
    "augment",
    "counts_of",
    "joined",
    "synthesise",
    "wanted_counts",
    "wanted_rows",
]
