"""The trainer: determinism, resuming, options, and what happens when things go wrong."""

import csv
import json
import math
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from vaekit import likelihoods, networks, presets
from vaekit.errors import (
    CompositionError,
    DataError,
    NonFiniteLossError,
    SpecError,
    TrainingError,
)
from vaekit.models import VAE
from vaekit.networks import TokenTransformer
from vaekit.objectives import (
    KL,
    CapacityKL,
    Linear,
    Objective,
    PriorCritic,
    Reconstruction,
    Sum,
    elbo,
)
from vaekit.training import Items, TrainConfig, train
from vaekit.training.config import epoch_order, split_batches
from vaekit.training.state import CHECKPOINT_NAME

CONFIG = TrainConfig(max_epochs=3, batch_size=16, progress=False, checkpoint_seconds=0.0)


def make(preset=None, seed=0, likelihood=None):
    torch.manual_seed(seed)
    encoder, decoder, width = networks.make_networks("mlp", "small", (6,), 2, 1)
    parts = presets.Parts(encoder, decoder, likelihood or likelihoods.Gaussian(), width, 2)
    return (preset or presets.vae()).build(parts)


def data(n=70):
    x = torch.randn(n, 6, generator=torch.Generator().manual_seed(0))
    return Items(x @ torch.randn(6, 6, generator=torch.Generator().manual_seed(1)))


