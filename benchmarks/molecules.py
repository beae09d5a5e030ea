"""The latents of molecules: what they keep, beside what the prior draws.

    python benchmarks/molecules.py --train FILE [--betas .1 .25 .5 .75 1] [--network transformer]

FILE is a .csv or .csv.gz with SMILES in its first column, canonical as MOSES' are. All but the last
5,000 rows are learnt from, by `sequence_vae` on byte-pair SMILES tokens, once for each weight of
the KL at the end of training. Prints for each: the rate (KL, nats), latents in use, the share of
held-out molecules that are reconstructed exactly (of 1,000, at the posterior mean), the share that
RDKit takes for a molecule half a deviation from that mean and half-way between two molecules; and
of raw samples of the prior, nothing filtered, for several shares of noise (see `BlurredDecoder`):
the share that RDKit takes for a molecule, of those the share that differ, and of these the share
that training has not; molecules trained on and drawn per second.
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd
import torch
from rdkit import Chem, RDLogger

from vaekit import Autoencoder, presets
from vaekit.domains import SequenceDomain
from vaekit.domains.sequences import BytePairs, SmilesAtoms
from vaekit.metrics import latent_health
from vaekit.networks import BlurredDecoder
from vaekit.tasks.trained import as_items, batches_of

HELD_OUT, RECONSTRUCTED = 5000, 1000


def canonical(smiles):
    molecule = Chem.MolFromSmiles(smiles) if smiles else None
    return None if molecule is None else Chem.MolToSmiles(molecule)


def judged(samples, known):
    valid = [text for text in map(canonical, samples) if text is not None]
    different = set(valid)
    new = different - known
    return (
        len(valid) / len(samples),
        len(different) / max(1, len(valid)),
        len(new) / max(1, len(different)),
    )


def one(beta, train, held_out, options):
    started = time.monotonic()
    domain = SequenceDomain(BytePairs(SmilesAtoms(), options.merges))
    model = Autoencoder(
        presets.sequence_vae(beta=beta, blur=options.blur),
        options.latents,
        domain=domain,
        network=options.network,
        network_size=options.size,
        gradient_clip=1.0,
        steps=options.steps,
        max_epochs=options.epochs,
        batch_size=options.batch,
        learning_rate=options.rate,
        precision=options.precision,
        max_minutes=options.minutes,
        seed=options.seed,
        progress=False,
    ).fit(train)
    spent = time.monotonic() - started
    trained = model.trained_
    some = held_out[:RECONSTRUCTED]
    exact = np.mean([canonical(a) == b for a, b in zip(model.reconstruct(some), some, strict=True)])
    items = as_items(trained.domain, None, held_out, None)
    health = latent_health(trained.vae, batches_of(items, trained.device))
    known = set(train)
    passes, rate = len(model.history_), sum(health.kl_per_latent)
    print(
        f"beta {beta}: {spent:.0f} s, {passes * len(train) / spent:.0f} molecules/s, {passes} "
        f"passes; rate {rate:.1f} nats, {health.active_units} of {options.latents} in use; "
        f"exact {exact:.3f}",
        flush=True,
    )
    near, between = beside(trained, items)
    print(f"  valid: near a molecule {near:.3f}, between two {between:.3f}", flush=True)
    decoder = trained.vae.decoder
    for noise in options.noises if isinstance(decoder, BlurredDecoder) else [0.0]:
        decoder.drawn_noise = noise
        begun = time.monotonic()
        samples = model.sample(options.samples, seed=options.seed, prior="model")
        speed = options.samples / (time.monotonic() - begun)
        valid, unique, new = judged(samples, known)
        print(
            f"  noise {noise}: valid {valid:.3f}, unique {unique:.4f}, new {new:.3f}; "
            f"{speed:.0f} samples/s",
            flush=True,
        )


@torch.no_grad()
def beside(trained, items):
    batch = next(iter(batches_of(items, trained.device)))
    q = trained.vae.infer(batch).q
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(q.mean.shape, generator=generator)
    other = q.mean[torch.randperm(len(q.mean), generator=generator)]
    shares = []
    for z in (q.mean + 0.5 * q.stddev * noise.to(q.mean), (q.mean + other) / 2):
        smiles = trained.domain.decode(trained.vae.show(z))
        shares.append(np.mean([canonical(text) is not None for text in smiles]))
    return shares


def main(options):
    warnings.simplefilter("ignore")
    RDLogger.DisableLog("rdApp.*")
    if options.threads:
        torch.set_num_threads(options.threads)
    smiles = pd.read_csv(options.train).iloc[:, 0].tolist()[: options.rows]
    train, held_out = smiles[:-HELD_OUT], smiles[-HELD_OUT:]
    for beta in options.betas:
        one(beta, train, held_out, options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", required=True)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--betas", type=float, nargs="*", default=[0.1, 0.25, 0.5, 0.75, 1.0])
    parser.add_argument("--latents", type=int, default=64)
    parser.add_argument("--merges", type=int, default=400)
    parser.add_argument("--network", default="auto")
    parser.add_argument("--blur", type=float, default=0.5)
    parser.add_argument("--noises", type=float, nargs="*", default=[0.0, 0.5, 0.7, 0.8])
    parser.add_argument("--size", default="small")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0)
    main(parser.parse_args())
