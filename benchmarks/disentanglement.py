"""Disentanglement of the presets made for it, on sprites whose factors are known.

    OMP_NUM_THREADS=1 python benchmarks/disentanglement.py

All 36,864 images of `datasets.shapes` (five factors), 10 latents, each preset at its defaults and
trained once per seed; every score of `vaekit.metrics.disentanglement` on the posterior means of
10,000 of them, as median (least - most) over the seeds. The last row has random latents: what each
score gives for nothing. Items are seen in training, as in the literature: these scores ask what the
latents mean, not how well they predict new items.
"""

import argparse
import statistics
import time
from dataclasses import fields

import numpy as np
import torch
from results import add_option, keep, recording

from vaekit import Autoencoder
from vaekit.datasets import shapes
from vaekit.metrics import Disentanglement, disentanglement

PRESETS = (
    "vae",
    "beta_vae",
    "disentangled_beta_vae",
    "beta_tc_vae",
    "factor_vae",
    "dip_vae_i",
    "dip_vae_ii",
)
LATENTS, SCORED = 10, 10_000
SCORES = {
    "mutual_information_gap": "MIG",
    "disentanglement": "DCI dis.",
    "completeness": "DCI comp.",
    "informativeness": "DCI inf.",
    "sap": "SAP",
    "modularity": "modularity",
    "factor_vae": "FactorVAE",
}
assert SCORES.keys() <= {field.name for field in fields(Disentanglement)}


def encode_items(preset, seed, data, chosen, epochs):
    """Posterior means of the chosen items, and CPU seconds of training."""
    if preset == "random":
        return np.random.default_rng(seed).standard_normal((len(chosen), LATENTS)), 0.0
    started = time.process_time()
    model = Autoencoder(preset, LATENTS, seed=seed, max_epochs=epochs, progress=False)
    model.fit(data.images)
    return model.transform(data.images[chosen]), time.process_time() - started


def shown(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def main(options):
    torch.set_num_threads(1)
    data = shapes()
    chosen = np.random.default_rng(0).permutation(len(data.images))[:SCORED]
    factors = torch.from_numpy(np.stack([codes[chosen] for codes in data.factors.values()], 1))
    print(f"{'preset':22} {'CPU s':>6}  " + "".join(f"{name:19}" for name in SCORES.values()))
    for preset in (*options.presets, "random"):
        found, seconds = [], []
        for seed in range(options.seeds):
            codes, spent = encode_items(preset, seed, data, chosen, options.epochs)
            found.append(disentanglement(torch.as_tensor(codes).float(), factors, seed))
            seconds.append(spent)
        cells = [shown([getattr(scores, name) for scores in found]) for name in SCORES]
        row = "".join(f"{cell:19}" for cell in cells)
        print(f"{preset:22} {statistics.median(seconds):6.1f}  {row}", flush=True)
        by_name = {shown: [getattr(s, name) for s in found] for name, shown in SCORES.items()}
        figures = {name: statistics.median(values) for name, values in by_name.items()}
        figures["CPU s"] = statistics.median(seconds)
        keep(preset, figures, spreads=by_name, seeds=options.seeds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--presets", type=lambda s: tuple(s.split(",")), default=PRESETS)
    add_option(parser)
    options = parser.parse_args()
    with recording("disentanglement", options.results):
        main(options)
