"""What commands read and write: paths, built-in data sets, tables, images."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import lazy_loader
from rich.table import Table

from vaekit import datasets, domains, plots
from vaekit.console.terminal import SafeConsole
from vaekit.csv_text import frame_csv, rows_csv
from vaekit.errors import DataError, MissingExtraError, SpecError
from vaekit.files import atomic_file, atomic_write
from vaekit.places import check_source, is_there

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy_loader.load("numpy")


# ruff: noqa: PLW0108 - a lambda imports when called, the function itself when named
_BUILT_IN: dict[str, Callable[[], Any]] = {
    "digits": lambda: datasets.digits().images,
    "fashion_mnist": lambda: datasets.fashion_mnist("train").images,
    "fashion_mnist_test": lambda: datasets.fashion_mnist("test").images,
    "shapes": lambda: datasets.shapes(10_000).images,
    "penguins": lambda: datasets.penguins(),
    "wine": lambda: datasets.wine(),
    "breast_cancer": lambda: datasets.breast_cancer(),
    "diabetes": lambda: datasets.diabetes(),
}


def read_data(source: str, domain: domains.Domain | None = None, *, is_whole: bool = True) -> Any:
    """Read what the user named; a path wins over a built-in name.

    Args:
        source: A path, or a built-in name.
        domain: How the items are read; ``None`` for what the file tells.
        is_whole: Whether an item that cannot be read is an error; else such items stay, for
            `Domain.usable` to tell apart.

    Raises:
        DataError: Nothing of that name.
    """
    check_source(source)
    if not is_there(source) and source in _BUILT_IN:
        return _BUILT_IN[source]()
    if not is_there(source):
        raise DataError(
            f"the data must be a file, a folder, or one of {', '.join(_BUILT_IN)}; there is "
            f"nothing at {source!r}."
        )
    if domain is None:
        return domains.read_source(source)
    return domain.read(source) if is_whole else domain.read_all(source)


def read_captions(data: str, domain: domains.Domain) -> list[list[str]]:
    """Return the texts beside the images of a folder, any number of each.

    Raises:
        SpecError: The data are no folder of images.
        DataError: Some texts cannot be read.
    """
    found = domain.read_captions(data)
    if found is None:
        raise SpecError(
            f"--captions is for a folder of images with texts beside them; got {data}. Pass a "
            "column of texts by --context, with --text."
        )
    return found


def read_context(
    text: str | None,
    data: str | None = None,
    domain: domains.Domain | None = None,
    *,
    must: bool = False,
) -> Any:
    """Return labels or properties: a file, or values separated by commas.

    Args:
        text: What the user named.
        data: The items that they belong to; a .csv that names the files of a folder is read in
            their order, and a name may be that of a column of its ``metadata.csv`` or ``.jsonl``.
        domain: How the items are read.
        must: Whether what is no file must be such a column, where there is such a file.

    Example:
        >>> read_context("cat,dog").tolist()
        ['cat', 'dog']
    """
    if text is None:
        return None
    if text in ("digits", "fashion_mnist"):
        return (
            datasets.digits().labels if text == "digits" else datasets.fashion_mnist("train").labels
        )
    path = Path(text)
    is_folder = data is not None and Path(data).is_dir()
    if not is_there(text) or not path.is_file():
        names = text.split(",")
        if is_folder:
            owner = domains.infer_domain(data) if domain is None else domain
            if (found := owner.read_metadata_columns(data, names, must)) is not None:
                return found
        return np.asarray(names)
    if data is not None and is_folder:
        owner = domains.infer_domain(data) if domain is None else domain
        if (labels := owner.read_file_labels(path, Path(data))) is not None:
            return labels
    return domains.read_source(text)


def read_labels_of(text: str, data: str, domain: domains.Domain | None = None) -> domains.Labels:
    """Labels of items: a .csv that names files, one row per item, or a built-in data set's."""
    return domains.Labels.of(read_context(text, data, domain, must=True))


