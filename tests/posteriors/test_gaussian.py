import pytest
import torch

from vaekit.distributions import Delta, DiagonalNormal
from vaekit.posteriors import Deterministic, DiagonalGaussian, FullGaussian

H = torch.tensor([[1.0, -2.0, 0.5]])


def with_outputs(posterior, *values):
    """The posterior with a head that returns these values for any features."""
    with torch.no_grad():
        posterior.head.weight.zero_()
        posterior.head.bias.copy_(torch.tensor(values))
    return posterior(H, None)


def test_the_diagonal_head_holds_means_then_log_variances():
    q = with_outputs(DiagonalGaussian(3, 2), 1.0, 2.0, -2.0, 1.0)
    assert isinstance(q, DiagonalNormal)
    assert q.mean.tolist() == [[1.0, 2.0]]
    assert q.log_scale.tolist() == [[-1.0, 0.5]]


@pytest.mark.parametrize("extreme", [1e6, -1e6])
def test_extreme_features_give_a_finite_density(extreme):
    q = with_outputs(DiagonalGaussian(3, 2), 0.0, 0.0, extreme, extreme)
    z = q.rsample((3,))
    assert z.isfinite().all()
    assert q.log_prob(z).isfinite().all()
    assert (q.variance > 0).all()


def test_the_full_head_fills_the_lower_triangle_row_by_row():
    q = with_outputs(FullGaussian(3, 2), 1.0, 2.0, 0.0, -0.7, 0.0)
    half = torch.log(torch.tensor(2.0)) + 1e-5
    expected = torch.tensor([[[half, 0.0], [-0.7, half]]])
    assert q.mean.tolist() == [[1.0, 2.0]]
    torch.testing.assert_close(q.scale_tril, expected)


def test_the_full_factor_stays_invertible_for_extreme_features():
    q = with_outputs(FullGaussian(3, 2), 0.0, 0.0, -1e6, 3.0, -1e6)
    assert (q.scale_tril.diagonal(dim1=-2, dim2=-1) > 0).all()
    assert q.log_prob(q.rsample()).isfinite().all()


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_the_full_head_has_the_documented_size(latent_dim):
    size = FullGaussian(3, latent_dim).head.out_features
    assert size == latent_dim * (latent_dim + 3) // 2


def test_a_deterministic_posterior_is_a_point():
    q = with_outputs(Deterministic(3, 2), 1.0, 2.0)
    assert isinstance(q, Delta)
    assert q.rsample((2,)).tolist() == [[[1.0, 2.0]]] * 2


@pytest.mark.parametrize("cls", [Deterministic, DiagonalGaussian, FullGaussian])
def test_half_precision_features_give_single_precision_densities(cls):
    posterior = cls(3, 2).to(torch.bfloat16)
    assert posterior(H.to(torch.bfloat16), None).mean.dtype == torch.float32
