"""Time series, as sets of them or as windows of a long one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vaekit.bounds import Steps
from vaekit.domains.base import Domain, require_fitted
from vaekit.domains.checks import is_frame
from vaekit.domains.choice import collect_items
from vaekit.domains.graphs import (
    ItemReader,
    ItemWriter,
    Port,
    ScaledReader,
    ScaledWriter,
    Window,
)
from vaekit.domains.hooks import DetectorDefaults, ItemForm, ReadOptions
from vaekit.domains.sources import read_source
from vaekit.domains.stored import StoredFields
from vaekit.domains.views import ItemView, line_views, number_column
from vaekit.errors import DataError, SpecError
from vaekit.likelihoods.base import REAL, Likelihood, Support
from vaekit.networks.sizes import make_denoiser, make_networks
from vaekit.presets.autoencoders import vae
from vaekit.presets.base import Parts
from vaekit.series.reading import (
    Read,
    auto_window,
    is_panel,
    is_ragged,
    pad,
    read_long,
    read_panel,
    read_set,
    refuse_unnamed_ids,
    same_interval,
)

Floats = NDArray[np.float64]


def learn_scaling(values: Floats, columns: tuple[str, ...] | None) -> tuple[Floats, Floats]:
    """Median and standard deviation of each channel; a deviation of 1 for a constant one.

    Args:
        values: Shape (..., channels), NaN where missing.
        columns: Names of the channels, for messages.

    Raises:
        DataError: A channel without values, or with ones whose squares overflow.
    """
    flat = values.reshape(-1, values.shape[-1])
    empty = np.isnan(flat).all(0)
    if empty.any():
        place = int(empty.argmax())
        name = columns[place] if columns and len(columns) == flat.shape[1] else place
        raise DataError(f"a channel must have a value; those of {name!r} are all missing. Drop it.")
    with np.errstate(over="ignore", invalid="ignore"):
        center, scale = np.nanmedian(flat, axis=0), np.nanstd(flat, axis=0)
    if not (np.isfinite(center).all() and np.isfinite(scale).all()):
        raise DataError(
            "series must have a finite variance; got values so large that their squares overflow "
            f"(largest {np.nanmax(np.abs(flat)):g}). Rescale or take logarithms first."
        )
    # Rounding leaves a constant channel with a tiny deviation; see ArrayDomain.
    constant = np.nanmax(flat, axis=0) == np.nanmin(flat, axis=0)
    return center, np.where(constant, 1.0, scale)


if TYPE_CHECKING:
    from vaekit.anomalies.detector import Detector
    from vaekit.series.anomalies import StepDetector

_DETECTOR_LATENTS = 4


@dataclass(frozen=True)
class SeriesDomain(Domain):
    """Series of one or more channels; an item is a whole series, or a window of a long one.

    Without ``window``, data are a set of series: an array (series, steps) or (series, steps,
    channels), a data frame with a series in each row, or a list of arrays, or of series or frames
    of pandas, of different lengths; with ``id`` a data frame or file with a row for each step of
    each series, and one with ids and times for its index needs no ``id``.
    With it, they are one long series: an array (time,) or (time, channels), or a data frame with a
    time step in each row and a channel in each column; its items are the windows of so many steps.
    NaN is a missing value, as are the steps beyond the end of a shorter series: neither is scored.
    Each channel is shifted by its median and scaled by its spread.

    Attributes:
        window: Steps of a window, at least 2; ``"auto"`` takes as many dominant periods, see
            `dominant_period`, as make at least 128 steps, but at most 256 and a quarter of the
            series; ``None`` for sets of series.
        stride: Steps from one window to the next.
        time: The column of a data frame that holds times; ``None`` takes its only column of
            moments, or an index of moments, and else none. Times must be even but for a few gaps,
            and those of one long series must rise; of sets they are sorted, with a warning.
        steps: Learned steps of an item.
        center: Learned median of each channel.
        scale: Learned spread of each channel; 1 for a constant one.
        columns: Names of the channels, or of the steps of a set, where the data had them.
        interval: Learned time between steps: seconds, if times are moments.
        is_flat: Whether the data had no axis of channels.
        is_torch: Whether they were tensors: what `decode` returns.
        dtype: The float type that `decode` returns.
        id: The column of a data frame that tells series apart, which then has a row for each step.
            Series come in the order in which their ids first appear.

    Example:
        >>> domain = SeriesDomain(window=3).fit([1.0, 2.0, 3.0, 4.0, 5.0])
        >>> domain.prepare([1.0, 3.0, 5.0, float("nan")]).shape
        torch.Size([2, 1, 3])
    """

    window: Steps | str | None = None
    stride: Steps = 1
    time: str | None = None
    steps: int | None = None
    center: Sequence[float] | None = None
    scale: Sequence[float] | None = None
    columns: Sequence[str] | None = None
    interval: float | None = None
    is_flat: bool = True
    is_torch: bool = False
    dtype: str = "float64"
    id: str | None = None

    def with_source(self, raw: Any) -> Self:
        """Return this domain with the names and the interval of a table that `read` leaves out."""
        raw = self._opened(raw)
        if self.window is not None or not is_panel(raw, self.id):
            return self
        found = read_panel(raw, self.id, self.time)
        return replace(self.unlearned(), columns=found.columns, interval=found.interval)

    def unlearned(self) -> Self:
        """Return the options alone, without what was learned of the data."""
        return type(self)(self.window, self.stride, self.time, id=self.id)

    def fit(self, raw: Any) -> Self:
        """Learn channels, steps and scaling."""
        self._check_options()
        is_new = self.steps is None  # then names may have come by `with_source`
        raw = self._opened(raw)
        found = self._read(raw)
        center, scale = learn_scaling(found.values, found.columns)
        learned = replace(
            self,
            steps=self._steps_of(found.values),
            center=tuple(center.tolist()),
            scale=tuple(scale.tolist()),
            columns=found.columns or (self.columns if is_new else None),
            interval=found.interval or (self.interval if is_new else None),
            is_flat=found.is_flat,
            is_torch=isinstance(raw, Tensor),
            dtype=found.dtype,
        )
        learned._check_count(found.values)
        return learned

    def _check_options(self) -> None:
        fine = self.window in (None, "auto") or _is_count(self.window, 2)
        if not fine:
            raise SpecError(
                f"window must be None, 'auto' or a whole number of at least 2; got {self.window!r}."
            )
        if not _is_count(self.stride, 1):
            raise SpecError(f"stride must be a whole number of at least 1; got {self.stride!r}.")
        if self.id is not None and self.window is not None:
            raise SpecError(
                "a window is of one long series, and id= tells several apart; leave one of them "
                "out: each whole series is an item, or fit with those of one id."
            )

    def _read(self, raw: Any) -> Read:
        raw = self._opened(raw)
        if self.window is not None:
            return read_long(raw, self.time)
        if is_panel(raw, self.id):
            return self._panel(raw)
        if is_frame(raw) or not self.columns:
            if self.id is not None:
                raise SpecError(
                    f"id={self.id!r} names a column of a data frame or of its file; got "
                    f"{type(raw).__name__}. Pass the frame, or leave id= out."
                )
            if self.time is not None:
                raise SpecError(
                    "times belong to one long series, or to several that id= tells apart; this "
                    "table has a series in each row. Pass a window, or the column of ids, or leave "
                    "time= out."
                )
        if is_frame(raw):
            refuse_unnamed_ids(raw)
        return read_set(pad(raw) if is_ragged(raw) else raw)

    def _panel(self, raw: Any) -> Read:
        found = read_panel(raw, self.id, self.time)
        if self.columns and found.columns and found.columns != tuple(self.columns):
            self._refuse_columns(found.columns)
        same_interval(self.interval, found.interval)
        return found

    def _refuse_columns(self, columns: tuple[str, ...]) -> None:
        raise DataError(
            f"columns must be those of training, in their order, {list(self.columns or ())}; got "
            f"{list(columns)}."
        )

    def _opened(self, raw: Any) -> Any:
        return read_source(raw) if isinstance(raw, str | Path) else collect_items(raw)

    def _steps_of(self, values: Floats) -> int:
        if self.window is None:
            return int(values.shape[1])
        return auto_window(values) if isinstance(self.window, str) else self.window

    def _check_count(self, values: Floats) -> None:
        """A distribution cannot be learned from one item."""
        if self.window is None and len(values) < 2:
            raise DataError(
                f"X must have at least 2 series to fit; got 1 sample of {values.shape[1]} steps. "
                "Pass more, or cut one long series into windows: SeriesDomain(window=64)."
            )
        if self.window is not None and len(values) < self._width + self.stride:
            raise DataError(
                f"a long series must have at least two windows to fit, {self._width + self.stride} "
                f"steps with window={self._width} and stride={self.stride}; got {len(values)} "
                "steps. Choose a shorter window."
            )

    @property
    def _width(self) -> int:
        return int(require_fitted(self.steps, self))

    def prepare(self, raw: Any) -> Tensor:
        """Check and scale; of a long series the windows, which share their memory."""
        center = np.asarray(require_fitted(self.center, self))
        found = self._read(raw)
        self._check_schema(found)
        scaled = (found.values - center) / np.asarray(self.scale)
        rows = torch.from_numpy(np.moveaxis(scaled, -1, -2).astype(np.float32))
        if self.window is None:
            return self._padded(rows)
        return rows.unfold(1, self._width, self.stride).movedim(1, 0)

    def _check_schema(self, found: Read) -> None:
        channels, length = len(require_fitted(self.center, self)), found.values.shape[-2]
        if found.values.shape[-1] != channels:
            raise DataError(
                f"series must have the {channels} channels of training; got "
                f"{found.values.shape[-1]} (features of each step). Pass the same channels."
            )
        if found.columns and self.columns and found.columns != tuple(self.columns):
            self._refuse_columns(found.columns)
        same_interval(self.interval, found.interval)
        if self.window is not None and length < self._width:
            raise DataError(
                f"a series must have at least {self._width} steps, one window; got {length}. Pass "
                "more steps, or fit with a shorter window."
            )

    def _padded(self, rows: Tensor) -> Tensor:
        """Shorter series are missing their last steps."""
        length = rows.shape[-1]
        if length > self._width:
            raise DataError(
                f"series must have at most the {self._width} steps of training; got {length}. Cut "
                "them, or fit with longer ones."
            )
        if rows.isnan().flatten(1).all(1).any():
            place = int(rows.isnan().flatten(1).all(1).int().argmax())
            raise DataError(f"a series must have a value; that of row {place} are all missing.")
        return torch.nn.functional.pad(rows, (0, self._width - length), value=torch.nan)

    def read(self, raw: Any) -> Any:
        """Read a .csv, .parquet, .npz or .npy file; pad series of different lengths with NaN."""
        raw = self._opened(raw)
        if self.window is not None:
            return raw
        if is_panel(raw, self.id):  # to an array with an item a series, as tasks cut items
            found = self._panel(raw)
            return found.values[..., 0] if found.is_flat else found.values
        return pad(raw) if is_ragged(raw) else raw

    def with_options(self, options: ReadOptions) -> Self:
        """Return this domain with the columns of ids and of times."""
        super().with_options(replace(options, id=None, time=None))
        return replace(self, id=options.id or self.id, time=options.time or self.time)

    def encode(self, rows: Tensor) -> Tensor:
        """Return rows with 0, the median, where values are missing."""
        return rows.nan_to_num(0.0)

    def observed(self, rows: Tensor) -> Tensor | None:
        """False where a value is missing."""
        missing = rows.isnan()
        return ~missing if missing.any() else None

    def decode(self, x: Tensor) -> Any:
        """Undo the scaling; shape (items, steps), or (items, steps, channels)."""
        scale, center = np.asarray(self.scale), np.asarray(require_fitted(self.center, self))
        array = x.detach().cpu().double().movedim(-2, -1).numpy() * scale + center
        array = (array[..., 0] if self.is_flat else array).astype(self.dtype)
        return torch.from_numpy(array) if self.is_torch else array

    @property
    def item_form(self) -> ItemForm:
        """Series of numbers with gaps."""
        return ItemForm.SERIES

    def graph_reader(self) -> ItemReader:
        """Return what scales series; NaN is a value that is missing."""
        center, scale = require_fitted(self.center, self), self.scale or ()
        return ScaledReader(
            self._port("float64"),
            center,
            scale,
            move=-1,
            is_flat=self.is_flat,
            has_holes=True,
            window=None if self.window is None else Window(self._width, self.stride),
        )

    def graph_writer(self) -> ItemWriter:
        """Return what scales series back."""
        center, scale = require_fitted(self.center, self), self.scale or ()
        port = self._port(self.dtype)
        return ScaledWriter(port, center, scale, move=-1, is_flat=self.is_flat)

    def _port(self, dtype: str) -> Port:
        channels, steps = self.event_shape
        return Port("items", dtype, (steps,) if self.is_flat else (steps, channels))

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """None: values are told by channel and step."""
        return None

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(channels, steps)."""
        return len(require_fitted(self.center, self)), self._width

    def check_stored(self, place: str, model: nn.Module) -> None:
        """Refuse scalings of other lengths than the channels, and steps that no series has."""
        fields = StoredFields(place)
        self._check_options()
        fields.require((self.steps or 0) > 0, "steps", "be at least 1", self.steps)
        channels = fields.scaling(self.center, self.scale, "center")
        if self.columns is not None and self.window is not None:
            fields.names("columns", self.columns, channels)
        fields.one_of("dtype", self.dtype, ("float16", "float32", "float64"))
        fixed = isinstance(self.window, int) and self.window != self.steps
        fields.require(not fixed, "steps", f"be the window, {self.window}", self.steps)
        fields.shape(self.event_shape, model)

    @property
    def imputes_missing_costs(self) -> bool:
        """Always: else a shorter series would differ from a longer one by its length alone."""
        return True

    @property
    def items_overlap(self) -> bool:
        """Whether items are windows of one series."""
        return self.window is not None

    def starts(self, items: int) -> NDArray[np.int64] | None:
        """Return the first step of each window."""
        return None if self.window is None else self.stride * np.arange(items)

    def detector_defaults(self, clean: bool, X: Any) -> DetectorDefaults:
        """Return few latents: with more, anomalies are reconstructed as well as the rest."""
        kind = "window" if self.window is not None and clean else "series"
        score = f"{kind}_novelty" if clean else f"{kind}_contaminated"
        return DetectorDefaults(self, vae(), _DETECTOR_LATENTS, "auto", score)

    def fit_step_detector(self, detector: "Detector", X: Any) -> "StepDetector":
        """Return what scores the steps of series."""
        from vaekit.series.anomalies import fit_steps

        return fit_steps(detector, X)

    def restore_step_detector(
        self, detector: "Detector", arrays: Mapping[str, NDArray[Any]]
    ) -> "StepDetector | None":
        """Return what scored steps before it was stored."""
        from vaekit.series.anomalies import restore_steps

        return restore_steps(detector, arrays)

    @property
    def _channels(self) -> list[str]:
        count = len(require_fitted(self.center, self))
        known = self.columns or ()
        return list(known) if len(known) == count else [f"channel {i}" for i in range(count)]

    def item_views(self, items: Any) -> list[ItemView]:
        """Return lines, one for each channel."""
        array = np.asarray(items, dtype=np.float64)
        return line_views(array[..., None] if self.is_flat else array, self._channels)

    def item_facts(self, items: Any) -> Mapping[str, Sequence[Any]]:
        """Return nothing: steps are no facts."""
        return {}

    def read_dropped(self, given: Mapping[str, Any]) -> Any:
        """Return one series of one channel from numbers with commas, spaces or lines between."""
        text = given.get("text")
        if not isinstance(text, str) or len(require_fitted(self.center, self)) > 1:
            raise DataError("a model of series of one channel takes a list of numbers as text.")
        try:
            return np.asarray([[float(n) for n in text.replace(",", " ").split()]])
        except ValueError as error:
            raise DataError(f"a series must be numbers; {error}.") from error

    def page_decoder(self) -> Mapping[str, Any]:
        """Return lines."""
        cells = zip(self._channels, self.scale or (), self.center or (), strict=True)
        return {"kind": "lines", "columns": [number_column(n, s, c) for n, s, c in cells]}

    @property
    def supports(self) -> frozenset[Support]:
        """Real numbers."""
        return frozenset({REAL})

    @property
    def default_likelihood(self) -> str:
        """Normal noise of a learned size for each channel and step."""
        return "per_feature_gaussian"

    def parts(
        self,
        rows: Tensor,
        latent_dim: int,
        *,
        context_dim: int = 0,
        network: str = "auto",
        size: str = "small",
        likelihood: str | Likelihood = "auto",
    ) -> Parts:
        """Fully connected networks by default; see docs/results/."""
        chosen = self.choose_likelihood(likelihood)
        encoder, decoder, features_dim = make_networks(
            "mlp" if network == "auto" else network,
            size,
            self.event_shape,
            latent_dim + context_dim,
            chosen.features_per_value,
            context_dim,
        )
        denoiser = partial(make_denoiser, size, self.event_shape, context_dim)
        return Parts(
            encoder, decoder, chosen, features_dim, latent_dim, context_dim, denoiser=denoiser
        )


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
