"""Two decoders of the same latents."""

import torch
from torch import nn

from vaekit.networks import (
    NoiseConditionedDecoder,
    ParallelDecoders,
    noise_conditioned_part,
    with_numbers,
)


def test_the_second_is_told_latents_without_noise():
    torch.manual_seed(0)
    blurred = NoiseConditionedDecoder(nn.Linear(3, 4), 3, clean=0.0, drawn_noise=0.9)
    both, z = ParallelDecoders(blurred, nn.Identity()).train(), torch.randn(50, 3)
    for decoded, again in ((both(z), both(z)), (both.for_draws()(z), both.for_draws()(z))):
        assert not torch.isclose(decoded[:, :4], again[:, :4]).any()
        assert torch.equal(decoded[:, 4:], z)


def test_without_noise_draws_are_what_is_shown():
    both, z = ParallelDecoders(nn.Linear(3, 4), nn.Linear(3, 2)), torch.randn(5, 3)
    assert torch.equal(both.for_draws()(z), both(z))


def test_where_noise_is_mixed_in():
    blurred = NoiseConditionedDecoder(nn.Linear(3, 4), 3)
    assert noise_conditioned_part(blurred) is blurred
    assert noise_conditioned_part(with_numbers(blurred, 3, 2)) is blurred
    assert noise_conditioned_part(with_numbers(nn.Linear(3, 4), 3, 2)) is None
