"""The examples of other engines, where these install, give what the package gives by itself."""

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vaekit import Scorer
from vaekit.batch import find_shards, process_data_set
from vaekit.batch.on_ray import run_on_ray
from vaekit.errors import MissingExtraError, VaekitError

from .conftest import read_all

EXAMPLES = Path(__file__).parents[2] / "examples" / "scale"
pytestmark = pytest.mark.slow


@pytest.fixture
def here(runs, data, tmp_path):
    """A folder as the examples name it."""
    (tmp_path / "runs").symlink_to(runs)
    (tmp_path / "data").mkdir()
    for path in data.glob("*.parquet"):
        shutil.copy(path, tmp_path / "data")
    return tmp_path


def rows_of(path):
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    frame = pa.concat_tables([pq.read_table(file) for file in files]).to_pandas()
    return frame.sort_values("id").reset_index(drop=True)


TRIED = [
    ("dask.dataframe", "with_dask.py", "dask"),
    ("pyspark", "with_spark.py", "spark"),
    ("duckdb", "with_duckdb.py", "duckdb.parquet"),
    ("daft", "with_daft.py", "daft"),
    ("ray.data", "with_ray_data.py", "ray"),
]


@pytest.mark.parametrize(("package", "example", "out"), TRIED)
def test_examples(package, example, out, here):
    pytest.importorskip(package)
    if package == "pyspark" and shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    made = subprocess.run(
        [sys.executable, str(EXAMPLES / example)],
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert made.returncode == 0, made.stderr[-3000:]
    found = rows_of(here / "out" / out)
    scored = "log_p" in found
    scorer = Scorer(
        here / "runs" / "table",
        "score" if scored else "encode",
        {"draws": 8} if scored else {},
        keep=["id"],
    )
    expected = scorer(pq.read_table(here / "data")).to_pandas().sort_values("id")
    assert found["id"].tolist() == expected["id"].tolist()
    if scored:  # draws depend on where in its batch a row stands
        assert np.abs(found["log_p"] - expected["log_p"].to_numpy()).mean() < 0.5
        assert np.corrcoef(found["log_p"], expected["log_p"])[0, 1] > 0.9
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_each_example_is_tried():
    assert {path.name for path in EXAMPLES.glob("*.py")} == {example for _, example, _ in TRIED}


def test_ray_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vaekit\[ray\]'"):
        run_on_ray(None, [0], None, None, None)


@pytest.fixture
def cluster():
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    yield made
    import ray

    ray.shutdown()
    made.shutdown()


def worker_pids():
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            title = path.read_bytes()
        except OSError:
            continue
        if title.startswith(b"ray::_Worker.work"):
            yield int(path.parent.name)


@pytest.mark.filterwarnings("ignore")
def test_on_ray_each_row_is_there_once_whatever_dies(cluster, runs, data, tmp_path):
    import ray

    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    ray.init(address=cluster.address, log_to_driver=False)
    ours = ray.get_runtime_context().get_node_id()
    node = next(node for node in nodes if node.node_id != ours)
    for n in range(3):
        for path in data.glob("*.parquet"):
            (tmp_path / "in").mkdir(exist_ok=True)
            shutil.copy(path, tmp_path / "in" / f"{n}-{path.name}")
    scorer = Scorer(runs / "table", "score", {"draws": 50}, keep=["id"])
    shards, dead = find_shards(tmp_path / "in"), []
    process_data_set(scorer, shards, tmp_path / "one")

    def kill():
        while len(list((tmp_path / "two").glob("*.parquet"))) < 2:
            time.sleep(0.01)
        while not dead:
            for pid in list(worker_pids())[:1]:
                os.kill(pid, 9)
                dead.append(pid)
        cluster.remove_node(node, allow_graceful=False)
        dead.append(node)

    thread = threading.Thread(target=kill)
    thread.start()
    summary = process_data_set(scorer, shards, tmp_path / "two", engine="ray", processes=2)
    thread.join()
    assert len(dead) == 2
    assert summary.written == len(shards) == 12
    assert read_all(tmp_path / "two") == read_all(tmp_path / "one")
    again = process_data_set(scorer, shards, tmp_path / "two", engine="ray")
    assert (again.written, again.skipped) == (0, 12)


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_is_not_there(runs, data, tmp_path):
    pytest.importorskip("ray")
    scorer = Scorer(runs / "table", "encode")
    with pytest.raises(VaekitError, match="--address must be that of a cluster"):
        process_data_set(
            scorer, find_shards(data), tmp_path / "out", engine="ray", address="127.0.0.1:1"
        )
