"""Kill a command just before each of its file operations, and look at what is left.

Run as a script: ``python killing.py COMMAND FOLDER`` prints a JSON object with the number of kills
and a list of faults. It is a process of its own with one thread, since only such a one can be
forked at will.
"""

import contextlib
import io
import json
import os
import shutil
import sys
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
    "compare": ["compare", "digits", "--models", "vae", "--out", "report", "--minutes", "0.01"],
    "optimize": [
        *("optimize", "molecules", "--maximize", "qed", "--budget", "20", "--seed", "1"),
        *("--out", "out.csv"),
    ],
}
AGAIN = {"fit": ["--resume"], "fit again": ["--restart"]}
EVERY = int(os.environ.get("VAEKIT_KILL_EVERY", "5"))
"""Kill before each operation with 1; before every fifth of them where tests must be quick."""
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


def every_kill(name, folder):
    """Kill a command at each of its operations; return how many there were, and the faults."""
    torch.set_num_threads(1)
    template, work = folder / "template", folder / "work"
    template.mkdir()
    prepare(template, name)
    command = COMMANDS[name]
    fresh_copy(template, work)
    before = what_is_there(work)
    assert run(command) == 0, f"{name} fails by itself"
    expected, number, faults = what_is_there(work), 0, []
    while True:
        fresh_copy(template, work)

        def act(number=number):
            killed_before(number * EVERY, work)
            return run(command)

        status = in_a_child(act)
        if status == 0:
            break
        if status != 9:
            faults.append(f"kill {number * EVERY}: the command ended with {status}")
        elif wrong := look(work, command, before):
            faults.append(f"kill {number * EVERY}: {wrong}")
        else:
            again = [*command, *AGAIN.get(name, [])]
            if any((work / out).exists() for out in ("out.csv", "out.parquet")):
                again.append("--force")
            status = in_a_child(lambda again=again: run(again))
            if status:
                faults.append(f"kill {number * EVERY}: the second run ended with {status}")
            elif (found := what_is_there(work)) != expected:
                differ = {n for n in found.keys() | expected if found.get(n) != expected.get(n)}
                faults.append(
                    f"kill {number * EVERY}: after the second run {sorted(differ)} differ"
                )
        number += 1
    return {"kills": number, "faults": faults}


if __name__ == "__main__":
    print(json.dumps(every_kill(sys.argv[1], Path(sys.argv[2]).resolve())))
