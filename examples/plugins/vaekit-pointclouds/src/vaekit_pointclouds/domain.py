"""Point clouds: arrays of shape (clouds, points, axes)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from vaekit.domains import Domain, read_source
from vaekit.errors import DataError, NotFittedError
from vaekit.likelihoods import Likelihood
from vaekit.likelihoods.base import Support
from vaekit.networks import MLPDecoder
from vaekit.presets import Parts
from vaekit_pointclouds.likelihoods import CLOUD
from vaekit_pointclouds.networks import SetEncoder

_WIDTHS = {"small": 128, "medium": 256, "large": 512}


@dataclass(frozen=True)
class PointCloudDomain(Domain):
    """Sets of points, moved to the origin and brought to size 1.

    Attributes:
        shape: Learned (points, axes) of a cloud.
        center: Learned mean of all points.
        scale: Learned standard deviation of all coordinates.

    Example:
        >>> PointCloudDomain().fit(np.zeros((4, 10, 3)) + np.arange(3.0)).event_shape
        (10, 3)
    """

    shape: Sequence[int] | None = None
    center: Sequence[float] = ()
    scale: float = 1.0

    def fit(self, raw: Any) -> Self:
        """Learn how many points there are, where they lie and how far apart."""
        array = self._checked(self.read(raw))
        center = array.mean((0, 1))
        scale = float((array - center).std()) or 1.0
        return replace(self, shape=array.shape[1:], center=tuple(center.tolist()), scale=scale)

    def _checked(self, raw: Any) -> np.ndarray:
        array = np.asarray(raw, dtype=np.float64)
        if array.ndim != 3:
            raise DataError(f"clouds must have shape (clouds, points, axes); got {array.shape}.")
        if not np.isfinite(array).all():
            raise DataError("coordinates must be finite; some are not. Leave such clouds out.")
        return array

    def prepare(self, raw: Any) -> Tensor:
        """Return clouds as the networks see them."""
        array = self._checked(self.read(raw))
        if array.shape[1:] != self.event_shape:
            raise DataError(
                f"clouds must be {self.event_shape} as in training; got {array.shape[1:]}."
            )
        return torch.from_numpy(((array - np.asarray(self.center)) / self.scale).astype(np.float32))

    def encode(self, rows: Tensor) -> Tensor:
        """Return the rows, which are stored as the networks see them."""
        return rows

    def decode(self, x: Tensor) -> Any:
        """Return coordinates as in training."""
        return x.detach().cpu().double().numpy() * self.scale + np.asarray(self.center)

    def read(self, raw: Any) -> Any:
        """Read a .npz or .npy file."""
        return read_source(raw) if isinstance(raw, str | Path) else raw

    def file_ending(self, what: str) -> str:
        """Return ``"npy"``."""
        return "npy"

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """None: points have no names."""
        return None

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(points, axes)."""
        if self.shape is None:
            raise NotFittedError("this PointCloudDomain has learned no schema; call fit first.")
        return tuple(self.shape)

    @property
    def supports(self) -> frozenset[Support]:
        """Sets of points."""
        return frozenset({CLOUD})

    @property
    def default_likelihood(self) -> str:
        """Distances to the nearest points."""
        return "chamfer"

    @property
    def default_preset(self) -> str:
        """A VAE of clouds."""
        return "cloud_vae"

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
        """Return a set encoder and a fully connected decoder."""
        chosen, width = self.choose_likelihood(likelihood), _WIDTHS[size]
        encoder = SetEncoder(self.event_shape[-1], width)
        decoder = MLPDecoder(latent_dim + context_dim, (width, 2 * width), (1, *self.event_shape))
        return Parts(encoder, decoder, chosen, width, latent_dim, context_dim)
