"""Going on from the stored model with a few hundred molecules of one's own.

    python benchmarks/molecules_few.py --data FILE [--start moses] [--target expt]

FILE is a .csv with a column of SMILES, for instance the 642 of FreeSolv. Prints how many the model
has tokens for; before and after `fine_tune`, and of a model that starts from nothing with the same
steps: the share of raw draws that is valid, the heavy atoms of these beside those of FILE, and how
many of a tenth that was held out are reconstructed exactly. With --target, a column of numbers:
how well a fifth that was held out is predicted, for several seeds, by the model that was taught it
(`fine_tune(targets=...)`) as `predict` does, which goes by descriptors as well, and by its latents
alone; by ridge regression on the latents of the stored one; and by random forests of 500 trees on
counts of Morgan substructures and on all descriptors of RDKit. Of the first, how many values lie in
the intervals that promise 90 %, and how wide these are.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from molecule_figures import canonical
from rdkit import RDLogger
from results import add_option, keep, recording
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import RidgeCV

from vaekit import Autoencoder, fine_tune, load
from vaekit.molecules import (
    MoleculeDomain,
    compute_descriptors,
    compute_properties,
    predict_molecules,
    readable_molecules,
    standardize,
)
from vaekit.molecules.predictions import predict_from_latents


def shown(name, model, held_out, options):
    samples = model.sample(options.samples, seed=options.seed)
    valid = [text for text in map(canonical, samples) if text is not None]
    atoms = compute_properties(valid, ["heavy_atoms"])["heavy_atoms"]
    again = model.reconstruct(held_out)
    exact = np.mean([canonical(a) == b for a, b in zip(again, held_out.smiles, strict=True)])
    different = len(set(valid)) / max(1, len(valid))
    print(
        f"{name:12} valid {len(valid) / len(samples):.3f}, different {different:.3f}, "
        f"{atoms.mean():.1f} heavy atoms, exact {exact:.3f} of {len(held_out)}",
        flush=True,
    )
    figures = {"valid": len(valid) / len(samples), "different": different}
    figures |= {"heavy atoms": atoms.mean(), "exact": exact}
    keep(name, figures, part=f"{options.start} and {Path(options.data).name}", seeds=1)


def predicted(start, found, options):
    """R2 and root mean squared error on a fifth."""
    y = found.properties[options.target]
    everything = all_descriptors(found.smiles)
    counts = compute_descriptors(found.smiles).counts.toarray()
    codes, figures = start.transform(found), {}
    inside, widths = [], []
    for seed in range(options.seed, options.seed + options.seeds):
        order = np.random.default_rng(seed).permutation(len(found))
        asked, known = order[: len(found) // 5], order[len(found) // 5 :]
        forests = {
            "forest, Morgan counts": (counts, RandomForestRegressor(500, random_state=seed)),
            "forest, all descriptors": (everything, RandomForestRegressor(500, random_state=seed)),
        }
        ridge = RidgeCV(np.logspace(-3, 3, 7)).fit(codes[known], y[known])
        training = {"max_epochs": options.epochs} if options.epochs else {}
        tuned = fine_tune(
            start, found[known], targets=(options.target,), seed=seed, progress=False, **training
        )
        result = predict_molecules(tuned.trained_, list(found[asked].smiles))
        z = tuned.trained_.encode(found[asked])
        low, high = result.intervals[options.target]
        inside.append(np.mean((low <= y[asked]) & (y[asked] <= high)))
        widths.append(np.median(high - low) / 2)
        predicted = {
            "taught": result.values[options.target],
            "taught, latents alone": predict_from_latents(tuned.trained_, z)[options.target],
            "ridge on latents": ridge.predict(codes[asked]),
        } | {
            name: forest.fit(X[known], y[known]).predict(X[asked])
            for name, (X, forest) in forests.items()
        }
        for name, values in predicted.items():
            error = np.square(values - y[asked]).mean()
            figures.setdefault(name, []).append((1 - error / y[asked].var(), np.sqrt(error)))
            print(f"seed {seed}, {name}: R2 {figures[name][-1][0]:.3f}", flush=True)
    for name, pairs in figures.items():
        (r2, error), spread = np.mean(pairs, 0), np.ptp(pairs, 0)
        print(f"{name:18} R2 {r2:.3f} ({spread[0]:.3f}), error {error:.2f} ({spread[1]:.2f})")
        spreads = {"R2": f"range {spread[0]:.3f}", "error": f"range {spread[1]:.2f}"}
        what = f"{options.target} of {Path(options.data).name}, from {options.start}"
        both = {"R2": r2, "error": error}
        if name == "taught":
            both |= {"inside 90 % intervals, %": 100 * np.mean(inside)}
            both |= {"half width": np.mean(widths)}
            print(f"inside {np.mean(inside):.3f} of +- {np.mean(widths):.2f}", flush=True)
        forest = np.mean([r2 for r2, _ in figures["forest, all descriptors"]])
        targets = {"R2": ("a forest's on all descriptors", bool(r2 >= forest))}
        keep(
            name,
            both,
            part=what,
            spreads=spreads,
            seeds=options.seeds,
            targets=targets if name == "taught" else None,
        )


def all_descriptors(smiles):
    """All that RDKit computes, also what vaekit leaves out, within bounds."""
    from rdkit import Chem
    from rdkit.Chem import Descriptors

    rows = [Descriptors.CalcMolDescriptors(Chem.MolFromSmiles(text)) for text in smiles]
    return np.clip(np.nan_to_num(np.array([list(row.values()) for row in rows])), -1e9, 1e9)


def main(options):
    warnings.simplefilter("ignore")
    RDLogger.DisableLog("rdApp.*")
    start = load(options.start)
    given = standardize(options.data)
    found, left_out = readable_molecules(start.domain_, given)
    if options.target:
        predicted(start, found, options)
        return
    order = np.random.default_rng(options.seed).permutation(len(found))
    held_out, training = found[order[: len(found) // 10]], found[order[len(found) // 10 :]]
    atoms = compute_properties(found.smiles, ["heavy_atoms"])["heavy_atoms"].mean()
    print(f"{len(found)} molecules of {atoms:.1f} heavy atoms; no tokens for {left_out} others")
    shown("before", start, held_out, options)
    started = time.process_time()
    tuned = fine_tune(start, training, seed=options.seed, progress=False)
    print(f"fine_tune: {time.process_time() - started:.0f} CPU s, {len(tuned.history_)} passes")
    shown("gone on", tuned, held_out, options)
    steps = int(tuned.history_[-1]["step"])
    fresh = Autoencoder(domain=MoleculeDomain(), steps=steps, seed=options.seed, progress=False)
    fresh.fit(training)
    shown("from nothing", fresh, readable_molecules(fresh.domain_, held_out)[0], options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True)
    parser.add_argument("--start", default="moses")
    parser.add_argument("--target")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--epochs", type=int, help="passes over the molecules; the usual by default"
    )
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    add_option(parser)
    options = parser.parse_args()
    with recording("molecules_few", options.results):
        main(options)
