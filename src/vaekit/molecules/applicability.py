"""How far molecules are from what a model learned, and how wide its predictions are there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from vaekit.distributions.wrappers import Concatenated
from vaekit.domains.hooks import UsableItems
from vaekit.errors import CompositionError
from vaekit.fitting.trained import TrainedModel, batches_of
from vaekit.models.vae import VAE
from vaekit.molecules.domain import MoleculeDomain
from vaekit.molecules.rdkit_tools import canonical, morgan_fingerprints, nearest_molecules
from vaekit.molecules.readable import judged_molecules
from vaekit.molecules.reference import ApplicabilityReference, conformal_quantile
from vaekit.objectives.base import kl_of
from vaekit.randomness import make_generator, seeded
from vaekit.training.config import TrainConfig, TrainingSet
from vaekit.types import Batch

Floats = NDArray[np.float64]

_HELD_OUT, _KEPT = 1000, 1000  # molecules measured; training molecules whose fingerprints are kept


@dataclass(frozen=True, eq=False)
class Applicability:
    """How well a model knows each of some molecules, in their order.

    Attributes:
        round_trip: Whether the model gives the molecule back from its latents; False where it
            cannot be read.
        log_density: Lower bound of log p(molecule), nats, at the mean of the posterior; NaN where
            it cannot be read, as for what follows.
        cost: What the tokens cost from that mean, -log p(molecule | latents), nats: 0 where the
            latents hold the molecule.
        rank: Share of molecules held out of training that are less probable, 0 to 1; ``None``
            where the model knows of none.
        similarity: Tanimoto similarity to the nearest of a sample of the training molecules;
            ``None`` likewise.
    """

    round_trip: NDArray[np.bool_]
    log_density: Floats
    cost: Floats
    rank: Floats | None
    similarity: Floats | None

    def __len__(self) -> int:
        """Return how many molecules there are."""
        return len(self.round_trip)

    def at(self, positions: list[int], rows: list[int], count: int) -> "Applicability":
        """Return so many rows, of which some are the molecules at some places of this one."""
        parts = (self.log_density, self.cost, self.rank, self.similarity)
        moved = [None if part is None else _spread(part[positions], rows, count) for part in parts]
        density, cost, rank, similarity = moved
        assert density is not None  # as they are here
        assert cost is not None
        same = _spread(self.round_trip[positions], rows, count) == 1
        return Applicability(same, density, cost, rank, similarity)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return columns of a table: those that are known, ``cost`` not among them."""
        columns: dict[str, Any] = {"round_trip": self.round_trip, "log_density": self.log_density}
        others = {"log_density_rank": self.rank, "similarity_to_training": self.similarity}
        return columns | {name: values for name, values in others.items() if values is not None}

    def remark(self, what: str) -> str:
        """Return how far the first molecule is from what the model learned, in words.

        Args:
            what: How it is called, as in ``"the lead"``.
        """
        if np.isnan(self.log_density[0]):
            return f"The model cannot read {what}."
        words = "gives" if self.round_trip[0] else "does not give"
        found = f"The model {words} {what} back exactly"
        if self.rank is not None:
            found += f"; {self.rank[0]:.0%} of held-out molecules are less probable"
        if self.similarity is not None:
            found += (
                f"; the nearest training molecule known is at similarity {self.similarity[0]:.2f}"
            )
        return f"{found}."

    def summary(self) -> str:
        """Return how many are given back, and how usual they are, in words."""
        readable = ~np.isnan(self.log_density)
        words = f"The model gives {self.round_trip.sum()} of {len(self)} back exactly"
        if self.rank is not None and readable.any():
            rare = float((self.rank[readable] < _RARE).mean())
            words += f"; {rare:.0%} are less probable than 95 % of held-out molecules"
        return f"{words}."


_RARE = 0.05


def with_reference(trained: TrainedModel, items: TrainingSet, config: TrainConfig) -> TrainedModel:
    """Return the model, knowing what its held-out molecules cost it and what it learned from.

    Args:
        trained: The model; one of other data, or without latents, stays as it is.
        items: What it was trained on.
        config: How: the same split and seed are used here.
    """
    if not isinstance(trained.domain, MoleculeDomain) or not isinstance(trained.model, VAE):
        return trained
    learned, held_out = items.split(config.held_out, make_generator(config.seed))
    some = torch.randperm(len(learned), generator=make_generator(config.seed))[:_KEPT]
    reference = learn_reference(trained, learned.subset(some), held_out)
    return replace(trained, domain=replace(trained.domain, reference=reference))


