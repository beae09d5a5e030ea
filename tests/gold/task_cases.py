"""Every task over a trained model."""

import copy
from functools import cache, partial
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import torch
from gold.data import (
    MOLECULES,
    images,
    labels,
    long_series,
    people,
    rows,
    set_of_series,
)
from gold.flat import Tensors, flat
from gold.model_cases import fitted
from gold.table import case, described

from vaekit import Autoencoder, fine_tune, load
from vaekit.anomalies import (
    SCORES,
    VAEDetector,
    conformal_p_values,
    fit_detector,
    load_detector,
    reason_words,
    report_page,
)
from vaekit.augmentation import VAEOverSampler, augment
from vaekit.clustering import METHODS as CLUSTERINGS
from vaekit.clustering import VAEClusterer, assign, cluster
from vaekit.comparison import ComparisonSettings, compare
from vaekit.datasets import shapes
from vaekit.domains import Context
from vaekit.editing import (
    EDIT_METHODS,
    apply_edit,
    discover_directions,
    edit,
    edit_curve,
    find_edit,
    transfer,
)
from vaekit.evaluation import EvaluationSettings, evaluate, interpolation_smoothness
from vaekit.fitting import traverse_latents
from vaekit.molecules import (
    MoleculeDomain,
    find_analogues,
    latent_neighbors,
    molecule_paths,
    molecule_report,
    predict_molecules,
)
from vaekit.molecules.design import METHODS as SEARCHES
from vaekit.molecules.design import (
    Bounded,
    Keeps,
    NoAlerts,
    Predicted,
    Similar,
    maximize,
    minimize,
    optimize,
    within,
)
from vaekit.series import SeriesDomain, fit_steps, series_page
from vaekit.tables import TableDomain, VAEImputer, impute
from vaekit.tasks import sample_where
from vaekit.training import TrainConfig

QUICK = TrainConfig(max_epochs=1, progress=False)
FEW = ["CCOc1ccccc1", "CC(=O)Nc1ccc(O)cc1", "CCN(CC)C(=O)c1cccnc1"]
ASPIRIN, PARACETAMOL = "CC(=O)Oc1ccccc1C(=O)O", FEW[1]


@cache
def _vae() -> Autoencoder:
    return fitted("vae", images())


def _copy(make: Any) -> Autoencoder:
    """A model of one's own: cases must not see each other's changes."""
    return copy.deepcopy(make())


@cache
def _molecules() -> Autoencoder:
    domain = MoleculeDomain("selfies", targets=("mw", "logp"))
    return fitted("auto", MOLECULES, domain=domain, validation=0.2, max_epochs=3)


@cache
def _moses() -> Autoencoder:
    return load("moses")


def _pictures() -> tuple[Any, dict[str, Any]]:
    made = shapes(160, size=16, seed=3)
    side = np.where(made.factors["x"] < np.median(made.factors["x"]), "left", "right")
    shape = [made.label_names[label] for label in made.labels]
    return made.images, {"side": side, "shape": np.array(shape)}


@cache
def _plain() -> Autoencoder:
    return fitted("vae", _pictures()[0], max_epochs=2)


@cache
def _conditional() -> Autoencoder:
    X, told = _pictures()
    return fitted("cvae", X, pd.DataFrame(told), max_epochs=2)


@case("task/interpolate")
def _interpolate() -> dict[str, Any]:
    X, model = images(6), _copy(_vae)
    paths = ("linear", "spherical", "geodesic")
    found = {path: model.interpolate(X[:3], X[3:], 4, path) for path in paths}
    smooth = interpolation_smoothness(model.trained_, X[:3], X[3:], steps=7)
    return flat("", found) | flat("smoothness", smooth)


@case("task/traverse")
def _traverse() -> dict[str, Any]:
    model = _copy(_vae)
    z = torch.from_numpy(model.transform(images(1)))[0]
    paths = traverse_latents(z, [0, 2], torch.linspace(-2, 2, 3))
    items = model.inverse_transform(paths.flatten(0, 1).numpy())
    return flat("latents", paths) | flat("items", items)


def _edit(method: str) -> dict[str, Any]:
    X, told = _pictures()
    by_swap = method == "swap"
    model = _copy(_conditional if by_swap else _plain)
    aim = {"attribute": "side", "to": "right", "method": method}
    context = {"context": pd.DataFrame(told)} if by_swap else {}
    change = find_edit(model.trained_, X, None if by_swap else told, **aim, **context)
    found = flat("edited", edit(model.trained_, X, None if by_swap else told, **aim, **context))
    few = {name: value[:5] for name, value in context.items()}
    found |= flat("applied", apply_edit(model.trained_, X[:5], change, 0.5, **few))
    return found | {"kind": type(change).__name__}


