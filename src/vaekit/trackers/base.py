"""What all trackers report, losses, health, samples and the run folder; and Ray Tune's."""

import abc
import importlib
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vaekit.domains.checks import is_foreign_table, is_frame, plain_frame
from vaekit.errors import MissingExtraError
from vaekit.registry import get
from vaekit.training.callbacks import Callback, EpochMetrics, FitEnd, FitStart, Samples

if TYPE_CHECKING:
    import pandas as pd

    from vaekit.metrics.latents import Health


_EVERY = 60.0
_MOST_ROWS = 24


class Tracker(Callback, abc.ABC):
    """Reports a fit to an experiment tracker; one run of the tracker for each fit.

    Reported are all options, after each epoch the losses (``train/...`` and ``validation/...``, in
    nats per item), once a minute and at the end a picture or a table of samples, at the end the
    health of the latents and, where the tracker keeps files, the run folder. A fit that fails or is
    interrupted is marked as failed.

    Where a tracker stores its runs, and under whose name, is set as its own documentation says, by
    its environment variables for one.

    Args:
        project: Under which the tracker files the run.
        name: Of the run; ``None`` leaves it to the tracker.
        folder: The run folder of vaekit, beside which a tracker may put local files; ``None`` for
            the place that the tracker chooses.

    Raises:
        MissingExtraError: The tracker's library is not installed.
    """

    sample_seconds = _EVERY

    def __init__(
        self, project: str = "vaekit", *, name: str | None = None, folder: str | Path | None = None
    ) -> None:
        self.project, self.name = project, name
        self.folder = None if folder is None else Path(folder)
        self.step = 0
        self.require()

    @abc.abstractmethod
    def require(self) -> None:
        """Import the tracker's library; see `require_library`."""

    @abc.abstractmethod
    def open(self, fit: FitStart) -> None:
        """Begin a run of the tracker, and report the options of the fit."""

    @abc.abstractmethod
    def log(self, values: Mapping[str, float], step: int) -> None:
        """Report numbers, all of them finite or NaN."""

    @abc.abstractmethod
    def log_picture(self, name: str, png: bytes, step: int) -> None:
        """Report a picture, the bytes of a PNG file."""

    @abc.abstractmethod
    def log_table(self, name: str, table: "pd.DataFrame", step: int) -> None:
        """Report some rows."""

    def log_folder(self, folder: Path) -> None:
        """Report the run folder, of trackers that keep files; the others leave it out."""

    @abc.abstractmethod
    def close(self, *, failed: bool) -> None:
        """End the run of the tracker; does nothing where none is open."""

    def on_fit_start(self, fit: FitStart) -> None:
        """Begin a run."""
        self.step = 0
        self.open(fit)

    def on_epoch_end(self, metrics: EpochMetrics) -> None:
        """Report the losses."""
        self.step = metrics.step
        values = {_scalar_name(name): value for name, value in metrics.values.items()}
        own = {"epoch": float(metrics.epoch), "seconds": metrics.seconds}
        self.log({**values, **own}, metrics.step)

    def on_health(self, health: "Health") -> None:
        """Report the state of the latents."""
        kl = health.kl_per_latent
        values = {
            "health/active_units": health.active_units,
            "health/latents": len(health.mean_variance),
            "health/kl": None if kl is None else math.fsum(kl),
            "health/prior_log_density": health.prior_log_density,
            "health/fitted_log_density": health.fitted_log_density,
        }
        self.log({k: float(v) for k, v in values.items() if v is not None}, self.step)

    def on_samples(self, samples: Samples) -> None:
        """Report a picture of samples, or a table; series and other arrays have neither."""
        if samples.draw is not None:
            self.log_picture("samples", samples.draw(), samples.step)
        elif (table := samples_table(samples.items)) is not None:
            self.log_table("samples", table, samples.step)

    def on_fit_end(self, end: FitEnd) -> None:
        """Report the run folder, and end the run."""
        if end.save is not None and type(self).log_folder is not Tracker.log_folder:
            with tempfile.TemporaryDirectory() as place:
                end.save(Path(place) / "run")
                self.log_folder(Path(place) / "run")
        self.close(failed=False)

    def on_fit_error(self, error: BaseException) -> None:
        """End the run as a failed one."""
        self.close(failed=True)


