import pytest
import torch
from torch import nn

from vaekit.errors import CompositionError, SpecError
from vaekit.networks import (
    NETWORKS,
    SIZES,
    Chain,
    Offset,
    PatchCritic,
    PatchDecoder,
    PatchEncoder,
    SpatialDecoder,
    code_latents,
    grid_latents,
    latent_grid,
    make_networks,
    start_from_patches,
)
from vaekit.networks.conv import halved, norm

SHAPES = [(1, 7, 9), (3, 28, 30), (1, 1, 1), (2, 3, 40), (1, 28, 28), (3, 5, 4)]
TEMPORAL = ["temporal_conv", "gru"]
OF_EVEN_SIDES = ["autoencoder_kl"]
"""Tested in `test_diffusers_autoencoders`."""

OF_IMAGES = [name for name in NETWORKS if name not in (*TEMPORAL, *OF_EVEN_SIDES)]
CONVOLUTIONAL = [name for name in OF_IMAGES if name != "mlp"]


SMALL = {"coarse": 24}
"""Latents for images of 7 x 9; of other networks 20."""


def latents(network, shape):
    grids = {"spatial": grid_latents, "coarse": code_latents}
    return grids[network](shape) if network in grids else 5


def check_mirror(network, size, shape, channels=2):
    in_dim = latents(network, shape)
    encoder, decoder, features_dim = make_networks(network, size, shape, in_dim, channels)
    assert encoder(torch.rand(3, *shape)).shape == (3, features_dim)
    assert decoder(torch.randn(3, in_dim)).shape == (3, channels, *shape)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("network", OF_IMAGES)
def test_the_decoder_returns_what_the_encoder_takes(network, shape):
    check_mirror(network, "small", shape)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("network", OF_IMAGES)
def test_every_network_has_every_size(network, size):
    check_mirror(network, size, (3, 28, 30), channels=1)


@pytest.mark.parametrize("shape", [(4,), (1,), (3, 5), (2, 2, 2, 2)], ids=str)
def test_an_mlp_takes_items_of_any_shape(shape):
    check_mirror("mlp", "small", shape)


@pytest.mark.parametrize("network", OF_IMAGES)
def test_a_larger_size_has_more_parameters(network):
    counts = [
        sum(p.numel() for p in make_networks(network, size, (1, 16, 16), 16, 1)[0].parameters())
        for size in SIZES
    ]
    assert counts == sorted(set(counts))


@pytest.mark.parametrize("network", CONVOLUTIONAL)
@pytest.mark.parametrize("shape", [(16,), (16, 16), (1, 1, 16, 16)], ids=str)
def test_convolutions_need_images(network, shape):
    with pytest.raises(CompositionError, match=r"needs images of shape.*Use network='mlp'"):
        make_networks(network, "small", shape, 4, 1)


@pytest.mark.parametrize(
    ("network", "size", "message"),
    [("cnov", "small", "did you mean 'conv'"), ("mlp", "smal", "did you mean 'small'")],
)
def test_unknown_names_suggest_the_near_one(network, size, message):
    with pytest.raises(SpecError, match=message):
        make_networks(network, size, (1, 8, 8), 4, 1)


@pytest.mark.parametrize("network", OF_IMAGES)
def test_outputs_depend_on_each_item_alone(network):
    encoder, decoder, _ = make_networks(network, "small", (1, 7, 9), SMALL.get(network, 20), 1)
    x, z = torch.rand(4, 1, 7, 9), torch.randn(4, SMALL.get(network, 20))
    torch.testing.assert_close(encoder(x[1:2]), encoder(x)[1:2])
    torch.testing.assert_close(decoder(z[1:2]), decoder(z)[1:2])


@pytest.mark.parametrize("network", OF_IMAGES)
def test_every_input_reaches_the_features(network):
    encoder, _, _ = make_networks(network, "small", (1, 7, 9), SMALL.get(network, 20), 1)
    x = torch.rand(1, 1, 7, 9, requires_grad=True)
    encoder(x).sum().backward()
    assert (x.grad != 0).all()


@pytest.mark.parametrize("network", OF_IMAGES)
def test_outputs_take_both_signs(network):
    """The last layer has no activation: logits and standardised values are signed."""
    _, decoder, _ = make_networks(network, "small", (1, 8, 8), 16, 1)
    out = decoder(3 * torch.randn(20, 16))
    assert out.min() < 0 < out.max()


