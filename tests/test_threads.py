"""Many threads on one model give what one thread gives, and leave the global generator alone."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch

from vaekit import Autoencoder, load, tasks
from vaekit.molecules import MoleculeDomain, predict_targets
from vaekit.presets import sequence_vae
from vaekit.series import SeriesDomain
from vaekit.sklearn import VAEClusterer, VAEDetector, VAEImputer

THREADS = 8
RNG = np.random.default_rng(0)
FEW = {"max_epochs": 1, "progress": False}


def some_table(rows=60):
    size = RNG.normal(size=rows)
    kind = np.where(size + RNG.normal(size=rows) > 0, "a", "b")
    return pd.DataFrame({"size": size, "weight": 2 * size + RNG.normal(size=rows), "kind": kind})


WAVE = np.sin(np.arange(300) / 4) + 0.1 * RNG.normal(size=300)
SMILES = ["C" * n + end for n in range(2, 10) for end in ("O", "N", "Cl", "C(=O)O")]


def in_threads(call, numbers):
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(call, numbers))


def equal(a, b):
    if isinstance(a, pd.DataFrame):
        return a.equals(b)
    return np.array_equal(np.asarray(a), np.asarray(b), equal_nan=np.asarray(a).dtype.kind == "f")


@pytest.fixture(scope="module")
def table():
    return some_table()


@pytest.fixture(scope="module")
def table_model(table):
    return Autoencoder(latent_dim=2, seed=1, **FEW).fit(table)


@pytest.fixture(scope="module")
def image_model():
    return Autoencoder(latent_dim=2, network="conv", seed=1, **FEW).fit(
        RNG.random((40, 8, 8), np.float32)
    )


@pytest.fixture(scope="module")
def detector(table):
    return VAEDetector(seed=0, **FEW).fit(table[["size", "weight"]].to_numpy())


@pytest.fixture(scope="module")
def imputer(table):
    return VAEImputer(seed=0, **FEW).fit(table[["size", "weight"]])


@pytest.fixture(scope="module")
def molecule_model():
    pytest.importorskip("rdkit")
    domain = MoleculeDomain("smiles", targets=("heavy_atoms", "logp"))
    return Autoencoder(sequence_vae(beta=0.05), 4, domain=domain, seed=1, **FEW).fit(SMILES)


@pytest.fixture(scope="module")
def series_detector():
    return VAEDetector(domain=SeriesDomain(window=20), seed=0, **FEW).fit(WAVE)


@pytest.fixture(scope="module")
def clusterer(table):
    return VAEClusterer(3, latent_dim=1, seed=0, **FEW).fit(numbers(table))


def numbers(table):
    return table[["size", "weight"]].to_numpy()


def kinds_of(count):
    return (["a", "b"] * count)[:count]


def kinds(table):
    return {"kind": table["kind"].tolist()}


def holed(table):
    frame = table[["size", "weight"]].copy()
    frame.iloc[::3, 0] = np.nan
    return frame


CALLS = {
    "transform": lambda m, t, i: m["table"].transform(t.iloc[i:]),
    "reconstruct": lambda m, t, i: m["table"].reconstruct(t.iloc[i:]),
    "score": lambda m, t, i: m["table"].score_samples(t.iloc[i:], draws=4),
    "score of images": lambda m, t, i: m["images"].score_samples(pictures(i), draws=4),
    "sample": lambda m, t, i: m["table"].sample(20, seed=i),
    "sample of images": lambda m, t, i: m["images"].sample(5, seed=i),
    "sample where": lambda m, t, i: m["table"].sample(5, seed=i, where={"kind": "a"}),
    "impute": lambda m, t, i: m["imputer"].transform(holed(t)),
    "detect": lambda m, t, i: m["detector"].decision_function(numbers(t)),
    "detect in series": lambda m, t, i: m["series"].step_scores(WAVE[i:]),
    "explain anomalies": lambda m, t, i: [
        reason.column for row in m["detector"].explain(numbers(t)[i : i + 2]) for reason in row
    ],
    "cluster": lambda m, t, i: m["clusterer"].predict(numbers(t)[i:]),
    "find clusters": lambda m, t, i: (
        tasks.cluster(m["clusterer"].autoencoder_.trained_, numbers(t), k=3, seed=i).assignments
    ),
    "edit": lambda m, t, i: tasks.edit(
        m["table"].trained_, t.iloc[i:], kinds(t.iloc[i:]), attribute="kind", to="b"
    ),
    "edit of images": lambda m, t, i: tasks.edit(
        m["images"].trained_, pictures(i + 21), kinds_of(i + 24), attribute="label", to="b"
    ),
    "discover directions": lambda m, t, i: [
        found.step.numpy()
        for found in tasks.discover_directions(m["images"].trained_, pictures(9), 2, seed=i)
    ],
    "fit": lambda m, t, i: Autoencoder(latent_dim=2, seed=i, **FEW).fit(t).sample(5, seed=0),
    "fit of images": lambda m, t, i: (
        Autoencoder(latent_dim=2, network="conv", seed=i, **FEW)
        .fit(pictures(40))
        .transform(pictures(3))
    ),
}
OF_MOLECULES = {
    "sample": lambda m, i: m.sample(10, seed=i),
    "predict": lambda m, i: list(predict_targets(m.trained_, SMILES[i:]).values()),
    "fit": lambda m, i: (
        Autoencoder(sequence_vae(), 2, domain=MoleculeDomain("smiles"), seed=i, **FEW)
        .fit(SMILES[:16])
        .transform(SMILES[:3])
    ),
}


def pictures(n):
    return np.random.default_rng(n).random((n + 3, 8, 8), np.float32)


@pytest.fixture(scope="module")
def models(table_model, image_model, detector, imputer, series_detector, clusterer):
    return {
        "table": table_model,
        "images": image_model,
        "detector": detector,
        "imputer": imputer,
        "series": series_detector,
        "clusterer": clusterer,
    }


@pytest.mark.parametrize("name", CALLS)
def test_threads_give_the_serial_bytes(models, table, name):
    check_threads(lambda i: CALLS[name](models, table, i))


@pytest.mark.parametrize("name", OF_MOLECULES)
def test_threads_give_the_serial_bytes_of_molecules(molecule_model, name):
    check_threads(lambda i: OF_MOLECULES[name](molecule_model, i))


def check_threads(call):
    alone = [call(i) for i in range(THREADS)]
    state = torch.get_rng_state()
    together = in_threads(call, [*range(THREADS), *range(THREADS)])
    assert torch.equal(torch.get_rng_state(), state)
    assert all(equal(a, b) for a, b in zip([*alone, *alone], together, strict=True))


def test_the_global_generator_is_not_touched_while_a_model_draws(models, table):
    torch.manual_seed(3)
    expected = [torch.rand(2) for _ in range(200)]
    torch.manual_seed(3)
    with ThreadPoolExecutor(2) as pool:
        working = [pool.submit(models["table"].sample, 50, seed=i) for i in range(8)]
        drawn = [torch.rand(2) for _ in range(200)]
        for one in working:
            one.result()
    assert all(torch.equal(a, b) for a, b in zip(expected, drawn, strict=True))


def test_threads_that_load_and_save(models, table, tmp_path):
    models["table"].save(tmp_path / "run")
    alone = models["table"].sample(5, seed=0)

    def load_and_sample(i):
        return load(tmp_path / "run").sample(5, seed=0)

    assert all(equal(alone, found) for found in in_threads(load_and_sample, range(THREADS)))


def test_the_filters_of_warnings_are_as_before(models, table):
    before = list(warnings.filters)
    in_threads(lambda i: models["table"].score_samples(table, draws=2), range(THREADS))
    assert list(warnings.filters) == before
