"""Pieces that cost work to make, kept on the disk between two passes over a stream."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Self, final

import numpy as np

from vaekit.domains.base import Domain
from vaekit.domains.hooks import ShardPiece
from vaekit.errors import SaveError


@final
class KeptPieces:
    """Keeps decoded pieces of a first pass, so that a second one need not decode them again.

    They lie in a file without a name, of which nothing is left whatever becomes of the process.
    Pieces that are quick to read, such as those of arrays, are passed on and not kept.

    Args:
        folder: Where the file is.

    Example:
        >>> from vaekit.images import ImageDomain
        >>> made = [ShardPiece(np.zeros((2, 4, 4), np.uint8), decoded=True)]
        >>> with tempfile.TemporaryDirectory() as folder, KeptPieces(Path(folder)) as kept:
        ...     count = sum(len(piece.items) for piece in kept.passing(made))
        ...     again = [piece.items.shape for piece in kept.again(ImageDomain())]
        >>> count, kept.has_all, again
        (2, True, [(2, 4, 4)])
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: IO[bytes] | None = None
        self._contexts: list[Sequence[Any] | None] = []
        self._has_missed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    @property
    def has_all(self) -> bool:
        """Whether all pieces were kept."""
        return bool(self._contexts) and not self._has_missed

    def passing(self, pieces: Iterable[ShardPiece]) -> Iterator[ShardPiece]:
        """Yield pieces as they come, and keep them as long as all were decoded.

        Raises:
            SaveError: The disk is full.
        """
        for piece in pieces:
            if piece.decoded and not self._has_missed:
                self._keep(piece)
            else:
                self._has_missed = True
                self._close()
            yield piece

    def again(self, domain: Domain) -> Iterator[ShardPiece]:
        """Yield what was kept, as the domain that has learned from it would read it."""
        assert self._file is not None
        self._file.seek(0)
        for context in self._contexts:
            items = np.load(self._file, allow_pickle=False)
            yield ShardPiece(domain.read_again(items), context, decoded=True)

    def _keep(self, piece: ShardPiece) -> None:
        try:
            if self._file is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._file = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115 - see _close
            np.save(self._file, piece.items, allow_pickle=False)
            self._file.flush()
        except OSError as error:
            raise SaveError(
                f"decoded items must fit on the disk; {self.folder} takes no more: "
                f"{error.strerror or error}. Free some space, or name a folder elsewhere with "
                "stream(..., cache=)."
            ) from error
        self._contexts.append(piece.context)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
