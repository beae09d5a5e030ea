from .codes import Direction as Direction, Edit as Edit, Swap as Swap
from .curve import CurvePoint as CurvePoint, EditCurve as EditCurve, edit_curve as edit_curve
from .directions import find_direction as find_direction
from .edits import (
    EDIT_METHODS as EDIT_METHODS,
    apply_edit as apply_edit,
    discover_directions as discover_directions,
    edit as edit,
    find_edit as find_edit,
    transfer as transfer,
)
