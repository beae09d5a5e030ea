"""Reading what was saved, or a model that comes with the package: whatever kind it is of."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vaekit.files import expanded_path, heal
from vaekit.places import check_source, is_there
from vaekit.registry import get, names

PRETRAINED = {
    "moses": "Drug-like molecules: a Transformer, trained on the 1.6 million of MOSES.",
}
"""What there is, each in a folder of that name with a ``CARD.md``."""


def locate_run(path: str | Path) -> Path:
    """The folder of a run: the one given, or where there is none that of a model of the package.

    Example:
        >>> locate_run("moses").name, locate_run("runs/mine").as_posix()
        ('moses', 'runs/mine')
    """
    folder = heal(expanded_path(path))
    if folder.exists() or str(path) not in PRETRAINED:
        return folder
    return Path(__file__).parents[1] / "pretrained" / str(path)


def load(path: str | Path, components: Mapping[str, Any] | None = None) -> Any:
    """Read what was saved in a folder; nothing in it is ever executed.

    A folder that `Autoencoder.save` or ``vaekit fit`` wrote gives an `Autoencoder`, one that
    `VAEDetector.save` or ``vaekit anomalies --save`` wrote a `VAEDetector`, and so for every kind
    that is registered under ``"stored"``: such a folder holds a file ``<kind>.json``.

    Args:
        path: The folder, or where there is no such folder the name of a model of the package, as
            in `vaekit.storage.PRETRAINED`.
        components: Your own modules by the name in the folder, as objects or factories.

    Returns:
        What was saved there.

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
    check_source(path)
    folder = locate_run(path)
    kinds = [name for name in names("stored") if name != "model"]  # all have a model as well
    kind = next((name for name in kinds if is_there(folder / f"{name}.json")), "model")
    return get("stored", kind)(folder, components)


def load_model(path: str | Path, components: Mapping[str, Any] | None = None) -> Any:
    """Read the `Autoencoder` in a folder, also where it is part of something else.

    Args:
        path: As of `load`.
        components: As of `load`.

    Raises:
        FormatError: As of `load`.
        SpecError: As of `load`.
    """
    return get("stored", "model")(locate_run(path), components)
