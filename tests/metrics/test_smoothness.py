import math

import pytest
import torch

from vaekit.errors import DataError
from vaekit.metrics import distance_to_data, smoothness


def test_a_half_circle():
    angle = torch.linspace(0, math.pi, 201)
    way = torch.stack([angle.cos(), angle.sin()], dim=-1)
    found = smoothness(torch.stack([way, 5 * way + 3]))  # neither size nor place matters
    assert found.length.mean == pytest.approx(math.pi / 2, rel=1e-4)
    assert found.energy.mean == pytest.approx(math.pi**2 / 4, rel=1e-4)
    assert found.jump.mean == pytest.approx(1, abs=1e-4)
    assert found.roughness.mean == pytest.approx(math.pi**4 / 4, rel=0.01)  # |x''| = pi², ends 2
    assert found.length.standard_error < 1e-6
    assert found.length.items == 2


def test_a_way_that_stands_still_and_flips():
    t = (torch.arange(11) > 5).float().view(1, 11, 1, 1).expand(2, 11, 3, 4)
    found = smoothness(t)
    assert found.length.mean == pytest.approx(1)
    assert found.energy.mean == pytest.approx(10)
    assert found.jump.mean == pytest.approx(10)


def test_means_and_errors_are_over_the_ways():
    straight = torch.tensor([[0.0, 0.0], [1.5, 2.0], [3.0, 4.0]])
    corner = torch.tensor([[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]])
    found = smoothness(torch.stack([straight, corner]))
    assert found.length.mean == pytest.approx(1.2)
    assert found.length.standard_error == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (torch.rand(2, 1, 3), "at least 2 steps; got 1"),
        (torch.full((2, 3, 3), torch.nan), "ways must be finite"),
        (torch.ones(2, 3, 3), "must differ; got way 0"),
        (torch.rand(1, 3, 3), "at least two items; got 1"),
    ],
)
def test_bad_ways_are_refused(paths, message):
    with pytest.raises(DataError, match=message):
        smoothness(paths)


def test_distance_to_the_nearest_real_item():
    torch.manual_seed(0)
    paths, real = torch.rand(40, 3, 2, 2), torch.rand(9, 2, 2)
    gaps = (paths.flatten(2).unsqueeze(2) - real.flatten(1)).norm(dim=-1)
    torch.testing.assert_close(distance_to_data(paths, real), gaps.amin(-1))
