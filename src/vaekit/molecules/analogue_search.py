"""New molecules that are like a given one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaekit.distributions.gaussian import DiagonalNormal
from vaekit.errors import CompositionError, DataError, SpecError, unknown_name
from vaekit.fitting.trained import TrainedModel, check_vectors
from vaekit.molecules.applicability import Applicability, measure_applicability
from vaekit.molecules.domain import MoleculeDomain
from vaekit.molecules.extending import (
    USUAL_GROUPS,
    OpenScaffold,
    exchange_fragments,
    has_attachment_points,
    read_open_scaffold,
)
from vaekit.molecules.properties import PROPERTIES, compute_properties
from vaekit.molecules.rdkit_tools import (
    as_molecules,
    as_pattern,
    canonical,
    morgan_fingerprints,
    tanimoto,
)
from vaekit.molecules.report import MoleculeReport, molecule_report
from vaekit.molecules.standardize import standardize
from vaekit.randomness import seeded
from vaekit.seeds import check_seed

if TYPE_CHECKING:
    from vaekit.molecules.plots import MoleculeGrid


@dataclass(frozen=True, eq=False)
class Lead:
    """A molecule with its place among the latents.

    Attributes:
        smiles: Standardised.
        molecule: RDKit's.
        code: Posterior mean, shape (latent,).
        spread: Posterior standard deviations, shape (latent,); 1 where a posterior tells none.
        decoded: What the model makes of its code: the molecule itself, if the model is good.
    """

    smiles: str
    molecule: Any
    code: Tensor
    spread: Tensor
    decoded: str | None

    @property
    def note(self) -> str:
        """How well the model knows it, in words."""
        if self.decoded == self.smiles:
            return "The model gives the lead back exactly."
        if self.decoded is None:
            return "The model does not give the lead back, but no valid molecule: expect few finds."
        both = morgan_fingerprints([self.smiles, self.decoded])
        similar = tanimoto(both[:1], both[1:]).item()
        return f"The model gives the lead back as {self.decoded}, at similarity {similar:.2f}."


def check_molecules(trained: TrainedModel) -> MoleculeDomain:
    """Return the domain of a model of molecules with plain latents.

    Raises:
        CompositionError: It is another model.
    """
    if not isinstance(trained.domain, MoleculeDomain):
        raise CompositionError(
            f"this needs a model of molecules; this one's data are {type(trained.domain).__name__}."
        )
    check_vectors(trained.vae, "a search around a molecule", "Use preset 'sequence_vae'.")
    return trained.domain


@torch.no_grad()
def read_lead(trained: TrainedModel, smiles: str, context: Any = None) -> Lead:
    """Read a molecule and encode it.

    Args:
        trained: A model of molecules.
        smiles: It.
        context: Of a conditional model: one label, or one row of properties.

    Raises:
        DataError: It is no molecule, a rule rejects it, or it has tokens that training had not; a
            context is missing, unknown, or more than one.
        CompositionError: The model is not one of molecules, or has no latents.
    """
    domain = check_molecules(trained)
    trained.one_row(context)
    found = standardize([smiles], domain.standardizer)
    if not len(found):
        (entry,) = found.report.rejected
        raise DataError(f"the lead must be a molecule; got {smiles!r}: {entry.reason}.")
    (batch,) = trained.inputs(found, context)
    code = trained.vae.encode(batch.x, batch.context)[0].cpu()
    q = trained.vae.infer(batch).q
    return Lead(
        found.smiles[0],
        as_molecules(found.smiles)[0],
        code,
        q.scale[0].cpu() if isinstance(q, DiagonalNormal) else torch.ones_like(code),
        canonical(trained.decode(code[None].numpy(), context))[0],
    )


_Decode = Callable[[Any], list[str]]

_PIECES_OF = 1000  # molecules that are drawn for their pieces
_RADII = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)


@dataclass(frozen=True)
class Ring:
    """What was found at one distance from the lead.

    Attributes:
        radius: Standard deviations of the lead's posterior.
        draws: Points that were decoded.
        valid: Of them molecules.
        similar: Of those as similar to the lead as asked, and different from it.
        mean_similarity: Of the valid ones; NaN without any.
    """

    radius: float
    draws: int
    valid: int
    similar: int
    mean_similarity: float


@dataclass(frozen=True, eq=False)
class Analogues:
    """Molecules like a lead, the best first.

    Attributes:
        lead: What they are like.
        report: About them.
        similarity_to_lead: Tanimoto of Morgan fingerprints.
        radius: At which each was found first, standard deviations of the lead's posterior; NaN of
            those that came by exchanging pieces.
        rings: What was tried.
        candidates: Different molecules that were as similar as asked and had what must stay; the
            best of them are here.
        applicability: How far each analogue is from what the model learned, and last the lead.
        exchanged: Molecules that exchanged pieces made of the lead, and of them those that were
            similar enough.
    """

    lead: Lead
    report: MoleculeReport
    similarity_to_lead: NDArray[np.float32]
    radius: NDArray[np.float64]
    rings: Sequence[Ring]
    candidates: int
    applicability: Applicability
    exchanged: tuple[int, int] = (0, 0)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.similarity_to_lead)

    def summary(self) -> str:
        """Return what was tried and found, in words."""
        draws, valid = (sum(getattr(r, name) for r in self.rings) for name in ("draws", "valid"))
        lines = [
            f"{len(self)} analogues of {self.lead.smiles}, of {self.candidates} that were found "
            f"among {draws} draws, {valid} of them valid."
        ]
        for ring in self.rings:
            share = 100 * ring.valid / ring.draws
            lines.append(
                f"  at {ring.radius:.2f} sigma: {share:.0f} % valid, mean similarity "
                f"{ring.mean_similarity:.2f}, {ring.similar} similar enough"
            )
        made, similar = self.exchanged
        if made:
            lines.append(f"  by exchanged pieces: {made} made, {similar} similar enough")
        note = self.lead.note
        if self.lead.decoded != self.lead.smiles and not made:
            note += " Pieces of it can be exchanged instead: exchange=1000, --exchange 1000."
        if self.applicability.rank is not None:
            share = self.applicability.rank[-1]
            note += f" {share:.0%} of held-out molecules are less probable than the lead."
        lines += [self._usual.summary(), note]
        return "\n".join(lines)

    @property
    def _usual(self) -> Applicability:
        """Of the analogues alone."""
        everyone = list(range(len(self)))
        return self.applicability.at(everyone, everyone, len(self))

    def also(self) -> dict[str, Any]:
        """Return columns beside those of the report."""
        own = {"similarity_to_lead": self.similarity_to_lead, "radius": self.radius}
        return self._usual.columns() | own

    def frame(self) -> Any:
        """Return a pandas data frame with a row for each."""
        return self.report.frame().assign(**self.also())

    def grid(self, columns: int = 5) -> "MoleculeGrid":
        """Return the lead, then the analogues, drawn side by side.

        Args:
            columns: Molecules in a row.
        """
        from vaekit.molecules.plots import molecule_grid

        captions = self.report.captions([f"similarity {s:.2f}" for s in self.similarity_to_lead])
        drawn = [self.lead.smiles, *self.report.smiles]
        return molecule_grid(drawn, ["the lead", *captions], columns=columns)


def find_analogues(
    trained: TrainedModel,
    lead: str,
    n: int = 50,
    *,
    similarity: float = 0.4,
    keep: str | None = None,
    rank: str = "similarity",
    lowest: bool = False,
    training: Any = None,
    context: Any = None,
    draws: int = 5000,
    exchange: int = 0,
    seed: int = 0,
) -> Analogues:
    """Decode points around the code of a molecule, and keep what is like it.

    Points are drawn at eight distances, half to three standard deviations of the lead's posterior;
    each is decoded to its most probable molecule. A lead that the model does not give back has
    neighbors that are unlike it; pieces of it can be exchanged for those of molecules that the
    model draws (`exchange_fragments`), which needs no latents of the lead.

    Args:
        trained: A model of molecules, ``Autoencoder(...).fit(X).trained_``.
        lead: SMILES. With ``[*]`` where something is to be put it is a scaffold, which stays as it
            is at all other places; the search begins around it with usual substituents, and
            similarity is that to the first of these that the model can read.
        n: The most to give back.
        similarity: The least Tanimoto similarity of Morgan fingerprints to the lead, 0 to 1.
        keep: SMARTS of a substructure that must stay; the lead has to have it.
        rank: ``"similarity"``, or one of `vaekit.molecules.PROPERTIES`, to choose the best
            by.
        lowest: Whether low values of it are best.
        training: See `molecule_report`.
        context: Of a conditional model: one label, or one row of properties, which the lead is
            encoded with and the points are decoded with.
        draws: Points to decode, at least 8.
        exchange: How many exchanges of a piece are tried, 0 for none; the pieces are those of as
            many molecules that the model draws, 1,000 at most.
        seed: For the same ones again.

    Returns:
        At most n, perhaps none: then `Analogues.summary` says what there was.

    Raises:
        DataError: The lead is no molecule, has tokens that training had not, or lacks what must
            stay; SMARTS that cannot be read; a context is missing, unknown, or more than one.
        SpecError: A number out of range, or an unknown property.
        CompositionError: The model is not of molecules, or has no latents.
    """
    seed = check_seed(seed)
    _check(n, similarity, rank, draws)
    if exchange < 0:
        raise SpecError(f"exchange must be at least 0; got {exchange}.")
    pattern = None if keep is None else as_pattern(keep)
    scaffold = read_open_scaffold(lead) if has_attachment_points(lead) else None
    starts = (
        [read_lead(trained, lead, context)]
        if scaffold is None
        else _decorated(trained, scaffold, lead, context)
    )
    start = starts[0]
    if pattern is not None and not start.molecule.HasSubstructMatch(pattern):
        raise DataError(
            f"the lead must have the substructure that is to stay; {start.smiles} has no {keep!r}."
        )
    decode = partial(trained.decode, context=context)
    smiles, radii, rings = _search(decode, starts, similarity, draws, seed)
    exchanged = (0, 0)
    if exchange:
        more, exchanged = _by_exchange(trained, start, similarity, exchange, context, seed)
        more = [each for each in more if each not in set(smiles)]
        smiles, radii = [*smiles, *more], [*radii, *[float("nan")] * len(more)]
    molecules = as_molecules(smiles)
    patterns = [each for each in (pattern, scaffold and scaffold.pattern) if each is not None]
    stays = [all(map(m.HasSubstructMatch, patterns)) for m in molecules]
    chosen = [place for place, does_stay in enumerate(stays) if does_stay]
    order = _best([smiles[place] for place in chosen], start, rank, lowest)[:n]
    best = [chosen[place] for place in order]
    names = [smiles[place] for place in best]
    return Analogues(
        start,
        molecule_report(names, training),
        _similarity(names, start),
        np.array([radii[place] for place in best]),
        rings,
        len(chosen),
        measure_applicability(trained, [*names, start.smiles], context),
        exchanged,
    )


def _by_exchange(
    trained: TrainedModel, lead: Lead, least: float, count: int, context: Any, seed: int
) -> tuple[list[str], tuple[int, int]]:
    """Return those with an exchanged piece that are similar enough; how many were made and are."""
    others = trained.sample(min(count, _PIECES_OF), context, seed, "fitted")
    made = exchange_fragments(lead.smiles, others, count, seed)
    if not made:
        return [], (0, 0)
    alike = _similarity(made, lead) >= least
    near = [each for each, is_near in zip(made, alike, strict=True) if is_near]
    return near, (len(made), len(near))


def _check(n: int, similarity: float, rank: str, draws: int) -> None:
    if n < 1:
        raise SpecError(f"n must be at least 1; got {n}.")
    if not 0 <= similarity <= 1:
        raise SpecError(f"similarity must be from 0 to 1; got {similarity}.")
    if draws < len(_RADII):
        raise SpecError(f"draws must be at least {len(_RADII)}, one at each distance; got {draws}.")
    if rank != "similarity" and rank not in PROPERTIES:
        raise unknown_name("property to rank by", rank, ["similarity", *PROPERTIES])


def _decorated(
    trained: TrainedModel, scaffold: OpenScaffold, lead: str, context: Any
) -> list[Lead]:
    """Return the scaffold with usual substituents, those that the model can read.

    Raises:
        DataError: It can read none.
    """
    found, why = [], ""
    for group in USUAL_GROUPS:
        try:
            found.append(read_lead(trained, scaffold.filled(group), context))
        except DataError as error:
            why = why or str(error)
    if not found:
        raise DataError(
            f"the scaffold must be one that the model can read with a substituent; of {lead!r} it "
            f"reads none of {len(USUAL_GROUPS)} tried. The first: {why}"
        )
    return found


def _search(
    decode: _Decode, starts: Sequence[Lead], least: float, draws: int, seed: int
) -> tuple[list[str], list[float], list[Ring]]:
    """Different molecules that are similar enough, the radius of each, and what was tried."""
    found: dict[str, float] = {}
    rings, lead = [], starts[0]
    with seeded(seed):
        for radius in _RADII:
            made = _around(decode, starts, radius, draws // len(_RADII))
            valid = [smiles for smiles in canonical(made) if smiles is not None]
            similar = _similarity(valid, lead)
            near = [
                smiles
                for smiles, of in zip(valid, similar, strict=True)
                if of >= least and smiles != lead.smiles
            ]
            mean = float(similar.mean()) if valid else float("nan")
            rings.append(Ring(radius, len(made), len(valid), len(near), mean))
            for smiles in near:
                found.setdefault(smiles, radius)
    return list(found), list(found.values()), rings


def _around(decode: _Decode, starts: Sequence[Lead], radius: float, count: int) -> list[str]:
    """Decode points around each start in turn."""
    noise = torch.randn(count, len(starts[0].code))
    turn = torch.arange(count) % len(starts)
    code, spread = (torch.stack([getattr(s, k) for s in starts]) for k in ("code", "spread"))
    points = code[turn] + radius * spread[turn] * noise
    return decode(points.numpy())


def _similarity(smiles: Sequence[str], lead: Lead) -> NDArray[np.float32]:
    return tanimoto(morgan_fingerprints(smiles), morgan_fingerprints([lead.smiles]))[:, 0]


def _best(smiles: Sequence[str], lead: Lead, rank: str, lowest: bool) -> NDArray[np.int64]:
    """Return places, the best first; what has no value last."""
    if rank == "similarity":
        values = _similarity(smiles, lead).astype(np.float64)
    else:
        values = compute_properties(smiles, [rank])[rank]
    return np.argsort(values if lowest else -values, kind="stable")