for _method in EDIT_METHODS:
    case(f"task/edit by {_method}")(partial(_edit, _method))


@case("task/edit and protect")
def _protect() -> dict[str, Any]:
    X, told = _pictures()
    aim = {"attribute": "side", "to": "left", "protect": ("shape",)}
    return flat("edited", edit(_copy(_plain).trained_, X, told, **aim, strength=1.5))


@case("task/find directions")
def _directions() -> dict[str, Any]:
    (X, told), trained = _pictures(), _copy(_plain).trained_
    found: dict[str, Any] = {}
    for method in ("mean", "logistic", "svm"):
        change = find_edit(trained, X, told, attribute="side", to="right", method=method)
        found |= flat(method, change.step)
    found |= flat("transfer", transfer(trained, X[:20], X[20:40]).step)
    return found


@case("task/discover directions")
def _discover() -> dict[str, Any]:
    (X, told), trained = _pictures(), _copy(_plain).trained_
    by_decoder = discover_directions(trained, X, 3, told)
    by_latents = discover_directions(trained, X, 2, source="latents")
    found = flat("decoder", [d.step for d in by_decoder])
    found |= flat("latents", [d.step for d in by_latents])
    return found | flat("names", [d.name for d in by_decoder])


@case("task/edit curve")
def _curve() -> dict[str, Any]:
    X, told = _pictures()
    aim = {"attribute": "side", "to": "right", "strengths": (0.5, 1.0), "epochs": 2}
    return flat("", edit_curve(_copy(_plain).trained_, X, told, **aim))


def _cluster(method: str) -> dict[str, Any]:
    X = images()
    model = fitted("vade", X) if method == "model" else _copy(_vae)
    found = cluster(model.trained_, X, method=method, labels=labels())
    told = flat("", found.to_json()) | flat("assignments", found.assignments)
    told |= flat("probabilities", found.probabilities)
    return told | flat("assigned", assign(found, model.trained_, X[:20]))


for _method in CLUSTERINGS:
    case(f"task/cluster by {_method}", only_shapes=True)(partial(_cluster, _method))


@case("task/cluster estimator", only_shapes=True)
def _clusterer() -> dict[str, Any]:
    one = VAEClusterer(3, latent_dim=2, max_epochs=1, progress=False).fit(rows())
    return flat("labels", one.labels_) | flat("new", one.predict(rows()[:9]))


@case("task/augment classes")
def _augment() -> dict[str, Any]:
    frame = people().dropna()
    X, y = frame[["age", "pay"]], frame["job"].to_numpy()
    found = augment(X, y, folds=2, config=QUICK)
    return flat("", found) | {"gain": found.gain}


@case("task/augment numbers")
def _augment_numbers() -> dict[str, Any]:
    frame = people().dropna()
    found = augment(
        frame[["job", "age"]], frame["pay"].to_numpy(), strategy=0.2, folds=2, config=QUICK
    )
    return flat("", found)


@case("task/oversampler")
def _oversampler() -> dict[str, Any]:
    y = np.repeat([0, 0, 0, 0, 1], 40)
    return flat("", VAEOverSampler(max_epochs=1, progress=False).fit_resample(rows(), y))


@case("task/impute a table")
def _impute() -> dict[str, Any]:
    model = fitted("masked_vae", people(), domain=TableDomain(missing="unobserved"), latent_dim=3)
    trained = model.trained_
    found = {
        "mean": impute(trained, people(), draws=5),
        "draw": impute(trained, people(), estimate="draw", draws=5, seed=1),
        "shifted": impute(trained, people(), draws=5, shift={"pay": 1.0}, weighted=False),
    }
    return flat("", found)


@case("task/impute estimator")
def _imputer() -> dict[str, Any]:
    X = rows()
    X[::7, 2] = np.nan
    alone = {"max_epochs": 1, "draws": 5, "stacking": False, "progress": False}
    found = VAEImputer(**alone).fit_transform(X)
    frame = VAEImputer("draw", **alone).fit_transform(people())
    return flat("array", found) | flat("frame", frame)


@case("task/impute stacked")
def _stacked_imputer() -> dict[str, Any]:
    imputer = VAEImputer(max_epochs=1, draws=5, progress=False).fit(people())
    found = flat("mean", imputer.transform(people()))
    return found | flat("draw", imputer.set_params(estimate="draw", seed=1).transform(people()))


