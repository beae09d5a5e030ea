"""A picture of what a model of images has learned so far, for people who wait."""

import copy
import time
from pathlib import Path
from typing import Any

import torch

from vaekit.domains.base import Domain
from vaekit.domains.context import Context
from vaekit.fitting.callbacks import FitReporter
from vaekit.fitting.trained import TrainedModel
from vaekit.models.vae import VAE, Model
from vaekit.priors.base import FittedPrior
from vaekit.randomness import make_generator, seeded
from vaekit.training.callbacks import Event, progress_display
from vaekit.training.config import TrainingSet
from vaekit.training.trainer import PREVIEW_NAME

_SHOWN = 8
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
        first = items.batch(torch.arange(min(_SHOWN, len(items))), torch.device("cpu"))
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


_PARTS = 1000
