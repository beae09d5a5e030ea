from .domain import SequenceDomain as SequenceDomain
from .tokenizers import (
    BytePairs as BytePairs,
    Characters as Characters,
    SelfiesSymbols as SelfiesSymbols,
    SmilesAtoms as SmilesAtoms,
    Tokeniser as Tokeniser,
    Vocabulary as Vocabulary,
)