def weights(model):
    return {k: v.clone() for k, v in model.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_training_lowers_the_validation_loss():
    model, objective = make()
    result = train(model, objective, data(400), replace(CONFIG, max_epochs=20))
    losses = [row["validation_loss"] for row in result.history]
    assert min(losses) < losses[0] - 0.3


def test_same_seed_gives_the_same_bytes_whatever_the_global_generator():
    first, objective = make()
    result = train(first, objective, data(), CONFIG)
    torch.manual_seed(99)
    state = torch.get_rng_state()
    model, objective = make()
    torch.set_rng_state(state)
    again = train(model, objective, data(), CONFIG)
    assert torch.equal(torch.get_rng_state(), state)
    assert same(weights(first), weights(model))
    assert again.history == result.history


def test_another_seed_gives_other_weights():
    (a, objective), (b, other) = make(), make()
    train(a, objective, data(), CONFIG)
    train(b, other, data(), replace(CONFIG, seed=1))
    assert not same(weights(a), weights(b))


class Stop(Exception):
    """Stands for a kill."""


def killed_at(step):
    def callback(event):
        if event.kind == "step" and event.step == step:
            raise Stop

    return callback


@pytest.mark.parametrize("step", [1, 3, 4, 5, 11])
@pytest.mark.parametrize("extra", [{}, {"ema": 0.9}, {"validation": 0.0}])
def test_resumed_run_ends_in_the_same_bytes(tmp_path, step, extra):
    config = replace(CONFIG, **extra)
    straight, objective = make()
    expected = train(straight, objective, data(), config, folder=tmp_path / "a")
    model, objective = make()
    with pytest.raises(Stop):
        train(model, objective, data(), config, folder=tmp_path / "b", callbacks=[killed_at(step)])
    model, objective = make(seed=5)
    result = train(model, objective, data(), config, folder=tmp_path / "b", resume=True)
    assert same(weights(straight), weights(model))
    assert result.history == expected.history
    assert (tmp_path / "a/history.csv").read_bytes() == (tmp_path / "b/history.csv").read_bytes()


def test_a_finished_run_resumes_to_itself(tmp_path):
    model, objective = make()
    train(model, objective, data(), CONFIG, folder=tmp_path)
    before = weights(model)
    model, objective = make(seed=3)
    train(model, objective, data(), CONFIG, folder=tmp_path, resume=True)
    assert same(before, weights(model))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"items": data(71)}, "data"),
        ({"config": replace(CONFIG, learning_rate=1e-4)}, "options"),
        ({"preset": presets.beta_vae()}, "objective"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(tmp_path, change, named):
    model, objective = make()
    train(model, objective, data(), CONFIG, folder=tmp_path)
    model, objective = make(change.get("preset"))
    with pytest.raises(TrainingError, match=f"its {named} must be"):
        train(
            model,
            objective,
            change.get("items", data()),
            change.get("config", CONFIG),
            folder=tmp_path,
            resume=True,
        )


def test_a_checkpoint_is_plain_safetensors_with_json(tmp_path):
    model, objective = make()
    train(model, objective, data(), CONFIG, folder=tmp_path)
    tensors = load_file(tmp_path / CHECKPOINT_NAME)
    assert any(name.startswith("optimiser:model/") for name in tensors)
    head = (tmp_path / CHECKPOINT_NAME).read_bytes()
    size = int.from_bytes(head[:8], "little")
    place = json.loads(json.loads(head[8 : 8 + size])["__metadata__"]["vaekit"])
    assert place["epoch"] == 3


def test_history_has_every_term_and_is_written_as_csv(tmp_path):
    model, objective = make()
    result = train(model, objective, data(), CONFIG, folder=tmp_path)
    row = result.history[-1]
    assert {"epoch", "step", "learning_rate", "loss", "reconstruction", "kl"} <= set(row)
    assert row["loss"] == pytest.approx(row["reconstruction"] + row["kl"], rel=1e-5)
    with (tmp_path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(r["validation_loss"]) for r in rows] == [
        r["validation_loss"] for r in result.history
    ]


def test_best_validation_weights_are_kept():
    model, objective = make()
    config = replace(CONFIG, max_epochs=30, learning_rate=0.05)
    result = train(model, objective, data(40), config)
    losses = [row["validation_loss"] for row in result.history]
    assert result.best_epoch == losses.index(min(losses)) + 1
    assert result.best_epoch < 30


def test_an_annealed_weight_does_not_make_the_first_epoch_look_best():
    model, objective = make(presets.annealed_vae(share=1.0))
    config = replace(CONFIG, max_epochs=15)
    result = train(model, objective, data(400), config)
    assert result.best_epoch > 5


class Starting(Objective):
    """The bound, of which the first steps are called a start."""

    def __init__(self, steps):
        super().__init__()
        self.base, self.steps, self.taken = elbo(), steps, 0

    @property
    def requires(self):
        return self.base.requires

    @property
    def is_checkpointable(self):
        return self.taken > self.steps

    def losses(self, model, batch, progress):
        self.taken += self.training
        yield from self.base.losses(model, batch, progress)


def test_weights_of_a_start_are_not_the_best_however_low_their_loss():
    config = replace(CONFIG, max_epochs=30, learning_rate=0.05)
    plain = train(*make(), data(40), config)
    per_epoch = plain.history[0]["step"]
    start = plain.best_epoch + 2
    result = train(make()[0], Starting(start * per_epoch), data(40), config)
    losses = [row["validation_loss"] for row in result.history]
    assert losses == [row["validation_loss"] for row in plain.history]
    assert losses.index(min(losses)) + 1 == plain.best_epoch
    assert result.best_epoch == start + losses[start:].index(min(losses[start:])) + 1


def test_a_cluster_start_is_over_once_the_clusters_are_placed():
    model, objective = make(presets.vade(components=3, share=0.5))
    assert not objective.is_checkpointable
    train(model, objective, data(), CONFIG)
    assert objective.is_checkpointable


def test_early_stopping():
    model, objective = make()
    config = replace(CONFIG, max_epochs=200, learning_rate=0.05, patience=3)
    result = train(model, objective, data(40), config)
    assert len(result.history) == result.best_epoch + 3 < 200


def test_time_limit_stops_and_brings_the_learning_rate_down():
    model, objective = make()
    config = replace(CONFIG, max_epochs=100_000, max_minutes=0.02)
    result = train(model, objective, data(400), config)
    assert result.seconds < 4
    model, _ = make()
    assert result.history[-1]["learning_rate"] < 0.1 * CONFIG.peak_rate(model)


def test_a_limit_of_processor_time_waits_for_a_busy_machine():
    model, objective = make()

    def wait(event):  # as where others have the processors
        time.sleep(0.01)

    config = replace(CONFIG, max_epochs=100_000, cpu_minutes=0.01)
    result = train(model, objective, data(400), config, callbacks=[wait])
    assert 0.6 <= result.spent < 1.2
    assert result.seconds > 1.5 * result.spent
    model, _ = make()
    assert result.history[-1]["learning_rate"] < 0.1 * CONFIG.peak_rate(model)


def test_one_limit_of_time_is_given():
    with pytest.raises(SpecError, match="must not be given together"):
        TrainConfig(max_minutes=1, cpu_minutes=1)


def test_what_reading_took_is_not_trained():
    assert TrainConfig().after(7).most_seconds is None
    assert TrainConfig(max_minutes=1).after(20).most_seconds == pytest.approx(40)
    left = TrainConfig(cpu_minutes=1).after(90)
    assert (left.cpu_minutes, left.max_minutes) == (pytest.approx(0.1), None)


def test_ema_averages_the_weights_and_forgets_the_start():
    model, objective = make()
    seen = []

    def watch(event):
        if event.kind == "step":
            seen.append(weights(model))

    config = replace(CONFIG, validation=0.0, ema=0.6)
    train(model, objective, data(), config, callbacks=[watch])
    average = seen[0]
    for done, now in enumerate(seen[1:], 1):
        decay = min(0.6, (1 + done) / (10 + done))  # a short training must not keep its start
        average = {k: decay * v + (1 - decay) * now[k] for k, v in average.items()}
    assert len(seen) > 10
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, average[name], rtol=1e-4, atol=1e-6)
    assert not same(weights(model), seen[-1])