@case("task/sample where")
def _where() -> dict[str, Any]:
    model = fitted("auto", people(), domain="table", latent_dim=None)
    where = {"job": "vet", "pay": (1800.0, None), "since": ("2020-06-01", None)}
    found = flat("table", sample_where(model.trained_, 6, where, seed=1))
    trained = _copy(_molecules).trained_
    return found | flat("molecules", sample_where(trained, 6, {"logp": (None, 3.0)}, seed=1))


@case("task/compare", only_shapes=True)
def _compare() -> dict[str, Any]:
    settings = ComparisonSettings(minutes=0.003, seeds=1, marks=(1.0,), steps=(), samples=30)
    found = compare(images(100), ["vae", "gan"], settings=settings)
    said = found.to_json()
    floor = [str(name) for name in said["real_items"]]
    told = flat("models", found.models) | {"floor": "\n".join(floor), "features": found.features}
    return told | flat("parameters", [trial["parameters"] for trial in said["trials"]])


def _evaluation(found: Any) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for row in found.rows() if callable(found.rows) else found.rows:
        name = f"{row.group}/{row.name}"
        told[name] = "none" if row.value is None else float(row.value)
        if row.parts:
            told[f"{name}/parts"] = np.array(row.parts, float)
        if row.standard_error is not None:
            told[f"{name}/error"] = float(row.standard_error)
    return told | {"pictures": "\n".join(sorted(found.pictures))}


SETTINGS = EvaluationSettings(draws=4, samples=60, annealed=3, annealing_steps=5)


@case("task/evaluate images", only_shapes=True)
def _evaluate_images() -> dict[str, Any]:
    found = evaluate(_copy(_vae).trained_, images(), labels=labels(), settings=SETTINGS)
    return _evaluation(found)


@case("task/evaluate codes", only_shapes=True)
def _evaluate_codes() -> dict[str, Any]:
    settings = EvaluationSettings(draws=2, samples=60, features="raw")
    return _evaluation(
        evaluate(fitted("vq_vae", images(80)).trained_, images(80), settings=settings)
    )


@case("task/evaluate latents by factors", only_shapes=True)
def _evaluate_factors() -> dict[str, Any]:
    factors = np.c_[rows()[:, 0] > 0, rows()[:, 1] > 0].astype(int)
    model = fitted("vae", rows(), latent_dim=2)
    found = evaluate(model.trained_, rows(), factors=factors, settings=SETTINGS)
    return _evaluation(found)


@case("task/evaluate a table", only_shapes=True)
def _evaluate_table() -> dict[str, Any]:
    frame = people()
    model = fitted("auto", frame, domain="table", latent_dim=None)
    settings = EvaluationSettings(draws=2, samples=100, target="job")
    return _evaluation(evaluate(model.trained_, frame, training=frame, settings=settings))


@case("task/evaluate molecules", only_shapes=True)
def _evaluate_molecules() -> dict[str, Any]:
    settings = EvaluationSettings(draws=2, samples=20)
    trained = _copy(_molecules).trained_
    return _evaluation(evaluate(trained, MOLECULES, training=MOLECULES, settings=settings))


def _detector(detector: VAEDetector, X: Any) -> dict[str, Any]:
    found = {
        "scores": detector.score_samples(X),
        "training": detector.decision_scores_,
        "labels": detector.labels_,
        "offset": detector.offset_,
        "probabilities": detector.probabilities(X),
        "predicted": detector.predict(X),
    }
    return flat("", found)


def _reasons(detector: VAEDetector, X: Any) -> dict[str, Any]:
    reasons = detector.explain(X, top=2)
    told = {
        "columns": "\n".join(",".join(r.column for r in row) for row in reasons),
        "words": "\n".join(reason_words(r) for row in reasons for r in row),
        "shares": np.array([r.share for row in reasons for r in row]),
    }
    return flat("reasons", told)


def _rows_with_anomalies() -> Any:
    X = rows()
    X[5] += (4, -4, 0, 0)
    return X


def _search(options: dict[str, Any]) -> dict[str, Any]:
    X = _rows_with_anomalies()
    detector = VAEDetector(max_epochs=2, progress=False, **options).fit(X)
    found = _detector(detector, X[:40]) | _reasons(detector, X[:7])
    if "false_alarm_rate" in options:
        found |= flat("p_values", detector.p_values(X[:40]))
    return found | flat("drift", detector.drift(X[:60] + 0.5))


