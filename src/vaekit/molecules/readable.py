"""Molecules that a model can encode, told from others."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vaekit.domains.hooks import UsableItems
from vaekit.errors import DataError
from vaekit.molecules.domain import MoleculeDomain
from vaekit.molecules.reading import Report
from vaekit.molecules.standardize import Standardized, has_stereo, standardize

UNREADABLE = "tokens or a length that training had not"
"""What molecules have that a model cannot encode."""

STEREO_CURE = (
    "standardize(X, Standardizer(stereo='drop')), or --drop-stereo of vaekit fit, predict and "
    "reconstruct, takes them off"
)
"""What to do about marks of stereochemistry."""

_STEREO = f"marks of stereochemistry that training had not; {STEREO_CURE}"


def is_readable(domain: MoleculeDomain, smiles: str) -> bool:
    """Return whether a molecule has only tokens that training had, and no more of them.

    Args:
        domain: Fitted.
        smiles: Standardised.
    """
    return _are_readable(domain, Standardized((smiles,), (0,), {}, Report(())))


def _are_readable(domain: MoleculeDomain, found: Standardized) -> bool:
    try:
        domain.prepare_input(found)
    except DataError:
        return False
    return True


@dataclass(frozen=True)
class JudgedMolecules:
    """Molecules that were given, and which of them a model can encode.

    Attributes:
        found: Those that no rule rejects, with the report of all.
        kept: Those of them that the model can encode.
        unreadable: Why it cannot encode others, by their row.
        usable: ``kept``, by where each stood among all that were given.
    """

    found: Standardized
    kept: Standardized
    unreadable: Mapping[int, str]
    usable: UsableItems


def judged_molecules(domain: MoleculeDomain, raw: Any) -> JudgedMolecules:
    """Read molecules, and tell those that a model can encode from others.

    Args:
        domain: Fitted.
        raw: What it reads; molecules that are standardised already are given all at once, so that
            those that were rejected do not count among them.
    """
    is_given = isinstance(raw, Standardized)
    found = (
        raw
        if is_given
        else standardize(raw, domain.standardizer, column=domain.column, keep_duplicates=True)
    )
    fine = [True] * len(found)
    if len(found) and not _are_readable(domain, found):
        fine = [is_readable(domain, smiles) for smiles in found.smiles]
    entries = [] if is_given else found.report.entries
    places = [place for place, entry in enumerate(entries) if entry.smiles is not None]
    places = list(range(len(found))) if is_given else places
    positions = [place for place, is_fine in zip(places, fine, strict=True) if is_fine]
    unreadable = {
        row: _why_unreadable(domain, smiles)
        for row, smiles, is_fine in zip(found.rows, found.smiles, fine, strict=True)
        if not is_fine
    }
    count = len(found) if is_given else len(entries)
    kept = found if all(fine) else found[np.flatnonzero(fine)]
    rejected = [] if is_given or not found.report.rejected else [found.report.rejected_words]
    words = [*rejected, *_words_of(unreadable, found.report.place)]
    return JudgedMolecules(
        found, kept, unreadable, UsableItems(kept, positions, count, "; ".join(words))
    )


def _why_unreadable(domain: MoleculeDomain, smiles: str) -> str:
    """Return the cure where a molecule could be encoded but for its stereochemistry."""
    if has_stereo(smiles):
        flat = standardize([smiles], replace(domain.standardizer, stereo="drop"))
        if len(flat) and is_readable(domain, flat.smiles[0]):
            return _STEREO
    return UNREADABLE


def _words_of(unreadable: Mapping[int, str], place: str) -> list[str]:
    """Return for each reason how many there are, and the first."""
    rows: dict[str, list[int]] = {}
    for row, why in unreadable.items():
        rows.setdefault(why, []).append(row)
    return [f"{len(at)} have {why} (the first in {place} {at[0]})" for why, at in rows.items()]


def readable_molecules(domain: MoleculeDomain, raw: Any) -> tuple[Standardized, int]:
    """Read molecules; those that the model has no tokens for are left out.

    Args:
        domain: Fitted.
        raw: What it reads.

    Returns:
        The others, and how many were left out.

    Raises:
        DataError: The source cannot be read, or a rule rejects a molecule.
    """
    found = domain.read(raw)
    kept = judged_molecules(domain, found).kept
    return kept, len(found) - len(kept)
