"""Measures and properties of molecules against those that MOSES stores, and their floors.

    python benchmarks/molecule_measures.py --train FILE --test FILE --props FILE --moses FOLDER

FILEs are .csv or .csv.gz, with SMILES in a column called smiles; --props has properties beside
them. FOLDER is where the wheel of molsets 0.3.1 was unzipped, for its statistics of the test sets
(moses/dataset/data/test_stats.npz, test_scaffolds_stats.npz). Prints the largest difference of
each property; and of n random training molecules every measure of MOSES, which is the floor of a
model's samples at that n, with the seconds it took.
"""

import argparse
import random
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from results import add_option, keep, recording

from vaekit.metrics.sample_quality import _trace_of_root
from vaekit.molecules import (
    as_molecules,
    compute_properties,
    morgan_fingerprints,
    nearest_molecules,
    passes_filters,
)
from vaekit.molecules import metrics as measures

STORED = {"logP": "logp", "SA": "sa", "QED": "qed", "weight": "mw"}


def timed(name, compute):
    started = time.monotonic()
    found = compute()
    shown = f"{found:.5g}" if isinstance(found, float) else found
    print(f"{name}: {shown} ({time.monotonic() - started:.1f} s)", flush=True)
    keep(name, {"value": found, "seconds": time.monotonic() - started})
    return found


def compare_properties(path):
    frame = pd.read_csv(path)
    names = {column: column.lower() for column in frame.columns if column != "smiles"}
    found = compute_properties(frame["smiles"], tuple(names.values()))
    for column, name in names.items():
        largest = np.abs(frame[column] - found[name]).max()
        print(f"{name}, largest difference: {largest:.2g}")
        keep(name, {"largest difference from the stored properties": largest})


def frechet(activations, stored):
    mean, covariance = (torch.as_tensor(stored[k]).double() for k in ("mu", "sigma"))
    own, spread = activations.double().mean(0), activations.double().T.cov()
    total = (own - mean).square().sum() + spread.trace() + covariance.trace()
    return (total - 2 * _trace_of_root(covariance, spread)).item()


def stored_measures(molecules, activations, path):
    stored = np.load(path, allow_pickle=True)["stats"].item()
    fragments, scaffolds = measures.fragment_counts(molecules), measures.scaffold_counts(molecules)
    figures = {
        "FCD": frechet(activations, stored["FCD"]),
        "Frag": measures.cosine_of_counts(stored["Frag"]["frag"], fragments),
        "Scaf": measures.cosine_of_counts(stored["Scaf"]["scaf"], scaffolds),
    }
    own = compute_properties(molecules, tuple(STORED.values()))
    for theirs, name in STORED.items():
        values = np.asarray(stored[theirs]["values"], dtype=np.float64)
        figures[f"Wasserstein: {name}"] = measures.property_distance(values, own[name])
    for name, value in figures.items():
        print(f"  {name} {value:.5f}")
    keep(Path(path).stem, figures, part="against the stored statistics")


def main(options):
    torch.set_num_threads(1)
    if options.props:
        compare_properties(options.props)
    training = pd.read_csv(options.train)["smiles"].tolist()
    test = pd.read_csv(options.test)["smiles"].tolist()
    chosen = random.Random(options.seed).sample(training, options.n)
    molecules = as_molecules(chosen)
    timed("valid", lambda: measures.validity(chosen))
    timed("different", lambda: measures.uniqueness(chosen))
    timed("IntDiv", lambda: measures.internal_diversity(molecules))
    timed("IntDiv2", lambda: measures.internal_diversity(molecules, 2))
    timed("filters", lambda: float(passes_filters(molecules).mean()))
    timed("SNN", lambda: measures.similarity_to_nearest(molecules, test))
    activations = measures.chemnet_activations(chosen)
    for name in ("test", "test_scaffolds"):
        print(f"against the stored statistics of {name}:")
        data = f"{options.moses}/moses/dataset/data"
        stored_measures(molecules, activations, f"{data}/{name}_stats.npz")
    known, asked = morgan_fingerprints(training), morgan_fingerprints(test[:1000])
    timed("nearest of 1,000", lambda: str(nearest_molecules(asked, known).similarity.mean()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("--train", "--test", "--moses"):
        parser.add_argument(name, required=True)
    parser.add_argument("--props")
    parser.add_argument("-n", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    add_option(parser)
    options = parser.parse_args()
    with recording("molecule_measures", options.results):
        main(options)
