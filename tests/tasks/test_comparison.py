"""Comparisons: real ones in seconds, and verdicts on numbers made up to be known."""

import csv
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from vaekit import presets
from vaekit.cli.app import app
from vaekit.comparison import (
    BenchmarkRun,
    BenchmarkScore,
    Comparison,
    ComparisonSettings,
    compare,
    summarize,
    table,
    write_comparison,
)
from vaekit.comparison.report import PICTURES
from vaekit.datasets import digits
from vaekit.errors import DataError, SaveError, SpecError
from vaekit.metrics import raw_features

pytestmark = pytest.mark.slow

QUICK = ComparisonSettings(minutes=0.015, seeds=2, marks=(0.5, 1.0), samples=100, steps=(1, 3))
FRECHET = "Frechet distance, samples"
FLOW = "flow_matching(steps=4)"


@pytest.fixture(scope="module")
def found():
    data = digits()
    return compare(data.images, ["vae", "gan", presets.flow_matching(steps=4)], settings=QUICK)


def test_each_model_and_seed_is_scored_at_each_mark(found):
    assert [(t.model, t.seed) for t in found.runs] == [
        (model, seed) for seed in (0, 1) for model in ("vae", "gan", FLOW)
    ]
    for run in found.runs:
        assert run.failure is None
        assert run.scores[-1].seconds >= 0.8 * 60 * QUICK.minutes
        assert len(run.samples) == 24
        assert run.latency > 0
        assert run.megabytes > 4 * run.parameters / 1e6


def test_scores_on_the_way_are_of_the_weights_of_that_time(found):
    early, late = found.runs[0].scores
    assert 0.4 * 60 * QUICK.minutes < early.seconds < late.seconds
    assert early.values[FRECHET] != late.values[FRECHET]
    assert early.values.keys() == late.values.keys()


def test_real_items_are_the_floor(found):
    assert found.floor["coverage, samples"] > 0.8
    for model in found.models:
        assert min(found.values(model, FRECHET)) > found.floor[FRECHET]


def test_what_a_model_cannot_is_not_made_up(found):
    assert found.values("vae", "Frechet distance, reconstructions")
    assert found.values("vae", "Frechet distance, model prior")
    for model in ("gan", FLOW):
        assert not found.values(model, "Frechet distance, reconstructions")
    line = next(line for line in table(found) if "reconstructions" in line[0])
    assert line[2:4] == ("not available", "not available")


def test_models_that_sample_in_steps_are_scored_with_each_number(found):
    by_steps = {run.model: [s.steps for s in run.by_steps] for run in found.runs}
    assert by_steps == {"vae": [], "gan": [], FLOW: [1, 3]}
    costs = [s.sampling_seconds for s in found.of(FLOW)[0].by_steps]
    assert costs[1] > 1.5 * costs[0]
    assert found.of(FLOW)[0].trained.model.steps == 4


def test_a_failed_training_is_a_result(monkeypatch):
    settings = ComparisonSettings(minutes=0.005, seeds=1, marks=(1.0,), samples=60, steps=())
    found = compare(digits().images[:200], ["vae", "vq_vae"], settings=settings)
    vae, vq_vae = found.runs
    assert vae.failure is None
    assert "a codebook must not be larger than the training set" in vq_vae.failure
    assert not vq_vae.final
    assert any("Failed: vq_vae with seed 0" in sentence for sentence in summarize(found))


def test_tables_are_compared_too():
    rows = np.random.default_rng(0).normal(size=(300, 5)) @ np.diag([1, 2, 3, 4, 5.0])
    settings = ComparisonSettings(minutes=0.01, seeds=1, marks=(1.0,), samples=60, steps=())
    found = compare(rows, ["vae", "diffusion"], settings=settings, latent_dim=2)
    assert all(found.values(model, FRECHET) for model in found.models)
    assert not found.values("vae", "sharpness, samples")
    assert not found.are_images


