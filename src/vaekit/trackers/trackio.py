"""Trackio."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaekit.trackers.base import Tracker, require_library
from vaekit.training.callbacks import FitStart

if TYPE_CHECKING:
    import pandas as pd


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
