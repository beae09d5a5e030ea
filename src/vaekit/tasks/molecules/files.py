"""Reports of molecules as files that chemists' programs read."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from vaekit.domains.molecules import as_molecules
from vaekit.domains.molecules.toolkit import chemistry
from vaekit.errors import SpecError
from vaekit.files import atomic_write
from vaekit.tasks.molecules.report import MoleculeReport

__all__ = ["FILE_ENDINGS", "check_molecule_path", "save_molecules"]

FILE_ENDINGS = (".csv", ".smi", ".sdf")
"""What `save_molecules` writes."""


def check_molecule_path(path: Path) -> None:
    """Refuse another ending; worth asking before the work, too.

    Raises:
        SpecError: Another ending than `FILE_ENDINGS`.
    """
    if path.suffix not in FILE_ENDINGS:
        raise SpecError(
            f"a file of molecules must end in {', '.join(FILE_ENDINGS)}; got {str(path)!r}."
        )


def save_molecules(path: str | Path, report: MoleculeReport, also: Any = None) -> None:
    """Write molecules with what was found about them; all of the file or nothing.

    Args:
        path: Ends in ``.csv``: a row for each; ``.smi``: the SMILES of the valid ones; ``.sdf``:
            the valid ones with coordinates for drawing, what was found as fields.
        report: Of `molecule_report`.
        also: Further columns of a ``.csv``, further fields of an ``.sdf``, by name.

    Raises:
        SpecError: Another ending.
        SaveError: The file could not be written; what was there before is unchanged.
    """
    path = Path(path)
    check_molecule_path(path)
    atomic_write(path, _WRITERS[path.suffix](report, also or {}).encode())


def _table(report: MoleculeReport, also: dict[str, Any]) -> str:
    text: str = report.frame().assign(**also).to_csv(index=False, float_format="%.6g")
    return text


def _lines(report: MoleculeReport, also: dict[str, Any]) -> str:
    valid = zip(report.smiles, report.valid, strict=True)
    return "".join(f"{smiles}\n" for smiles, is_valid in valid if is_valid)


def _records(report: MoleculeReport, also: dict[str, Any]) -> str:
    from rdkit.Chem.rdDepictor import Compute2DCoords

    columns = {k: v for k, v in (report.columns() | also).items() if k not in ("smiles", "valid")}
    text = io.StringIO()
    writer = chemistry().SDWriter(text)
    for place, molecule in enumerate(as_molecules(report.smiles)):
        if molecule is not None:
            Compute2DCoords(molecule)
            molecule.SetProp("_Name", report.smiles[place])
            for name, values in columns.items():
                if (value := _field(values[place])) is not None:
                    molecule.SetProp(name, value)
            writer.write(molecule)
    writer.close()
    return text.getvalue()


def _field(value: Any) -> str | None:
    """None for what is missing, which an SDF leaves out."""
    if isinstance(value, float | np.floating):
        return None if np.isnan(value) else f"{value:.6g}"
    return str(value) or None


_WRITERS = {".csv": _table, ".smi": _lines, ".sdf": _records}
