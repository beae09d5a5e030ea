"""Tiny models of several kinds of data, served within the process."""

import asyncio
import contextlib
import warnings

import httpx
import numpy as np
import pandas as pd
import pytest

from vaekit.anomalies import VAEDetector
from vaekit.autoencoder import Autoencoder
from vaekit.datasets import digits
from vaekit.serving import Service, ServingLimits, build_app
from vaekit.tables.domain import TableDomain

FEW = {"max_epochs": 2, "progress": False}


def make_table(rows=160):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=rows),
            "count": rng.integers(0, 500, rows),
            "kind": rng.choice(["a", "b", "c"], rows),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 99, rows), "D"),
        }
    )
    frame.loc[::7, "size"] = np.nan
    frame.loc[::5, "kind"] = None
    return frame


@pytest.fixture(scope="session")
def table():
    return make_table()


@pytest.fixture(scope="session")
def models(table):
    rng = np.random.default_rng(1)
    rows, labels = rng.normal(size=(200, 4)), digits().labels[:400]
    words = ["".join(rng.choice(list("ABCD"), 6)) for _ in range(60)]
    series = rng.normal(size=(80, 12)).cumsum(1)
    holes = TableDomain(missing="unobserved")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "table": Autoencoder("iwae", latent_dim=2, domain=holes, **FEW).fit(table),
            "whole": Autoencoder(latent_dim=2, domain="table", **FEW).fit(table),
            "numbers": Autoencoder(latent_dim=2, domain="arrays", **FEW).fit(rows),
            "images": Autoencoder("vae", latent_dim=4, **FEW).fit(digits().images[:400]),
            "labelled": Autoencoder("vae", latent_dim=4, **FEW).fit(
                digits().images[:400], context=labels
            ),
            "words": Autoencoder(latent_dim=2, domain="sequences", **FEW).fit(words),
            "series": Autoencoder(latent_dim=2, domain="series", **FEW).fit(series),
            "gan": Autoencoder("gan", domain="arrays", **FEW).fit(rows),
            "detector": VAEDetector(max_epochs=2, progress=False).fit(rows),
            "guard": VAEDetector(false_alarm_rate=0.1, max_epochs=2, progress=False).fit(rows),
        }


@pytest.fixture(scope="session")
def services(models):
    return [Service(name, model) for name, model in models.items()]


class Asking:
    """Asks an application from code that is not asynchronous."""

    def __init__(self, app):
        self.app = app

    def __call__(self, method, path, **options):
        return self.all([(method, path, options)])[0]

    def post(self, path, **options):
        return self("POST", path, **options)

    def get(self, path, **options):
        return self("GET", path, **options)

    def all(self, requests):
        return asyncio.run(self._all(requests))

    async def _all(self, requests):
        transport = httpx.ASGITransport(self.app)
        client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        async with self.app.router.lifespan_context(self.app), client:
            asked = [client.request(method, path, **options) for method, path, options in requests]
            return await asyncio.gather(*asked)


@pytest.fixture(scope="session")
def ask(services):
    return Asking(build_app(services))


@pytest.fixture
def ask_with(services):
    """Returns what asks an application with limits or keys of its own."""

    def make(names=None, keys=(), hosts=None, **limits):
        chosen = [s for s in services if names is None or s.name in names]
        return Asking(build_app(chosen, ServingLimits(**limits), keys=keys, hosts=hosts))

    return make


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    import threading

    with contextlib.suppress(RuntimeError):
        assert not [t for t in threading.enumerate() if t.name == "vaekit-model"]
