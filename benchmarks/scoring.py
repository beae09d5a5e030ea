"""Data sets of many shards: processes, cost of a row, a cluster of Ray, and what a kill costs.

    python benchmarks/scoring.py [--only processes,rows,ray,kill] [--rows 1000000]

The rows are those of breast_cancer, 569 of 30 numbers, repeated. "processes" compares the wall time
of one process with that of two, taken in turns, from the call to its end, and the processor time of
both, which other work on the machine changes less. "rows" is the processor time of a row of data
sets of 1e5, 1e6 and 1e7 rows. "ray" compares two actors of Ray with two processes; "kill" kills a
worker and then a node of two on the way, and compares the files with those of one process.
"""

import argparse
import os
import resource
import shutil
import signal
import statistics
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from results import add_option, keep, recording

from vaekit import Autoencoder
from vaekit.batch import Scorer, find_shards, process_data_set
from vaekit.datasets import breast_cancer

SHARD = 100_000


def write_shards(folder, rows, shard=SHARD):
    folder.mkdir(parents=True)
    table = pa.Table.from_pandas(breast_cancer(), preserve_index=False)
    for place in range(-(-rows // shard)):
        count = min(shard, rows - place * shard)
        index = (np.arange(count) + place * shard) % len(table)
        pq.write_table(table.take(pa.array(index)), folder / f"part-{place:04d}.parquet")


def processor():
    own, children = (
        resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return sum(usage.ru_utime + usage.ru_stime for usage in (own, children))


def measured(scorer, source, out, **options):
    """Wall and processor seconds of a call."""
    started, before = time.perf_counter(), processor()
    process_data_set(scorer, find_shards(source), out, **options)
    return time.perf_counter() - started, processor() - before


def processes(run, work, rows):
    write_shards(work / "in", rows)
    scorer = Scorer(run, "score", {"draws": 8})
    found = {1: [], 2: []}
    for turn in range(2):
        for count in (1, 2):
            out = work / f"out-{turn}-{count}"
            found[count].append(measured(scorer, work / "in", out, processes=count))
            print(count, found[count][-1], flush=True)
    wall = {n: min(w for w, _ in times) for n, times in found.items()}
    cpu = {n: min(c for _, c in times) for n, times in found.items()}
    ratio, share = wall[1] / wall[2], 2 * cpu[1] / cpu[2]
    figures = {
        "rows a second, one process": rows / wall[1],
        "rows a second, two": rows / wall[2],
        "times as fast": ratio,
        "times as fast by processor time, on two free cores": share,
    }
    targets = {name: (">= 1.8", figures[name] >= 1.8) for name in list(figures)[2:]}
    same = contents(work / "out-0-1") == contents(work / "out-0-2")
    print(figures, "same bytes:", same, flush=True)
    keep("`score`, 8 draws", figures, targets=targets, part="Two processes", seeds=2)


def cost_of_rows(run, work):
    scorer = Scorer(run, "encode")
    costs = {}
    write_shards(work / "1e5", 10**5)
    write_shards(work / "1e6", 10**6)
    measured(scorer, work / "1e5", work / "warm")
    first = [cost(scorer, work / "1e5", work / f"a{n}", 10**5) for n in range(5)]
    million = cost(scorer, work / "1e6", work / "b0", 10**6)
    write_shards(work / "1e7", 10**7)
    costs[10**7] = cost(scorer, work / "1e7", work / "c", 10**7)
    first += [cost(scorer, work / "1e5", work / f"d{n}", 10**5) for n in range(5)]
    costs[10**6] = (million + cost(scorer, work / "1e6", work / "b1", 10**6)) / 2
    costs[10**5] = statistics.median(first)
    names = {10**n: f"microseconds a row, 1e{n} rows" for n in (5, 6, 7)}
    figures = {names[rows]: 1e6 * costs[rows] for rows in sorted(costs)}
    apart = 100 * (max(costs.values()) / min(costs.values()) - 1)
    figures["largest above least, %"] = apart
    print(figures, first, flush=True)
    keep(
        "`encode`, processor time",
        figures,
        targets={"largest above least, %": ("<= 5", apart <= 5)},
        part="Cost of a row",
        seeds=1,
    )


def cost(scorer, source, out, rows):
    _, seconds = measured(scorer, source, out)
    shutil.rmtree(out)
    return seconds / rows


def contents(folder):
    return {p.name: p.read_bytes() for p in sorted(folder.rglob("*.parquet"))}


def on_ray(run, work, rows):
    write_shards(work / "in", rows)
    scorer = Scorer(run, "score", {"draws": 8})
    found = {"local": [], "ray": []}
    for turn in range(2):
        for engine, times in found.items():
            out = work / f"{engine}-{turn}"
            options = {"engine": engine, "processes": 2}
            times.append(measured(scorer, work / "in", out, **options)[0])
            print(engine, times[-1], flush=True)
    ratio = min(found["ray"]) / min(found["local"])
    same = contents(work / "local-0") == contents(work / "ray-1")
    figures = {
        "seconds, two processes": min(found["local"]),
        "seconds, two actors of Ray": min(found["ray"]),
        "times as long on Ray": ratio,
        "same bytes": "yes" if same else "no",
    }
    print(figures, flush=True)
    keep(
        f"`score`, 8 draws, {rows:,} rows",
        figures,
        targets={
            "times as long on Ray": ("<= 1.3", ratio <= 1.3),
            "same bytes": ("yes", same),
        },
        part="Ray",
        seeds=2,
    )


def killed(run, work, rows):
    import ray
    from ray.cluster_utils import Cluster

    write_shards(work / "in", rows, 10_000)
    scorer = Scorer(run, "score", {"draws": 8})
    process_data_set(scorer, find_shards(work / "in"), work / "one")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    ray.init(address=cluster.address, log_to_driver=False)
    ours = ray.get_runtime_context().get_node_id()
    other = next(node for node in nodes if node.node_id != ours)  # the driver's would end it all
    done = []

    def kill():
        wait_for(work / "two", 4)
        done.append(kill_worker())
        wait_for(work / "two", 8)
        cluster.remove_node(other, allow_graceful=False)
        done.append("node")

    thread = threading.Thread(target=kill)
    thread.start()
    process_data_set(scorer, find_shards(work / "in"), work / "two", engine="ray", processes=2)
    thread.join()
    ray.shutdown()
    cluster.shutdown()
    same = contents(work / "one") == contents(work / "two")
    count = sum(pq.read_metadata(p).num_rows for p in (work / "two").glob("*.parquet"))
    figures = {"rows of the results": count, "same bytes as one process": "yes" if same else "no"}
    print(figures, done, flush=True)
    keep(
        f"A worker and a node of two killed, {rows:,} rows",
        figures,
        targets={
            "rows of the results": (f"{rows}", count == rows),
            "same bytes as one process": ("yes", same),
        },
        part="Ray",
        seeds=1,
    )


def wait_for(folder, count):
    while len(list(folder.glob("part-*.parquet"))) < count:
        time.sleep(0.01)


def kill_worker():
    """Kill the process of an actor that works, as it names itself."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            title = path.read_bytes()
        except OSError:
            continue
        if title.startswith(b"ray::_Worker.work"):
            os.kill(int(path.parent.name), signal.SIGKILL)
            return "worker"
    return "no worker was there"


def main(options):
    model = Autoencoder("vae", latent_dim=8, max_epochs=20, progress=False).fit(breast_cancer())
    with tempfile.TemporaryDirectory() as folder:
        work, run = Path(folder), str(Path(folder, "run"))
        model.save(run)
        if "processes" in options.only:
            processes(run, work / "processes", options.rows)
        if "rows" in options.only:
            cost_of_rows(run, work / "rows")
        if "ray" in options.only:
            on_ray(run, work / "ray", options.rows)
        if "kill" in options.only:
            killed(run, work / "kill", 200_000)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="processes,rows,ray,kill")
    parser.add_argument("--rows", type=int, default=1_000_000)
    add_option(parser)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with recording("scoring", options.results):
        main(options)
