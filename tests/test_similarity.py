import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d

from vaekit.errors import DataError
from vaekit.ssim import ms_ssim, psnr, ssim


def waves(height, width, channels, seed):
    """Two smooth images that anyone can make again, float64."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    color = np.arange(1, channels + 1)[:, None, None]
    a = 0.5 + 0.5 * np.sin(0.3 * color * x + 0.17 * y * (seed + 1))
    b = np.clip(a + 0.2 * np.cos(0.9 * x * y + seed), 0, 1)
    return a, b


def as_images(*arrays):
    return tuple(torch.tensor(array, dtype=torch.float32)[None] for array in arrays)


def reference_maps(a, b, size=11):
    """Luminance and contrast of one colour, by scipy in float64."""
    weights = np.exp(-0.5 * ((np.arange(size) - size // 2) / 1.5) ** 2)

    def blur(image):
        for axis in (0, 1):
            image = correlate1d(image, weights / weights.sum(), axis=axis)
        edge = size // 2
        return image[edge : image.shape[0] - edge, edge : image.shape[1] - edge]

    ma, mb = blur(a), blur(b)
    va, vb, cov = blur(a * a) - ma**2, blur(b * b) - mb**2, blur(a * b) - ma * mb
    return (2 * ma * mb + 1e-4) / (ma**2 + mb**2 + 1e-4), (2 * cov + 9e-4) / (va + vb + 9e-4)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((28, 28, 1, 0), 0.7078444900830024),
        ((32, 40, 3, 1), 0.8903363323082222),
        ((11, 11, 1, 2), 0.8995645336876925),
    ],
)
def test_ssim_is_that_of_scikit_image(arguments, expected):
    """Values of scikit-image 0.26.0: gaussian_weights, sigma 1.5, no sample covariance."""
    assert ssim(*as_images(*waves(*arguments))).item() == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [((176, 192, 1, 0), 0.9739065895019222), ((176, 176, 3, 1), 0.9704210412414285)],
)
def test_ms_ssim_is_that_of_pytorch_msssim_where_all_scales_fit(arguments, expected):
    """Values of pytorch-msssim 1.0.0 in float64."""
    assert ms_ssim(*as_images(*waves(*arguments))).item() == pytest.approx(expected, abs=1e-5)


def test_two_scales_fit_into_28_pixels_with_their_weights_renormalized():
    a, b = (image[0] for image in waves(28, 28, 1, 0))
    halves = [image.reshape(14, 2, 14, 2).mean((1, 3)) for image in (a, b)]
    luminance, contrast = reference_maps(*halves)
    first, total = 0.0448, 0.0448 + 0.2856
    expected = reference_maps(a, b)[1].mean() ** (first / total)
    expected *= (luminance * contrast).mean() ** (0.2856 / total)
    got = ms_ssim(*as_images(a[None], b[None])).item()
    assert got == pytest.approx(expected, abs=1e-5)


def test_the_window_shrinks_on_tiny_images():
    a, b = (image[0] for image in waves(8, 9, 1, 0))
    luminance, contrast = reference_maps(a, b, size=7)
    a, b = as_images(a[None], b[None])
    assert ssim(a, b).item() == pytest.approx((luminance * contrast).mean(), abs=1e-5)
    assert torch.equal(ms_ssim(a, b), ssim(a, b)), "one scale only"


@pytest.mark.parametrize("measure", [ssim, ms_ssim])
@pytest.mark.parametrize("side", [1, 2, 8, 28, 45])
def test_each_image_is_measured_by_itself_and_equals_itself(measure, side):
    a, b = torch.rand(2, 3, 2, side, side)
    torch.testing.assert_close(measure(a, a), torch.ones(3))
    torch.testing.assert_close(measure(a, b)[1:2], measure(a[1:2], b[1:2]))
    torch.testing.assert_close(measure(a, b), measure(b, a))


@pytest.mark.parametrize("measure", [ssim, ms_ssim])
def test_more_noise_is_less_alike(measure):
    image = as_images(waves(48, 48, 1, 0)[0])[0]
    noise = torch.randn_like(image)
    values = [measure(image, image + scale * noise).item() for scale in (0.02, 0.1, 0.5)]
    assert values == sorted(values, reverse=True)
    assert values[0] - values[2] > 0.2


@pytest.mark.parametrize("measure", [ssim, ms_ssim])
def test_gradients_bring_an_image_nearer(measure):
    target = as_images(waves(32, 32, 1, 0)[0])[0]
    guess = torch.full_like(target, 0.5).requires_grad_()
    before = measure(guess, target)
    before.sum().backward()
    with torch.no_grad():
        after = measure(guess + 0.01 * guess.grad / guess.grad.abs().max(), target)
    assert guess.grad.isfinite().all()
    assert (after > before).all()


def test_gradients_of_opposite_images_are_finite():
    """Their contrast is negative, where a fractional power has none."""
    stripes = torch.arange(32).remainder(2).float().expand(1, 1, 32, 32)
    guess = (1 - stripes).requires_grad_()
    value = ms_ssim(guess, stripes)
    value.sum().backward()
    assert 0 < value.item() < 0.5
    assert guess.grad.isfinite().all()


def test_psnr_is_in_decibels_and_infinite_for_equal_images():
    a = torch.zeros(2, 1, 3, 3)
    b = torch.stack([a[0], a[1] + 0.01])
    assert psnr(a, b).tolist() == [float("inf"), pytest.approx(40.0, abs=1e-4)]


@pytest.mark.parametrize("measure", [ssim, ms_ssim, psnr])
@pytest.mark.parametrize("other", [(2, 1, 8, 9), (2, 3, 8, 8), (1, 1, 8, 8), (2, 8, 8)])
def test_images_must_have_one_shape(measure, other):
    with pytest.raises(DataError, match=r"same shape .* got \(2, 1, 8, 8\)"):
        measure(torch.zeros(2, 1, 8, 8), torch.zeros(other))
