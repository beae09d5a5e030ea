"""How the reference reads our docstrings: a heading ``Example:`` is Google's ``Examples:``."""

import re
from typing import Any

import griffe


class Docstrings(griffe.Extension):
    """Rewrites docstrings in memory, where the reference is built, and nowhere else."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Give doctests the heading under which they are shown as code."""
        if obj.docstring is not None:
            text = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
            # A paragraph of its own, wherever the docstring has it.
            obj.docstring.value = re.sub(r"^Source: ", "**Source:** ", text, flags=re.MULTILINE)
