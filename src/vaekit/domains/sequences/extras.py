"""The package selfies, asked for where it is used."""

from typing import Any

from vaekit.errors import MissingExtraError

__all__ = ["selfies_library"]


def selfies_library() -> Any:
    """The package ``selfies``.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import selfies
    except ImportError as error:
        raise MissingExtraError(
            "SELFIES need the package selfies: pip install 'vaekit[molecules]'."
        ) from error
    return selfies
