"""Trackers: MLflow, TensorBoard, Trackio, Weights & Biases."""

import io
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vaekit.trackers.base import Tracker, require_library
from vaekit.training.callbacks import FitStart
from vaekit.training.trainer import TENSORBOARD_NAME

if TYPE_CHECKING:
    import pandas as pd


_LONGEST = 500
_AT_ONCE = 100


class MLflowTracker(Tracker):
    """Reports to MLflow; see `Tracker`.

    Runs go to ``MLFLOW_TRACKING_URI``, a server or a local place such as ``sqlite:///mlflow.db``;
    the project is the experiment.

    Args:
        project: As of `Tracker`.
        name: As of `Tracker`.
        folder: Not used.
    """

    client: Any = None
    run: str | None = None

    def require(self) -> None:
        """Import the library."""
        require_library("mlflow", "mlflow", "MLflowTracker")

    def open(self, fit: FitStart) -> None:
        """Begin a run of the experiment, which is made if need be."""
        from mlflow import MlflowClient
        from mlflow.entities import Param

        self.client = MlflowClient()
        known = self.client.get_experiment_by_name(self.project)
        place = (
            self.client.create_experiment(self.project) if known is None else known.experiment_id
        )
        self.run = self.client.create_run(place, run_name=self.name).info.run_id
        options = {**fit.options, "items": fit.items, "domain": fit.domain}
        params = [Param(name, str(value)[:_LONGEST]) for name, value in options.items()]
        for start in range(0, len(params), _AT_ONCE):
            self.client.log_batch(self.run, params=params[start : start + _AT_ONCE])

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Report numbers."""
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = [Metric(name, value, now, step) for name, value in values.items()]
        self.client.log_batch(self.run, metrics=metrics)

    def log_picture(self, name: str, png: bytes, step: int) -> None:
        """Report an image as the file ``samples/STEP.png``."""
        from PIL import Image

        picture = Image.open(io.BytesIO(png))
        self.client.log_image(self.run, picture, artifact_file=f"{name}/{step:08d}.png")

    def log_table(self, name: str, table: "pd.DataFrame", step: int) -> None:
        """Report a table as the file ``samples/STEP.json``, which the page of the run shows."""
        shown = table.rename(columns=str).map(str)
        self.client.log_table(self.run, shown, artifact_file=f"{name}/{step:08d}.json")

    def log_folder(self, folder: Path) -> None:
        """Report the run folder as the artifact ``run``."""
        self.client.log_artifacts(self.run, str(folder), "run")

    def close(self, *, failed: bool) -> None:
        """End the run."""
        if self.run is not None:
            self.client.set_terminated(self.run, "FAILED" if failed else "FINISHED")
        self.run = None


_LOGS = Path("runs")


class TensorBoardTracker(Tracker):
    """Writes event files that ``tensorboard --logdir`` shows; see `Tracker`.

    They lie in ``tensorboard`` within the run folder, else in ``runs/PROJECT/NAME``, where the name
    is the time unless one is given. TensorBoard keeps no files, so the run folder is not reported.

    Args:
        project: As of `Tracker`.
        name: As of `Tracker`.
        folder: As of `Tracker`.

    Example:
        >>> import numpy as np, tempfile
        >>> from vaekit import Autoencoder
        >>> X = np.random.default_rng(0).normal(size=(100, 3))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     tracker = TensorBoardTracker(folder=folder)
        ...     model = Autoencoder(max_epochs=2, progress=False, callbacks=[tracker]).fit(X)
        ...     [path.name[:6] for path in Path(folder, "tensorboard").iterdir()]
        ['events']
    """

    writer: Any = None

    def require(self) -> None:
        """Import TensorBoard."""
        require_library("tensorboard", "tensorboard", "TensorBoardTracker")

    def open(self, fit: FitStart) -> None:
        """Begin a file of events."""
        from torch.utils.tensorboard import SummaryWriter

        name = self.name or datetime.now(UTC).strftime("%Y-%m-%d-%H%M%S")
        own = None if self.folder is None else self.folder / TENSORBOARD_NAME
        self.writer = SummaryWriter(str(own or _LOGS / self.project / name))
        rows = {"preset": fit.preset, "items": fit.items, **fit.options}
        self.writer.add_text("options", _markdown(("option", "value"), rows.items()))

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Write scalars."""
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def log_picture(self, name: str, png: bytes, step: int) -> None:
        """Write an image."""
        from PIL import Image

        pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
        self.writer.add_image(name, pixels, step, dataformats="HWC")

    def log_table(self, name: str, table: "pd.DataFrame", step: int) -> None:
        """Write a table as text."""
        rows = table.itertuples(index=False)
        self.writer.add_text(name, _markdown(table.columns, rows), step)

    def close(self, *, failed: bool) -> None:
        """End the file."""
        if self.writer is not None:
            self.writer.close()
        self.writer = None


