"""Every writing command, killed before each of its file operations, loses nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from killing import COMMANDS, EVERY

pytestmark = pytest.mark.slow


LONG = ("augment",)
"""Commands that take minutes; killed where every operation of all of them is."""


@pytest.mark.parametrize("name", [n for n in COMMANDS if EVERY == 1 or n not in LONG])
def test_a_kill_at_every_file_operation_of_a_command(tmp_path, name):
    script = Path(__file__).with_name("killing.py")
    done = subprocess.run(
        [sys.executable, str(script), name, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["faults"] == []
    assert found["kills"] >= 1
