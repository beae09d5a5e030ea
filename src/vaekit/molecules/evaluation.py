"""What an evaluation measures of a model of molecules."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from vaekit.distributions.gaussian import DiagonalNormal
from vaekit.errors import CompositionError, DataError
from vaekit.evaluation.measures import Measure, ReportRow
from vaekit.evaluation.settings import LATENT_ITEMS, RECONSTRUCTION_ITEMS
from vaekit.evaluation.subject import EvaluationContext
from vaekit.molecules.metrics import (
    chemnet_activations,
    cosine_of_counts,
    fragment_counts,
    frechet_chemnet_distance,
    internal_diversity,
    moses_fingerprints,
    property_distance,
    scaffold_counts,
    similarity_to_nearest,
)
from vaekit.molecules.plots import molecule_grid
from vaekit.molecules.properties import compute_properties, passes_filters
from vaekit.molecules.rdkit_tools import Fingerprints, as_molecules, canonical, morgan_fingerprints
from vaekit.plots.columns import marginals
from vaekit.plots.latent_maps import latent_map
from vaekit.randomness import seeded

COMPARED = ("logp", "sa", "qed", "mw")
"""Properties of which distributions are compared, those of MOSES."""

_REFERENCES = 10_000


@dataclass(frozen=True, eq=False)
class MoleculeSet:
    """Molecules, and what measures need of the valid ones.

    Attributes:
        given: SMILES, valid or not.
    """

    given: Sequence[str]

    @cached_property
    def molecules(self) -> list[Any]:
        """The valid ones, as RDKit molecules."""
        return [molecule for molecule in as_molecules(self.given) if molecule is not None]

    @cached_property
    def smiles(self) -> list[str]:
        """The same, as canonical SMILES."""
        return [smiles for smiles in canonical(self.molecules) if smiles is not None]

    @cached_property
    def fingerprints(self) -> Fingerprints:
        """Of MOSES."""
        return moses_fingerprints(self.molecules)

    @cached_property
    def fragments(self) -> Counter[str]:
        """Of BRICS."""
        return fragment_counts(self.molecules)

    @cached_property
    def scaffolds(self) -> Counter[str]:
        """Of two rings and more."""
        return scaffold_counts(self.molecules)

    @cached_property
    def activations(self) -> Tensor:
        """Of ChemNet."""
        return chemnet_activations(self.smiles)

    @cached_property
    def properties(self) -> dict[str, NDArray[np.float64]]:
        """Those of `COMPARED`."""
        return compute_properties(self.molecules, COMPARED)

    @cached_property
    def passing(self) -> float:
        """The share that passes the filters of MOSES."""
        if not self.molecules:
            raise DataError("there must be at least one valid molecule; got none.")
        return float(passes_filters(self.molecules).mean())


@dataclass(frozen=True, eq=False)
class MoleculeSets:
    """All that are compared.

    Attributes:
        subject: What is evaluated.
    """

    subject: EvaluationContext

    @cached_property
    def references(self) -> MoleculeSet:
        """Held-out molecules: 10,000, or as many as there are samples if those are more."""
        items = self.subject.some(max(_REFERENCES, self.count))
        return MoleculeSet(self._smiles(self.subject.x(items)))

    @property
    def count(self) -> int:
        """How many samples of each kind."""
        return self.subject.settings.samples

    @cached_property
    def samples(self) -> MoleculeSet:
        """What ``sample`` gives."""
        return MoleculeSet(self._smiles(self.subject.sampled(self._contexts())))

    @cached_property
    def model_prior(self) -> MoleculeSet:
        """The same from the model's own prior."""
        return MoleculeSet(self._smiles(self.subject.drawn_from_prior(self._contexts())))

    @cached_property
    def training(self) -> MoleculeSet:
        """As many training molecules, chosen by chance.

        Raises:
            DataError: They are not told, or not as many as samples.
        """
        known = self.known
        if len(known) < self.count:
            raise DataError(
                f"there must be as many training molecules as samples, {self.count}; got "
                f"{len(known)}. Ask for fewer samples."
            )
        order = torch.randperm(len(known), generator=self.subject.generator())
        return MoleculeSet([known[place] for place in order[: self.count].tolist()])

    @property
    def known(self) -> Sequence[str]:
        """Canonical SMILES of the molecules that the model learned from.

        Raises:
            DataError: They are not told.
        """
        if self.subject.training is None:
            raise DataError("needs the molecules that the model learnt from (--training).")
        known: Sequence[str] = self.subject.training
        return known

    def _contexts(self) -> Any:
        """Items to take the contexts from, again and again if there are fewer than samples."""
        return self.subject.items.subset(torch.arange(self.count) % len(self.subject.items))

    def _smiles(self, x: Tensor) -> list[str]:
        smiles: list[str] = self.subject.trained.domain.decode(x)
        return smiles


