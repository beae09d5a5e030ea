"""A target of 0 and 1 that is learned along, beside forests on fingerprints and descriptors.

    python benchmarks/molecules_targets.py --data DIR --seeds 0 1 2

DIR/hiv_half is half of MoleculeNet's HIV (3.5 % active). A fifth is held out by scaffolds, as
``--scaffold-split`` does, for a test; of the rest the model is fitted with
`MoleculeDomain(targets=("HIV_active",), split="scaffold")`, once as they are and, with
``--balanced``, once with weights by which both classes count as much; the forest has 500 trees and
balanced classes, and fingerprints of radius 2 and 2,048 bits, or RDKit's descriptors. With
``--start druglike`` the stored model is trained further in place of one that starts from nothing.
AUROC of the test molecules that the model can read, of which the forests are asked, too: of what
`predict` says, which goes by descriptors as well, and of what the latents say alone.
``--most`` takes so many molecules at random.
"""

import argparse
import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from results import add_option, keep, recording
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

from vaekit import Autoencoder, fine_tune, load
from vaekit.domains import ReadOptions
from vaekit.molecules import (
    MoleculeDomain,
    compute_descriptors,
    morgan_fingerprints,
    predict_targets,
    standardize,
)
from vaekit.molecules.predictions import predict_from_latents
from vaekit.training import Items


def molecules(folder, most):
    path = folder / "hiv_half" / "hiv_dev.csv.gz"
    if not path.exists():
        raise SystemExit(f"{path} is missing: --data must be a folder that holds it.")
    found = standardize(pd.read_csv(path)[["smiles", "HIV_active"]])
    active = found.properties["HIV_active"]
    frame = pd.DataFrame({"smiles": found.smiles, "HIV_active": active}).dropna()
    return frame if most is None else frame.sample(most, random_state=0)


def parts(frame, seed):
    groups = MoleculeDomain(split="scaffold").split_groups(frame["smiles"].tolist())
    items = Items(torch.zeros(len(frame), 1), groups=groups)
    learned, test = items.split(0.2, torch.Generator().manual_seed(seed))
    return frame.iloc[learned.index.numpy()], frame.iloc[test.index.numpy()]


def of_the_model(learned, test, weights, options, seed):
    training = {"max_minutes": options.minutes, "validation": 0.1, "progress": False}
    if options.start:
        start = load(options.start)
        by_scaffold = start.domain_.with_options(ReadOptions(scaffold_split=True))
        start.from_trained(replace(start.trained_, domain=by_scaffold), start.history_, {})
        targets = ("HIV_active",)
        model = fine_tune(
            start, learned, targets=targets, sample_weight=weights, seed=seed, **training
        )
    else:
        domain = MoleculeDomain(targets=("HIV_active",), split="scaffold", on_bad="skip")
        model = Autoencoder(domain=domain, seed=seed, **training)
        model.fit(learned, sample_weight=weights)
    smiles = test["smiles"].tolist()
    z = model.trained_.encode(smiles, strict=False)
    print("share of the latents", model.domain_.descriptor_model.heads[0].latents, flush=True)
    return {
        "": predict_targets(model.trained_, smiles)["HIV_active"],
        ", latents alone": predict_from_latents(model.trained_, z)["HIV_active"],
    }


def of_a_forest(learned, test, compute, seed):
    forest = RandomForestClassifier(500, class_weight="balanced", random_state=seed, n_jobs=1)
    forest.fit(compute(learned["smiles"]), learned["HIV_active"])
    return forest.predict_proba(compute(test["smiles"]))[:, 1]


@functools.cache
def descriptors_of(smiles):
    return np.nan_to_num(compute_descriptors([smiles]).numbers[0])


def descriptors(smiles):
    return np.stack([descriptors_of(text) for text in smiles])


def main(options):
    torch.set_num_threads(1)
    frame, found = molecules(options.data, options.most), {}
    for seed in options.seeds:
        learned, test = parts(frame, seed)
        active = learned["HIV_active"].to_numpy()
        balanced = np.where(active == 1, 0.5 / active.mean(), 0.5 / (1 - active.mean()))
        predicted = {}
        ways = {"the model": None} | ({"the model, balanced": balanced} if options.balanced else {})
        for name, weights in ways.items():
            for how, values in of_the_model(learned, test, weights, options, seed).items():
                predicted[name + how] = values
        for what, compute in {
            "Morgan fingerprints": lambda smiles: morgan_fingerprints(smiles).bits,
            "descriptors": descriptors,
        }.items():
            predicted[f"random forest, {what}"] = of_a_forest(learned, test, compute, seed)
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
            part="HIV" if options.most is None else f"HIV, {options.most} molecules",
            spreads={figure: values} if len(values) > 1 else None,
            seeds=len(values),
            targets=targets if name in ("the model", "the model, balanced") else None,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--balanced", action="store_true")
    parser.add_argument("--start", help="a stored model, as druglike")
    parser.add_argument("--most", type=int)
    add_option(parser)
    options = parser.parse_args()
    with recording("molecules_targets", options.results):
        main(options)
