"""Design of molecules: every method, one harness, the same first molecules and budget.

    python benchmarks/molecules_design.py tasks RUN STARTS [--tasks ...] [--methods ...]
        [--calls 2000] [--seeds 0] [--out rows.csv]
    python benchmarks/molecules_design.py leads RUN STARTS [--leads 24] [--calls 150] [--seeds 0]

RUN is a folder of a model of molecules, or moses, which comes with the package; STARTS a file of
SMILES (a .smi, or a .csv whose first column they are).

``tasks`` takes goal-directed tasks of GuacaMol (see molecule_tasks.py): 100 molecules of STARTS,
drawn by the seed and the same for all methods, then rounds of 100, until the calls are spent.
Printed for each: area under the curve of the mean of the ten best (as PMO defines it, though over
--calls calls), the same of the first 2,000 calls alone, the mean of the ten best, the best, what
the best of the first 100 had, and milliseconds of CPU for a call. With the package mol_ga
(``pip install mol_ga``) also Graph GA, with its own settings. PMO's published means over its 23
tasks at 10,000 calls: VAE with Bayesian optimisation .39, Graph GA .60.

``leads`` begins with a lead of a QED of .5 to .7 and a logP outside of 2 to 3 and asks for the
highest QED with a logP of 2 to 3, at a similarity of .4 to the lead: the mean over leads of what
was found and of how much was gained, each with its standard error, how many reach .85 and .9, and
by how much the first of --methods gained more than each of the others, lead by lead. Random
samples that are so similar are rare: there, 10,000 are drawn, and calls spent on the first such.
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
from results import add_option, keep, recording

from vaekit import load
from vaekit.molecules import (
    canonical,
    compute_properties,
    morgan_fingerprints,
    read_molecules,
    tanimoto,
)
from vaekit.molecules.design import (
    METHODS,
    Goal,
    MoleculeSpace,
    SearchSettings,
    Similar,
    Starts,
    area_of_best,
    maximize,
    mean_of_best,
    round_of,
    search,
    within,
)
from vaekit.randomness import seeded

FIRST, BATCH, SHORT, EVERY_TASK = 100, 100, 2000, tuple(TASKS)
LOGP, SAMPLES = (2, 3), 10_000
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
    goal = Goal([maximize(of_smiles(task), name=task)])
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
                started = time.process_time()
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
                        "auc_2000": round(area_of_best(scores[:SHORT], SHORT), 4),
                        "top10": round(mean_of_best(scores), 4),
                        "best": round(float(scores.max()), 4),
                        "first": round(float(scores[:FIRST].max()), 4),
                        "cpu_ms": round(1000 * (time.process_time() - started) / options.calls, 1),
                        "smiles": best,
                    }
                )
                print(*rows[-1].values(), flush=True)
                figures = {
                    f"{method}, seed {seed}: {key}": rows[-1][key]
                    for key in ("auc_top10", "top10", "best", "cpu_ms")
                }
                keep(task, figures, part=f"{options.calls:,} calls")
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


def chosen_leads(space, pool, count, seed):
    """Molecules that the model can encode, of a middling QED and a logP out of what is asked."""
    leads = {}
    while len(leads) < count:
        known, _ = space.encode(some := first_molecules(pool, seed))
        found = compute_properties(some, ["qed", "logp"])
        good = known & (found["qed"] > 0.5) & (found["qed"] < 0.7)
        good &= (found["logp"] < LOGP[0]) | (found["logp"] > LOGP[1])
        leads |= dict.fromkeys(some[place] for place in np.flatnonzero(good))
        seed += 1
    return list(leads)[:count]


def best_near(trained, lead, method, calls, seed):
    """The highest QED at a logP in the range; that of the lead where there is none."""
    goal = Goal([maximize("qed"), within("logp", *LOGP)])
    settings = SearchSettings(
        calls, method, round_of(calls), constraints=[Similar(lead, 0.4)], seed=seed
    )
    found = search(MoleculeSpace(trained), goal, Starts([lead]), settings)
    qed, logp = np.array([record.values for record in found.records]).T
    return max(qed[(logp >= LOGP[0]) & (logp <= LOGP[1])], default=qed[0])


def screened(trained, leads, calls, seed):
    """The same of the first of 10,000 samples that are similar, of which there are few or none."""
    space = MoleculeSpace(trained)
    with seeded(seed):
        made = [one for _ in range(5) for one in space.decode(space.prior(SAMPLES // 5)) if one]
    made = list(dict.fromkeys(made))
    found = compute_properties(made, ["qed", "logp"])
    is_good = (found["logp"] >= LOGP[0]) & (found["logp"] <= LOGP[1])
    similar = tanimoto(morgan_fingerprints(leads), morgan_fingerprints(made)) >= 0.4
    print(f"random: {similar.sum(1).mean():.1f} of {SAMPLES} samples are similar to a lead")
    before, best = compute_properties(leads, ["qed"])["qed"], []
    for qed, row in zip(before, similar, strict=True):
        positions = np.flatnonzero(row)[: calls - 1]
        best.append(max([*found["qed"][positions[is_good[positions]]], qed]))
    return best


def run_leads(options, trained, pool):
    for seed in options.seeds:
        leads = chosen_leads(MoleculeSpace(trained), pool, options.leads, seed)
        before = compute_properties(leads, ["qed"])["qed"]
        print(f"seed {seed}: {len(leads)} leads of a QED of {before.mean():.3f}", flush=True)
        best = {}
        for method in options.methods:
            started = time.process_time()
            if method == "random":
                rows = screened(trained, leads, options.calls, seed)
            else:
                rows = [best_near(trained, lead, method, options.calls, seed) for lead in leads]
            spent = (time.process_time() - started) / len(leads) / options.calls
            best[method] = np.array(rows)
            successes = [int((best[method] >= level).sum()) for level in (0.85, 0.9)]
            print(
                f"{method}, {options.calls} calls each: QED {with_error(best[method])}, gained "
                f"{with_error(best[method] - before)}, at least .85 {successes[0]}, .9 "
                f"{successes[1]} of {len(leads)}; {1000 * spent:.0f} ms of CPU for a call",
                flush=True,
            )
            figures = {
                "best QED": best[method].mean(),
                "gained": (best[method] - before).mean(),
                ".85 or more": f"{successes[0]} of {len(leads)}",
                ".9 or more": f"{successes[1]} of {len(leads)}",
                "CPU ms a call": 1000 * spent,
            }
            keep(method, figures, part=f"from single leads, seed {seed}, {options.calls} calls")
            if method != options.methods[0]:
                more = with_error(best[options.methods[0]] - best[method])
                print(f"  {options.methods[0]} gained more by {more}", flush=True)


def with_error(values):
    """Mean and its standard error over leads."""
    return f"{values.mean():.4f} +- {values.std(ddof=1) / len(values) ** 0.5:.4f}"


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
    parser.add_argument("run")
    parser.add_argument("starts", type=Path)
    parser.add_argument("--tasks", nargs="*", default=EIGHT, choices=EVERY_TASK)
    parser.add_argument("--methods", nargs="*", default=(*METHODS, "graph_ga"))
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--leads", type=int, default=24)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path)
    add_option(parser)
    options = parser.parse_args()
    with recording("molecules_design", options.results):
        main(options)
