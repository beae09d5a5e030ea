"""Reading a run folder back into an estimator."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vaekit.autoencoder import Autoencoder
from vaekit.io import options_from_json, read_run
from vaekit.metrics import Health
from vaekit.pretrained import find_run
from vaekit.tasks import Trained

__all__ = ["load"]


def load(path: str | Path, components: Mapping[str, Any] | None = None) -> Autoencoder:
    """Read a run folder; nothing in it is ever executed.

    Args:
        path: What `Autoencoder.save` or ``vaekit fit`` wrote, or where there is no such folder the
            name of a model of the package, as in `vaekit.pretrained.PRETRAINED`.
        components: Your own modules by the name in the folder, as objects or factories.

    Raises:
        FormatError: Damaged, truncated, foreign, of a newer format.
        SpecError: An unknown component, or one of your own that was not handed in.

    Example:
        >>> import tempfile
        >>> from vaekit import Autoencoder, load
        >>> from vaekit.datasets import digits
        >>> model = Autoencoder(latent_dim=2, max_epochs=1, progress=False).fit(digits().images)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(f"{folder}/run")
        ...     load(f"{folder}/run").latent_dim
        2
    """
    run = read_run(find_run(path), components)
    notes = dict(run.notes)
    health, _ = notes.pop("health", None), notes.pop("versions", None)
    estimator = Autoencoder(**options_from_json(run.estimator, Autoencoder))
    estimator.health_ = None if health is None else Health.from_json(health)
    return estimator.adopt(Trained(run.model, run.domain, run.context), run.history, notes)
