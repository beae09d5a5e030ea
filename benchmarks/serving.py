"""``vaekit serve`` under load, with merged requests and without, and under hostile requests.

    python benchmarks/serving.py
    python benchmarks/serving.py --parts load
    python benchmarks/serving.py --parts merging --peer peer/bin/python   # with litserve installed

The clients are another process on the same machine as the server and its model, so both share its
cores.
"""

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import serving_fuzz
from results import add_option, keep, recording
from serving_load import ask_all

from vaekit import Autoencoder, load
from vaekit.anomalies import VAEDetector
from vaekit.datasets import breast_cancer, digits

PARTS = ("load", "merging", "hostile")
FEW = {"progress": False, "max_epochs": 5}
STATES = "/proc/{}/status"

PEER = """
import json, sys
import litserve as ls
import torch
torch.set_num_threads(1)

class API(ls.LitAPI):
    def setup(self, device):
        self.model = torch.jit.load(sys.argv[1])
        told = json.load(open(sys.argv[2]))
        self.mean, self.scale = torch.tensor(told["mean"]), torch.tensor(told["scale"])
    def decode_request(self, request):
        return (torch.tensor(request["items"]) - self.mean) / self.scale
    def batch(self, inputs):
        self.sizes = [len(x) for x in inputs]
        return torch.cat(inputs)
    def unbatch(self, output):
        return list(output.split(self.sizes))
    def predict(self, x):
        with torch.no_grad():
            return self.model(x)
    def encode_response(self, output):
        return {"latents": output.tolist()}

if __name__ == "__main__":
    merged = int(sys.argv[4])
    if merged == 1:
        API.batch, API.unbatch = ls.LitAPI.batch, ls.LitAPI.unbatch
    api = API(max_batch_size=merged, batch_timeout=0.002)
    server = ls.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(port=int(sys.argv[3]), host="127.0.0.1", generate_client_file=False)
"""


def make_runs(folder):
    """A model of rows of mixed columns, one of numbers, one of images, and a detector."""
    numbers = breast_cancer().select_dtypes("float").to_numpy()
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "age": rng.integers(17, 90, 3000),
            "hours": rng.normal(40, 12, 3000).round(1),
            "job": rng.choice(["cook", "clerk", "vet", "nurse", "none"], 3000),
            "income": rng.choice(["<=50K", ">50K"], 3000, p=[0.75, 0.25]),
        }
    )
    images = np.kron(digits().images[:600], np.ones((1, 4, 4), np.uint8))
    runs = {
        "table": (Autoencoder(domain="table", **FEW).fit(table), table),
        "numbers": (Autoencoder("vae", domain="arrays", **FEW).fit(numbers), numbers),
        "images": (Autoencoder("vae", **FEW).fit(images), images),
        "detector": (VAEDetector(max_epochs=5, progress=False).fit(numbers), numbers),
    }
    for name, (model, _) in runs.items():
        model.save(folder / name)
    return {name: (load(folder / name), data) for name, (_, data) in runs.items()}


