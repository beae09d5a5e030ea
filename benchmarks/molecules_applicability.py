"""Do intervals of predicted properties hold off the domain that a model of molecules learned?

    python benchmarks/molecules_applicability.py --data DIR

`moses`, as it is stored, learned from MOSES' training molecules. It is told of 1,000 of MOSES' test
molecules what they cost it and by how much it errs (`learn_reference`), which sets the intervals;
then their coverage (they promise 90 %) and width are looked at of other test molecules of MOSES,
and of libraries that it never saw: DIR/zinc_valid, DIR/chembl_like and DIR/hiv_half, 2,000 each,
those among them that it can read. Truth is RDKit's. Beside them stand intervals of one width for
all molecules, split conformal as well. Three draws of everything.

With ``--store FILE`` nothing is measured: what `moses` keeps of 500 training molecules and 1,000
test molecules is written into its domain.json.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from results import add_option, keep, recording

from vaekit import load
from vaekit.fitting.fit import as_items
from vaekit.molecules import (
    learn_reference,
    predict_molecules,
    readable_molecules,
)
from vaekit.molecules.reference import conformal_quantile
from vaekit.spec import describe

FILES = {
    "MOSES (test)": "moses/test.csv.gz",
    "ZINC": "zinc_valid/valid.csv.gz",
    "ChEMBL-like": "chembl_like/train.smi.gz",
    "HIV": "hiv_half/hiv_dev.csv.gz",
}
COUNT, DRAWS = 2000, 3


def smiles_of(folder, name):
    path = folder / FILES[name]
    if not path.exists():
        raise SystemExit(f"{path} is missing: --data must be a folder that holds it.")
    if ".smi" in path.name:
        return pd.read_csv(path, sep=r"\s+", header=None, dtype=str)[0]
    return pd.read_csv(path).iloc[:, 0].astype(str)


def with_reference(trained, learned, held_out):
    sets = [
        as_items(trained.domain, None, readable_molecules(trained.domain, list(s))[0], None)
        for s in (learned, held_out)
    ]
    reference = learn_reference(trained, *sets)
    return replace(trained, domain=replace(trained.domain, reference=reference))


def of_one_width(found, calibration):
    """Coverage and half width of intervals that are alike for all molecules."""
    rows = {}
    for name in found.intervals:
        half = conformal_quantile(np.abs(calibration.known[name] - calibration.values[name]))
        away = np.abs(found.known[name] - found.values[name])
        rows[name] = float(np.mean(away[~np.isnan(away)] <= half)), half
    return rows


def measured(found, calibration, deviations):
    far, inside, plain = found.applicability, found.coverage(), of_one_width(found, calibration)
    readable = ~np.isnan(far.log_density)
    figures = {
        "readable, %": 100 * readable.mean(),
        "given back, % of these": 100 * far.round_trip[readable].mean(),
        "less probable than 95 % of held-out, %": 100 * np.mean(far.rank[readable] < 0.05),
        "similarity to training, mean": np.nanmean(far.similarity),
    }
    for name, (low, high) in found.intervals.items():
        half = np.nanmedian(high - low) / 2 / deviations[name]
        figures[f"{name}: coverage, %"] = 100 * inside[name]
        figures[f"{name}: half width, deviations"] = half
        figures[f"{name}: coverage at one width, %"] = 100 * plain[name][0]
        figures[f"{name}: one half width, deviations"] = plain[name][1] / deviations[name]
    return figures


def store(options):
    trained = load("moses").trained_
    train = pd.read_csv(options.data / "moses/train_250k.csv.gz").iloc[:, 0]
    held_out = smiles_of(options.data, "MOSES (test)").sample(1000, random_state=0)
    told = with_reference(trained, train.sample(500, random_state=0), held_out)
    document = json.loads(options.store.read_text("utf-8"))
    document["domain"]["args"]["reference"] = describe(told.domain.reference)
    options.store.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def main(options):
    trained = load("moses").trained_
    scales = trained.domain.scales
    deviations = dict(zip(scales.names, scales.deviations, strict=True))
    train = pd.read_csv(options.data / "moses/train_250k.csv.gz").iloc[:, 0]
    libraries = {name: smiles_of(options.data, name) for name in FILES}
    found = {name: [] for name in FILES}
    for seed in range(DRAWS):
        draw = np.random.default_rng(100 + seed)
        some = {name: s.sample(COUNT, random_state=draw) for name, s in libraries.items()}
        held_out = libraries["MOSES (test)"].drop(some["MOSES (test)"].index)
        held_out = held_out.sample(1000, random_state=draw)
        told = with_reference(trained, train.sample(1000, random_state=draw), held_out)
        calibration = predict_molecules(told, held_out.tolist(), compute=True)
        for name, smiles in some.items():
            predicted = predict_molecules(told, smiles.tolist(), compute=True)
            found[name].append(measured(predicted, calibration, deviations))
    for name, rows in found.items():
        figures = {each: [row[each] for row in rows] for each in rows[0]}
        middle = {each: float(np.mean(values)) for each, values in figures.items()}
        targets = {}
        if name == "ZINC":
            asked = [each for each in figures if each.endswith(": coverage, %")]
            targets = {each: ("at least 85", middle[each] >= 85) for each in asked}
        keep(name, middle, spreads=figures, seeds=DRAWS, targets=targets)
        print(name)
        for each, values in figures.items():
            print(f"  {each:45} {np.mean(values):7.3f} +- {np.std(values):.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--store", type=Path, metavar="FILE")
    add_option(parser)
    options = parser.parse_args()
    if options.store is not None:
        store(options)
        raise SystemExit
    with recording("molecules_applicability", options.results):
        main(options)
