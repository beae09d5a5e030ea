from .columns import (
    Category as Category,
    Column as Column,
    Constant as Constant,
    Key as Key,
    Text as Text,
)
from .constraints import (
    Allowed as Allowed,
    Below as Below,
    Condition as Condition,
    Constraint as Constraint,
    Together as Together,
    Unique as Unique,
)
from .dates import Moment as Moment
from .domain import TableDomain as TableDomain
from .imputation import ESTIMATES as ESTIMATES, impute as impute
from .imputer import VAEImputer as VAEImputer
from .infer import KINDS as KINDS, learn_column as learn_column
from .metrics import (
    associations as associations,
    shape_errors as shape_errors,
    train_on_synthetic as train_on_synthetic,
    trend_errors as trend_errors,
    two_sample_auc as two_sample_auc,
)
from .numbers import Number as Number, Ranks as Ranks, Straight as Straight
from .privacy import (
    RowFidelity as RowFidelity,
    blended_neighbours as blended_neighbours,
    closest_record_share as closest_record_share,
    row_fidelity as row_fidelity,
)
from .imputation import is_weighted as is_weighted
