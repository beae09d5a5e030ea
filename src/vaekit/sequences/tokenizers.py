"""The tokenisers of `vaekit.domains.tokenizers`, under the name that they had before captions."""

from vaekit.domains.tokenizers import (
    BytePairs,
    Characters,
    SelfiesSymbols,
    SmilesAtoms,
    SpelledAtoms,
    Tokenizer,
    Vocabulary,
)

__all__ = [
    "BytePairs",
    "Characters",
    "SelfiesSymbols",
    "SmilesAtoms",
    "SpelledAtoms",
    "Tokenizer",
    "Vocabulary",
]
