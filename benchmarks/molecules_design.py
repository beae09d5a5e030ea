"""Design of molecules: every method, one harness, the same first molecules and budget.

    python benchmarks/molecules_design.py tasks RUN STARTS [--tasks ...] [--methods ...]
        [--calls 2000] [--seeds 0] [--out rows.csv]
    python benchmarks/molecules_design.py leads RUN STARTS [--leads 20] [--calls 200] [--seeds 0]

RUN is a folder of a model of molecules, STARTS a file of SMILES (a .smi, or a .csv whose first
column they are).

``tasks`` takes goal-directed tasks of GuacaMol (see molecule_tasks.py): 100 molecules of STARTS,
drawn by the seed and the same for all methods, then rounds of 100, until the calls are spent.
Printed for each: area under the curve of the mean of the ten best (as PMO defines it, though over
--calls calls), the mean of the ten best, the best, and what the best of the first 100 had. With the
package mol_ga (``pip install mol_ga``) also Graph GA, with its own settings. PMO's published means
over its 23 tasks at 10,000 calls: VAE with Bayesian optimisation .39, Graph GA .60.

``leads`` begins with a lead of a QED of .5 to .7 and a logP outside of 2 to 3 and asks for the
highest QED with a logP of 2 to 3, at a similarity of .4 to the lead: how many reach .85, and the
mean of the best QED within, against local noise.
"""

import argparse
import contextlib
import csv
import heapq
import random
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from molecule_tasks import TASKS
from rdkit import Chem, RDLogger

from vaekit import load
from vaekit.domains.molecules import canonical, properties_of, read_molecules
from vaekit.tasks import maximise, optimise, within
from vaekit.tasks.optimisation import (
    METHODS,
    Goal,
    MoleculeSpace,
    SearchSettings,
    Similar,
    Starts,
    area_of_best,
    mean_of_best,
    search,
    table,
)

FIRST, BATCH, EVERY_TASK = 100, 100, tuple(TASKS)
EIGHT = (
    "amlodipine_mpo",
    "fexofenadine_mpo",
    "isomers_c7h8n2o2",
    "median2",
    "osimertinib_mpo",
    "perindopril_mpo",
    "ranolazine_mpo",
    "zaleplon_mpo",
)


class _SpentError(Exception):
    """All calls are spent."""


def first_molecules(pool, seed):
    order = np.random.default_rng(seed).permutation(len(pool))
    found = dict.fromkeys(one for one in canonical(pool[i] for i in order[: 2 * FIRST]) if one)
    return list(found)[:FIRST]


def of_smiles(task):
    score = TASKS[task]()
    return lambda smiles: score(Chem.MolFromSmiles(smiles))


def searched(trained, task, method, first, calls, seed):
    goal = Goal([maximise(of_smiles(task), name=task)])
    settings = SearchSettings(calls, method, BATCH, seed=seed)
    found = search(MoleculeSpace(trained), goal, Starts(first), settings)
    best = int(np.nanargmax(found.scores))
    return np.nan_to_num(found.scores), found.records[best].smiles


def graph_ga(task, first, calls, seed):
    """The package's defaults, but for rounds as large as ours."""
    from mol_ga.general_ga import run_ga_maximization
    from mol_ga.graph_ga.gen_candidates import graph_ga_blended_generation
    from mol_ga.sample_population import uniform_quantile_sampling

    score, known = of_smiles(task), {}

    def scores(batch):
        for one in batch:
            if one not in known:
                if len(known) == calls:
                    raise _SpentError
                known[one] = score(one) if Chem.MolFromSmiles(one) else 0.0
        return [known[one] for one in batch]

    with contextlib.suppress(_SpentError):
        run_ga_maximization(
            scoring_func=scores,
            starting_population_smiles=set(first),
            sampling_func=uniform_quantile_sampling,
            offspring_gen_func=graph_ga_blended_generation,
            selection_func=heapq.nlargest,
            max_generations=calls,
            population_size=10_000,
            offspring_size=BATCH,
            rng=random.Random(seed),
        )
    best = max(known, key=known.get)
    return np.array(list(known.values())), best


