"""What became of each molecule that was given."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Entry", "Report"]

_EXAMPLES = 5


@dataclass(frozen=True)
class Entry:
    """One molecule.

    Attributes:
        row: Where it stood; see `Molecules.rows`.
        given: The SMILES as it was given.
        smiles: The canonical SMILES after standardisation; ``None`` if it was rejected.
        changes: What was done to it, in words.
        reason: Why it was rejected, in words; ``None`` if it was not.
        duplicate_of: The row of the same molecule further up; ``None`` without one.
    """

    row: int
    given: str
    smiles: str | None = None
    changes: Sequence[str] = ()
    reason: str | None = None
    duplicate_of: int | None = None


@dataclass(frozen=True)
class Report:
    """What became of each molecule, in the order given; ``str(report)`` sums it up in words.

    Attributes:
        entries: One for each row.
        place: What rows count: ``"row"``, ``"line"`` or ``"record"``.
    """

    entries: Sequence[Entry]
    place: str = "row"

    @property
    def changed(self) -> list[Entry]:
        """Those that were accepted as another molecule than they were given."""
        return [entry for entry in self.entries if entry.changes and entry.smiles is not None]

    @property
    def rejected(self) -> list[Entry]:
        """Those that were not accepted."""
        return [entry for entry in self.entries if entry.smiles is None]

    @property
    def duplicated(self) -> list[Entry]:
        """Those that stood further up already."""
        return [entry for entry in self.entries if entry.duplicate_of is not None]

    @property
    def counts(self) -> dict[str, int]:
        """How many were ``given``, are ``unique``, ``changed``, ``duplicated``, ``rejected``."""
        rejected, duplicated = len(self.rejected), len(self.duplicated)
        return {
            "given": len(self.entries),
            "unique": len(self.entries) - rejected - duplicated,
            "changed": len(self.changed),
            "duplicated": duplicated,
            "rejected": rejected,
        }

    def __str__(self) -> str:
        """The counts, then what was changed and why some were rejected, with examples."""
        counts = self.counts
        lines = [
            f"{counts['given']} molecules given: {counts['unique']} unique, "
            f"{counts['changed']} changed, {counts['duplicated']} duplicated, "
            f"{counts['rejected']} rejected."
        ]
        for change, entries in _grouped([(c, e) for e in self.changed for c in e.changes]):
            lines.append(f"  changed, {change}: {self._examples(entries)}")
        if self.duplicated:
            lines.append(f"  duplicated: {self._examples(self.duplicated)}")
        for reason, entries in _grouped([(str(e.reason), e) for e in self.rejected]):
            lines.append(f"  rejected, {reason}: {self._examples(entries)}")
        return "\n".join(lines)

    def _examples(self, entries: Sequence[Entry]) -> str:
        rows = ", ".join(str(entry.row) for entry in entries[:_EXAMPLES])
        more = ", ..." if len(entries) > _EXAMPLES else ""
        return f"{len(entries)} ({self.place} {rows}{more})"


def _grouped(pairs: Sequence[tuple[str, Entry]]) -> list[tuple[str, list[Entry]]]:
    """Entries by what they share, the most frequent first."""
    order = Counter(key for key, _ in pairs).most_common()
    return [(key, [entry for other, entry in pairs if other == key]) for key, _ in order]
