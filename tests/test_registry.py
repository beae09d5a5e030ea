"""Names of parts: found without import, never replaced, stored and built again."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import vaekit
from vaekit import registry
from vaekit.errors import SpecError
from vaekit.presets import preset, preset_names
from vaekit.presets.catalogue import catalogue
from vaekit.priors import StandardNormal
from vaekit.spec import build, describe

GOLD = Path(__file__).parent / "gold"


class Shifted(StandardNormal):
    """A prior of a user."""


@pytest.fixture
def shifted():
    vaekit.register("priors", Shifted)
    yield Shifted
    registry._registered["priors"].pop("Shifted")


def test_what_a_user_registers_is_stored_by_name_and_built_again(shifted):
    stored = describe(shifted(3))
    assert stored == {"type": "priors.Shifted", "args": {"latent_dim": 3}}
    assert type(build(stored)) is shifted


def test_what_nobody_registers_is_named_with_a_remedy():
    with pytest.raises(SpecError, match=r"unknown component 'priors.Shifted'.*register"):
        build({"type": "priors.Shifted", "args": {"latent_dim": 3}})


@pytest.mark.parametrize("name", ["os.system", "priors.os", "builtins.eval", "tasks.fit", 3, None])
def test_nothing_else_is_ever_imported(name):
    with pytest.raises(SpecError, match="unknown component"):
        build({"type": name, "args": {}})


@pytest.mark.parametrize(
    ("kind", "name"), [("priors", "StandardNormal"), ("domains", "images"), ("commands", "fit")]
)
def test_a_name_that_is_taken_is_refused(kind, name):
    with pytest.raises(SpecError, match="must be a new name"):
        vaekit.register(kind, Shifted, name=name)


def test_a_preset_of_a_user_does_not_replace_ours():
    with pytest.raises(SpecError, match="'vae' must be a new name among presets"):

        @preset
        def vae(parts):
            """Mine. Source: me."""


def test_registering_the_same_again_is_no_error(shifted):
    assert vaekit.register("priors", shifted) is shifted


def test_two_packages_with_one_name_are_both_named(monkeypatch):
    points = [EntryPoint("theirs", value, "vaekit.domains") for value in ("a.b:C", "d.e:F")]
    monkeypatch.setattr(registry, "_declared", lambda kind: {"theirs": points})
    with pytest.raises(SpecError, match="must be one package's name among domains"):
        registry.get("domains", "theirs")


def test_unknown_kinds_are_refused():
    with pytest.raises(SpecError, match="unknown kind of part 'prior': did you mean 'priors'"):
        registry.names("prior")


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_name_can_be_imported(kind):
    for name in registry.names(kind):
        assert registry.get(kind, name) is not None


def test_the_catalogue_that_is_listed_is_that_of_the_presets():
    path = Path(vaekit.__file__).parent / "presets" / "catalogue.json"
    stored = json.loads(path.read_text())
    own = [asdict(card) for card in catalogue() if not registry.provider("presets", card.name)]
    assert stored == json.loads(json.dumps(own)), "run python -m vaekit.presets.catalogue"
    assert [entry["name"] for entry in stored] == preset_names()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["fit", "--help"],
        ["optimize", "--help"],
        ["models"],
        ["nonsense"],
    ],
)
def test_help_and_lists_import_no_torch(arguments):
    code = (
        "import sys\n"
        "from vaekit.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'sklearn', 'pandas', 'matplotlib'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_to_load_a_model_imports_neither_trainer_nor_compiler():
    code = (
        "import sys, vaekit\n"
        "for run in sys.argv[1:]:\n"
        "    vaekit.load(run)\n"
        "    found = {'lightning_fabric', 'torch._dynamo', 'sympy'} & set(sys.modules)\n"
        "    assert not found, (run, found)\n"
    )
    runs = sorted(str(path.parent) for path in (GOLD / "runs").glob("*/model.json"))
    assert runs
    done = subprocess.run(
        [sys.executable, "-c", code, "moses", *runs], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("preset", ["vae", "table_vae"])
def test_to_train_on_one_cpu_and_to_sample_imports_neither_fabric_nor_compiler(preset, tmp_path):
    code = (
        "import sys, vaekit\n"
        "import pandas as pd\n"
        "rows = pd.DataFrame({'a': [i % 7 / 3 for i in range(60)], 'b': list('xyz') * 20})\n"
        "model = vaekit.Autoencoder(sys.argv[1], 1, max_epochs=1, device='cpu', progress=False)\n"
        "model.fit(rows)\n"
        "model.sample(3)\n"
        "model.score_samples(rows)\n"
        "found = {'lightning_fabric', 'torch._dynamo', 'sympy'} & set(sys.modules)\n"
        "assert not found, found\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, preset], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize(("given", "found"), [(None, "1000"), ("7", "7")])
def test_idle_threads_do_not_spin_for_long_unless_the_user_says_so(given, found):
    environment = {k: v for k, v in os.environ.items() if k != "GOMP_SPINCOUNT"}
    environment |= {} if given is None else {"GOMP_SPINCOUNT": given}
    code = "import vaekit, sys, os; print(os.environ['GOMP_SPINCOUNT'], 'torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [found, "False"]
