"""Targets of molecules from what RDKit computes of them, by kernels to those of training."""

import base64
import binascii
import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import cho_solve, cholesky, solve_triangular

from vaekit.domains.stored import StoredFields
from vaekit.errors import MissingExtraError
from vaekit.molecules.rdkit_tools import as_molecules, chemistry, quiet

_LEFT_OUT = frozenset({"qed", "SPS", "Ipc", "AvgIpc"})  # a third of the time, or without bounds
_LARGEST = 1e9
_RADIUS, _BITS = 2, 2048
_MOST_TIMES = 255


@dataclass(frozen=True, eq=False)
class MoleculeDescriptors:
    """What can be computed of molecules, in their order.

    Attributes:
        numbers: RDKit's descriptors, shape (molecules, descriptors); NaN where one cannot be
            computed.
        counts: How often each has each circular substructure of radius 2, hashed to 2048 places,
            255 at most; a sparse matrix of shape (molecules, 2048).
    """

    numbers: NDArray[np.float64]
    counts: Any

    def __len__(self) -> int:
        """Return how many molecules there are."""
        return len(self.numbers)

    def __getitem__(self, positions: NDArray[np.int64]) -> "MoleculeDescriptors":
        """Return those at some places."""
        return MoleculeDescriptors(self.numbers[positions], self.counts[positions])


def descriptor_names() -> tuple[str, ...]:
    """Return the names of the descriptors that the installed RDKit computes, some 210.

    Left out are ``qed`` and ``SPS``, which take a third of the time of all, and ``Ipc`` and
    ``AvgIpc``, which grow beyond bounds.

    Raises:
        MissingExtraError: RDKit is not installed.
    """
    return tuple(_functions())


@functools.cache
def _functions() -> dict[str, Any]:
    chemistry()
    from rdkit.Chem import Descriptors

    return {name: f for name, f in Descriptors.descList if name not in _LEFT_OUT}


@functools.cache
def _counter() -> Any:
    chemistry()
    from rdkit.Chem import rdFingerprintGenerator

    return rdFingerprintGenerator.GetMorganGenerator(radius=_RADIUS, fpSize=_BITS)


def compute_descriptors(
    molecules: Iterable[Any], names: Sequence[str] | None = None
) -> MoleculeDescriptors:
    """Compute descriptors and counts of substructures, some 7 ms a molecule.

    Args:
        molecules: SMILES, or RDKit molecules as `as_molecules` gives them; what is no molecule has
            NaN and no substructure.
        names: Some of `descriptor_names`; ``None`` for all.

    Raises:
        MissingExtraError: RDKit is not installed, or another version that lacks a descriptor.

    Source: Landrum et al., "RDKit: open-source cheminformatics", ``rdkit.Chem.Descriptors``; Rogers
    & Hahn 2010, "Extended-connectivity fingerprints".

    Example:
        >>> found = compute_descriptors(["CCO", "c1ccccc1"], ["MolWt", "RingCount"])
        >>> found.numbers.round(1).tolist(), found.counts.sum(1).ravel().tolist()
        ([[46.1, 0.0], [78.1, 1.0]], [[6.0, 18.0]])
    """
    known = _functions()
    for name in known if names is None else names:
        if name not in known:
            raise MissingExtraError(
                f"this model was fitted with the descriptor {name!r}, which the installed RDKit "
                "does not compute. Install the version that it was fitted with, or fit it again."
            )
    chosen = [known[name] for name in (known if names is None else names)]
    numbers, rows = [], []
    with quiet():
        for item in molecules:
            (molecule,) = as_molecules([item])
            numbers.append([_value(each, molecule) for each in chosen])
            rows.append({} if molecule is None else _counts(molecule))
    table = np.array(numbers, np.float64).reshape(len(numbers), len(chosen))
    table[~(np.abs(table) <= _LARGEST)] = np.nan
    return MoleculeDescriptors(table, counts_of(rows))


def _value(compute: Any, molecule: Any) -> float:
    """RDKit reads some odd aromatic rings that its own calculations refuse then."""
    try:
        return np.nan if molecule is None else float(compute(molecule))
    except (ValueError, RuntimeError, ZeroDivisionError):
        return np.nan


def _counts(molecule: Any) -> dict[int, int]:
    found: dict[int, int] = _counter().GetCountFingerprint(molecule).GetNonzeroElements()
    return found


def counts_of(rows: Sequence[dict[int, int]]) -> Any:
    """Return counts by place as a sparse matrix, shape (molecules, 2048)."""
    starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    columns = np.fromiter((place for row in rows for place in sorted(row)), np.int32, starts[-1])
    values = [min(row[place], _MOST_TIMES) for row in rows for place in sorted(row)]
    return sparse.csr_matrix(
        (np.array(values, np.float32), columns, starts), shape=(len(rows), _BITS)
    )


