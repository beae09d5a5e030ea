"""What callbacks hear of a fit, and pictures of what a model of images has learned so far."""

import copy
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch

from vaekit.distributed import is_first_process
from vaekit.domains.base import Domain
from vaekit.domains.context import Context
from vaekit.fitting.trained import TrainedModel
from vaekit.models.vae import VAE, Model
from vaekit.priors.base import FittedPrior
from vaekit.randomness import make_generator, seeded
from vaekit.training.callbacks import (
    CallbackList,
    EpochMetrics,
    Event,
    Samples,
    Stage,
    StepMetrics,
    StopTraining,
    progress_display,
)
from vaekit.training.config import TrainingSet
from vaekit.training.trainer import PREVIEW_NAME

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


_MOST_SHOWN = 8
_SECONDS = 60.0


class Preview:
    """Draws images, what the model gives back for them, and samples, once a minute.

    The samples are those of the first images' contexts, where there are some. A training of less
    than a minute leaves no picture.

    Args:
        domain: The kind of images.
        learned: What is learned of a context.
        items: Of which the first are shown.
        folder: Where ``preview.png`` is written.
    """

    def __init__(
        self, domain: Domain, learned: Context | None, items: TrainingSet, folder: str | Path
    ) -> None:
        self.domain, self.learned = domain, learned
        self.path = Path(folder) / PREVIEW_NAME
        first = items.batch(torch.arange(min(_MOST_SHOWN, len(items))), torch.device("cpu"))
        self.x, self.context = first.x, first.context
        self._drawn: float | None = None  # the first call begins the first minute

    def __call__(self, event: Event) -> None:
        """Draw, if a minute is over."""
        if self._is_due():
            self._draw(event.model)

    def of_prior(self, model: VAE, prior: FittedPrior) -> None:
        """Draw with samples of a prior that is being fitted, if a minute is over."""
        if self._is_due():
            self._draw(model, prior)

    def finish(self, model: Model) -> None:
        """Draw the finished model in place of what was drawn on the way; else nothing."""
        if self.path.exists():
            self._draw(model)

    def _is_due(self) -> bool:
        now = time.monotonic()
        if self._drawn is None:
            self._drawn = now
            self.path.unlink(missing_ok=True)  # of another training
        return now - self._drawn >= _SECONDS

    @torch.no_grad()
    def _draw(self, model: Model, prior: FittedPrior | None = None) -> None:
        from vaekit.plots import image_grid, save_figure

        model = copy.deepcopy(model).eval()
        if isinstance(model, VAE) and prior is not None:
            model.fitted_prior = copy.deepcopy(prior).eval()
        trained = TrainedModel(model, self.domain, self.learned)
        x = self.x.to(trained.device)
        context = None if self.context is None else self.context.to(trained.device)
        rows = [x]
        with seeded(0):
            if isinstance(model, VAE):
                rows.append(model.show(model.encode(x, context), context))
            if not isinstance(model, VAE) or model.fitted_prior is not None:
                rows.append(model.sample(len(x), context, generator=make_generator(0)))
        names = ["images", "given back", "made"] if len(rows) == 3 else self._names(model)
        title = " / ".join(names)
        shown = self.domain.decode(self.domain.clip(torch.cat([row.cpu() for row in rows])))
        save_figure(image_grid(shown, columns=len(x), title=title), self.path)
        self._drawn = time.monotonic()

    def _names(self, model: Model) -> list[str]:
        return ["images", "given back" if isinstance(model, VAE) else "made"]


class PriorProgress:
    """Shows how far the fit of a prior is, on the terminal and in a preview.

    Args:
        model: Whose latents it is fitted to.
        prior: Which.
        shows: Whether there is a bar; ``None`` for one where there is a terminal.
        preview: To draw into; ``None`` for none.
        reporter: To report to; ``None`` for nobody.
    """

    def __init__(
        self,
        model: VAE,
        prior: FittedPrior,
        shows: bool | None,
        preview: Preview | None,
        reporter: FitReporter | None = None,
    ) -> None:
        self.model, self.prior, self.preview, self.reporter = model, prior, preview, reporter
        self.bar = progress_display(shows, "prior")

    def __enter__(self) -> "PriorProgress":
        """Watch the fit."""
        self.prior.watch = self._see
        return self

    def __exit__(self, *_: Any) -> None:
        """Give the terminal back, and let go of the prior."""
        self.prior.watch = None
        if self.bar is not None:
            self.bar.close()

    def _see(self, done: float) -> bool:
        if self.bar is not None:
            self.bar(Event("step", round(_PARTS * done), _PARTS, {}, self.model))
        if self.preview is not None:
            self.prior.watch = None  # copies of it are drawn from
            self.preview.of_prior(self.model, self.prior)
            self.prior.watch = self._see
        return self.reporter is not None and self.reporter.prior_step(done)