def learn_reference(
    trained: TrainedModel, learned: TrainingSet, held_out: TrainingSet | None
) -> ApplicabilityReference:
    """Return what tells how far molecules are from training, and the widths of intervals.

    Args:
        trained: A model of molecules with latents.
        learned: Training molecules whose fingerprints are kept; a thousand are enough.
        held_out: Molecules that it did not learn from, of which the first thousand count.
    """
    domain = trained.domain
    batches = batches_of(learned, trained.device)
    smiles = [text for batch in batches for text in domain.decode(batch.x)]
    densities, quantiles = _held_out(trained, held_out)
    return ApplicabilityReference.of(densities, quantiles, canonical(smiles))


@torch.no_grad()
def _held_out(
    trained: TrainedModel, held_out: TrainingSet | None
) -> tuple[list[float], list[float | None]]:
    """Return log densities, and the quantile of each target's errors over difficulties."""
    domain = trained.domain
    assert isinstance(domain, MoleculeDomain)  # as `with_reference` has looked
    if held_out is None:
        return [], []
    some = held_out.subset(torch.arange(min(_HELD_OUT, len(held_out))))
    densities: list[float] = []
    scores: list[list[float]] = [[] for _ in range(domain.num_target_columns)]
    for batch in batches_of(some, trained.device):
        cost, density, px = _measured(trained, batch)
        densities += density.tolist()
        if not scores:
            continue
        assert isinstance(px, Concatenated)  # as of `TargetedTokens`, which such a domain asks for
        assert batch.observed is not None  # some may be missing
        count = len(scores)
        away = (px.parts[1].mean.squeeze(0) - batch.x[:, -count:]).abs() / difficulty(cost)[:, None]
        for place, known in enumerate(batch.observed[:, -count:].T):
            scores[place] += away[known, place].tolist()
    return densities, [conformal_quantile(each) for each in scores]


def difficulty(cost: Float[Tensor, "molecules"]) -> Float[Tensor, "molecules"]:
    """Return by how much more errors of predictions may be expected of molecules that cost more.

    What latents do not hold of a molecule, they cannot predict from either: of models of MOSES the
    errors of other libraries' molecules grow with this cost, and with neither the distance to
    training molecules nor the spread of predictions over the posterior.

    Args:
        cost: As of `Applicability`, nats.

    Source: Papadopoulos et al. 2008, "Normalized nonconformity measures for regression conformal
    prediction"; the measure is ours.
    """
    return 1 + cost


def _measured(trained: TrainedModel, batch: Batch) -> tuple[Tensor, Tensor, Any]:
    """Return cost and log density of each molecule, and what is decoded from its mean."""
    vae, domain = trained.vae, trained.domain
    assert isinstance(domain, MoleculeDomain)  # as whoever asks has looked
    assert domain.vocabulary is not None  # it is fitted
    px = vae.decode(vae.encode(batch.x, batch.context), batch.context)
    tokens = px.parts[0] if isinstance(px, Concatenated) else px
    cost = -tokens.log_prob(batch.x[:, : domain.vocabulary.steps]).sum(-1).squeeze(0)
    with seeded(0):
        draw = vae.infer(batch)
    rate = torch.zeros_like(cost) if draw.log_q is None else kl_of(draw)
    return cost, -cost - rate, px


@torch.no_grad()
def measure_applicability(
    trained: TrainedModel, molecules: Any, context: Any = None
) -> Applicability:
    """Tell how far molecules are from what a model learned.

    Some 2 ms a molecule.

    Args:
        trained: A model of molecules.
        molecules: SMILES, a data frame or a file; some may be none that it can read.
        context: If the model is conditional: one row for all, or one for each.

    Raises:
        CompositionError: The model is of other data, or has no latents.
        DataError: The source cannot be read.

    Example:
        >>> from vaekit import load
        >>> found = measure_applicability(load("moses").trained_, ["CCOc1ccc(CNC(C)=O)cc1", "[Fe]"])
        >>> found.round_trip.tolist(), np.isnan(found.log_density).tolist()
        ([True, False], [False, True])
    """
    domain = trained.domain
    if not isinstance(domain, MoleculeDomain) or not isinstance(trained.model, VAE):
        raise CompositionError(
            "how far molecules are from training is told by a model of molecules with latents; "
            f"this one is of {type(domain).__name__}."
        )
    return measure_usable(trained, judged_molecules(domain, molecules).usable, context)


