"""Pythae's side of zoo.py: trains one model per job, in an interpreter that has Pythae.

Reads jobs as JSON lines from standard input and answers each with one. What is needed to score a
model goes to a file: its decoder, and for each test image a latent (models without a density), the
parameters of q(z | x), or draws with their densities (flows).
"""

import itertools
import json
import math
import os
import sys
import tempfile
import time

import numpy as np
import torch
from pythae import models
from pythae.data.datasets import BaseDataset
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseDiscriminator, BaseEncoder
from pythae.trainers import (
    AdversarialTrainer,
    AdversarialTrainerConfig,
    BaseTrainer,
    BaseTrainerConfig,
    CoupledOptimizerAdversarialTrainer,
    CoupledOptimizerAdversarialTrainerConfig,
    CoupledOptimizerTrainer,
    CoupledOptimizerTrainerConfig,
)
from pythae.trainers.training_callbacks import TrainingCallback
from torch import nn

HIDDEN, CRITIC = 512, 256
SHAPE = (1, 28, 28)
POINTS = {"AE", "WAE_MMD", "RAE_L2", "RAE_GP", "VQVAE"}
MEANS = {"MSSSIM_VAE", "Adversarial_AE", "VAEGAN"}
FLOWS = {"VAE_LinNF", "VAE_IAF"}
WITHOUT_SIGMOID = {"HVAE"}  # this one asks for logits
CONFIGS = {
    name: getattr(models, f"{name}_Config", None) or getattr(models, f"{name}Config", None)
    for name in models.__all__
}
# Which trainer Pythae's own pipeline takes, and the prefixes of its optimisers' options.
TRAINERS = {
    "FactorVAE": (
        AdversarialTrainer,
        AdversarialTrainerConfig,
        ("autoencoder_", "discriminator_"),
    ),
    "PIWAE": (CoupledOptimizerTrainer, CoupledOptimizerTrainerConfig, ("encoder_", "decoder_")),
    "VAEGAN": (
        CoupledOptimizerAdversarialTrainer,
        CoupledOptimizerAdversarialTrainerConfig,
        ("encoder_", "decoder_", "discriminator_"),
    ),
}
TRAINERS["Adversarial_AE"] = TRAINERS["FactorVAE"]
TRAINERS["RAE_L2"] = TRAINERS["PIWAE"]


class Encoder(BaseEncoder):
    """784-512 with SiLU, and a linear head for each output; on the ball or cut up if asked."""

    def __init__(self, heads, on_ball=False, tokens=0):
        BaseEncoder.__init__(self)
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(SHAPE), HIDDEN), nn.SiLU())
        self.heads = nn.ModuleDict({name: nn.Linear(HIDDEN, size) for name, size in heads.items()})
        self.on_ball, self.tokens = on_ball, tokens

    def forward(self, x):
        """Encode."""
        h = self.body(x)
        out = {name: head(h) for name, head in self.heads.items()}
        if self.on_ball:  # the Poincaré VAE asks its encoder for a point of the ball
            length = out["embedding"].norm(dim=-1, keepdim=True).clamp_min(1e-15)
            out["embedding"] = torch.tanh(length) * out["embedding"] / length
        if self.tokens:  # as a picture of so many tokens: else it quantises each number alone
            out["embedding"] = out["embedding"].view(len(x), -1, self.tokens, 1)
        return ModelOutput(**out)


class Decoder(BaseDecoder):
    """16-512-784 with SiLU, and a sigmoid unless the model wants logits."""

    def __init__(self, latent, sigmoid):
        BaseDecoder.__init__(self)
        self.body = nn.Sequential(nn.Linear(latent, HIDDEN), nn.SiLU())
        self.head = nn.Linear(HIDDEN, math.prod(SHAPE))
        self.sigmoid = sigmoid

    def forward(self, z):
        """Decode."""
        out = self.head(self.body(z.flatten(1)))
        out = torch.sigmoid(out) if self.sigmoid else out
        return ModelOutput(reconstruction=out.view(-1, *SHAPE))


class Discriminator(BaseDiscriminator):
    """Linear layers with SiLU; the levels asked for, and the last as the embedding."""

    def __init__(self, *widths):
        BaseDiscriminator.__init__(self)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(a, b), nn.SiLU()) for a, b in itertools.pairwise(widths[:-1])
        )
        self.layers.append(nn.Sequential(nn.Linear(*widths[-2:]), nn.Sigmoid()))
        self.depth = len(self.layers)

    def forward(self, x, output_layer_levels=()):
        """Judge."""
        out, levels = x.flatten(1), {}
        for number, layer in enumerate(self.layers, 1):
            out = layer(out)
            if number in (output_layer_levels or ()):
                levels[f"embedding_layer_{number}"] = out
        return ModelOutput(**levels, embedding=out)


class TwoLogits(Discriminator):
    """What the FactorVAE asks for: two logits, as a tensor."""

    def forward(self, x, output_layer_levels=()):
        """Judge."""
        for layer in self.layers[:-1]:
            x = layer(x)
        return self.layers[-1][0](x)


