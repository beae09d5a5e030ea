"""What parts were called in earlier formats, so that runs stored then load forever."""

from typing import Any

_FORMAT_1 = {
    "domains.ArrayDomain": "domains.arrays",
    "domains.ImageDomain": "domains.images",
    "domains.MoleculeDomain": "domains.molecules",
    "domains.SequenceDomain": "domains.sequences",
    "domains.SeriesDomain": "domains.series",
    "domains.TableDomain": "domains.table",
    "domains.BytePairs": "components.BytePairs",
    "domains.Below": "components.Below",
    "domains.Category": "components.Category",
    "domains.Characters": "components.Characters",
    "domains.Constant": "components.Constant",
    "domains.Context": "components.Context",
    "domains.Key": "components.Key",
    "domains.Moment": "components.Moment",
    "domains.Number": "components.Number",
    "domains.Ranks": "components.Ranks",
    "domains.SelfiesSymbols": "components.SelfiesSymbols",
    "domains.SmilesAtoms": "components.SmilesAtoms",
    "domains.Standardiser": "components.Standardiser",
    "domains.Straight": "components.Straight",
    "domains.Targets": "components.Targets",
    "domains.Text": "components.Text",
    "domains.Together": "components.Together",
    "domains.Unique": "components.Unique",
    "domains.Vocabulary": "components.Vocabulary",
}
"""Names of format 1 (vaekit 0.1), and what they are called now."""


def upgraded(spec: Any) -> Any:
    """Return a description of format 1 with today's names; others are returned as they are.

    Example:
        >>> upgraded({"type": "domains.ImageDomain", "args": {"size": None}})
        {'type': 'domains.images', 'args': {'size': None}}
    """
    if isinstance(spec, list):
        return [upgraded(item) for item in spec]
    if not isinstance(spec, dict):
        return spec
    items = {key: upgraded(value) for key, value in spec.items()}
    if set(items) == {"type", "args"} and isinstance(items["type"], str):
        items["type"] = _FORMAT_1.get(items["type"], items["type"])
    return items