for _name, _options in {
    "auto": {},
    "contamination": {"contamination": 0.05},
    "novelty": {"novelty": True},
    "the former default": {"method": "contaminated"},
    "the former default of clean rows": {"method": "novelty", "novelty": True},
    "a false-alarm rate": {"false_alarm_rate": 0.1},
}.items():
    case(f"task/anomalies of rows by {_name}")(partial(_search, _options))


def _score(name: str) -> dict[str, Any]:
    X = _rows_with_anomalies()
    detector = fit_detector(fitted("vae", X, latent_dim=2).trained_, X, score=name)
    return flat("scores", detector.score(X)) | flat("training", detector.training)


for _name in SCORES:
    if "window" not in _name and "patches" not in _name:
        case(f"task/anomaly score {_name}")(partial(_score, _name))


@case("task/anomalies of a table")
def _anomalous_table() -> dict[str, Any]:
    frame = people()
    detector = VAEDetector(0.03, max_epochs=2, progress=False).fit(frame)
    found = _detector(detector, frame[:40]) | _reasons(detector, frame[:6])
    page = report_page(detector.detector_, detector.decision_scores_, -detector.offset_, [], "")
    return found | {"page": str(page[:15])} | flat("drift", detector.drift(frame[:50]))


@case("task/anomalies of patches")
def _anomalous_patches() -> dict[str, Any]:
    large = images(60).repeat(6, 1).repeat(6, 2)
    options = {"novelty": True, "method": "patches", "max_epochs": 1, "progress": False}
    detector = VAEDetector(**options).fit(large)
    return _detector(detector, large[:20]) | flat("heat", detector.heat_maps(large[:3]))


@case("task/anomalies of images")
def _anomalous_images() -> dict[str, Any]:
    detector = VAEDetector(novelty=True, max_epochs=1, progress=False).fit(images())
    return _detector(detector, images(30)) | flat("heat", detector.heat_maps(images(3)))


@case("task/anomalies of a series")
def _anomalous_series() -> dict[str, Any]:
    X, domain = long_series(), SeriesDomain(window=16)
    detector = VAEDetector(domain=domain, max_epochs=1, progress=False).fit(X)
    found = _detector(detector, X) | flat("steps", detector.step_scores(X))
    found |= flat("events", detector.events(X)) | flat("surprise", detector.steps_.surprise(X))
    page = series_page(detector.detector_, X, detector.step_scores(X), detector.events(X))
    return found | {"page": str(page[:15]), "threshold": detector.steps_.threshold}


@case("task/anomalies of clean windows")
def _clean_windows() -> dict[str, Any]:
    X, domain = long_series(), SeriesDomain(window=16)
    options = {"novelty": True, "max_epochs": 1, "progress": False}
    detector = VAEDetector(domain=domain, **options).fit(X[:240])
    return flat("steps", detector.step_scores(X)) | flat("events", detector.events(X))


@case("task/anomalies of whole series")
def _whole_series() -> dict[str, Any]:
    X = set_of_series()
    trained = fitted("vae", X, domain="series").trained_
    steps = fit_steps(fit_detector(trained, X, score="bound"), X)
    return flat("steps", steps.score(X)) | flat("events", steps.events(X))


@case("task/detectors go on learning and are stored")
def _further() -> dict[str, Any]:
    X = rows()
    detector = VAEDetector(max_epochs=1, progress=False).fit(X[:120])
    detector.partial_fit(X[120:])
    found = _detector(detector, X[:30])
    with TemporaryDirectory() as place:
        detector.save(f"{place}/run")
        again = load_detector(f"{place}/run")
    found |= flat("again", again.score_samples(X))
    return found | flat("p", conformal_p_values([0.5, 2.0], [0.0, 1.0, 3.0]))


@case("task/report on molecules")
def _report() -> dict[str, Any]:
    found = molecule_report([*FEW, "C1CC", "OCC", "CCO"], [*MOLECULES, FEW[0]])
    return flat("", found) | flat("counts", found.counts)


@case("task/analogues", only_shapes=True)
def _analogues() -> dict[str, Any]:
    trained = _copy(_molecules).trained_
    found = find_analogues(trained, "CCCCO", 5, similarity=0.05, draws=80, training=MOLECULES)
    told = flat("molecules", list(found.report.smiles)) | flat("radius", found.radius)
    told |= flat("similarity", found.similarity_to_lead)
    return told | flat("rings", list(found.rings)) | {"candidates": found.candidates}


