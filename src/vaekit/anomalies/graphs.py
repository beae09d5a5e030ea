"""Detectors as functions of tensors: the scores, what makes them comparable, the threshold."""

import abc
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vaekit.anomalies.compositions import Ranked, Trimmed, Whitened
from vaekit.anomalies.dependencies import ColumnDependencies
from vaekit.anomalies.detector import Detector
from vaekit.anomalies.inputs import AnomalyScore, ReferenceStatistics, learned, noise_of_draws
from vaekit.anomalies.marginals import Forest, TailProbability
from vaekit.anomalies.neighbors import (
    NEARLY,
    NearestExemplars,
    NeighborDistance,
    RelativeDistance,
)
from vaekit.anomalies.patches import PatchDistance
from vaekit.anomalies.rules import CEILING, DISCOUNT, TIE, BrokenRules, WithRules
from vaekit.anomalies.scores import Bound, CodeCost, Isolation, Margins, Surprise
from vaekit.distributions.gaussian import DiagonalNormal
from vaekit.domains.graphs import Interpolations, Port, count_below
from vaekit.errors import CompositionError
from vaekit.exports.bundle import Extra
from vaekit.exports.programs import Parts, Program
from vaekit.exports.tracing import GivenNoise
from vaekit.models.vae import VAE
from vaekit.objectives.base import kl_of
from vaekit.types import Batch

_LARGEST = 1e30
_SAME = 1e-6  # of the mean distance: as near as an item is to itself
_TIE = 1e-6
_SOME = 100  # known points that tell the mean distance
_BLOCK = 2**15  # differences that an item has in memory at a time: 256 kB
_HALF_LOG_TAU = 0.5 * math.log(math.tau)


def detector_extra(detector: Detector, threshold: float, held_out: Any = None) -> Extra:
    """Return what an export of a detector writes beside its model.

    Args:
        detector: The detector.
        threshold: Items with a score above it are anomalies.
        held_out: Scores of normal items, where there is a false-alarm rate.
    """
    manifest = {
        "detector": {
            "threshold": threshold,
            "score": detector.name,
            "with_p_values": held_out is not None,
        }
    }
    return Extra({"detect": partial(Detect, detector, threshold, held_out)}, manifest)


class Detect(Program):
    """How unusual items are, as `VAEDetector` says.

    Args:
        detector: The detector, of this model or one that has been moved.
        threshold: Items with a score above it are anomalies.
        held_out: Scores of normal items, for p-values; ``None`` without.
        parts: Of its model.
    """

    def __init__(self, detector: Detector, threshold: float, held_out: Any, parts: Parts) -> None:
        super().__init__()
        if parts.context is not None:
            raise CompositionError("detectors of conditional models have no graph.")
        self.reader, self.threshold = parts.reader, threshold
        self.scoring_inputs = _ScoringInputsGraph(detector.frame, parts.trained.vae)
        self.scores = nn.ModuleList(
            _graph_of(score, self.scoring_inputs) for score in detector.scores
        )
        self.rarities = nn.ModuleList(_Rarity(rarity) for rarity in detector.rarities)
        self.mean = float(detector.training.mean())
        self.spread = float(detector.training.std()) or 1.0
        known = np.sort(np.asarray([] if held_out is None else held_out, dtype=np.float64))
        self.register_buffer("held_out", torch.from_numpy(known))
        self.inputs = parts.reader.inputs
        names = [("score", "float64"), ("is_anomaly", "bool"), ("probability", "float64")]
        names += [("p_value", "float64")] if len(known) else []
        self.outputs = tuple(Port(name, dtype) for name, dtype in names)

    def run(self, *given: Tensor) -> tuple[Tensor, ...]:
        """Return scores, verdicts, probabilities, and p-values if there are some."""
        x, observed = self.reader(*given)
        items = self.scoring_inputs(Batch(x, None, observed))
        pairs = zip(self.scores, self.rarities, strict=True)
        rare = torch.stack([rarity(score(items)) for score, rarity in pairs])
        found = items["novelty"] + rare.mean(0)
        sure = torch.erf(((found - self.mean) / (self.spread * math.sqrt(2))).float()).double()
        outputs = (found, found > self.threshold, sure.clamp_min(0.0))
        known = self.get_buffer("held_out")
        if not known.shape[0]:
            return outputs
        just_below = found - _TIE * (1 + found.abs())  # what is equal but for rounding counts
        below = count_below(just_below.unsqueeze(1), known.unsqueeze(0)).squeeze(1)
        larger = known.shape[0] - below
        return (*outputs, (1 + larger).double() / (1 + known.shape[0]))