def _scalar_name(name: str) -> str:
    """Return the name of a number as trackers group them.

    Example:
        >>> [_scalar_name(name) for name in ("loss", "validation_kl", "learning_rate")]
        ['train/loss', 'validation/kl', 'learning_rate']
    """
    if name == "learning_rate":
        return name
    held_out = name.removeprefix("validation_")
    return f"train/{name}" if held_out == name else f"validation/{held_out}"


def samples_table(items: Any) -> "pd.DataFrame | None":
    """Return some samples as a table: rows of a table, or texts one below the other.

    Args:
        items: In the form of the training data.

    Returns:
        ``None`` of items that are neither.
    """
    import pandas as pd

    if is_frame(items) or is_foreign_table(items):
        frame: pd.DataFrame = plain_frame(items).head(_MOST_ROWS)
        return frame
    if isinstance(items, list):
        return pd.DataFrame({"sample": [str(item) for item in items[:_MOST_ROWS]]})
    array = np.asarray(items)
    if array.ndim == 1:
        return pd.DataFrame({"sample": array[:_MOST_ROWS].astype(str)})
    if array.ndim == 2:
        names = [f"column {place}" for place in range(array.shape[1])]
        return pd.DataFrame(array[:_MOST_ROWS], columns=names)
    return None


def require_library(module: str, extra: str, who: str) -> Any:
    """Import and return a module of an extra.

    Args:
        module: Its name.
        extra: That installs it.
        who: Needs it, in words.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{who} needs {module.split('.', maxsplit=1)[0]}: pip install 'vaekit[{extra}]'."
        ) from error


def make_trackers(
    names: Sequence[str], project: str = "vaekit", folder: str | Path | None = None
) -> list[Callback]:
    """Return the trackers of these names, those of other packages among them.

    A package adds one by an entry point of the group ``vaekit.trackers``: a class that takes the
    arguments of `Tracker`.

    Args:
        names: As ``vaekit fit --track`` takes them.
        project: As of `Tracker`.
        folder: As of `Tracker`; its name is that of the run.

    Raises:
        SpecError: No tracker has that name.
        MissingExtraError: Its library is not installed.
    """
    name = None if folder is None else Path(folder).name
    made: list[Callback] = [
        get("trackers", each)(project, name=name, folder=folder) for each in dict.fromkeys(names)
    ]
    return made


class RayTuneCallback(Callback):
    """Reports each epoch of a fit to Ray Tune, so that its schedulers can stop poor trials.

    Pass it to the estimator that is fitted within the trainable. Reported are the names that
    ``history.csv`` has: ``loss``, ``validation_loss``, and so on, in nats per item, with ``epoch``
    and ``step``.

    Raises:
        MissingExtraError: Ray Tune is not installed.

    A search over the learning rate::

        from ray import tune
        from ray.tune.schedulers import ASHAScheduler

        def trainable(config):
            callbacks = [RayTuneCallback()]
            Autoencoder(learning_rate=config["learning_rate"], callbacks=callbacks).fit(X)

        tuner = tune.Tuner(
            trainable,
            param_space={"learning_rate": tune.loguniform(1e-4, 1e-2)},
            tune_config=tune.TuneConfig(
                metric="validation_loss", mode="min", num_samples=20, scheduler=ASHAScheduler()
            ),
        )
        tuner.fit()
    """

    def __init__(self) -> None:
        require_library("ray.tune", "ray", "RayTuneCallback")

    def on_epoch_end(self, metrics: EpochMetrics) -> None:
        """Report the epoch; Ray ends the process of a trial that it stops."""
        from ray import tune

        tune.report({**metrics.values, "epoch": metrics.epoch, "step": metrics.step})
