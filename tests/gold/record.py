"""Write or check the recorded behaviour: ``python tests/gold/record.py --check``.

``--write`` replaces ``gold.json``, wholly or for ``--only`` a part of the names; ``--check`` runs
the cases again, prints every difference to the bit, and exits with 1 if there is one. Run both on
one machine with one set of versions; across machines the tests compare summaries.
"""

import argparse
import fnmatch
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from gold.cases import CASES
from gold.table import run

STORE = Path(__file__).with_name("gold.json")


def _start() -> None:
    torch.set_num_threads(1)


def _timed(name: str) -> tuple[str, dict, float]:
    began = time.process_time()
    try:
        found = run(name)
    except Exception as error:
        raise RuntimeError(f"case {name!r} failed: {type(error).__name__}: {error}") from error
    return name, found, time.process_time() - began


def _chosen(pattern: str | None) -> list[str]:
    names = list(CASES)
    if pattern is None:
        return names
    return [n for n in names if pattern in n or fnmatch.fnmatch(n, pattern)]


def _run_all(names: list[str], jobs: int):
    if jobs == 1:
        _start()
        yield from map(_timed, names)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn"), _start) as pool:
        yield from pool.map(_timed, names)


def _differences(name: str, found: dict, stored: dict | None) -> list[str]:
    if stored is None:
        return [f"{name}: not recorded"]
    said = []
    for entry in sorted(found.keys() | stored.keys()):
        now, then = found.get(entry), stored.get(entry)
        if now is None or then is None:
            said.append(f"{name}: {entry}: {'gone' if now is None else 'new'}")
        elif now["digest"] != then["digest"]:
            short = [{k: v for k, v in r.items() if k != "digest"} for r in (then, now)]
            said.append(f"{name}: {entry}: was {short[0]}, is {short[1]}")
    return said


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="replace what is recorded")
    parser.add_argument("--check", action="store_true", help="compare with what is recorded")
    parser.add_argument("--only", help="a part of the name, or a pattern with *")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--times", action="store_true", help="print the seconds of each case")
    chosen = parser.parse_args()
    if chosen.write == chosen.check:
        parser.error("give --write or --check")
    names = _chosen(chosen.only)
    gold = json.loads(STORE.read_text()) if STORE.exists() else {}
    wrong, spent, fresh = [], 0.0, {}
    for name, found, seconds in _run_all(names, chosen.jobs):
        spent += seconds
        if chosen.times:
            print(f"{seconds:6.2f} s  {name}", flush=True)
        fresh[name] = found
        if chosen.check:
            said = _differences(name, found, gold.get(name))
            wrong += said
            for line in said:
                print(line, flush=True)
    if chosen.write:
        kept = {n: e for n, e in gold.items() if n in CASES} if chosen.only else {}
        _save(kept | fresh)
    if chosen.check and not chosen.only:
        wrong += [f"{name}: gone" for name in gold.keys() - CASES.keys()]
    what = f"{len(wrong)} differences" if chosen.check else "written"
    print(f"{len(names)} cases, {what}, {spent:.0f} CPU seconds")
    return 1 if wrong else 0


def _save(gold: dict) -> None:
    lines = []
    for name in sorted(gold):
        entries = [f"  {json.dumps(e)}: {json.dumps(r)}" for e, r in sorted(gold[name].items())]
        lines.append(f"{json.dumps(name)}: {{\n" + ",\n".join(entries) + "\n}")
    STORE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    sys.exit(main())
