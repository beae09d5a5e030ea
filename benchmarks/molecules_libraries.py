"""How many molecules of other libraries do the models of the package read and give back?

    python benchmarks/molecules_libraries.py --mix DIR --data DIR [--models moses druglike]

The first DIR is that of `molecule_mix.py`, which has held out test_zinc.csv.gz, test_chembl.csv.gz
and test_hiv.csv.gz; the second holds moses/test.csv.gz, of which 1,500 are taken, and the whole
libraries. Of each model and library: the share of the whole library that it reads, rejected rows
counted as not read; of test molecules the share given back exactly from the posterior mean (those
that cannot be read are not), reconstructions that are molecules, how often intervals of properties
that promise 90 % hold, R2, and the root mean square error beside the one that the model prints.
Three disjoint parts of each test give the spread.

Then, of leads of each library that a model reads and does not give back, how many analogues (a
Tanimoto similarity of .4 at least) 400 points around their latents give, and how many 400 exchanges
of a piece (`exchange_fragments`).
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from rdkit import RDLogger
from results import add_option, keep, part, recording

from vaekit import load
from vaekit.molecules import canonical, find_analogues, predict_molecules

PARTS, COUNT = 3, 500
TRIED = 400
GOALS = {
    ("druglike", "ZINC"): (99.5, 80),
    ("druglike", "HIV"): (99, 50),
    ("druglike", "MOSES"): (100, 88),
}
WHOLE = {
    "MOSES": "moses/test.csv.gz",
    "ZINC": "zinc_valid/valid.csv.gz",
    "ChEMBL-like": "chembl_like/train.smi.gz",
    "HIV": "hiv_half/hiv_dev.csv.gz",
}
TESTS = {
    name: f"test_{key}.csv.gz"
    for name, key in (("ZINC", "zinc"), ("ChEMBL-like", "chembl"), ("HIV", "hiv"))
}


def read(path):
    if not path.exists():
        raise SystemExit(f"{path} is missing: see --help for what the folders must hold.")
    if ".smi" in path.name:
        return pd.read_csv(path, sep=r"\s+", header=None, dtype=str)[0]
    return pd.read_csv(path).iloc[:, 0].astype(str)


def readable(domain, smiles, most=5000):
    some = smiles.sample(min(most, len(smiles)), random_state=1).tolist()
    return 100 * len(domain.usable(some).positions) / len(some)


def measured(model, smiles):
    """Figures of some test molecules."""
    found = predict_molecules(model.trained_, smiles, compute=True)
    made = model.reconstruct(smiles)
    valid = [text is not None for text in canonical([text or "" for text in made])]
    figures = {
        "exact, %": 100 * found.applicability.round_trip.mean(),
        "valid reconstructions, %": 100 * np.mean(valid),
    }
    inside = found.coverage()
    for name in found.values:
        away = found.values[name] - found.known[name]
        known = ~np.isnan(away)
        figures[f"{name}: intervals hold, %"] = 100 * inside[name]
        figures[f"{name}: R2"] = 1 - np.square(away[known]).mean() / found.known[name][known].var()
        figures[f"{name}: error"] = float(np.sqrt(np.square(away[known]).mean()))
        figures[f"{name}: error printed"] = found.errors[name]
    return figures


def proposals(model, smiles, count):
    """Analogues of leads that are not given back, by latents and by exchanged pieces."""
    kept = model.domain_.usable(smiles).items.smiles
    made = canonical([text or "" for text in model.reconstruct(kept)])
    lost = [a for a, b in zip(kept, made, strict=True) if a != b][:count]
    found = [
        find_analogues(model.trained_, lead, 10_000, draws=TRIED, exchange=TRIED) for lead in lost
    ]
    by_latents = [int((~np.isnan(each.radius)).sum()) for each in found]
    by_pieces = [each.exchanged[1] for each in found]
    return lost, by_latents, by_pieces


def main(options):
    warnings.simplefilter("ignore")
    RDLogger.DisableLog("rdApp.*")
    for model_name in options.models:
        model = load(model_name)
        for name, whole in WHOLE.items():
            library = read(options.data / whole)
            test = read(options.mix / TESTS[name]) if name in TESTS else library
            test = test.sample(min(PARTS * COUNT, len(test)), random_state=0)
            rows = [measured(model, test.iloc[at::PARTS].tolist()) for at in range(PARTS)]
            figures = {each: [row[each] for row in rows] for each in rows[0]}
            middle = {each: float(np.mean(values)) for each, values in figures.items()}
            middle["read, %"] = readable(model.domain_, library)
            targets = {}
            if (goal := GOALS.get((Path(model_name).name, name))) is not None:
                for each, least in zip(("read, %", "exact, %"), goal, strict=True):
                    targets[each] = (f"at least {least}", middle[each] >= least)
            keep(
                f"{Path(model_name).name}: {name}",
                middle,
                spreads=figures,
                seeds=1,
                targets=targets,
            )
            print(f"{model_name}: {name}", flush=True)
            for each, value in middle.items():
                spread = np.std(figures.get(each, [0]))
                print(f"  {each:30} {value:8.3f} +- {spread:.3f}", flush=True)
            if not options.leads or name == "MOSES":
                continue
            lost, *found = proposals(model, test.head(20 * options.leads).tolist(), options.leads)
            if not lost:
                continue
            words = ("of points around latents", "of exchanged pieces")
            figures = {f"analogues {k}": np.mean(v) for k, v in zip(words, found, strict=True)}
            shares = [np.mean(np.array(v) > 0) * 100 for v in found]
            figures |= {f"leads with one, {k}, %": v for k, v in zip(words, shares, strict=True)}
            figures["leads"] = len(lost)
            with part("Leads that are not given back"):
                keep(f"{Path(model_name).name}: {name}", figures, seeds=1)
            print(f"  {figures}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mix", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--leads", type=int, default=8)
    parser.add_argument("--models", nargs="*", default=["moses", "druglike"])
    add_option(parser)
    options = parser.parse_args()
    with recording("molecules_libraries", options.results):
        main(options)
