"""What users ask of samples, checked and made ready for the model."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaekit.distributions.solvers import find_solver
from vaekit.errors import DataError, SpecError
from vaekit.fitting.trained import TrainedModel, batches_of
from vaekit.randomness import fresh_seed
from vaekit.training.config import Items
from vaekit.types import SamplingOptions

_MOST_STEPS = 10_000
_STRENGTH = 0.6


@dataclass(frozen=True, eq=False)
class SamplingRequest:
    """How samples are to be drawn; see `Autoencoder.sample` for each."""

    guidance: float = 1.0
    negative: Any = None
    init: Any = None
    strength: float | None = None
    mask: Any = None
    steps: int | None = None
    solver: str | None = None
    temperature: float | None = None
    top_k: int = 0
    top_p: float | None = None
    rerank: int = 1

    @property
    def is_default(self) -> bool:
        """Whether samples are asked for as the model has learned to make them."""
        raw = (self.negative, self.init, self.mask, self.strength, self.steps, self.solver)
        draws = (self.temperature, self.top_p)
        numbers = (self.guidance, self.top_k, self.rerank)
        return all(value is None for value in (*raw, *draws)) and numbers == (1.0, 0, 1)


def sampling_options(trained: TrainedModel, n: int, request: SamplingRequest) -> SamplingOptions:
    """Return the options of a draw of n items.

    Raises:
        SpecError: A number out of its range.
        DataError: Items to begin from, or a mask, of another shape or number.
    """
    _check_numbers(request)
    if request.guidance != 1 and trained.context is None:
        raise SpecError(
            f"guidance must be left out of a model without a context; got "
            f"{request.guidance!r}. Fit one with labels, properties or captions."
        )
    start = None if request.init is None else _repeated(_items(trained, request.init), n, "init")
    mask = None if request.mask is None else _mask(request.mask, start, n)
    strength = request.strength
    if strength is None:
        strength = 1.0 if start is None or mask is not None else _STRENGTH
    negative = None if request.negative is None else trained.rows(request.negative, n)
    return SamplingOptions(
        guidance=float(request.guidance),
        negative=negative,
        steps=request.steps,
        solver=request.solver,
        start=start,
        strength=float(strength),
        mask=mask,
        temperature=None if request.temperature is None else float(request.temperature),
        top_k=request.top_k,
        top_p=None if request.top_p is None else float(request.top_p),
        rerank=request.rerank,
    )


def interpolate_contexts(
    trained: TrainedModel, a: Any, b: Any, steps: int, seed: int | None, request: SamplingRequest
) -> Any:
    """Return items on the way from what one context asks for to what another does.

    All items of a way come from the same noise. Each step of the sampler goes in the direction
    of both contexts, in the proportion of the place on the way.

    Args:
        trained: A model that is drawn from in steps.
        a: One context, or one for each way, where the ways begin.
        b: As many, where they end.
        steps: Items on each way, both ends included.
        seed: Of the noise.
        request: How else to draw; guidance and a negative are what makes the way.

    Returns:
        Shape (n, steps, ...).

    Raises:
        SpecError: Too few steps, options that belong to the way, or a model that is told its
            context otherwise.
        DataError: Not as many contexts.

    Source: Liu et al. 2022, "Compositional visual generation with composable diffusion models",
    eq. 11, with weights that add up to 1.
    """
    if not (isinstance(steps, int | np.integer) and 2 <= steps <= _MOST_STEPS):
        raise SpecError(f"steps must be a whole number from 2 to {_MOST_STEPS}; got {steps!r}.")
    if request.guidance != 1 or request.negative is not None:
        raise SpecError("guidance and negative must be left out: they make the way.")
    if trained.context is None:
        raise SpecError("a way between contexts needs a model with one; this was fitted without.")
    n, others = (len(trained.context.prepare(context)) for context in (a, b))
    if n != others:
        raise DataError(f"a and b must be as many; got {n} and {others}.")
    seed, columns = fresh_seed(seed), []
    for share in np.linspace(0, 1, steps):
        here = replace(request, guidance=float(share), negative=a)
        options = sampling_options(trained, n, here)
        columns.append(np.asarray(trained.sample(n, b, seed, "fitted", options)))
    return np.stack(columns, 1)


def _check_numbers(request: SamplingRequest) -> None:
    rules = {
        "guidance": (request.guidance, 0.0, 100.0),
        "strength": (request.strength, 0.0, 1.0),
        "temperature": (request.temperature, 1e-3, 100.0),
        "top_p": (request.top_p, 1e-6, 1.0),
    }
    for name, (value, least, most) in rules.items():
        if value is not None and not (_is_number(value) and least <= value <= most):
            raise SpecError(f"{name} must be a number from {least:g} to {most:g}; got {value!r}.")
    counts = (
        ("steps", request.steps, 1),
        ("top_k", request.top_k, 0),
        ("rerank", request.rerank, 1),
    )
    for name, count, least in counts:
        whole = isinstance(count, int | np.integer) and not isinstance(count, bool)
        if count is not None and not (whole and least <= count <= _MOST_STEPS):
            raise SpecError(
                f"{name} must be a whole number from {least} to {_MOST_STEPS}; got {count!r}."
            )
    if request.solver is not None:
        find_solver(request.solver)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and math.isfinite(value)


def _items(trained: TrainedModel, raw: Any) -> Tensor:
    """Return items as the networks see them; of images, one may come without its first axis."""
    own = tuple(trained.domain.event_shape)
    one = {own[1:], (*own[1:], own[0])} | ({own} if own[0] > 1 else set())
    if trained.domain.draws_images and tuple(getattr(raw, "shape", ())) in one:
        raw = raw[None]
    rows = trained.domain.prepare(raw)
    items = Items(rows, trained.domain.encode, None, trained.domain.observed(rows))
    return torch.cat([batch.visible for batch in batches_of(items, trained.device)])


def _repeated(rows: Tensor, n: int, name: str) -> Tensor:
    if len(rows) == 1:
        return rows.expand(n, *rows.shape[1:])
    if len(rows) != n:
        raise DataError(f"{name} must be one, or one for each of {n} samples; got {len(rows)}.")
    return rows


def _mask(raw: Any, start: Tensor | None, n: int) -> Tensor:
    """Return a mask of the shape (n, 1, height, width)."""
    if start is None:
        raise SpecError("a mask needs items to begin from; pass init= with them.")
    found = torch.as_tensor(np.asarray(raw), device=start.device)
    if found.is_complex() or start.dim() != 4:
        raise DataError(
            f"a mask is for images, and of numbers; got items of {start.dim() - 1} axes."
        )
    found = found[None] if found.dim() == 2 else found
    if found.dim() != 3 or found.shape[1:] != start.shape[2:]:
        size = tuple(start.shape[2:])
        raise DataError(
            f"a mask must have the height and width of the images, {size}; got shape "
            f"{tuple(np.shape(raw))}. Scale it to them."
        )
    return _repeated((found > 0).to(start).unsqueeze(1), n, "mask")
