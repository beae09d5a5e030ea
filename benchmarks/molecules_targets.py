"""A target of 0 and 1 that is learned along, beside a random forest on Morgan fingerprints.

    python benchmarks/molecules_targets.py --data DIR --seeds 0 1 2

DIR/hiv_half is half of MoleculeNet's HIV (3.5 % active). A fifth is held out by scaffolds, as
``--scaffold-split`` does, for a test; of the rest the model is fitted with
`MoleculeDomain(targets=("HIV_active",), split="scaffold")`, once as they are and, with
``--balanced``, once with weights by which both classes count as much; the forest has 500 trees and
balanced classes, and fingerprints of radius 2 and 2,048 bits. AUROC of the test molecules that the
model can read, of which the forest is asked, too.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from results import add_option, keep, recording
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

from vaekit import Autoencoder
from vaekit.molecules import MoleculeDomain, morgan_fingerprints, predict_targets, standardize
from vaekit.training import Items


def molecules(folder):
    path = folder / "hiv_half" / "hiv_dev.csv.gz"
    if not path.exists():
        raise SystemExit(f"{path} is missing: --data must be a folder that holds it.")
    found = standardize(pd.read_csv(path)[["smiles", "HIV_active"]])
    active = found.properties["HIV_active"]
    return pd.DataFrame({"smiles": found.smiles, "HIV_active": active}).dropna()


def parts(frame, seed):
    groups = MoleculeDomain(split="scaffold").split_groups(frame["smiles"].tolist())
    items = Items(torch.zeros(len(frame), 1), groups=groups)
    learned, test = items.split(0.2, torch.Generator().manual_seed(seed))
    return frame.iloc[learned.index.numpy()], frame.iloc[test.index.numpy()]


def of_the_model(learned, test, weights, options, seed):
    domain = MoleculeDomain(targets=("HIV_active",), split="scaffold", on_bad="skip")
    model = Autoencoder(
        domain=domain, max_minutes=options.minutes, validation=0.1, seed=seed, progress=False
    )
    model.fit(learned, sample_weight=weights)
    return predict_targets(model.trained_, test["smiles"].tolist())["HIV_active"]


def of_the_forest(learned, test, seed):
    forest = RandomForestClassifier(500, class_weight="balanced", random_state=seed, n_jobs=1)
    forest.fit(morgan_fingerprints(learned["smiles"]).bits, learned["HIV_active"])
    return forest.predict_proba(morgan_fingerprints(test["smiles"]).bits)[:, 1]


def main(options):
    torch.set_num_threads(1)
    frame, found = molecules(options.data), {}
    for seed in options.seeds:
        learned, test = parts(frame, seed)
        active = learned["HIV_active"].to_numpy()
        balanced = np.where(active == 1, 0.5 / active.mean(), 0.5 / (1 - active.mean()))
        predicted = {"the model": of_the_model(learned, test, None, options, seed)}
        if options.balanced:
            name = "the model, classes balanced"
            predicted[name] = of_the_model(learned, test, balanced, options, seed)
        predicted["random forest, Morgan fingerprints"] = of_the_forest(learned, test, seed)
        readable = np.all([~np.isnan(values) for values in predicted.values()], axis=0)
        for name, values in predicted.items():
            auroc = roc_auc_score(test["HIV_active"][readable], values[readable])
            found.setdefault(name, []).append(auroc)
            print(seed, name, f"AUROC {auroc:.3f} of {readable.sum()} of {len(test)}", flush=True)
    forest = np.mean(found["random forest, Morgan fingerprints"])
    for name, values in found.items():
        mean, figure = float(np.mean(values)), "AUROC, scaffold split"
        targets = {figure: ("the forest's - .01", bool(mean >= forest - 0.01))}
        keep(
            name,
            {figure: mean},
            part="HIV",
            spreads={figure: values} if len(values) > 1 else None,
            seeds=len(values),
            targets=targets if name.startswith("the model") else None,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--balanced", action="store_true")
    add_option(parser)
    options = parser.parse_args()
    with recording("molecules_targets", options.results):
        main(options)
