"""Every command, run in this process, and what it writes; never what it says."""

import contextlib
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from gold.data import MOLECULES, images, labels, long_series, people, rows
from gold.flat import flat
from gold.table import case
from gold.task_cases import FEW
from PIL import Image
from typer.testing import CliRunner

from vaekit.cli.app import app
from vaekit.datasets import shapes

LEFT_OUT = ("versions", "seconds", "data", "version", "run")
QUICK = "--max-epochs 1 --latent-dim 3"


class Place:
    """A folder in which commands are run, whose files are read afterwards."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, line: str) -> None:
        """Run a command; quote nothing, for the words are split at blanks."""
        shown = io.StringIO()
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(shown):
            done = CliRunner().invoke(app, line.split(), catch_exceptions=False)
        if done.exit_code:
            raise RuntimeError(f"vaekit {line}: {done.output}")

    def files(self, *names: str) -> dict[str, Any]:
        """What these files and folders hold; all that are there, without names."""
        roots = [self.folder / name for name in names] or [self.folder]
        files = [f for r in roots for f in (sorted(r.rglob("*")) if r.is_dir() else [r])]
        found = {"files": "\n".join(f.relative_to(self.folder).as_posix() for f in files)}
        for file in files:
            if file.is_file():
                found |= _content(file, file.relative_to(self.folder).as_posix())
        return found


def _content(file: Path, name: str) -> dict[str, Any]:
    if file.suffix in (".png", ".gif"):
        with Image.open(file) as picture:
            return {name: np.array([*picture.size, getattr(picture, "n_frames", 1)])}
    if file.suffix == ".csv":
        frame = pd.read_csv(file)
        timed = [c for c in frame if "second" in c or c == "note"]
        return flat(name, frame.drop(columns=timed))
    if file.suffix == ".parquet":
        return flat(name, pd.read_parquet(file))
    if file.suffix == ".npy":
        return {name: np.load(file)}
    if file.suffix == ".npz":
        return flat(name, dict(np.load(file)))
    if file.suffix == ".json" and file.name in ("clusters.json",):
        return flat(name, json.loads(file.read_text()), but=LEFT_OUT)
    if file.suffix in (".smi", ".txt"):
        return {name: file.read_text()}
    return {name: "there"}


def _commands(name: str, *, only_shapes: bool = False) -> Any:
    """Declare a case that runs commands in a new folder."""

    def declare(use: Any) -> Any:
        def make() -> dict[str, Any]:
            with TemporaryDirectory() as folder:
                return use(Place(Path(folder)))

        case(f"command/{name}", only_shapes=only_shapes)(make)
        return use

    return declare


@_commands("models, fit, info, sample, reconstruct, interpolate, score, refit")
def _first(run: Place) -> dict[str, Any]:
    np.save(run.folder / "x.npy", images())
    run("models")
    run("models beta_vae")
    run(f"fit x.npy run {QUICK} --preset beta_vae --option beta=2")
    run("info run")
    run("sample run -n 5 --seed 1 --out s.npy")
    run("sample run -n 5 --seed 1 --out s.npz")
    run("sample run -n 9 --seed 1 --out s.png")
    run("reconstruct run x.npy -n 6 --out r.npy")
    run("reconstruct run x.npy -n 6 --out r.png")
    run("interpolate run x.npy --pairs 2 --steps 4 --out i.npy")
    run("interpolate run x.npy --pairs 2 --steps 4 --path spherical --out i.png")
    run("interpolate run x.npy --pairs 2 --steps 4 --out i.gif")
    run("score run x.npy --draws 3 --out scores.csv")
    run("refit run x.npy --prior gaussian")
    run("sample run -n 5 --seed 1 --out again.npy")
    return run.files()


@_commands("fit with a context")
def _context(run: Place) -> dict[str, Any]:
    np.save(run.folder / "x.npy", images())
    np.save(run.folder / "y.npy", labels())
    run(f"fit x.npy run {QUICK} --preset cvae --context y.npy")
    run("sample run -n 4 --context 7 --seed 1 --out s.npy")
    run("reconstruct run x.npy --context y.npy --out r.npy")
    run("score run x.npy --context y.npy --draws 2 --out scores.csv")
    return run.files()


@_commands("fit, sample, score and impute tables")
def _tables(run: Place) -> dict[str, Any]:
    people().to_csv(run.folder / "t.csv", index=False)
    run("fit t.csv run --max-epochs 1")
    run("sample run -n 6 --seed 1 --out s.csv")
    run("sample run -n 6 --seed 1 --where age>=30 --where job=cook|vet --out w.parquet")
    run("score run t.csv --draws 2 --out scores.csv")
    run("reconstruct run t.csv --out r.csv")
    run("impute t.csv --max-epochs 1 --draws 4 --out filled.csv --save filler")
    run("impute t.csv --run filler --draws 4 --estimate draw --count 2 --out more.csv")
    return run.files()


@_commands("augment")
def _augment(run: Place) -> dict[str, Any]:
    people().dropna().to_csv(run.folder / "t.csv", index=False)
    run("augment t.csv --target job --max-epochs 1 --folds 2 --anyway --out more.csv")
    run(
        "augment t.csv --target pay --strategy 0.2 --max-epochs 1 --folds 2 --anyway "
        "--only-synthetic --out new.csv"
    )
    return run.files()


@_commands("edit")
def _edit(run: Place) -> dict[str, Any]:
    made = shapes(160, size=16, seed=3)
    (run.folder / "faces").mkdir()
    (run.folder / "like").mkdir()
    lines = ["file,side,shape"]
    for number, picture in enumerate(made.images):
        name = f"{number:03}.png"
        image = Image.fromarray(picture.squeeze())
        image.save(run.folder / "faces" / name)
        if number % 5 == 0:
            image.save(run.folder / "like" / name)
        side = "left" if made.factors["x"][number] < np.median(made.factors["x"]) else "right"
        lines.append(f"{name},{side},{made.label_names[made.labels[number]]}")
    (run.folder / "a.csv").write_text("\n".join(lines))
    run("fit faces run --max-epochs 2 --latent-dim 4")
    aim = "--labels a.csv --attribute side --to right"
    run(f"edit run faces {aim} --out e.npy")
    run(f"edit run faces {aim} --method logistic --protect shape --out p.npz")
    run(f"edit run faces {aim} --curve --out c.png")
    run(f"edit run faces {aim} --strength 0.5 --out folder")
    run("edit run faces --like like --out l.npy")
    run("edit run faces --discover 2 --labels a.csv --out d.png")
    names = ("run", "e.npy", "p.npz", "c.png", "c-curve.png", "l.npy", "d.png")
    told = [np.asarray(Image.open(f)) for f in sorted((run.folder / "folder").rglob("*.png"))]
    return run.files(*names) | {"folder": np.stack(told)}


@_commands("evaluate", only_shapes=True)
def _evaluate(run: Place) -> dict[str, Any]:
    np.save(run.folder / "x.npy", images())
    np.save(run.folder / "y.npy", labels())
    people().to_csv(run.folder / "t.csv", index=False)
    run(f"fit x.npy images {QUICK}")
    run("evaluate images x.npy --labels y.npy --draws 2 -n 60 --out e")
    run("fit t.csv table --max-epochs 1")
    run("evaluate table t.csv --training t.csv --target job --draws 2 -n 60")
    return run.files("e", "table/evaluation")


@_commands("compare", only_shapes=True)
def _compare(run: Place) -> dict[str, Any]:
    np.save(run.folder / "x.npy", images())
    run("compare x.npy --models vae,gan --minutes 0.003 --seeds 1 -n 40 --out c --steps 2")
    return {"files": "\n".join(sorted(f.name for f in (run.folder / "c").iterdir()))}


@_commands("cluster", only_shapes=True)
def _cluster(run: Place) -> dict[str, Any]:
    pd.DataFrame(rows(), columns=list("abcd")).to_csv(run.folder / "t.csv", index=False)
    run("fit t.csv run --max-epochs 1 --latent-dim 2")
    run("cluster run t.csv --k 3 --method gmm --out three")
    run("cluster run t.csv")
    return run.files("three", "run/clusters")


@_commands("anomalies")
def _anomalies(run: Place) -> dict[str, Any]:
    people().to_csv(run.folder / "t.csv", index=False)
    people(60).to_csv(run.folder / "new.csv", index=False)
    quick = "--max-epochs 1"
    run(f"anomalies t.csv -o a.csv {quick} --contamination 0.03 --report a.html --save guard")
    run("anomalies new.csv --detector guard -o b.csv --rows 25")
    run(f"anomalies new.csv --normal t.csv --false-alarm-rate 0.1 {quick} -o c.parquet")
    frame = pd.DataFrame(long_series(), columns=["a", "b"])
    frame.to_csv(run.folder / "s.csv", index=False)
    run(f"anomalies s.csv --window 16 {quick} -o s-scored.csv --report s.html --save watch")
    run("anomalies s.csv --detector watch -o again.csv")
    names = ("a.csv", "a.html", "b.csv", "c.parquet", "s-scored.csv", "s.html", "again.csv")
    return run.files(*names)


@_commands("anomalies of images")
def _anomalous_images(run: Place) -> dict[str, Any]:
    np.save(run.folder / "x.npy", images())
    run("anomalies x.npy -o a.csv --max-epochs 1 --report a.html")
    return run.files()


@_commands("fit, sample, predict and interpolate molecules", only_shapes=True)
def _molecules(run: Place) -> dict[str, Any]:
    (run.folder / "m.smi").write_text("\n".join(MOLECULES) + "\n")
    (run.folder / "few.smi").write_text("\n".join(FEW) + "\n")
    run("fit m.smi run --max-epochs 1 --latent-dim 4 --targets mw,logp --validation 0.2")
    run("sample run -n 8 --seed 1 --training m.smi --out s.csv --grid s.svg")
    run("sample run -n 8 --seed 1 --out s.txt")
    run("sample run -n 4 --seed 1 --where logp=..9 --out w.csv")
    run("predict run m.smi --compute --out p.csv --plot p.png")
    run("predict moses few.smi --out q.csv")
    run("interpolate moses few.smi --pairs 1 --steps 4 --out ways.csv")
    run("fit m.smi tuned --start-from run --max-epochs 1")
    run("sample tuned -n 4 --seed 1 --out t.smi")
    return run.files()


@_commands("analogues and optimise", only_shapes=True)
def _design(run: Place) -> dict[str, Any]:
    (run.folder / "few.smi").write_text("\n".join(FEW) + "\n")
    (run.folder / "oracle.py").write_text("def length(smiles):\n    return len(smiles)\n")
    run("analogues moses CCOc1ccccc1 -n 5 --draws 40 --out a.csv --grid a.html")
    begin = "--start few.smi --budget 14"
    run(f"optimise moses --maximise qed --range logp=1..3 {begin} --out o.csv --report o.html")
    run(f"optimise moses --oracle oracle.py:length {begin} --out l.csv --grid l.png")
    return run.files("a.csv", "a.html", "o.csv", "o.html", "l.csv", "l.png")
