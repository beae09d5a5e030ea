"""Decoders that are told how far their latents can be believed."""

import pytest
import torch
from laws.examples import randomised
from torch import nn

from vaekit.errors import SpecError
from vaekit.networks import NoiseConditionedDecoder

ROWS, LATENTS, CONTEXT = 2000, 3, 2


class Kept(nn.Module):
    """Hands its input on."""

    def forward(self, z):
        return z


def decoder(**options):
    """One whose shift changes nothing until it is trained."""
    return NoiseConditionedDecoder(Kept(), LATENTS, **options)


def rows():
    torch.manual_seed(0)
    return torch.randn(ROWS, LATENTS + CONTEXT)


def test_what_is_shown_has_no_noise_and_the_context_stays():
    z = rows()
    shown, drawn = decoder().eval()(z), decoder(drawn_noise=0.5).eval().for_draws()(z)
    assert torch.equal(shown, z)
    assert torch.equal(drawn[:, LATENTS:], z[:, LATENTS:])
    assert not torch.isclose(drawn[:, :LATENTS], z[:, :LATENTS]).any()


def test_noise_leaves_a_standard_normal_as_it_is():
    for noise in (0.3, 0.9):
        z = decoder(drawn_noise=noise).eval().for_draws()(rows())[:, :LATENTS]
        torch.testing.assert_close(z.mean(0), torch.zeros(LATENTS), atol=0.08, rtol=0)
        torch.testing.assert_close(z.std(0), torch.ones(LATENTS), atol=0.05, rtol=0)


def test_noise_has_the_share_that_was_asked_for():
    z = 5 * torch.ones(ROWS, LATENTS)
    mixed = decoder(drawn_noise=0.6).eval().for_draws()(z)
    torch.testing.assert_close(mixed.mean(), torch.tensor(4.0), atol=0.03, rtol=0)
    torch.testing.assert_close(mixed.std(), torch.tensor(0.6), atol=0.03, rtol=0)
    blind = decoder(drawn_noise=1.0).eval().for_draws()
    torch.testing.assert_close(blind(z).mean(), torch.tensor(0.0), atol=0.05, rtol=0)


@pytest.mark.parametrize("clean", [0.0, 0.25, 1.0])
def test_in_training_a_share_stays_as_it_is(clean):
    z = rows()
    same = (decoder(clean=clean).train()(z)[:, :LATENTS] == z[:, :LATENTS]).all(1)
    assert same.float().mean().item() == pytest.approx(clean, abs=0.04)


def test_it_is_told_the_noise():
    torch.manual_seed(0)
    told = randomised(decoder(), 0.3).eval()
    z = rows()
    exact = told(z)
    told.noise = 0.5
    assert not torch.isclose(told(z)[:, :LATENTS], exact[:, :LATENTS]).all()
    assert torch.equal(told(z), told(z))


@pytest.mark.parametrize("name", ["clean", "noise", "drawn_noise"])
def test_shares_must_be_shares(name):
    with pytest.raises(SpecError, match=rf"{name} must be in \[0, 1\]; got 1.5"):
        decoder(**{name: 1.5})
