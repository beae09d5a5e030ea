"""What a model of molecules keeps of its training, to tell how far others are from that."""

import base64
import binascii
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from vaekit.domains.stored import StoredFields
from vaekit.molecules.rdkit_tools import Fingerprints, morgan_fingerprints

_BITS = 2048
_LETTERS = 4 * math.ceil(_BITS / 8 / 3)  # of base64

COVERAGE = 0.9
"""Share of molecules like those of training whose property lies in its interval, at least."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ApplicabilityReference:
    """Held-out molecules in numbers, and fingerprints of some that the model learned from.

    Attributes:
        log_densities: Of molecules that were held out of training, ascending, nats; empty if none
            were.
        quantiles: Of each target the 90 % quantile of absolute errors over difficulties of the
            same molecules, in deviations of the target; ``None`` where too few were known.
        fingerprints: Of a random sample of the training molecules, 2048 bits in base64 each.

    Example:
        >>> reference = ApplicabilityReference.of([-3.0, -5.0], (), ["CCO", "CCN"])
        >>> reference.ranks(np.array([-9.0, -4.0, -1.0])).tolist()
        [0.0, 0.5, 1.0]
        >>> len(reference.molecules)
        2
    """

    log_densities: Sequence[float] = ()
    quantiles: Sequence[float | None] = ()
    fingerprints: Sequence[str] = ()

    @classmethod
    def of(
        cls, log_densities: Any, quantiles: Sequence[float | None], smiles: Sequence[Any]
    ) -> Self:
        """From log densities in any order, and SMILES of which those of no molecule are left out.

        Raises:
            MissingExtraError: RDKit is not installed.
        """
        ordered = np.sort(np.asarray(log_densities, np.float64))
        bits = morgan_fingerprints(smiles, num_bits=_BITS).bits.toarray().astype(bool)
        packed = [np.packbits(row).tobytes() for row in bits if row.any()]
        texts = tuple(base64.b64encode(each).decode() for each in packed)
        return cls(tuple(ordered[np.isfinite(ordered)].tolist()), tuple(quantiles), texts)

    def ranks(self, log_densities: Floats) -> Floats:
        """Return the share of held-out molecules that are less probable, 0 to 1.

        Args:
            log_densities: Shape (molecules,), nats; NaN gives NaN.
        """
        known = np.asarray(self.log_densities)
        ranks = np.searchsorted(known, log_densities) / max(1, len(known))
        return np.where(np.isnan(log_densities), np.nan, ranks)

    @property
    def molecules(self) -> Fingerprints:
        """The fingerprints, as `nearest_molecules` takes them."""
        raw = b"".join(base64.b64decode(text) for text in self.fingerprints)
        packed = np.frombuffer(raw, np.uint8).reshape(-1, _BITS // 8)
        return Fingerprints(sparse.csr_matrix(np.unpackbits(packed, axis=1).astype(np.float32)))

    def check_stored(self, fields: StoredFields, targets: int) -> None:
        """Refuse what does not fit the targets, and fingerprints of another form."""
        if self.quantiles:
            fields.length("reference.args.quantiles", self.quantiles, targets)
        rising = bool((np.diff(np.asarray(self.log_densities, np.float64)) >= 0).all())
        name = "reference.args.log_densities"
        fields.require(rising, name, "ascend", self.log_densities)
        for text in self.fingerprints:
            rule = f"be {_BITS} bits in base64"
            fields.require(_is_packed(text), "reference.args.fingerprints", rule, text)


def _is_packed(text: str) -> bool:
    try:
        return len(text) == _LETTERS and len(base64.b64decode(text, validate=True)) == _BITS // 8
    except (binascii.Error, ValueError):
        return False


def conformal_quantile(scores: Any, coverage: float = COVERAGE) -> float | None:
    """Return the number that new scores stay below with a probability, as those seen say.

    Args:
        scores: Of molecules that were held out, in any order.
        coverage: The probability, between 0 and 1.

    Returns:
        ``None`` where the scores are too few to say.

    Source: Lei et al. 2018, "Distribution-free predictive inference for regression", algorithm 2.

    Example:
        >>> conformal_quantile([1.0, 3.0, 2.0], 0.5), conformal_quantile([1.0, 3.0], 0.9)
        (2.0, None)
    """
    ordered = np.sort(np.asarray(scores, np.float64))
    place = math.ceil((len(ordered) + 1) * coverage)
    return None if place > len(ordered) else float(ordered[place - 1])
