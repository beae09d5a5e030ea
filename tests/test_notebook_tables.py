"""What a notebook shows of results: tables with what was found, escaped."""

import numpy as np
import pytest

from vaekit import Autoencoder
from vaekit.anomalies import VAEDetector
from vaekit.clustering import cluster
from vaekit.evaluation import EvaluationSettings, evaluate
from vaekit.reports import notebook_table

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(-3, 1, size=(150, 4)), RNG.normal(3, 1, size=(150, 4))])


@pytest.fixture(scope="module")
def model():
    return Autoencoder("vae", 2, steps=60, progress=False).fit(X)


def test_names_are_escaped():
    shown = notebook_table(["<b>"], [["a & b"]], "x < y")
    assert "&lt;b&gt;" in shown
    assert "a &amp; b" in shown
    assert "x &lt; y" in shown


def test_the_health_of_latents_has_a_row_for_each(model):
    shown = model.health_._repr_html_()
    assert shown.count("<tr>") == 1 + 2
    assert f"{model.health_.active_units} of 2 latents are active" in shown


def test_an_evaluation_has_a_row_for_each_measure(model):
    found = evaluate(model.trained_, X, settings=EvaluationSettings(draws=4))
    shown = found._repr_html_()
    assert shown.count("<tr>") == 1 + len(found.measured)
    assert "ELBO" in shown


def test_a_clustering_has_a_row_for_each_cluster(model):
    found = cluster(model.trained_, X, k=2)
    shown = found._repr_html_()
    assert shown.count("<tr>") == 1 + found.k
    assert all(f"<td>{one.size}</td>" in shown for one in found.clusters)


def test_a_drift_says_what_moved():
    detector = VAEDetector(max_epochs=3, progress=False).fit(X)
    moved = X.copy()
    moved[:, 2] += 30
    found = detector.drift(moved)
    shown = found._repr_html_()
    assert shown.count("<tr>") == 1 + len(found.columns)
    assert "drift" in shown


def test_a_model_has_a_form_for_notebooks(model):
    assert "text/html" in model._repr_mimebundle_()
