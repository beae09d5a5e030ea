"""Callbacks: which hook is called when, how one ends a fit, and what becomes of its errors."""

import json

import numpy as np
import pytest
from sklearn.base import clone

import vaekit
from vaekit import Autoencoder, Callback, StopTraining
from vaekit.datasets import digits
from vaekit.errors import CallbackError, SpecError, TrainingPruned
from vaekit.sklearn import VAEClusterer, VAEDetector, VAEImputer, VAEOverSampler

X = np.random.default_rng(0).normal(size=(120, 3))
LABELS = np.array(["a"] * 90 + ["b"] * 30)
HOOKS = [name for name in vars(Callback) if name.startswith("on_")]


class Record(Callback):
    """Keeps what it is called with."""

    def __init__(self, sample_seconds=None, act=lambda hook, given: None):
        self.calls, self.sample_seconds, self.act = [], sample_seconds, act

    def hooks(self):
        return [hook for hook, _ in self.calls]

    def of(self, hook):
        return [given for name, given in self.calls if name == hook]


def _keeping(hook):
    def called(self, given):
        self.calls.append((hook, given))
        self.act(hook, given)

    return called


for _hook in HOOKS:
    setattr(Record, _hook, _keeping(_hook))


def fitted(*callbacks, data=X, **options):
    options = {"max_epochs": 3, "progress": False} | options
    return Autoencoder(callbacks=list(callbacks), **options).fit(data)


def raising(error, when):
    """An action that raises in one hook, the first time."""

    def act(hook, given):
        if hook == when:
            raise error

    return act


def test_hooks_are_called_in_their_order():
    record = Record(sample_seconds=0.0)
    fitted(record)
    epoch = ["on_step", "on_epoch_end", "on_samples"]
    assert record.hooks() == [
        "on_fit_start",
        "on_stage_start",
        *(3 * epoch),
        "on_stage_end",
        "on_stage_start",
        "on_stage_end",
        "on_health",
        "on_samples",
        "on_fit_end",
    ]
    assert record.of("on_stage_start") == record.of("on_stage_end") == ["model", "prior"]


def test_callbacks_hear_what_is_fitted_and_how_it_goes():
    record = Record()
    model = fitted(record, preset=vaekit.presets.beta_vae(beta=2.0), latent_dim=2)
    (start,) = record.of("on_fit_start")
    assert (start.preset, start.items, start.domain) == ("beta_vae", 120, "ArrayDomain")
    assert start.options["latent_dim"] == 2
    assert start.options["option.beta"] == 2.0
    assert json.dumps(dict(start.options))
    rows = [{"epoch": e.epoch, "step": e.step, **e.values} for e in record.of("on_epoch_end")]
    assert rows == model.history_
    assert record.of("on_health") == [model.health_]
    (end,) = record.of("on_fit_end")
    assert end.estimator is model
    (samples,) = record.of("on_samples")
    assert samples.items.shape == (24, 3)
    assert samples.draw is None


def test_samples_of_images_can_be_drawn():
    record = Record()
    fitted(record, data=digits().images[:60], latent_dim=2, max_epochs=1)
    (samples,) = record.of("on_samples")
    assert samples.draw().startswith(b"\x89PNG")


def test_callbacks_change_no_number():
    quiet, watched = fitted(), fitted(Record(sample_seconds=0.0))
    assert quiet.history_ == watched.history_
    assert (quiet.transform(X) == watched.transform(X)).all()
    assert (quiet.sample(5, seed=0) == watched.sample(5, seed=0)).all()


def test_samples_are_drawn_with_the_contexts_of_items():
    record = Record()
    model = Autoencoder("cvae", max_epochs=1, progress=False, callbacks=[record])
    model.fit(X, context=LABELS)
    assert record.of("on_samples")[0].items.shape == (24, 3)


def test_a_gan_has_one_stage_and_no_health():
    record = Record()
    fitted(record, preset="gan", data=digits().images[:60], max_epochs=1)
    assert record.of("on_stage_start") == ["model"]
    assert record.of("on_fit_start")[0].stages == ("model",)
    assert record.of("on_health") == []
    assert {"generator", "critic"} <= record.of("on_epoch_end")[0].values.keys()


@pytest.mark.slow
def test_the_second_stage_of_latent_diffusion_is_reported_step_by_step():
    record = Record()
    fitted(record, preset="latent_diffusion", data=digits().images[:60], max_epochs=1)
    steps = [step for step in record.of("on_step") if step.stage == "prior"]
    assert steps
    assert steps[-1].step == steps[-1].total
    assert record.of("on_stage_end") == ["model", "prior"]


def test_stopping_after_an_epoch_keeps_a_fitted_model():
    record = Record(act=raising(StopTraining(), "on_epoch_end"))
    model = fitted(record)
    assert len(model.history_) == 1
    assert record.hooks()[-1] == "on_fit_end"
    assert model.sample(2, seed=0).shape == (2, 3)


def test_stopping_after_a_step_ends_the_pass_over_the_data():
    record = Record(act=raising(StopTraining(), "on_step"))
    model = fitted(record, batch_size=10)
    assert len(model.history_) == 1
    assert model.history_[0]["step"] == 1
    assert "validation_loss" in model.history_[0]


def test_all_callbacks_hear_of_the_epoch_in_which_one_stops():
    first, second = Record(act=raising(StopTraining(), "on_epoch_end")), Record()
    fitted(first, second)
    assert len(second.of("on_epoch_end")) == 1


