"""TensorBoard."""

import io
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