_PREDICTED = ("qed", "logp", "tpsa", "sa")
_FOLDS, _PENALTIES, _PENALTY = 5, (0.01, 0.1, 1.0, 10.0, 100.0), 0.1
_NEAR = 0.5  # standard deviations


def reconstruction(subject: EvaluationContext) -> list[ReportRow]:
    """Return how many held-out molecules come back the same, valid, and how similar."""
    items = subject.some(RECONSTRUCTION_ITEMS)
    given = canonical(subject.trained.domain.decode(subject.x(items)))
    back = canonical(subject.trained.domain.decode(subject.reconstructed(items)))
    same = np.mean([a == b for a, b in zip(given, back, strict=True)])
    valid = np.array([smiles is not None for smiles in back])
    rows = [
        ReportRow(
            "exact reconstruction", float(same), items=len(items), note="at the posterior mean"
        ),
        ReportRow("valid reconstructions", float(valid.mean()), items=len(items)),
    ]
    if valid.any():
        similar = float(_similarity(given, back)[valid].mean())
        note = "Tanimoto of Morgan fingerprints, of valid ones"
        rows.append(
            ReportRow("similarity of reconstructions", similar, items=int(valid.sum()), note=note)
        )
    return rows


def local_validity(subject: EvaluationContext) -> list[ReportRow]:
    """Return how many points near the code of a molecule, or halfway between two, are molecules."""
    with seeded(subject.settings.seed):
        near = [canonical(subject.trained.domain.decode(x)) for x in _around(subject)]
    codes = subject.codes[: 2 * (min(LATENT_ITEMS, len(subject.codes)) // 2)]
    halfway = subject.trained.decode(codes.view(2, -1, codes.shape[1]).mean(0).numpy())
    found = {
        f"valid at the mean + {_NEAR} sigma": [s for p in near for s in p],
        "valid halfway between two": canonical(halfway),
    }
    return [
        ReportRow(name, float(np.mean([smiles is not None for smiles in made])), items=len(made))
        for name, made in found.items()
    ]


@torch.no_grad()
def _around(subject: EvaluationContext) -> Iterator[Tensor]:
    vae = subject.vae
    for batch in subject.batches(LATENT_ITEMS):
        q = vae.infer(batch).q
        if not isinstance(q, DiagonalNormal):
            raise CompositionError(
                "needs Gaussian posteriors with a standard deviation per latent."
            )
        z = q.mean + _NEAR * q.stddev * torch.randn_like(q.mean)
        yield vae.show(z, batch.context).cpu()


def property_r2(subject: EvaluationContext) -> list[ReportRow]:
    """Return how much of the variance of properties the posterior means tell, on held-out folds."""
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.linear_model import RidgeCV

    codes = subject.codes.double().numpy()
    smiles = subject.trained.domain.decode(subject.x(subject.some(len(codes))))
    found = compute_properties(smiles, _PREDICTED)
    usable = ~np.isnan(found["qed"])
    Z, Y = codes[usable], {name: values[usable] for name, values in found.items()}
    # A width of the mean distance; latents out of use are small and so hardly count.
    width = 2 * float(((Z - Z.mean(0)) ** 2).sum(1).mean()) or 1.0
    models = {
        "ridge": RidgeCV(_PENALTIES),
        "kernel ridge": KernelRidge(alpha=_PENALTY, kernel="rbf", gamma=0.5 / width),
    }
    return [row for source, model in models.items() for row in _predicted(source, model, Z, Y)]


def _predicted(
    source: str, model: object, Z: NDArray[np.float64], found: dict[str, NDArray[np.float64]]
) -> list[ReportRow]:
    from sklearn.model_selection import cross_val_predict

    Y = np.stack(list(found.values()), axis=1)
    spread = Y.std(0)
    scaled = (Y - Y.mean(0)) / np.where(spread > 0, spread, 1.0)
    predicted = cross_val_predict(model, Z, scaled, cv=_FOLDS)
    errors = ((scaled - predicted) ** 2).mean(0)
    return [
        ReportRow(
            f"R2 of {name} from latents",
            1 - float(error) if of > 0 else None,
            items=len(Z),
            source=source,
            note=f"{_FOLDS} held-out folds" if of > 0 else "the same for all of these molecules",
        )
        for name, error, of in zip(found, errors, spread, strict=True)
    ]


def _similarity(a: list[str | None], b: list[str | None]) -> NDArray[np.float64]:
    """Of each to its counterpart; 0 where one is no molecule."""
    ours, theirs = morgan_fingerprints(a), morgan_fingerprints(b)
    shared = np.asarray(ours.bits.multiply(theirs.bits).sum(1), np.float64).ravel()
    return shared / np.maximum(ours.counts + theirs.counts - shared, 1.0)


_DRAWN, _COMPARED = 30, 1000
_NAMES = ("qed", "logp", "sa", "mw", "tpsa", "rings", "heavy_atoms", "rotatable_bonds")


def evaluation_pictures(subject: EvaluationContext) -> dict[str, Figure]:
    """Return ``samples``, a ``latent_map`` by logP, and ``columns``: properties."""
    drawn: dict[str, Figure | None] = {"samples": drawn_samples(subject)}
    if subject.has_latents and subject.labels is None:
        codes = subject.codes[:LATENT_ITEMS]
        if codes.shape[1] >= 2:
            drawn["latent_map"] = map_of_logp(subject, codes)
    drawn["columns"] = property_histograms(subject)
    return {name: figure for name, figure in drawn.items() if figure is not None}


def drawn_samples(subject: EvaluationContext) -> Figure:
    """Return samples as they come, invalid ones too."""
    smiles = _smiles(subject, subject.sampled(subject.some(_DRAWN)))
    found = compute_properties(smiles, ("qed", "logp"))
    words = [
        "" if np.isnan(qed) else f"qed {qed:.2f}, logp {logp:.1f}"
        for qed, logp in zip(found["qed"], found["logp"], strict=True)
    ]
    return molecule_grid(smiles, words, columns=6).figure("samples, none left out")


def map_of_logp(subject: EvaluationContext, codes: Tensor) -> Figure:
    """Held-out molecules by their latents, coloured by logP."""
    smiles = _smiles(subject, subject.x(subject.some(len(codes))))
    logp = compute_properties(smiles, ("logp",))["logp"]
    known = ~np.isnan(logp)
    return latent_map(codes[known], logp[known], scale_name="logP")


def property_histograms(subject: EvaluationContext) -> Figure | None:
    """Properties of held-out molecules and of valid samples; nothing if no sample is valid."""
    import pandas as pd

    items = subject.some(_COMPARED)
    both = (_smiles(subject, x) for x in (subject.x(items), subject.sampled(items)))
    real, made = (pd.DataFrame(compute_properties(smiles, _NAMES)).dropna() for smiles in both)
    return marginals(real, made) if len(real) and len(made) else None


def _smiles(subject: EvaluationContext, x: Tensor) -> list[str]:
    smiles: list[str] = subject.trained.domain.decode(x)
    return smiles


_UNITS = {"mw": "g/mol"}

_SOURCES: dict[str, Callable[[MoleculeSets], MoleculeSet]] = {
    "samples": lambda sets: sets.samples,
    "model prior": lambda sets: sets.model_prior,
    "training molecules": lambda sets: sets.training,
}
"""What is compared with held-out molecules. Training molecules are the floor: what a perfect model
would reach at this number of samples."""


def molecule_measures(subject: EvaluationContext) -> tuple[Measure, ...]:
    """Return what is measured of molecules, in place of squared errors and Fréchet distances."""
    sets = MoleculeSets(subject)
    return (
        Measure("latents", "R2 of properties from latents", property_r2),
        Measure("reconstruction", "reconstruction", reconstruction),
        Measure("reconstruction", "validity near and between molecules", local_validity),
        Measure("molecules", "numbers", lambda _: [_numbers(sets)]),
        *(Measure("molecules", name, partial(_compare, sets, name)) for name in _SOURCES),
    )


def _numbers(sets: MoleculeSets) -> ReportRow:
    unread = sets.subject.unread
    lacking = f"; {unread} have tokens or a length that training had not, left out" * bool(unread)
    note = f"compared with {len(sets.references.given)} held-out ones{lacking}"
    return ReportRow("molecules of each kind", sets.count, items=sets.count, note=note)


def _compare(sets: MoleculeSets, source: str, subject: EvaluationContext) -> list[ReportRow]:
    """Return all figures of one kind of molecules; each that cannot be had says why."""
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
    return Measure("", name, lambda _: [ReportRow(name, of(), unit, items=items)])


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
