import pytest
import torch
from laws.examples import example
from torch import nn

from vaekit import networks
from vaekit.comparison.benchmark import sampling_megabytes
from vaekit.models import Diffusion


def _model(net):
    return Diffusion(net, (250_000,), steps=3)


class Doubling(nn.Module):
    """Makes two tensors of the size of its input, 1 MB per item, and lets one go."""

    def forward(self, x, t, context):
        return (x + 1) * 2


def test_tensors_that_live_at_once_are_counted_and_no_more():
    few, many = (sampling_megabytes(_model(Doubling()), n) for n in (2, 4))
    assert many == pytest.approx(2 * few, rel=0.01)
    assert 8 <= few <= 24  # of 2 MB each, some 50 are made in 3 steps, at most 12 live at once


def test_weights_are_counted_once():
    net = networks.DenoisingMLP((250,), (500, 500))
    weights = 4 * sum(p.numel() for p in net.parameters()) / 1e6
    assert weights < sampling_megabytes(Diffusion(net, (250,), steps=2), 1) < 1.1 * weights


def test_every_kind_of_model_can_be_measured():
    assert sampling_megabytes(example("models.VAE"), 10) > 0
    assert sampling_megabytes(example("models.GAN"), 10) > 0
    assert torch.is_grad_enabled()
