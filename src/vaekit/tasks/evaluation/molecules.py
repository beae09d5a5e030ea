"""How like held-out molecules the samples are, beside training molecules: the measures of MOSES."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from vaekit.errors import DataError
from vaekit.metrics.molecules import (
    cosine_of_counts,
    frechet_chemnet_distance,
    internal_diversity,
    property_distance,
    similarity_to_nearest,
)
from vaekit.tasks.evaluation.molecule_latents import local_validity, property_r2, reconstruction
from vaekit.tasks.evaluation.molecule_sets import COMPARED, MoleculeSet, MoleculeSets
from vaekit.tasks.evaluation.rows import Measure, Row
from vaekit.tasks.evaluation.subject import Subject

__all__ = ["molecule_measures"]

_UNITS = {"mw": "g/mol"}

_SOURCES: dict[str, Callable[[MoleculeSets], MoleculeSet]] = {
    "samples": lambda sets: sets.samples,
    "model prior": lambda sets: sets.model_prior,
    "training molecules": lambda sets: sets.training,
}
"""What is compared with held-out molecules. Training molecules are the floor: what a perfect model
would reach at this number of samples."""


def molecule_measures(subject: Subject) -> tuple[Measure, ...]:
    """What is measured of molecules, in place of squared errors and Fréchet distances."""
    sets = MoleculeSets(subject)
    return (
        Measure("latents", "R2 of properties from latents", property_r2),
        Measure("reconstruction", "reconstruction", reconstruction),
        Measure("reconstruction", "validity near and between molecules", local_validity),
        Measure("molecules", "numbers", lambda _: [_numbers(sets)]),
        *(Measure("molecules", name, partial(_compare, sets, name)) for name in _SOURCES),
    )


def _numbers(sets: MoleculeSets) -> Row:
    unread = sets.subject.unread
    lacking = f"; {unread} have tokens or a length that training had not, left out" * bool(unread)
    note = f"compared with {len(sets.references.given)} held-out ones{lacking}"
    return Row("molecules of each kind", sets.count, items=sets.count, note=note)


def _compare(sets: MoleculeSets, source: str, subject: Subject) -> list[Row]:
    """All figures of one kind of molecules; each that cannot be had says why."""
    own = _SOURCES[source](sets)
    figures: dict[str, Callable[[], float]] = {
        "valid": lambda: len(own.molecules) / len(own.given),
        "different, of valid": lambda: len(set(own.smiles)) / _several(own),
        "new, of different": lambda: _new(own, sets),
        "pass the filters of MOSES, of valid": lambda: own.passing,
        "internal diversity": lambda: internal_diversity(own.fingerprints),
        "similarity to nearest held-out (SNN)": lambda: similarity_to_nearest(
            own.fingerprints, sets.references.fingerprints
        ),
        "fragments, cosine (Frag)": lambda: cosine_of_counts(
            own.fragments, sets.references.fragments
        ),
        "scaffolds, cosine (Scaf)": lambda: cosine_of_counts(
            own.scaffolds, sets.references.scaffolds
        ),
        "Fréchet ChemNet distance (FCD)": lambda: frechet_chemnet_distance(
            sets.references.activations, own.activations
        ),
        **{f"{name}, Wasserstein distance": _distance(own, sets, name) for name in COMPARED},
    }
    rows = [_figure(name, of, len(own.given)).rows(subject) for name, of in figures.items()]
    return [replace(row, source=source) for (row,) in rows]


def _figure(name: str, of: Callable[[], float], items: int) -> Measure:
    unit = _UNITS.get(name.partition(",")[0], "")
    return Measure("", name, lambda _: [Row(name, of(), unit, items=items)])


def _new(own: MoleculeSet, sets: MoleculeSets) -> float:
    _several(own)
    different = set(own.smiles)
    return len(different.difference(sets.known)) / len(different)


def _several(own: MoleculeSet) -> int:
    if not own.smiles:
        raise DataError("there must be at least one valid molecule; got none.")
    return len(own.smiles)


def _distance(own: MoleculeSet, sets: MoleculeSets, name: str) -> Callable[[], float]:
    return lambda: property_distance(sets.references.properties[name], own.properties[name])
