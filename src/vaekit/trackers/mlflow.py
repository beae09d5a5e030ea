"""MLflow."""

import io
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaekit.trackers.base import Tracker, require_library
from vaekit.training.callbacks import FitStart

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
