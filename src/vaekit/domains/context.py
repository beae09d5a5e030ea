"""What a model is conditioned on, and labels of items: classes, properties, columns of text."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from vaekit.domains.captions import Captions, caption_texts
from vaekit.domains.checks import array_of, check_column_names, is_frame
from vaekit.domains.stored import StoredFields
from vaekit.errors import DataError, NotFittedError, SpecError, unknown_name
from vaekit.networks.context import ContextReader, ValueReader, missing_rows

Words = NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Labels:
    """What is known of each item, as text. Arrays are shared, not copied.

    Attributes:
        columns: The labels of each column by its name, each of shape (items,).
        items: What errors call the items: file names, or ``row 0``, ``row 1``, ….

    Example:
        >>> labels = Labels.of({"mouth": ["smile", "frown"], "age": [3, 40]})
        >>> len(labels), labels.values("mouth")
        (2, ('frown', 'smile'))
    """

    columns: Mapping[str, Words]
    items: Sequence[str]

    @classmethod
    def of(cls, raw: Any, count: int | None = None) -> Self:
        """Read labels from a data frame, a dict of columns, an array or a list.

        Args:
            raw: Text, whole numbers or booleans; columns without names are called ``label`` if
                there is one, else ``0``, ``1``, ….
            count: How many items there are; ``None`` takes as many as there are labels.

        Raises:
            DataError: Columns of other or differing lengths, a label missing, floats.
        """
        labels = raw if isinstance(raw, cls) else cls(*_read(raw))
        if count is not None and len(labels) != count:
            raise DataError(
                f"labels must be one per item; got {len(labels)} for {count} items. Pass the "
                "labels of these items, in their order."
            )
        return labels

    def __len__(self) -> int:
        return len(self.items)

    def column(self, attribute: str) -> Words:
        """Return the labels of one column.

        Raises:
            SpecError: No column has that name; suggests the nearest.
        """
        if attribute not in self.columns:
            raise unknown_name("attribute", attribute, self.columns)
        return self.columns[attribute]

    def values(self, attribute: str) -> tuple[str, ...]:
        """Return the different labels of one column, sorted."""
        return tuple(np.unique(self.column(attribute)).tolist())

    def having(self, attribute: str, value: str) -> NDArray[np.bool_]:
        """Return which items have this label, shape (items,).

        Raises:
            SpecError: No column, or no label of it, has that name; suggests the nearest.
        """
        found: NDArray[np.bool_] = self.column(attribute) == value
        if not found.any():
            raise unknown_name(f"value of attribute {attribute!r}", value, self.values(attribute))
        return found

    def at(self, index: NDArray[Any]) -> "Labels":
        """Return the labels of some of the items."""
        columns = {name: labels[index] for name, labels in self.columns.items()}
        return Labels(columns, np.asarray(self.items)[index].tolist())


def is_label_table(raw: Any) -> bool:
    """Return whether data are columns of labels, and neither one column of them nor properties.

    So are a data frame or dict with a column that is not numeric, or without floats, and an
    array of text with two axes.
    """
    if isinstance(raw, Labels):
        return True
    if is_frame(raw) or isinstance(raw, Mapping):
        kinds = {np.asarray(raw[name]).dtype.kind for name in _names(raw)}
        return not kinds <= set("biuf") or "f" not in kinds
    return not isinstance(raw, Tensor) and _is_text_table(np.asarray(raw))


def _is_text_table(array: NDArray[Any]) -> bool:
    return array.ndim == 2 and array.shape[1] > 1 and array.dtype.kind in "OSU"


def _read(raw: Any) -> tuple[dict[str, Words], list[str]]:
    columns = _columns(raw)
    lengths = {name: len(labels) for name, labels in columns.items()}
    if not columns or len(set(lengths.values())) != 1:
        raise DataError(f"columns of labels must be of one length; got {lengths or 'none'}.")
    count = next(iter(lengths.values()))
    return columns, [f"row {row}" for row in range(count)]


def _columns(raw: Any) -> dict[str, Words]:
    if is_frame(raw) or isinstance(raw, Mapping):
        return {str(name): _text(str(name), np.asarray(raw[name])) for name in _names(raw)}
    array = array_of(raw) if isinstance(raw, Tensor) else np.asarray(raw)
    if array.ndim == 1:
        return {"label": _text("label", array)}
    if array.ndim != 2:
        raise DataError(f"labels must have axes (items) or (items, columns); got {array.shape}.")
    names = ["label"] if array.shape[1] == 1 else list(map(str, range(array.shape[1])))
    return {name: _text(name, array[:, place]) for place, name in enumerate(names)}


def _names(raw: Any) -> list[Any]:
    check_column_names(raw)
    return list(raw.columns) if is_frame(raw) else list(raw)


def _text(name: str, array: NDArray[Any]) -> Words:
    """Return one column as text; ``np.atleast_1d`` lets a single label stand for one row."""
    array = np.atleast_1d(array)
    if array.ndim != 1:
        raise DataError(f"a column of labels must have one axis; {name!r} has {array.shape}.")
    if array.dtype.kind == "f" and np.isfinite(array).all():
        raise DataError(
            f"labels must be text, whole numbers or booleans; got floats in column {name!r}, "
            f"{array[0]!r} first. Make classes of them, or leave the column out."
        )
    missing = np.flatnonzero([_is_missing(value) for value in array.tolist()])
    if len(missing):
        raise DataError(
            f"every item must have a label in column {name!r}; {len(missing)} have none, the "
            f"first at row {missing[0]}. Name what is missing, for instance 'none', or leave the "
            "column out."
        )
    return array.astype(str)


def _is_missing(value: Any) -> bool:
    """None, no text, a masked cell of pandas, or NaN."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return value == "" or (isinstance(value, float) and math.isnan(value))


