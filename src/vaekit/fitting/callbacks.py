"""From the events of a fit to the hooks of a user's callbacks."""

import copy
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch

from vaekit.distributed import is_first_process
from vaekit.domains.base import Domain
from vaekit.domains.context import Context
from vaekit.models.vae import VAE, Model
from vaekit.randomness import make_generator, seeded
from vaekit.training.callbacks import (
    CallbackList,
    EpochMetrics,
    Event,
    Samples,
    Stage,
    StepMetrics,
    StopTraining,
)
from vaekit.training.config import TrainingSet

_SHOWN = 24
_PARTS = 1000


class FitReporter:
    """Reports a fit to callbacks: as a listener of the training, and of the fit of its prior.

    Args:
        callbacks: What is called.
        domain: The kind of data.
        learned: What is learned of a context.
        items: What is learned from; samples are drawn in the contexts of the first ones.
    """

    def __init__(
        self, callbacks: CallbackList, domain: Domain, learned: Context | None, items: TrainingSet
    ) -> None:
        self.callbacks, self.domain, self.learned, self.items = callbacks, domain, learned, items
        self.steps = callbacks.overriding("on_step")
        self.samplers = callbacks.overriding("on_samples")
        self.started = self.sampled = time.monotonic()
        self.step = 0

    def __call__(self, event: Event) -> None:
        """Pass on an event of the training."""
        self.step = event.step
        if event.kind == "step" and self.steps:
            step = StepMetrics("model", event.step, event.total, event.values)
            self.steps.call("on_step", step)
        if event.kind == "epoch":
            self._epoch(event)

    def _epoch(self, event: Event) -> None:
        values = {k: v for k, v in event.values.items() if k not in ("epoch", "step")}
        seconds = time.monotonic() - self.started
        epoch = EpochMetrics(
            "model", int(event.values["epoch"]), event.step, event.total, seconds, values
        )
        stop = None
        try:
            self.callbacks.call("on_epoch_end", epoch)
        except StopTraining as request:
            stop = request
        if self._wants_samples():
            self.draw(event.model, "model")
        if stop is not None:
            raise stop

    def prior_step(self, done: float) -> bool:
        """Pass on how much of a prior's fit is done; `True` asks for its end."""
        if not self.steps:
            return False
        try:
            self.steps.call("on_step", StepMetrics("prior", round(_PARTS * done), _PARTS, {}))
        except StopTraining:
            return True
        return False

    def finish(self, model: Model, health: Any) -> None:
        """Report what was fitted: the state of the latents, and samples."""
        if health is not None:
            self.callbacks.call("on_health", health)
        if self.samplers:
            with _no_stop():
                self.draw(model, "prior")

    def _wants_samples(self) -> bool:
        waits = [c.sample_seconds for c in self.samplers.callbacks if c.sample_seconds is not None]
        return bool(waits) and time.monotonic() - self.sampled >= min(waits)

    @torch.no_grad()
    def draw(self, model: Model, stage: Stage) -> None:
        """Draw samples and report them; the training's own randomness stays as it is."""
        if not is_first_process():
            return
        model = copy.deepcopy(model).eval()
        some = self.items.resampled()
        device = next((p.device for p in model.parameters()), torch.device("cpu"))
        count = min(_SHOWN, len(some)) if self.learned is not None else _SHOWN
        context = None
        if self.learned is not None:
            context = some.batch(torch.arange(count), device).context
        with seeded(0):
            if isinstance(model, VAE) and stage == "model":
                model.fitted_prior = None
            x = model.sample(count, context, generator=make_generator(0))
        shown = self.domain.decode(self.domain.clip(x.cpu()))
        picture = partial(_picture, shown) if self.domain.draws_images else None
        samples = Samples(stage, self.step, self.domain.present(shown), picture)
        self.sampled = time.monotonic()
        self.samplers.call("on_samples", samples)


@contextmanager
def stage_of(
    reporter: FitReporter | None, stage: Stage, *, is_there: bool = True
) -> Iterator[None]:
    """Report the begin and the end of a stage, which takes place within the block.

    Args:
        reporter: Whom to report to; ``None`` for nobody.
        stage: Which.
        is_there: Whether this fit has that stage.
    """
    if reporter is None or not is_there:
        yield
        return
    reporter.callbacks.call("on_stage_start", stage)
    yield
    reporter.callbacks.call("on_stage_end", stage)


@contextmanager
def _no_stop() -> Iterator[None]:
    """At the end there is nothing left to stop."""
    try:
        yield
    except StopTraining:
        return


def _picture(images: Any) -> bytes:
    from vaekit.plots import image_grid, png_of  # matplotlib costs half a second

    return png_of(image_grid(images))
