"""Every preset and every fitted prior."""

import copy
from functools import partial
from typing import Any

from gold.data import MOLECULES, images, labels, people
from gold.flat import flat
from gold.table import case, described

from vaekit import Autoencoder
from vaekit.errors import CompositionError
from vaekit.fitting import NAMED_PRIORS, get_prior
from vaekit.presets import choose_preset, preset_names
from vaekit.tables import TableDomain

CONDITIONAL = ("cvae", "fader_vae")
GRIDS = ("latent_diffusion", "vq_transformer")
OPTIONS = {
    "vq_vae": {"num_codes": 16},
    "vq_transformer": {"num_codes": 16},
    "residual_vq_vae": {"num_codes": 16, "depth": 3},
}
"""Of presets whose usual ones need more items."""
SLOW = (
    "diffusion",
    "flow_matching",
    "rhvae",
    "hvae",
    "vq_vae",
    "vq_transformer",
    "residual_vq_vae",
    "fsq_vae",
    "categorical_vae",
    "two_stage_vae",
)


def fitted(preset: str, X: Any, context: Any = None, **options: Any) -> Autoencoder:
    """A model after a few steps."""
    settings = {"latent_dim": None if preset in GRIDS else 4, "max_epochs": 1, "batch_size": 64}
    chosen = choose_preset(preset, OPTIONS[preset]) if preset in OPTIONS else preset
    model = Autoencoder(chosen, progress=False, seed=0, **(settings | options))
    return model.fit(X, context=context)


def everything(model: Autoencoder, X: Any, context: Any = None, one: Any = None) -> dict[str, Any]:
    """All that a model gives, as far as its kind allows it."""
    uses = {
        "sample": lambda: model.sample(5, one, seed=3),
        "sample_of_model": lambda: model.sample(5, one, seed=3, prior="model"),
        "transform": lambda: model.transform(X, context),
        "reconstruct": lambda: model.reconstruct(X, context),
        "decoded": lambda: model.inverse_transform(model.transform(X, context), context),
        "scores": lambda: model.score_samples(X, context, draws=4),
    }
    found = described(model)
    for name, use in uses.items():
        try:
            found |= flat(name, use())
        except CompositionError:
            found[name] = "refused"
    if model.health_ is not None:
        found |= flat("health", model.health_.to_json())
    return found


def _preset(name: str) -> dict[str, Any]:
    X = images(80 if name in SLOW else 200)
    context = labels(len(X)) if name in CONDITIONAL else None
    model = fitted(name, X, context)
    told = context[:6] if context is not None else None
    return everything(model, X[:6], told, 7 if told is not None else None)


for _name in preset_names():
    case(f"preset/{_name}")(partial(_preset, _name))


@case("preset/table_vae of a table")
def _table_vae() -> dict[str, Any]:
    return everything(fitted("table_vae", people()), people(8))


@case("preset/masked_vae of a table")
def _masked_vae() -> dict[str, Any]:
    model = fitted("masked_vae", people(), domain=TableDomain(missing="unobserved"))
    return everything(model, people(8))


@case("preset/sequence_vae of molecules")
def _sequence_vae() -> dict[str, Any]:
    model = fitted("sequence_vae", MOLECULES, domain="molecules")
    return everything(model, MOLECULES[:6])


PRESET_OF_PRIOR = {
    "codes": "vq_vae",
    "grid_flow": "latent_diffusion",
    "grid_transformer": "latent_diffusion",
    "transformer": "vq_vae",
    "uniform_sphere": "svae",
    "wrapped_normal": "poincare_vae",
    "manifold": "rhvae",
}


def _prior(name: str) -> dict[str, Any]:
    preset = PRESET_OF_PRIOR.get(name, "vae")
    X = images(230 if name == "manifold" else 100)
    model = fitted(preset, X, latent_dim=None if preset in GRIDS else 2)
    model = copy.deepcopy(model).refit_prior(_quick(name, model), X)
    found = flat("sample", model.sample(6, seed=1))
    prior = model.model_.fitted_prior
    return found | {"kind": type(prior).__name__} | described(model)


def _quick(name: str, model: Autoencoder) -> Any:
    """The prior of that name; those that are trained for long, for a few steps."""
    prior = get_prior(name, model.model_, model.domain_.event_shape)
    if isinstance(getattr(prior, "steps", None), int):
        prior.steps = 10
    return prior


for _name in NAMED_PRIORS:
    case(f"prior/{_name}")(partial(_prior, _name))
