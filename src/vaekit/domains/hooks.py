"""What domains answer to tasks: the records that hooks of `Domain` take and return."""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

from torch import Tensor

from vaekit.presets.base import Preset


class ItemForm(enum.Enum):
    """How items are written where they come without their files, as in a request over HTTP."""

    ARRAY = "numbers, or nested lists of them"
    TABLE = "rows of named cells"
    IMAGE = "pictures, as numbers or as files"
    SERIES = "series of numbers with gaps"
    TEXT = "texts"


class TrainingBudget(NamedTuple):
    """How long to train; `TrainConfig` explains.

    Attributes:
        steps: About how many steps.
        batch_size: Items per step; ``None`` for the usual number.
        learning_rate: The largest step size; ``None`` for the usual one.
        max_epochs: Passes over the items; ``None`` for as many as the steps take, but 10 at least.
    """

    steps: int = 1500
    batch_size: int | None = None
    learning_rate: float | None = None
    max_epochs: int | None = None


class DetectorDefaults(NamedTuple):
    """What suits some items.

    Attributes:
        domain: The kind of items, with options chosen.
        preset: The model.
        latent_dim: Its latents; ``None`` for as many as it takes.
        likelihood: Its likelihood.
        score: What tells anomalies; see `vaekit.anomalies.SCORES`.
        budget: How long to train.
    """

    domain: Any
    preset: Preset
    latent_dim: int | None
    likelihood: str
    score: str
    budget: TrainingBudget = TrainingBudget()


def score_of_rows(clean: bool) -> str:
    """Return what tells anomalies among rows of a table; see `vaekit.anomalies.SCORES`.

    Args:
        clean: Whether the training rows are known to be normal.

    Example:
        >>> score_of_rows(clean=True)
        'novelty_and_rules'
    """
    return "novelty_and_rules" if clean else "cleaned_and_rules"


@dataclass(frozen=True)
class UsableItems:
    """Items that a model can read, among all that were given.

    Attributes:
        items: Those that it can read, as the domain reads them.
        positions: Where each of them stood among all, from 0.
        count: How many were given.
        words: Why others cannot be read, for a warning; empty if there are none.
    """

    items: Any
    positions: Sequence[int]
    count: int
    words: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether none are left out."""
        return len(self.positions) == self.count


class Proposals(Protocol):
    """Candidates for items that meet conditions, with their weights."""

    most: ClassVar[int]
    """Candidates to try before a condition counts as too rare."""

    def propose(self, count: int) -> tuple[Tensor, Tensor]:
        """Return candidates as the networks see them, and their log weights, shape (count,)."""


class Conditions(NamedTuple):
    """How conditions on items are read from text, as in ``age>=30``.

    Attributes:
        readers: What reads a value, by the name of a column or property.
        ranges: The names that can be asked for by ``LOW..HIGH``.
    """

    readers: Mapping[str, Callable[[str], Any]]
    ranges: frozenset[str]


@dataclass(frozen=True)
class ReadOptions:
    """Options of the command line that say how data are read.

    Attributes:
        size: Height and width of image files, as in ``48x64``.
        layout: Order of the axes of image arrays.
        skip_bad: Leave out what cannot be read, with a warning.
        keep_transparency: Learn what is transparent.
        targets: Properties that the latents are to predict as well.
        bits: Bits of each value of images deeper than 8 bits.
        drop_stereo: Leave out what molecules say of their stereochemistry.
        id: The column that tells series apart, of a table with a row for each step.
        time: The column of times of such a table.
        require: Inequalities of columns that every row obeys, as in ``begin < end``.
        unique: Columns that are different in each row.
        fixed: Columns, separated by commas, of which only combinations of training occur.
        refuse_unseen: Refuse later values that training did not know.
        scaffold_split: Hold out molecules of other scaffolds than are learned from.
        spell_rare: Spell atoms of molecules that training has seldom by characters.
        balance_classes: Let each class of a target of molecules count as much as the others.
    """

    size: str | None = None
    layout: str | None = None
    skip_bad: bool = False
    keep_transparency: bool = False
    targets: tuple[str, ...] | None = None
    drop_stereo: bool = False
    bits: int | None = None
    id: str | None = None
    time: str | None = None
    require: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    refuse_unseen: bool = False
    scaffold_split: bool = False
    spell_rare: bool = False
    balance_classes: bool = False

    @property
    def of_tables(self) -> bool:
        """Whether any of them is for tables of several kinds of columns only."""
        return bool(self.require or self.unique or self.fixed or self.refuse_unseen)

    @property
    def of_molecules(self) -> str:
        """The first of them that is for molecules only, as it is given; empty without one."""
        chosen = {
            "--drop-stereo": self.drop_stereo,
            "--scaffold-split": self.scaffold_split,
            "--spell-rare": self.spell_rare,
            "--balance-classes": self.balance_classes,
        }
        return next((name for name, is_given in chosen.items() if is_given), "")


class SampleOptions(NamedTuple):
    """Options of ``vaekit sample`` beyond the file to write.

    Attributes:
        grid: A file for drawings of the items.
        training: The data that the model learned from, to tell what is new.
    """

    grid: Path | None = None
    training: str | None = None


class ShardPiece(NamedTuple):
    """Some items of a file, and what conditions a model on them.

    Attributes:
        items: As `Domain.read` gives them.
        context: One value for each; ``None`` without a context.
        decoded: Whether they are an array that took work to make, as that of compressed pictures.
    """

    items: Any
    context: Sequence[Any] | None = None
    decoded: bool = False