def several_captions(raw: Any) -> list[list[str]]:
    """Return the captions of each item, ``[""]`` of one that has none.

    Args:
        raw: A caption, or for each item a caption, a list of them, or None or NaN for none.

    Raises:
        DataError: Something else.

    Example:
        >>> several_captions(["a hat", ["a cap", "a red cap"], None])
        [['a hat'], ['a cap', 'a red cap'], ['']]
    """
    if isinstance(raw, Labels):
        raw = _one_column(raw)
    items = [raw] if isinstance(raw, str) else raw
    if is_frame(raw) or isinstance(raw, Mapping):
        names = _names(raw)
        if len(names) != 1:
            raise DataError(f"captions must be one column of texts; got {len(names)}: {names}.")
        items = list(raw[names[0]])
    found = []
    for row, value in enumerate(items):
        several = value if isinstance(value, list | tuple | np.ndarray) else [value]
        texts = caption_texts(list(several))
        if texts is None:
            raise DataError(
                f"captions must be texts, or lists of them; got {value!r} in row {row}. Pass "
                "text=None if the context is no captions."
            )
        found.append([text for text in texts.tolist() if text] or [""])
    if not found:
        raise DataError("captions must be one for each item; got none.")
    return found


def _one_column(labels: Labels) -> list[str]:
    if len(labels.columns) != 1:
        raise DataError(
            f"captions must be one column of texts; got {len(labels.columns)}: "
            f"{list(labels.columns)}."
        )
    (column,) = labels.columns.values()
    texts: list[str] = column.tolist()
    return texts


_MOST_CLASSES = 1000
_ONE_COLUMN = "label"


