"""The latents of molecules: what they keep, beside what the prior draws.

    python benchmarks/molecules.py --train FILE [--test FILE] [--betas .1 .25 .5 .75 1]
        [--network transformer] [--targets qed logp tpsa] [--representation selfies]
        [--runs RUN ...] [--temperature .8]

FILE are .csv or .csv.gz with SMILES in their first column, canonical as MOSES' are. All but the
last 5,000 rows are learned from, by `sequence_vae`, on byte-pair SMILES tokens, once for each
weight of the KL at the end of training; or RUN are measured, trained before on other than these
5,000. Prints for each: the rate (KL, nats), latents in use, the share of held-out molecules that
are reconstructed exactly (of 1,000, at the posterior mean), the share that RDKit takes for a
molecule half a deviation from that mean and half-way between two molecules; how well latents tell
properties; of raw samples of the prior, nothing filtered, for several shares of noise (see
`NoiseConditionedDecoder`): the share that RDKit takes for a molecule, of those the share that
differ, of these the share that training has not, and that which passes MOSES' filters; with --test
also the Frechet ChemNet distance to that file above that of as many random training molecules, and
the cosine of scaffolds; of models taught QED and logP, how often molecules asked to lie in a box of
both do.
"""

import argparse
import random
import time
import warnings
from pathlib import Path

import molecule_figures as figures
import pandas as pd
import torch
from rdkit import RDLogger
from results import add_option, part, recording

from vaekit import Autoencoder, load, presets
from vaekit.molecules import MoleculeDomain, Report, Standardized, is_readable

HELD_OUT = 5000


def trained(beta, train, options):
    started, cpu = time.monotonic(), time.process_time()
    # clean already, so reading them again would only take time
    molecules = Standardized(train, range(len(train)), {}, Report(()))
    model = Autoencoder(
        presets.sequence_vae(beta=beta, blur=options.blur),
        options.latents,
        domain=MoleculeDomain(
            options.representation, num_merges=options.merges, targets=tuple(options.targets)
        ),
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
    ).fit(molecules)
    spent, passes = time.monotonic() - started, len(model.history_)
    speed = passes * len(train) / spent
    print(
        f"beta {beta}: {spent:.0f} s, {time.process_time() - cpu:.0f} of CPU, {speed:.0f} "
        f"molecules/s, {passes} passes, rows of {model.domain_.vocabulary.steps}",
        flush=True,
    )
    return model


def read(path):
    return pd.read_csv(path).iloc[:, 0].tolist()


def main(options):
    warnings.simplefilter("ignore")
    RDLogger.DisableLog("rdApp.*")
    if options.threads:
        torch.set_num_threads(options.threads)
    smiles = read(options.train)[: options.rows]
    train, held_out = smiles[:-HELD_OUT], smiles[-HELD_OUT:]
    known, references = set(train), None
    if options.test:
        test = random.Random(0).sample(read(options.test), 2 * options.samples)
        references = figures.References(test, train, options.samples)
    for given in options.runs or options.betas:
        if options.runs:
            print(given, flush=True)
        model = load(given) if options.runs else trained(given, train, options)
        some = [smiles for smiles in held_out if is_readable(model.domain_, smiles)]
        with part(Path(given).name if options.runs else f"beta {given}, {options.representation}"):
            figures.latents(model, some)
            figures.properties(model, some)
            figures.draws(model, known, references, options)
            figures.aimed(model, options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", required=True)
    parser.add_argument("--test")
    parser.add_argument("--runs", nargs="*")
    parser.add_argument("--targets", nargs="*", default=[])
    parser.add_argument("--rows", type=int)
    parser.add_argument("--betas", type=float, nargs="*", default=[0.1, 0.25, 0.5, 0.75, 1.0])
    parser.add_argument("--representation", default="bpe-smiles")
    parser.add_argument("--latents", type=int, default=64)
    parser.add_argument("--merges", type=int, default=400)
    parser.add_argument("--network", default="auto")
    parser.add_argument("--blur", type=float, default=0.5)
    parser.add_argument("--noises", type=float, nargs="*", default=[0.0, 0.5, 0.7, 0.8])
    parser.add_argument("--temperature", type=float, default=1.0)
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
    add_option(parser)
    options = parser.parse_args()
    with recording("molecules", options.results):
        main(options)
