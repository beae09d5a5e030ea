"""Images: arrays of any usual layout, and folders and files of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vaekit.domains.base import Domain, require_fitted
from vaekit.domains.checks import as_numbers, check_finite, check_rows, is_foreign_table, is_frame
from vaekit.domains.choice import collect_items
from vaekit.domains.context import Labels
from vaekit.domains.graphs import ItemReader, ItemWriter, Port, ScaledReader, ScaledWriter
from vaekit.domains.hooks import (
    DetectorDefaults,
    ItemForm,
    ReadOptions,
    ShardPiece,
    TrainingBudget,
)
from vaekit.domains.learning import SchemaLearner
from vaekit.domains.sources import read_source
from vaekit.domains.stored import StoredFields
from vaekit.domains.views import ItemView, pixel_views
from vaekit.errors import DataError, SpecError
from vaekit.files import expanded_path
from vaekit.images.captions import metadata_columns, read_captions
from vaekit.images.contents import decode_contents
from vaekit.images.depth import bits_of_files, check_bits, check_deep, is_deep, largest_of
from vaekit.images.folders import (
    IMAGE_SUFFIXES,
    encode_image,
    image_files,
    is_image_file,
    names_files,
    read_images,
    read_labels,
    write_images,
)
from vaekit.images.streams import ImageLearner, in_color, picture_pieces
from vaekit.images.views import dropped_image, pixel_bytes
from vaekit.likelihoods.base import IMAGE, REAL, UNIT, Likelihood, Support
from vaekit.metrics.feature_extractors import has_efficientnet
from vaekit.networks.dense import Chain, Offset
from vaekit.networks.sizes import OWN_SCALE, make_denoiser, make_networks
from vaekit.presets.autoencoders import beta_vae, vae
from vaekit.presets.base import Parts
from vaekit.reading.tables import is_table_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vaekit.evaluation.subject import EvaluationContext

_BETA = 0.1  # of detectors: clean images need not be compressed
_LEAST_SIDE = 48  # pixels from which on patches are compared: smaller images differ as wholes
_PATCH_STEPS, _PATCH_BATCH = 100, 32  # of a model that only draws what is expected
_LAYOUTS = {"NHW": 3, "NHWC": 4, "NCHW": 4}
_COLOURS = (1, 3, 4)
_MLP_LIMIT = 32 * 32  # beyond this many values a fully connected net is the slower learner


@dataclass(frozen=True)
class ImageDomain(Domain):
    """Images in uint8, in float from 0 to 1 or from 0 to 255, or in integers of up to 16 bits.

    Attributes:
        layout: ``"NHW"``, ``"NHWC"`` or ``"NCHW"``; ``None`` tells it from the shape.
        size: Height and width to which image *files* are scaled and cropped; ``None`` takes
            them as they are, and then all must have one size.
        on_bad: ``"raise"`` or ``"skip"`` files that are no readable images.
        transparency: ``"white"`` lays transparent image files on white; ``"keep"`` reads all files
            with a fourth channel.
        shape: Learned (channels, height, width).
        scale: Learned largest value of images that are no uint8: 1 or 255, or of integers beyond
            8 bits 1023, 4095, 16383 or 65535.
        kind: ``"numpy"`` or ``"torch"``: what `decode` returns.
        dtype: Learned dtype: ``"uint8"``, a float type, or for integers beyond 8 bits theirs.
        bits: Bits of each value of integers beyond 8 bits, in arrays and files: 8, 10, 12, 14 or
            16; ``None`` takes the fewest that hold the largest value, and says so. A file that
            tells its bits is believed.

    Example:
        >>> domain = ImageDomain().fit(np.zeros((2, 28, 28), np.uint8))
        >>> domain.encode(domain.prepare(np.full((5, 28, 28), 255, np.uint8))).shape
        torch.Size([5, 1, 28, 28])
    """

    layout: str | None = None
    size: Sequence[int] | None = None
    on_bad: str = "raise"
    transparency: str = "white"
    shape: Sequence[int] | None = None
    scale: float = 1.0
    kind: str = "numpy"
    dtype: str = "uint8"
    bits: int | None = None

    def with_source(self, raw: Any) -> Self:
        """Return this domain with the bits of the files of a folder, where they are deeper than 8.

        So that files that are read later are read as those of training.
        """
        if self.bits is not None or not isinstance(raw, str | Path) or not Path(raw).is_dir():
            return self
        return replace(self, bits=bits_of_files(image_files(raw)))

    def fit(self, raw: Any) -> Self:
        """Learn layout, shape, dtype and range."""
        domain = self.with_source(raw)
        return domain._fitted(domain.read(raw))

    def _fitted(self, raw: Any) -> Self:
        array = as_numbers(raw)
        check_rows(array, least=2)
        layout = self.layout if self.shape is None else None
        layout = _layout(array, layout)
        check_finite(array)
        return replace(
            self,
            layout=layout,
            shape=_event_shape(array, layout),
            scale=self._scale(array),
            kind="torch" if isinstance(raw, Tensor) else "numpy",
            dtype=_dtype_of(raw, array),
        )

    def _scale(self, array: NDArray[Any]) -> float:
        """Return the largest value that there can be; a guess of the bits is said."""
        if self.bits is not None:
            check_bits(self.bits)
        if not is_deep(array):
            return _range(array)
        largest = check_deep(array)
        return largest_of(self.bits, largest, f"arrays of {array.dtype}")

    def learner(self) -> SchemaLearner:
        """Return what keeps the darkest and the brightest image."""
        return ImageLearner(self)

    @classmethod
    def streams_file(cls, name: str) -> bool:
        """Return whether it is a picture, or an archive of pictures."""
        return Path(name).suffix.lower() in (*IMAGE_SUFFIXES, ".tar")

    def shard_pieces(
        self, paths: Sequence[Path], rows: int, context: str | None
    ) -> Iterator[ShardPiece]:
        """Yield pictures of files, of archives of them, or of arrays."""
        if not self.streams_file(paths[0].name):
            yield from super().shard_pieces(paths, rows, context)
            return
        yield from picture_pieces(paths, self, rows, context)

    def read_again(self, items: Any) -> Any:
        """Return images with three channels where those of training have them."""
        return in_color(items) if self.shape is not None and self.shape[0] == 3 else items

    def prepare(self, raw: Any) -> Tensor:
        """Check; uint8 stays uint8, floats become float32 from 0 to 1, the layout stays."""
        shape = tuple(require_fitted(self.shape, self))
        array = as_numbers(self.read(raw))
        layout = str(self.layout)
        if array.ndim != _LAYOUTS[layout] or _event_shape(array, layout) != shape:
            raise DataError(
                f"images must have shape {_describe(shape, layout)} as in training; got an array "
                f"of shape {array.shape}. Transpose, convert or resize them."
            )
        check_rows(array)
        check_finite(array)
        if array.dtype == np.uint8:
            return torch.from_numpy(_writable(array))
        scale = self._check_range(array)
        return torch.from_numpy((array / scale).astype(np.float32))

    def read(self, raw: Any) -> Any:
        """Read a folder of images, one image, or an .npz, .npy or idx .gz file."""
        if isinstance(raw, str | Path):
            path = expanded_path(raw)
            if not (path.is_dir() or is_image_file(path)):
                return read_source(raw)
            return read_images(
                raw,
                size=self.size,
                on_bad=self.on_bad,
                transparency=self.transparency,
                bits=self.bits,
            )
        return collect_items(raw)

    def _check_range(self, array: NDArray[Any]) -> float:
        if array.dtype.kind in "iu" or self.scale > _BYTE:
            return self._check_deep(array)
        got = _range(array)
        if got > self.scale:
            raise DataError(
                f"float images must be between 0 and {self.scale:g} as in training "
                f"(dtype {self.dtype}); got values up to {array.max():g}. "
                "Divide by 255, or pass uint8, which is never ambiguous."
            )
        if got < self.scale and array.max() > 0:
            raise DataError(
                f"float images must be between 0 and {self.scale:g} as in training; got none "
                f"above {array.max():g}, which looks like 0 to 1. Multiply by 255, or pass uint8."
            )
        return self.scale

    def _check_deep(self, array: NDArray[Any]) -> float:
        """Whole numbers are never ambiguous: their scale is that of training."""
        low, high = float(array.min()), float(array.max())
        if low < 0 or high > self.scale or (self.scale <= 1 and high > 1):
            raise DataError(
                f"images must have values between 0 and {self.scale:g} as in training (dtype "
                f"{self.dtype}); got [{low:g}, {high:g}]. Scale them alike, or fit with "
                "ImageDomain(bits=...) for the bits that all of them have."
            )
        if array.dtype.kind == "f" and 0 < high <= 1:
            raise DataError(
                f"float images must be between 0 and {self.scale:g} as in training; got none above "
                f"{high:g}, which looks like 0 to 1. Multiply by {self.scale:g}."
            )
        return self.scale

    def encode(self, rows: Tensor) -> Tensor:
        """Scale to 0 … 1 and bring colours first."""
        x = rows.to(torch.float32)
        if rows.dtype == torch.uint8:
            x = x.div_(255)
        if self.layout == "NHW":
            return x.unsqueeze(1)
        return x.movedim(-1, 1).contiguous() if self.layout == "NHWC" else x

    def decode(self, x: Tensor) -> Any:
        """Back to the layout, dtype and range of the training data."""
        x = x.detach().cpu().clamp(0, 1)
        if self.layout == "NHW":
            x = x.squeeze(1)
        elif self.layout == "NHWC":
            x = x.movedim(1, -1)
        if self.dtype == "uint8":
            x = (x * 255).round().to(torch.uint8)
        elif self._is_whole:
            return self._whole(x.contiguous())
        else:
            x = (x * self.scale).to(getattr(torch, self.dtype))
        return x.contiguous() if self.kind == "torch" else x.contiguous().numpy()

    def _whole(self, x: Tensor) -> Any:
        array = np.rint(x.double().numpy() * self.scale).astype(self.dtype)
        return torch.from_numpy(array) if self.kind == "torch" else array

    @property
    def item_form(self) -> ItemForm:
        """Pictures."""
        return ItemForm.IMAGE

    def read_contents(self, files: Sequence[bytes], max_pixels: int) -> NDArray[Any]:
        """Return PNG, JPEG or WebP files as an array in the layout of training.

        Raises:
            DataError: A file that cannot be read, or images of different sizes.
        """
        return decode_contents(
            files,
            self.event_shape,
            str(self.layout),
            max_pixels,
            size=self.size,
            transparency=self.transparency,
            bits=self.bits,
        )

    def file_content(self, item: Any) -> bytes:
        """Return a PNG file."""
        if item.dtype.kind == "f":
            item = np.rint(item * (_BYTE / self.scale)).astype(np.uint8)
        return encode_image(item)

    def graph_reader(self) -> ItemReader:
        """Return what brings pixels to 0 … 1, and colours first."""
        is_byte = self.dtype == "uint8"
        dtype = "uint8" if is_byte else "int32" if self._is_whole else "float32"
        scale = float(_BYTE) if is_byte else self.scale
        return ScaledReader(
            Port("items", dtype, self._raw_shape),
            [0.0],
            [scale],
            move=None if self.layout == "NCHW" else -1,
            is_flat=self.layout == "NHW",
            dtype=torch.float64 if dtype == "int32" else torch.float32,
        )

    def graph_writer(self) -> ItemWriter:
        """Return what gives pixels in the range and layout of training, whole ones unrounded."""
        is_byte = self.dtype == "uint8"
        scale = float(_BYTE) if is_byte else self.scale
        decimals = 0 if is_byte or self._is_whole else None
        return ScaledWriter(
            Port("items", "float32", self._raw_shape, decimals=decimals),
            [0.0],
            [scale],
            move=None if self.layout == "NCHW" else -1,
            is_flat=self.layout == "NHW",
            low=0.0,
            high=scale,
        )

    @property
    def item_dtype(self) -> str | None:
        """Name of the type of pixels."""
        return _NUMPY_NAMES.get(self.dtype, self.dtype)

    @property
    def _is_whole(self) -> bool:
        """Whether values are integers."""
        return np.dtype(_NUMPY_NAMES.get(self.dtype, self.dtype)).kind in "iu"

    @property
    def _raw_shape(self) -> tuple[int, ...]:
        channels, height, width = self.event_shape
        shapes = {"NHW": (height, width), "NHWC": (height, width, channels)}
        return shapes.get(str(self.layout), (channels, height, width))

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """None: pixels have no names."""
        return None

    @property
    def hub_task(self) -> str:
        """Images from nothing."""
        return "unconditional-image-generation"

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(channels, height, width)."""
        return tuple(require_fitted(self.shape, self))

    def check_stored(self, place: str, model: nn.Module) -> None:
        """Refuse shapes, layouts and types that no images have."""
        fields = StoredFields(place)
        shape = self.shape or ()
        is_shape = len(shape) == len(("channels", "height", "width")) and min(shape) > 0
        fields.require(is_shape, "shape", "be channels, height and width", self.shape)
        fields.one_of("layout", self.layout, _LAYOUTS)
        gray = self.layout != "NHW" or shape[0] == 1
        fields.require(gray, "layout", "have an axis of channels where there are several", "NHW")
        fields.require(self.scale > 0, "scale", "be above 0", self.scale)
        fields.one_of("kind", self.kind, ("numpy", "torch"))
        fields.require(_is_stored_dtype(self.dtype), "dtype", "be a type of images", self.dtype)
        fields.one_of("on_bad", self.on_bad, ("raise", "skip"))
        fields.one_of("transparency", self.transparency, ("white", "keep"))
        if self.size is not None:
            fields.length("size", self.size, 2)
            fields.require(min(self.size) > 0, "size", "be above 0", self.size)
        if self.bits is not None:
            check_bits(self.bits)
        fields.shape(tuple(shape), model)

    @classmethod
    def confidence(cls, raw: Any) -> float:
        """Return half for arrays with 3 or 4 axes; a little for folders and files, if no table."""
        if isinstance(raw, Path):
            return 0.0 if is_table_file(raw) else 0.1
        if is_frame(raw) or is_foreign_table(raw):
            return 0.0
        axes = raw.ndim if isinstance(raw, Tensor | np.ndarray) else np.asarray(raw).ndim
        return 0.5 if axes in (3, 4) else 0.0

    def is_certain(self, items: Any) -> bool:
        """Return whether items have the axes of images."""
        return bool(items.ndim > 2)

    def with_options(self, options: ReadOptions) -> Self:
        """Return this domain with options of files: size, layout, what to skip, transparency."""
        return replace(
            super().with_options(options),
            layout=options.layout,
            size=_size(options.size),
            on_bad="skip" if options.skip_bad else "raise",
            transparency="keep" if options.keep_transparency else "white",
            bits=self.bits if options.bits is None else options.bits,
        )

    def read_file_labels(self, path: Path, folder: Path) -> Labels | None:
        """Return labels from a .csv or .jsonl that names the image files of a folder."""
        if path.suffix not in (".csv", ".jsonl") or not folder.is_dir() or not names_files(path):
            return None
        return read_labels(path, folder, on_bad=self.on_bad)

    def read_metadata_columns(self, raw: Any, names: Sequence[str], must: bool) -> Any | None:
        """Return columns of the ``metadata.csv`` or ``.jsonl`` of a folder of images."""
        if not isinstance(raw, str | Path) or not Path(raw).is_dir():
            return None
        return metadata_columns(Path(raw), names, must=must, on_bad=self.on_bad)

    def read_captions(self, raw: Any) -> list[list[str]] | None:
        """Return the captions of the images of a folder; see `vaekit.images.read_captions`."""
        if not isinstance(raw, str | Path) or not Path(raw).is_dir():
            return None
        return read_captions(raw, on_bad=self.on_bad)

    def folder_writer(self, source: str) -> Callable[[Any, Path], None]:
        """Return what writes images as files, named as those that they came from."""
        return partial(write_images, source=source, on_bad=self.on_bad)

    @property
    def draws_images(self) -> bool:
        """Always."""
        return True

    def item_views(self, items: Any) -> list[ItemView]:
        """Return pictures."""
        return pixel_views(pixel_bytes(items, str(self.layout), self.scale))

    def item_facts(self, items: Any) -> Mapping[str, Sequence[Any]]:
        """Return nothing: pixels are no facts."""
        return {}

    def read_dropped(self, given: Mapping[str, Any]) -> Any:
        """Return the image of a file, scaled and cropped."""
        shape, layout = self.event_shape, str(self.layout)
        return dropped_image(given.get("image"), shape, layout, self.scale, self.dtype)

    def page_decoder(self) -> Mapping[str, Any]:
        """Return pixels."""
        return {"kind": "pixels"}

    def clip(self, x: Tensor) -> Tensor:
        """Return values cut to 0 … 1."""
        return x.clamp(0, 1)

    def detector_defaults(self, clean: bool, X: Any) -> DetectorDefaults:
        """Return patches where images are large enough, and a brief training; else the model.

        The model does not tell defects from what is usual, and so is not worth its time there.
        Features are those of EfficientNet, if it is installed and the channels are those of
        photographs.
        """
        channels, *sides = self._shape_of(X)
        found = self.defaults_of_method(min(sides) >= _LEAST_SIDE, clean, X)
        if found.score == "patches" and channels in (1, 3) and has_efficientnet():
            return found._replace(score="patches_efficientnet")
        return found

    def defaults_of_method(self, is_local: bool, clean: bool, X: Any) -> DetectorDefaults:
        """Return a brief training for patches, else a noise for each pixel of clean images.

        Those are compressed little.
        """
        if is_local:
            epochs = max(1, round(_PATCH_STEPS * _PATCH_BATCH / max(1, len(X))))
            budget = TrainingBudget(_PATCH_STEPS, _PATCH_BATCH, None, epochs)
            return DetectorDefaults(self, vae(), None, "auto", "patches", budget)
        if not clean:
            return DetectorDefaults(self, vae(), None, "auto", "contaminated")
        return DetectorDefaults(
            self, beta_vae(beta=_BETA), None, "learned_gaussian", "wide_novelty"
        )

    def _shape_of(self, X: Any) -> tuple[int, ...]:
        """Return channels, height and width of images that nothing was learned from yet."""
        array = as_numbers(X)
        return _event_shape(array, _layout(array, self.layout if self.shape is None else None))

    def evaluation_pictures(self, subject: "EvaluationContext") -> "dict[str, Figure]":
        """Return sheets of real and sampled images, and pairs of images and reconstructions."""
        from vaekit.images.evaluation import evaluation_pictures  # matplotlib costs half a second

        return evaluation_pictures(subject)

    @property
    def supports(self) -> frozenset[Support]:
        """Real, between 0 and 1, and images."""
        return frozenset({REAL, UNIT, IMAGE})

    @property
    def default_likelihood(self) -> str:
        """Bernoulli: robust, keeps latents alive, needs no scale."""
        return "bernoulli"

    @property
    def tuning_objective(self) -> str:
        """Samples are looked at, and densities of different likelihoods do not compare."""
        return "Frechet distance, samples"

    @property
    def default_preset(self) -> str:
        """What keeps images sharp."""
        return "image_vae"

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
        """Networks that start from the mean image: fully connected up to 32x32, else conv."""
        chosen = self.choose_likelihood(likelihood)
        if network == "auto":
            network = "mlp" if int(np.prod(self.event_shape)) <= _MLP_LIMIT else "conv"
        encoder, decoder, features_dim = make_networks(
            network,
            size,
            self.event_shape,
            latent_dim + context_dim,
            chosen.features_per_value,
            context_dim,
        )
        denoiser = partial(make_denoiser, size, self.event_shape, context_dim)
        sizes = (features_dim, latent_dim, context_dim)
        if network in OWN_SCALE:
            return Parts(encoder, decoder, chosen, *sizes, denoiser=denoiser)
        mean = _batch_mean(self, rows)
        before, after = Offset(mean.shape), Offset((chosen.features_per_value, *mean.shape))
        before.value.copy_(-mean)
        after.value.copy_(chosen.initial_features(mean))
        encoder, decoder = Chain(before, encoder), Chain(decoder, after)
        return Parts(encoder, decoder, chosen, *sizes, denoiser=denoiser)


