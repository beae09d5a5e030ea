"""Learning the schema of data that come a piece at a time."""

import abc
from typing import Any, Self

from vaekit.domains.base import Domain


class SchemaLearner(abc.ABC):
    """Learns in one pass what `Domain.fit` learns of all data at once, in bounded memory.

    Several learners may each see a part of the data, in any order, and be merged afterwards.
    """

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.count = 0

    def update(self, piece: Any) -> None:
        """Learn from some items, as `Domain.read` gives them.

        Raises:
            DataError: Items that break a rule, or are of another form than those before.
        """
        self._update(piece)
        self.count += len(piece)

    def merge(self, other: Self) -> None:
        """Learn what another learner has learned of other items.

        Raises:
            DataError: Items of another form.
        """
        self._merge(other)
        self.count += other.count

    @abc.abstractmethod
    def learned(self) -> Domain:
        """Return the domain, fitted.

        Raises:
            DataError: Too few items.
        """

    @abc.abstractmethod
    def _update(self, piece: Any) -> None: ...

    @abc.abstractmethod
    def _merge(self, other: Self) -> None: ...
