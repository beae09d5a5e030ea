"""Solvers on a way that is known: from N(0, 1) to N(2, 0.5²)."""

import pytest
import torch

from vaekit.distributions import SOLVERS, find_path, find_solver, solve
from vaekit.distributions.solvers import begin_from
from vaekit.errors import SpecError

MEAN, SCALE = 2.0, 0.5
# The first and last steps of DPM-Solver++, where one share is 0, are of first order.
ORDERS = {"ddim": 1, "euler": 1, "dpm++2m": 1, "multistep": 2, "heun": 2, "rk4": 4}


def field_of(path):
    def field(x, t):
        a, s, da, ds = path(t)
        variance = (a * SCALE) ** 2 + s**2
        return da * MEAN + (da * a * SCALE**2 + ds * s) / variance * (x - a * MEAN)

    return field


def error(name, path_name, steps):
    path, noise = find_path(path_name), torch.linspace(-2, 2, 41).double()
    times = torch.linspace(0, 1, steps + 1).double()
    found = solve(name, field_of(path), path, noise, times)
    return (found - (MEAN + SCALE * noise)).abs().mean().item()


@pytest.mark.parametrize("path", ["straight", "diffusion"])
@pytest.mark.parametrize("name", SOLVERS)
def test_more_steps_come_nearer_to_the_data_by_the_order_of_the_solver(name, path):
    few, many = error(name, path, 10), error(name, path, 80)
    assert many < 0.03
    assert many < max(few / 8 ** (ORDERS[name] - 0.5), 1e-8)


@pytest.mark.parametrize("path", ["straight", "diffusion"])
def test_dpm_needs_fewer_steps_than_ddim(path):
    assert error("dpm++2m", path, 10) < error("ddim", path, 10) / 2


def test_an_unknown_solver_suggests_the_near_one():
    with pytest.raises(SpecError, match="did you mean 'heun'"):
        find_solver("huen")


def test_items_to_begin_from_stay_where_a_mask_is_dark():
    path, times = find_path("straight"), torch.linspace(0, 1, 41)
    known, noise = torch.full((3, 4), 7.0), torch.randn(3, 4)
    mask = torch.tensor([[0.0, 0.0, 1.0, 1.0]]).expand(3, 4)
    x, times, keep = begin_from(noise, times, path, known, 1.0, mask)
    found = solve("heun", field_of(path), path, x, times, keep)
    assert torch.equal(found[:, :2], known[:, :2])
    torch.testing.assert_close(found[:, 2:], MEAN + SCALE * noise[:, 2:], atol=0.02, rtol=0)


def test_no_strength_changes_nothing():
    path, known = find_path("straight"), torch.randn(3, 4)
    x, times, _ = begin_from(torch.randn(3, 4), torch.linspace(0, 1, 6), path, known, 0.0, None)
    assert torch.equal(solve("heun", field_of(path), path, x, times), known)


@pytest.mark.parametrize(("strength", "mask"), [(0.5, None), (1.0, torch.ones(3, 4))])
def test_strength_and_mask_need_items(strength, mask):
    with pytest.raises(SpecError, match="need items to begin from"):
        begin_from(
            torch.zeros(3, 4),
            torch.linspace(0, 1, 3),
            find_path("straight"),
            None,
            strength,
            mask,
        )
