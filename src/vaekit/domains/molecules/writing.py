"""SMILES to SELFIES and back."""

from collections.abc import Sequence

from vaekit.domains.molecules.standardise import Standardised
from vaekit.domains.sequences.extras import selfies_library
from vaekit.errors import DataError

__all__ = ["from_selfies", "to_selfies"]


def to_selfies(found: Standardised) -> list[str]:
    """SELFIES of each molecule.

    Raises:
        DataError: A molecule that SELFIES cannot write; names it and its row.
    """
    library = selfies_library()
    written = []
    for row, smiles in zip(found.rows, found.smiles, strict=True):
        try:
            written.append(library.encoder(smiles))
        except library.EncoderError as error:
            raise DataError(
                f"molecules must be such that SELFIES can write them; got {smiles!r} at "
                f"{found.report.place} {row}. Leave it out, or use representation='bpe-smiles'."
            ) from error
    return written


def from_selfies(texts: Sequence[str]) -> list[str]:
    """SMILES of each: any sequence of symbols gives one."""
    library = selfies_library()
    return [library.decoder(text) for text in texts]
