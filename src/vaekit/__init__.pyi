from . import (
    datasets as datasets,
    distributions as distributions,
    domains as domains,
    errors as errors,
    latents as latents,
    likelihoods as likelihoods,
    metrics as metrics,
    models as models,
    networks as networks,
    objectives as objectives,
    plots as plots,
    posteriors as posteriors,
    presets as presets,
    pretrained as pretrained,
    priors as priors,
    tasks as tasks,
    training as training,
)

from .autoencoder import Autoencoder as Autoencoder
from .fine_tuning import fine_tune as fine_tune
from .loading import load as load

__version__: str