@dataclass(frozen=True)
class Context:
    """Labels as one-hot rows, standardised properties, or captions. Immutable, like a domain.

    One column of text, booleans or whole numbers is read as labels; a data frame, dict or array
    of text as one column of labels per attribute; floats, and more than one column of plain
    numbers, as properties. With ``captions`` all texts are read as such, one or several for each
    item, or none.

    Attributes:
        classes: Learned labels, for a class context.
        mean: Learned mean of each property.
        scale: Learned deviation of each property.
        columns: Learned name and labels of each attribute, for a context of several.
        captions: How captions are read; ``None`` where the context is none of captions.
        dropout: Share of items whose context is left untold in training. Above 0 a context may be
            left out, ``None``, where one is asked for.

    Example:
        >>> context = Context().fit(["cat", "dog", "cat"])
        >>> context.prepare(["dog"])
        tensor([[0., 1.]])
        >>> context = Context().fit({"eyes": ["open", "wink"], "nose": ["big", "small"]})
        >>> context.prepare({"eyes": "wink", "nose": "big"})
        tensor([[0., 1., 1., 0.]])
    """

    classes: Sequence[str | int | bool] | None = None
    mean: Sequence[float] | None = None
    scale: Sequence[float] | None = None
    columns: Sequence[tuple[str, Sequence[str]]] | None = None
    captions: Captions | None = None
    dropout: float = 0.0

    def fit(self, raw: Any) -> Self:
        """Learn the labels, the words, or the scaling of the properties."""
        if self.captions is not None:
            several = several_captions(raw)
            return replace(self, captions=self.captions.fit([t for each in several for t in each]))
        if is_label_table(raw):
            labels = Labels.of(raw)
            columns = tuple((name, labels.values(name)) for name in labels.columns)
            _check_number([label for _, values in columns for label in values])
            return replace(self, classes=None, mean=None, scale=None, columns=columns)
        array = _column(raw)
        if array.ndim == 1 and array.dtype.kind in "biuUSO":
            known = np.unique(_plain(array)).tolist()
            _check_number(known)
            return replace(self, classes=tuple(known), mean=None, scale=None, columns=None)
        values = _properties(array)
        scale = values.std(0)
        return replace(
            self,
            classes=None,
            mean=tuple(values.mean(0).tolist()),
            scale=tuple(np.where(scale > 0, scale, 1.0).tolist()),
            columns=None,
        )

    @property
    def dim(self) -> int:
        """Size of one prepared row."""
        if self.captions is not None:
            return self.captions.length or 0
        if self.columns is not None:
            return sum(len(labels) for _, labels in self.columns)
        return len(self._learned())

    def reader(self) -> ContextReader | None:
        """Return a network, untrained, that reads prepared rows; ``None`` where none is needed."""
        if self.captions is not None:
            return self.captions.reader(self.dropout)
        return ValueReader(self.dim, self.dropout) if self.dropout else None

    @property
    def attributes(self) -> Mapping[str, tuple[str, ...]]:
        """The learned labels of each attribute, as text; one column without a name is ``label``."""
        if self.classes is not None:
            return {_ONE_COLUMN: tuple(str(label) for label in self.classes)}
        return {name: tuple(labels) for name, labels in self.columns or ()}

    def check_stored(self, place: str, model: nn.Module) -> None:
        """Refuse learned fields that do not fit each other, or the model they are stored with.

        Raises:
            FormatError: Names the field, the rule and what was got.
        """
        fields = StoredFields(place)
        kinds = ("classes", "mean", "columns", "captions")
        learned = [name for name in kinds if getattr(self, name)]
        rule = "be given, or mean, or columns, or captions"
        fields.require(len(learned) == 1, "classes", rule, learned)
        fields.require(0 <= self.dropout < 1, "dropout", "be in [0, 1)", self.dropout)
        if self.captions is not None:
            self.captions.check_stored(StoredFields(f"{place}.args.captions"))
        if self.mean:
            fields.scaling(self.mean, self.scale, "mean")
        fields.names("classes", self.classes)
        for name, labels in self.columns or ():
            fields.names("columns", labels)
            fields.require(bool(labels), "columns", "have labels each", name)
        fields.names("columns", [name for name, _ in self.columns or ()])
        taken = getattr(model, "context_dim", self.dim)
        rule = f"take up the {taken} values that the model is told"
        fields.require(taken == self.dim, learned[0], rule, f"{self.dim} values")

    def prepare(self, raw: Any, rows: int | None = None) -> Tensor:
        """Return one row per item; a single label, property or caption is repeated for all rows.

        Rows of which nothing is told hold NaN; of several captions of an item the first is taken.

        Raises:
            DataError: An unknown label, a column missing, or another number of rows than the
                items have.
        """
        ready = self._prepared(raw) if self.captions is None else self.prepare_all(raw)[:, 0]
        if rows is not None and len(ready) == 1:
            ready = ready.expand(rows, -1)
        if rows is not None and len(ready) != rows:
            raise DataError(
                f"the context must have one row per item; got {len(ready)} for {rows} items."
            )
        return ready

    def prepare_all(self, raw: Any) -> Float[Tensor, "batch captions length"]:
        """Return all captions of each item; of those with fewer than others, some again."""
        assert self.captions is not None, "asked for a context of captions"
        several = several_captions(raw)
        most = max(len(each) for each in several)
        texts = [each[place % len(each)] for each in several for place in range(most)]
        rows = self.captions.prepare(texts)
        return rows.view(len(several), most, -1)

    def missing(self, count: int) -> Float[Tensor, "batch context"]:
        """Return rows of which nothing is told.

        Raises:
            DataError: The model never learned what is made then.
        """
        if not self.dropout:
            raise DataError(f"this model is conditional; pass context= with {self.known}.")
        return missing_rows(count, self.dim, torch.zeros(()))

    @property
    def known(self) -> str:
        """What a context may be, in words."""
        if self.captions is not None:
            return "captions"
        if self.columns is not None:
            return f"a label of each of {list(self.attributes)}"
        return f"labels {list(self.classes)}" if self.classes else f"{self.dim} properties"

    def swap(
        self, rows: Float[Tensor, "batch context"], attribute: str, label: str
    ) -> Float[Tensor, "batch context"]:
        """Prepared rows with another label of one attribute, all others as they are.

        Raises:
            SpecError: No attribute, or no label of it, has that name; suggests the nearest.
        """
        span = self._span(attribute)
        known = self.attributes[attribute]
        if label not in known:
            raise unknown_name(f"value of attribute {attribute!r}", label, known)
        swapped = rows.clone()
        swapped[:, span] = 0.0
        swapped[:, span.start + known.index(label)] = 1.0
        return swapped

    def _span(self, attribute: str) -> slice:
        """Return where an attribute lies in a prepared row."""
        if not self.attributes:
            kind = "properties" if self.captions is None else "captions"
            raise SpecError(
                f"this model's context is of {kind}, and labels alone can be swapped; fit it "
                "with labels."
            )
        if attribute not in self.attributes:
            raise unknown_name("attribute", attribute, self.attributes)
        names = list(self.attributes)
        sizes = [len(self.attributes[name]) for name in names]
        start = sum(sizes[: names.index(attribute)])
        return slice(start, start + len(self.attributes[attribute]))

    def _prepared(self, raw: Any) -> Tensor:
        if self.columns is not None:
            return self._one_hot_columns(raw)
        self._learned()
        array = _column(raw)
        if array.ndim == 0 or (self.classes is None and array.ndim == 1 and self.dim > 1):
            array = array[None]
        return self._one_hot(array) if self.classes is not None else self._scaled(array)

    def _learned(self) -> Sequence[Any]:
        learned = self.classes if self.classes is not None else self.mean
        if learned is None:
            raise NotFittedError("this Context has learnt nothing; call fit first.")
        return learned

    def _one_hot(self, array: NDArray[Any]) -> Tensor:
        known = [str(label) for label in self.classes or ()]
        return _one_hot("context labels", [str(x) for x in _plain(array).reshape(-1)], known)

    def _one_hot_columns(self, raw: Any) -> Tensor:
        given = self._named(raw)
        parts = [
            _one_hot(f"context labels of {name!r}", given[name].tolist(), list(labels))
            for name, labels in self.columns or ()
        ]
        return torch.cat(parts, dim=1)

    def _named(self, raw: Any) -> Mapping[str, NDArray[np.str_]]:
        """Return columns by name; values without names are taken in the order of training."""
        names = [name for name, _ in self.columns or ()]
        if not is_label_table(raw):
            array = np.atleast_1d(np.asarray(raw, dtype=str))
            array = array.reshape(-1, len(names)) if array.size == len(names) else array
            raw = array if array.ndim == 2 else array[:, None]
            given = dict(zip(names, np.asarray(raw).T, strict=False))
        else:
            given = dict(Labels.of(raw).columns)
            unnamed = list(given) == [str(i) for i in range(len(names))]
            given = dict(zip(names, given.values(), strict=True)) if unnamed else given
        missing = [name for name in names if name not in given]
        if missing:
            raise DataError(
                f"the context must have the columns of training, {names}; got none named "
                f"{missing}. Pass a data frame or a dict with a label of each."
            )
        return given

    def _scaled(self, array: NDArray[Any]) -> Tensor:
        values = _properties(array)
        if values.shape[1] != self.dim:
            raise DataError(f"the context must have {self.dim} properties; got {values.shape[1]}.")
        scaled = (values - np.asarray(self.mean)) / np.asarray(self.scale)
        return torch.from_numpy(scaled.astype(np.float32))


