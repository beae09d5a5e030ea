"""Molecules as sequences of tokens."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import torch
from torch import Tensor

from vaekit.domains.base import Domain, require_fitted
from vaekit.domains.molecules.report import Report
from vaekit.domains.molecules.standardise import Standardised, Standardiser, standardise
from vaekit.domains.molecules.targets import Targets
from vaekit.domains.molecules.writing import from_selfies, to_selfies
from vaekit.domains.sequences.byte_pairs import BytePairs, learn_tokeniser, tokens_of
from vaekit.domains.sequences.domain import check_several
from vaekit.domains.sequences.parts import token_parts
from vaekit.domains.sequences.tokenisers import SelfiesSymbols, SmilesAtoms, Tokeniser
from vaekit.domains.sequences.vocabulary import Vocabulary
from vaekit.errors import DataError, SpecError, unknown_name
from vaekit.likelihoods import Likelihood
from vaekit.networks import lengths_of
from vaekit.presets import Parts

__all__ = ["MoleculeDomain"]

_REPRESENTATIONS = ("bpe-smiles", "smiles", "selfies", "bpe-selfies")
_SHOWN = 3


@dataclass(frozen=True)
class MoleculeDomain(Domain):
    """Molecules, read by `read_molecules`, brought to one form each, and written as tokens.

    Attributes:
        representation: ``"smiles"``: atoms and signs of SMILES; ``"selfies"``: symbols of
            SELFIES, of which any sequence is a molecule; ``"bpe-smiles"`` and ``"bpe-selfies"``:
            those put together by `BytePairs`, which makes rows a third as long.
        num_merges: Merges of the byte pairs.
        standardiser: The rules of standardisation.
        column: The column of SMILES of a data frame or .csv; ``None`` finds it.
        targets: Properties that the latents are to tell as well: columns of numbers that come with
            the molecules, which may be missing in some, or of `PROPERTIES`, which are computed.
        on_bad: ``"raise"`` where a molecule is rejected, or ``"skip"`` it with a warning.
        tokeniser: Learnt; splits the written molecule.
        vocabulary: Learnt tokens and longest length.
        scales: Learnt means and deviations of the targets.

    Example:
        >>> domain = MoleculeDomain("smiles").fit(["OCC", "CCCl"])
        >>> domain.prepare(["C(Cl)C"])
        tensor([[3, 3, 4, 2]], dtype=torch.int16)
        >>> domain.decode(domain.prepare(["OCC"]))
        ['CCO']
    """

    representation: str = "bpe-smiles"
    num_merges: int = 400
    standardiser: Standardiser = field(default_factory=Standardiser)
    column: str | None = None
    targets: Sequence[str] = ()
    on_bad: str = "raise"
    tokeniser: Tokeniser | None = None
    vocabulary: Vocabulary | None = None
    scales: Targets | None = None

    def fit(self, raw: Any) -> Self:
        """Learn merges, tokens and longest length."""
        if self.representation not in _REPRESENTATIONS:
            raise unknown_name("representation", self.representation, _REPRESENTATIONS)
        found = self.read(raw)
        check_several(found.smiles)
        texts = self._written(found)
        base = SelfiesSymbols() if self._in_selfies else SmilesAtoms()
        in_pairs = self.representation.startswith("bpe")
        chosen = BytePairs(base, self.num_merges) if in_pairs else base
        tokeniser = learn_tokeniser(chosen, texts)
        vocabulary = Vocabulary.of(tokeniser.split(texts), tokens_of(tokeniser))
        scales = Targets.of(self.targets, found) if self.targets else None
        return replace(self, tokeniser=tokeniser, vocabulary=vocabulary, scales=scales)

    @property
    def _in_selfies(self) -> bool:
        return self.representation.endswith("selfies")

    def _written(self, found: Standardised) -> Sequence[str]:
        return to_selfies(found) if self._in_selfies else found.smiles

    def read(self, raw: Any) -> Standardised:
        """Read and standardise; duplicates stay, so that rows go with those of a context.

        Raises:
            DataError: The source cannot be read, or a molecule was rejected.
        """
        if self.on_bad not in ("raise", "skip"):
            raise SpecError(f"on_bad must be 'raise' or 'skip'; got {self.on_bad!r}.")
        if isinstance(raw, Standardised):
            return raw
        found = standardise(raw, self.standardiser, column=self.column, keep_duplicates=True)
        if found.report.rejected and self.on_bad == "raise":
            raise DataError(
                f"molecules must pass the rules of standardisation; {_rejected(found.report)}. "
                "Leave them out: MoleculeDomain(on_bad='skip'), or vaekit fit --skip-bad; "
                "standardise(...) has a report of all."
            )
        if found.report.rejected:
            warnings.warn(f"left out: {_rejected(found.report)}.", stacklevel=3)
        if not found.smiles:
            raise DataError("there must be at least one molecule; got none.")
        return found

    def prepare(self, raw: Any) -> Tensor:
        """Codes, and behind them targets in deviations, shape (molecules, steps + targets)."""
        words, found = require_fitted(self.vocabulary, self), self.read(raw)
        tokens = require_fitted(self.tokeniser, self).split(self._written(found))
        rows: Tensor = words.encode(tokens)
        return rows if self.scales is None else torch.cat([rows, self.scales.values(found)], 1)

    def prepare_input(self, raw: Any) -> Tensor:
        """As `prepare`, with all targets missing: to compute them takes far longer than tokens."""
        rows = replace(self, targets=(), scales=None).prepare(raw)
        if self.scales is None:
            return rows
        return torch.cat([rows, torch.full((len(rows), len(self.targets)), torch.nan)], 1)

    def encode(self, rows: Tensor) -> Tensor:
        """Codes as floats; 0 where a target is missing."""
        return rows.float().nan_to_num(0.0)

    def observed(self, rows: Tensor) -> Tensor | None:
        """False where a target is missing."""
        return None if self.scales is None else ~rows.isnan()

    def lengths(self, rows: Tensor) -> Tensor:
        """Tokens of each row, its end included."""
        return lengths_of(rows[:, : require_fitted(self.vocabulary, self).steps].long())

    def decode(self, x: Tensor) -> list[str]:
        """SMILES, of which those of a model need not be valid, unless they come from SELFIES."""
        words = require_fitted(self.vocabulary, self)
        texts = ["".join(tokens) for tokens in words.decode(x[:, : words.steps])]
        return from_selfies(texts) if self._in_selfies else texts

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """None: steps have no names."""
        return None

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(steps + targets,): the longest molecule and its end, and what goes with it."""
        return (require_fitted(self.vocabulary, self).steps + len(self.targets),)

    @property
    def supports(self) -> frozenset[str]:
        """Tokens."""
        return frozenset({"tokens"})

    @property
    def default_likelihood(self) -> str:
        """One made for the vocabulary."""
        return "auto"

    @property
    def default_preset(self) -> str:
        """The model for sequences."""
        return "sequence_vae"

    def parts(
        self,
        rows: Tensor,
        latent_dim: int,
        *,
        context_dim: int = 0,
        network: str = "auto",
        size: str = "small",
        likelihood: str | Likelihood = "auto",
    ) -> Parts:
        """Recurrent networks."""
        words = require_fitted(self.vocabulary, self)
        count = len(self.targets)
        return token_parts(words, latent_dim, context_dim, network, size, likelihood, count)


def _rejected(report: Report) -> str:
    """How many, and the first few with their reasons."""
    shown = [
        f"{report.place} {entry.row} ({entry.given[:40]!r}: {entry.reason})"
        for entry in report.rejected[:_SHOWN]
    ]
    more = ", ..." if len(report.rejected) > _SHOWN else ""
    counts = f"{len(report.rejected)} of {len(report.entries)} were rejected"
    return f"{counts}: {', '.join(shown)}{more}"
