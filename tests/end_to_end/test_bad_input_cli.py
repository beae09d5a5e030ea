"""Bad input through every command: one message, an exit status, and no traceback."""

import contextlib
import gzip
import io
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

pd = pytest.importorskip("pandas")

from vaekit import Autoencoder, registry  # noqa: E402
from vaekit.cli.app import main  # noqa: E402

USER, USAGE, OWN = 1, 2, 70
HUGE = 10**12


@pytest.fixture(autouse=True)
def _in_time():
    """No input makes a command wait for ever."""

    def stop(number, frame):
        pytest.fail("the command did not end", pytrace=False)

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(int(os.environ.get("LIMIT", "30")))
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def call(*arguments):
    """Run a command line in this process; returns status, output and errors."""
    out, err = io.StringIO(), io.StringIO()
    argv = sys.argv
    sys.argv = ["vaekit", *map(str, arguments)]
    status = 0
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            warnings.simplefilter("ignore")
            try:
                main()
            except SystemExit as end:
                status = end.code or 0
    finally:
        sys.argv = argv
    return status, out.getvalue(), err.getvalue()


def refused(*arguments, expected=(USER, USAGE)):
    """Check that a command line is refused with one message."""
    status, out, err = call(*arguments)
    assert status in expected, (status, out[-2000:], err[-2000:])
    assert "Traceback" not in out + err
    if status == USER:
        lines = [line for line in err.splitlines() if not line.startswith("warning:")]
        assert len(lines) == 1, err
        assert lines[0].startswith("error: ")
        return lines[0]
    assert err.count("Error") == 1
    return err


def npy_bytes(shape, values=b""):
    """An .npy file whose header declares a shape."""
    stream = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue() + values