def test_features_of_ones_own(found):
    own = raw_features(np_to_x(digits().images[:50]))
    settings = ComparisonSettings(minutes=0.005, seeds=1, marks=(1.0,), samples=60, steps=())
    result = compare(digits().images[:300], ["vae"], features=own, settings=settings)
    assert result.features == own.name


def np_to_x(images):
    import torch

    return torch.from_numpy(images).float().div(255).unsqueeze(1)


def run(model, seed, frechet, **options):
    values = {FRECHET: frechet, "sharpness, samples": options.pop("sharpness", 0.5)}
    return BenchmarkRun(
        model, seed, (BenchmarkScore(60.0, values, sampling_seconds=1.0),), **options
    )


def made_up(*runs):
    return Comparison(runs, {}, "raw", (100, 20), QUICK)


def test_the_winner_is_better_with_every_seed():
    clear = made_up(run("a", 0, 5), run("a", 1, 6), run("b", 0, 8), run("b", 1, 9))
    assert summarize(clear)[0].startswith(
        "Quality: a has the samples closest to real items (a 5.50"
    )
    mixed = made_up(run("a", 0, 5), run("a", 1, 9), run("b", 0, 8), run("b", 1, 9))
    assert summarize(mixed)[0].startswith("Quality: no clear winner between a and b")


def test_the_verdict_follows_the_numbers_and_not_the_names():
    swapped = made_up(run("b", 0, 5), run("a", 0, 8))
    assert summarize(swapped)[0].startswith("Quality: b has")


def test_sharpness_is_best_near_one():
    found = made_up(run("a", 0, 5, sharpness=1.4), run("b", 0, 6, sharpness=0.9))
    assert any(s.startswith("Sharpness: b is nearest") for s in summarize(found))


def test_too_few_samples_for_a_measure_are_said():
    settings = ComparisonSettings(minutes=0.005, seeds=1, marks=(1.0,), samples=60, steps=())
    found = compare(digits().images[:300], ["gan"], settings=settings)
    assert summarize(found)[0].startswith("Quality: not measured. ")
    assert "needs more than" in summarize(found)[0]


def test_stability_is_unknown_with_one_seed():
    assert "Stability: unknown, as there was one seed only." in summarize(made_up(run("a", 0, 5)))


def test_the_report_is_a_folder_of_its_own(found, tmp_path):
    out = tmp_path / "report"
    files = write_comparison(out, found, {"data": "digits"})
    expected = {"index.html", "comparison.csv", "comparison.json"} | {f"{p}.png" for p in PICTURES}
    assert {path.name for path in out.iterdir()} == set(files) == expected
    page = (out / "index.html").read_text()
    assert all(f'src="{name}.png"' in page for name in PICTURES)
    assert all(sentence.split(":")[0] in page for sentence in summarize(found))
    stored = json.loads((out / "comparison.json").read_text())
    assert stored["data"] == "digits"
    assert len(stored["trials"]) == 6
    with (out / "comparison.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(t.scores) + len(t.by_steps) for t in found.runs)
    write_comparison(out, found, {})  # an older one is replaced
    (out / "mine.txt").write_text("precious")
    with pytest.raises(SaveError, match="holds something else"):
        write_comparison(out, found, {})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minutes": 0.0}, "positive and finite; got 0.0"),
        ({"seeds": 0}, "from 1 to 1000; got 0"),
        ({"marks": (0.5,)}, "rise to 1"),
        ({"marks": (0.5, 0.2, 1.0)}, "rise to 1"),
        ({"steps": (0,)}, "at least 1 each"),
        ({"samples": 3}, "at least 10"),
        ({"held_out": 1.0}, "between 0 and 1"),
        ({"features": "clasifier"}, "classifier"),
    ],
)
def test_bad_settings_are_refused(options, message):
    with pytest.raises(SpecError, match=message):
        ComparisonSettings(**options)


