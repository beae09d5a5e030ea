import pytest
import torch

from vaekit.distributions import TIMES, draw_times, find_path
from vaekit.errors import SpecError


@pytest.mark.parametrize("name", TIMES)
def test_times_lie_inside_and_are_spread_evenly(name):
    """One from each of 1,000 equally likely intervals: quantiles are exact to one interval."""
    t = draw_times(name, torch.zeros(1000, 2)).squeeze(-1)
    assert t.shape == (1000,)
    assert 0 < t.min() < t.max() < 1
    assert t.median() == pytest.approx(0.5, abs=0.002)
    expected = {"uniform": 0.25, "logit_normal": torch.special.ndtri(torch.tensor(0.25)).sigmoid()}
    assert t.sort().values[250] == pytest.approx(float(expected[name]), abs=0.002)


def test_unknown_names():
    with pytest.raises(SpecError, match="did you mean 'uniform'"):
        draw_times("unifrom", torch.zeros(3))
    with pytest.raises(SpecError, match="did you mean 'straight'"):
        find_path("strait")
