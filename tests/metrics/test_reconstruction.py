import pytest
import torch

from vaekit.errors import DataError
from vaekit.metrics import reconstruction_quality
from vaekit.ssim import ms_ssim, psnr, ssim


def test_images_are_measured_in_four_ways_over_all_batches():
    a = torch.rand(300, 1, 24, 24)
    b = (a + 0.1 * torch.randn_like(a)).clamp(0, 1)
    got = reconstruction_quality(a, b)
    assert got.mse == pytest.approx((a - b).square().mean().item())
    for measure in (psnr, ssim, ms_ssim):
        expected = measure(a, b).mean().item()
        assert getattr(got, measure.__name__) == pytest.approx(expected, rel=1e-5)
    assert got.items == 300


@pytest.mark.parametrize("shape", [(5,), (3, 4), ()])
def test_tables_have_a_squared_error_only(shape):
    real = torch.randn(10, *shape)
    got = reconstruction_quality(real, real + 2)
    assert got.mse == pytest.approx(4, rel=1e-5)
    assert got.psnr is got.ssim is got.ms_ssim is None


def test_codes_can_be_compared():
    assert reconstruction_quality(torch.tensor([[1, 2]]), torch.tensor([[1, 4]])).mse == 2.0


def test_pairs_must_match_and_images_be_in_range():
    images = torch.rand(4, 1, 8, 8)
    for other, message in [
        (images[:3], "same shape"),
        (images + 1, "from 0 to 1"),
        (images / 0, "from 0 to 1"),
    ]:
        with pytest.raises(DataError, match=message):
            reconstruction_quality(images, other)
    with pytest.raises(DataError, match="at least one item"):
        reconstruction_quality(torch.zeros(0, 3), torch.zeros(0, 3))
