"""What commands do of molecules: files, drawn grids, a summary."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vaekit.cli.outputs import console, write_frame
from vaekit.domains import Domain, MoleculeDomain
from vaekit.domains.molecules import Standardised
from vaekit.errors import DataError, SpecError
from vaekit.plots import GRID_ENDINGS
from vaekit.plots.molecules import check_grid_path
from vaekit.tasks.molecules import (
    KnownMolecules,
    MoleculeReport,
    Way,
    check_molecule_path,
    draw_ways,
    molecule_report,
    molecule_ways,
    readable_molecules,
    save_molecules,
)
from vaekit.tasks.trained import Trained

__all__ = [
    "check_molecule_options",
    "draw_between",
    "draw_report",
    "draws_molecules",
    "known_of",
    "known_tokens",
    "write_sampled",
]

_DRAWN = 60


def check_molecule_options(
    domain: Domain, out: Path, grid: Path | None, training: str | None
) -> bool:
    """Whether the items are molecules to be reported on; refuses bad options before the work.

    Raises:
        SpecError: Options of molecules for other items, or endings that say no format.
    """
    if not isinstance(domain, MoleculeDomain):
        if grid or training:
            raise SpecError("--grid and --training are for models of molecules; leave them out.")
        return False
    if grid is not None:
        check_grid_path(grid)
    is_raw = out.suffix in (".txt", ".npz", ".npy")
    if out.suffix in GRID_ENDINGS:
        raise SpecError(
            f"--out is the file of molecules, .csv, .smi, .sdf or .txt; got {str(out)!r}. To draw "
            f"them: --grid {out}."
        )
    if not is_raw:
        check_molecule_path(out)
    elif grid or training:
        raise SpecError(
            f"--grid and --training need --out to end in .csv, .smi or .sdf; got {str(out)!r}."
        )
    return not is_raw


def known_of(training: str | None, domain: Domain) -> KnownMolecules | None:
    """The molecules that the user named, brought to the forms that the model learnt."""
    if training is None:
        return None
    assert isinstance(domain, MoleculeDomain)
    with console.status(f"reading {training}"):
        return KnownMolecules.of(training, domain)


def known_tokens(domain: MoleculeDomain, items: Any) -> Standardised:
    """The molecules that the model has tokens for; says how many were left out."""
    found, unread = readable_molecules(domain, items)
    if unread:
        console.print(
            f"{unread} molecules have tokens or a length that training had not, left out",
            highlight=False,
        )
    return found


def write_sampled(
    items: Any, domain: Domain, out: Path, grid: Path | None, training: str | None
) -> None:
    """Write sampled molecules with what was found about them, and draw the first valid ones."""
    known = known_of(training, domain)
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
    """Whether ways between molecules are to be drawn or listed, in place of bare SMILES."""
    return out is None or out.suffix in (*GRID_ENDINGS, ".csv")


def draw_between(
    trained: Trained, a: Any, b: Any, steps: int, path: str, context: Any, out: Path
) -> None:
    """Write the molecules on the ways from each to its counterpart, drawn or as a table."""
    with console.status("interpolating"):
        ways = molecule_ways(trained, a, b, steps, path, context)
    valid = sum(way.valid for way in ways) / len(ways)
    console.print(f"{100 * valid:.0f} % of the points between are molecules", highlight=False)
    if out.suffix == ".csv":
        write_frame(out, _listed(ways))
        return
    draw_ways(ways).save(out, "Ways between molecules")
    console.print(f"wrote {out}", highlight=False)


def _listed(ways: Sequence[Way]) -> Any:
    import pandas as pd

    frames = [pd.DataFrame({"way": number} | way.columns()) for number, way in enumerate(ways)]
    return pd.concat(frames, ignore_index=True)