def build(name, latent, options):
    tokens = options.pop("tokens", 0)
    config = CONFIGS[name](input_dim=SHAPE, latent_dim=latent, **options)
    if hasattr(config, "reconstruction_loss"):
        config.reconstruction_loss = "bce"
    heads = {"embedding": latent}
    if name == "SVAE":
        heads["log_concentration"] = 1
    elif name not in POINTS:
        heads["log_covariance"] = latent
    encoder = Encoder(heads, name == "PoincareVAE", tokens)
    parts = encoder, Decoder(latent, name not in WITHOUT_SIGMOID)
    if name == "Adversarial_AE":
        return models.Adversarial_AE(config, *parts, Discriminator(latent, CRITIC, CRITIC, 1))
    if name == "VAEGAN":
        return models.VAEGAN(config, *parts, Discriminator(math.prod(SHAPE), HIDDEN, 1))
    model = getattr(models, name)(config, *parts)
    if name == "FactorVAE":
        model.set_discriminator(TwoLogits(latent, CRITIC, CRITIC, 2))
    return model


class Rates(TrainingCallback):
    """Sets the learning rate of every step: the same numbers that our trainer used."""

    def __init__(self, rates):
        self.rates, self.optimizers = iter([*rates[1:], 0.0]), []

    def set(self, rate):
        """Set it in all optimisers."""
        for optimizer in self.optimizers:
            optimizer.param_groups[0]["lr"] = rate

    def on_train_step_end(self, training_config, **kwargs):
        """Called by the trainer after each batch."""
        self.set(next(self.rates))


def trainer_of(name, model, x, job, folder, rates):
    kind, config, prefixes = TRAINERS.get(name, (BaseTrainer, BaseTrainerConfig, ("",)))
    options = {f"{prefix}learning_rate": job["rates"][0] for prefix in prefixes}
    for prefix in prefixes:
        options[f"{prefix}optimizer_params"] = {"betas": (0.9, job["beta2"])}
    if name == "RAE_L2":
        options["decoder_optimizer_params"]["weight_decay"] = model.model_config.reg_weight
    options = config(
        output_dir=folder,
        num_epochs=job["epochs"],
        per_device_train_batch_size=job["batch"],
        seed=job["seed"],
        no_cuda=True,
        **options,
    )
    data = BaseDataset(x, torch.zeros(len(x)))
    trainer = kind(model=model, train_dataset=data, training_config=options, callbacks=[rates])
    trainer.prepare_training()
    rates.optimizers += [getattr(trainer, f"{prefix}optimizer") for prefix in prefixes]
    return trainer


def train(name, model, x, job):
    """CPU seconds of the epochs, without the copies and files that ``train()`` makes besides."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_of(name, model, x, job, folder, Rates(job["rates"]))
        started = time.process_time()
        for epoch in range(1, job["epochs"] + 1):
            trainer.train_step(epoch)
        return time.process_time() - started


@torch.no_grad()
def describe(name, model, x, draws):
    """What the scorer needs of q(z | x) and p(z)."""
    out = model.encoder(x)
    if name == "VQVAE":
        out.embedding = model.quantizer(out.embedding.permute(0, 2, 3, 1)).quantized_vector
    if name in POINTS or name in MEANS:
        return {"family": "point", "z": out.embedding.flatten(1)}
    if name == "SVAE":
        direction = out.embedding / out.embedding.norm(dim=-1, keepdim=True)
        concentration = nn.functional.softplus(out.log_concentration) + 1
        return {"family": "sphere", "mean": direction, "concentration": concentration.squeeze(-1)}
    log_scale = out.log_covariance / 2
    if name == "HVAE":  # reads its output as a softplus scale; the 3 steps of .001 hardly move
        log_scale = nn.functional.softplus(out.log_covariance).log()
    if name in FLOWS:
        return flow_draws(model, out.embedding, log_scale, draws)
    family = "ball" if name == "PoincareVAE" else "gaussian"
    found = {"family": family, "mean": out.embedding, "log_scale": log_scale}
    if name == "VAMP":
        prior = model.encoder(model.pseudo_inputs(model.idle_input).view(-1, *SHAPE))
        found |= {"prior_mean": prior.embedding, "prior_log_scale": prior.log_covariance / 2}
    return found


def flow_draws(model, mean, log_scale, draws):
    """Draws and log q, by Pythae's own flows; log q misses branches where a flow folds."""
    zs, log_qs = [], []
    for _ in range(draws):
        noise = torch.randn_like(mean)
        z = mean + log_scale.exp() * noise
        log_q = (-noise.square() / 2 - log_scale - math.log(2 * math.pi) / 2).sum(-1)
        for move in (model.iaf_flow.inverse,) if hasattr(model, "iaf_flow") else model.net:
            moved = move(z)
            z, log_q = moved.out, log_q - moved.log_abs_det_jac
        zs.append(z)
        log_qs.append(log_q)
    return {"family": "draws", "z": torch.stack(zs), "log_q": torch.stack(log_qs)}


def run(job):
    torch.manual_seed(job["seed"])
    train_x, test_x = (
        torch.from_numpy(np.load(job[part])).float().div_(255).view(-1, *SHAPE)
        for part in ("train", "test")
    )
    name = job["model"]
    # Its Bernoulli refuses grey values unless torch is told not to look.
    torch.distributions.Distribution.set_default_validate_args(name != "HVAE")
    model = build(name, job["latent"], job["options"])
    seconds = train(name, model, train_x[: job["items"]], job)
    model.eval()
    found = describe(name, model, test_x[: job["tests"]], job["draws"])
    torch.save({"decoder": model.decoder.state_dict(), **found}, job["out"])
    return {"seconds": seconds}


def main():
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    sys.stdout = sys.stderr  # what Pythae prints is not for the caller
    torch.set_num_threads(1)
    for line in sys.stdin:
        try:
            answer = run(json.loads(line))
        except Exception as error:  # the caller reports it and goes on
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
