"""Training speed and memory against a hand-written loop and against Pythae, interleaved.

    python benchmarks/trainer.py --rounds 5 --peer .peers/pythae/bin/python

Every figure is taken in a process of its own, in turn (ours, by hand, peer, ours, ...), so that a
machine whose speed drifts hits all alike; ratios are medians of the rounds. All train the network
784-512-16 (SiLU) with the Bernoulli ELBO on the 60,000 Fashion-MNIST images.
"""

import argparse
import gzip
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from results import add_option, keep, recording
from torch import nn

FOLDER = "/usr/share/datasets/fashion-mnist"  # Debian's package dataset-fashion-mnist
LATENT, HIDDEN = 16, 512


def images(folder):
    with gzip.open(Path(folder) / "train-images-idx3-ubyte.gz") as file:
        file.read(16)
        array = np.empty((60_000, 784), np.uint8)
        flat = array.reshape(-1)
        for start in range(0, flat.size, 2**20):
            file.readinto(flat[start : start + 2**20].data)
    return array


def encoder_layers():
    return nn.Sequential(nn.Linear(784, HIDDEN), nn.SiLU())


def decoder_layers():
    return nn.Sequential(nn.Linear(LATENT, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, 784))


def train_ours(data, batch_size, epochs, precision="fp32"):
    from vaekit import likelihoods, networks, presets
    from vaekit.training import Items, TrainConfig, train

    parts = presets.Parts(
        networks.MLPEncoder((784,), (HIDDEN,)),
        networks.MLPDecoder(LATENT, (HIDDEN,), (1, 784)),
        likelihoods.Bernoulli(),
        HIDDEN,
        LATENT,
    )
    model, objective = presets.vae().build(parts)
    items = Items(torch.from_numpy(data), lambda rows: rows.to(torch.float32).div_(255))
    config = TrainConfig(
        max_epochs=epochs,
        batch_size=batch_size,
        validation=0.0,
        precision=precision,
        progress=False,
        device="cpu",
    )
    started = time.perf_counter()
    train(model, objective, items, config)
    return time.perf_counter() - started


def train_by_hand(data, batch_size, epochs):
    """The loop one would write for exactly this model: fused Adam, uint8 rows, no library."""
    encoder, head, decoder = encoder_layers(), nn.Linear(HIDDEN, 2 * LATENT), decoder_layers()
    parameters = [*encoder.parameters(), *head.parameters(), *decoder.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=2e-3, weight_decay=0.0, fused=True)
    rows = torch.from_numpy(data)
    started = time.perf_counter()
    for _ in range(epochs):
        for index in torch.randperm(len(rows)).split(batch_size):
            x = rows.index_select(0, index).float().div_(255)
            mean, log_scale = head(encoder(x)).chunk(2, -1)
            scale = log_scale.exp()
            z = mean + scale * torch.randn_like(scale)
            cost = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
            kl = 0.5 * (mean * mean + scale * scale - 1 - 2 * log_scale).sum()
            loss = (cost + kl) / len(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()
    return time.perf_counter() - started


def train_peer(data, batch_size, epochs):
    import tempfile

    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    class Encoder(BaseEncoder):
        def __init__(self):
            BaseEncoder.__init__(self)
            self.body = encoder_layers()
            self.mean, self.log_var = nn.Linear(HIDDEN, LATENT), nn.Linear(HIDDEN, LATENT)

        def forward(self, x):
            h = self.body(x)
            return ModelOutput(embedding=self.mean(h), log_covariance=self.log_var(h))

    class Decoder(BaseDecoder):
        def __init__(self):
            BaseDecoder.__init__(self)
            self.body = decoder_layers()

        def forward(self, z):
            return ModelOutput(reconstruction=torch.sigmoid(self.body(z)))

    config = VAEConfig(input_dim=(784,), latent_dim=LATENT, reconstruction_loss="bce")
    x = torch.from_numpy(data).float().div_(255)
    with tempfile.TemporaryDirectory() as folder:
        trainer = BaseTrainer(
            model=VAE(config, Encoder(), Decoder()),
            train_dataset=BaseDataset(x, torch.zeros(len(x))),
            training_config=BaseTrainerConfig(
                output_dir=folder,
                num_epochs=epochs,
                per_device_train_batch_size=batch_size,
                learning_rate=2e-3,
                no_cuda=True,
                keep_best_on_train=False,
            ),
        )
        trainer.prepare_training()
        started = time.perf_counter()
        for epoch in range(1, epochs + 1):
            trainer.train_step(epoch)
        return time.perf_counter() - started


WORKERS = {
    "ours": train_ours,
    "ours bf16": lambda *a: train_ours(*a, precision="bf16"),
    "by hand": train_by_hand,
    "pythae": train_peer,
}


def worker(name, batch_size, epochs, folder, threads):
    torch.set_num_threads(threads)
    data = images(folder)
    WORKERS[name](data[: 20 * batch_size], batch_size, 1)
    seconds = WORKERS[name](data, batch_size, epochs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"us": seconds / (epochs * len(data)) * 1e6, "mb": peak}))


def measure(python, name, batch_size, options):
    arguments = ["--worker", name, "--batch", str(batch_size), "--epochs", str(options.epochs)]
    arguments += ["--data", options.data, "--threads", str(options.threads)]
    done = subprocess.run(
        [python, __file__, *arguments], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


def main(options):
    pythons = dict.fromkeys(("ours", "by hand", "ours bf16"), sys.executable)
    if options.peer:
        pythons["pythae"] = options.peer
    for batch_size in options.batches:
        taken = {name: [] for name in pythons}
        for _ in range(options.rounds):
            for name, python in pythons.items():
                taken[name].append(measure(python, name, batch_size, options))
        report(batch_size, taken)


def report(batch_size, taken):
    ours = [run["us"] for run in taken["ours"]]
    for name, runs in taken.items():
        times = [run["us"] for run in runs]
        ratio = statistics.median(t / o for t, o in zip(times, ours, strict=True))
        spread = f"{min(times):.1f} - {max(times):.1f}"
        figures = {
            "us per image, median": statistics.median(times),
            "time / ours, median of the rounds": ratio,
            "peak memory, MB": statistics.median(run["mb"] for run in runs),
        }
        spreads = {"us per image, median": spread}
        keep(name, figures, part=f"batch {batch_size}", spreads=spreads, seeds=len(runs))
        print(
            f"batch {batch_size:4}  {name:10} {statistics.median(times):6.1f} us/sample ({spread}) "
            f"  time / ours {ratio:5.3f}   peak {statistics.median(r['mb'] for r in runs):5.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peer", help="Python of an environment that has Pythae")
    parser.add_argument("--data", default=FOLDER)
    parser.add_argument("--worker", choices=WORKERS)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--batches", type=int, nargs="+", default=[128, 512])
    add_option(parser)
    chosen = parser.parse_args()
    if chosen.worker:
        worker(chosen.worker, chosen.batch, chosen.epochs, chosen.data, chosen.threads)
    elif not Path(chosen.data).exists():
        sys.exit(f"no Fashion-MNIST at {chosen.data}; install dataset-fashion-mnist or pass --data")
    else:
        with recording("trainer", chosen.results):
            main(chosen)
