"""Reading a run folder, or a model that comes with the package, back into an estimator."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vaekit.autoencoder import Autoencoder
from vaekit.fitting.trained import Trained
from vaekit.metrics.latents import Health
from vaekit.storage.runs import options_from_json, read_run

PRETRAINED = {
    "moses": "Drug-like molecules: a Transformer, trained on the 1.6 million of MOSES.",
}
"""What there is, each in a folder of that name with a ``CARD.md``."""


def find_run(path: str | Path) -> Path:
    """The folder of a run: the one given, or where there is none that of a model of the package.

    Example:
        >>> find_run("moses").name, find_run("runs/mine").as_posix()
        ('moses', 'runs/mine')
    """
    folder = Path(path)
    if folder.exists() or str(path) not in PRETRAINED:
        return folder
    return Path(__file__).parents[1] / "pretrained" / str(path)


def load(path: str | Path, components: Mapping[str, Any] | None = None) -> Autoencoder:
    """Read a run folder; nothing in it is ever executed.

    Args:
        path: What `Autoencoder.save` or ``vaekit fit`` wrote, or where there is no such folder the
            name of a model of the package, as in `vaekit.storage.PRETRAINED`.
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
