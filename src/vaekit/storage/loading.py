"""Reading what was saved, or a model that comes with the package: whatever kind it is of."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vaekit.files import expanded_path, heal
from vaekit.places import check_source, is_hub_name, is_there
from vaekit.registry import get, names
from vaekit.storage.hub import HubName, fetch_run

PRETRAINED = {
    "moses": "Drug-like molecules: a Transformer, trained on the 1.6 million of MOSES.",
    "druglike": "Organic molecules of any spelling, with stereo and charges: `moses`, trained on.",
}
"""What there is, each in a folder of that name with a ``CARD.md``."""


def locate_run(path: str | Path) -> Path:
    """The folder of a run: the one given, or where there is none that of a model of the package.

    A run of the hub is downloaded into the cache first; see `load`.

    Raises:
        HubError: As of `load`.

    Example:
        >>> locate_run("moses").name, locate_run("runs/mine").as_posix()
        ('moses', 'runs/mine')
    """
    return _located(path)[0]


def _located(path: str | Path) -> tuple[Path, str | None]:
    """Return the folder, and of a run of the hub its name with the commit."""
    if is_hub_name(path):
        folder, name = fetch_run(HubName.parse(path))
        return folder, str(name)
    folder = heal(expanded_path(path))
    if folder.exists() or str(path) not in PRETRAINED:
        return folder, None
    return Path(__file__).parents[1] / "pretrained" / str(path), None


def pinned_run(path: str | Path) -> str:
    """Return the name of a run that means the same one in every process and at every time.

    Of a run of the hub that is the name with the commit; others are returned as they are.

    Raises:
        HubError: As of `load`.

    Example:
        >>> pinned_run("runs/mine")
        'runs/mine'
    """
    return _located(path)[1] or str(path) if is_hub_name(path) else str(path)


def run_name(path: str | Path) -> str:
    """Return what to call a run: the name of its folder, of the hub that of its model.

    Example:
        >>> run_name("runs/mine"), run_name("hf://mary/digits@v1")
        ('mine', 'digits')
    """
    return HubName.parse(path).model if is_hub_name(path) else locate_run(path).resolve().name


def load(path: str | Path, components: Mapping[str, Any] | None = None) -> Any:
    """Read what was saved in a folder or pushed to the hub; nothing in it is ever executed.

    A folder that `Autoencoder.save` or ``vaekit fit`` wrote gives an `Autoencoder`, one that
    `VAEDetector.save` or ``vaekit anomalies --save`` wrote a `VAEDetector`, and so for every kind
    that is registered under ``"stored"``: such a folder holds a file ``<kind>.json``.

    ``hf://user/model``, or ``hf://user/model@revision`` with a branch, a tag or a commit, is
    downloaded into the cache of huggingface_hub and read with the same checks. What is loaded has
    the name with the commit in ``source_``: that loads the same again, also without a network.

    Args:
        path: The folder, a name of the hub, or where there is no such folder the name of a model of
            the package, as in `vaekit.storage.PRETRAINED`.
        components: Your own modules by the name in the folder, as objects or factories.

    Returns:
        What was saved there.

    Raises:
        FormatError: Damaged, truncated, foreign, of a newer format.
        SpecError: An unknown component, or one of your own that was not handed in.
        HubError: The hub has no such run, or cannot be reached.
        MissingExtraError: A name of the hub, and the extra ``hub`` is not installed.

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
    folder, source = _located(path)
    return _read(stored_kind(folder), folder, source, components)


def load_model(path: str | Path, components: Mapping[str, Any] | None = None) -> Any:
    """Read the `Autoencoder` in a folder, also where it is part of something else.

    Args:
        path: As of `load`.
        components: As of `load`.

    Raises:
        FormatError: As of `load`.
        SpecError: As of `load`.
        HubError: As of `load`.
    """
    folder, source = _located(path)
    return _read("model", folder, source, components)


def stored_kind(folder: Path) -> str:
    """Return the kind of what a folder holds: a name that is registered under ``"stored"``."""
    kinds = [name for name in names("stored") if name != "model"]  # all have a model as well
    return next((name for name in kinds if is_there(folder / f"{name}.json")), "model")


def _read(kind: str, folder: Path, source: str | None, components: Mapping[str, Any] | None) -> Any:
    found = get("stored", kind)(folder, components)
    if source is not None:
        found.source_ = source
    return found
