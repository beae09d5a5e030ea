"""Every error that vaekit raises on purpose.

A message says what must be which rule, what was got, and what to do. The tree::

    VaekitError
    ├── SpecError           a stored description or an option is not valid
    │   └── FormatError     a run folder is damaged, foreign or too new
    ├── CompositionError    two parts do not fit each other
    ├── ConformanceError    a part of the user's own breaks a promise (vaekit.testing)
    ├── DataError           the data break a rule (also a ValueError)
    │   └── DataTypeError   the data are of the wrong kind (also a TypeError)
    ├── NotFittedError      used before fit (also a ValueError and an AttributeError)
    ├── TrainingError       training cannot go on
    │   ├── NonFiniteLossError
    │   ├── CallbackError   a callback of the user's own failed
    │   └── TrainingPruned  a callback gave the training up
    ├── SaveError           a file could not be written; the old one is unchanged
    │   └── InUseError      another process works into a folder
    ├── HubError            the hub of models refuses something, or cannot be reached
    └── MissingExtraError   an optional dependency is not installed
"""

import difflib
from collections.abc import Iterable


class VaekitError(Exception):
    """The root: catch it to catch every error of this package."""


class SpecError(VaekitError, ValueError):
    """An option, a name or a stored description is not valid."""


class FormatError(SpecError):
    """A run folder or a checkpoint is damaged, foreign, or of a newer format."""


class CompositionError(VaekitError, TypeError):
    """Two parts do not fit each other; raised before the first training step."""


class ConformanceError(VaekitError):
    """A part of the user's own breaks a promise of its base class."""


class DataError(VaekitError, ValueError):
    """The data break a rule of the domain."""


class DataTypeError(DataError, TypeError):
    """The data are of a kind that the domain cannot read."""


class NotFittedError(VaekitError, ValueError, AttributeError):
    """Used before ``fit``; kin to scikit-learn's error of the same name and bases."""


class TrainingError(VaekitError, RuntimeError):
    """Training cannot start or go on."""


class NonFiniteLossError(TrainingError):
    """The loss became NaN or infinite; names the step, the term and the last good checkpoint."""


class CallbackError(TrainingError):
    """A callback of the user's own raised an error; names the callback and the hook."""


class TrainingPruned(TrainingError):  # noqa: N818 - an outcome that was asked for
    """Raised by a callback to give a training up, as one that is not worth its time."""


class SaveError(VaekitError, OSError):
    """A file could not be written; what was there before is unchanged."""


class InUseError(SaveError):
    """Another process works into a folder, and only one may."""


class HubError(VaekitError, OSError):
    """A run of the hub is not there, is not open to you, or the hub cannot be reached."""


class MissingExtraError(VaekitError, ImportError):
    """An optional dependency is needed and not installed; names the extra."""


def unknown_name(kind: str, name: object, known: Iterable[str]) -> SpecError:
    """Build the error for a name that is not in a list, with the nearest one that is.

    Args:
        kind: What is named, for instance ``"preset"``.
        name: What was given.
        known: The names that exist.

    Example:
        >>> str(unknown_name("preset", "beta-vae", ["vae", "beta_vae"]))
        "unknown preset 'beta-vae': did you mean 'beta_vae'? Known: beta_vae, vae."
    """
    choices = sorted(known)
    folded = {choice.lower(): choice for choice in choices}
    near = difflib.get_close_matches(str(name).lower(), folded, n=1, cutoff=0.5)
    hint = f": did you mean {folded[near[0]]!r}?" if near else "."
    return SpecError(f"unknown {kind} {name!r}{hint} Known: {', '.join(choices)}.")