def test_stopping_the_prior_ends_its_fit():
    def act(hook, given):
        if hook == "on_step" and given.stage == "prior" and given.step > 0:
            raise StopTraining

    record = Record(act=act)
    preset = vaekit.presets.vq_vae(num_codes=8)
    fitted(record, preset=preset, data=digits().images[:60], max_epochs=1)
    assert len([step for step in record.of("on_step") if step.stage == "prior"]) < 20
    assert record.hooks()[-1] == "on_fit_end"


def test_pruning_gives_the_fit_up():
    record = Record(act=raising(TrainingPruned("not worth it"), "on_epoch_end"))
    with pytest.raises(TrainingPruned, match="not worth it"):
        fitted(record)
    assert record.hooks()[-1] == "on_fit_error"
    assert "on_fit_end" not in record.hooks()


@pytest.mark.parametrize("hook", [h for h in HOOKS if h != "on_fit_error"])
def test_an_error_in_any_hook_ends_the_fit_and_is_named(hook):
    failing, other = Record(act=raising(KeyError("oh"), hook)), Record()
    with pytest.raises(CallbackError, match=f"Record.{hook} raised KeyError: 'oh'"):
        fitted(failing, other)
    assert isinstance(other.of("on_fit_error")[0], CallbackError)


def test_an_error_on_the_way_to_another_is_a_warning():
    def act(hook, given):
        if hook in ("on_epoch_end", "on_fit_error"):
            raise KeyError(hook)

    with (
        pytest.warns(RuntimeWarning, match="on_fit_error failed as well"),
        pytest.raises(CallbackError, match="on_epoch_end"),
    ):
        fitted(Record(act=act))


def test_stopping_where_nothing_can_be_stopped_is_an_error():
    with pytest.raises(CallbackError, match="StopTraining must be raised by on_step"):
        fitted(Record(act=raising(StopTraining(), "on_fit_start")))


def test_an_interrupted_fit_is_an_error_to_callbacks():
    record = Record(act=raising(KeyboardInterrupt(), "on_step"))
    with pytest.raises(KeyboardInterrupt):
        fitted(record)
    assert record.hooks()[-1] == "on_fit_error"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (Record(), "must be a list; got one Record"),
        ([print], "objects of classes derived from vaekit.Callback"),
        ([Record], r"Make one: add \(\)"),
        ("progress", "must be a list of Callback objects; got str"),
    ],
)
def test_what_is_no_callback_is_refused(wrong, words):
    with pytest.raises(SpecError, match=words):
        Autoencoder(callbacks=wrong, max_epochs=1, progress=False).fit(X)


def test_callbacks_are_shared_by_clones_and_not_stored(tmp_path):
    record = Record()
    model = fitted(record)
    assert clone(model).callbacks == [record]
    model.save(tmp_path / "run")
    assert "callbacks" not in (tmp_path / "run" / "train.json").read_text()
    assert vaekit.load(tmp_path / "run").callbacks is None


def test_stored_callbacks_are_refused(tmp_path):
    fitted().save(tmp_path / "run")
    path = tmp_path / "run" / "train.json"
    document = json.loads(path.read_text())
    document["estimator"]["callbacks"] = []
    path.write_text(json.dumps(document))
    with pytest.raises(SpecError, match="unknown option 'callbacks'"):
        vaekit.load(tmp_path / "run")


@pytest.mark.parametrize(
    "make",
    [
        VAEDetector,
        VAEImputer,
        lambda **options: VAEClusterer(3, latent_dim=2, **options),
    ],
    ids=["detector", "imputer", "clusterer"],
)
def test_estimators_tell_the_end_themselves_and_save_a_run(make, tmp_path):
    record = Record()
    estimator = make(max_epochs=2, progress=False, callbacks=[record]).fit(X)
    assert len(record.of("on_epoch_end")) == 2
    (end,) = record.of("on_fit_end")
    assert end.estimator is estimator
    end.save(tmp_path / "run")
    assert (tmp_path / "run" / "model.json").is_file()


def test_the_over_sampler_calls_while_it_trains():
    record = Record()
    sampler = VAEOverSampler(max_epochs=2, progress=False, callbacks=[record])
    sampler.fit_resample(X, LABELS)
    (end,) = record.of("on_fit_end")
    assert end.estimator is sampler
    assert end.save is None


def test_a_clusterer_calls_those_of_its_template_too():
    inner, outer = Record(), Record()
    template = Autoencoder(latent_dim=2, max_epochs=1, progress=False, callbacks=[inner])
    VAEClusterer(2, autoencoder=template, callbacks=[outer]).fit(X)
    assert inner.hooks() == outer.hooks()
    assert inner.hooks().count("on_fit_end") == 1


def test_what_fails_after_the_training_is_told_as_well():
    record = Record()
    detector = VAEDetector(method="nonsense", max_epochs=1, progress=False, callbacks=[record])
    with pytest.raises(SpecError, match="nonsense"):
        detector.fit(X)
    assert record.hooks()[-1] == "on_fit_error"


def test_fine_tuning_calls_back():
    record = Record()
    tuned = vaekit.fine_tune(fitted(), X[:60], callbacks=[record], max_epochs=1)
    assert record.of("on_stage_end") == ["model", "prior"]
    assert record.of("on_fit_end")[0].estimator is tuned
