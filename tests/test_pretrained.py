"""The models that come with the package."""

import numpy as np
import pytest

import vaekit
from vaekit.errors import FormatError
from vaekit.molecules import canonical, predict_molecules
from vaekit.storage import PRETRAINED, locate_run

LARGEST = 8_000_000
HARD = [  # centres, charges, metals, rare elements: none of them has a token in MOSES
    "C[N@@H+]1CC[C@H](NC(=O)c2ccc(F)cc2)[C@@H](C)C1",
    "CC(C)(C)OC(=O)N1CC[C@@H](C(=O)[O-])C1",
    "C/C(=N\\Nc1ccccc1)c1ccc([N+](=O)[O-])cc1",
    "C[CH2][Sn]([CH2]C)([CH2]C)[O]C(=O)c1ccccc1",
    "NC(=[Se])Nc1ccccc1",
    "C[Si](C)(C)c1ccc(B(O)O)cc1",
    "Cl[Te](Cl)(Cl)c1ccc(O)cc1",
    "O=[As](O)(O)c1ccc(N=Nc2ccccc2)cc1",
]
UNSEEN = [  # of MOSES' test set
    "CC1C2CCC(C2)C1CN(CCO)C(=O)c1ccc(Cl)cc1",
    "COc1ccc(-c2cc(=O)c3c(O)c(OC)c(OC)cc3o2)cc1O",
    "CCOC(=O)c1ncn2c1CN(C)C(=O)c1cc(F)ccc1-2",
    "Clc1ccccc1-c1nc(-c2ccncc2)no1",
    "CC(C)(Oc1ccc(Cl)cc1)C(=O)OCc1cccc(CO)n1",
    "Cc1nc2c(OCc3ccccc3)cccn2c1CC#N",
    "O=C1c2cccnc2CN1Cc1ccccc1Cl",
]


@pytest.mark.parametrize("name", PRETRAINED)
def test_each_is_small_has_a_card_and_a_licence_and_loads(name):
    folder = locate_run(name)
    assert sum(file.stat().st_size for file in folder.iterdir()) <= LARGEST
    card = (folder / "CARD.md").read_text()
    assert "Licence" in card
    assert "python benchmarks/" in card
    assert vaekit.load(name).model_.latent_dim > 0


def test_a_folder_of_that_name_goes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "moses").mkdir()
    with pytest.raises(FormatError, match="is missing"):
        vaekit.load("moses")


def test_moses_draws_molecules_and_gives_them_back():
    model = vaekit.load("moses")
    drawn = canonical(model.sample(200, seed=0))
    valid = {smiles for smiles in drawn if smiles is not None}
    assert len(valid) >= 0.9 * 200
    given_back = [a == b for a, b in zip(canonical(model.reconstruct(UNSEEN)), UNSEEN, strict=True)]
    assert sum(given_back) >= len(UNSEEN) / 2


def test_druglike_reads_any_molecule():
    model = vaekit.load("druglike")
    assert not model.domain_.usable([*UNSEEN, *HARD]).words
    made = model.reconstruct([*UNSEEN, *HARD], strict=True)
    assert all(made)
    same = [a == b for a, b in zip(canonical(made[: len(UNSEEN)]), UNSEEN, strict=True)]
    assert sum(same) >= len(UNSEEN) / 2
    with pytest.warns(UserWarning, match="no result for 8 of 9"):
        vaekit.load("moses").reconstruct([UNSEEN[0], *HARD])


def test_druglike_tells_properties_and_how_far_they_may_be_off():
    found = predict_molecules(vaekit.load("druglike").trained_, HARD, compute=True)
    assert set(found.intervals) == {"qed", "logp", "tpsa"}
    assert np.isfinite(found.applicability.log_density).all()
    assert found.errors["tpsa"] > 0
