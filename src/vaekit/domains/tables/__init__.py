"""Tables with columns of different kinds."""

from vaekit.domains.tables.base import Column
from vaekit.domains.tables.category import Category
from vaekit.domains.tables.conditions import Allowed, Condition
from vaekit.domains.tables.constraints import Below, Constraint, Together, Unique
from vaekit.domains.tables.domain import TableDomain
from vaekit.domains.tables.infer import KINDS, learn_column
from vaekit.domains.tables.moment import Moment
from vaekit.domains.tables.number import Number
from vaekit.domains.tables.outside import Constant, Key, Text
from vaekit.domains.tables.ranks import Ranks
from vaekit.domains.tables.straight import Straight

__all__ = [
    "KINDS",
    "Allowed",
    "Below",
    "Category",
    "Column",
    "Condition",
    "Constant",
    "Constraint",
    "Key",
    "Moment",
    "Number",
    "Ranks",
    "Straight",
    "TableDomain",
    "Text",
    "Together",
    "Unique",
    "learn_column",
]
