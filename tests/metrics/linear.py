"""A model whose evidence is known: x = W z + noise, so x ~ N(0, W Wᵀ + s² I)."""

import torch
from torch import nn
from torch.distributions import MultivariateNormal

from vaekit.latents import Single
from vaekit.likelihoods import Gaussian
from vaekit.models import VAE
from vaekit.posteriors import FullGaussian, Posterior
from vaekit.priors import StandardNormal

W = torch.tensor([[1.0, 0.2], [-0.3, 0.8], [0.4, 0.5]])
NOISE = 0.6
DATA = MultivariateNormal(torch.zeros(3), W @ W.T + NOISE**2 * torch.eye(3))
COVARIANCE = torch.linalg.inv(torch.eye(2) + W.T @ W / NOISE**2)
GAIN = COVARIANCE @ W.T / NOISE**2


class Given(Posterior):
    """N(gain x + shift, covariance)."""

    provides = FullGaussian.provides

    def __init__(self, gain, shift, covariance):
        super().__init__(3, 2)
        self.gain, self.shift, self.covariance = gain, shift, covariance

    def forward(self, h, log_joint):
        return MultivariateNormal(h @ self.gain.T + self.shift, self.covariance)


EXACT = Given(GAIN, torch.zeros(2), COVARIANCE)
POOR = Given(torch.zeros(2, 3), torch.tensor([1.5, -1.5]), 0.1 * torch.eye(2))
"""Ignores the item, and is narrow in a wrong place."""


def linear_vae(posterior):
    decoder = nn.Sequential(nn.Linear(2, 3, bias=False), nn.Unflatten(1, (1, 3)))
    with torch.no_grad():
        decoder[0].weight.copy_(W)
    return VAE(nn.Identity(), Single(posterior, StandardNormal(2)), decoder, Gaussian(NOISE))