def png_bytes(width, height):
    """A PNG file of black pixels that is small however large it is to be."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Good runs, and files of every bad kind."""
    place = tmp_path_factory.mktemp("bad")
    rng = np.random.default_rng(0)
    quick = {"max_epochs": 1, "latent_dim": 1, "progress": False}
    frame = pd.DataFrame({"a": rng.normal(size=60), "b": rng.normal(size=60), "y": ["u", "v"] * 30})
    frame.to_csv(place / "table.csv", index=False)
    np.save(place / "images.npy", rng.integers(0, 255, (40, 8, 8)).astype(np.uint8))
    (place / "mols.smi").write_text("CCO\nCCN\nCCC\nCCCl\n" * 5)
    (place / "oracle.py").write_text("def f(s): return 1.0\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Autoencoder(**quick).fit(frame).save(place / "table")
        Autoencoder("vae", **quick).fit(np.load(place / "images.npy")).save(place / "images")
    bad = place / "bad"
    bad.mkdir()
    (bad / "empty.csv").write_bytes(b"")
    (bad / "header.csv").write_text("a,b,y\n")
    (bad / "empty.npy").write_bytes(b"")
    (bad / "empty.npz").write_bytes(b"")
    (bad / "empty.parquet").write_bytes(b"")
    (bad / "empty.smi").write_bytes(b"")
    (bad / "noise.csv").write_bytes(rng.bytes(5000))
    (bad / "noise.parquet").write_bytes(rng.bytes(5000))
    (bad / "noise.xlsx").write_bytes(rng.bytes(5000))
    (bad / "noise.csv.gz").write_bytes(rng.bytes(5000))
    (bad / "noise.sdf").write_bytes(rng.bytes(500))
    (bad / "cut.csv.gz").write_bytes(gzip.compress(b"a,b,y\n1,2,u\n" * 500)[:60])
    (bad / "noise.gz").write_bytes(rng.bytes(500))
    (bad / "unknown.xyz").write_text("1 2 3")
    (bad / "huge.npy").write_bytes(npy_bytes((HUGE,)))
    (bad / "wide.npy").write_bytes(npy_bytes((10**6, 10**6), b"\0" * 64))
    (bad / "negative.npy").write_bytes(npy_bytes((-5, 3)))
    np.save(bad / "object.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    np.save(bad / "nan.npy", np.full((30, 3), np.nan))
    np.save(bad / "scalar.npy", np.float64(3))
    with zipfile.ZipFile(bad / "huge.npz", "w") as archive:
        archive.writestr("X.npy", npy_bytes((HUGE,)))
    with zipfile.ZipFile(bad / "other.npz", "w") as archive:
        archive.writestr("p.npy", b"")
        archive.writestr("q.npy", b"")
    (bad / "huge.gz").write_bytes(gzip.compress(b"\0\0\x08\x03" + b"\x7f\xff\xff\xff" * 3))
    (bad / "deep.jsonl").write_text("[" * 100_000 + "\n")
    (bad / "list.jsonl").write_text("[1, 2]\n")
    (bad / "folder.csv").mkdir()
    (bad / "folder.npy").mkdir()
    (bad / "nothing").mkdir()
    (bad / "bomb").mkdir()
    (bad / "bomb" / "a.png").write_bytes(png_bytes(60_000, 60_000))
    (bad / "mixed").mkdir()
    (bad / "mixed" / "a.png").write_bytes(b"")
    (bad / "loop").symlink_to(bad / "loop")
    (bad / "broken.csv").symlink_to(bad / "gone.csv")
    os.mkfifo(bad / "pipe.csv")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
        here = Path.cwd()
        os.chdir(bad)  # as names of sockets are short
        server.bind("socket")
        os.chdir(here)
    runs = place / "runs"
    runs.mkdir()
    for name, text in {"noise": "{", "deep": "[" * 100_000, "list": "[]", "empty": ""}.items():
        (runs / name).mkdir()
        (runs / name / "model.json").write_text(text)
    (runs / "nothing").mkdir()
    os.mkfifo(runs / "pipe")
    (runs / "broken").symlink_to(runs / "gone")
    return place


LONG = "n" * 300
DATA = {
    "not there": "gone.csv",
    "under a file": "../table.csv/x.csv",
    "long name": f"{LONG}.csv",
    "long folder": f"{LONG}/x.csv",
    "broken link": "broken.csv",
    "loop of links": "loop",
    "pipe": "pipe.csv",
    "device": "/dev/zero",
    "socket": "socket",
    "no bytes": "empty.csv",
    "names only": "header.csv",
    "no bytes .npy": "empty.npy",
    "no bytes .npz": "empty.npz",
    "no bytes .parquet": "empty.parquet",
    "no bytes .smi": "empty.smi",
    "noise .parquet": "noise.parquet",
    "noise .xlsx": "noise.xlsx",
    "noise .csv.gz": "noise.csv.gz",
    "cut .csv.gz": "cut.csv.gz",
    "noise .gz": "noise.gz",
    "noise .sdf": "noise.sdf",
    "unknown ending": "unknown.xyz",
    "huge .npy": "huge.npy",
    "wide .npy": "wide.npy",
    "negative .npy": "negative.npy",
    "objects .npy": "object.npy",
    "one number .npy": "scalar.npy",
    "NaN .npy": "nan.npy",
    "huge .npz": "huge.npz",
    "strange .npz": "other.npz",
    "huge idx": "huge.gz",
    "deep .jsonl": "deep.jsonl",
    "lists .jsonl": "list.jsonl",
    "folder .csv": "folder.csv",
    "folder .npy": "folder.npy",
    "empty folder": "nothing",
    "image bomb": "bomb",
    "empty image": "mixed",
}
READING = {
    "describe": "describe {bad}",
    "fit": "fit {bad} {new} --max-epochs 1",
    "refit": "refit {table} {bad} --prior gaussian",
    "reconstruct": "reconstruct {table} {bad} --out {new}.csv",
    "interpolate": "interpolate {table} {bad} --out {new}.csv",
    "edit": "edit {table} {bad} --discover 1 --out {new}.csv",
    "encode": "encode {table} {bad} --out {new}.csv",
    "score": "score {table} {bad} --out {new}.csv",
    "data sets": "score {table} {bad} --out {new}/",
    "explore": "explore {table} {bad} --out {new}.html",
    "evaluate": "evaluate {table} {bad} --out {new}",
    "compare": "compare {bad} --models vae --minutes 0.001 --out {new}",
    "tune": "tune {bad} --models vae --trials 1 --minutes 1 --out {new}",
    "cluster": "cluster {table} {bad} --out {new}",
    "anomalies": "anomalies {bad} --out {new}.csv",
    "impute": "impute {bad} --out {new}.csv",
    "augment": "augment {bad} --target y --out {new}.csv",
    "images": "reconstruct {images} {bad} --out {new}.png",
    "context": "sample {table} --context {bad} --out {new}.csv",
}
QUIET = {  # what is no mistake for these
    ("describe", "NaN .npy"),
    ("describe", "no bytes"),
    ("describe", "names only"),
    ("data sets", "no bytes"),  # a shard without rows
    ("data sets", "names only"),
}


def words(text, place, tmp_path, bad="", run=""):
    """The arguments of a line with names filled in."""
    return [
        word.format(
            bad=bad,
            new=tmp_path / "new",
            table=place / "table",
            images=place / "images",
            data=place / "table.csv",
            pixels=place / "images.npy",
            mols=place / "mols.smi",
            oracle=f"{place / 'oracle.py'}:f",
            run=run,
        )
        for word in text.split()
    ]


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("command", READING)
def test_data(command, kind, place, tmp_path):
    bad = place / "bad" / DATA[kind]
    arguments = words(READING[command], place, tmp_path, bad)
    if (command, kind) in QUIET:
        assert "Traceback" not in "".join(map(str, call(*arguments)))
        return
    refused(*arguments)
    assert not list(tmp_path.iterdir())


RUNS = {
    "not there": "gone",
    "file": "../table.csv",
    "under a file": "../table.csv/run",
    "long name": LONG,
    "pipe": "pipe",
    "broken link": "broken",
    "device": "/dev/null",
    "empty folder": "nothing",
    "noise": "noise",
    "deep": "deep",
    "list": "list",
    "no bytes": "empty",
}
USING = {
    "info": "info {run}",
    "sample": "sample {run} --out {new}.csv",
    "refit": "refit {run} {data}",
    "reconstruct": "reconstruct {run} {data} --out {new}.csv",
    "interpolate": "interpolate {run} {data} --out {new}.csv",
    "edit": "edit {run} {data} --discover 1 --out {new}.csv",
    "encode": "encode {run} {data} --out {new}.csv",
    "score": "score {run} {data} --out {new}.csv",
    "data sets": "score {run} {data} --out {new}/",
    "explore": "explore {run} {data} --out {new}.html",
    "evaluate": "evaluate {run} {data} --out {new}",
    "cluster": "cluster {run} {data} --out {new}",
    "predict": "predict {run} {mols} --out {new}.csv",
    "analogues": "analogues {run} CCO --out {new}.csv",
    "optimize": "optimize {run} --oracle {oracle} --start {mols} --out {new}.csv",
    "impute": "impute {data} --run {run} --out {new}.csv",
    "anomalies": "anomalies {data} --detector {run} --out {new}.csv",
    "fit": "fit {data} {new} --start-from {run}",
    "serve": "serve {run}",
    "card": "card {run} --out {new}.md",
    "push": "push {run} mary/model",
}


@pytest.mark.parametrize("kind", RUNS)
@pytest.mark.parametrize("command", USING)
def test_runs(command, kind, place, tmp_path):
    run = place / "runs" / RUNS[kind]
    refused(*words(USING[command], place, tmp_path, run=run))
    assert not list(tmp_path.iterdir())


OUT = {
    "under a file": "{place}/table.csv/x{end}",
    "deep under a file": "{place}/table.csv/x/y{end}",
    "long name": "{new}/" + LONG + "{end}",
    "long folder": "{new}/" + LONG + "/x{end}",
    "broken link": "{place}/bad/broken.csv/x{end}",
    "device": "/dev/null",
    "pipe": "{place}/bad/pipe.csv",
    "folder without a right": "{locked}/x{end}",
}
WRITING = {
    "sample": "sample {table}",
    "reconstruct": "reconstruct {table} {data}",
    "interpolate": "interpolate {table} {data}",
    "edit": "edit {table} {data} --discover 1",
    "encode": "encode {table} {data}",
    "score": "score {table} {data}",
    "anomalies": "anomalies {data}",
    "impute": "impute {data} --max-epochs 1",
    "augment": "augment {data} --target y --max-epochs 1",
    "evaluate": "evaluate {table} {data}",
    "compare": "compare {data} --models vae --minutes 0.001",
    "cluster": "cluster {table} {data}",
    "predict": "predict moses {mols}",
    "analogues": "analogues moses CCO",
    "optimize": "optimize moses --oracle {oracle} --start {mols}",
    "card": "card {table}",
}
OF_FOLDERS = ("evaluate", "compare", "cluster")


@pytest.fixture
def locked(tmp_path, monkeypatch):
    """A folder that may not be written, also for one who may do everything."""
    folder = tmp_path / "locked"
    folder.mkdir()
    access = os.access

    def ask(path, mode, **options):
        return Path(path) != folder and access(path, mode, **options)

    monkeypatch.setattr(os, "access", ask)
    return folder


@pytest.mark.parametrize("kind", OUT)
@pytest.mark.parametrize("command", WRITING)
def test_outputs(command, kind, place, tmp_path, locked):
    end = "" if command in OF_FOLDERS else ".csv"
    out = OUT[kind].format(place=place, new=tmp_path / "new", locked=locked, end=end)
    refused(*words(WRITING[command], place, tmp_path), "--out", out)
    assert [p.name for p in tmp_path.iterdir()] == ["locked"]


@pytest.mark.parametrize("kind", OUT)
@pytest.mark.parametrize(
    "line",
    [
        "fit {data} OUT --max-epochs 1",
        "demo OUT",
        "impute {data} --save OUT --max-epochs 1 --out {new}.csv",
        "anomalies {data} --save OUT --out {new}.csv",
        "anomalies {data} --report OUT/page.html --out {new}.csv",
    ],
)
def test_folders_of_runs(line, kind, place, tmp_path, locked):
    out = OUT[kind].format(place=place, new=tmp_path / "new", locked=locked, end="")
    arguments = [w.replace("OUT", out) for w in words(line, place, tmp_path)]
    refused(*arguments)
    assert [p.name for p in tmp_path.iterdir()] == ["locked"]


NUMBERS = {
    "sample": "sample {table} --out {new}.csv",
    "interpolate": "interpolate {table} {data} --out {new}.csv",
    "edit": "edit {table} {data} --discover 1 --out {new}.csv",
    "evaluate": "evaluate {table} {data} --out {new}",
    "compare": "compare {data} --models vae --minutes 0.001 --out {new}",
    "cluster": "cluster {table} {data} --out {new}",
    "anomalies": "anomalies {data} --out {new}.csv",
    "impute": "impute {data} --out {new}.csv",
    "augment": "augment {data} --target y --out {new}.csv",
    "fit": "fit {data} {new}",
    "demo": "demo {new}",
    "analogues": "analogues moses CCO --out {new}.csv",
    "optimize": "optimize moses --oracle {oracle} --start {mols} --out {new}.csv",
}


@pytest.mark.parametrize("seed", [str(2**70), "-1", str(2**32), "1.5"])
@pytest.mark.parametrize("command", NUMBERS)
def test_seeds(command, seed, place, tmp_path):
    refused(*words(NUMBERS[command], place, tmp_path), "--seed", seed)
    assert not list(tmp_path.iterdir())


COUNTS = [
    "sample {table} -n N",
    "sample {images} -n N --out {new}.npy",
    "reconstruct {table} {data} -n N",
    "interpolate {table} {data} --pairs N",
    "serve {table} --max-rows N",
    "serve {table} --queue N",
    "interpolate {table} {data} --steps N",
    "edit {table} {data} --discover N",
    "score {table} {data} --draws N",
    "score {table} {data} --processes N",
    "cluster {table} {data} --k N",
    "anomalies {data} --rows N",
    "impute {data} --estimate draw --count N",
    "impute {data} --draws N",
    "impute {data} --max-epochs N",
    "augment {data} --target y --folds N",
    "augment {data} --target y --max-epochs N",
    "compare {data} --models vae --seeds N",
    "tune {data} --models vae --trials N --out {new}",
    "tune {data} --models vae --processes N --out {new}",
    "evaluate {table} {data} --draws N",
    "fit {data} {new} --latent-dim N",
    "fit {data} {new} --batch-size N",
    "fit {data} {new} --max-epochs N",
    "fit {data} {new} --steps N",
    "fit {data} {new} --patience N",
    "fit {data} {new} --devices N",
    "fit {pixels} {new} --bits N",
    "fit {bad}/bomb {new} --size N",
    "analogues moses CCO -n N",
    "optimize moses --oracle {oracle} --start {mols} --budget N",
]


@pytest.mark.parametrize("number", ["0", str(10**20), str(10**15), "x"])
@pytest.mark.parametrize("line", COUNTS)
def test_counts(line, number, place, tmp_path):
    arguments = words(line, place, tmp_path, bad=place / "bad")
    if not any("new" in word for word in arguments) and line.split()[0] not in (
        "evaluate",
        "serve",
    ):
        arguments += ["--out", tmp_path / "new.csv"]
    refused(*(number if word == "N" else word for word in arguments))


SIZES = [
    "sample {table} -n 2000000000 --out {new}.csv",
    "sample {images} -n 2000000000 --out {new}.npy",
    "score {table} {data} --draws 2000000000 --out {new}.csv",
    "interpolate {table} {data} --steps 2000000000 --out {new}.csv",
    "impute {data} --draws 2000000000 --max-epochs 1 --out {new}.csv",
    "impute {data} --estimate draw --count 2000000000 --out {new}.csv",
    "fit {data} {new} --latent-dim 1000000000 --max-epochs 1",
    "fit {bad}/bomb {new} --size 1000000x1000000",
    "fit {bad}/bomb {new} --size 64",
    "compare {data} --models vae --seeds 2000000000 --out {new}",
    "edit {table} {data} --discover 2000000000 --out {new}.csv",
]


@pytest.mark.parametrize("line", SIZES)
def test_sizes_that_no_memory_holds(line, place, tmp_path):
    started = time.monotonic()
    refused(*words(line, place, tmp_path, bad=place / "bad"))
    assert time.monotonic() - started < 5


OPTIONS = [
    "--option beta=x",
    "--option beta=nan",
    "--option beta=-1",
    "--option beta=1e400",
    "--option beta",
    "--option =3",
    "--option unknown=3",
    "--option beta=" + "9" * 400,
    "--learning-rate nan",
    "--learning-rate -1",
    "--learning-rate inf",
    "--warm-up 2",
    "--weight-decay inf",
    "--weight-decay -1",
    "--gradient-clip 0",
    "--ema 1",
    "--validation 1",
    "--validation nan",
    "--precision fp8",
    "--device tpu",
    "--strategy magic",
    "--network nothing",
    "--network-size giant",
    "--likelihood nothing",
    "--domain nothing",
    "--max-minutes nan",
    "--max-minutes -1",
    "--checkpoint-seconds nan",
    "--sep ab",
    "--encoding nothing",
    "--decimal x",
    "--kind a",
    "--kind a=nothing",
    "--kind gone=category",
    "--drop gone",
    "--targets gone",
    "--require a!!b",
    "--unique gone",
    "--fixed gone",
    "--start-from gone",
    "--unknown-option 3",
]


@pytest.mark.parametrize("option", OPTIONS)
def test_options_of_fit(option, place, tmp_path):
    preset = ["--preset", "beta_vae"] if "--option" in option else []
    line = "fit {data} {new} --max-epochs 1"
    refused(*words(line, place, tmp_path), *preset, *option.split())
    assert not (tmp_path / "new").exists()


MORE = [
    "nothing",
    "fit",
    "fit {data}",
    "sample",
    "sample {table} --prior nothing --out {new}.csv",
    "sample {table} --where a --out {new}.csv",
    "sample {table} --where gone=3 --out {new}.csv",
    "sample {table} --where a=x --out {new}.csv",
    "sample {table} --context 7 --out {new}.csv",
    "sample {table} --out {new}.nothing",
    "sample {table} --out {new}",
    "sample {images} --out {new}.csv",
    "sample {table} --grid {new}.svg",
    "reconstruct {table} {pixels} --out {new}.csv",
    "reconstruct {images} {data} --out {new}.png",
    "interpolate {table} {data} --path nothing --out {new}.csv",
    "interpolate {table} {data} --pairs 500 --out {new}.csv",
    "refit {table} {data} --prior nothing",
    "edit {table} {data} --out {new}.csv",
    "cluster {table} {data} --method nothing --out {new}",
    "compare {data} --models nothing --out {new}",
    "tune {data} --models nothing --out {new}",
    "tune {data} --objective nothing --out {new}",
    "tune {data} --space {bad}/nothing.toml --out {new}",
    "tune {data} --pruner nothing --out {new}",
    "tune {data} --held-out 7 --out {new}",
    "fit {data} {new} --track nothing",
    "anomalies {data} --contamination 7 --out {new}.csv",
    "anomalies {data} --false-alarm-rate 7 --normal {data} --out {new}.csv",
    "anomalies {data} --window x --out {new}.csv",
    "anomalies {data} --out {new}.json",
    "impute {data} --estimate nothing --out {new}.csv",
    "impute {data} --preset nothing --out {new}.csv",
    "impute {data} --shift a=x --max-epochs 1 --out {new}.csv",
    "impute {pixels} --out {new}.csv",
    "augment {data} --target gone --out {new}.csv",
    "augment {data} --target y --strategy nothing --out {new}.csv",
    "augment {data} --target y --kind nothing --out {new}.csv",
    "models nothing",
    "predict {table} {mols} --out {new}.csv",
    "analogues moses not_a_molecule --out {new}.csv",
    "optimize moses --oracle nothing --start {mols} --out {new}.csv",
    "optimize moses --oracle {mols}:f --start {mols} --out {new}.csv",
    "describe {data} --sep abc",
]


@pytest.mark.parametrize("line", MORE)
def test_other_mistakes(line, place, tmp_path):
    refused(*words(line, place, tmp_path))
    assert not list(tmp_path.iterdir())


def run_limited(arguments, memory):
    """Run a command in a process of its own, with a limit of memory above the imports."""
    used = "int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()"
    limit = f"n = {memory} + {used}; resource.setrlimit(resource.RLIMIT_AS, (n, n));"
    code = (
        "import resource, sys, torch, vaekit.console.files, pandas, pyarrow.csv;"
        f"{limit} sys.argv = ['vaekit', *sys.argv[1:]];"
        "from vaekit.cli.app import main; main()"
    )
    command = [sys.executable, "-c", code, *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.parametrize("kind", ["gzip", "zip", "png"])
def test_bombs_under_a_limit_of_memory(kind, tmp_path):
    """What unpacks to more than there is, is refused."""
    data = tmp_path / "bomb.csv.gz"
    if kind == "gzip":
        with gzip.open(data, "wb", compresslevel=1) as file:
            file.write(b"a,b\n")
            for _ in range(40):
                file.write(b"1" * 2**24)
    elif kind == "zip":
        data = tmp_path / "bomb.csv.zip"
        archive = zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        with archive, archive.open("bomb.csv", "w", force_zip64=True) as file:
            for _ in range(40):
                file.write(b"1" * 2**24)
    else:
        data = tmp_path / "bomb"
        data.mkdir()
        (data / "a.png").write_bytes(png_bytes(13_000, 13_000))
    arguments = ["fit", data, tmp_path / "run", "--max-epochs", 1]
    arguments += ["--size", "8"] if kind == "png" else []
    done = run_limited(arguments, 500_000_000)
    assert done.returncode == USER, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("error: ") == 1


def test_a_reader_that_has_seen_enough():
    code = "from vaekit.cli.app import main; import sys; sys.argv = ['vaekit', 'models']; main()"
    done = subprocess.run(
        f'"{sys.executable}" -c "{code}" | head -n 1',
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout


@pytest.mark.parametrize("before", [True, False])
def test_debug(before, place, tmp_path, monkeypatch):
    """In front of the command and behind it: the traceback, and a file without data."""
    monkeypatch.chdir(tmp_path)
    line = ["describe", place / "bad" / "folder.csv"]
    arguments = ["--debug", *line] if before else [*line, "--debug"]
    status, _, err = call(*arguments)
    assert status == USER
    assert "Traceback (most recent call last)" in err
    (report,) = tmp_path.glob("vaekit-fault-*.txt")
    text = report.read_text()
    assert "numpy " in text
    assert f"vaekit {' '.join(map(str, arguments))}" in text
    assert "Traceback (most recent call last)" in text


class Odd(Exception):
    """What no handler knows."""


ERRORS = {
    "memory": (MemoryError(), USER, "must fit in memory"),
    "memory of torch": (RuntimeError("DefaultCPUAllocator: can't allocate memory"), USER, "memory"),
    "permission": (PermissionError(13, "Permission denied", "a.csv"), USER, "a.csv must be open"),
    "read-only": (OSError(30, "Read-only file system", "b"), USER, "Read-only file system"),
    "disk": (OSError(28, "No space left on device"), USER, "Free disk space"),
    "text": (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), USER, "--encoding"),
    "letters": (UnicodeEncodeError("ascii", "\u20ac", 0, 1, "bad"), USER, "ascii"),
    "depth": (RecursionError(), USER, "nested"),
    "numbers": (OverflowError("int too large to convert"), USER, "computers count"),
    "archive": (zipfile.BadZipFile("cut"), USER, "damaged"),
    "own": (Odd("a\nb"), OWN, "a fault of vaekit itself"),
    "own key": (KeyError("k"), OWN, "--debug"),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_every_exception_is_one_line(kind, monkeypatch):
    error, expected, words_of = ERRORS[kind]

    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr("vaekit.cli.app.app", fail)
    status, _, err = call("info", "x")
    assert status == expected
    assert words_of in err
    assert len(err.splitlines()) == 1


def test_an_interruption_passes(monkeypatch):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("vaekit.cli.app.app", stop)
    with pytest.raises(KeyboardInterrupt):
        call("info", "x")


@pytest.mark.parametrize("name", registry.names("commands"))
def test_every_command_takes_debug(name):
    status, out, _ = call(name, "--help")
    assert status == 0
    assert "--debug" in out