@torch.no_grad()
def measure_usable(trained: TrainedModel, usable: UsableItems, context: Any) -> Applicability:
    """Return the same of molecules that were read and judged already."""
    domain, vae = trained.domain, trained.vae
    assert isinstance(domain, MoleculeDomain)  # as whoever asks has looked
    at, count = list(usable.positions), usable.count
    costs, densities, made = [], [], []
    for batch in trained.usable_batches(usable, context) if at else ():
        cost, density, _ = _measured(trained, batch)
        costs += cost.tolist()
        densities += density.tolist()
        made += domain.decode(vae.show(vae.encode(batch.x, batch.context), batch.context))
    smiles = usable.items.smiles
    is_same = [a == b for a, b in zip(canonical(made), smiles, strict=True)]
    log_density = _spread(densities, at, count)
    reference = domain.reference
    rank = similarity = None
    if reference is not None and reference.log_densities:
        rank = reference.ranks(log_density)
    if reference is not None and reference.fingerprints:
        near = nearest_molecules(morgan_fingerprints(smiles), reference.molecules).similarity
        similarity = _spread(near[:, 0], at, count)
    round_trip = _spread(is_same, at, count) == 1
    return Applicability(round_trip, log_density, _spread(costs, at, count), rank, similarity)


def _predicted_by_latents(domain: MoleculeDomain) -> list[str]:
    """Return the names of numbers that latents tell alone."""
    scales, model = domain.scales, domain.descriptor_model
    if scales is None:
        return []
    others = set() if model is None else {head.place for head in model.heads}
    return [n for n, place, width in scales.groups if width == 1 and place not in others]


def missing_material(trained: TrainedModel) -> str:
    """Return why there are no intervals and ranks, and what to do; empty where there are."""
    domain = trained.domain
    assert isinstance(domain, MoleculeDomain)  # as whoever predicts has looked
    if domain.reference is None:
        return (
            "This model was stored without numbers of held-out molecules: no intervals, ranks and "
            "similarities to training. Fit it again, or go on from it (--start-from)."
        )
    alone = _predicted_by_latents(domain)
    if not domain.reference.log_densities:
        lacking = "no ranks" if domain.targets and not alone else "no intervals and ranks"
        return (
            f"No molecule was held out when this model was fitted: {lacking}. Fit it with "
            "validation=0.1, --validation 0.1."
        )
    quantiles = (
        []
        if domain.scales is None
        else zip(domain.scales.columns, domain.reference.quantiles, strict=False)
    )
    if any(quantile is None and name in alone for name, quantile in quantiles):
        return (
            "Too few held-out molecules had some of the properties for intervals of these. Fit "
            "with more, or hold out more (validation=0.2)."
        )
    return ""


def prediction_intervals(
    trained: TrainedModel,
    predicted: Mapping[str, Floats],
    cost: Floats,
    halves: Mapping[str, Floats] | None = None,
) -> dict[str, tuple[Floats, Floats]]:
    """Return lower and upper ends within which a property lies nine times of ten.

    By split conformal prediction: the half width is the `difficulty` of the molecule times what
    held-out molecules needed. Of molecules like those of training the promise holds whatever the
    model; of others as far as errors grow with the difficulty.

    Args:
        trained: A model of molecules with targets.
        predicted: Of `predict_targets`.
        cost: Of `Applicability`, of the same molecules.
        halves: Half the width by name, of targets that are told by descriptors, too, whose widths
            go with what their kernels expect (see `DescriptorModel.predict`); ``None`` for none.

    Returns:
        By name, in units; classes, of which probabilities say enough, and targets without enough
        held-out molecules are not there.
    """
    domain = trained.domain
    assert isinstance(domain, MoleculeDomain)  # as whoever predicts has looked
    if domain.scales is None:
        return {}
    names, units = domain.scales.columns, domain.scales.deviations
    quantiles = () if domain.reference is None else domain.reference.quantiles
    found = {
        name: (predicted[name] - half, predicted[name] + half)
        for name, half in (halves or {}).items()
    }
    for name, unit, quantile in zip(names, units, quantiles, strict=False):
        if quantile is not None and name in _predicted_by_latents(domain) and name in predicted:
            half = quantile * unit * difficulty(torch.from_numpy(cost)).numpy()
            found[name] = (predicted[name] - half, predicted[name] + half)
    return found


def _spread(values: Iterable[Any], positions: list[int], count: int) -> Floats:
    spread = np.full(count, np.nan)
    spread[positions] = list(values)
    return spread
