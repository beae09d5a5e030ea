"""Molecules of one scaffold are learned from together, or held out together."""

import numpy as np
import pytest
import torch

pytest.importorskip("rdkit")

from vaekit import Autoencoder, fine_tune, load
from vaekit.errors import DataError, SpecError
from vaekit.molecules import MoleculeDomain, murcko_scaffolds, predict_molecules
from vaekit.training import Items

RINGS = ("c1ccccc1", "C1CCCCC1", "c1ccncc1", "C1CCNCC1", "c1ccoc1", "C1CC1", "C1CCC1", "c1ccsc1")
SMILES = [f"{'C' * n}{ring}" for ring in RINGS for n in range(1, 11)]
ACTIVE = [float("c" in smiles) for smiles in SMILES]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_groups_stay_whole_and_the_share_is_kept(share):
    groups = torch.arange(100) // 7
    items = Items(torch.zeros(100, 1), groups=groups)
    learned, held_out = items.split(share, generator())
    assert not set(groups[learned.index].tolist()) & set(groups[held_out.index].tolist())
    assert len(learned) + len(held_out) == 100
    assert share - 0.07 < len(held_out) / 100 <= share
    again = items.split(share, generator())[1]
    assert (again.index == held_out.index).all()
    assert items.fingerprint() != Items(torch.zeros(100, 1)).fingerprint()
    part = items.subset(torch.arange(50))
    _, of_part = part.split(share, generator())
    assert of_part is None or set(of_part.index.tolist()) <= set(range(50))


def test_a_group_that_does_not_fit_is_learned_from():
    items = Items(torch.zeros(10, 1), groups=torch.zeros(10, dtype=torch.long))
    learned, held_out = items.split(0.3, generator())
    assert held_out is None
    assert len(learned) == 10


@pytest.fixture(scope="module")
def model():
    import pandas as pd

    frame = pd.DataFrame({"smiles": SMILES, "active": ACTIVE})
    domain = MoleculeDomain("smiles", targets=("active",), split="scaffold")
    options = {"max_epochs": 15, "batch_size": 16, "validation": 0.3, "progress": False}
    return Autoencoder(latent_dim=4, domain=domain, **options).fit(frame)


def test_a_model_holds_out_scaffolds(model, tmp_path):
    domain = model.domain_
    groups = domain.split_groups(SMILES)
    assert len(groups.unique()) == len(set(murcko_scaffolds(SMILES))) == len(RINGS)
    assert len(domain.reference.log_densities) == 20  # two of eight scaffolds, of ten each
    model.save(tmp_path / "run")
    assert load(tmp_path / "run").domain_ == domain
    further = fine_tune(model, SMILES, max_epochs=1, validation=0.3, progress=False)
    assert len(further.domain_.reference.log_densities) == 20
    assert MoleculeDomain().fit(SMILES).split_groups(SMILES) is None


def test_a_target_of_two_values_has_a_roc_curve(model):
    import pandas as pd
    from sklearn.metrics import roc_auc_score

    frame = pd.DataFrame({"smiles": SMILES, "active": ACTIVE})
    found = predict_molecules(model.trained_, frame)
    expected = roc_auc_score(ACTIVE, found.values["active"])
    assert found.agreement()["active"].auroc == pytest.approx(expected)
    one_sided = predict_molecules(model.trained_, frame[np.array(ACTIVE) == 1])
    assert one_sided.agreement()["active"].auroc is None


def test_what_cannot_be_split_is_refused():
    with pytest.raises(DataError, match="must have several scaffolds.*have 'c1ccccc1'"):
        MoleculeDomain(split="scaffold").fit(SMILES).split_groups(SMILES[:5])
    with pytest.raises(SpecError, match="split"):
        MoleculeDomain(split="scafold").fit(SMILES)