@pytest.mark.parametrize(
    ("data", "models", "options", "error", "message"),
    [
        (digits().images[:40], ["vae"], {}, DataError, "at least 50 items; got 40"),
        (digits().images, [], {}, SpecError, "at least one"),
        (digits().images, ["vae", "vae"], {}, SpecError, "none of them twice"),
        (digits().images, ["vea"], {}, SpecError, "vae"),
        (digits().images, ["vae"], {"labels": [1, 2]}, DataError, "one class for each"),
    ],
)
def test_bad_comparisons_are_refused(data, models, options, error, message):
    with pytest.raises(error, match=message):
        compare(data, models, settings=QUICK, **options)


def test_features_of_a_classifier_need_labels():
    settings = ComparisonSettings(minutes=0.005, seeds=1, features="classifier")
    with pytest.raises(DataError, match="'classifier' need labels"):
        compare(digits().images, ["vae"], settings=settings)


def test_the_command_writes_the_report_and_says_who_is_best(tmp_path):
    out = tmp_path / "report"
    arguments = ["compare", "digits", "--models", "vae,gan", "--minutes", "0.01", "--seeds", "1"]
    options = ["-n", "100", "--marks", "1", "--labels", "digits", "--out", str(out)]
    result = CliRunner().invoke(app, [*arguments, *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "Frechet distance of samples" in result.output
    assert "Quality:" in result.output
    assert "Control: only vae can be judged" in result.output
    stored = json.loads((out / "comparison.json").read_text())
    edited = {t["model"]: "edited as told" in t["scores"][-1] for t in stored["trials"]}
    assert edited == {"vae": True, "gan": False}
    assert (out / "index.html").exists()
    wrong = CliRunner().invoke(app, ["compare", "digits", "--models", "gam", "--out", str(out)])
    assert isinstance(wrong.exception, SpecError)


def test_with_a_context_it_is_said_who_makes_what_was_asked_for(tmp_path):
    out = tmp_path / "report"
    arguments = ["compare", "digits", "--context", "digits", "--models", "cvae,gan", "--seeds", "1"]
    options = ["--minutes", "0.05", "--marks", "0.5,1", "-n", "200", "--out", str(out)]
    result = CliRunner().invoke(app, [*arguments, *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "what was asked for" in result.output
    stored = json.loads((out / "comparison.json").read_text())
    asked = "own context found, samples"
    assert stored["real_items"][asked] > 0.6
    made = {t["model"]: t["scores"][-1][asked] for t in stored["trials"]}
    assert 0.3 < made["cvae"] <= 1
    assert made.keys() == {"cvae", "gan"}
    assert "as asked" in (out / "index.html").read_text().lower()


def test_captions_are_told_and_asked_for():
    settings = ComparisonSettings(minutes=0.02, seeds=1, marks=(1.0,), samples=60, steps=())
    names = [[f"a {label}", f"the digit {label}"] for label in digits().labels[:300]]
    found = compare(
        digits().images[:300], ["cvae"], context=names, text="learned", settings=settings
    )
    assert 0 <= found.values("cvae", "own context found, samples")[0] <= 1


def test_contexts_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="one row for each of the 100 items; got 7"):
        compare(digits().images[:100], ["vae"], context=["a"] * 7, settings=QUICK)


def test_few_images_with_captions_make_a_report(tmp_path):
    """Fewer held-out images than samples are shown of others."""
    from PIL import Image

    folder, out = tmp_path / "photos", tmp_path / "report"
    folder.mkdir()
    noise = np.random.default_rng(0)
    for place in range(60):
        shade = 60 if place % 2 else 190
        image = noise.integers(-20, 20, (8, 8, 3)) + shade
        Image.fromarray(image.astype(np.uint8)).save(folder / f"{place:02}.png")
        (folder / f"{place:02}.txt").write_text("dark" if place % 2 else "bright\na light square")
    options = ["--models", "cvae", "--minutes", "0.01", "--seeds", "1", "--marks", "1", "-n", "20"]
    arguments = ["compare", str(folder), "--captions", *options, "--out", str(out)]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert (out / "index.html").exists()
    assert "fit their" in result.output
