"""What parts were called in earlier formats, so that runs stored then load forever."""

from collections.abc import Mapping
from typing import Any

_TYPES = {
    "domains.ArrayDomain": "domains.arrays",
    "domains.Below": "components.Inequality",
    "domains.BytePairs": "components.BytePairs",
    "domains.Category": "components.CategoricalColumn",
    "domains.Characters": "components.Characters",
    "domains.Constant": "components.ConstantColumn",
    "domains.Context": "components.Context",
    "domains.ImageDomain": "domains.images",
    "domains.Key": "components.KeyColumn",
    "domains.MoleculeDomain": "domains.molecules",
    "domains.Moment": "components.DatetimeColumn",
    "domains.Number": "components.NumericColumn",
    "domains.Ranks": "components.QuantileTransform",
    "domains.SelfiesSymbols": "components.SelfiesSymbols",
    "domains.SequenceDomain": "domains.sequences",
    "domains.SeriesDomain": "domains.series",
    "domains.SmilesAtoms": "components.SmilesAtoms",
    "domains.Standardiser": "components.Standardizer",
    "domains.Straight": "components.StandardScaling",
    "domains.TableDomain": "domains.table",
    "domains.Targets": "components.Targets",
    "domains.Text": "components.TextColumn",
    "domains.Together": "components.FixedCombinations",
    "domains.Unique": "components.Unique",
    "domains.Vocabulary": "components.Vocabulary",
    "likelihoods.DiscretisedLogistic": "likelihoods.DiscretizedLogistic",
    "networks.Beside": "networks.ParallelDecoders",
    "networks.BlurredDecoder": "networks.NoiseConditionedDecoder",
    "objectives.Arrived": "objectives.FixedSchedule",
    "objectives.Pace": "objectives.OptimizerOptions",
    "posteriors.Categorical": "posteriors.GumbelSoftmax",
    "posteriors.VectorQuantised": "posteriors.VectorQuantized",
}
"""Names of parts in format 1 (vaekit 0.1), and what they are called now."""

_ARGUMENTS = {
    "domains.arrays": {"standardise": "standardize"},
    "domains.molecules": {"standardiser": "standardizer", "tokeniser": "tokenizer"},
    "domains.sequences": {"tokeniser": "tokenizer"},
    "domains.series": {"centre": "center"},
    "latents.Discrete": {"quantiser": "quantizer"},
    "networks.AutoregressiveCells": {"told": "numeric_cells"},
    "networks.PatchCritic": {"colours": "image_channels"},
    "networks.TokenEncoder": {"places": "positions"},
    "posteriors.Riemannian": {"regularisation": "regularization"},
    "priors.RiemannianManifold": {"neighbours": "neighbors", "regularisation": "regularization"},
}
"""Arguments of parts in format 1, by today's name of the part."""

_VALUES: Mapping[tuple[str, str], Mapping[Any, Any]] = {
    ("domains.table", "missing"): {"hole": "unobserved"},
    ("domains.table", "unseen"): {"hole": "missing"},
    ("domains.table", "scale"): {"ranks": "quantiles", "straight": "standard"},
}
"""Values of arguments in format 1, by today's names of part and argument."""

_KINDS_OF_COLUMNS = {"moment": "datetime"}

_OPTIONS = {
    "likelihood": {"discretised_logistic": "discretized_logistic"},
    "scale": {"ranks": "quantiles", "straight": "standard"},
}
"""Values of options of estimators in format 1."""

_WEIGHTS = {
    "centre": "center",
    "look": "qkv",
    "places": "positions",
    "quantiser": "quantizer",
    "tell": "modulation",
    "told": "conditioning",
}
"""Names of modules inside others in format 1: parts of the names of weights."""


def upgraded(spec: Any) -> Any:
    """Return a description of format 1 with today's names; others are returned as they are.

    Example:
        >>> upgraded({"type": "domains.TableDomain", "args": {"missing": "hole"}})
        {'type': 'domains.table', 'args': {'missing': 'unobserved'}}
    """
    if isinstance(spec, list):
        return [upgraded(item) for item in spec]
    if not isinstance(spec, dict):
        return spec
    items = {key: upgraded(value) for key, value in spec.items()}
    stored = items.get("type")
    if set(items) != {"type", "args"} or not isinstance(stored, str):
        return items
    if not isinstance(items["args"], dict):
        return items
    name: str = _TYPES.get(stored, stored)
    renamed = _ARGUMENTS.get(name, {})
    values = {renamed.get(str(key), str(key)): v for key, v in items["args"].items()}
    values = {key: _upgraded_value(name, key, value) for key, value in values.items()}
    return {"type": name, "args": values}


def _upgraded_value(name: str, argument: str, value: Any) -> Any:
    if name == "domains.table" and argument == "kinds" and isinstance(value, dict):
        return {column: _KINDS_OF_COLUMNS.get(kind, kind) for column, kind in value.items()}
    known = _VALUES.get((name, argument), {})
    return known.get(value, value) if isinstance(value, str) else value


def upgraded_option(name: str, value: Any) -> Any:
    """Return an option of an estimator of format 1 as it is called now.

    Example:
        >>> upgraded_option("likelihood", "discretised_logistic")
        'discretized_logistic'
    """
    value = upgraded(value)
    return _OPTIONS.get(name, {}).get(value, value) if isinstance(value, str) else value


def upgraded_weights(stored: Mapping[str, Any], expected: Mapping[str, Any]) -> dict[str, Any]:
    """Return weights by today's names, where those of format 1 are not expected.

    Args:
        stored: By the names in the file.
        expected: By the names that the model has now.
    """
    return {name if name in expected else _renamed(name): value for name, value in stored.items()}


def _renamed(name: str) -> str:
    return ".".join(_WEIGHTS.get(part, part) for part in name.split("."))
