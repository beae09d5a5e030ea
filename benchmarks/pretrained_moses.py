"""Train the model of molecules that comes with the package.

    python benchmarks/pretrained_moses.py --train FILE --held-out FILE --out DIR

FILE are .csv or .csv.gz with SMILES in their first column: all of MOSES' training molecules
(train.csv.gz of the PyPI package molsets), and those that are not to be learnt from. It was run
with `--minutes 6.2 --precision bf16` on one H100, beside two others on the same device; DIR then
holds the run, its weights in half precision.
"""

import argparse
import warnings
from pathlib import Path

import pandas as pd
import safetensors.torch

from vaekit import Autoencoder, presets
from vaekit.domains import MoleculeDomain
from vaekit.domains.molecules import Report, Standardised
from vaekit.likelihoods import Tokens
from vaekit.networks import TokenTransformer

WIDTH, LAYERS, HEADS = 224, 4, 7


def halved(path):
    """Weights in half precision: what is lost lies far below what training leaves open."""
    weights = safetensors.torch.load_file(path)
    weights = {k: v.half() if v.is_floating_point() else v for k, v in weights.items()}
    safetensors.torch.save_file(weights, path)


def main(options):
    warnings.simplefilter("ignore")
    smiles = pd.read_csv(options.train).iloc[:, 0]
    smiles = smiles[~smiles.isin(pd.read_csv(options.held_out).iloc[:, 0])].tolist()
    # MOSES' molecules are canonical and clean, so reading them again would only take an hour
    molecules = Standardised(smiles, range(len(smiles)), {}, Report(()))
    words = MoleculeDomain().fit(molecules).vocabulary
    network = TokenTransformer(words.num_codes, words.steps, WIDTH, WIDTH, LAYERS, HEADS)
    model = Autoencoder(
        presets.sequence_vae(beta=0.25),
        64,
        domain=MoleculeDomain(),
        likelihood=Tokens(network),
        max_minutes=options.minutes,
        max_epochs=100,
        batch_size=512,
        learning_rate=1e-3,
        gradient_clip=1.0,
        precision=options.precision,
        progress=True,
    ).fit(molecules)
    model.set_params(likelihood="auto").save(options.out)
    halved(Path(options.out) / "model.safetensors")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", required=True)
    parser.add_argument("--held-out", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--precision", default="fp32")
    main(parser.parse_args())