@contextlib.contextmanager
def serving(*arguments, opened=None):
    """A server of its own: its port, and its process; it may write down what files it opens."""
    start = ["-m", "vaekit"] if opened is None else ["-c", serving_fuzz.PROGRAM]
    command = [sys.executable, *start, "serve", *map(str, arguments), "--port", "0"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENED_FILES": str(opened)}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )
    said = ""
    while not (found := re.search(r":(\d+)/docs", said)):
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server did not start: {said}")
        said += line
    time.sleep(0.5)
    try:
        yield int(found[1]), process
    finally:
        process.terminate()
        process.wait(60)


def peak_mb(process, name="VmHWM"):
    text = Path(STATES.format(process.pid)).read_text()
    return int(re.search(rf"{name}:\s+(\d+)", text)[1]) / 1024


def cpu_seconds(process):
    """Of all threads of a process: other programs on the machine do not change it much."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pieces_of(model, data, count=256, rows=1):
    """Bodies, how many rows each has, and what Python gives for each."""
    found, expected = [], []
    for i in range(count):
        some = [(i * rows + k) % len(data) for k in range(rows)]
        if isinstance(data, pd.DataFrame):
            part = data.iloc[some]
            items = json.loads(part.to_json(orient="records"))
        else:
            part = data[some]
            items = part.tolist()
        found.append(({"items": items}, rows))
        is_detector = isinstance(model, VAEDetector)
        expected.append(model.score_samples(part) if is_detector else model.transform(part))
    return found, expected


def judge_of(expected):
    """Whether an answer is what Python gives, but for the last digits of single precision."""

    def is_right(place, answer):
        told = json.loads(answer)
        got = told["latents"] if "latents" in told else [-s for s in told["anomaly_score"]]
        return np.allclose(got, expected[place], rtol=1e-4, atol=1e-5)

    return is_right


def run_load(folder, runs, options):
    """A thousand clients."""
    model, data = runs["table"]
    pieces, expected = pieces_of(model, data)
    with serving(folder / "table") as (port, process):
        ask_all(port, "/encode", pieces, 8, 20, judge_of(expected))  # warm
        before = peak_mb(process, "VmRSS")
        found = ask_all(
            port, "/encode", pieces, options.clients, options.requests, judge_of(expected)
        )
        peak = peak_mb(process)
    total = options.clients * options.requests
    figures = {
        "requests": total,
        "lost": found.lost,
        "wrong": found.wrong,
        "told to wait (429)": found.retries,
        "p50, ms": 1000 * found.percentile(0.5),
        "p99, ms": 1000 * found.percentile(0.99),
        "rows/s": found.items / found.seconds,
        "memory before, MB": before,
        "peak memory, MB": peak,
    }
    print(f"{options.clients} clients x {options.requests}: {figures}")
    good = found.lost == found.wrong == 0
    keep(
        f"`/encode` of a row of a table, {options.clients} clients x {options.requests} requests",
        figures,
        targets={"lost": ("0", found.lost == 0), "wrong": ("0", found.wrong == 0)},
        part="Load",
    )
    return good


CASES = {
    "table": ("/encode", "a row of a table"),
    "numbers": ("/encode", "a row of 30 numbers"),
    "images": ("/encode", "an image of 32x32"),
    "detector": ("/detect", "a row of 30 numbers, anomalies"),
}


def run_merging(folder, runs, options):
    """Rows a second of clients that send one row at a time."""
    speeds = {}
    for name, (path, words) in CASES.items():
        pieces, expected = pieces_of(*runs[name])
        figures = {}
        for rows in (256, 1):
            arguments = [folder / name, "--batch-rows", rows, "--batch-wait-ms", options.wait]
            with serving(*arguments) as (port, process):
                ask_all(port, path, pieces, 16, 10, judge_of(expected))
                before = cpu_seconds(process)
                found = ask_all(port, path, pieces, 256, options.each, judge_of(expected))
                used = cpu_seconds(process) - before
            assert found.lost == found.wrong == 0, (found.lost, found.wrong)
            how = "merged" if rows > 1 else "one by one"
            figures[f"rows/s, {how}"] = found.items / found.seconds
            figures[f"CPU ms of the server per row, {how}"] = 1000 * used / found.items
        merged, alone = figures["rows/s, merged"], figures["rows/s, one by one"]
        figures["times as many"] = merged / alone
        print(f"{words}: {figures}", flush=True)
        targets = {"times as many": ("at least 3", merged >= 3 * alone)}
        keep(f"`{path}` of {words}", figures, targets=targets, part="Merging")
        speeds[name] = merged
    if options.peer:
        run_peer(folder, runs["numbers"], options, speeds["numbers"])


def run_peer(folder, run, options, ours):
    """LitServe with the same encoder."""
    import torch

    model, data = run
    vae, domain = model.model_, model.domain_

    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.vae = vae

        def forward(self, x):
            return self.vae.encode(x)

    with torch.no_grad():
        traced = torch.jit.trace(Encoder(), torch.zeros(2, data.shape[1]), check_trace=False)
    traced.save(folder / "encoder.pt")
    told = {"mean": list(domain.mean), "scale": list(domain.scale)}
    (folder / "scaling.json").write_text(json.dumps(told))
    (folder / "peer.py").write_text(PEER)
    pieces, expected = pieces_of(model, data)
    figures = {}
    for rows, port in ((256, 18923), (1, 18924)):
        command = [options.peer, folder / "peer.py", folder / "encoder.pt", folder / "scaling.json"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [*map(str, command), str(port), str(rows)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        try:
            wait_for(port, pieces, judge_of(expected))
            found = ask_all(port, "/predict", pieces, 256, options.each, judge_of(expected))
        finally:
            process.terminate()
            process.wait(30)
        how = "merged" if rows > 1 else "one by one"
        figures[f"rows/s, {how}"] = found.items / found.seconds
        print(f"LitServe, {how}: {figures}, lost {found.lost}, wrong {found.wrong}", flush=True)
    keep("LitServe, the same encoder", figures, part="Merging")
    print(f"vaekit {ours:.0f} rows/s")


def wait_for(port, pieces, judge):
    for _ in range(120):
        found = ask_all(port, "/predict", pieces[:1], 1, 1, judge)
        if found.lost == found.wrong == 0:
            return
        time.sleep(0.5)
    raise RuntimeError("the peer did not start")


def run_hostile(folder, runs, options):
    """Requests made to do harm."""
    names = ["table", "numbers", "images", "detector"]
    opened, limits = folder / "opened.json", ["--timeout", 20]
    with serving(*(folder / n for n in names), *limits, opened=opened) as (port, process):
        before = peak_mb(process, "VmRSS")
        figures = serving_fuzz.run(port, folder, options.tries, options.seed)
        figures["memory before, MB"] = before
        figures["peak memory, MB"] = peak_mb(process)
        pieces, expected = pieces_of(*runs["numbers"], 64)
        after = ask_all(port, "/models/numbers/encode", pieces, 8, 8, judge_of(expected))
        figures["wrong afterwards"] = after.lost + after.wrong
    source = str(Path(__file__).parents[1] / "src")
    own = (sys.prefix, sys.base_prefix, source, "/usr/share", "/dev", "/sys/fs/cgroup")
    read = [path for path in json.loads(opened.read_text()) if not path.startswith(own)]
    print("files read:", read)
    figures["files read"] = len(read)
    print(f"hostile: {figures}")
    targets = {
        name: ("0", figures[name] == 0)
        for name in (
            *("hangs", "leaks", "files read", "faults of the server (500)", "wrong afterwards"),
        )
    }
    keep(f"{options.tries} hostile requests", figures, targets=targets, part="Hostile requests")


def main(options):
    """Print the figures."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        runs = make_runs(folder)
        for name in options.parts:
            {"load": run_load, "merging": run_merging, "hostile": run_hostile}[name](
                folder, runs, options
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=20)
    parser.add_argument("--each", type=int, default=20, help="requests of each client, to merge")
    parser.add_argument("--wait", type=float, default=2.0, help="milliseconds to merge")
    parser.add_argument("--tries", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="of the hostile requests")
    parser.add_argument("--peer", help="a Python with litserve")
    add_option(parser)
    options = parser.parse_args()
    with recording("serving", options.results):
        main(options)