Floats = NDArray[np.float64]

_SIZE = 2048
_TIMES = (1, 2, 3, 5)  # how often a substructure is there, as bits
_FARTHEST = 5.0  # deviations, beyond which a descriptor says no more
_AT_ONCE = 4096
_JITTER = 1e-5


def packed(values: NDArray[Any], kind: str) -> str:
    """Return an array as base64 of its numbers.

    Args:
        values: Of any shape.
        kind: Of each number, as numpy calls it, with its byte order: ``"<f4"``.

    Example:
        >>> unpacked(packed(np.array([1.0, 2.0]), "<f4"), "<f4", 2)
        array([[1., 2.]], dtype=float32)
    """
    return base64.b64encode(np.ascontiguousarray(values, np.dtype(kind)).tobytes()).decode()


def unpacked(text: str, kind: str, width: int) -> NDArray[Any]:
    """Undo `packed`, in rows of so many numbers."""
    return np.frombuffer(base64.b64decode(text), np.dtype(kind)).reshape(-1, width)


@dataclass(frozen=True)
class KernelHead:
    """What is told of one target by the kernels to the landmarks of a `DescriptorModel`.

    Attributes:
        place: Which column of the targets is its first.
        width: How many columns it has: one for a number, as many as there are classes else.
        share: Of the kernel of substructures; the rest is of descriptors.
        length: Of the kernel of descriptors, in root mean squared deviations.
        noise: Variance that kernels do not tell, in the unit of the kernel, whose own is 1.
        offset: What is told far from all landmarks, of each column.
        weights: Of each landmark, single floats in base64, rows of ``width``.
        slopes: What makes probabilities of scores, rows of ``width`` and a last one of offsets;
            empty for numbers.
        latents: Share of what the latents tell in what is predicted, as held-out molecules say: 0
            where there were too few.
        quantile: Of absolute errors over `DescriptorModel.difficulty`, 90 %; ``None`` unless it is
            a number.
        errors: Root mean squares of each column, of molecules held out; empty without.
        auroc: Area under the ROC curve of the same, the mean over classes; ``None`` of numbers.
        accuracy: Balanced accuracy of the same, likewise.
    """

    place: int
    width: int
    share: float
    length: float
    noise: float
    offset: Sequence[float]
    weights: str
    slopes: Sequence[float] = ()
    latents: float = 0.0
    quantile: float | None = None
    errors: Sequence[float | None] = ()
    auroc: float | None = None
    accuracy: float | None = None

    def scores(self, kernel: Floats) -> Floats:
        """Return what is told before calibration, shape (molecules, width)."""
        weights = unpacked(self.weights, "<f4", self.width)
        scores: Floats = kernel @ weights + np.asarray(self.offset)
        return scores

    def calibrated(self, scores: Floats) -> Floats:
        """Return numbers as they are, and scores of classes as probabilities."""
        if not self.slopes:
            return scores
        slopes = np.reshape(self.slopes, (self.width + 1, self.width))
        logits = scores @ slopes[:-1] + slopes[-1]
        if self.width == 1:
            probability: Floats = 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
            return probability
        raised = np.exp(logits - logits.max(1, keepdims=True))
        shares: Floats = raised / raised.sum(1, keepdims=True)
        return shares


