"""A Riemannian metric of the latent space, as a mixture around centroids."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Metric"]


class Metric(nn.Module):
    """G(z)⁻¹ = sum_i L_i L_iᵀ exp(-|z - c_i|² / T²) + r I.

    Args:
        latent_dim: Number of latents.
        num_centroids: How many c_i.
        temperature: T, the reach of a centroid.
        regularisation: r, the inverse metric far from all centroids.

    Source: Chadebec et al. 2020, "Geometry-aware Hamiltonian variational auto-encoder", eq. 6.
    """

    reach: Tensor

    def __init__(
        self, latent_dim: int, num_centroids: int, temperature: float, regularisation: float
    ) -> None:
        super().__init__()
        if num_centroids < 1 or not temperature > 0 or not regularisation > 0:
            raise ValueError(
                "a metric needs at least one centroid, and a positive temperature and "
                f"regularisation; got {num_centroids}, {temperature} and {regularisation}."
            )
        self.regularisation = regularisation
        self.register_buffer("reach", torch.tensor(temperature))
        self.centroids = nn.Parameter(torch.randn(num_centroids, latent_dim))
        factors = 0.5 * torch.eye(latent_dim) + 0.05 * torch.randn(latent_dim, latent_dim).tril()
        self.factors = nn.Parameter(factors.repeat(num_centroids, 1, 1))

    def inverse(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch latent latent"]:
        """G(z)⁻¹, symmetric and positive."""
        factors = self.factors.tril()
        size = z.shape[-1]
        near = self._weights(z) @ (factors @ factors.mT).flatten(1)
        floor = self.regularisation * torch.eye(size, dtype=z.dtype, device=z.device)
        inverse: Tensor = near.unflatten(-1, (size, size)) + floor
        return inverse

    def log_volume(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch"]:
        """log of sqrt(det G(z)⁻¹): large near the centroids, where data are."""
        factor = torch.linalg.cholesky(self.inverse(z))
        volume: Tensor = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return volume

    def volume_slope(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch latent"]:
        """Gradient by z of `log_volume`: half the trace of G times that of G⁻¹."""
        factors = self.factors.tril()
        metric = torch.linalg.inv(self.inverse(z)).flatten(-2)
        traces = metric @ (factors @ factors.mT).flatten(1).mT
        return self._towards(z, self._weights(z) * traces / 2)

    def energy_slope(
        self, z: Float[Tensor, "*batch latent"], momentum: Float[Tensor, "*batch latent"]
    ) -> Float[Tensor, "*batch latent"]:
        """Gradient by z of rᵀ G(z)⁻¹ r / 2 at a fixed momentum r."""
        along = torch.einsum("...d,kde->...ke", momentum, self.factors.tril())
        return self._towards(z, self._weights(z) * along.square().sum(-1) / 2)

    def _weights(self, z: Tensor) -> Tensor:
        """How near each centroid is, in (0, 1]."""
        away = (z.unsqueeze(-2) - self.centroids).square().sum(-1)
        return torch.exp(-away / self.reach.square())

    def _towards(self, z: Tensor, weights: Tensor) -> Tensor:
        """Gradient of a sum of near-nesses with these weights held: it points to the centroids."""
        pull = weights @ self.centroids - weights.sum(-1, keepdim=True) * z
        return 2 / self.reach.square() * pull
