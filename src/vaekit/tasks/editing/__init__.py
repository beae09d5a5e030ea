"""Changing one thing about items through their latents or their context."""

from vaekit.tasks.editing.curve import CurvePoint, EditCurve, edit_curve
from vaekit.tasks.editing.directions import find_direction
from vaekit.tasks.editing.discover import discover_directions
from vaekit.tasks.editing.edit import EDIT_METHODS, apply_edit, edit, find_edit
from vaekit.tasks.editing.edits import Direction, Edit, Swap
from vaekit.tasks.editing.examples import transfer

__all__ = [
    "EDIT_METHODS",
    "CurvePoint",
    "Direction",
    "Edit",
    "EditCurve",
    "Swap",
    "apply_edit",
    "discover_directions",
    "edit",
    "edit_curve",
    "find_direction",
    "find_edit",
    "transfer",
]
