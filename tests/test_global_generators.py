"""No function of the package reads or changes the generators that all of a program share."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch

from vaekit import Autoencoder, fine_tune, load, tasks
from vaekit.priors import FittedFlow
from vaekit.sklearn import VAEClusterer, VAEDetector, VAEImputer, VAEOverSampler, load_detector

RNG = np.random.default_rng(0)
FEW = {"max_epochs": 1, "progress": False}
SIZE = RNG.normal(size=260)
NUMBERS = np.stack([SIZE, 2 * SIZE + RNG.normal(size=260)], 1)
KIND = np.where(SIZE > 0, "a", "b")
TABLE = pd.DataFrame({"size": NUMBERS[:, 0], "weight": NUMBERS[:, 1], "kind": KIND})
LABELS = (SIZE > 0.8).astype(int)
FLOW = FittedFlow(2, "maf", steps=1)
HOLED = TABLE[["size", "weight"]].mask(RNG.random((260, 2)) < 0.1)


@pytest.fixture(scope="module")
def model():
    return Autoencoder(latent_dim=2, seed=1, **FEW).fit(TABLE)


@pytest.fixture
def folders(model, tmp_path):
    model.save(tmp_path / "run")
    VAEDetector(**FEW).fit(NUMBERS).save(tmp_path / "detector")
    other = copy.deepcopy(model)
    other.refit_prior(copy.deepcopy(FLOW), TABLE).save(tmp_path / "flow")
    return tmp_path


def states():
    """The state of the generators that are shared; the checks of types draw from Python's."""
    name, keys, *rest = np.random.get_state()
    return torch.get_rng_state().tolist(), name, keys.tolist(), rest


OF_CODES = ("codes", "transformer")
CALLS = {
    "transform": lambda m: m.transform(TABLE),
    "reconstruct": lambda m: m.reconstruct(TABLE),
    "score": lambda m: m.score_samples(TABLE, draws=2),
    "sample": lambda m: m.sample(5),
    "sample where": lambda m: m.sample(5, where={"kind": "a"}),
    "interpolate": lambda m: m.interpolate(TABLE[:2], TABLE[2:4]),
    "interpolate in few steps": lambda m: m.interpolate(TABLE[:1], TABLE[2:3], 4, "geodesic"),
    "refit": lambda m: copy.deepcopy(m).refit_prior(copy.deepcopy(FLOW), TABLE),
    "fine_tune": lambda m: fine_tune(m, TABLE, **FEW),
    "cluster": lambda m: tasks.cluster(m.trained_, TABLE),
    "evaluate": lambda m: tasks.evaluate(m.trained_, TABLE),
    "directions": lambda m: tasks.discover_directions(m.trained_, TABLE, 2),
    "edit": lambda m: tasks.edit(m.trained_, TABLE, {"kind": KIND}, attribute="kind", to="a"),
    "smoothness": lambda m: tasks.interpolation_smoothness(m.trained_, TABLE[:2], TABLE[2:4]),
    "detector": lambda m: VAEDetector(**FEW).fit(NUMBERS).decision_function(NUMBERS),
    "imputer": lambda m: VAEImputer(**FEW).fit(HOLED).transform(HOLED),
    "clusterer": lambda m: VAEClusterer(latent_dim=1, **FEW).fit(NUMBERS).predict(NUMBERS),
    "over-sampler": lambda m: VAEOverSampler(**FEW).fit_resample(NUMBERS, LABELS),
    "parameters": lambda m: Autoencoder(**m.get_params()),
} | {
    f"prior {name}": lambda m, name=name: tasks.get_prior(name, m.trained_.vae, (3,))
    for name in tasks.NAMED_PRIORS
    if name not in (*OF_CODES, "grid_flow", "grid_transformer")
}


def _priors_of_codes(m):
    model = Autoencoder("fsq_vae", latent_dim=1, **FEW).fit(NUMBERS)
    for name in OF_CODES:
        tasks.get_prior(name, model.trained_.vae, (3,))


CALLS["priors of codes"] = _priors_of_codes


@pytest.mark.parametrize("name", CALLS)
def test_shared_generators_are_not_touched(model, name):
    before = states()
    CALLS[name](model)
    assert states() == before


def test_loading_leaves_them_alone(folders):
    before = states()
    load(folders / "run")
    load(folders / "flow")
    load_detector(folders / "detector")
    assert states() == before
