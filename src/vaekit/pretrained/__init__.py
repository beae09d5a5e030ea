"""Models that come with the package, by name; `vaekit.load` takes these names as well."""

from pathlib import Path

__all__ = ["PRETRAINED", "find_run"]

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
    return Path(__file__).parent / str(path)