def _one_hot(what: str, labels: Sequence[str], known: list[str]) -> Tensor:
    positions = {label: i for i, label in enumerate(known)}
    unknown = sorted(set(labels) - set(positions))
    if unknown:
        raise DataError(f"{what} must be among those of training, {known}; got {unknown[:5]}.")
    index = torch.tensor([positions[label] for label in labels], dtype=torch.long)
    return torch.nn.functional.one_hot(index, len(positions)).to(torch.float32)


def _check_number(labels: Sequence[Any]) -> None:
    if len(labels) > _MOST_CLASSES:
        raise DataError(
            f"a class context must have at most {_MOST_CLASSES} labels; got "
            f"{len(labels)}. Pass floats to use the values as a property, or text='learned' if "
            "they are captions."
        )


def _column(raw: Any) -> NDArray[Any]:
    raw = raw.columns if isinstance(raw, Labels) else raw
    try:
        if isinstance(raw, Mapping):
            raw = np.stack([np.asarray(values) for values in raw.values()], axis=-1)
        array = array_of(raw) if isinstance(raw, Tensor) else np.asarray(raw)
    except ValueError as error:  # no columns, or of different lengths
        raise DataError(
            f"a context must have a value for each item, all of one length; {error}."
        ) from error
    if array.ndim > 2:
        raise DataError(f"a context must have 1 or 2 dimensions; got shape {array.shape}.")
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    """Return labels of one type, so that they sort: text where they are not all numbers."""
    return array.astype(str) if array.dtype.kind in "OSU" else array


def _properties(array: NDArray[Any]) -> NDArray[np.float64]:
    try:
        values = array.astype(np.float64).reshape(len(array), -1)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"context properties must be numbers; {error}.") from error
    if not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise DataError(f"context properties must be finite; got NaN or infinity at row {row}.")
    return values