def test_a_chain_applies_its_links_in_order():
    double = nn.Linear(1, 1, bias=False)
    nn.init.constant_(double.weight, 2.0)
    shift = Offset((1,))
    shift.value.fill_(1.0)
    assert Chain(double, shift)(torch.ones(1, 1)).item() == 3.0
    assert Chain(shift, double)(torch.ones(1, 1)).item() == 4.0


def test_an_empty_chain_changes_nothing():
    assert Chain()(torch.ones(2)).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("size", "times", "sizes"),
    [((28, 30), 3, [(28, 30), (14, 15), (7, 8), (4, 4)]), ((7, 9), 1, [(7, 9), (4, 5)])],
)
def test_halving_rounds_up(size, times, sizes):
    assert halved(size, times) == sizes


@pytest.mark.parametrize(("channels", "groups"), [(1, 1), (3, 1), (6, 2), (12, 4), (64, 8)])
def test_norm_groups_divide_the_channels(channels, groups):
    assert norm(channels).num_groups == groups


@pytest.mark.parametrize(
    ("size", "patches"), [((28, 28), (7, 7)), ((8, 8), (2, 2)), ((3, 8), (1, 2))]
)
def test_a_patch_critic_judges_images_of_any_size(size, patches):
    logits = PatchCritic(1, (4, 8))(torch.zeros(2, 1, *size))
    assert logits.shape == (2, 1, *patches)


def test_a_patch_critic_sees_patches_only():
    """What lies 18 pixels away moves no logit."""
    torch.manual_seed(0)
    critic = PatchCritic(1, (4, 8)).eval()
    x = torch.zeros(1, 1, 64, 64, requires_grad=True)
    (slope,) = torch.autograd.grad(critic(x)[0, 0, 8, 8], x)
    rows = slope[0, 0].abs().sum(1).nonzero().flatten()
    assert rows.max() - rows.min() == 17


@pytest.mark.parametrize(
    ("shape", "grid"),
    [
        ((1, 8, 8), (2, 4, 4)),
        ((1, 28, 28), (4, 7, 7)),
        ((3, 32, 32), (4, 8, 8)),
        ((3, 64, 48), (4, 16, 12)),
        ((4, 128, 128), (4, 16, 16)),
        ((3, 100, 200), (4, 13, 25)),
    ],
)
def test_a_grid_of_latents_suits_the_images(shape, grid):
    assert latent_grid(shape, grid_latents(shape)) == grid


def test_latents_must_fill_the_grid():
    with pytest.raises(CompositionError, match="multiple of 256, the places of a grid of 16 x 16"):
        make_networks("spatial", "small", (3, 64, 64), 100, 1)


def test_a_latent_on_a_grid_tells_of_its_own_surroundings():
    decoder = SpatialDecoder((2, 16, 16), (8, 8), (1, 1, 64, 64))
    z = torch.randn(1, 512)
    moved = z.clone().view(2, 16, 16)
    moved[:, 0, 0] += 1
    change = (decoder(moved.view(1, -1)) - decoder(z)).abs().squeeze()
    assert change[:8, :8].max() > 20 * change[60:, 60:].max()


def test_every_place_of_a_grid_is_told_the_context():
    decoder = SpatialDecoder((2, 4, 4), (8,), (1, 1, 8, 8), context_dim=3)
    z = torch.zeros(2, 32)
    out = decoder(torch.cat([z, torch.eye(3)[:2]], 1)).squeeze()
    assert ((out[0] - out[1]).abs() > 1e-4).float().mean() > 0.9


@pytest.mark.parametrize("halvings", [1, 2, 3])
def test_an_untrained_patch_decoder_paints_no_checkerboard(halvings):
    """No frequency at which its patches repeat is stronger than the low ones, or stands out."""
    torch.manual_seed(0)
    side = 2**halvings
    decoder = PatchDecoder((4, 12, 12), (1, 3, 12 * side, 12 * side), halvings, 16, 1)
    with torch.no_grad():
        images = decoder(torch.randn(64, 4 * 144)).squeeze(1)
    waves = torch.fft.fft2(images - images.mean((2, 3), keepdim=True))
    power = waves.abs().square().mean((0, 1))
    repeats = [(12 * i, 12 * j) for i in range(side) for j in range(side) if i or j]
    strongest = max(power[place].item() for place in repeats)
    assert strongest < 0.1 * power[1:5, 1:5].mean()