Items = dict[str, Tensor]


class _ScoringInputsGraph(nn.Module):
    """Items as scores see them, as `vaekit.anomalies.inputs.ScoringInputs`."""

    def __init__(self, frame: ReferenceStatistics, vae: VAE) -> None:
        super().__init__()
        self.vae, self.novelty, self.imputes = vae, frame.novelty, frame.imputes_missing
        self.codes = len(frame.num_codes)
        counts = torch.tensor(frame.num_codes, dtype=torch.long)
        columns = torch.arange(self.codes).repeat_interleave(counts)
        values = [value for count in frame.num_codes for value in range(1, count + 1)]
        self.register_buffer("columns", columns)
        self.register_buffer("values", torch.tensor(values, dtype=torch.float32))
        for name in ("low", "span", "mean", "deviation", "noise"):
            part = torch.from_numpy(np.asarray(getattr(frame, name), dtype=np.float64).copy())
            self.register_buffer(name, part)
        self.register_buffer("draws", noise_of_draws(torch.Size((vae.latent_dim,))))
        self.needs: set[str] = set()

    def forward(self, batch: Batch) -> Items:
        """Return points and whatever the scores need."""
        visible, vae = batch.visible, self.vae
        found = {"points": self._points(visible), "novelty": self._novelty(batch)}
        if "weighted" in self.needs:
            away = (found["points"] - self.get_buffer("mean")) / self.get_buffer("deviation")
            found["weighted"] = away.clamp(-10.0, 10.0) / self.get_buffer("noise").sqrt()
        if "shapes" in self.needs:
            windows = found["points"].unflatten(1, (-1, visible.shape[-1]))
            found["shapes"] = (windows - windows.mean(-1, keepdim=True)).flatten(1)
        if "codes" in self.needs or "surprise" in self.needs:
            z = vae.encode(batch.x)
            found["codes"] = _finite(z.flatten(1))
        if "surprise" in self.needs:
            log_px = vae.likelihood.log_prob(vae.decode(z), batch).squeeze(0)
            found["surprise"] = _finite(found["novelty"] - self._weight(batch) * log_px)
        if "bound" in self.needs:
            found["bound"], found["code_cost"] = self._bound(batch, found["novelty"])
        if self.needs & {"x", "log_px"}:
            found["x"] = batch.x
            if batch.observed is not None:
                found["observed"] = batch.observed
        return found

    def _points(self, visible: Tensor) -> Tensor:
        flat = visible.flatten(1)
        if self.codes:
            hot = flat[:, self.get_buffer("columns")] == self.get_buffer("values")
            flat = torch.cat([hot.to(flat), flat[:, self.codes :]], 1)
        return (flat.double() - self.get_buffer("low")) / self.get_buffer("span")

    def _novelty(self, batch: Batch) -> Tensor:
        if batch.observed is None or not self.codes or not self.novelty:
            return batch.x.new_zeros(batch.x.shape[0]).double()
        return self.novelty * (~batch.observed[:, : self.codes]).sum(1).double()

    def _weight(self, batch: Batch) -> Tensor:
        if batch.observed is None or not self.imputes:
            return batch.x.new_ones(batch.x.shape[0])
        known = batch.observed.flatten(1)
        return known.shape[1] / known.sum(1).clamp_min(1)

    def _bound(self, batch: Batch, novelty: Tensor) -> tuple[Tensor, Tensor]:
        with GivenNoise(batch.x.shape[0], None, None):  # its own draw is of no account
            draw = self.vae.infer(batch)
        if not isinstance(draw.q, DiagonalNormal):
            raise CompositionError("its bound is drawn, and each draw would be another.")
        z = draw.q.mean + draw.q.stddev * self.get_buffer("draws")
        kl, log_px = kl_of(draw), self.vae.log_likelihood(batch)(z)
        bound = kl - self._weight(batch) * log_px.mean(0) + novelty
        return _finite(bound), _finite(kl)


