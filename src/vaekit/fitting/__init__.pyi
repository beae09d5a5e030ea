from .fine_tuning import fine_tune_model as fine_tune_model
from .fit import (
    Fitted as Fitted,
    Plan as Plan,
    assemble as assemble,
    examine as examine,
    fit_model as fit_model,
    fit_prior as fit_prior,
    train_further as train_further,
)
from .interpolation import (
    decoded_energy as decoded_energy,
    interpolate_latents as interpolate_latents,
    shorten as shorten,
    traverse_latents as traverse_latents,
)
from .prior import (
    NAMED_PRIORS as NAMED_PRIORS,
    named_prior as named_prior,
    refit_prior as refit_prior,
)
from .trained import Trained as Trained
from .conditional import read_conditions as read_conditions