def run_tasks(options, trained, pool):
    rows = []
    for task in options.tasks:
        for method in options.methods:
            for seed in options.seeds:
                first = first_molecules(pool, seed)
                started = time.monotonic()
                if method == "graph_ga":
                    scores, best = graph_ga(task, first, options.calls, seed)
                else:
                    scores, best = searched(trained, task, method, first, options.calls, seed)
                rows.append(
                    {
                        "task": task,
                        "method": method,
                        "seed": seed,
                        "calls": options.calls,
                        "auc_top10": round(area_of_best(scores, options.calls), 4),
                        "top10": round(mean_of_best(scores), 4),
                        "best": round(float(scores.max()), 4),
                        "first": round(float(scores[:FIRST].max()), 4),
                        "seconds": round(time.monotonic() - started),
                        "smiles": best,
                    }
                )
                print(*rows[-1].values(), flush=True)
                if options.out:
                    append(options.out, rows[-1])
    print_means(rows)


def append(path, row):
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, row)
        if is_new:
            writer.writeheader()
        writer.writerow(row)


def print_means(rows):
    for method in dict.fromkeys(row["method"] for row in rows):
        ours = [row for row in rows if row["method"] == method]
        means = [np.mean([row[key] for row in ours]) for key in ("auc_top10", "top10", "best")]
        count = len({row["task"] for row in ours})
        print(f"mean of {count} tasks, {method}: " + " ".join(f"{mean:.3f}" for mean in means))


def chosen_leads(pool, count, seed):
    some = first_molecules(pool, seed) + first_molecules(pool, seed + 1)
    found = properties_of(some, ["qed", "logp"])
    good = (found["qed"] > 0.5) & (found["qed"] < 0.7)
    good &= (found["logp"] < 2) | (found["logp"] > 3)
    return [some[place] for place in np.flatnonzero(good)][:count]


def run_leads(options, trained, pool):
    for seed in options.seeds:
        leads = chosen_leads(pool, options.leads, seed)
        for method in options.methods:
            best, started = [], time.monotonic()
            for lead in leads:
                found = optimise(
                    trained,
                    [maximise("qed"), within("logp", 2, 3)],
                    constraints=[Similar(lead, 0.4)],
                    budget=options.calls,
                    method=method,
                    seed=seed,
                )
                rows = table(found)
                inside = rows[(rows["logp"] >= 2) & (rows["logp"] <= 3)]
                best.append(inside["qed"].max() if len(inside) else 0.0)
            before = properties_of(leads, ["qed"])["qed"]
            best = np.array(best)
            shares = [(best >= level).mean() for level in (0.85, 0.9)]
            print(
                f"seed {seed}, {method}: {len(leads)} leads, {options.calls} calls each; QED of "
                f"the leads {before.mean():.3f}, of the best at logP 2 to 3 {best.mean():.3f}; "
                f"at least .85 {shares[0]:.2f}, .9 {shares[1]:.2f}; "
                f"{time.monotonic() - started:.0f} s",
                flush=True,
            )


def main(options):
    warnings.simplefilter("ignore")
    RDLogger.DisableLog("rdApp.*")
    if options.threads:
        torch.set_num_threads(options.threads)
    pool = list(read_molecules(options.starts).smiles)
    trained = load(options.run).trained_
    (run_tasks if options.what == "tasks" else run_leads)(options, trained, pool)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("tasks", "leads"))
    parser.add_argument("run", type=Path)
    parser.add_argument("starts", type=Path)
    parser.add_argument("--tasks", nargs="*", default=EIGHT, choices=EVERY_TASK)
    parser.add_argument("--methods", nargs="*", default=(*METHODS, "graph_ga"))
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--leads", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path)
    main(parser.parse_args())
