"""What every stream promises."""

import abc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaekit.domains.base import Domain
from vaekit.domains.hooks import ShardPiece
from vaekit.errors import DataTypeError


@dataclass(frozen=True)
class Stream(abc.ABC):
    """Items that come a piece at a time, the same ones in the same order each time.

    A training reads them twice: to learn the schema, and to prepare rows, which go to a file that
    the training reads from then on.

    Attributes:
        rows: Items of a piece, at most.
        cache: Folder for the prepared rows, so that another training of the same data finds them;
            ``None`` keeps them in a folder that is removed after the training.
        context: Name of the column, or of the part of an item, that conditions a model; ``None``
            without one.
    """

    rows: int = 65_536
    cache: str | Path | None = None
    context: str | None = None

    def __array__(self, *_: Any, **__: Any) -> Any:
        """Refuse to become an array, which would be read at once.

        Raises:
            DataTypeError: Always.
        """
        raise DataTypeError(
            "data must be in memory here; got a stream, which Autoencoder.fit reads. Pass an array "
            "or a data frame; for scores of data sets see vaekit.Scorer, or vaekit score RUN DATA "
            "--out FOLDER/."
        )

    @abc.abstractmethod
    def pieces(self, domain: Domain) -> Iterator[ShardPiece]:
        """Yield the items a piece at a time, read as a domain reads them.

        Raises:
            DataError: An item that cannot be read, or a file that is not there any more.
        """

    @abc.abstractmethod
    def first(self) -> Any:
        """Return what tells the kind of the items: some of them, or the path of a file."""

    @property
    def place(self) -> Path | None:
        """The folder that the items lie in, where there is one."""
        return None

    @property
    @abc.abstractmethod
    def signature(self) -> str:
        """Tells whether the data are those of another time; empty where that cannot be known."""
