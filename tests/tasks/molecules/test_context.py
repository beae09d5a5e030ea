"""Molecules of a model with a context and targets: explored and designed."""

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("rdkit")
pd = pytest.importorskip("pandas")

from vaekit import Autoencoder  # noqa: E402
from vaekit.cli.app import app  # noqa: E402
from vaekit.errors import DataError  # noqa: E402
from vaekit.molecules import (  # noqa: E402
    MoleculeDomain,
    find_analogues,
    latent_neighbors,
    molecule_paths,
    predict_molecules,
    predict_targets,
    property_map,
)
from vaekit.molecules.design import (  # noqa: E402
    MoleculeSpace,
    maximize,
    optimize,
)
from vaekit.randomness import seeded  # noqa: E402

RINGS = {"aromatic": "c1ccccc1", "saturated": "C1CCCCC1"}
PAIRS = [
    (f"{'C' * n}{link}{ring}", name)
    for n in range(1, 8)
    for link in ("O", "N", "C(=O)N")
    for name, ring in RINGS.items()
]
MOLECULES, LABELS = map(list, zip(*PAIRS, strict=True))
LEAD = "CCCCOc1ccccc1"


@pytest.fixture(scope="module")
def model():
    domain = MoleculeDomain(targets=("mw",))
    model = Autoencoder(latent_dim=6, domain=domain, steps=80, progress=False, seed=0)
    return model.fit(MOLECULES, context=LABELS)


@pytest.fixture(scope="module")
def trained(model):
    return model.trained_


@pytest.mark.slow
def test_what_is_drawn_follows_the_context(trained):
    def aromatic(label):
        space = MoleculeSpace(trained, label)
        with seeded(0):
            made = space.decode(space.prior(100))
        return np.mean(["c1" in one for one in made if one])

    assert aromatic("aromatic") > 0.8
    assert aromatic("saturated") < 0.2


def test_design_within_a_context_spends_its_budget_and_learns_further(trained):
    found = optimize(
        trained, maximize("tpsa"), start=MOLECULES[:8], context="saturated", budget=24, batch=8
    )
    assert len({record.smiles for record in found.records}) == 24
    space = MoleculeSpace(trained, ["aromatic"])
    before = space.encode([LEAD])[1]
    space.adapt(MOLECULES[:4] * 20, seed=1)
    assert not np.allclose(space.encode([LEAD])[1], before)
    assert np.allclose(MoleculeSpace(trained, "aromatic").encode([LEAD])[1], before)


def test_analogues_neighbors_ways_and_maps_take_a_context(trained):
    near = find_analogues(trained, LEAD, similarity=0.2, context="aromatic", draws=400)
    assert len(near)
    assert np.mean(["c1" in one for one in near.report.smiles]) > 0.8
    (way,) = molecule_paths(trained, [LEAD], ["CNc1ccccc1"], context="aromatic")
    assert (way.smiles[0], way.smiles[-1]) == (LEAD, "CNc1ccccc1")
    both = molecule_paths(trained, [LEAD, LEAD], [LEAD, LEAD], context=["aromatic", "saturated"])
    assert len(both) == 2
    found = latent_neighbors(trained, [LEAD], MOLECULES, 2, context="aromatic")
    assert found.neighbors[0][0] == LEAD
    assert property_map(trained, MOLECULES, context=LABELS).axes


@pytest.mark.parametrize(
    ("context", "words"),
    [
        (None, r"conditional; pass context= with labels \['aromatic', 'saturated'\]"),
        ("bicyclic", "must be among those of training"),
        (["aromatic", "saturated"], "one context must stand for all items; got 2 rows"),
    ],
)
def test_a_context_that_is_missing_unknown_or_not_one_is_refused(trained, context, words):
    for ask in (
        lambda: optimize(trained, maximize("qed"), start=MOLECULES, context=context, budget=5),
        lambda: find_analogues(trained, LEAD, context=context),
        lambda: latent_neighbors(trained, [LEAD], MOLECULES, context=context),
    ):
        with pytest.raises(DataError, match=words):
            ask()


def test_commands_take_a_context(model, tmp_path):
    model.save(tmp_path / "run")
    (tmp_path / "some.smi").write_text("\n".join(MOLECULES[:8]))
    run, out = str(tmp_path / "run"), str(tmp_path / "o.csv")
    asked = ["--context", "aromatic", "--out", out, "--force"]
    start = ["--start", str(tmp_path / "some.smi"), "--budget", "12"]
    for arguments in (
        ["optimise", run, "--maximise", "tpsa", *start, *asked],
        ["analogues", run, LEAD, "--similarity", "0.2", "--draws", "200", *asked],
    ):
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        assert len(pd.read_csv(out))
    with pytest.raises(DataError, match="conditional; pass context="):
        CliRunner().invoke(app, ["analogues", run, LEAD], catch_exceptions=False)


def test_properties_are_predicted_with_the_context_of_each(model):
    found = predict_molecules(model.trained_, MOLECULES[:6], LABELS[:6])
    expected = predict_targets(model.trained_, MOLECULES[:6], LABELS[:6])["mw"]
    np.testing.assert_allclose(found.values["mw"], expected, rtol=1e-6)
    one = predict_molecules(model.trained_, MOLECULES[:6], ["saturated"]).values["mw"]
    assert not np.allclose(one, expected)
    with pytest.raises(DataError, match="conditional; pass context="):
        predict_molecules(model.trained_, MOLECULES[:6])
    given = ["C1CC", *MOLECULES[:6]]
    with pytest.warns(UserWarning, match=r"1 of 7 were rejected: row 0 \('C1CC'"):
        some = predict_molecules(model.trained_, given, [LABELS[1], *LABELS[:6]]).values["mw"]
    np.testing.assert_allclose(some[1:], expected, rtol=1e-5)
    assert np.isnan(some[0])
