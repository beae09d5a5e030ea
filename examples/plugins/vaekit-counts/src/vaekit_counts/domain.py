"""Counts: arrays of whole numbers, sparse matrices, and annotated data."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from vaekit.domains import Domain, read_source
from vaekit.errors import DataError, MissingExtraError, NotFittedError
from vaekit.evaluation.measures import Measure
from vaekit.likelihoods import Likelihood
from vaekit.likelihoods.base import Support
from vaekit.networks import Chain, Offset, make_networks
from vaekit.presets import Parts
from vaekit_counts.likelihoods import COUNTS, NegativeBinomial
from vaekit_counts.networks import Log1p


@dataclass(frozen=True)
class CountDomain(Domain):
    """Rows of counts.

    Attributes:
        num_values: Learned number of values of an item.
        library: Learned mean and standard deviation of the log of an item's total.
        columns: Learned names of the values, where the data have them.
        dtype: Learned dtype, in which samples come back.

    Example:
        >>> domain = CountDomain().fit(np.array([[1, 0, 5], [2, 2, 0]]))
        >>> domain.event_shape
        (3,)
    """

    num_values: int | None = None
    library: Sequence[float] = (0.0, 0.0)
    columns: Sequence[str] | None = None
    dtype: str = "int64"

    @classmethod
    def confidence(cls, raw: Any) -> float:
        """Return 1 for annotated data; arrays may be anything."""
        is_path = isinstance(raw, Path)
        return float(raw.suffix == ".h5ad" if is_path else hasattr(raw, "var_names"))

    def fit(self, raw: Any) -> Self:
        """Learn how many values there are, and how large totals are."""
        array, columns = _dense(self.read(raw))
        _check(array)
        totals = np.log(np.maximum(array.sum(1), 1))
        library = (float(totals.mean()), float(totals.std()))
        return replace(
            self,
            num_values=array.shape[1],
            library=library,
            columns=columns,
            dtype=str(array.dtype),
        )

    def prepare(self, raw: Any) -> Tensor:
        """Return rows of counts, checked against the schema."""
        array, columns = _dense(self.read(raw))
        _check(array)
        if array.shape[1] != self.event_shape[0]:
            raise DataError(
                f"items must have {self.event_shape[0]} counts as in training; got "
                f"{array.shape[1]}. Pass the same columns."
            )
        if self.columns and columns and tuple(columns) != tuple(self.columns):
            raise DataError("columns must be those of training, in their order. Reorder them.")
        return torch.from_numpy(array.astype(np.float32))

    def encode(self, rows: Tensor) -> Tensor:
        """Return the counts; the encoder takes their logarithm itself."""
        return rows

    def decode(self, x: Tensor) -> Any:
        """Return whole counts in the dtype of training."""
        return x.detach().cpu().round().numpy().astype(self.dtype)

    def read(self, raw: Any) -> Any:
        """Read a .h5ad file, or any that vaekit reads."""
        if isinstance(raw, str | Path):
            return _annotated(Path(raw)) if str(raw).endswith(".h5ad") else read_source(raw)
        return raw

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """Names of the values, where the data had them."""
        return None if self.columns is None else tuple(self.columns)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(values,)."""
        if self.num_values is None:
            raise NotFittedError("this CountDomain has learned no schema; call fit first.")
        return (self.num_values,)

    @property
    def supports(self) -> frozenset[Support]:
        """Counts."""
        return frozenset({COUNTS})

    @property
    def default_likelihood(self) -> str:
        """The negative binomial."""
        return "negative_binomial"

    @property
    def default_preset(self) -> str:
        """A VAE whose KL is warmed up."""
        return "count_vae"

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
        """Return fully connected networks; the encoder sees logarithms."""
        chosen = self.choose_likelihood(likelihood)
        if isinstance(chosen, NegativeBinomial):
            chosen = type(chosen)(chosen.shape, self.library)
        encoder, decoder, width = make_networks(
            "mlp" if network == "auto" else network,
            size,
            self.event_shape,
            latent_dim + context_dim,
            chosen.features_per_value,
        )
        start = Offset((chosen.features_per_value, *self.event_shape))
        start.value.copy_(chosen.initial_features(rows.mean(0)))
        encoder, decoder = Chain(Log1p(), encoder), Chain(decoder, start)
        return Parts(encoder, decoder, chosen, width, latent_dim, context_dim)

    def evaluation_measures(self, subject: Any, usual: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return what is usual, and how many zeros samples have."""
        from vaekit_counts.metrics import zero_fraction

        return (*usual, Measure("counts", "zeros", zero_fraction))


def _annotated(path: Path) -> Any:
    try:
        import anndata
    except ImportError as error:
        raise MissingExtraError(
            "reading .h5ad needs anndata: pip install 'vaekit-counts[anndata]'."
        ) from error
    return anndata.read_h5ad(path)


def _dense(raw: Any) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Return a dense array, and the names of its columns where there are some."""
    columns = getattr(raw, "var_names", getattr(raw, "columns", None))
    values = getattr(raw, "X", raw)
    array = values.toarray() if hasattr(values, "toarray") else np.asarray(values)
    return array, None if columns is None else tuple(map(str, columns))


def _check(array: np.ndarray) -> None:
    if array.ndim != 2 or not len(array):
        raise DataError(f"counts must be rows and columns; got shape {array.shape}.")
    if array.dtype.kind not in "iuf" or (array < 0).any() or (array != np.round(array)).any():
        raise DataError(
            "counts must be whole numbers from 0; got others. Pass raw counts, not logarithms."
        )
