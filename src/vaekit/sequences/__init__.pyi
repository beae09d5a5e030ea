from .domain import SequenceDomain as SequenceDomain
from .tokenizers import (
    BytePairs as BytePairs,
    Characters as Characters,
    SelfiesSymbols as SelfiesSymbols,
    SmilesAtoms as SmilesAtoms,
    SpelledAtoms as SpelledAtoms,
    Tokenizer as Tokenizer,
    Vocabulary as Vocabulary,
)