@pytest.mark.parametrize("halvings", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(7, 9), (28, 28), (33, 64)])
def test_patch_networks_take_images_of_any_size(halvings, size):
    encoder = PatchEncoder((1, *size), halvings, 2, 8)
    decoder = PatchDecoder(encoder.grid, (1, 1, *size), halvings, 8, context_dim=3)
    latents = 2 * encoder.grid[1] * encoder.grid[2]
    assert encoder(torch.rand(2, 1, *size)).shape == (2, 2 * latents)
    assert decoder(torch.randn(2, latents + 3)).shape == (2, 1, 1, *size)


def test_every_place_of_a_patch_decoder_is_told_the_context():
    torch.manual_seed(0)
    decoder = PatchDecoder((2, 4, 4), (1, 1, 8, 8), 1, 8, context_dim=3)
    out = decoder(torch.cat([torch.randn(1, 32).expand(2, -1), torch.eye(3)[:2]], 1)).squeeze()
    assert ((out[0] - out[1]).abs() > 1e-5).float().mean() > 0.9


def _images():
    """Smooth ones, of which a few components say nearly all."""
    rows = torch.linspace(0, 3, 12)
    phases = 6 * torch.rand(300, 1, 1, 1, generator=torch.Generator().manual_seed(0))
    return 0.5 + 0.5 * torch.sin(phases + rows[:, None] + 0.5 * rows)


def test_patch_networks_start_from_components_of_patches():
    x = _images()
    torch.manual_seed(0)
    encoder = PatchEncoder((1, 12, 12), 2, 2, 8)
    decoder = PatchDecoder(encoder.grid, (1, 1, 12, 12), 2, 8)
    assert start_from_patches(encoder, decoder, x)
    centred = x - x.mean(0)
    with torch.no_grad():
        z = encoder.straight(encoder.patches(centred))
        back = torch.nn.functional.pixel_shuffle(decoder.straight(z), 4)
    assert (back - centred).square().mean() < 0.01 * centred.square().mean()
    values = z.movedim(1, -1).flatten(0, -2)
    torch.testing.assert_close(values.square().mean(0), torch.ones(2), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("x", [torch.zeros(5, 1, 12, 12), torch.full((5, 1, 12, 12), torch.nan)])
def test_patches_that_say_nothing_start_nothing(x):
    encoder = PatchEncoder((1, 12, 12), 2, 3, 8)
    decoder = PatchDecoder(encoder.grid, (1, 1, 12, 12), 2, 8)
    start_from_patches(encoder, decoder, x)
    assert not encoder.straight.weight.any()
    assert not decoder.straight.weight.any()


def test_a_decoder_of_several_numbers_a_value_keeps_its_start():
    encoder = PatchEncoder((1, 12, 12), 2, 3, 8)
    decoder = PatchDecoder(encoder.grid, (2, 1, 12, 12), 2, 8)
    before = decoder.straight.weight.clone()
    assert start_from_patches(encoder, decoder, _images())
    assert torch.equal(decoder.straight.weight, before)


def test_other_networks_do_not_start_from_patches():
    encoder, decoder, _ = make_networks("conv", "small", (1, 12, 12), 4, 1)
    assert not start_from_patches(encoder, decoder, _images())
    large = PatchEncoder((1, 64, 64), 6, 2, 8), PatchDecoder((2, 1, 1), (1, 1, 64, 64), 6, 8)
    assert not start_from_patches(*large, torch.rand(3, 1, 64, 64))


@pytest.mark.parametrize("shape", [(3, 51, 64), (1, 48, 49)])
def test_large_images_are_seen_in_patches(shape):
    """No convolution runs at full size, and the pixels of a place start alike."""
    encoder, decoder, features = make_networks("resnet", "small", shape, 5, 1)
    assert (encoder.patch, decoder.patch) == (2, 2)
    assert encoder(torch.rand(2, *shape)).shape == (2, features)
    image = decoder(torch.randn(2, 5))
    assert image.shape == (2, 1, *shape)
    blocks = image[..., : shape[1] // 4 * 4, : shape[2] // 4 * 4].unfold(3, 4, 4).unfold(4, 4, 4)
    assert (blocks - blocks[..., :1, :1]).abs().max() < 1e-6
    assert image.std() > 0


@pytest.mark.parametrize("network", ["ResidualEncoder", "ResidualDecoder"])
def test_a_patch_has_pixels(network):
    from vaekit import networks

    size = {
        "ResidualEncoder": {"shape": (1, 8, 8), "channels": (4,), "features_dim": 4},
        "ResidualDecoder": {"in_dim": 2, "hidden": (4,), "channels": (4,), "shape": (1, 1, 8, 8)},
    }[network]
    with pytest.raises(SpecError, match="patch must be at least 1"):
        getattr(networks, network)(**size, patch=0)
