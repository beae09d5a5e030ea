"""Each group of an evaluation against the measures that it is made of."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from vaekit import Autoencoder
from vaekit.datasets import digits, shapes
from vaekit.errors import DataError, SpecError
from vaekit.evaluation import (
    MEASURES,
    EvaluationContext,
    EvaluationSettings,
    Measure,
    ReportRow,
    evaluate,
)
from vaekit.evaluation.settings import FEATURE_ITEMS
from vaekit.metrics import (
    disentanglement,
    latent_health,
    log_likelihood,
    module_features,
    reconstruction_quality,
)
from vaekit.randomness import make_generator

FEW = EvaluationSettings(draws=4, samples=80, annealed=2, annealing_steps=3)


def fitted(preset="vae", context=None, data=None, **options):
    images = digits().images[:600] if data is None else data
    model = Autoencoder(preset, latent_dim=3, max_epochs=2, progress=False, **options)
    return model.fit(images, context=context).trained_


@pytest.fixture(scope="module")
def vae():
    return fitted()


@pytest.fixture(scope="module")
def whole(vae):
    return evaluate(vae, digits().images, labels=digits().labels, settings=FEW)


def subject_of(trained, settings=FEW, labels=None, context=None):
    return EvaluationContext.of(trained, digits().images, context, labels, None, settings)


def test_every_measure_has_a_row_with_a_number_or_a_reason(whole):
    assert {row.group for row in whole.rows()} == {measure.group for measure in MEASURES}
    assert all(row.note for row in whole.rows() if row.value is None)
    assert len({row.name for row in whole.rows()}) == len(whole.rows())
    assert sum(row.value is not None for row in whole.rows()) > 35


def test_features_of_ones_own_are_used_as_given(vae):
    own = module_features(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 4)))
    found = evaluate(vae, digits().images, features=own, settings=FEW)
    assert (
        "module, given; 80 samples" in next(r for r in found.rows() if r.measure == "features").note
    )
    assert found.value("Frechet distance, samples") != evaluate(
        vae, digits().images, settings=FEW
    ).value("Frechet distance, samples")


def test_the_bound_is_that_of_the_metrics(vae, whole):
    items = subject_of(vae).batches(5000)
    bound = log_likelihood(vae.vae, items, draws=4, generator=make_generator(0))
    row = next(row for row in whole.rows("likelihood") if row.measure == "IWAE-4 bound")
    assert (row.value, row.standard_error) == (bound.mean, bound.standard_error)
    assert row.interval == bound.interval()
    assert whole.value("ELBO") < row.value
    assert "no density (Bernoulli" in row.note


def test_annealed_sampling_stands_beside_the_bound_on_the_same_items(whole):
    rows = {row.name: row for row in whole.rows("likelihood")}
    names = ("annealed importance sampling", "IWAE-4 bound, same items")
    assert [rows[name].items for name in names] == [2, 2]


@pytest.mark.parametrize(
    ("likelihood", "offset", "says"),
    [
        ("bernoulli", 0.0, "no density (Bernoulli on grey values)"),
        ("discretized_logistic", 0.0, "log-probability"),
        ("learned_gaussian", 8.0, "log density of 256 levels"),
        ("continuous_bernoulli", 8.0, "log density of 256 levels"),
    ],
)
def test_bits_per_dimension_of_discrete_and_of_dense_likelihoods(likelihood, offset, says):
    trained = fitted(likelihood=likelihood)
    bits, bound = _bits_and_bound(evaluate(trained, digits().images[:100], settings=FEW))
    assert bits.value == pytest.approx(-bound.value / (64 * math.log(2)) + offset)
    assert bits.standard_error == pytest.approx(bound.standard_error / (64 * math.log(2)))
    assert says in bits.note


def _bits_and_bound(result):
    rows = {row.measure: row for row in result.rows("likelihood")}
    return rows["bits per dimension"], rows["IWAE-4 bound"]


def test_bernoulli_on_black_and_white_is_a_probability():
    images = (digits().images > 127).astype(np.uint8) * 255
    result = evaluate(fitted(data=images), images[:100], settings=FEW)
    assert {row.note for row in _bits_and_bound(result)} == {"log-probability"}


def test_latents_and_reconstruction_are_those_of_the_metrics(vae, whole):
    subject = subject_of(vae)
    health = latent_health(vae.vae, subject.batches(2000))
    assert whole.value("active units") == health.active_units
    kl = next(row for row in whole.rows() if row.measure.startswith("KL of latents"))
    assert kl.parts == pytest.approx(health.kl_per_latent)
    items = subject.some(5000)
    quality = reconstruction_quality(subject.x(items), subject.reconstructed(items))
    assert whole.value("squared error per value") == quality.mse
    assert whole.value("SSIM") == quality.ssim


def test_the_mean_kl_is_taken_apart_exactly(whole):
    def value(start):
        return next(row.value for row in whole.rows("latents") if row.name.startswith(start))

    assert value("mean KL") == pytest.approx(value("mutual") + value("KL of the aggregate"))
    parts = value("of it total") + value("of it KL")
    assert value("KL of the aggregate") == pytest.approx(parts, abs=1e-6)


def test_real_items_are_the_floor_and_features_saw_none_of_what_is_compared(vae, whole):
    assert whole.value("Frechet distance, real items") < whole.value(
        "Frechet distance, model prior"
    )
    subject = subject_of(vae)
    sets = [
        set(s.index.tolist()) for s in (subject.reference, subject.others, subject.learned_from)
    ]
    assert [len(s) for s in sets] == [80, 80, 718]
    assert len(set.union(*sets)) == 878
    every = subject_of(vae, replace(FEW, samples=10**6))
    assert every.compared == (1797 - 718) // 2
    assert len(every.learned_from) < FEATURE_ITEMS


def test_features_are_named(vae, whole):
    raw = replace(FEW, features="raw", draws=1, annealed=0)
    values = evaluate(vae, digits().images, labels=digits().labels, settings=raw)
    for result, name in ((whole, "classifier"), (values, "raw values, 64 principal components")):
        notes = {row.note for row in result.rows("samples") if row.measure == "recall"}
        assert notes == {name}


def test_without_labels_values_are_compared_and_named_as_what_they_are(vae):
    assert subject_of(vae).features.name.startswith("raw values")


def test_text_and_numbers_are_the_same_labels(vae, whole):
    names = np.array([f"digit {label}" for label in digits().labels], dtype=object)
    again = evaluate(vae, digits().images, labels=names, settings=FEW)
    assert again.rows("samples") == whole.rows("samples")


def test_too_few_items_for_the_frechet_distance_are_a_row_that_says_how_many(vae):
    result = evaluate(vae, digits().images[:100], labels=digits().labels[:100], settings=FEW)
    rows = {row.name: row for row in result.rows("samples")}
    refused = rows["Frechet distance, samples"]
    assert refused.value is None
    assert "needs more than 64 items" in refused.note
    assert "got 30 real and 30 generated" in refused.note
    assert rows["coverage, samples"].value is not None


def test_points_have_no_likelihood_and_no_codes():
    result = evaluate(fitted("autoencoder"), digits().images[:100], settings=FEW)
    notes = {row.name: row.note for row in result.rows()}
    assert "points" in notes["ELBO"]
    assert "not codes" in notes["codes used, perplexity"]
    assert set(result.pictures) == {"samples", "reconstructions", "latent_map"}


def test_samples_of_a_conditional_model_have_the_contexts_of_real_items():
    labels = digits().labels
    trained = fitted("cvae", context=labels[:600])
    subject = subject_of(trained, context=labels)
    seen = []
    generate = trained.vae.generate
    trained.vae.generate = lambda n, context, fitted, **options: (
        seen.append(context) or generate(n, context, fitted=fitted, **options)
    )
    subject.sampled(subject.reference)
    expected = labels[subject.reference.index.numpy()]
    assert torch.cat(seen).argmax(1).tolist() == expected.tolist()


def test_disentanglement_of_known_factors():
    data = shapes(300, size=16)
    trained = fitted(data=data.images)
    factors = np.stack(list(data.factors.values()), axis=1)
    result = evaluate(trained, data.images, factors=factors, settings=FEW)
    subject = EvaluationContext.of(trained, data.images, None, None, factors, FEW)
    expected = disentanglement(subject.codes, torch.from_numpy(subject.factors))
    assert result.value("SAP") == expected.sap
    assert result.value("DCI completeness") == expected.completeness
    assert len(result.rows("disentanglement")) == 7


def test_a_table_has_no_similarity_of_images():
    rows = np.random.default_rng(0).normal(size=(300, 5))
    result = evaluate(fitted(data=rows), rows, settings=FEW)
    notes = {row.name: row.note for row in result.rows()}
    assert result.value("SSIM") is None
    assert "images only" in notes["sharpness, real items"]
    assert "scaled columns" in notes["bits per dimension"]
    assert set(result.pictures) == {"kl_per_latent", "latent_map"}


def test_the_same_seed_gives_the_same_rows(vae, whole):
    again = evaluate(vae, digits().images, labels=digits().labels, settings=FEW)
    assert again.rows() == whole.rows()


def test_other_errors_than_refusals_are_errors():
    def broken(subject):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Measure("group", "name", broken).rows(None)


def test_numbers_that_json_cannot_say_are_none():
    stored = ReportRow("PSNR", math.inf, "dB", parts=(1.0, math.nan)).to_json()
    assert (stored["value"], stored["parts"]) == (None, [1.0, None])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"X": np.zeros((20, 9, 9), np.uint8)}, "images must have shape"),
        ({"X": np.zeros((9, 8, 8), np.uint8)}, "at least 10 items; got 9"),
        ({"labels": [1, 2]}, r"one class per item.* got dtype int64 and shape \(2,\)"),
        ({"labels": np.linspace(0, 1, 20)}, "whole numbers or text"),
        ({"factors": np.zeros((20, 2))}, "factors must be whole numbers"),
        ({"factors": np.zeros((3, 2), int)}, "one row for each of the 20 items"),
        ({"settings": EvaluationSettings("classifier")}, "need labels"),
    ],
)
def test_data_that_do_not_fit_are_refused(vae, arguments, says):
    with pytest.raises(DataError, match=says):
        evaluate(vae, **({"X": digits().images[:20]} | arguments))


def test_settings_are_checked():
    with pytest.raises(SpecError, match="unknown features 'clasifier': did you mean"):
        EvaluationSettings("clasifier")
    with pytest.raises(SpecError, match="draws must be from 1 to 1000000000; got 0"):
        EvaluationSettings(draws=0)


def test_a_name_that_no_row_has_is_answered_with_those_there_are(whole):
    with pytest.raises(KeyError, match="no row is called 'FID'; there are: .*ELBO"):
        whole.value("FID")
