"""What commands do of molecules: files, drawn grids, a summary."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vaekit.console.files import console, write_frame
from vaekit.domains.base import Domain
from vaekit.domains.hooks import SampleOptions
from vaekit.errors import DataError, SpecError
from vaekit.fitting.trained import TrainedModel
from vaekit.molecules.domain import MoleculeDomain
from vaekit.molecules.interpolation import InterpolationPath, draw_paths, molecule_paths
from vaekit.molecules.plots import GRID_ENDINGS, check_grid_path
from vaekit.molecules.report import (
    KnownMolecules,
    MoleculeReport,
    check_molecule_path,
    molecule_report,
    save_molecules,
)

_DRAWN = 60


def sample_writer(
    domain: MoleculeDomain, out: Path, options: SampleOptions
) -> Callable[[Any], None] | None:
    """Return what writes molecules with a report; ``None`` for files of bare SMILES.

    Raises:
        SpecError: Endings that name no format.
    """
    grid, training = options
    if grid is not None:
        check_grid_path(grid)
    if out.suffix in GRID_ENDINGS:
        raise SpecError(
            f"--out is the file of molecules, .csv, .smi, .sdf or .txt; got {str(out)!r}. To draw "
            f"them: --grid {out}."
        )
    if out.suffix not in (".txt", ".npz", ".npy"):
        check_molecule_path(out)
        return partial(write_sampled, domain=domain, out=out, grid=grid, training=training)
    if grid or training:
        raise SpecError(
            f"--grid and --training need --out to end in .csv, .smi or .sdf; got {str(out)!r}."
        )
    return None


def read_known_molecules(training: str | None, domain: Domain) -> KnownMolecules | None:
    """Return the molecules that the user named, brought to the forms that the model learned."""
    if training is None:
        return None
    assert isinstance(domain, MoleculeDomain)
    with console.status(f"reading {training}"):
        return KnownMolecules.of(training, domain)


def write_sampled(
    items: Any, domain: Domain, out: Path, grid: Path | None, training: str | None
) -> None:
    """Write sampled molecules with what was found about them, and draw the first valid ones."""
    known = read_known_molecules(training, domain)
    with console.status(f"judging {len(items)}"):
        report = molecule_report(items, known)
    save_molecules(out, report)
    console.print(report.summary(), highlight=False)
    console.print(f"wrote {out}", highlight=False)
    if grid is not None:
        draw_report(report[np.flatnonzero(report.valid & ~report.duplicate)], grid)


def draw_report(report: MoleculeReport, grid: Path, title: str = "Molecules") -> None:
    """Draw the first molecules.

    Raises:
        DataError: There are none.
    """
    if not len(report):
        raise DataError(f"there must be a valid molecule to draw; there is none. No {grid} then.")
    shown = report[np.arange(min(_DRAWN, len(report)))]
    shown.grid().save(grid, title)
    more = f", the first {_DRAWN} of {len(report)}" if len(report) > _DRAWN else ""
    console.print(f"wrote {grid}{more}", highlight=False)


def draws_molecules(out: Path | None) -> bool:
    """Return whether ways between molecules are to be drawn or listed, in place of bare SMILES."""
    return out is None or out.suffix in (*GRID_ENDINGS, ".csv")


def draw_between(
    trained: TrainedModel, a: Any, b: Any, steps: int, path: str, context: Any, out: Path
) -> None:
    """Write the molecules on the ways from each to its counterpart, drawn or as a table."""
    with console.status("interpolating"):
        paths = molecule_paths(trained, a, b, steps, path, context)
    valid = sum(one_path.valid for one_path in paths) / len(paths)
    console.print(f"{100 * valid:.0f} % of the points between are molecules", highlight=False)
    if out.suffix == ".csv":
        write_frame(out, _listed(paths))
        return
    draw_paths(paths).save(out, "Ways between molecules")
    console.print(f"wrote {out}", highlight=False)


def _listed(paths: Sequence[InterpolationPath]) -> Any:
    import pandas as pd

    frames = [
        pd.DataFrame({"way": number} | one_path.columns()) for number, one_path in enumerate(paths)
    ]
    return pd.concat(frames, ignore_index=True)