def _finite(part: Tensor) -> Tensor:
    bounded = part.double().nan_to_num(_LARGEST, _LARGEST, -_LARGEST)
    return bounded.clamp(-_LARGEST, _LARGEST)


class _ScoreGraph(nn.Module, abc.ABC):
    """One score as tensors."""

    @abc.abstractmethod
    def forward(self, items: Items) -> Tensor:
        """Return it, double precision, shape (items,)."""


class _Given(_ScoreGraph):
    """What the items hold already."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, items: Items) -> Tensor:
        """Return it."""
        return items[self.name]


class _ForestGraph(_ScoreGraph):
    """Walks down all trees at once."""

    def __init__(self, forest: Forest) -> None:
        super().__init__()
        trees, self.nodes = forest.feature.shape
        self.steps = _deepest(forest)
        for name in ("feature", "threshold", "left", "right", "depth"):
            flat = torch.from_numpy(np.asarray(getattr(forest, name)).reshape(-1).copy())
            self.register_buffer(name, flat)
        self.register_buffer("first", torch.arange(trees) * self.nodes)

    def forward(self, items: Items) -> Tensor:
        """Return 2 to the power of minus the mean depth."""
        single = items["points"].float()
        first = self.get_buffer("first")
        node = first.unsqueeze(0) + single.new_zeros(single.shape[0], 1).long()
        for _ in range(self.steps):
            asked = self.get_buffer("feature")[node]
            value = single.gather(1, asked.clamp_min(0))
            small = value.double() <= self.get_buffer("threshold")[node]
            below = torch.where(
                small, self.get_buffer("left")[node], self.get_buffer("right")[node]
            )
            node = torch.where(asked >= 0, below + first, node)
        return torch.exp2(-self.get_buffer("depth")[node].mean(1))


def _deepest(forest: Forest | ColumnDependencies | BrokenRules) -> int:
    """Return how many cuts lead to the deepest leaf."""
    feature, left, right = (learned(part) for part in (forest.feature, forest.left, forest.right))
    deep = np.zeros(feature.shape, dtype=np.int64)
    trees = np.arange(len(deep))
    for node in range(feature.shape[1]):  # parents come before their children
        inner = feature[:, node] >= 0
        for child in (left, right):
            deep[trees[inner], child[inner, node]] = deep[inner, node] + 1
    return int(deep.max(initial=0))


class _MarginsGraph(_ScoreGraph):
    """Histograms of all columns at once."""

    def __init__(self, margins: Margins) -> None:
        super().__init__()
        self.register_buffer("edges", torch.from_numpy(learned(margins.edges).copy()))
        self.register_buffer("cost", torch.from_numpy(learned(margins.cost).copy()))

    def forward(self, items: Items) -> Tensor:
        """Return the sum over columns."""
        points, edges, cost = items["points"], self.get_buffer("edges"), self.get_buffer("cost")
        bins = edges.shape[1] - 1
        place = count_below(points, edges, with_equal=True) - 1
        place = torch.where(points == edges[:, -1], bins - 1, place)
        outside = (place < 0) | (place >= bins)
        place = torch.where(outside, bins, place)
        starts = torch.arange(cost.shape[0]) * cost.shape[1]
        return cost.flatten()[place + starts].sum(1)


class _NeighborGraph(_ScoreGraph):
    """Distances to all known points, and the nearest of them."""

    def __init__(self, score: NeighborDistance) -> None:
        super().__init__()
        known = torch.from_numpy(learned(score.positions).copy())
        self.where, self.is_euclidean = score.where, score.metric == "euclidean"
        self.averaged, self.by_share = score.averaged, bool(score.share)
        count = known.shape[0]
        k = max(1, round(score.share * count)) if score.share else score.k
        self.k = min(k + 1 if score.share else k, count)
        self.is_whole = self.k == (k + 1 if score.share else k)
        self.register_buffer("known", known)
        self.every = max(1, count // _SOME)

    def forward(self, items: Items) -> Tensor:
        """Return the mean of the smallest distances, or the largest of them."""
        distances = self._distances(items[self.where])
        near = distances.topk(self.k, dim=1, largest=False, sorted=True).values
        if self.by_share:
            usual = distances[:, :: self.every].mean(1, keepdim=True)
            itself = near[:, :1] <= _SAME * usual
            first, others = near[:, :-1] if self.is_whole else near, near[:, 1:]
            if self.averaged:
                return torch.where(itself[:, 0], others.mean(1), first.mean(1))
            return torch.where(itself[:, 0], others[:, -1], first[:, -1])
        return near.mean(1) if self.averaged else near[:, -1]

    def _distances(self, asked: Tensor) -> Tensor:
        return _apart(asked, self.get_buffer("known"), is_euclidean=self.is_euclidean)


def _apart(asked: Tensor, known: Tensor, *, is_euclidean: bool = True) -> Tensor:
    """Distances of differences, since products lose what tells a copy from a near one."""
    size = max(1, _BLOCK // known.shape[0])
    total = asked.new_zeros(asked.shape[0], known.shape[0])
    for start in range(0, known.shape[1], size):
        part = slice(start, start + size)
        apart = asked[:, None, part] - known[None, :, part]
        total = total + (apart.square() if is_euclidean else apart.abs()).sum(-1)
    return total.sqrt() if is_euclidean else total


class _PatchGraph(_ScoreGraph):
    """The largest value of a map of deviations."""

    def __init__(self, score: PatchDistance) -> None:
        super().__init__()
        if score.network is not None:
            raise CompositionError(
                "features of a network have no graph. Use method='patches', whose filters have."
            )
        self.maps = learned(score.maps)

    def forward(self, items: Items) -> Tensor:
        """Return deviations."""
        maps: Tensor = self.maps(items["x"])
        return maps.flatten(1).amax(1).double()


class _RelativeGraph(_ScoreGraph):
    """Distances in those of the neighbours."""

    def __init__(self, score: RelativeDistance) -> None:
        super().__init__()
        usual = torch.from_numpy(learned(score.usual).copy())
        self.register_buffer("known", torch.from_numpy(learned(score.positions).copy()))
        self.register_buffer("usual", usual)
        self.k = min(score.k, len(usual) - 1) or 1
        self.least = _SAME * (float(usual.mean()) or 1.0)

    def forward(self, items: Items) -> Tensor:
        """Return the ratio."""
        distances = _apart(items["points"], self.get_buffer("known"))
        farthest = distances.topk(self.k, dim=1, largest=False, sorted=True).values[:, -1:]
        # A product with 1 + NEARLY would be left out: the exporter takes it for one with 1.
        near = (distances - farthest <= NEARLY * farthest).double()
        usual = (near @ self.get_buffer("usual").double()) / near.sum(1)
        return (farthest.squeeze(1) + self.least) / (usual + self.least)


class _WhitenedGraph(_ScoreGraph):
    """Another score of turned points."""

    def __init__(self, score: Whitened, inner: _ScoreGraph) -> None:
        super().__init__()
        self.inner = inner
        for name in ("centre", "spread", "turn"):
            part = torch.from_numpy(np.array(learned(getattr(score, name)), dtype=np.float64))
            self.register_buffer(name, part)

    def forward(self, items: Items) -> Tensor:
        """Return what the inner score says."""
        away = (items["points"] - self.get_buffer("centre")) / self.get_buffer("spread")
        turned = away.clamp(-10.0, 10.0) @ self.get_buffer("turn")
        found: Tensor = self.inner({**items, "points": turned})
        return found


class _RankedGraph(_ScoreGraph):
    """Another score of ranks."""

    def __init__(self, score: Ranked, inner: _ScoreGraph) -> None:
        super().__init__()
        self.inner = inner
        self.register_buffer("known", torch.from_numpy(learned(score.known).copy()))

    def forward(self, items: Items) -> Tensor:
        """Return what the inner score says."""
        ranks = _mid_ranks(items["points"], self.get_buffer("known"))
        found: Tensor = self.inner({**items, "points": ranks})
        return found


def _mid_ranks(points: Tensor, known: Tensor) -> Tensor:
    below = count_below(points, known) + count_below(points, known, with_equal=True)
    return below.double() / (2 * known.shape[1])


class _TreesGraph(nn.Module):
    """How far ranks are from what trees say, by group of trees, walking down all at once."""

    def __init__(self, score: ColumnDependencies | BrokenRules) -> None:
        super().__init__()
        feature = learned(score.feature)
        trees, nodes = feature.shape
        self.steps = _deepest(score)
        told = learned(score.told)
        for name in ("feature", "threshold", "left", "right"):
            flat = torch.from_numpy(np.asarray(learned(getattr(score, name))).reshape(-1).copy())
            self.register_buffer(name, flat)
        value = torch.from_numpy(learned(score.value).copy())
        self.register_buffer("value", value.flatten(0, 1))
        self.register_buffer("first", torch.arange(trees) * nodes)
        self.register_buffer("told", torch.from_numpy(told.copy()))
        self.rounds = len(told)

    def forward(self, ranks: Tensor) -> Tensor:
        """Return distances, shape (items, groups, width)."""
        single, first = ranks.float(), self.get_buffer("first")
        node = first.unsqueeze(0) + single.new_zeros(single.shape[0], 1).long()
        for _ in range(self.steps):
            asked = self.get_buffer("feature")[node]
            small = (
                single.gather(1, asked.clamp_min(0)).double() <= self.get_buffer("threshold")[node]
            )
            child = torch.where(
                small, self.get_buffer("left")[node], self.get_buffer("right")[node]
            )
            node = torch.where(asked >= 0, child + first, node)
        said = self.get_buffer("value")[node].unflatten(1, (self.rounds, -1)).double().mean(2)
        padded = torch.cat([ranks, ranks.new_zeros(ranks.shape[0], 1)], 1)
        return torch.stack(
            [
                (said[:, round_] - padded[:, self.get_buffer("told")[round_]]).abs()
                for round_ in range(self.rounds)
            ],
            1,
        )


class _DependencyGraph(_ScoreGraph):
    """Distances of each column from what trees say, over all rounds."""

    def __init__(self, score: ColumnDependencies) -> None:
        super().__init__()
        self.trees = _TreesGraph(score)
        self.register_buffer("known", torch.from_numpy(learned(score.known).copy()))
        self.register_buffer("scale", torch.from_numpy(learned(score.scale).copy()))

    def forward(self, items: Items) -> Tensor:
        """Return the sum of squares."""
        points, rounds = items["points"], self.trees.rounds
        if not rounds:
            return points.new_zeros(points.shape[0])
        apart = self.trees(_mid_ranks(points, self.get_buffer("known")))
        off = points.new_zeros(points.shape[0], points.shape[1] + 1)
        for round_ in range(rounds):
            off = off.index_add(1, self.trees.get_buffer("told")[round_], apart[:, round_])
        usual = off[:, :-1] / (rounds / 2) / self.get_buffer("scale")
        total: Tensor = usual.clamp_max(30.0).square().sum(1)
        return total


class _RulesGraph(_ScoreGraph):
    """Distances from what trees say, of what they tell well."""

    def __init__(self, score: BrokenRules) -> None:
        super().__init__()
        weight = torch.from_numpy(learned(score.weight).copy())
        self.trees, self.count = _TreesGraph(score), max(1, int((weight > 0).sum()))
        self.register_buffer("known", torch.from_numpy(learned(score.known).copy()))
        self.register_buffer("weight", weight)

    def forward(self, items: Items) -> Tensor:
        """Return the root of the mean square."""
        points = items["points"]
        if not self.trees.rounds:
            return points.new_zeros(points.shape[0])
        apart = self.trees(_mid_ranks(points, self.get_buffer("known")))
        squares = (apart * self.get_buffer("weight")).clamp_max(30.0).square()
        total: Tensor = (squares.sum((1, 2)) / self.count).sqrt()
        return total


class _WithRulesGraph(_ScoreGraph):
    """The larger one of how rare scores are together, and how rare a broken rule is."""

    def __init__(self, score: WithRules, inner: Callable[[AnomalyScore], _ScoreGraph]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(inner(part) for part in score.parts)
        self.rarities = nn.ModuleList(_Rarity(rarity) for rarity in score.rarities)
        self.rules, self.together = inner(score.rules), _Rarity(learned(score.together))
        self.tail = learned(score.tail)

    def forward(self, items: Items) -> Tensor:
        """Return nats."""
        pairs = zip(self.parts, self.rarities, strict=True)
        mean = torch.stack([rarity(part(items)) for part, rarity in pairs]).mean(0)
        rule = self._rule(self.rules(items))
        larger = torch.maximum(self.together(mean), (rule - DISCOUNT).clamp_max(CEILING))
        found: Tensor = larger + TIE * mean
        return found

    def _rule(self, broken: Tensor) -> Tensor:
        if self.tail.has_no_tail:
            return broken * 0.0
        beyond = (broken.clamp_min(self.tail.start) / self.tail.start).log()
        return self.tail.power * beyond + self.tail.least


class _ExemplarGraph(_ScoreGraph):
    """A mixture around decoded codes."""

    def __init__(self, score: NearestExemplars, vae: VAE) -> None:
        super().__init__()
        z = torch.from_numpy(learned(score.codes)).float()
        with torch.no_grad():
            features = vae.decoder(z).float()
        self.likelihood = vae.likelihood
        self.register_buffer("features", features.unsqueeze(1))

    def forward(self, items: Items) -> Tensor:
        """Return nats."""
        px = self.likelihood(self.get_buffer("features"))
        batch = Batch(items["x"], None, items.get("observed"))
        log_px = self.likelihood.log_prob(px, batch).double()
        cost = math.log(log_px.shape[0]) - torch.logsumexp(log_px, 0)
        return _finite(cost) + items["novelty"]


class _Rarity(nn.Module):
    """`TailProbability` as tensors."""

    def __init__(self, rarity: TailProbability) -> None:
        super().__init__()
        values, at_least = rarity.steps
        self.count, self.spread, self.last = len(rarity.known), rarity.spread, float(values[-1])
        self.as_high = Interpolations([values], [at_least])

    def forward(self, scores: Tensor) -> Tensor:
        """Return nats."""
        as_high: Tensor = self.as_high(scores.unsqueeze(1)).squeeze(1)
        beyond = (scores - self.last).clamp_min(0.0) / self.spread
        return -((as_high + 0.5) / (self.count + 1)).log() + (1 + beyond).log()


def _graph_of(score: AnomalyScore, inputs: _ScoringInputsGraph) -> _ScoreGraph:
    """Return the graph of a score, and note what it needs of items.

    Raises:
        CompositionError: It has none.
    """
    if isinstance(score, Trimmed):
        return _graph_of(score.second, inputs)
    if isinstance(score, WithRules):
        return _WithRulesGraph(score, partial(_graph_of, inputs=inputs))
    known: dict[type, tuple[str, Callable[[Any], _ScoreGraph]]] = {
        Bound: ("bound", lambda _: _Given("bound")),
        CodeCost: ("bound", lambda _: _Given("code_cost")),
        Surprise: ("surprise", lambda _: _Given("surprise")),
        Isolation: ("points", lambda one: _ForestGraph(learned(one.forest))),
        Margins: ("points", _MarginsGraph),
        NeighborDistance: (getattr(score, "where", ""), _NeighborGraph),
        RelativeDistance: ("points", _RelativeGraph),
        ColumnDependencies: ("points", _DependencyGraph),
        BrokenRules: ("points", _RulesGraph),
        PatchDistance: ("x", _PatchGraph),
        Ranked: ("points", lambda one: _RankedGraph(one, _graph_of(one.inner, inputs))),
        Whitened: ("points", lambda one: _WhitenedGraph(one, _graph_of(one.inner, inputs))),
        NearestExemplars: ("log_px", lambda one: _ExemplarGraph(one, inputs.vae)),
    }
    if type(score) not in known:
        raise CompositionError(f"score {type(score).__name__} has no graph.")
    need, make = known[type(score)]
    inputs.needs.add(need)
    return make(score)