def _layout(array: NDArray[Any], chosen: str | None) -> str:
    """Return the layout chosen, or the only one that the shape allows."""
    if chosen is not None:
        if chosen not in _LAYOUTS:
            raise SpecError(f"layout must be one of {', '.join(_LAYOUTS)}; got {chosen!r}.")
        if array.ndim != _LAYOUTS[chosen]:
            raise DataError(
                f"layout {chosen!r} needs {_LAYOUTS[chosen]} axes; got shape {array.shape}."
            )
        return chosen
    if array.ndim == 3:
        return "NHW"
    if array.ndim != 4:
        raise DataError(
            "images must be an array with axes NHW, NHWC or NCHW; got shape "
            f"{array.shape}. Reshape flattened images to (n, height, width)."
        )
    fitting = [
        layout for layout, axis in (("NCHW", 1), ("NHWC", 3)) if array.shape[axis] in _COLOURS
    ]
    if len(fitting) != 1:
        why = "both are possible" if fitting else "neither axis has 1, 3 or 4 channels"
        raise DataError(
            f"images must be NHWC or NCHW; got shape {array.shape}, where {why}. Pass "
            "domain=ImageDomain(layout='NHWC') or 'NCHW'."
        )
    return fitting[0]


def _event_shape(array: NDArray[Any], layout: str) -> tuple[int, ...]:
    n = array.shape
    return {"NHW": (1, *n[1:]), "NHWC": (n[-1], *n[1:-1]), "NCHW": n[1:]}[layout]


