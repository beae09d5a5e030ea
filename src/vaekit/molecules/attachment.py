"""Scaffolds with attachment points: where something is to be put, and nowhere else."""

from dataclasses import dataclass
from typing import Any

from vaekit.errors import DataError
from vaekit.molecules.rdkit_tools import chemistry, parse_smiles, quiet


@dataclass(frozen=True, eq=False)
class OpenScaffold:
    """A molecule with open places.

    Attributes:
        molecule: RDKit's, with an atom of number 0 in each open place.
        pattern: RDKit's query: the scaffold with some heavy atom in each open place, and nothing
            new at any other.
    """

    molecule: Any
    pattern: Any

    def filled(self, group: str) -> str:
        """Return the SMILES with a group in each open place.

        Args:
            group: SMILES that begins with the atom that is bonded.
        """
        chem = chemistry()
        made = chem.ReplaceSubstructs(
            self.molecule, chem.MolFromSmarts("[#0]"), chem.MolFromSmiles(group), replaceAll=True
        )
        smiles: str = chem.MolToSmiles(chem.MolFromSmiles(chem.MolToSmiles(made[0])))
        return smiles


USUAL_GROUPS = ("C", "OC", "CC", "NC(C)=O", "C(N)=O", "c1ccccc1", "CO", "F")
"""Substituents of which a search begins, as SMILES."""


def has_attachment_points(smiles: str) -> bool:
    """Return whether a SMILES marks places where something is to be put.

    Example:
        >>> has_attachment_points("c1ccc([*])cc1"), has_attachment_points("c1ccccc1")
        (True, False)
    """
    return "*" in smiles


def read_open_scaffold(smiles: str) -> OpenScaffold:
    """Read a scaffold whose open places are marked by ``[*]``, ``*`` or ``[*:1]``.

    Raises:
        DataError: It cannot be read, has no atom beside the marks, or a mark has not one bond.
        MissingExtraError: RDKit is not installed.

    Example:
        >>> from vaekit.molecules import as_molecules
        >>> scaffold = read_open_scaffold("[*]c1ccncc1")
        >>> found = as_molecules(["CCc1ccncc1", "CCc1cc(C)ncc1", "c1ccncc1"])
        >>> scaffold.filled("OC"), [m.HasSubstructMatch(scaffold.pattern) for m in found]
        ('COc1ccncc1', [True, False, False])
    """
    chem = chemistry()
    with quiet():
        molecule = parse_smiles(smiles)
    if molecule is None:
        raise DataError(f"a scaffold must be a SMILES with [*] where it is open; got {smiles!r}.")
    marks = [atom for atom in molecule.GetAtoms() if atom.GetAtomicNum() == 0]
    single = chem.BondType.SINGLE
    good = all([b.GetBondType() for b in mark.GetBonds()] == [single] for mark in marks)
    if not good or len(marks) == molecule.GetNumAtoms():
        raise DataError(
            "each [*] of a scaffold must hang on an atom of it by one single bond, as in "
            f"c1ccc([*])cc1; got {smiles!r}."
        )
    for mark in marks:
        mark.SetAtomMapNum(0)
        mark.SetIsotope(0)
    flags = chem.AdjustQueryWhichFlags.ADJUST_IGNOREDUMMIES
    rules = chem.AdjustQueryParameters.NoAdjustments()
    rules.adjustDegree, rules.adjustDegreeFlags, rules.makeDummiesQueries = True, flags, True
    pattern = chem.AdjustQueryProperties(molecule, rules)
    return OpenScaffold(molecule, pattern)
