from . import (
    anomalies as anomalies,
    augmentation as augmentation,
    batch as batch,
    clustering as clustering,
    comparison as comparison,
    datasets as datasets,
    distributions as distributions,
    domains as domains,
    editing as editing,
    errors as errors,
    evaluation as evaluation,
    explorer as explorer,
    hub as hub,
    images as images,
    latents as latents,
    likelihoods as likelihoods,
    metrics as metrics,
    models as models,
    molecules as molecules,
    networks as networks,
    objectives as objectives,
    plots as plots,
    posteriors as posteriors,
    presets as presets,
    priors as priors,
    reading as reading,
    registry as registry,
    sequences as sequences,
    series as series,
    sklearn as sklearn,
    streams as streams,
    tables as tables,
    tasks as tasks,
    trackers as trackers,
    training as training,
    tuning as tuning,
)

from .autoencoder import Autoencoder as Autoencoder, fine_tune as fine_tune
from .batch.scorer import Scorer as Scorer
from .reading.tables import read_table as read_table
from .registry import register as register
from .streams.opening import stream as stream
from .training.callbacks import Callback as Callback, StopTraining as StopTraining
from .storage.loading import load as load
from .tuning.search import tune as tune

__version__: str
from .demo import run_demo as run_demo
