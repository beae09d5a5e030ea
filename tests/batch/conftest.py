"""Small runs in folders, and data sets of a few shards."""

import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vaekit.anomalies import VAEDetector
from vaekit.autoencoder import Autoencoder
from vaekit.datasets import digits
from vaekit.tables.domain import TableDomain

FEW = {"max_epochs": 2, "progress": False}


def make_frame(rows, seed=0, holes=False):
    rng = np.random.default_rng(seed)
    size = rng.normal(size=rows)
    frame = pd.DataFrame(
        {
            "id": np.arange(rows) + 1_000_000 * seed,
            "size": size,
            "weight": 2 * size + rng.normal(size=rows),
            "count": rng.integers(0, 9, rows),
            "kind": np.where(size > 0, "a", "b"),
        }
    )
    if holes:
        frame.loc[::7, "size"] = np.nan
        frame.loc[::5, "kind"] = None
    return frame


def as_table(frame):
    return pa.Table.from_pandas(frame, preserve_index=False)


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    learned, holes = make_frame(200, 8), make_frame(200, 9, holes=True)
    learned, holes = learned.drop(columns="id"), holes.drop(columns="id")
    images, labels = digits().images[:300], digits().labels[:300]
    words = ["".join(np.random.default_rng(n).choice(list("ABCD"), 6)) for n in range(60)]
    series = np.random.default_rng(1).normal(size=(80, 12)).cumsum(1)
    unobserved = TableDomain(missing="unobserved", scale="standard")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = {
            "table": Autoencoder(latent_dim=2, **FEW).fit(learned),
            "holes": Autoencoder("masked_vae", 2, domain=unobserved, **FEW).fit(holes),
            "detector": VAEDetector(**FEW).fit(learned),
            "images": Autoencoder("vae", 4, **FEW).fit(images),
            "labelled": Autoencoder("vae", 4, **FEW).fit(images, context=labels),
            "words": Autoencoder(latent_dim=2, domain="sequences", **FEW).fit(words),
            "series": Autoencoder(latent_dim=2, domain="series", **FEW).fit(series),
            "plain": Autoencoder("autoencoder", 2, **FEW).fit(learned),
        }
    for name, model in made.items():
        model.save(folder / name)
    return folder


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """Five shards; none of them a whole number of slices, one with another name further down."""
    folder = tmp_path_factory.mktemp("data")
    for n in range(4):
        pq.write_table(as_table(make_frame(500 + n, n)), folder / f"part-{n}.parquet", 64)
    (folder / "deeper").mkdir()
    pq.write_table(as_table(make_frame(30, 5)), folder / "deeper" / "part-0.parquet")
    (folder / "_SUCCESS").write_text("")
    return folder


def read_all(folder):
    """Contents of all files of a folder by name."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in paths}
