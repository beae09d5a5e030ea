"""Critics: networks that tell real from made."""

import itertools
from collections.abc import Sequence

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from vaekit.networks.dense import dense


class Critic(nn.Module):
    """Linear layers from a vector to one logit, or to a guess of several numbers.

    Args:
        in_dim: Size of the vector.
        hidden: Width of each layer, first to last.
        out_dim: How many numbers it says.

    Example:
        >>> import torch
        >>> Critic(2, (8,))(torch.zeros(5, 2)).shape
        torch.Size([5, 1])
    """

    def __init__(self, in_dim: int, hidden: Sequence[int] = (256, 256), out_dim: int = 1) -> None:
        super().__init__()
        self.in_dim = in_dim
        self.hidden = tuple(hidden)
        self.out_dim = out_dim
        self.body = dense((in_dim, *hidden))
        self.head = nn.Linear(hidden[-1], out_dim)

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch said"]:
        """Return what it says."""
        logit: Tensor = self.head(self.body(z))
        return logit


class FeatureCritic(nn.Module):
    """Any encoder with a logit on top; its features compare items.

    Args:
        body: (batch, *event) -> (batch, features).
        features_dim: Size of the features.
        context_dim: Size of the context, which weighs the features; 0 without one.
        spectral: Divide all weights by their largest singular value, so that no slope explodes.

    Source: Miyato et al. 2018, "Spectral normalization for GANs", and Miyato & Koyama 2018,
    "cGANs with projection discriminator", eq. 3, for the context.

    Example:
        >>> import torch
        >>> FeatureCritic(nn.Flatten(), 4)(torch.zeros(5, 2, 2)).shape
        torch.Size([5, 1])
    """

    def __init__(
        self, body: nn.Module, features_dim: int, context_dim: int = 0, spectral: bool = False
    ) -> None:
        super().__init__()
        self.body = body
        self.features_dim = features_dim
        self.context_dim = context_dim
        self.spectral = spectral
        self.head = nn.Linear(features_dim, 1)
        self.weigh = nn.Linear(context_dim, features_dim, bias=False) if context_dim else None
        if spectral:
            _normalize(self)

    def features(self, x: Float[Tensor, "batch *event"]) -> Float[Tensor, "batch features"]:
        """Return what the critic looks at."""
        h: Tensor = self.body(x)
        return h

    def forward(
        self,
        x: Float[Tensor, "batch *event"],
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch 1"]:
        """Return the logit."""
        h = self.features(x)
        logit: Tensor = self.head(h)
        if self.weigh is not None and context is not None:
            logit = logit + (self.weigh(context) * h).sum(-1, keepdim=True)
        return logit


class PatchCritic(nn.Module):
    """A verdict on each patch of an image: it judges texture and leaves the whole to others.

    Args:
        image_channels: Channels of an image.
        channels: Channels of each strided stage, first to last; two of them see 18x18 pixels.

    Source: Isola et al. 2017, "Image-to-image translation with conditional adversarial networks",
    section 3.2.2; Miyato et al. 2018 (spectral normalisation).

    Example:
        >>> import torch
        >>> PatchCritic(1, (8, 16))(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 1, 7, 7])
    """

    def __init__(self, image_channels: int, channels: Sequence[int] = (32, 64)) -> None:
        super().__init__()
        self.image_channels = image_channels
        self.channels = tuple(channels)
        strided = [
            layer
            for a, b in itertools.pairwise((image_channels, *channels))
            for layer in (nn.Conv2d(a, b, 4, stride=2, padding=1), nn.LeakyReLU(0.2))
        ]
        last = channels[-1]
        self.body = nn.Sequential(
            *strided,
            nn.Conv2d(last, last, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(last, 1, 1),
        )
        _normalize(self)

    def forward(
        self, x: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch 1 rows columns"]:
        """Return a logit for each patch, positive for real ones."""
        least = 2 ** len(self.channels)  # below that, halving leaves nothing to look at
        height, width = (max(0, least - side) for side in x.shape[-2:])
        logits: Tensor = self.body(F.pad(x, (0, width, 0, height)))
        return logits


def _normalize(critic: nn.Module) -> None:
    """Put spectral normalisation on each layer with weights."""
    for module in list(critic.modules()):
        if isinstance(module, nn.Linear | nn.Conv2d):
            spectral_norm(module)