@dataclass(frozen=True)
class DescriptorModel:
    """Kernel regression on descriptors and substructures of molecules.

    The kernel of two molecules is a mean of that of their substructures, shared ones over all, each
    counted as often as it is there, and a Gaussian one of their descriptors in deviations of the
    training molecules. How much of each, how long, and how much noise suits each target was chosen
    by leaving single molecules out.

    Attributes:
        descriptors: Names; see `descriptor_names`.
        centers: Mean of each in training.
        spreads: Standard deviation of each.
        landmarks: Their descriptors in deviations, half floats in base64, a row for each.
        sizes: How many different substructures each landmark has.
        places: Which these are, of 2048, two bytes each in base64.
        counts: How often each is there, a byte each in base64.
        heads: One for each target that is predicted so.

    Source: Rasmussen & Williams 2006, "Gaussian processes for machine learning", sections 2.2 and
    8.3.1 (subset of regressors); Ralaivola et al. 2005, "Graph kernels for chemical informatics".
    """

    descriptors: Sequence[str]
    centers: Sequence[float]
    spreads: Sequence[float]
    landmarks: str
    sizes: Sequence[int]
    places: str
    counts: str
    heads: Sequence[KernelHead] = ()

    @classmethod
    def of(cls, names: Sequence[str], centers: Floats, spreads: Floats, some: Any) -> Self:
        """From the landmarks, without heads.

        Args:
            names: Of the descriptors.
            centers: Of each.
            spreads: Likewise.
            some: The landmarks as `MoleculeDescriptors`.
        """
        scaled = in_deviations(some.numbers, centers, spreads)
        return cls(
            tuple(names),
            tuple(centers.tolist()),
            tuple(spreads.tolist()),
            packed(scaled, "<f2"),
            tuple(np.diff(some.counts.indptr).tolist()),
            packed(some.counts.indices, "<u2"),
            packed(some.counts.data, "u1"),
        )

    def describe(self, molecules: Sequence[Any]) -> MoleculeDescriptors:
        """Return what is to be known of molecules.

        Raises:
            MissingExtraError: Another version of RDKit, which lacks a descriptor.
        """
        return compute_descriptors(molecules, self.descriptors)

    def predict(self, found: MoleculeDescriptors) -> Iterator[tuple[KernelHead, Floats, Floats]]:
        """Yield each head, what it tells of molecules, and how difficult these are for it.

        Args:
            found: Of `describe`.

        Yields:
            The head; numbers in deviations or probabilities, shape (molecules, width); and the
            standard deviation that the kernels expect, shape (molecules,), from the square root of
            the noise for what is near to landmarks, to that of 1 + noise for what is far from all,
            1 of classes, whose probabilities say how sure they are.
        """
        parts = Kernels(self)
        for head in self.heads:
            among = parts.among(head.share, head.length)
            told, away = [np.zeros((0, head.width))], [np.zeros(0)]
            for start in range(0, len(found), _AT_ONCE):
                some = found[np.arange(start, min(start + _AT_ONCE, len(found)))]
                kernel = parts.of(some, head.share, head.length)
                told.append(head.calibrated(head.scores(kernel)))
                is_number = not head.slopes
                away.append(
                    np.sqrt(variances(kernel, among, head.noise))
                    if is_number
                    else np.ones(len(kernel))
                )
            yield head, np.concatenate(told), np.concatenate(away)

    @property
    def points(self) -> Floats:
        """Descriptors of the landmarks in deviations, shape (landmarks, descriptors)."""
        found: Floats = unpacked(self.landmarks, "<f2", len(self.descriptors)).astype(np.float64)
        return found

    @property
    def substructures(self) -> Any:
        """Counts of the landmarks, a sparse matrix."""
        starts = np.concatenate([[0], np.cumsum(self.sizes)])
        columns = unpacked(self.places, "<u2", 1)[:, 0].astype(np.int32)
        counts = unpacked(self.counts, "u1", 1)[:, 0].astype(np.float32)
        return sparse.csr_matrix((counts, columns, starts), shape=(len(self.sizes), _SIZE))

    def check_stored(self, fields: StoredFields, num_columns: int) -> None:
        """Refuse arrays that do not fit each other, and heads of columns that there are not."""
        name, count, total = "descriptor_model.args", len(self.sizes), sum(self.sizes)
        width = len(self.descriptors)
        fields.names(f"{name}.descriptors", self.descriptors)
        for field in ("centers", "spreads"):
            fields.length(f"{name}.{field}", getattr(self, field), width)
        fields.require(
            all(each > 0 for each in self.spreads), f"{name}.spreads", "be above 0", self.spreads
        )
        fields.require(min(self.sizes, default=0) >= 0, f"{name}.sizes", "be counts", self.sizes)
        fields.require(count > 0 and width > 0, f"{name}.sizes", "be of some landmarks", count)
        for field, kind, size in (
            ("landmarks", "<f2", count * width),
            ("places", "<u2", total),
            ("counts", "u1", total),
        ):
            _check_packed(fields, f"{name}.{field}", getattr(self, field), kind, size)
        largest = unpacked(self.places, "<u2", 1).max(initial=0)
        fields.require(bool(largest < _SIZE), f"{name}.places", f"be below {_SIZE}", int(largest))
        for head in self.heads:
            _check_head(fields, f"{name}.heads", head, count, num_columns)


def _check_packed(fields: StoredFields, name: str, text: str, kind: str, size: int) -> None:
    try:
        found = np.frombuffer(base64.b64decode(text, validate=True), np.dtype(kind))
        fits = len(found) == size and bool(np.isfinite(found.astype(np.float64)).all())
    except (binascii.Error, ValueError):
        fits = False
    fields.require(fits, name, f"be {size} finite numbers in base64", text)


