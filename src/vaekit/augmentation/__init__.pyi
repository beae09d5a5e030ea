from .advice import Augmentation as Augmentation
from .augment_table import (
    STRATEGIES as STRATEGIES,
    Strategy as Strategy,
    augment as augment,
    counts_of as counts_of,
    plain_labels as plain_labels,
    synthesize as synthesize,
    wanted_counts as wanted_counts,
    wanted_rows as wanted_rows,
)
from .estimator import VAEOverSampler as VAEOverSampler
from .generators import concatenate_items as concatenate_items
