"""The wrapped normal at points of any shape that broadcasts with its own."""

import torch

from vaekit.distributions import Ball, WrappedNormalDistribution


def test_points_are_scored_under_every_distribution_of_a_batch():
    generator = torch.Generator().manual_seed(0)
    center = 0.3 * torch.rand(4, 2, generator=generator)
    q = WrappedNormalDistribution(center, torch.zeros(4, 2), Ball(1.0))
    z = 0.3 * torch.rand(7, 2, generator=generator)
    scores = q.log_prob(z.unsqueeze(1))
    assert scores.shape == (7, 4)
    one = WrappedNormalDistribution(center[2], torch.zeros(2), Ball(1.0))
    torch.testing.assert_close(scores[:, 2], one.log_prob(z))
