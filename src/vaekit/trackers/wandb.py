"""Weights & Biases."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaekit.trackers.base import Tracker, require_library
from vaekit.training.callbacks import FitStart

if TYPE_CHECKING:
    import pandas as pd


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
