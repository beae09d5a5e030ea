"""Train the model of molecules that comes with the package.

    python benchmarks/pretrained_moses.py --train FILE --held-out FILE --out DIR [--labelled FILE]
        [--start RUN] [--width 512 --layers 8 --heads 8 --size large]

FILE are .csv or .csv.gz with SMILES in their first column: all of MOSES' training molecules
(train.csv.gz of the PyPI package molsets), and those that are not to be learned from. DIR then
holds the run, its weights in half precision, and checkpoints from which a run that was cut off
goes on. With `--labeled` the latents also learn to tell QED, logP and TPSA of the molecules in
that file; they are computed (2 ms a molecule) and kept in DIR. With `--start` a run goes on, for
--minutes at --rate, and learns to tell them if it did not; where it did, they count --weight times.
--width, --layers and --heads of the Transformer, --size of the encoder, --beta and --blur give
other models than the one that comes with the package, which the defaults are of.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import safetensors.torch
import torch

from vaekit import Autoencoder, fine_tune, load, presets
from vaekit.likelihoods import Tokens
from vaekit.molecules import MoleculeDomain, Report, Standardized, compute_properties
from vaekit.networks import TokenTransformer

TARGETS = ("qed", "logp", "tpsa")


def halved(path):
    """Weights in half precision: what is lost lies far below what training leaves open."""
    weights = safetensors.torch.load_file(path)
    weights = {k: v.half() if v.is_floating_point() else v for k, v in weights.items()}
    safetensors.torch.save_file(weights, path)


def labels(path, cache):
    """A table of the properties of the molecules in a file, kept in another."""
    if not cache.exists():
        some = pd.read_csv(path).iloc[:, 0].tolist()
        pd.DataFrame({"smiles": some, **compute_properties(some, TARGETS)}).to_csv(
            cache, index=False
        )
    return pd.read_csv(cache).set_index("smiles")[list(TARGETS)]


def training(options):
    return {
        "max_minutes": options.minutes,
        "max_epochs": 100,
        "batch_size": options.batch,
        "learning_rate": options.rate,
        "gradient_clip": 1.0,
        "precision": options.precision,
        "progress": True,
    }


def begun(molecules, folder, options):
    domain = MoleculeDomain(targets=tuple(molecules.properties))
    words = domain.fit(molecules).vocabulary
    width, layers, heads = options.width, options.layers, options.heads
    network = TokenTransformer(words.num_codes, words.steps, width, width, layers, heads)
    return Autoencoder(
        presets.sequence_vae(beta=options.beta, blur=options.blur),
        64,
        domain=domain,
        network_size=options.size,
        likelihood=Tokens(network),
        checkpoint_dir=folder / "checkpoint",
        checkpoint_seconds=120.0,
        resume=True,
        **training(options),
    ).fit(molecules)


def gone_on(molecules, options):
    start = load(options.start)
    was_taught = start.domain_.targets
    if was_taught:
        start.model_.likelihood.weight = options.weight
    targets = () if was_taught else TARGETS
    return fine_tune(start, molecules, targets=targets, validation=0.004, **training(options))


def main(options):
    warnings.simplefilter("ignore")
    torch.set_num_threads(options.threads)
    smiles = pd.read_csv(options.train).iloc[:, 0]
    smiles = smiles[~smiles.isin(pd.read_csv(options.held_out).iloc[:, 0])].tolist()
    known, folder = {}, Path(options.out)
    if options.labeled:
        folder.mkdir(parents=True, exist_ok=True)
        table = labels(options.labeled, folder / "properties.csv").reindex(smiles)
        known = {name: table[name].to_numpy(np.float64) for name in TARGETS}
    # MOSES' molecules are canonical and clean, so reading them again would only take an hour
    molecules = Standardized(smiles, range(len(smiles)), known, Report(()))
    model = gone_on(molecules, options) if options.start else begun(molecules, folder, options)
    model.set_params(likelihood="auto", checkpoint_dir=None, resume=False).save(folder / "run")
    halved(folder / "run" / "model.safetensors")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", required=True)
    parser.add_argument("--held-out", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--labelled")
    parser.add_argument("--start")
    parser.add_argument("--width", type=int, default=224)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--heads", type=int, default=7)
    parser.add_argument("--size", default="small")
    parser.add_argument("--beta", type=float, default=0.25)
    parser.add_argument("--blur", type=float, default=0.5)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--weight", type=float, default=10.0)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", default="fp32")
    main(parser.parse_args())