def test_no_average_is_kept_for_an_ema_of_zero():
    (plain, objective), (zero, other) = make(), make()
    train(plain, objective, data(), CONFIG)
    train(zero, other, data(), replace(CONFIG, ema=0.0))
    assert all(torch.equal(v, weights(zero)[k]) for k, v in weights(plain).items())


def test_gradient_clipping_bounds_the_gradient():
    model, objective = make()
    seen = []

    class Watch(Sum):
        def losses(self, model, batch, progress):
            yield from super().losses(model, batch, progress)
            norms = [p.grad.norm() for p in model.parameters() if p.grad is not None]
            seen.append(torch.stack(norms).norm().item() if norms else 0.0)

    config = replace(CONFIG, gradient_clip=0.01, validation=0.0)
    train(model, Watch(Reconstruction(), KL()), data(), config)
    assert 0 < max(seen) <= 0.01 * (1 + 1e-4)


def test_bf16_trains_to_about_the_same_loss():
    (a, objective), (b, other) = make(), make()
    config = replace(CONFIG, max_epochs=10)
    single = train(a, objective, data(400), config).history[-1]["validation_loss"]
    mixed = train(b, other, data(400), replace(config, precision="bf16")).history[-1]
    assert mixed["validation_loss"] == pytest.approx(single, rel=0.02)
    assert all(p.dtype == torch.float32 for p in b.parameters())


