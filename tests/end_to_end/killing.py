"""Kill a command just before each of its file operations, and look at what is left.

Run as a script: ``python killing.py COMMAND FOLDER`` prints a JSON object with the number of kills
and a list of faults. It is a process of its own with one thread, since only such a one can be
forked at will.
"""

import contextlib
import io
import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import vaekit
from vaekit.cli.app import main
from vaekit.files import heal

WRITES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.link", "os.symlink")
FEW = ["--max-epochs", "2"]
STABLE = {"model.json", "model.safetensors", "domain.json"}
"""Files of a run that hold no times."""

FIT = ["fit", "table.csv", "new", *FEW, "--checkpoint-seconds", "0.001", "--latent-dim", "2"]
COMMANDS = {
    "fit": FIT,
    "fit again": ["fit", "table.csv", "run", *FEW, "--latent-dim", "3"],
    "refit": ["refit", "run", "table.csv", "--prior", "gaussian"],
    "sample": ["sample", "run", "-n", "20", "--seed", "1", "--out", "out.csv"],
    "sample parquet": ["sample", "run", "-n", "20", "--seed", "1", "--out", "out.parquet"],
    "score": ["score", "run", "table.csv", "--out", "out.csv"],
    "reconstruct": ["reconstruct", "run", "table.csv", "--out", "out.csv"],
    "evaluate": ["evaluate", "run", "table.csv", "-n", "60", "--out", "report"],
    "cluster": ["cluster", "run", "table.csv", "--out", "groups"],
    "impute": ["impute", "holes.csv", "--out", "out.csv", "--save", "filler", *FEW],
    "augment": ["augment", "table.csv", "--target", "kind", "--out", "out.csv", "--anyway", *FEW],
    "anomalies": ["anomalies", "numbers.csv", "--out", "out.csv", "--save", "detector"],
    "compare": [
        *("compare", "digits", "--models", "vae", "--out", "report", "--minutes", "0.001"),
        *("--marks", "1", "--steps", "5", "--features", "raw", "-n", "10", "--latent-dim", "2"),
    ],
    "optimize": [
        *("optimize", "molecules", "--maximize", "qed", "--budget", "20", "--seed", "1"),
        *("--out", "out.csv"),
    ],
}
AGAIN = {"fit": ["--resume"], "fit again": ["--restart"]}
EVERY = int(os.environ.get("VAEKIT_KILL_EVERY", "5"))
"""Kill before each operation with 1; before every fifth of them where tests must be quick."""
AT_RANDOM = int(os.environ.get("VAEKIT_KILLS_AT_RANDOM", "0"))
"""So many more kills of each command, at random moments of it."""
SMILES = ["CCO", "CCN", "CCC", "c1ccccc1", "CC(=O)O", "CCOC", "CNC", "CCCl", "OCCO", "CC#N"]


def prepare(folder, name):
    """Write the data and the trained run that a command needs."""
    rng = np.random.default_rng(0)
    size = rng.normal(size=120)
    table = pd.DataFrame({"size": size, "weight": size + rng.normal(size=120)})
    table.to_csv(folder / "numbers.csv", index=False)
    holes = table.copy()
    holes.iloc[::7, 1] = np.nan
    holes.to_csv(folder / "holes.csv", index=False)
    table["kind"] = np.where(size > 0, "a", "b")
    table.to_csv(folder / "table.csv", index=False)
    if name == "optimize":
        (folder / "all.smi").write_text("\n".join(SMILES * 4))
        command = ["fit", str(folder / "all.smi"), str(folder / "molecules"), "--max-epochs", "1"]
        assert run(command) == 0
    elif name != "fit":
        vaekit.Autoencoder(latent_dim=2, max_epochs=1, progress=False).fit(table).save(
            folder / "run"
        )


def run(command):
    """Run a command line within this process and return its exit status."""
    sys.argv = ["vaekit", *command]
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        try:
            main()
        except SystemExit as end:
            if end.code:
                sys.__stderr__.write(shown.getvalue())
            return int(end.code or 0)
    return 0


