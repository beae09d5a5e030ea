"""Molecules learned from and drawn in a CPU second, beside the architecture of MOSES' VAE.

    python benchmarks/molecules_speed.py --train FILE

FILE is a .csv or .csv.gz with SMILES in its first column, canonical as MOSES' are; the first 10,000
are used. Training steps of `sequence_vae` with both of its networks and of a VAE as MOSES has it
(characters, a recurrent encoder of 256 units, a decoder of three layers of 512, 128 latents; only
its cost is looked at) take turns, each on batches as its own training would make them; then each
network of ours draws, untrained, rows as long as those of the file. Medians, one thread.

With ``--only scored`` nothing but what `moses`, as it is stored, takes to score molecules of FILE,
with 64 importance samples of each and with fewer, to encode them and to predict their properties.
"""

import argparse
import time
from functools import partial

import numpy as np
import pandas as pd
import torch
from results import add_option, keep, recording
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_sequence, pad_sequence

from vaekit import load
from vaekit.molecules import predict_targets
from vaekit.presets import sequence_vae
from vaekit.sequences import BytePairs, SequenceDomain, SmilesAtoms
from vaekit.training import Items
from vaekit.types import TrainingProgress

ROWS, BATCH, MOSES_BATCH, SCORED = 10_000, 128, 512, 256
CLOCK = TrainingProgress(step=5, total=10, items=ROWS)


class LikeMoses(nn.Module):
    """The architecture of Polykovskiy et al. 2020, "Molecular sets", with its default sizes."""

    def __init__(self, characters):
        super().__init__()
        self.embedding = nn.Embedding(characters, characters, padding_idx=0)
        self.encoder = nn.GRU(characters, 256, batch_first=True)
        self.mean, self.log_variance = nn.Linear(256, 128), nn.Linear(256, 128)
        self.first = nn.Linear(128, 512)
        self.decoder = nn.GRU(characters + 128, 512, num_layers=3, batch_first=True)
        self.head = nn.Linear(512, characters)

    def forward(self, rows):
        """The loss of a batch."""
        predicted = [self.embedding(row) for row in rows]
        _, last = self.encoder(pack_sequence(predicted, enforce_sorted=False))
        mean, log_variance = self.mean(last[-1]), self.log_variance(last[-1])
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        x = pad_sequence(rows, batch_first=True)
        inputs = torch.cat([self.embedding(x), z[:, None].expand(-1, x.shape[1], -1)], -1)
        states, _ = self.decoder(inputs, self.first(z).repeat(3, 1, 1))
        logits = self.head(states)[:, :-1]
        kl = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(1).mean()
        return kl + F.cross_entropy(logits.flatten(0, 1), x[:, 1:].flatten(), ignore_index=0)


def moses_steps(smiles, options):
    letters = {letter: i + 3 for i, letter in enumerate(sorted(set("".join(smiles))))}
    rows = [torch.tensor([1, *(letters[c] for c in text), 2]) for text in smiles]
    model = LikeMoses(len(letters) + 3)
    optimizer = torch.optim.Adam(model.parameters(), 3e-4)
    for start in range(0, ROWS - MOSES_BATCH, MOSES_BATCH):
        yield MOSES_BATCH
        optimizer.zero_grad()
        with half(options):
            loss = model(rows[start : start + MOSES_BATCH])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 50)
        optimizer.step()


def our_model(domain, rows, network):
    torch.manual_seed(0)
    return sequence_vae().build(domain.parts(rows, 64, network=network))


def half(options):
    return torch.autocast("cpu", torch.bfloat16, enabled=options.precision == "bf16")


def our_steps(domain, rows, network, options):
    model, objective = our_model(domain, rows, network)
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3, fused=True)
    items = Items(rows, domain.encode, lengths=domain.lengths(rows))
    for positions in items.batches(BATCH, 0, 0):
        yield len(positions)
        with half(options):
            update = next(
                objective.losses(model, items.batch(positions, torch.device("cpu")), CLOCK)
            )
        optimizer.zero_grad()
        update.losses["model"].backward()
        optimizer.step()


def drawn(domain, rows, network):
    """Steps as many as real rows have, so that an untrained network is as fast as a trained one."""
    model, _ = our_model(domain, rows, network)
    model.eval()
    teller, lengths = model.likelihood.network, domain.lengths(rows[:2048]).sort().values
    with torch.no_grad():
        started = time.process_time()
        features = model.decoder.for_draws()(torch.randn(len(lengths), 64)).squeeze(1)
        predicted, state = teller.start(features)
        codes = torch.ones(len(lengths), dtype=torch.long)
        for place in range(int(lengths.max())):
            going = lengths[-len(codes) :] > place
            predicted, state, codes = predicted[going], state[going], codes[going]
            logits, state = teller.step(predicted, state, codes)
            codes = 2 + torch.multinomial(logits.softmax(-1), 1).squeeze(1)
        return len(lengths) / (time.process_time() - started)


def scored(smiles):
    """CPU milliseconds a molecule; correlation of scores with those of 256 samples."""
    model = load("moses")
    calls = {
        f"scored, {draws} samples": partial(model.score_samples, draws=draws)
        for draws in (256, 64, 16, 8)
    }
    calls |= {"encoded": model.transform, "predicted": partial(predict_targets, model.trained_)}
    best = None
    for name, call in calls.items():
        started = time.process_time()
        found = call(smiles)
        figures = {"CPU milliseconds a molecule": 1e3 * (time.process_time() - started) / SCORED}
        if name.startswith("scored"):
            best = found if best is None else best
            figures["correlation with 256 samples"] = np.corrcoef(found, best)[0, 1]
        print(name, figures)
        keep(name, figures, part="scored by `moses`")


def main(options):
    torch.set_num_threads(1)
    smiles = pd.read_csv(options.train).iloc[:ROWS, 0].tolist()
    if options.only == "scored":
        scored(smiles[:SCORED])
        return
    domain = SequenceDomain(BytePairs(SmilesAtoms(), 400)).fit(smiles)
    rows = domain.prepare(smiles)
    runs = {
        "MOSES' VAE": moses_steps(smiles, options),
        "gru": our_steps(domain, rows, "gru", options),
        "transformer": our_steps(domain, rows, "transformer", options),
    }
    speeds = {name: [] for name in runs}
    for turn in range(options.turns + 1):
        for name, steps in runs.items():
            done, started = 0, time.process_time()
            while done < MOSES_BATCH:
                done += next(steps)
            if turn > 0:  # the first is for warming up, and next() runs the step before
                speeds[name].append(done / (time.process_time() - started))
    for name, found in speeds.items():
        ratio = np.median([a / b for a, b in zip(found, speeds["MOSES' VAE"], strict=True)])
        print(f"{name:12} {np.median(found):6.0f} molecules a CPU second, {ratio:.1f} times")
        figures = {"molecules a CPU second, learnt from": np.median(found)}
        keep(name, figures | {"times as many as MOSES' VAE": ratio}, part=options.precision)
    for network in ("gru", "transformer"):
        speed = drawn(domain, rows, network)
        print(f"{network:12} {speed:6.0f} drawn a CPU second")
        keep(network, {"molecules a CPU second, drawn": speed}, part="drawn")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", required=True)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--only", choices=("scored",))
    parser.add_argument("--precision", default="fp32", choices=("fp32", "bf16"))
    add_option(parser)
    options = parser.parse_args()
    with recording("molecules_speed", options.results):
        main(options)
