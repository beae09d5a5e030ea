from .columns import (
    CategoricalColumn as CategoricalColumn,
    Column as Column,
    ConstantColumn as ConstantColumn,
    KeyColumn as KeyColumn,
    TextColumn as TextColumn,
)
from .constraints import (
    Allowed as Allowed,
    Inequality as Inequality,
    Condition as Condition,
    Constraint as Constraint,
    FixedCombinations as FixedCombinations,
    Unique as Unique,
)
from .dtypes import DatetimeColumn as DatetimeColumn
from .domain import TableDomain as TableDomain
from .imputation import ESTIMATES as ESTIMATES, impute as impute
from .imputation import VAEImputer as VAEImputer
from .infer import KINDS as KINDS, learn_column as learn_column
from .metrics import (
    associations as associations,
    shape_errors as shape_errors,
    train_on_synthetic as train_on_synthetic,
    trend_errors as trend_errors,
    two_sample_auc as two_sample_auc,
)
from .numbers import (
    NumericColumn as NumericColumn,
    QuantileTransform as QuantileTransform,
    StandardScaling as StandardScaling,
)
from .privacy import (
    training_closeness as training_closeness,
    RowFidelity as RowFidelity,
    blended_neighbors as blended_neighbors,
    closest_record_share as closest_record_share,
    row_fidelity as row_fidelity,
)
from .imputation import is_weighted as is_weighted
from .describe import (
    ColumnDescription as ColumnDescription,
    TableDescription as TableDescription,
    describe_table as describe_table,
)
