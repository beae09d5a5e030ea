"""Autoregressive densities of codes."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.bounds import Layers, Positive, Steps
from vaekit.errors import DataError, SpecError, unknown_name
from vaekit.networks.codes import CaptionScorer, CodeTransformer
from vaekit.networks.context import ContextReader, negative_rows
from vaekit.networks.conv import places_of
from vaekit.priors.base import (
    FEWEST_ROWS,
    FittedPrior,
    Steered,
    check_context,
    check_latents,
    check_rerank,
    check_whole,
    train,
)
from vaekit.priors.flow import Rows
from vaekit.randomness import drawing_nothing, seeded
from vaekit.types import AS_LEARNED, Aggregate, SamplingOptions

_PART = 512  # 512 rows of 64 tokens with 512 codes are 64 MB of log-probabilities
_BATCH_SIZES = {"gru": 128, "transformer": 32}
_RATES = {"gru": 4e-3, "transformer": 3e-3}
_SCORER_WIDTH, _SCORER_RATE, _SCORER_BATCH, _SCORER_SHARE = 128, 2e-3, 128, 0.1


class AutoregressiveCodes(FittedPrior, Steered):
    """p(codes) = product over tokens of p(code | codes before it, context).

    Args:
        latent_dim: Codes per item.
        num_codes: Values that a code may take, at least 2.
        context_dim: Size of the context; 0 for an unconditional model.
        width: Size of the GRU's state, or of each place of the Transformer.
        steps: Optimiser steps of a fit.
        network: ``"gru"``, or ``"transformer"``: one sequence of the caption's words and the codes.
        layers: Of the Transformer.
        reader: What reads the context, for a Transformer that learns to read it by itself. Beside
            it a small scorer then learns how well codes fit a context, to choose samples by.
        grid: (height, width) of the places that the codes lie at, those of a place one after the
            other; ``None`` where they lie in a row.
        depth: How many codes after each other a Transformer sees as one place of its sequence,
            and tells by a small network of their own; 1 for each by itself.
        beside: Whether a Transformer sees the caption's words beside its sequence, not in it.
        scored: Whether that scorer learns; not needed where the model has one of its own.
        temperature: Of draws with a context, where nobody asks for another: below 1 more of what
            is most probable. Densities are those of 1.
        top_p: Of the same: only the most probable codes that make up this share.

    Raises:
        SpecError: A count is too small, an unknown network, a reader or a depth for a GRU, a depth
            that does not divide the codes, or a grid that does not hold all of them.

    Source: van den Oord et al. 2017, "Neural discrete representation learning", section 3.3 (an
    autoregressive prior over codes, there a PixelCNN); Cho et al. 2014 for the GRU; Ramesh et al.
    2021, "Zero-shot text-to-image generation" (DALL-E), for the Transformer.

    Example:
        >>> codes = torch.arange(100).remainder(3).view(50, 2).float()
        >>> prior = AutoregressiveCodes(2, num_codes=3, steps=5).fit(codes)
        >>> prior(None, aggregate=None).sample((4,)).shape
        torch.Size([4, 2])
    """

    net: "_Network | CodeTransformer"
    scorer: CaptionScorer | None

    def __init__(
        self,
        latent_dim: int,
        num_codes: int,
        context_dim: int = 0,
        width: int = 128,
        steps: Steps = 800,
        network: str = "gru",
        layers: Layers = 4,
        reader: ContextReader | None = None,
        grid: Sequence[int] | None = None,
        depth: Layers = 1,
        beside: bool = False,
        scored: bool = True,
        temperature: Positive = 1.0,
        top_p: Positive = 1.0,
    ) -> None:
        super().__init__(latent_dim)
        check_whole(0, context_dim=context_dim)
        check_whole(1, latent_dim=latent_dim, width=width, steps=steps, layers=layers, depth=depth)
        check_whole(2, num_codes=num_codes)
        if network not in _RATES:
            raise unknown_name("network of codes", network, _RATES)
        if reader is not None and network == "gru":
            raise SpecError("a reader needs network='transformer'; a GRU is told the context.")
        if depth > 1 and network == "gru":
            raise SpecError(f"depth={depth} needs network='transformer'; a GRU takes code by code.")
        self.grid = None if grid is None else tuple(grid)
        if self.grid is not None and (min(self.grid) < 1 or latent_dim % math.prod(self.grid)):
            raise SpecError(f"grid must hold latent_dim={latent_dim} codes evenly; got {grid}.")
        self.num_codes = num_codes
        self.context_dim = context_dim
        self.width = width
        self.steps = steps
        self.network = network
        self.layers = layers
        self.depth = depth
        self.beside = beside
        self.scored = scored
        if not temperature > 0 or not 0 < top_p <= 1:
            raise SpecError(
                f"temperature must be above 0 and top_p above 0, at most 1; got {temperature} and "
                f"{top_p}."
            )
        self.temperature, self.top_p = temperature, top_p
        self.net = self._make_net(reader)
        self.scorer = None
        if scored and reader is not None:
            self.scorer = self._make_scorer(reader.fresh())

    @property
    def reader(self) -> ContextReader | None:
        """What reads the context; a part of the network, with which it learns."""
        return self.net.reader if isinstance(self.net, CodeTransformer) else None

    def fit(
        self,
        u: Float[Tensor, "batch latent"],
        context: Float[Tensor, "batch context"] | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Self:
        """Train a fresh network by cross-entropy.

        Args:
            u: The numbers of codes, whole numbers from 0 to ``num_codes - 1``; at least 10 rows.
            context: What they are conditioned on.
            generator: Source of randomness; ``None`` uses fresh entropy.

        Raises:
            CompositionError: Codes or context of another size.
            DataError: Too few rows, or numbers that are no codes.
        """
        check_latents(self, u, context, self.context_dim, FEWEST_ROWS)
        codes = self._checked(u)
        rows = (codes,) if context is None else (codes, context.to(next(self.parameters())))
        size, rate = _BATCH_SIZES[self.network], _RATES[self.network]
        with seeded(generator):
            fresh = None if self.reader is None else self.reader.fresh()
            self.net = self._make_net(fresh).to(u.device)
            own = self.deadline
            if own is not None and self.scorer is not None:  # some of the time is the scorer's
                own = own.shared(1 / (1 + _SCORER_SHARE))
            train(self.net, self._losses, rows, self.steps, size, rate, own, self.watch)
            if self.scorer is not None and fresh is not None:
                self.scorer = self._make_scorer(fresh.fresh()).to(u.device)
                steps = max(1, int(_SCORER_SHARE * self.steps))
                effort = (steps, _SCORER_BATCH, _SCORER_RATE, self.deadline)
                train(self.scorer, self.scorer.losses, rows, *effort)
        return self

    def forward(
        self, context: Float[Tensor, "batch context"] | None, aggregate: Aggregate
    ) -> Distribution:
        """Return p(codes), or p(codes | c) with batch shape (batch,).

        Raises:
            CompositionError: The context is missing, or of another size.
        """
        context = check_context(self, context, self.context_dim)
        return Rows(self.latent_dim, self._draw, self._log_prob, context, _PART)

    def _make_net(self, reader: ContextReader | None) -> "_Network | CodeTransformer":
        size = (self.latent_dim, self.num_codes)
        if self.network == "gru":
            return _Network(*size, self.context_dim, self.width)
        told = (reader, self.context_dim)
        return CodeTransformer(*size, self.width, self.layers, *told, self.depth, self.beside)

    def _make_scorer(self, reader: ContextReader) -> CaptionScorer:
        return CaptionScorer(self.latent_dim, self.num_codes, reader, _SCORER_WIDTH)

    def _checked(self, u: Tensor) -> Tensor:
        codes = u.detach().round().long()
        if not (codes == u).all() or codes.min() < 0 or codes.max() >= self.num_codes:
            raise DataError(
                f"codes must be whole numbers from 0 to {self.num_codes - 1}; got values from "
                f"{u.min():g} to {u.max():g}. Make the prior with the model's num_codes."
            )
        return codes

    def _losses(self, codes: Tensor, context: Tensor | None = None) -> Tensor:
        logits = self.net(codes, context)
        return F.cross_entropy(logits.mT, codes, reduction="none").sum(-1)

    def _log_prob(self, u: Tensor, context: Tensor | None) -> Tensor:
        return -self._losses(u.long(), context)

    def _draw(self, n: int, context: Tensor | None) -> Tensor:
        if isinstance(self.net, CodeTransformer):
            return self._sample_codes(self.net, n, context, AS_LEARNED, None).float()
        return self.net.draw(n, context).to(self.net.head.weight.dtype)

    @property
    def knows(self) -> frozenset[str]:
        """Everything that has to do with codes; nothing, where a GRU tells them."""
        if self.network == "gru":
            return frozenset()
        options = {"guidance", "negative", "temperature", "top_k", "top_p", "start", "mask"}
        return frozenset(options | ({"rerank"} if self.scorer is not None else set()))

    @property
    def reads_rows(self) -> bool:
        """Whether it reads rows of the context itself."""
        return self.reader is not None

    @torch.no_grad()
    def steer(
        self,
        n: int,
        context: Float[Tensor, "batch context"] | None,
        options: SamplingOptions,
        begin: Float[Tensor, "batch latent"] | None = None,
    ) -> Float[Tensor, "batch latent"]:
        """Draw codes as the options say; of several candidates the one that fits best.

        Raises:
            SpecError: Guidance of a model that never learned what is made without its context.
            CompositionError: The context is missing, or of another size.
        """
        context = check_context(self, context, self.context_dim)
        net = self.net
        if not isinstance(net, CodeTransformer):
            p = Rows(self.latent_dim, self._draw, self._log_prob, context, _PART)
            return p.sample(torch.Size() if p.batch_shape else torch.Size((n,)))
        parts = []
        for some in torch.arange(n, device=net.begin.device).split(_PART):
            rows = None if context is None else context[some]
            known = None if begin is None else begin[some].long()
            parts.append(self._chosen(net, len(some), rows, options.at(some), known))
        return torch.cat(parts).to(net.begin.dtype)

    def _chosen(
        self,
        net: CodeTransformer,
        n: int,
        rows: Tensor | None,
        options: SamplingOptions,
        known: Tensor | None,
    ) -> Tensor:
        if options.rerank > 1:
            check_rerank(rows)
        best, highest = None, None
        for _ in range(options.rerank):
            codes = self._sample_codes(net, n, rows, options, known)
            if self.scorer is None or rows is None or options.rerank == 1:  # nothing to choose by
                return codes
            score = self.scorer(codes, rows)
            if best is None or highest is None:
                best, highest = codes, score
            better = score > highest
            best = torch.where(better.unsqueeze(-1), codes, best)
            highest = torch.where(better, score, highest)
        assert best is not None, "reranked at least twice"
        return best

    def _sample_codes(
        self,
        net: CodeTransformer,
        n: int,
        rows: Tensor | None,
        options: SamplingOptions,
        known: Tensor | None,
    ) -> Tensor:
        draws = self._spread(rows, options)
        guide, rows = self._guide(rows, options)
        kept = None if known is None else self._kept(options)
        with drawing_nothing():
            logits, state = net.start(rows, n if rows is None else len(rows))
        drawn = []
        for token in range(self.latent_dim):
            with drawing_nothing():
                chance = _chance(guide(logits), *draws)
            code = chance.multinomial(1)
            with drawing_nothing():
                code = code.squeeze(1)
                if kept is not None and known is not None:
                    code = torch.where(kept[:, token], known[:, token], code)
                drawn.append(code)
                if token + 1 < self.latent_dim:
                    both = code if len(logits) == n else code.repeat(2)
                    logits = net.step(state, both, token)
        return torch.stack(drawn, 1)

    def _spread(self, rows: Tensor | None, options: SamplingOptions) -> tuple[float, int, float]:
        """Return the temperature, how many codes may be drawn, and which share."""
        own = (1.0, 1.0) if rows is None else (self.temperature, self.top_p)
        asked = (options.temperature, options.top_p)
        temperature, share = (o if a is None else a for a, o in zip(asked, own, strict=True))
        return temperature, options.top_k, share

    def _guide(
        self, rows: Tensor | None, options: SamplingOptions
    ) -> tuple[Callable[[Tensor], Tensor], Tensor | None]:
        """Return what makes the logits of the context's, and the contexts to tell."""
        if rows is None or (options.guidance == 1 and options.negative is None):
            return (lambda logits: logits), rows
        away = negative_rows(self.reader, rows, options)

        def guide(logits: Tensor) -> Tensor:
            asked, other = logits.log_softmax(-1).chunk(2)
            return other + options.guidance * (asked - other)

        return guide, torch.cat([rows, away])

    def _kept(self, options: SamplingOptions) -> Tensor | None:
        """Return which codes stay: those of places where nothing is made anew."""
        if options.mask is None:
            return None
        if self.grid is None:
            raise SpecError("a mask needs codes that lie on a grid; this model's are a row.")
        places = places_of(options.mask, self.grid).flatten(1)
        return (places == 0).repeat_interleave(self.latent_dim // places.shape[1], 1)


def _chance(logits: Tensor, temperature: float, top_k: int, top_p: float) -> Tensor:
    """Return the probabilities to draw from.

    Source: Holtzman et al. 2020, "The curious case of neural text degeneration", section 3.1
    (top-p).
    """
    if temperature != 1:
        logits = logits / temperature
    if top_k:
        least = logits.topk(min(top_k, logits.shape[-1])).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    chance = logits.softmax(-1)
    if top_p < 1:
        ordered, order = chance.sort(-1, descending=True)
        ordered = ordered.masked_fill(ordered.cumsum(-1) - ordered >= top_p, 0.0)
        chance = torch.zeros_like(chance).scatter(-1, order, ordered)
    return chance


class _Network(nn.Module):
    """A GRU that reads the code before each token, the token's place, and the context."""

    def __init__(self, tokens: int, num_codes: int, context_dim: int, width: int) -> None:
        super().__init__()
        self.start = num_codes  # stands before the first token
        self.codes = nn.Embedding(num_codes + 1, width)
        self.positions = nn.Embedding(tokens, width)
        self.context = nn.Linear(context_dim, width) if context_dim else None
        self.gru = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, num_codes)

    def forward(self, codes: Tensor, context: Tensor | None) -> Tensor:
        """Logits of every token, shape (batch, tokens, codes)."""
        before = F.pad(codes[:, :-1], (1, 0), value=self.start)
        logits: Tensor = self.head(self.gru(self._read(before, self.positions.weight, context))[0])
        return logits

    def draw(self, n: int, context: Tensor | None) -> Tensor:
        """Codes drawn one token after the other, shape (n, tokens)."""
        code = torch.full((n, 1), self.start, device=self.head.weight.device)
        state: Any = None
        drawn = []
        for place in self.positions.weight.split(1):
            h, state = self.gru(self._read(code, place, context), state)
            code = self.head(h[:, 0]).softmax(-1).multinomial(1)
            drawn.append(code)
        return torch.cat(drawn, dim=1)

    def _read(self, before: Tensor, positions: Tensor, context: Tensor | None) -> Tensor:
        h: Tensor = self.codes(before) + positions
        return h if self.context is None else h + self.context(context).unsqueeze(1)
