"""Damaged folders and files: nothing but a VaekitError, in little time and memory."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "fuzz.py"
CASES, BLOCKS = 2000, 8


def load_script():
    """The module of the benchmarks, which are no package."""
    spec = importlib.util.spec_from_file_location("benchmark_fuzz", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


fuzz = load_script()


@pytest.fixture(scope="module")
def subjects(tmp_path_factory):
    return fuzz.subjects(tmp_path_factory.mktemp("sound"))


@pytest.mark.parametrize("block", range(BLOCKS))
def test_damaged_files_give_vaekit_errors_only(subjects, block):
    size = CASES // BLOCKS
    numbers = range(block * size, (block + 1) * size)
    outcomes = fuzz.run_cases(subjects, fuzz.files_of(subjects), numbers)
    assert fuzz.wrong(outcomes) == [], fuzz.report(outcomes)
    assert {"loaded", "refused"} <= {outcome.ended for outcome in outcomes}
    assert sum(outcome.ended == "unusable" for outcome in outcomes) <= size // 100


def test_a_case_is_the_same_again(subjects):
    files = fuzz.files_of(subjects)
    first, second = (fuzz.run_case(subjects[0], 7, files) for _ in range(2))
    assert (first.damage, first.ended) == (second.damage, second.ended)


def test_reading_starts_nothing_writes_nothing_and_stays_in_the_folder():
    done = subprocess.run(
        [sys.executable, SCRIPT, "--audited", "--cases", "300", "--first", "50000"],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
