"""Sequences of tokens, and what splits strings into them."""

from vaekit.domains.sequences.byte_pairs import BytePairs
from vaekit.domains.sequences.domain import SequenceDomain
from vaekit.domains.sequences.tokenisers import (
    Characters,
    SelfiesSymbols,
    SmilesAtoms,
    Tokeniser,
)
from vaekit.domains.sequences.vocabulary import Vocabulary

__all__ = [
    "BytePairs",
    "Characters",
    "SelfiesSymbols",
    "SequenceDomain",
    "SmilesAtoms",
    "Tokeniser",
    "Vocabulary",
]
