"""VAE, GAN and diffusion on Fashion-MNIST: quality against training time and sampling time.

    python benchmarks/comparison.py --metric DIR --out DIR

Trains image_vae, gan, flow_matching and whatever else --models names on the 60,000 training images,
each for --minutes on --threads threads with everything else by default, and scores each after 2/15
and 5/15 of the time and at the end, by the features of DIR/measure.py (or of the folder that
VAEKIT_FASHION_METRIC names): 5,000 samples, 5,000 test images. At the end also the metric itself,
5,000 samples against all 10,000 test images. Models that sample in steps are scored with 5, 10, 20
and 50 of them. Writes the page of `vaekit compare` to --out.

Each finished training is kept in OUT-trials, so that a run that was stopped goes on.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
import torch
from default_quality import describe, find_metric
from results import add_option, keep, recording

from vaekit.comparison import (
    BenchmarkRun,
    BenchmarkScore,
    Comparison,
    ComparisonSettings,
    summarize,
    table,
    write_comparison,
)
from vaekit.comparison.benchmark import SHOWN, Benchmark
from vaekit.datasets import fashion_mnist
from vaekit.fitting import Plan
from vaekit.images import ImageDomain
from vaekit.metrics import Features
from vaekit.storage.runs import versions

FIELDS = ("training_seconds", "steps", "sampling_seconds_per_1000")


def features_of(metric):
    """The metric's classifier as features of the product."""

    def of(x):
        return torch.from_numpy(np.array(metric.feat(x.numpy())[0]))

    return Features("the classifier of the metric", of)


def benchmark(options, metric):
    train, test = fashion_mnist("train"), fashion_mnist("test")
    settings = ComparisonSettings(
        minutes=options.minutes, seeds=options.seeds, marks=(2 / 15, 5 / 15, 1.0), samples=5000
    )
    domain = ImageDomain().fit(train.images)
    labels = np.asarray(test.labels).astype(str)
    return Benchmark(train.images, test.images, domain, features_of(metric), settings, labels)


def run(place, name, seed, shared, metric):
    """Train, score, keep."""
    run = shared.run(Plan(name), seed)
    record = run.to_json()
    if run.failure is None:
        official = metric.score(run.trained.sample(5000, None, 0, "fitted"))
        record["official"] = {k: float(official[k]) for k in official}
        np.save(place.with_suffix(".npy"), run.samples)
    record["floor"] = dict(run.floor)
    place.with_suffix(".json").write_text(json.dumps(record, indent=1))
    return record


def as_trial(place, record):
    samples = np.load(place.with_suffix(".npy")) if record["failure"] is None else None
    return BenchmarkRun(
        record["model"],
        record["seed"],
        as_scores(record["scores"]),
        as_scores(record["by_steps"]),
        record["latency_seconds"],
        record["sampling_megabytes"],
        record["parameters"],
        tuple(record["history"]),
        record["failure"],
        record["floor"],
        samples,
    )


def as_scores(rows):
    return tuple(
        BenchmarkScore(
            row[FIELDS[0]],
            {k: v for k, v in row.items() if k not in FIELDS},
            row[FIELDS[1]],
            row[FIELDS[2]],
        )
        for row in rows
    )


def show(record):
    print(f"{record['model']}, seed {record['seed']}", record["failure"] or "")
    for row in (*record["scores"], *record["by_steps"]):
        steps, cost = row[FIELDS[1]], row[FIELDS[2]]
        figures = {k.split(",")[0]: v for k, v in row.items() if k.endswith(", samples")}
        figures |= {"CPU s per 1,000": cost} if cost is not None else {}
        after = f"after {row[FIELDS[0]]:.0f} s" + (f", {steps} steps" if steps is not None else "")
        keep(f"{record['model']}, seed {record['seed']}", figures, part=after)
        print(
            f"  {row[FIELDS[0]]:5.0f} s"
            f"{'' if steps is None else f', {steps} steps'}"
            f"{'' if cost is None else f', {cost:.2f} CPU s per 1,000'}:"
            + "".join(
                f"  {k.split(',')[0]} {v:.2f}" for k, v in row.items() if k.endswith(", samples")
            )
        )
    if record["failure"] is None:
        print(
            f"  the metric, against 10,000 test images: {describe(record['official'])}", flush=True
        )


def main(options):
    torch.set_num_threads(options.threads)
    metric = find_metric(options.metric)
    if metric is None:
        raise SystemExit("comparison.py measures nothing else: pass --metric DIR.")
    shared, runs = benchmark(options, metric), []
    kept = Path(f"{options.out}-trials")
    kept.mkdir(parents=True, exist_ok=True)
    for seed in range(options.seeds):
        for name in options.models.split(","):
            place = kept / f"{name}-{seed}"
            done = place.with_suffix(".json")
            new = not done.exists()
            record = run(place, name, seed, shared, metric) if new else json.loads(done.read_text())
            show(record)
            runs.append(as_trial(place, record))
    found = Comparison(
        tuple(runs),
        next(run.floor for run in runs if run.floor),
        shared.features.name,
        (len(shared.training), len(shared.held_out)),
        shared.settings,
        shared.held_out[:SHOWN],
        are_images=True,
    )
    write_comparison(Path(options.out), found, {"versions": versions()})
    for line in (*(" | ".join(cells) for cells in table(found)), *summarize(found)):
        print(line)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--metric", default=os.environ.get("VAEKIT_FASHION_METRIC"))
    parser.add_argument("--out", required=True, help="folder for the report")
    parser.add_argument("--models", default="image_vae,gan,flow_matching")
    parser.add_argument("--minutes", type=float, default=15.0, help="for each model and seed")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    add_option(parser)
    options = parser.parse_args()
    with recording("comparison", options.results):
        main(options)
