"""What the encoder sees of counts."""

import torch
from torch import Tensor, nn


class Log1p(nn.Module):
    """The logarithm of one more than each count, so that large counts do not drown the others."""

    def forward(self, x: Tensor) -> Tensor:
        """Return log(1 + x)."""
        return torch.log1p(x)
