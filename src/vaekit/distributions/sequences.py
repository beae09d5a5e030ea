"""Sequences of tokens, each given those before it, and the search for the most probable one."""

from typing import Any, ClassVar, Protocol

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, constraints

PADDING, BEGIN, END = 0, 1, 2
"""Codes that are no token: what follows the end, what precedes the first token, the end itself."""

_FULL = 0.8  # share of the sequences carried on that still go on
_GIVEN_UP = 7.0  # nats by which a beginning is less probable than one that has ended


class StepwiseDecoder(Protocol):
    """A network that tells codes from those before them; see `AutoregressiveTokenDecoder`."""

    steps: int

    def start(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return what conditions every step, and the first state."""

    def step(
        self, conditioning: Tensor, state: Tensor, codes: Tensor, place: int
    ) -> tuple[Tensor, Tensor]:
        """Return the logits of the next codes, and the next state."""


@torch.no_grad()
def beam_search(
    network: StepwiseDecoder,
    features: Float[Tensor, "batch features"],
    beams: int,
    *,
    begin: int,
    end: int,
    padding: int,
) -> tuple[Float[Tensor, "beams batch steps"], Float[Tensor, "beams batch"]]:
    """Return the sequences that are followed to their end, the most probable of them first.

    At each step the `beams` most probable beginnings go on; what has ended stays among them. More
    beams find what is as probable or, almost always, more so, at as many times the cost. A
    beginning is given up once it is a thousand times less probable than one that has ended.

    Args:
        network: Says the logits of each code from `end` on.
        features: What it knows before the first token.
        beams: How many are followed, at least 1; 1 takes the best code at each step.
        begin: Code before the first token.
        end: Code that ends a sequence, and the first that has a logit.
        padding: Code of what follows.

    Returns:
        The sequences and their log probabilities in nats; -inf of one that was given up, which is
        no sequence.

    Source: Sutskever et al. 2014, "Sequence to sequence learning with neural networks", section
    3.2.
    """
    found = features.new_full((len(features), beams, network.steps), padding)
    found_scores = features.new_full((len(features), beams), -torch.inf)
    places = torch.arange(len(features), device=features.device)  # of those that are searched for
    rows = places.repeat_interleave(beams)
    conditioning, state = network.start(features[rows])
    x = found.flatten(0, 1)
    codes = torch.full_like(rows, begin)
    score = found_scores.clone()
    score[:, 0] = 0.0  # all beams begin alike
    over = torch.zeros_like(rows, dtype=torch.bool)
    for place in range(network.steps - 1):
        many = len(score)
        logits, state = network.step(conditioning, state, codes, place)
        gains = logits.log_softmax(-1)
        gains[over] = -torch.inf
        gains[over, 0] = 0.0  # of what has ended there is one way to go on
        width = gains.shape[-1]
        score, best = (score.unsqueeze(-1) + gains.view(many, beams, width)).flatten(1).topk(beams)
        chosen = rows * beams + torch.div(best, width, rounding_mode="floor").flatten()
        codes = end + (best % width).flatten()
        x, over = x[chosen], over[chosen]
        x[:, place] = torch.where(over, padding, codes).to(x.dtype)
        over = over | (codes == end)
        ended = over.view(many, beams)
        limit = score.masked_fill(~ended, -torch.inf).amax(1, keepdim=True) - _GIVEN_UP
        score = score.masked_fill(~ended & (score < limit), -torch.inf)
        settled = (ended | (score == -torch.inf)).all(1)
        if int(settled.sum()) > (1 - _FULL) * many:
            found[places[settled]] = x.view(many, beams, -1)[settled]
            found_scores[places[settled]] = score[settled]
            if bool(settled.all()):
                break
            places, score = places[~settled], score[~settled]
            left = (~settled).repeat_interleave(beams)
            x, over, codes, chosen = x[left], over[left], codes[left], chosen[left]
            conditioning, rows = conditioning[left], rows[: len(x)]
        state = state[chosen]
    else:
        x[~over, -1] = end
        found[places], found_scores[places] = x.view(len(score), beams, -1), score
    return found.transpose(0, 1), found_scores.T


class AutoregressiveDecoder(Protocol):
    """A network that tells codes from those before them; see `TokenGRU`."""

    steps: int

    def __call__(self, features: Tensor, x: Tensor) -> Tensor:
        """Return the logits of all places, each given the codes before it."""

    def start(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return what conditions every step, and the first state."""

    def step(
        self, conditioning: Tensor, state: Tensor, codes: Tensor, place: int
    ) -> tuple[Tensor, Tensor]:
        """Return the logits of the next codes, and the next state."""


class TokenSequence(Distribution):
    """Codes of tokens, then 2, which ends the sequence, then 0; in the last place only 2 or 0.

    Args:
        network: Says the logits of each code from 2 on.
        features: What it knows before the first token.
        temperature: Of draws: logits are divided by it; above 0. Densities are those of 1.
        nucleus: Of draws: the most probable codes that have this share together are drawn from;
            above 0, 1 for all.
        beams: Of the mode: sequences followed in search of it, at least 1.

    Source: Holtzman et al. 2020, "The curious case of neural text degeneration", section 3.1, for
    the nucleus.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(
        self,
        network: AutoregressiveDecoder,
        features: Float[Tensor, "*batch features"],
        temperature: float = 1.0,
        nucleus: float = 1.0,
        beams: int = 1,
    ) -> None:
        self.network, self.features = network, features
        self.temperature, self.nucleus, self.beams = temperature, nucleus, beams
        batch = (*features.shape[:-1], network.steps)
        super().__init__(torch.Size(batch), validate_args=False)

    def log_prob(self, value: Float[Tensor, "*items steps"]) -> Tensor:
        """Log probability of each code given those before it, in nats; 0 of padding."""
        scores: Tensor = self.network(self.features, value)
        return scores

    @property
    def mode(self) -> Tensor:
        """Step by step the most probable code, or the best of several sequences followed."""
        return self.candidates()[0]

    def candidates(self) -> Float[Tensor, "beams *batch steps"]:
        """Return the sequences followed in search of the mode, which comes first.

        One that was given up on the way is the mode again.
        """
        if self.beams == 1:
            return self._walk(self.features, sampled=False).unsqueeze(0)
        found, scores = beam_search(
            self.network,
            self.features.flatten(0, -2),
            self.beams,
            begin=BEGIN,
            end=END,
            padding=PADDING,
        )
        found = torch.where(scores.isfinite().unsqueeze(-1), found, found[0])
        return found.view(self.beams, *self.features.shape[:-1], -1)

    @torch.no_grad()
    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        """Draw the codes one after the other."""
        return self._walk(self.features.expand(*sample_shape, *self.features.shape), sampled=True)

    def _walk(self, features: Tensor, sampled: bool) -> Tensor:
        """Sequences that have ended are dropped when they are many, as dropping copies states."""
        flat = features.flatten(0, -2)
        x = flat.new_full((len(flat), self.network.steps), PADDING)
        conditioning, state = self.network.start(flat)
        rows = torch.arange(len(flat), device=flat.device)
        codes = torch.full_like(rows, BEGIN)
        for place in range(self.network.steps - 1):
            going = codes != END
            count = int(going.sum())
            if count == 0:
                break
            if count < _FULL * len(rows):
                conditioning, state, codes, rows = (
                    conditioning[going],
                    state[going],
                    codes[going],
                    rows[going],
                )
                going = going[going]
            logits, state = self.network.step(conditioning, state, codes, place)
            next_codes = self._drawn(logits[going]) if sampled else logits[going].argmax(-1)
            codes = codes.masked_scatter(going, END + next_codes)
            x[rows[going], place] = codes[going].to(x.dtype)
        x[rows[codes != END], -1] = END
        return x.view(*features.shape[:-1], -1)

    def _drawn(self, logits: Tensor) -> Tensor:
        shares = torch.softmax(logits / self.temperature, -1)
        if self.nucleus < 1:
            ordered, positions = shares.sort(-1, descending=True)
            outside = ordered.cumsum(-1) - ordered >= self.nucleus
            shares = torch.zeros_like(shares).scatter(
                -1, positions, ordered.masked_fill(outside, 0)
            )
        return torch.multinomial(shares, 1).squeeze(-1)