@case("task/paths between molecules", only_shapes=True)
def _ways() -> dict[str, Any]:
    paths = molecule_paths(_copy(_molecules).trained_, MOLECULES[:2], MOLECULES[30:32], 5)
    return flat("", paths)


@case("task/neighbours of molecules")
def _near() -> dict[str, Any]:
    found = latent_neighbors(_copy(_molecules).trained_, MOLECULES[:3], MOLECULES, 2)
    return flat("", found)


@case("task/predict")
def _predict() -> dict[str, Any]:
    given = [*MOLECULES[:5], "C1CC"]
    return flat("", predict_molecules(_copy(_molecules).trained_, given, compute=True))


def _optimize(method: str) -> dict[str, Any]:
    return _found(
        optimize(
            _copy(_molecules).trained_,
            maximize("qed"),
            start=MOLECULES[:20],
            budget=24,
            method=method,
            batch=6,
        )
    )


def _found(found: Any) -> dict[str, Any]:
    told = {
        "molecules": "\n".join(record.smiles for record in found.records),
        "scores": found.scores,
        "order": found.order,
        "pareto": found.is_pareto,
        "method": found.found.method,
        "stopped": found.found.stopped,
        "columns": dict(found.columns),
        "summaries": [[s.best, s.top10, s.area] for s in found.summaries],
    }
    return flat("", told)


for _method in ("auto", *SEARCHES):
    case(f"task/optimise by {_method}", only_shapes=True)(partial(_optimize, _method))


@case("task/optimise several things", only_shapes=True)
def _several() -> dict[str, Any]:
    trained = _copy(_molecules).trained_
    aims = [
        maximize("qed"),
        within("logp", 1.0, 3.0),
        minimize(len, name="length"),
        maximize(Predicted(trained, "mw")),
    ]
    keep = [Similar("CCCCc1ccccc1", 0.1), Keeps("C"), NoAlerts(), Bounded("mw", 10, 400)]
    return _found(
        optimize(
            trained,
            aims,
            constraints=keep,
            start=MOLECULES,
            budget=20,
            baselines=("random",),
            combine="mean",
        )
    )


@case("task/refit the prior")
def _refit() -> dict[str, Any]:
    model = _copy(_vae)
    model.refit_prior("kernel", images())
    return described(model) | flat("sample", model.sample(5, seed=0))


@case("task/fine tune")
def _fine_tune() -> dict[str, Any]:
    tuned = fine_tune(_copy(_vae), images()[100:], max_epochs=1)
    found = described(tuned) | flat("sample", tuned.sample(3, seed=0))
    more = fine_tune(_copy(_molecules), MOLECULES[:40], max_epochs=1, targets=("tpsa",))
    return found | flat("targets", predict_molecules(more.trained_, MOLECULES[:4]))


def _resumed(options: dict[str, Any]) -> dict[str, Any]:
    with TemporaryDirectory() as place:
        folder = {"checkpoint_dir": f"{place}/run", "checkpoint_seconds": 0.0}
        first = fitted("vae", images(), **folder, **options)
        again = fitted("vae", images(), **folder, **options, resume=True)
    return flat("first", described(first)) | flat("again", described(again))


case("task/train with checkpoints")(partial(_resumed, {"max_epochs": 2}))
case("task/train with averaged weights")(
    partial(_resumed, {"max_epochs": 3, "ema": 0.9, "patience": 1, "validation": 0.2})
)


@case("task/train with other settings")
def _settings() -> dict[str, Any]:
    options = {"learning_rate": 0.01, "warm_up": 0.5, "weight_decay": 0.1, "gradient_clip": 0.5}
    return described(fitted("vae", images(), **options, steps=5, max_epochs=None))


@case("task/contexts are read")
def _context() -> dict[str, Any]:
    context = Context().fit(labels())
    return flat("rows", context.prepare(labels(9))) | {"dim": context.dim}


@case("moses")
def _stored_molecules() -> dict[str, Any]:
    model = _copy(_moses)
    found = {
        "sample": model.sample(5, seed=0),
        "aimed": model.sample(3, seed=0, where={"qed": (0.6, None)}),
        "codes": model.transform(FEW),
        "back": model.reconstruct(FEW),
        "scores": model.score_samples(FEW, draws=2),
        "weights": Tensors(t.numpy() for t in model.model_.state_dict().values()),
        "predicted": predict_molecules(model.trained_, FEW),
        "ways": molecule_paths(model.trained_, [ASPIRIN], [PARACETAMOL], 4),
    }
    return flat("", found)
