"""Write the stored runs and descriptions: ``python tests/gold/make_runs.py``.

They are of the format that they were first written in, and stay as they are when the format
changes: what users have stored must load. Run this only to add a kind of run, and never to make a
test pass.
"""

import json
import shutil
import sys
import warnings
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from gold.cases import CASES
from gold.data import MOLECULES, SEQUENCES, images, labels, long_series, people, rows, set_of_series
from gold.stored import RUNS, RUNS_FOLDER, checkpointed, records_of, records_of_spec, shape_of
from gold.table import WATCHERS, run
from laws.examples import example, randomised
from torch import nn
from vaekit.tasks.anomalies import fit_detector, fit_steps

from vaekit import Autoencoder
from vaekit.domains import MoleculeDomain, SequenceDomain, SeriesDomain, TableDomain
from vaekit.latents import Single
from vaekit.likelihoods import AutoregressiveTable, TargetedTokens, Tokens
from vaekit.models import VAE
from vaekit.networks import (
    AutoregressiveCells,
    Chain,
    MLPDecoder,
    MLPEncoder,
    Offset,
    TabularEncoder,
    TokenEncoder,
    TokenGRU,
)
from vaekit.posteriors import DiagonalGaussian
from vaekit.presets import vq_vae
from vaekit.priors import AutoregressiveCodes, FittedFlow, StandardNormal
from vaekit.sklearn import VAEDetector
from vaekit.spec import arguments, describe, registry
from vaekit.tasks import Plan, Trained, fit_model
from vaekit.training import TrainConfig

SPECS = Path(__file__).with_name("specs.json")
SPEC_CASES = ("preset/", "prior/", "domain/", "likelihood/", "context/")


def small(preset: Any, X: Any, shape: tuple, outs: int, context: Any = None, **options: Any) -> Any:
    """A model with networks of eight units."""
    context_dim = options.pop("context_dim", 0)
    settings = {"max_epochs": 2, "batch_size": 64, "progress": False, "latent_dim": 2}
    networks = {
        "encoder": MLPEncoder(shape, (8,)),
        "decoder": MLPDecoder(2 + context_dim, (8,), (outs, *shape)),
    }
    return Autoencoder(preset, **(settings | networks | options)).fit(X, context=context)


def _composed(domain: Any, X: Any, encoder: Any, decoder: Any, likelihood: Any) -> Autoencoder:
    """A model of parts that the estimator would make larger; untrained, with moved weights."""
    latent = Single(DiagonalGaussian(8, 2), StandardNormal(2))
    model = randomised(VAE(encoder, latent, decoder, likelihood)).eval()
    made = Autoencoder("vae", 2, domain=domain, progress=False)
    made.health_ = None
    made.adopt(Trained(model, domain), [{"epoch": 1, "step": 1, "loss": 2.5}], {"preset": "vae"})
    return made.refit_prior("mixture", X)


def _table(domain: TableDomain, likelihood: str) -> Autoencoder:
    domain = domain.fit(people())
    table = domain.prepare(people())
    chosen = domain.parts(table, 2, likelihood=likelihood).likelihood
    if isinstance(chosen, AutoregressiveTable):
        cells = AutoregressiveCells(**{**arguments(chosen.cells), "width": 8})
        cells.start_from(domain.encode(table))
        chosen = AutoregressiveTable(cells)
    codes = [column.num_codes for column in domain.learnt]
    encoder = TabularEncoder(codes, domain.event_shape[0] - len(codes), (8, 8), True)
    start = Offset((1, chosen.num_features))
    decoder = Chain(MLPDecoder(2, (8, 8), (1, chosen.num_features), True), start)
    return _composed(domain, people(), encoder, decoder, chosen)


def _tokens(domain: Any, X: Any) -> Autoencoder:
    domain = domain.fit(X)
    words = domain.vocabulary
    likelihood = Tokens(TokenGRU(words.num_codes, words.steps, 8, 8, 8))
    encoder = TokenEncoder(words.num_codes, 8, 8, words.steps)
    decoder = MLPDecoder(2, (8,), (1, likelihood.num_features), True)
    return _composed(domain, X, encoder, decoder, likelihood)


def _told_molecules() -> Autoencoder:
    domain = MoleculeDomain(num_merges=20, targets=("mw", "logp")).fit(MOLECULES)
    parts = domain.parts(domain.prepare(MOLECULES), 2)
    words, usual = domain.vocabulary, parts.likelihood
    tokens = Tokens(TokenGRU(words.num_codes, words.steps, 8, 8, 8))
    likelihood = TargetedTokens(tokens, usual.num_targets)
    encoder = TokenEncoder(words.num_codes, 8, 8, words.steps)
    decoder = MLPDecoder(2, (8,), (1, likelihood.num_features), True)
    return _composed(domain, MOLECULES, encoder, decoder, likelihood)


