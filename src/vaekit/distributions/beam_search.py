"""The most probable sequence, looked for along several at once."""

from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["beam_search"]


class Steps(Protocol):
    """A network that tells codes from those before them; see `TokenTeller`."""

    steps: int

    def start(self, features: Tensor) -> tuple[Tensor, Tensor]: ...
    def step(
        self, told: Tensor, state: Tensor, codes: Tensor, place: int
    ) -> tuple[Tensor, Tensor]: ...


@torch.no_grad()
def beam_search(
    network: Steps,
    features: Float[Tensor, "batch features"],
    beams: int,
    *,
    begin: int,
    end: int,
    padding: int,
) -> Float[Tensor, "batch steps"]:
    """The best of the sequences that are followed, not of all that there are.

    At each step the `beams` most probable beginnings go on; what has ended stays among them. More
    beams find what is as probable or, almost always, more so, at as many times the cost.

    Args:
        network: Says the logits of each code from `end` on.
        features: What it knows before the first token.
        beams: How many are followed, at least 1; 1 takes the best code at each step.
        begin: Code before the first token.
        end: Code that ends a sequence, and the first that has a logit.
        padding: Code of what follows.

    Source: Sutskever et al. 2014, "Sequence to sequence learning with neural networks", section
    3.2.
    """
    many = len(features)
    rows = torch.arange(many, device=features.device).repeat_interleave(beams)
    told, state = network.start(features[rows])
    x = features.new_full((many * beams, network.steps), padding)
    codes = torch.full_like(rows, begin)
    score = features.new_full((many, beams), -torch.inf)
    score[:, 0] = 0.0  # all beams begin alike
    over = torch.zeros_like(rows, dtype=torch.bool)
    for place in range(network.steps - 1):
        logits, state = network.step(told, state, codes, place)
        gains = logits.log_softmax(-1)
        gains[over] = -torch.inf
        gains[over, 0] = 0.0  # of what has ended there is one way to go on
        width = gains.shape[-1]
        score, best = (score.unsqueeze(-1) + gains.view(many, beams, width)).flatten(1).topk(beams)
        chosen = rows * beams + torch.div(best, width, rounding_mode="floor").flatten()
        codes = end + (best % width).flatten()
        x, state, over = x[chosen], state[chosen], over[chosen]
        x[:, place] = torch.where(over, padding, codes).to(x.dtype)
        over = over | (codes == end)
        if bool(over.all()):
            break
    x[~over, -1] = end
    return x.view(many, beams, -1)[torch.arange(many, device=x.device), score.argmax(1)]
