"""An encoder of sets."""

from torch import Tensor, nn


class SetEncoder(nn.Module):
    """Features of a set of points: the largest answer of a network that sees one point at a time.

    Args:
        num_axes: Coordinates of a point.
        width: Size of the features.

    Source: Qi et al. 2017, "PointNet"; Zaheer et al. 2017, "Deep sets".
    """

    def __init__(self, num_axes: int, width: int = 128) -> None:
        super().__init__()
        self.num_axes, self.width = num_axes, width
        self.point = nn.Sequential(
            nn.Linear(num_axes, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )
        self.whole = nn.Sequential(nn.Linear(width, width), nn.SiLU())

    def forward(self, x: Tensor) -> Tensor:
        """Return features of shape (batch, width) of clouds of shape (batch, points, axes)."""
        return self.whole(self.point(x).amax(1))