class Exploding(nn.Module):
    """A decoder that returns NaN from its third call on."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 6)
        self.calls = 0

    def forward(self, z):
        self.calls += 1
        out = self.layer(z).unsqueeze(1)
        return out * math.nan if self.calls >= 3 else out


def test_a_loss_that_is_not_finite_stops_with_step_term_and_checkpoint(tmp_path):
    model, objective = make()
    broken = VAE(model.encoder, model.latent, Exploding(), model.likelihood)
    with pytest.raises(NonFiniteLossError, match=r"step 2.*reconstruction.*checkpoint of step 2"):
        train(broken, objective, data(), CONFIG, folder=tmp_path)
    assert all(torch.isfinite(p).all() for p in broken.parameters())
    assert (tmp_path / CHECKPOINT_NAME).exists()


def test_an_objective_that_does_not_fit_is_refused_before_the_first_step():
    model, _ = make(presets.autoencoder())
    with pytest.raises(CompositionError, match=r"requires \['density'\].*DiagonalGaussian"):
        train(model, Sum(Reconstruction(), KL()), data(), CONFIG)


def test_a_last_batch_of_one_joins_the_one_before():
    sizes = [len(b) for b in split_batches(torch.arange(33), 16)]
    assert sizes == [16, 17]
    assert [len(b) for b in split_batches(torch.arange(1), 16)] == [1]
    normalized = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8))
    model, objective = make()
    batch_norm = VAE(normalized, presets_latent(8), model.decoder, model.likelihood)
    train(batch_norm, objective, data(33), replace(CONFIG, validation=0.0))


def presets_latent(width):
    from vaekit.latents import Single
    from vaekit.posteriors import DiagonalGaussian
    from vaekit.priors import StandardNormal

    return Single(DiagonalGaussian(width, 2), StandardNormal(2))


def test_epoch_order_is_a_permutation_that_changes():
    orders = [epoch_order(50, seed, epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert all(torch.equal(o.sort().values, torch.arange(50)) for o in orders)
    assert len({tuple(o.tolist()) for o in orders}) == 4


def test_rows_keep_their_dtype_and_are_encoded_by_batch():
    items = Items(torch.arange(20, dtype=torch.uint8).view(10, 2), lambda rows: rows.float() / 10)
    part = items.subset(torch.tensor([9, 1]))
    batch = part.batch(torch.tensor([1, 0]), torch.device("cpu"))
    assert part.rows is items.rows
    assert torch.allclose(batch.x, torch.tensor([[0.2, 0.3], [1.8, 1.9]]))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("max_epochs", 0),
        ("batch_size", 2.5),
        ("learning_rate", math.nan),
        ("learning_rate", "fast"),
        ("validation", 1.0),
        ("ema", 1.0),
        ("max_minutes", -1),
        ("cpu_minutes", 0),
        ("patience", 0),
        ("strategy", "zero"),
        ("seed", -1),
    ],
)
def test_options_out_of_range_are_named(option, value):
    with pytest.raises(SpecError, match=f"{option} must be .*got"):
        TrainConfig(**{option: value})


def test_unknown_precision_and_device():
    with pytest.raises(SpecError, match=r"did you mean 'bf16'"):
        TrainConfig(precision="bf6")
    model, objective = make()
    with pytest.raises(SpecError, match="device must be one of"):
        train(model, objective, data(), replace(CONFIG, device="gpux"))


def test_default_epochs_follow_the_size_of_the_data():
    epochs = [TrainConfig().epochs(n) for n in (100, 20_000, 60_000, 10**7)]
    assert epochs == [300, 15, 10, 10]


def test_tensorboard_writes_events(tmp_path):
    pytest.importorskip("tensorboard")
    model, objective = make()
    train(model, objective, data(), replace(CONFIG, tensorboard=True), folder=tmp_path)
    assert list(tmp_path.rglob("events.out.tfevents.*"))


@pytest.mark.parametrize(
    ("layer", "rate"),
    [
        (nn.Linear(2, 2), 4e-3),
        (nn.Conv1d(1, 1, 3), 2e-3),
        (nn.ConvTranspose2d(1, 1, 3), 2e-3),
        (nn.GRU(2, 2), 2e-3),
        (nn.MultiheadAttention(2, 1), 2e-3),
        (TokenTransformer(5, 3, 2, 8), 1e-3),
    ],
)
def test_the_learning_rate_goes_by_the_layers(layer, rate):
    model = nn.Sequential(nn.Linear(2, 2), layer)
    assert TrainConfig().peak_rate(model) == rate
    assert TrainConfig(learning_rate=0.1).peak_rate(model) == 0.1


def test_progress_bar_shows_the_terms(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    model, objective = make()
    train(model, objective, data(), replace(CONFIG, progress=True))
    shown = capsys.readouterr().out
    assert "reconstruction" in shown
    assert "100%" in shown


def test_annealing_longer_than_the_training_is_warned_of():
    model, _ = make()
    objective = Sum(Reconstruction(), (Linear(0.0, 1.0, steps=10_000), KL()))
    with pytest.warns(UserWarning, match="takes 10000 steps and the training has"):
        train(model, objective, data(), replace(CONFIG, max_epochs=1))


def test_a_schedule_within_a_term_is_found_too():
    model, _ = make()
    objective = Sum(Reconstruction(), CapacityKL(Linear(0.0, 5.0, steps=10_000)))
    with pytest.warns(UserWarning, match="Train longer"):
        train(model, objective, data(), replace(CONFIG, max_epochs=1))


class Wild(nn.Module):
    """A critic whose logits leave all bounds from the third step on, at two calls a step."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)
        self.calls = 0

    def forward(self, z):
        self.calls += 1
        return self.layer(z) * (1e7 if self.calls >= 5 else 1.0)