def _describe(shape: tuple[int, ...], layout: str) -> str:
    channels, height, width = shape
    axes = {
        "NHW": ("n", height, width),
        "NHWC": ("n", height, width, channels),
        "NCHW": ("n", channels, height, width),
    }[layout]
    return f"({', '.join(map(str, axes))}) [{layout}]"


def _range(array: NDArray[Any]) -> float:
    """1 for uint8 and floats from 0 to 1, 255 for numbers from 0 to 255."""
    if array.dtype == np.uint8:
        return 1.0
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > 255:
        raise DataError(
            f"images must have values in 0 … 255 or 0 … 1; got [{low:g}, {high:g}]. Shift and "
            "scale them, for instance (x + 1) / 2 for images in -1 … 1."
        )
    return 255.0 if high > 1 or array.dtype.kind in "iu" else 1.0


_BYTE = 255.0
_NUMPY_NAMES = {"bfloat16": "float32"}
"""Of types of PyTorch that NumPy has not."""


def _is_stored_dtype(name: str) -> bool:
    """Return whether `_dtype_of` gives such names: of floats, or of whole numbers in any order."""
    if name in ("bfloat16", "float16", "float32", "float64"):
        return True
    try:
        return np.dtype(name).kind in "iu"
    except (TypeError, ValueError, SyntaxError):
        return False


def _dtype_of(raw: Any, array: NDArray[Any]) -> str:
    """Return what `ImageDomain.decode` is to return."""
    if isinstance(raw, Tensor) and raw.dtype == torch.bfloat16:
        return "bfloat16"
    if array.dtype == np.uint8 or array.dtype.kind == "f" or is_deep(array):
        return str(array.dtype)
    return "float32"


def _writable(array: NDArray[Any]) -> NDArray[Any]:
    """Torch warns about read-only memory (np.frombuffer, memory maps); such data are copied."""
    return array if array.flags.writeable and array.flags.c_contiguous else array.copy()


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    try:
        numbers = [int(part) for part in text.lower().split("x")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2) or min(numbers, default=0) < 1:
        raise DataError(f"--size must be like 64 or 48x64 (height x width); got {text!r}.")
    return numbers[0], numbers[-1]


def _batch_mean(domain: Domain, rows: Tensor, chunk: int = 512) -> Tensor:
    """Return the mean of x over all rows, in bounded memory."""
    total = torch.zeros(domain.event_shape, dtype=torch.float64)
    for start in range(0, len(rows), chunk):
        total += domain.encode(rows[start : start + chunk]).sum(0)
    return (total / len(rows)).to(torch.get_default_dtype())
