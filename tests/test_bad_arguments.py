"""Bad arguments and bad data in Python: every estimator says in one error what is wrong."""

import os
import warnings

import numpy as np
import pytest
import torch

pd = pytest.importorskip("pandas")

from vaekit import Autoencoder, load, presets, tables  # noqa: E402
from vaekit.datasets import shapes  # noqa: E402
from vaekit.demo import run_demo  # noqa: E402
from vaekit.errors import VaekitError  # noqa: E402
from vaekit.fitting.conditional import sample_where  # noqa: E402
from vaekit.seeds import check_seed  # noqa: E402
from vaekit.sklearn import VAEClusterer, VAEDetector, VAEImputer, VAEOverSampler  # noqa: E402

HUGE = 10**12
NUMBERS = np.random.default_rng(0).normal(size=(40, 3))
CLASSES = np.array([0, 1] * 15 + [0] * 10)

ESTIMATORS = {
    "Autoencoder": lambda **given: Autoencoder(**({"max_epochs": 1, "progress": False} | given)),
    "VAEDetector": lambda **given: VAEDetector(**({"max_epochs": 1} | given)),
    "VAEClusterer": lambda **given: VAEClusterer(**({"max_epochs": 1, "progress": False} | given)),
    "VAEImputer": lambda **given: VAEImputer(**({"max_epochs": 1, "progress": False} | given)),
    "VAEOverSampler": lambda **given: VAEOverSampler(**({"max_epochs": 1} | given)),
}

OPTIONS = {
    "seed": [2**70, 2**32, -1, 1.5, "x", None, float("nan"), [1]],
    "max_epochs": [0, -1, 1.5, 10**20, "x", float("nan"), float("inf")],
    "latent_dim": [0, -3, 1.5, "x", 10**12],
    "batch_size": [0, -1, 10**15, 0.5, "x"],
    "learning_rate": [0, -1, float("nan"), float("inf"), "x"],
    "preset": ["nothing", 3, ""],
    "steps": [0, 10**20, "x"],
    "network_size": ["giant", 3],
    "network": ["nothing"],
    "likelihood": ["nothing"],
    "domain": ["nothing", 7],
    "device": ["tpu", 3, ""],
    "precision": ["fp8", 16],
    "devices": [0, 10**9, "x"],
    "strategy": ["magic"],
    "validation": [1, -0.1, float("nan"), "x"],
    "warm_up": [1, -1, "x"],
    "weight_decay": [-1, float("inf"), "x"],
    "gradient_clip": [0, "x"],
    "ema": [1, -1, "x"],
    "patience": [0, 10**20, "x"],
    "max_minutes": [0, -1, float("nan"), "x"],
    "cpu_minutes": [0, -1, float("nan"), "x"],
    "checkpoint_seconds": [-1, "x", float("nan")],
    "contamination": [0, 0.7, -1, "x"],
    "false_alarm_rate": [0, 2, "x"],
    "method": ["nothing"],
    "n_clusters": [0, -1, 1.5, 10**9, "x"],
    "estimate": ["nothing"],
    "draws": [0, -1, 10**12],
    "sampling_strategy": ["nothing", -1, 7.5],
}
CASES = [
    (name, option, value)
    for name, make in ESTIMATORS.items()
    for option, values in OPTIONS.items()
    if option in make().get_params(deep=False)
    for value in values
]


def fitted(name, estimator, X):
    """Fit, and use what was fitted."""
    if name == "VAEOverSampler":
        return estimator.fit_resample(X, CLASSES[: len(X)])
    estimator.fit(X)
    return estimator.transform(X) if name == "VAEImputer" else estimator


def holed():
    X = NUMBERS.copy()
    X[3, 1] = np.nan
    return X


@pytest.mark.parametrize(("name", "option", "value"), CASES)
@pytest.mark.filterwarnings("ignore")
def test_options(name, option, value):
    X = holed() if name == "VAEImputer" else NUMBERS
    with pytest.raises(VaekitError) as raised:
        fitted(name, ESTIMATORS[name](**{option: value}), X)
    assert len(str(raised.value)) < 2000