def test_a_critic_that_diverges_stops_with_term_and_step():
    model, _ = make()
    objective = PriorCritic(elbo(), Wild(), 0.0)
    with pytest.raises(TrainingError, match=r"critic must not run away.*at step 2 \(term 'critic'"):
        train(model, objective, data(), replace(CONFIG, max_epochs=2))


def test_more_codes_than_items_are_refused():
    encoder, decoder, width = networks.make_networks("mlp", "small", (6,), 2, 1)
    parts = presets.Parts(encoder, decoder, likelihoods.Gaussian(), width, 2)
    model, objective = presets.vq_vae(num_codes=512).build(parts)
    with pytest.raises(DataError, match="got 512 codes for 90 items"):
        train(model, objective, data(90), CONFIG)


def test_batches_hold_rows_of_about_the_same_length_and_each_row_once():
    lengths = torch.randint(1, 40, (20_000,), generator=torch.Generator().manual_seed(0))
    items = Items(lengths.float().unsqueeze(1), lengths=lengths)
    part = items.subset(torch.arange(0, 20_000, 2))
    for chosen, rows in ((items, lengths), (part, lengths[::2])):
        batches = chosen.batches(32, seed=1, epoch=3)
        assert torch.cat(batches).sort().values.equal(torch.arange(len(rows)))
        spread = torch.stack([rows[b].float().std() for b in batches]).mean()
        assert spread < rows.float().std() / 5
        means = torch.stack([rows[b].float().mean() for b in batches])
        assert torch.corrcoef(torch.stack([means, torch.arange(1.0, len(means) + 1)]))[0, 1] < 0.5
    few = Items(items.rows[:320], lengths=lengths[:320])
    assert torch.cat(few.batches(32, 1, 3)).sort().values.equal(torch.arange(320))
    means = torch.stack([lengths[:320][b].float().mean() for b in few.batches(32, 1, 3)])
    assert means.std() < 4  # few are not sorted: each batch has all lengths
    again, other = items.batches(32, 1, 3), items.batches(32, 1, 4)
    assert all(a.equal(b) for a, b in zip(items.batches(32, 1, 3), again, strict=True))
    assert not all(a.equal(b) for a, b in zip(again, other, strict=True))


@pytest.mark.parametrize("count", [40, 1000, 20_000])
def test_steps_mean_steps_whatever_the_number_of_items(count):
    from vaekit import Autoencoder

    items = np.random.default_rng(0).normal(size=(count, 3)).astype("float32")
    model = Autoencoder("vae", 2, steps=60, progress=False).fit(items)
    assert 54 <= model.history_[-1]["step"] <= 66