def _check_head(
    fields: StoredFields, name: str, head: KernelHead, landmarks: int, columns: int
) -> None:
    is_there = head.place >= 0 and head.width > 0 and head.place + head.width <= columns
    fields.require(is_there, f"{name}.args.place", "be one of the targets", head.place)
    fields.require(0 <= head.share <= 1, f"{name}.args.share", "be in [0, 1]", head.share)
    fields.require(0 <= head.latents <= 1, f"{name}.args.latents", "be in [0, 1]", head.latents)
    for field in ("length", "noise"):
        value = getattr(head, field)
        fields.require(value > 0, f"{name}.args.{field}", "be above 0", value)
    fields.length(f"{name}.args.offset", head.offset, head.width)
    _check_packed(fields, f"{name}.args.weights", head.weights, "<f4", landmarks * head.width)
    if head.slopes:
        fields.length(f"{name}.args.slopes", head.slopes, (head.width + 1) * head.width)
    if head.errors:
        fields.length(f"{name}.args.errors", head.errors, head.width)


def in_deviations(numbers: Floats, centers: Floats, spreads: Floats) -> Floats:
    """Return descriptors in deviations of training, 5 at most; 0 where one is missing."""
    scaled: Floats = np.nan_to_num((numbers - centers) / spreads)
    return np.clip(scaled, -_FARTHEST, _FARTHEST)


class Kernels:
    """Kernels of molecules to the landmarks of a model.

    Args:
        model: The model; its heads are not needed.
    """

    def __init__(self, model: DescriptorModel) -> None:
        self.centers, self.spreads = np.asarray(model.centers), np.asarray(model.spreads)
        self.points, self.bits = model.points, _bits(model.substructures)
        self.width = max(1, self.points.shape[1])
        self._dense = self.bits.T.toarray()

    def of(self, found: MoleculeDescriptors, share: float, length: float) -> Floats:
        """Return the kernel of molecules to each landmark, shape (molecules, landmarks)."""
        points = in_deviations(found.numbers, self.centers, self.spreads)
        return self._mean(points, _bits(found.counts), share, length)

    def among(self, share: float, length: float) -> Floats:
        """Return the kernel of each landmark to each."""
        return self._mean(self.points, self.bits, share, length)

    def _mean(self, points: Floats, bits: Any, share: float, length: float) -> Floats:
        kernel = np.zeros((len(points), len(self.points)))
        if share > 0:
            kernel += share * self._of_bits(bits)
        if share < 1:
            kernel += (1 - share) * self._of_points(points, length)
        return kernel

    def _of_bits(self, bits: Any) -> Floats:
        common = np.asarray(bits @ self._dense, np.float64)
        ours, theirs = np.asarray(bits.sum(1)), np.asarray(self.bits.sum(1)).T
        similarity: Floats = common / np.maximum(ours + theirs - common, 1.0)
        return similarity

    def _of_points(self, points: Floats, length: float) -> Floats:
        squares = (points**2).sum(1)[:, None] + (self.points**2).sum(1)[None]
        squares -= 2 * points @ self.points.T
        kernel: Floats = np.exp(-0.5 * np.maximum(squares, 0) / (length**2 * self.width))
        return kernel


def _bits(counts: Any) -> Any:
    """Return how often each substructure is there as bits, so that shared bits count it."""
    return sparse.hstack([(counts >= times).astype(np.float32) for times in _TIMES], "csr")


def whitened(kernel: Floats, among: Floats) -> Floats:
    """Return features whose products are what the landmarks tell of the kernel.

    Args:
        kernel: Of molecules to landmarks.
        among: Of landmarks to each other.
    """
    features: Floats = solve_triangular(_factor(among), kernel.T, lower=True).T
    return features


def weights_of(features: Floats, among: Floats) -> Floats:
    """Return weights of the landmarks, from those of the features of `whitened`."""
    weights: Floats = solve_triangular(_factor(among), features, lower=True, trans="T")
    return weights


def _factor(among: Floats) -> Floats:
    lower: Floats = cholesky(among + _JITTER * np.eye(len(among)), lower=True)
    return lower


def variances(kernel: Floats, among: Floats, noise: float) -> Floats:
    """Return the variance that kernels expect of molecules, noise included."""
    factor = cholesky(among + noise * np.eye(len(among)), lower=True)
    explained = (solve_triangular(factor, kernel.T, lower=True) ** 2).sum(0)
    found: Floats = np.maximum(1 + noise - explained, noise)
    return found


def variances_without(among: Floats, noise: float) -> Floats:
    """Return the variance that kernels expect of each landmark without it, noise included."""
    factor = cholesky(among + noise * np.eye(len(among)), lower=True)
    inverse = cho_solve((factor, True), np.eye(len(among)))
    found: Floats = 1 / np.diag(inverse)
    return found
