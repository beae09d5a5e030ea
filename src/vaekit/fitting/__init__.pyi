from .first_stage import (
    FirstStage as FirstStage,
    check_first_stage as check_first_stage,
    read_first_stage as read_first_stage,
)
from .fine_tuning import fine_tune_model as fine_tune_model
from .fit import (
    Fitted as Fitted,
    Plan as Plan,
    assemble as assemble,
    examine as examine,
    fit_model as fit_model,
    fit_prior as fit_prior,
    continue_training as continue_training,
)
from .interpolation import (
    decoded_energy as decoded_energy,
    interpolate_latents as interpolate_latents,
    shorten as shorten,
    traverse_latents as traverse_latents,
)
from .prior import (
    NAMED_PRIORS as NAMED_PRIORS,
    get_prior as get_prior,
    refit_prior as refit_prior,
)
from .trained import TrainedModel as TrainedModel
from .conditional import read_conditions as read_conditions
from .latents import latent_columns as latent_columns
