"""Domains: raw data to the tensors that networks see, and back."""

from vaekit.domains.arrays import ArrayDomain
from vaekit.domains.auto import find_domain
from vaekit.domains.base import LIKELIHOODS, Domain
from vaekit.domains.context import Context
from vaekit.domains.image_folders import image_files, read_images
from vaekit.domains.images import ImageDomain
from vaekit.domains.label_files import read_labels
from vaekit.domains.molecules import MoleculeDomain, Standardiser, Targets
from vaekit.domains.pieces import read_pieces
from vaekit.domains.sequences import (
    BytePairs,
    Characters,
    SelfiesSymbols,
    SequenceDomain,
    SmilesAtoms,
    Tokeniser,
    Vocabulary,
)
from vaekit.domains.series import SeriesDomain, dominant_period
from vaekit.domains.sources import read_source
from vaekit.domains.tables import (
    Below,
    Category,
    Constant,
    Key,
    Moment,
    Number,
    Ranks,
    Straight,
    TableDomain,
    Text,
    Together,
    Unique,
)

__all__ = [
    "LIKELIHOODS",
    "ArrayDomain",
    "Below",
    "BytePairs",
    "Category",
    "Characters",
    "Constant",
    "Context",
    "Domain",
    "ImageDomain",
    "Key",
    "MoleculeDomain",
    "Moment",
    "Number",
    "Ranks",
    "SelfiesSymbols",
    "SequenceDomain",
    "SeriesDomain",
    "SmilesAtoms",
    "Standardiser",
    "Straight",
    "TableDomain",
    "Targets",
    "Text",
    "Together",
    "Tokeniser",
    "Unique",
    "Vocabulary",
    "dominant_period",
    "find_domain",
    "image_files",
    "read_images",
    "read_labels",
    "read_pieces",
    "read_source",
]