def in_a_child(act):
    """Run something in a forked process and return its exit status."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 70
    try:
        status = act()
    finally:
        os._exit(status)


def killed_before(number, work):
    """Let this process die before its n-th operation that writes below a folder."""
    left = [number]

    def count(event, args):
        opens = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
        if not (opens or event in WRITES) or not isinstance(args[0], str | bytes | os.PathLike):
            return
        if (work / os.fsdecode(args[0])).is_relative_to(work):
            left[0] -= 1
            if left[0] < 0:
                os._exit(9)

    sys.addaudithook(count)


def fresh_copy(template, work):
    """Lay out the folder anew and go there."""
    os.chdir(template)
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(template, work)
    os.chdir(work)


def what_is_there(folder):
    """Return the files below a folder, with the content of those that hold no times."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            is_stable = path.name in STABLE or path.suffix in (".csv", ".parquet")
            same = is_stable and path.name != "history.csv" and "report" not in path.parts
            found[str(path.relative_to(folder))] = path.read_bytes() if same else b""
    return found


def look(work, command, before):
    """Return what is wrong after a kill, if anything."""
    for name in ("run", "molecules"):
        if (work.parent / "template" / name).exists():
            vaekit.load(work / name)  # the old model or the new
    for path in [work / p for p in ("new", "filler")]:
        if (heal(path) / "model.json").exists():
            vaekit.load(path)
    for name, content in before.items():
        if name.endswith(".csv") and (work / name).read_bytes() != content and "/" not in name:
            return f"{name} was changed"
    out = work / "out.csv"
    return "an empty output" if out.exists() and not out.read_bytes() else ""


def killed_after(seconds, command):
    """Run a command in a forked process, kill it after so long, and return its exit status."""
    child = os.fork()
    if not child:
        status = 70
        try:
            status = run(command)
        finally:
            os._exit(status)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 9


class Killing:
    """A command, what it needs, and what it gives where nobody kills it."""

    def __init__(self, name, folder):
        torch.set_num_threads(1)
        self.name, self.command = name, COMMANDS[name]
        self.template, self.work = folder / "template", folder / "work"
        self.template.mkdir()
        prepare(self.template, name)
        fresh_copy(self.template, self.work)
        self.before = what_is_there(self.work)
        started = time.monotonic()
        assert run(self.command) == 0, f"{name} fails by itself"
        self.seconds = time.monotonic() - started
        self.expected = what_is_there(self.work)

    def at_operation(self, number):
        """Kill it before its n-th operation; return the exit status."""
        fresh_copy(self.template, self.work)

        def act():
            killed_before(number, self.work)
            return run(self.command)

        return in_a_child(act)

    def at_moment(self, seconds):
        """Kill it after so many seconds; return the exit status."""
        fresh_copy(self.template, self.work)
        return killed_after(seconds, self.command)

    def half_written(self):
        """Return which folder that is written whole was not, if any."""
        found = what_is_there(self.work)
        for folder in ("report/", "groups/"):
            own = {name for name in found if name.startswith(folder)}
            if own and own != {name for name in self.expected if name.startswith(folder)}:
                return f"{folder} holds only {sorted(own)}"
        return ""

    def fault(self, status):
        """Return what is wrong after a kill, and after the command was run again."""
        if status != 9:
            return f"the command ended with {status}"
        if wrong := look(self.work, self.command, self.before) or self.half_written():
            return wrong
        again = [*self.command, *AGAIN.get(self.name, [])]
        if any((self.work / out).exists() for out in ("out.csv", "out.parquet")):
            again.append("--force")
        if status := in_a_child(lambda: run(again)):
            return f"the second run ended with {status}"
        found = what_is_there(self.work)
        names = found.keys() | self.expected
        differ = sorted(n for n in names if found.get(n) != self.expected.get(n))
        return f"after the second run {differ} differ" if differ else ""


def every_kill(name, folder):
    """Kill a command at its operations, and at random moments; return how often, and the faults."""
    killing, faults, number = Killing(name, folder), [], 0
    while (status := killing.at_operation(number * EVERY)) != 0:
        faults.append((number * EVERY, killing.fault(status)))
        number += 1
    rng = random.Random(name)
    for _ in range(AT_RANDOM):
        moment = rng.uniform(0, killing.seconds)
        status = killing.at_moment(moment)
        if status != 0:  # it was not over
            faults.append((f"{moment:.3f} s", killing.fault(status)))
    shown = [f"kill at {place}: {fault}" for place, fault in faults if fault]
    return {"kills": len(faults), "faults": shown}


if __name__ == "__main__":
    print(json.dumps(every_kill(sys.argv[1], Path(sys.argv[2]).resolve())))
