"""Images of more than 8 bits a value: how many they use, and what that makes of them."""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaekit.errors import DataError, SpecError

_BITS = (8, 10, 12, 14, 16)
_BYTE = 255


def is_deep(array: NDArray[Any]) -> bool:
    """Return whether these are whole numbers that may have more than 8 bits.

    Example:
        >>> is_deep(np.zeros((2, 8, 8), np.uint16)), is_deep(np.zeros((2, 8, 8), np.uint8))
        (True, False)
    """
    is_wide = array.dtype.kind in "iu" and array.dtype.itemsize > 1
    return is_wide and (array.dtype == np.uint16 or bool(array.size and array.max() > _BYTE))


def check_bits(bits: int) -> None:
    """Refuse depths that no camera or scanner has.

    Raises:
        SpecError: Says which there are.
    """
    if bits not in _BITS:
        raise SpecError(f"bits must be one of {', '.join(map(str, _BITS))}; got {bits!r}.")


def check_deep(array: NDArray[Any]) -> int:
    """Return the largest value.

    Raises:
        DataError: A value below 0, or beyond 16 bits.
    """
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= 2 ** _BITS[-1]:
        raise DataError(
            f"images of whole numbers must have values from 0 to 65535; got [{low}, {high}]. Shift "
            "and scale them."
        )
    return high


def largest_of(bits: int | None, largest: int, what: str) -> float:
    """Return the largest value that images can have; where it is guessed, a warning says so.

    Args:
        bits: Of each value; ``None`` takes the fewest that hold the largest value there is.
        largest: The largest value there is.
        what: What these are, for messages.

    Raises:
        DataError: There is a larger value than these bits hold.

    Example:
        >>> largest_of(12, 4000, "files")
        4095.0
    """
    if bits is None:
        bits = next(b for b in _BITS if largest < 2**b)
        if bits < _BITS[-1]:
            warnings.warn(
                f"{what} have values up to {largest}, and are taken to be of {bits} bits, from 0 "
                f"to {2**bits - 1}. If they are not, pass ImageDomain(bits=...) (CLI: --bits).",
                stacklevel=5,
            )
    if largest >= 2**bits:
        raise DataError(
            f"images of {bits} bits must have values from 0 to {2**bits - 1}; got {largest} in "
            f"{what}. Choose more bits."
        )
    return float(2**bits - 1)


_PNG_HEAD = 26  # bytes, of which the one before the last but one tells the bits
_SHALLOW = frozenset({".jpg", ".jpeg", ".gif", ".bmp", ".webp"})
_TIFF_BITS, _TIFF_MOST = 258, 281


def bits_of_files(files: Iterable[Path]) -> int | None:
    """Return how many bits the grays of files have that are deeper than 8.

    What a TIFF says of itself is believed; else the fewest bits that hold the largest value of all
    files, with a warning, unless these are 16.

    Args:
        files: Images, or what is none, which is passed over.

    Returns:
        8, 10, 12, 14 or 16; ``None`` where no file has grays of more than 8 bits.

    Raises:
        DataError: A value beyond 16 bits.
    """
    told, largest, count = 0, -1, 0
    for path in files:
        found = _depth_of(path)
        if found is not None:
            told, largest, count = max(told, found[0]), max(largest, found[1]), count + 1
    if not count:
        return None
    if told and largest < 2**told:
        return next(b for b in _BITS if b >= told)
    most = largest_of(None, largest, f"{count} files of 16-bit grays")
    return int(most).bit_length()


def _depth_of(path: Path) -> tuple[int, int] | None:
    """Return the bits that a file tells, 0 for none, and its largest value; ``None`` if shallow."""
    from PIL import Image

    if path.suffix.lower() in _SHALLOW or not _may_be_deep(path):
        return None
    try:
        with Image.open(path) as opened:
            if not opened.mode.startswith("I"):
                return None
            array = np.asarray(opened)
            tags: Any = getattr(opened, "tag_v2", {})
            return _bits_by_tags(tags), check_deep(array)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None  # named, or left out, when it is read


def _may_be_deep(path: Path) -> bool:
    """Return whether it is worth opening: of a PNG the first bytes tell."""
    try:
        with path.open("rb") as file:
            head = file.read(_PNG_HEAD)
    except OSError:
        return False
    return not head.startswith(b"\x89PNG") or (len(head) == _PNG_HEAD and head[24] > 8)


def _bits_by_tags(tags: Any) -> int:
    """Return the bits by the tags of a TIFF; 16 is what all such files say, and tells nothing."""
    most, bits = _first(tags.get(_TIFF_MOST)), _first(tags.get(_TIFF_BITS))
    if 0 < most < 2 ** _BITS[-1] - 1:
        return most.bit_length()
    return bits if _BITS[0] < bits < _BITS[-1] else 0


def _first(value: Any) -> int:
    value = value[0] if isinstance(value, tuple) and value else value
    return value if isinstance(value, int) else 0


def to_bytes(array: NDArray[np.uint16], largest: float) -> NDArray[np.uint8]:
    """Return values from 0 to the largest as 0 to 255.

    Example:
        >>> to_bytes(np.array([0, 2048, 4095], np.uint16), 4095.0)
        array([  0, 127, 255], dtype=uint8)
    """
    scaled: NDArray[np.uint8] = (array.astype(np.uint32) * _BYTE // int(largest)).astype(np.uint8)
    return scaled
