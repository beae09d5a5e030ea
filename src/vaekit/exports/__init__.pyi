from .bundle import (
    TARGETS as TARGETS,
    export_model as export_model,
)
from .folders import ExportReport as ExportReport
from .programs import (
    PROGRAMS as PROGRAMS,
    Parts as Parts,
    Program as Program,
)