def _codes() -> Autoencoder:
    model = small(vq_vae(num_codes=16, pieces=2), images(), (1, 8, 8), 1)
    latent = model.model_.latent
    prior = AutoregressiveCodes(latent.num_coordinates, latent.num_codes, width=8, steps=10)
    return model.refit_prior(prior, images())


def _flow() -> Autoencoder:
    model = small("vae", images(), (1, 8, 8), 1)
    return model.refit_prior(FittedFlow(2, hidden=(8,), steps=10), images())


def _detected(model: Autoencoder, X: Any, score: str, *, of_series: bool = False) -> VAEDetector:
    detector = fit_detector(model.trained_, X, score=score)
    steps = fit_steps(detector, X) if of_series else None
    made = VAEDetector(domain=model.domain, progress=False)
    return made.adopt(model, detector, None, steps)


def _windows() -> Autoencoder:
    domain = SeriesDomain(window=16)
    return small("vae", long_series(), (2, 16), 1, domain=domain, likelihood="gaussian")


class _Stop(Exception):
    pass


def _checkpoint(folder: Path) -> None:
    """A training that is interrupted in its third epoch."""
    model = checkpointed(folder)
    names = TrainConfig().__dataclass_fields__
    config = TrainConfig(**{name: getattr(model, name) for name in names})
    plan = Plan(**{name: getattr(model, name) for name in Plan().__dataclass_fields__})

    def stop(event: Any) -> None:
        if event.step == 8:
            raise _Stop

    config = TrainConfig(**{**vars(config), "checkpoint_seconds": 0.0})
    try:
        fit_model(plan, images(), None, config, folder=folder, callbacks=[stop])
    except _Stop:
        return
    raise RuntimeError("the training was not interrupted")


MAKERS = {
    "images": partial(small, "vae", images(), (1, 8, 8), 1),
    "numbers": partial(small, "vae", rows(), (4,), 1, likelihood="learned_gaussian"),
    "table": partial(_table, TableDomain(), "autoregressive"),
    "table_with_holes": partial(_table, TableDomain(missing="hole", scale="straight"), "auto"),
    "series_windows": _windows,
    "series_set": lambda: small(
        "vae", set_of_series(), (1, 20), 1, domain="series", likelihood="gaussian"
    ),
    "sequences": partial(_tokens, SequenceDomain(), SEQUENCES),
    "molecules": partial(_tokens, MoleculeDomain("selfies"), MOLECULES),
    "molecules_with_targets": _told_molecules,
    "conditional": partial(small, "cvae", images(), (1, 8, 8), 1, labels(), context_dim=10),
    "codes": _codes,
    "flow_prior": _flow,
    "gan": partial(small, "gan", images(), (1, 8, 8), 1),
    "detector_of_table": lambda: _detected(_table(TableDomain(), "auto"), people(), "contaminated"),
    "detector_of_rows": lambda: _detected(
        small("vae", rows(), (4,), 1, likelihood="learned_gaussian"), rows(), "novelty"
    ),
    "detector_of_series": lambda: _detected(_windows(), long_series(), "bound", of_series=True),
}


def write_runs() -> None:
    """All runs, and what is computed from them."""
    shutil.rmtree(RUNS_FOLDER, ignore_errors=True)
    RUNS_FOLDER.mkdir()
    for name, make in MAKERS.items():
        make().save(RUNS_FOLDER / name)
    _checkpoint(RUNS_FOLDER / "checkpoint")
    found = {name: records_of(partial(use, RUNS_FOLDER / name)) for name, use in RUNS.items()}
    _write(RUNS_FOLDER / "expected.json", found)


def write_specs() -> None:
    """Descriptions of whole models and of single components."""
    models: dict[str, Any] = {}
    for name in CASES:
        if name.startswith(SPEC_CASES):
            WATCHERS[:] = [partial(models.__setitem__, name)]
            run(name)
    WATCHERS.clear()
    found = {name: {"spec": _spec(model)} for name, model in models.items()}
    for one in found.values():
        one["expected"] = records_of_spec(one["spec"])
    parts = {name: _component(name) for name in registry()}
    _write(SPECS, found | {f"component/{name}": part for name, part in parts.items()})


def _spec(model: Autoencoder) -> dict[str, Any]:
    with TemporaryDirectory() as place:
        model.save(f"{place}/run")
        documents = {
            name: json.loads(Path(f"{place}/run/{name}.json").read_text())
            for name in ("model", "domain")
        }
    state = model.model_.state_dict()
    return documents | {"tensors": {name: shape_of(tensor) for name, tensor in state.items()}}


def _component(name: str) -> dict[str, Any]:
    made = example(name)
    state = made.state_dict() if isinstance(made, nn.Module) else {}
    return {
        "component": describe(made),
        "tensors": {key: list(tensor.shape) for key, tensor in state.items()},
    }


def _write(path: Path, found: dict[str, Any]) -> None:
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in found.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    if "specs" not in sys.argv:
        write_runs()
    if "runs" not in sys.argv:
        write_specs()
