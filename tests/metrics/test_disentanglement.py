"""Laws of the scores, on codes whose relation to the factors is known."""

from dataclasses import astuple

import numpy as np
import pytest
import torch

from vaekit.datasets import shapes
from vaekit.errors import DataError
from vaekit.metrics import (
    dci,
    disentanglement,
    factor_vae_score,
    modularity,
    mutual_information_gap,
    sap,
)

SIZES = (3, 4, 5, 6)
NO_INFORMATION = {
    "mutual_information_gap": 0.0,
    "disentanglement": 0.0,
    "completeness": 0.0,
    "sap": 0.0,
    "factor_vae": 1 / len(SIZES),
    "informativeness": sum(1 / size for size in SIZES) / len(SIZES),
}
SCORES = (mutual_information_gap, dci, sap, modularity, factor_vae_score)


def draw_factors(n=2000):
    return torch.stack([torch.randint(size, (n,)) for size in SIZES], dim=1)


def standardized(factors):
    values = factors.float()
    return (values - values.mean(0)) / values.std(0)


def scores(codes, factors):
    result = vars(disentanglement(codes, factors)).copy()
    result.pop("items")
    return result


def test_a_code_with_one_latent_per_factor_is_perfect():
    factors = draw_factors()
    codes = standardized(factors) + 0.01 * torch.randn(len(factors), 4)
    assert min(scores(codes, factors).values()) > 0.97


def test_a_code_of_noise_is_at_chance():
    factors = draw_factors()
    got = scores(torch.randn(2000, 6), factors)
    assert {k: got[k] for k in NO_INFORMATION} == pytest.approx(NO_INFORMATION, abs=0.06)


def test_a_rotation_mixes_the_factors():
    factors = draw_factors()
    codes = standardized(factors)
    rotated = codes @ torch.linalg.qr(torch.randn(4, 4)).Q
    straight, mixed = scores(codes, factors), scores(rotated, factors)
    for name in ("mutual_information_gap", "disentanglement", "completeness", "sap", "modularity"):
        assert mixed[name] < straight[name] - 0.03, name
    assert mixed["mutual_information_gap"] < 0.3
    assert mixed["disentanglement"] < 0.5


def test_order_scale_and_sign_of_the_latents_do_not_matter():
    factors = draw_factors()
    codes = standardized(factors) @ torch.randn(4, 5) + 0.3 * torch.randn(2000, 5)
    moved = 3 + codes[:, [3, 0, 4, 2, 1]] * torch.tensor([0.01, -1.0, 7.0, -100.0, 2.0])
    assert scores(moved, factors) == pytest.approx(scores(codes, factors), abs=0.02)


def test_order_and_names_of_the_factors_values_do_not_matter():
    factors = draw_factors()
    codes = standardized(factors) @ torch.randn(4, 5)
    renamed = 10 - 3 * factors[:, [2, 0, 3, 1]]
    got, expected = scores(codes, renamed), scores(codes, factors)
    assert got == pytest.approx(expected, abs=0.05)


def test_completeness_and_disentanglement_see_opposite_faults():
    """Two latents for one factor are incomplete; two factors in one latent are entangled."""
    a, b = torch.randint(4, (2, 2000)).unbind()
    factors = torch.stack([a, b], dim=1)
    split = torch.stack([a // 2, a % 2, b], dim=1).float()
    result = dci(split, factors)
    assert result.disentanglement > 0.99
    assert result.completeness < 0.8
    joined = torch.stack([4 * a + b, torch.zeros_like(a)], dim=1).float()
    result = dci(joined, factors)
    assert result.disentanglement < 0.3
    assert result.completeness > 0.99


def test_the_gap_is_closed_by_a_second_copy_of_the_latents():
    factors = draw_factors()
    codes = standardized(factors)
    twice = torch.cat([codes, 2 * codes], dim=1)
    assert mutual_information_gap(twice, factors) == pytest.approx(0, abs=1e-9)
    assert sap(twice, factors) == pytest.approx(0, abs=1e-9)
    assert modularity(twice, factors) == pytest.approx(modularity(codes, factors))


def test_the_gap_is_the_information_in_a_known_case():
    """A latent that tells the higher of four values from the lower: half of the entropy."""
    grid = torch.cartesian_prod(torch.arange(4), torch.arange(4)).repeat(10, 1)
    halves = (grid // 2).float()
    assert mutual_information_gap(halves, grid) == pytest.approx(0.5)
    assert sap(halves.repeat(5, 1), grid.repeat(5, 1)) == pytest.approx(1 / 3, abs=0.04)


def test_modularity_of_one_latent_that_knows_two_factors_alike_is_zero():
    a, b = torch.cartesian_prod(torch.arange(4), torch.arange(4)).repeat(10, 1).unbind(1)
    codes = torch.stack([4 * a + b, torch.zeros_like(a)], dim=1).float()
    assert modularity(codes, torch.stack([a, b], dim=1)) == pytest.approx(0, abs=1e-9)


def test_inactive_latents_matter_little():
    factors = draw_factors()
    codes = standardized(factors) + 0.01 * torch.randn(2000, 4)
    padded = torch.cat([codes, torch.zeros(2000, 2), 1e-3 * torch.randn(2000, 1)], dim=1)
    got = scores(padded, factors)
    got.pop("modularity")
    assert min(got.values()) > 0.97


def test_constant_codes_have_defined_scores():
    got = scores(torch.zeros(500, 3), draw_factors(500))
    assert got["modularity"] == got["mutual_information_gap"] == got["sap"] == 0
    assert got["factor_vae"] == 0.25
    assert np.isfinite(list(got.values())).all()


def test_the_seed_decides():
    factors = draw_factors(500)
    codes = standardized(factors) @ torch.randn(4, 5)
    first, again, other = (disentanglement(codes, factors, seed) for seed in (1, 1, 2))
    assert astuple(first) == astuple(again) != astuple(other)


def test_the_factors_of_the_shapes_can_be_passed():
    data = shapes(1000, seed=3)
    factors = torch.tensor(np.stack(list(data.factors.values()), axis=1))
    assert disentanglement(factors.float(), factors).disentanglement > 0.95


def test_rare_values_do_no_harm():
    factors = draw_factors(300)
    factors[0, 0] = 99
    assert sap(standardized(factors), factors) > 0.5
    assert factor_vae_score(standardized(factors), factors) > 0.9


@pytest.mark.parametrize("score", SCORES)
def test_scores_refuse_what_they_cannot_measure(score):
    codes, factors = torch.randn(200, 3), torch.randint(3, (200, 2))
    constant = factors.clone()
    constant[:, 1] = 2
    for bad_codes, bad_factors, message in [
        (codes, factors[:150], "equal length"),
        (codes[:50], factors[:50], "at least 100 items"),
        (codes[:, :1], factors, r"2 latents and 2 factors; got \(200, 1\)"),
        (codes, factors[:, :1], r"2 latents and 2 factors"),
        (codes / 0, factors, "finite"),
        (codes, constant, r"got one in factors \[1\]"),
    ]:
        with pytest.raises(DataError, match=message):
            score(bad_codes, bad_factors)


def test_groups_need_items_that_share_a_value():
    factors = torch.stack([torch.arange(200) % 3, torch.arange(200)], dim=1)
    with pytest.raises(DataError, match="got at most 1 for factor 1"):
        factor_vae_score(torch.randn(200, 2), factors)
