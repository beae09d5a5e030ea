from .formats import ColumnFormat as ColumnFormat
from .records import (
    ColumnReading as ColumnReading,
    Reading as Reading,
    ReadingWarning as ReadingWarning,
    TableOptions as TableOptions,
    use_options as use_options,
)
from .tables import (
    ENDINGS as ENDINGS,
    examine_table as examine_table,
    is_table_file as is_table_file,
    read_table as read_table,
)
