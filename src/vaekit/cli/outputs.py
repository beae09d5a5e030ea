"""What a command writes, in the form that its file name asks for."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from vaekit.domains.checks import is_frame
from vaekit.errors import DataError, MissingExtraError, SpecError
from vaekit.files import atomic_file, atomic_write
from vaekit.plots import save_animation, save_figure

__all__ = ["console", "frame_stream", "print_table", "write_frame", "write_items", "write_table"]

console = Console(markup=False, emoji=False)  # as those of SMILES, brackets and colons are text


def write_items(
    path: Path,
    items: Any,
    draw: Callable[[Any], Figure],
    animate: Callable[[Any], NDArray[Any]] | None = None,
) -> None:
    """Write images as a picture, tables as CSV or Parquet, text as lines, or arrays.

    Args:
        path: Ends in .png, .gif, .npz, .npy, .csv, .parquet, .smi or .txt.
        items: What the model made.
        draw: Makes the picture.
        animate: Makes the frames of a moving one, where there is something to move.

    Raises:
        SpecError: The ending does not fit the items.
    """
    array = np.asarray(items)
    if is_frame(items) and (path.suffix not in (".npz", ".npy") or array.dtype == object):
        write_frame(path, items)
        return
    if array.dtype.kind == "U" and array.ndim == 1 and path.suffix not in (".npz", ".npy"):
        _write_lines(path, array.tolist())
        return
    is_image = array.ndim > 2
    if path.suffix == ".png" and is_image:
        save_figure(draw(items), path)
    elif path.suffix == ".gif" and is_image and animate is not None:
        save_animation(animate(items), path)
    elif path.suffix == ".csv" and not is_image:
        columns = [str(c) for c in getattr(items, "columns", range(array.shape[1]))]
        write_table(path, dict(zip(columns, array.T, strict=True)))
    elif path.suffix == ".npz":
        buffer = io.BytesIO()
        np.savez_compressed(buffer, X=array)
        atomic_write(path, buffer.getvalue())
    elif path.suffix == ".npy":
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        atomic_write(path, buffer.getvalue())
    else:
        pictures = ".png" if animate is None else ".png, .gif"
        fitting = f"{pictures}, .npz or .npy" if is_image else ".csv, .npz or .npy"
        raise SpecError(f"--out must end in {fitting} for these items; got {str(path)!r}.")
    console.print(f"wrote {path}", highlight=False)


def _write_lines(path: Path, texts: Sequence[str]) -> None:
    if path.suffix not in (".smi", ".txt"):
        raise SpecError(
            f"--out must end in .smi, .txt, .npz or .npy for these items; got {str(path)!r}."
        )
    atomic_write(path, "".join(f"{text}\n" for text in texts).encode())
    console.print(f"wrote {path}", highlight=False)


def write_frame(path: Path, frame: Any) -> None:
    """Write a data frame.

    Args:
        path: Ends in .csv or .parquet.
        frame: Of pandas.

    Raises:
        SpecError: Another ending.
        MissingExtraError: Parquet without pyarrow.
    """
    if path.suffix not in (".csv", ".parquet"):
        raise SpecError(f"--out must end in .csv or .parquet for these items; got {str(path)!r}.")
    atomic_write(path, _frame_bytes(frame, path.suffix))
    console.print(f"wrote {path}", highlight=False)


@contextmanager
def frame_stream(path: Path) -> Iterator[Callable[[Any], None]]:
    """Yield what writes data frames one after the other into one file, which appears at the end.

    Args:
        path: Ends in .csv or .parquet.

    Raises:
        SpecError: Another ending.
        DataError: A piece whose columns do not fit those of the first.
    """
    if path.suffix not in (".csv", ".parquet"):
        raise SpecError(f"--out must end in .csv or .parquet for these items; got {str(path)!r}.")
    with atomic_file(path) as file:
        if path.suffix == ".csv":
            yield _CsvPieces(file).write
        else:
            pieces = _ParquetPieces(file)
            yield pieces.write
            pieces.close()
    console.print(f"wrote {path}", highlight=False)


class _CsvPieces:
    def __init__(self, file: BinaryIO) -> None:
        self.file, self.is_first = file, True

    def write(self, frame: Any) -> None:
        self.file.write(frame.to_csv(index=False, header=self.is_first).encode())
        self.is_first = False


class _ParquetPieces:
    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.writer: Any = None

    def write(self, frame: Any) -> None:
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError as error:
            raise MissingExtraError(
                "writing .parquet needs pyarrow: pip install 'vaekit[tables]'."
            ) from error
        schema = None if self.writer is None else self.writer.schema
        try:
            table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
        except pa.ArrowException as error:
            raise DataError(
                f"all pieces must have columns of the same types to be written as .parquet; "
                f"{error}. Write .csv."
            ) from error
        if self.writer is None:
            self.writer = pq.ParquetWriter(self.file, table.schema)
        self.writer.write_table(table)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


def _frame_bytes(frame: Any, ending: str) -> bytes:
    if ending == ".csv":
        text: str = frame.to_csv(index=False)
        return text.encode()
    buffer = io.BytesIO()
    try:
        frame.to_parquet(buffer, index=False)
    except ImportError as error:
        raise MissingExtraError(
            "writing .parquet needs pyarrow: pip install 'vaekit[tables]'."
        ) from error
    return buffer.getvalue()


def write_table(path: Path, columns: dict[str, NDArray[Any]]) -> None:
    """Write columns as CSV."""
    names = ",".join(columns)
    rows = (",".join(_text(v) for v in row) for row in zip(*columns.values(), strict=True))
    atomic_write(path, ("\n".join([names, *rows]) + "\n").encode())


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)


def print_table(title: str, rows: dict[str, str]) -> None:
    """Print names and values."""
    table = Table(title=title, show_header=False, title_justify="left")
    for name, value in rows.items():
        table.add_row(name, value)
    console.print(table)