def _markdown(head: Any, rows: Any) -> str:
    def line(cells: Any) -> str:
        shown = (" ".join(str(cell).split()).replace("|", "\\|") for cell in cells)
        return f"| {' | '.join(shown)} |"

    return "\n".join([line(head), line("---" for _ in head), *map(line, rows)])


class TrackioTracker(Tracker):
    """Reports to Trackio, which keeps everything in ``TRACKIO_DIR`` on this machine; see `Tracker`.

    ``trackio show --project PROJECT`` opens its dashboard.

    Args:
        project: As of `Tracker`.
        name: As of `Tracker`.
        folder: Not used.
    """

    run: Any = None

    def require(self) -> None:
        """Import the library."""
        require_library("trackio", "trackio", "TrackioTracker")

    def open(self, fit: FitStart) -> None:
        """Begin a run."""
        import trackio

        config = {**fit.options, "items": fit.items, "domain": fit.domain}
        self.run = trackio.init(self.project, name=self.name, config=config, embed=False)

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Report numbers."""
        self.run.log(dict(values), step=step)

    def log_picture(self, name: str, png: bytes, step: int) -> None:
        """Report an image."""
        import trackio
        from PIL import Image

        self.run.log({name: trackio.Image(Image.open(io.BytesIO(png)))}, step=step)

    def log_table(self, name: str, table: "pd.DataFrame", step: int) -> None:
        """Report a table."""
        import trackio

        self.run.log({name: trackio.Table(dataframe=table.rename(columns=str))}, step=step)

    def log_folder(self, folder: Path) -> None:
        """Report the run folder as an artifact."""
        import trackio

        trackio.log_artifact(folder, name=f"run-{self.run.name}", type="model")

    def close(self, *, failed: bool) -> None:
        """End the run; Trackio knows of no failed ones, so that a number says it."""
        if self.run is not None:
            if failed:
                self.run.log({"failed": 1.0})
            self.run.finish()
        self.run = None


class WandbTracker(Tracker):
    """Reports to Weights & Biases; see `Tracker`.

    ``WANDB_MODE=offline`` keeps everything in the folder ``wandb`` for ``wandb sync``; the other
    environment variables of the library hold as well.

    Args:
        project: As of `Tracker`.
        name: As of `Tracker`.
        folder: Not used.
    """

    run: Any = None

    def require(self) -> None:
        """Import the library."""
        require_library("wandb", "wandb", "WandbTracker")

    def open(self, fit: FitStart) -> None:
        """Begin a run beside those that may be open."""
        import wandb

        config = {**fit.options, "items": fit.items, "domain": fit.domain}
        self.run = wandb.init(
            project=self.project, name=self.name, config=config, reinit="create_new"
        )

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Report numbers."""
        self.run.log(dict(values), step=step)

    def log_picture(self, name: str, png: bytes, step: int) -> None:
        """Report an image."""
        import wandb
        from PIL import Image

        self.run.log({name: wandb.Image(Image.open(io.BytesIO(png)))}, step=step)

    def log_table(self, name: str, table: "pd.DataFrame", step: int) -> None:
        """Report a table."""
        import wandb

        columns = [str(column) for column in table.columns]
        rows = [[_cell(value) for value in row] for row in table.itertuples(index=False)]
        self.run.log({name: wandb.Table(columns, rows, allow_mixed_types=True)}, step=step)

    def log_folder(self, folder: Path) -> None:
        """Report the run folder as an artifact of the type model."""
        import wandb

        artifact = wandb.Artifact(f"run-{self.run.id}", type="model")
        artifact.add_dir(str(folder))
        self.run.log_artifact(artifact)

    def close(self, *, failed: bool) -> None:
        """End the run."""
        if self.run is not None:
            self.run.finish(exit_code=int(failed))
        self.run = None


def _cell(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value if _is_plain(value) else str(value)


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool | None)
