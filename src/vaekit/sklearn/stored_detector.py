"""Reading a detector back."""

from pathlib import Path

import torch

from vaekit.io import options_from_json
from vaekit.loading import load
from vaekit.sklearn.detector import VAEDetector
from vaekit.tasks.anomalies import read_detector, restore_steps

__all__ = ["load_detector"]


def load_detector(path: str | Path) -> VAEDetector:
    """Read what `VAEDetector.save` wrote; nothing in it is ever executed.

    Args:
        path: The run folder.

    Raises:
        FormatError: Damaged, truncated, foreign, of a newer format, or a run without a detector.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> X = np.random.default_rng(0).normal(size=(300, 3))
        >>> detector = VAEDetector(max_epochs=3, progress=False).fit(X)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     detector.save(f"{folder}/run")
        ...     loaded = load_detector(f"{folder}/run")
        >>> bool((loaded.score_samples(X) == detector.score_samples(X)).all())
        True
    """
    autoencoder = load(path)
    found, notes, arrays = read_detector(path, autoencoder.trained_)
    detector = VAEDetector(**options_from_json(notes.get("options"), VAEDetector))
    rows = arrays.get("held_out")
    held_out = None if rows is None else torch.from_numpy(rows)
    return detector.adopt(autoencoder, found, held_out, restore_steps(found, arrays))
