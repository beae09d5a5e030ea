"""Strings to tokens, and back without loss."""

import abc
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vaekit.domains.sequences.extras import selfies_library
from vaekit.errors import DataError

__all__ = ["Characters", "SelfiesSymbols", "SmilesAtoms", "Tokeniser"]

_ATOMS = re.compile(r"\[[^\]]*\]|Br|Cl|@@|%\d\d|%\(\d+\)|.", re.DOTALL)


class Tokeniser(abc.ABC):
    """Splits strings into tokens that give the string again when they are joined.

    Immutable and made of JSON, like a domain.
    """

    @abc.abstractmethod
    def split(self, texts: Sequence[str]) -> list[list[str]]:
        """The tokens of each string; joined, they are that string."""


@dataclass(frozen=True)
class Characters(Tokeniser):
    """Each character is a token.

    Example:
        >>> Characters().split(["ACC"])
        [['A', 'C', 'C']]
    """

    def split(self, texts: Sequence[str]) -> list[list[str]]:
        """Characters."""
        return [list(text) for text in texts]


@dataclass(frozen=True)
class SmilesAtoms(Tokeniser):
    """Atoms, bonds, brackets and ring numbers of SMILES; what is none of them stays a character.

    Source: Schwaller et al. 2018, "Found in translation", section 3.1, for the expression.

    Example:
        >>> SmilesAtoms().split(["C[C@@H](Cl)Br"])
        [['C', '[C@@H]', '(', 'Cl', ')', 'Br']]
    """

    def split(self, texts: Sequence[str]) -> list[list[str]]:
        """Atoms and signs."""
        return [_ATOMS.findall(text) for text in texts]


@dataclass(frozen=True)
class SelfiesSymbols(Tokeniser):
    """Symbols of SELFIES, in brackets each.

    Raises:
        DataError: At `split`, a string that is no SELFIES.
        MissingExtraError: At `split`, the package selfies is not installed.

    Source: Krenn et al. 2020, "Self-referencing embedded strings (SELFIES)".

    Example:
        >>> SelfiesSymbols().split(["[C][=O]"])
        [['[C]', '[=O]']]
    """

    def split(self, texts: Sequence[str]) -> list[list[str]]:
        """Symbols."""
        library = selfies_library()
        return [self._symbols(library, row, text) for row, text in enumerate(texts)]

    def _symbols(self, library: Any, row: int, text: str) -> list[str]:
        try:
            symbols: list[str] = list(library.split_selfies(text))
        except ValueError:
            symbols = []
        if "".join(symbols) != text:
            raise DataError(
                f"a SELFIES string must be symbols in brackets, as [C][=O]; got {text!r} in row "
                f"{row}. For SMILES use SmilesAtoms()."
            )
        return symbols
