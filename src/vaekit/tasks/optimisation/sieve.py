"""Keeps proposals that are worth a call: valid, new, and allowed."""

from collections.abc import Callable, Collection, Sequence

from vaekit.tasks.optimisation.constraints import Constraint, allowed

__all__ = ["Sieve"]

_FIRST_YIELD, _LEAST_YIELD, _MOST_AT_ONCE = 0.5, 0.02, 512
_EMPTY_ROUNDS = 12  # in a row, after which there seems to be nothing more to find


class Sieve:
    """Lets each molecule through once.

    Args:
        constraints: What proposals must keep.

    Attributes:
        drawn: Molecules that were drawn from the model.
        invalid: Those of them that were none.
        barred: Those that break a constraint.
    """

    def __init__(self, constraints: Sequence[Constraint] = ()) -> None:
        self.constraints = constraints
        self.seen: set[str] = set()
        self._barred: set[str] = set()
        self.drawn = self.invalid = self.barred = 0

    def close(self, smiles: Collection[str]) -> None:
        """Let these not through again."""
        self.seen.update(smiles)

    def pick(self, drawn: Sequence[str | None]) -> list[int]:
        """Places of those that are valid, new, allowed, and the first of their kind."""
        self.drawn += len(drawn)
        first: dict[str, int] = {}
        for place, one in enumerate(drawn):
            if one is None:
                self.invalid += 1
            elif one not in self.seen and one not in self._barred:
                first.setdefault(one, place)
        if not self.constraints:
            return list(first.values())
        good = allowed(list(first), self.constraints)
        bad = [one for one, fine in zip(first, good, strict=True) if not fine]
        self._barred.update(bad)
        self.barred += len(bad)
        return [place for (_, place), fine in zip(first.items(), good, strict=True) if fine]

    def gather(self, draw: Callable[[int], Sequence[str | None]], n: int) -> list[str]:
        """Draw until there are n good ones, or hardly any come any more.

        The fewer of those drawn were good, the more are drawn at once, which is cheaper.

        Args:
            draw: Gives so many molecules.
            n: How many are wanted.
        """
        found: dict[str, None] = {}
        empty = total = 0
        while len(found) < n and empty < _EMPTY_ROUNDS:
            good = max(len(found) / total, _LEAST_YIELD) if total else _FIRST_YIELD
            drawn = draw(min(int((n - len(found)) / good) + 16, _MOST_AT_ONCE))
            total += len(drawn)
            fresh = [str(drawn[place]) for place in self.pick(drawn)]
            before = len(found)
            found.update(dict.fromkeys(fresh))
            empty = empty + 1 if len(found) == before else 0
        return list(found)[:n]
