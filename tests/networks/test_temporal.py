"""Networks for series: convolutions along time, and recurrent units."""

import pytest
import torch

from vaekit.errors import CompositionError
from vaekit.networks import SIZES, GRUDecoder, TemporalEncoder, make_networks

TEMPORAL = ["temporal_conv", "gru", "mlp"]
SHAPES = [(1, 1), (1, 7), (3, 50), (2, 64), (1, 140), (5, 2)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("network", TEMPORAL)
def test_the_decoder_returns_what_the_encoder_takes(network, shape):
    encoder, decoder, features_dim = make_networks(network, "small", shape, 5, 2)
    assert encoder(torch.rand(3, *shape)).shape == (3, features_dim)
    assert decoder(torch.randn(3, 5)).shape == (3, 2, *shape)


@pytest.mark.parametrize("network", TEMPORAL)
def test_a_larger_size_has_more_parameters(network):
    pairs = [make_networks(network, size, (2, 64), 4, 1)[:2] for size in SIZES]
    counts = [sum(p.numel() for part in pair for p in part.parameters()) for pair in pairs]
    assert counts == sorted(set(counts))


@pytest.mark.parametrize("network", ["temporal_conv", "gru"])
@pytest.mark.parametrize("shape", [(16,), (1, 16, 16)], ids=str)
def test_networks_for_series_need_series(network, shape):
    with pytest.raises(CompositionError, match=r"needs series of shape.*Use network='mlp'"):
        make_networks(network, "small", shape, 4, 1)


@pytest.mark.parametrize("network", ["temporal_conv", "gru"])
def test_outputs_depend_on_each_item_alone(network):
    encoder, decoder, _ = make_networks(network, "small", (2, 30), 4, 1)
    x, z = torch.rand(4, 2, 30), torch.randn(4, 4)
    torch.testing.assert_close(encoder(x[1:2]), encoder(x)[1:2])
    torch.testing.assert_close(decoder(z[1:2]), decoder(z)[1:2])


@pytest.mark.parametrize("network", ["temporal_conv", "gru"])
def test_every_step_reaches_the_features_and_every_latent_every_step(network):
    encoder, decoder, _ = make_networks(network, "small", (2, 30), 4, 1)
    x = torch.rand(1, 2, 30, requires_grad=True)
    encoder(x).sum().backward()
    assert (x.grad != 0).all()
    z = torch.randn(4)
    slopes = torch.autograd.functional.jacobian(lambda v: decoder(v[None])[0, 0], z)
    assert (slopes != 0).all()


@pytest.mark.parametrize("network", ["temporal_conv", "gru"])
def test_outputs_take_both_signs(network):
    _, decoder, _ = make_networks(network, "small", (1, 64), 16, 1)
    out = decoder(3 * torch.randn(20, 16))
    assert out.min() < 0 < out.max()


def test_steps_of_a_recurrent_decoder_are_told_the_time():
    out = GRUDecoder(2, 8, (1, 1, 20))(torch.zeros(1, 2)).flatten()
    assert out.std() > 0


def test_a_stage_sees_as_many_steps_as_it_says():
    torch.manual_seed(0)
    encoder = TemporalEncoder((1, 64), (8,), 8)
    x = torch.randn(1, 1, 64, requires_grad=True)
    norms = [m for m in encoder.body.modules() if isinstance(m, torch.nn.GroupNorm)]
    for module in norms:  # which looks at the whole series
        module.forward = lambda h: h
    (slope,) = torch.autograd.grad(encoder.body[:2](x)[0, 0, 16], x)
    seen = slope.flatten().nonzero().flatten()
    assert 2 * 13 <= seen.max() - seen.min() + 1 <= 2 * 13 + 2
