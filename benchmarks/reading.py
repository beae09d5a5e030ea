"""Reading of CSV files as they are found, and of a large one, beside other readers.

    python benchmarks/reading.py --wild shared/data/csv_wild --rows 1000000

``--wild`` is a folder with ``csv`` (files as found) and ``clean`` (what they mean) of the survey
sample of the Pollock benchmark. Cells of a file are compared with those of its clean version as
multisets, header included, blank cells left out; F1 is 2 x shared / (ours + theirs). No reader is
told anything. Timings are ratios of seconds, interleaved, the least of three; memory is the most
that a process of its own took, in MB. Readers that are not installed are named and left out.
"""

import argparse
import collections
import csv
import io
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from results import add_option, keep, recording

from vaekit.errors import VaekitError
from vaekit.reading import text as reading


def cells(rows):
    found = collections.Counter()
    for row in rows:
        found.update(cell.strip() for cell in row if cell.strip())
    return found


def f1(got, clean):
    got, clean = cells(got), cells(clean)
    total = sum(got.values()) + sum(clean.values())
    return 1.0 if not total else 2 * sum((got & clean).values()) / total


def by_vaekit(path):
    """Cells as text, of those that have a value in the table; those read as missing are lost."""
    from vaekit.reading import examine_table

    kept, convert = {}, reading.column_of_text

    def watched(name, text, hints):
        values, column = convert(name, text, hints)
        has_value = values.is_valid().to_pylist()
        kept[name] = [
            cell if v else "" for cell, v in zip(text.to_pylist(), has_value, strict=True)
        ]
        return values, column

    reading.column_of_text = watched
    try:
        found = examine_table(path)
    finally:
        reading.column_of_text = convert
    columns = [kept[name] for name in found.table.column_names]
    index = [] if found.index is None else [list(map(str, found.index))]
    return [found.table.column_names, *zip(*index, *columns, strict=True)]


def by_duckdb(path):
    import duckdb

    found = duckdb.connect().execute("select * from read_csv(?, all_varchar=true)", [str(path)])
    names = [column[0] for column in found.description]
    return [names, *[["" if cell is None else cell for cell in row] for row in found.fetchall()]]


def by_pandas(path, **options):
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, **options)
    return [list(map(str, frame.columns)), *frame.fillna("").astype(str).to_numpy().tolist()]


def by_pandas_sniffing(path):
    return by_pandas(path, sep=None, engine="python")


def by_clevercsv(path):
    import clevercsv

    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    dialect = clevercsv.Sniffer().sniff(text[:100_000])
    return list(clevercsv.reader(io.StringIO(text, newline=""), dialect))


READERS = {
    "vaekit": by_vaekit,
    "DuckDB": by_duckdb,
    "pandas": by_pandas,
    "pandas, sep=None": by_pandas_sniffing,
    "CleverCSV": by_clevercsv,
}


def attempt(read, path, clean):
    """F1 of a file; 0 where it is refused."""
    try:
        return f1(read(path), clean)
    except ImportError:
        raise
    except (VaekitError, ValueError, OSError, TypeError, csv.Error, RuntimeError):
        return 0.0
    except Exception as error:
        if type(error).__module__.split(".")[0] in ("duckdb", "_duckdb", "clevercsv"):
            return 0.0
        raise


def wild(folder):
    csv.field_size_limit(2**31 - 1)
    files = sorted((folder / "csv").iterdir())
    found = collections.defaultdict(list)
    for path in files:
        text = (folder / "clean" / path.name).read_bytes().decode("utf-8")
        clean = list(csv.reader(io.StringIO(text, newline="")))
        for name, read in READERS.items():
            try:
                found[name].append(attempt(read, path, clean))
            except ImportError:
                found.pop(name, None)
    for name in READERS.keys() - found.keys():
        print(f"{name} is not installed")
    peers = {name: scores for name, scores in found.items() if name != "vaekit"}
    best = np.max(list(peers.values()), axis=0)
    for path, own, other in zip(files, found["vaekit"], best, strict=True):
        if own < other - 0.02:
            print(f"{path.name}: {own:.3f}, the best peer {other:.3f}")
    for name, scores in found.items():
        print(f"{name:>18}: mean F1 {np.mean(scores):.4f}, least {min(scores):.3f}")
        target = {"mean F1": (">= .95", bool(np.mean(scores) >= 0.95))} if name == "vaekit" else {}
        keep(
            f"{name}, {len(files)} files",
            {"mean F1": round(float(np.mean(scores)), 4)},
            targets=target,
        )


WORK = {
    "vaekit": "import vaekit, pandas, pyarrow.csv\ndef work(p): return vaekit.read_table(p)",
    "DuckDB": "import duckdb, pandas\ndef work(p): return "
    "duckdb.connect().execute('select * from read_csv(?)', [p]).df()",
    "pandas": "import pandas\ndef work(p): return pandas.read_csv(p)",
}
CODE = """
import sys, time
{work}
started = time.perf_counter()
shape = work(sys.argv[1]).shape
spent = time.perf_counter() - started
most = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(spent, int(most.split()[1]) / 1024)
"""


def large(rows):
    rng = np.random.default_rng(0)
    columns = {f"number{i}": rng.normal(size=rows).round(4) for i in range(8)}
    columns |= {f"integer{i}": rng.integers(0, 100_000, rows) for i in range(5)}
    words = ["alpha", "beta", "gamma delta", "epsilon"]
    columns |= {f"label{i}": rng.choice(words, rows) for i in range(4)}
    start = pd.Timestamp("2015-01-01")
    days = start + pd.to_timedelta(rng.integers(0, 3000, rows), unit="D")
    seconds = start + pd.to_timedelta(rng.integers(0, 10**8, rows), unit="s")
    columns["day"] = days.strftime("%Y-%m-%d")
    columns["time"] = seconds.strftime("%Y-%m-%d %H:%M:%S")
    columns["id"] = [f"u{i:07d}" for i in range(rows)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.csv"
        pd.DataFrame(columns).to_csv(path, index=False)
        spent, memory = collections.defaultdict(list), collections.defaultdict(list)
        for _ in range(3):
            for name, work in WORK.items():
                code = CODE.format(work=work)
                done = subprocess.run(
                    [sys.executable, "-W", "ignore", "-c", code, str(path)],
                    capture_output=True,
                    text=True,
                    check=False,
                )
                if done.returncode:
                    print(f"{name}: {done.stderr.strip().splitlines()[-1]}")
                    continue
                seconds, most = map(float, done.stdout.split())
                spent[name].append(seconds)
                memory[name].append(most)
    for name in spent:
        ratio = min(spent[name]) / min(spent["DuckDB"]) if "DuckDB" in spent else float("nan")
        print(f"{name:>18}: {ratio:.2f} x DuckDB's time, {max(memory[name]):.0f} MB")
        figures = {"time over DuckDB's": round(ratio, 2), "memory, MB": round(max(memory[name]))}
        target = {"time over DuckDB's": ("<= 1.3", ratio <= 1.3)} if name == "vaekit" else {}
        keep(f"{name}, {rows:,} x {len(columns)}", figures, targets=target)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--wild", type=Path, help="folder with csv/ and clean/")
    parser.add_argument("--rows", type=int, default=0, help="of the large file; 0 leaves it out")
    add_option(parser)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.wild and not (options.wild / "clean").is_dir():
        sys.exit(f"--wild must be a folder with csv and clean; got {options.wild}")
    with recording("reading", options.results):
        if options.wild:
            wild(options.wild)
        if options.rows:
            large(options.rows)
