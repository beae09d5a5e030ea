"""Pictures that come a piece at a time: files, and archives of them."""

import io
import itertools
import json
import tarfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np
from numpy.typing import NDArray

from vaekit.domains.hooks import ShardPiece
from vaekit.domains.learning import SchemaLearner
from vaekit.errors import DataError
from vaekit.images.folders import IMAGE_SUFFIXES, ImageReader, is_no_item, stacked

if TYPE_CHECKING:
    from vaekit.images.domain import ImageDomain

_THREADS = 4
_AT_ONCE, _OF_A_TASK = 1024, 16


@final
class ImageLearner(SchemaLearner):
    """Keeps the images of the least and the largest value, whose schema is that of all."""

    domain: "ImageDomain"

    def __init__(self, domain: "ImageDomain") -> None:
        super().__init__(domain)
        self.kept: NDArray[Any] | None = None
        self._fitted: ImageDomain | None = None

    def _update(self, piece: Any) -> None:
        self._keep(np.asarray(piece))

    def _merge(self, other: Self) -> None:
        if other.kept is not None:
            self._keep(other.kept)

    def _keep(self, images: NDArray[Any]) -> None:
        least, largest = _extremes(images)
        some = images[[least, largest]]
        if self.kept is None or self._fitted is None:
            self.kept, self._fitted = some, self.domain.fit(some)
            return
        if self.kept.ndim != some.ndim and self.domain.layout is None:  # gray ones among colours
            self.kept, some = in_color(self.kept), in_color(some)
            self._fitted = self.domain.fit(self.kept)
        if self.kept.shape[1:] != some.shape[1:]:
            self._fitted.prepare(some)  # which says what they must be
        both = np.concatenate([self.kept, some])
        ends = both[list(_extremes(both))]
        if ends.min() < self.kept.min() or ends.max() > self.kept.max():
            self._fitted = self.domain.fit(ends)
        self.kept = ends

    def learned(self) -> "ImageDomain":
        """Return the domain that was fitted to the images that were kept."""
        if self._fitted is None or self.count < 2:
            raise DataError(f"there must be at least 2 images to learn from; got {self.count}.")
        return self._fitted


def _extremes(images: NDArray[Any]) -> tuple[int, int]:
    flat = images.reshape(len(images), -1)
    return int(flat.min(1).argmin()), int(flat.max(1).argmax())


def in_color(images: NDArray[Any]) -> NDArray[Any]:
    """Return gray images with three channels behind, others as they are."""
    return np.repeat(images[..., None], 3, -1) if images.ndim == 3 else images


def picture_pieces(
    paths: Sequence[Path], domain: "ImageDomain", rows: int, context: str | None
) -> Iterator[ShardPiece]:
    """Yield pictures of files and of archives, decoded by threads.

    Args:
        paths: Of pictures, and of .tar archives, in which the files of an item have one name up
            to its first point, as of WebDataset.
        domain: How pictures are read; once fitted, gray ones become colours where it has some.
        rows: Pictures of a piece, at most; 1,024 are enough.
        context: The ending of the files of an archive that condition a model (``"txt"``,
            ``"cls"``), or ``"json:NAME"``; ``None`` without.

    Raises:
        DataError: A file that is no picture, an item without a picture or without context.
    """
    animated: list[Path] = []
    size = min(rows, _AT_ONCE)
    read = ImageReader(
        domain.size,
        domain.on_bad,
        domain.transparency == "keep",
        animated,
        size,
        domain.bits or 16,
    )
    wants_color = domain.shape is not None and domain.shape[0] == 3
    entries = _entries(paths, context)
    with ThreadPoolExecutor(_THREADS) as threads:
        while True:
            # Threads decode while more is read; some at a time, since a task costs as much as half
            # a small picture.
            tasks = _in_tasks(itertools.islice(entries, size))
            done = [each for task in threads.map(partial(_decoded, read), tasks) for each in task]
            if not done:
                break
            pairs = [(path, image, label) for path, image, label in done if image is not None]
            if not pairs:
                continue
            array = stacked([(path, image) for path, image, _ in pairs])
            labels = None if context is None else [label for _, _, label in pairs]
            yield ShardPiece(in_color(array) if wants_color else array, labels, decoded=True)
    if animated:
        warnings.warn(
            f"{len(animated)} files are animated, and only their first frames are read: "
            f"{animated[0].name}{', ...' if len(animated) > 1 else ''}.",
            stacklevel=2,
        )


_Entry = tuple[Path, Callable[[ImageReader], NDArray[np.uint8] | None], Any]


def _in_tasks(entries: Iterator[_Entry]) -> Iterator[list[_Entry]]:
    while task := list(itertools.islice(entries, _OF_A_TASK)):
        yield task


def _decoded(
    read: ImageReader, entries: Sequence[_Entry]
) -> list[tuple[Path, NDArray[np.uint8] | None, Any]]:
    return [(path, decode(read), label) for path, decode, label in entries]


def _entries(paths: Sequence[Path], context: str | None) -> Iterator[_Entry]:
    """Yield for each picture its name, what decodes it, and its context."""
    for path in paths:
        if path.suffix == ".tar":
            yield from _of_archive(path, context)
        elif not is_no_item(Path(path.name)):
            if context is not None:
                raise DataError(
                    f"context={context!r} names files of archives (.tar); {path} is a picture. "
                    "Pass the context of pictures to fit, one for each."
                )
            yield path, _decoder(path, None), None


def _decoder(
    path: Path, content: bytes | None
) -> Callable[[ImageReader], NDArray[np.uint8] | None]:
    return lambda read: read(path, None if content is None else io.BytesIO(content))


def _of_archive(path: Path, context: str | None) -> Iterator[_Entry]:
    found: dict[str, bytes] = {}
    key = ""
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                if not member.isfile() or is_hidden(member.name):
                    continue
                folder, _, name = member.name.rpartition("/")
                stem, _, ending = name.partition(".")
                if (own := f"{folder}/{stem}") != key and found:
                    yield _item(path, key, found, context)
                    found = {}
                key = own
                file = archive.extractfile(member)
                assert file is not None
                found[ending.lower()] = file.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DataError(f"{path} must be a readable archive; {error}.") from error
    if found:
        yield _item(path, key, found, context)


def is_hidden(name: str) -> bool:
    """Return whether a member of an archive is a hidden file."""
    return name.rpartition("/")[2].startswith(".")


def _item(path: Path, key: str, found: Mapping[str, bytes], context: str | None) -> _Entry:
    endings = [ending for ending in found if f".{ending.rpartition('.')[2]}" in IMAGE_SUFFIXES]
    place = Path(f"{path}:{key.lstrip('/')}")
    if len(endings) != 1:
        raise DataError(
            f"each item of an archive must have one picture; {place} has {len(endings)}, of the "
            f"files {', '.join(found)}."
        )
    label = None if context is None else _context_of(place, found, context)
    return place, _decoder(place, found[endings[0]]), label


def _context_of(place: Path, found: Mapping[str, bytes], context: str) -> Any:
    ending, _, name = context.partition(":")
    if ending not in found:
        raise DataError(
            f"each item must have a file .{ending} for context={context!r}; {place} has "
            f"{', '.join(found)}."
        )
    try:
        text = found[ending].decode("utf-8")
        if ending != "json":
            text = text.strip()
            return int(text) if ending == "cls" else text
        return json.loads(text)[name]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{place}.{ending} must hold a value for {context!r}; {error}.") from error