def take_rows(values: Any, index: Any) -> Any:
    """Return some rows of an array, a data frame or labels."""
    if isinstance(values, domains.Labels):
        return values.at(np.asarray(index))
    return values.iloc[index] if domains.is_frame(values) else values[index]


def concatenate_parts(parts: Sequence[Any]) -> Any:
    """Return pieces one behind the other: data frames keep the names and types of their columns.

    Args:
        parts: Arrays, tensors or data frames, at least one, all of one kind.
    """
    if not domains.is_frame(parts[0]):
        return np.concatenate([np.asarray(part) for part in parts])
    import pandas as pd

    return pd.concat(parts, ignore_index=True)


console = SafeConsole(markup=False, emoji=False)  # as those of SMILES, brackets and colons are text


def write_items(
    path: Path,
    items: Any,
    draw: Callable[[Any], Any] | None = None,
    animate: Callable[[Any], Any] | None = None,
) -> None:
    """Write images as a picture, tables as CSV or Parquet, text as lines, or arrays.

    Args:
        path: Ends in .png, .gif, .npz, .npy, .csv, .parquet, .smi or .txt.
        items: What the model made.
        draw: Makes the picture; ``None`` for a grid of images.
        animate: Makes the frames of a moving one, where there is something to move.

    Raises:
        SpecError: The ending does not fit the items.
    """
    array = np.asarray(items)
    if domains.is_frame(items) and (path.suffix not in (".npz", ".npy") or array.dtype == object):
        write_frame(path, items)
        return
    if array.dtype.kind == "U" and array.ndim == 1 and path.suffix not in (".npz", ".npy"):
        _write_lines(path, array.tolist())
        return
    is_image = array.ndim > 2
    if path.suffix == ".png" and is_image:
        plots.save_figure((draw or plots.image_grid)(items), path)
    elif path.suffix == ".gif" and is_image and animate is not None:
        plots.save_animation(animate(items), path)
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


def check_frame_path(path: Path) -> None:
    """Refuse endings that name no form of a data frame; worth asking before the work, too.

    Raises:
        SpecError: Says which there are.
    """
    if path.suffix not in (".csv", ".parquet"):
        raise SpecError(f"--out must end in .csv or .parquet for these items; got {str(path)!r}.")


def write_frame(path: Path, frame: Any) -> None:
    """Write a data frame.

    Args:
        path: Ends in .csv or .parquet.
        frame: Of pandas.

    Raises:
        SpecError: Another ending.
        MissingExtraError: Parquet without pyarrow.
    """
    check_frame_path(path)
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
    check_frame_path(path)
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
        self.file.write(frame_csv(frame, header=self.is_first).encode())
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
        return frame_csv(frame).encode()
    buffer = io.BytesIO()
    try:
        frame.to_parquet(buffer, index=False)
    except ImportError as error:
        raise MissingExtraError(
            "writing .parquet needs pyarrow: pip install 'vaekit[tables]'."
        ) from error
    return buffer.getvalue()


def write_table(path: Path, columns: dict[str, Any]) -> None:
    """Write columns as CSV."""
    rows = zip(*columns.values(), strict=True)
    atomic_write(path, rows_csv(list(columns), ([_cell(value) for value in row] for row in rows)))


def _cell(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float | np.floating) else value


def print_table(title: str, rows: dict[str, str]) -> None:
    """Print names and values."""
    table = Table(title=title, show_header=False, title_justify="left")
    for name, value in rows.items():
        table.add_row(name, value)
    console.print(table)


def prompts_for(learned: domains.Context | None, prompts: Sequence[str], n: int) -> list[str]:
    """Return each prompt so many times.

    Args:
        learned: What the model knows of its context.
        prompts: What was asked for.
        n: How often.

    Raises:
        SpecError: The model was not trained on captions.
    """
    if learned is None or learned.captions is None:
        kind = "without a context" if learned is None else f"with {learned.known}"
        raise SpecError(
            f"--prompt is for models that were trained on captions; this one was trained {kind}. "
            "Fit one with --captions."
        )
    return [prompt for prompt in prompts for _ in range(n)]