FIFO = "pipe.csv"
DATA = {
    "nothing": np.zeros((0, 3)),
    "one row": np.zeros((1, 3)),
    "no columns": np.zeros((5, 0)),
    "text": np.array([["a", "b"]] * 20, dtype="U1"),
    "complex": np.zeros((20, 3), complex),
    "objects": np.array([[object(), 1]] * 20, dtype=object),
    "a number": 3.0,
    "a word": "nowhere.csv",
    "a long word": "n" * 5000,
    "None": None,
    "infinite": np.full((20, 3), np.inf),
    "a list of lists": [[1, 2], [3]],
    "five axes": np.zeros((10, 2, 2, 2, 2)),
    "a function": len,
    "a pipe": FIFO,
    "a folder": ".",
    "bytes": b"1,2,3",
    "a set": {1, 2},
    "sparse": torch.eye(5).to_sparse(),
    "two names": pd.DataFrame(np.zeros((20, 2)), columns=["a", "a"]),
}


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("name", [n for n in ESTIMATORS if n != "VAEOverSampler"])
@pytest.mark.filterwarnings("ignore")
def test_data(name, kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo(FIFO)
    with pytest.raises(VaekitError):
        fitted(name, ESTIMATORS[name](), DATA[kind])


@pytest.fixture(scope="module")
def model():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Autoencoder(max_epochs=1, latent_dim=1, progress=False).fit(NUMBERS)


CALLS = {
    "sample n": lambda m: m.sample(10**12),
    "sample n=0": lambda m: m.sample(0),
    "sample n=1.5": lambda m: m.sample(1.5),
    "sample n=x": lambda m: m.sample("x"),
    "sample seed": lambda m: m.sample(2, seed=2**70),
    "sample seed -1": lambda m: m.sample(2, seed=-1),
    "sample seed x": lambda m: m.sample(2, seed="x"),
    "sample prior": lambda m: m.sample(2, prior="nothing"),
    "sample context": lambda m: m.sample(2, context=3),
    "sample where": lambda m: m.sample(2, where={"a": 3}),
    "score draws": lambda m: m.score_samples(NUMBERS, draws=10**12),
    "score draws 0": lambda m: m.score_samples(NUMBERS, draws=0),
    "transform width": lambda m: m.transform(NUMBERS[:, :2]),
    "transform words": lambda m: m.transform("gone.csv"),
    "decode": lambda m: m.inverse_transform(np.zeros((2, 7))),
    "decode NaN": lambda m: m.inverse_transform(np.full((2, 1), np.nan)),
    "interpolate steps": lambda m: m.interpolate(NUMBERS, NUMBERS, 10**12),
    "interpolate path": lambda m: m.interpolate(NUMBERS, NUMBERS, path="nothing"),
    "interpolate ends": lambda m: m.interpolate(NUMBERS[:3], NUMBERS[:2]),
    "refit": lambda m: m.refit_prior("nothing", NUMBERS),
    "save under a file": lambda m: m.save(f"{__file__}/run"),
    "save long": lambda m: m.save("n" * 300),
    "load long": lambda m: load("n" * 300),
    "load file": lambda m: load(__file__),
    "impute": lambda m: tables.impute(m.trained_, holed()),
    "seed of a task": lambda m: sample_where(m.trained_, 3, {"a": 1}, seed=2**70),
    "preset option": lambda m: presets.choose_preset("beta_vae", {"beta": "x"}),
    "preset number": lambda m: presets.choose_preset("beta_vae", {"beta": float("nan")}),
    "preset name": lambda m: presets.choose_preset("beta_vae", {"gamma": 1}),
    "shapes": lambda m: shapes(10, seed=-1),
    "demo": lambda m: run_demo("n" * 300),
    "demo seed": lambda m: run_demo("demo", 2**70),
    "seed": lambda m: check_seed(2**32),
}


@pytest.mark.parametrize("call", CALLS)
def test_calls(call, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VaekitError):
        CALLS[call](model)


@pytest.mark.parametrize("seed", [0, 2**32 - 1, np.int32(2_000_000_000), np.uint64(7), True])
@pytest.mark.filterwarnings("ignore")
def test_good_seeds(seed):
    model = Autoencoder(max_epochs=1, latent_dim=1, progress=False, seed=seed).fit(NUMBERS)
    assert model.sample(2, seed=seed).shape == (2, 3)
    VAEClusterer(2, max_epochs=1, progress=False, seed=seed).fit(NUMBERS)
