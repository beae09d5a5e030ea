"""Every kind of data, with the networks and likelihoods that there are for it."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from gold.data import (
    MOLECULES,
    SEQUENCES,
    images,
    labels,
    long_series,
    people,
    rows,
    set_of_series,
)
from gold.flat import flat
from gold.model_cases import everything, fitted
from gold.table import case

from vaekit.datasets import penguins, shapes
from vaekit.domains import ArrayDomain, likelihood_names
from vaekit.images import ImageDomain
from vaekit.molecules import MoleculeDomain
from vaekit.sequences import BytePairs, Characters, SequenceDomain
from vaekit.series import SeriesDomain, dominant_period
from vaekit.tables import TableDomain


def _images(network: str, size: str = "small") -> dict[str, Any]:
    pictures = shapes(80, size=16, color=True, seed=3).images
    options = {"network": network, "network_size": size, "domain": ImageDomain()}
    return everything(fitted("vae", pictures, **options), pictures[:4])


for _network in ("mlp", "conv", "subpixel", "resnet"):
    case(f"domain/images by {_network}")(partial(_images, _network))
case("domain/images by a medium conv")(partial(_images, "conv", "medium"))


@case("domain/images between 0 and 1")
def _float_images() -> dict[str, Any]:
    pictures = torch.from_numpy(images(100)).float() / 16
    return everything(fitted("vae", pictures, domain="images"), pictures[:4])


def _likelihood(name: str) -> dict[str, Any]:
    codes = name == "categorical"
    X = images(100).reshape(100, -1)[:, 18:24] // 4 if codes else images(100)
    model = fitted(
        "vae", X, likelihood=name, domain=ArrayDomain(standardize=False) if codes else "images"
    )
    return everything(model, X[:4])


for _name in likelihood_names():
    if _name not in ("table", "tokens", "autoregressive_table"):
        case(f"likelihood/{_name}")(partial(_likelihood, _name))


@case("domain/arrays")
def _arrays() -> dict[str, Any]:
    return everything(fitted("vae", rows(), latent_dim=2), rows()[:6])


@case("domain/arrays as they are")
def _raw_arrays() -> dict[str, Any]:
    X = pd.DataFrame(rows(), columns=list("abcd"))
    model = fitted("vae", X, latent_dim=2, domain=ArrayDomain(standardize=False))
    return everything(model, X[:6])


@case("domain/table")
def _table() -> dict[str, Any]:
    model = fitted("auto", people(), latent_dim=None, domain="table")
    where = model.sample(6, seed=2, where={"job": ["cook", "vet"], "age": (30, None)})
    return everything(model, people(8)) | flat("where", where)


@case("domain/table with holes")
def _holes() -> dict[str, Any]:
    domain = TableDomain(missing="unobserved", scale="standard")
    return everything(fitted("vae", people(), domain=domain), people(8))


@case("domain/table of penguins")
def _penguins() -> dict[str, Any]:
    frame = penguins()[:150]
    found = everything(fitted("auto", frame, domain="table"), frame[:8])
    return found | flat("data", penguins())


@case("domain/set of series")
def _set_of_series() -> dict[str, Any]:
    X = set_of_series()
    return everything(fitted("vae", X, domain="series"), X[:5])


def _windows(network: str) -> dict[str, Any]:
    X, domain = long_series(), SeriesDomain(window=16, stride=4)
    model = fitted("vae", X, domain=domain, network=network)
    return everything(model, X[:40]) | {"period": dominant_period(X) or 0}


for _network in ("mlp", "temporal_conv", "gru"):
    case(f"domain/windows of a series by {_network}")(partial(_windows, _network))


@case("domain/series with times and holes")
def _timed() -> dict[str, Any]:
    frame = pd.DataFrame(long_series(), columns=["a", "b"])
    frame["at"] = pd.Timestamp("2021-01-01") + pd.to_timedelta(np.arange(300), "min")
    frame.loc[40:44, "a"] = np.nan
    model = fitted("vae", frame, domain=SeriesDomain(window=12, stride=3, time="at"))
    return everything(model, frame[:40])


@case("domain/sequences")
def _sequences() -> dict[str, Any]:
    return everything(fitted("auto", SEQUENCES, domain="sequences"), SEQUENCES[:6])


@case("domain/sequences in byte pairs")
def _pairs() -> dict[str, Any]:
    domain = SequenceDomain(BytePairs(Characters(), 8))
    return everything(fitted("auto", SEQUENCES, domain=domain), SEQUENCES[:6])


def _molecules(kind: str, **options: Any) -> dict[str, Any]:
    domain = MoleculeDomain(kind, num_merges=20, **options)
    return everything(fitted("auto", MOLECULES, domain=domain), MOLECULES[:6])


for _kind in ("bpe-smiles", "selfies", "smiles"):
    case(f"domain/molecules in {_kind}")(partial(_molecules, _kind))
case("domain/molecules with targets")(partial(_molecules, "bpe-smiles", targets=("mw", "logp")))


@case("context/classes")
def _classes() -> dict[str, Any]:
    X, context = images(), labels()
    return everything(fitted("vae", X, context), X[:5], context[:5], 3)


@case("context/columns")
def _columns() -> dict[str, Any]:
    digit = labels()
    context = pd.DataFrame(
        {"digit": [f"d{v}" for v in digit], "half": np.where(digit < 5, "low", "high")}
    )
    model = fitted("cvae", images(), context)
    return everything(model, images(5), context[:5], context[:5])


@case("context/properties")
def _properties() -> dict[str, Any]:
    X, context = images(), images().reshape(200, -1)[:, [20, 30]] / 16.0
    return everything(fitted("cvae", X, context), X[:5], context[:5], context[:5])
