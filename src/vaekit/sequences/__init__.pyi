from .domain import SequenceDomain as SequenceDomain
from .tokenizers import (
    BytePairs as BytePairs,
    Characters as Characters,
    SelfiesSymbols as SelfiesSymbols,
    SmilesAtoms as SmilesAtoms,
    Tokenizer as Tokenizer,
    Vocabulary as Vocabulary,
)
