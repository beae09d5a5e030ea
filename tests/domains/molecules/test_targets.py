"""Properties that latents are to tell as well."""

import numpy as np
import pytest
import torch

pytest.importorskip("rdkit")
pytest.importorskip("selfies")

from vaekit import Autoencoder
from vaekit.errors import DataError, SpecError
from vaekit.molecules import PROPERTIES, MoleculeDomain, compute_properties

SMILES = ["C" * n + end for n in range(2, 22) for end in ("O", "N", "Cl", "C(=O)O")]


def test_rows_are_codes_and_targets_in_deviations():
    domain = MoleculeDomain("smiles", targets=("mw", "logp")).fit(SMILES)
    rows = domain.prepare(SMILES)
    steps = domain.event_shape[0] - 2
    assert rows.shape == (len(SMILES), steps + 2)
    torch.testing.assert_close(rows[:, steps:].mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    back = domain.scales.in_units(rows[:, steps:])
    np.testing.assert_allclose(back["mw"], compute_properties(SMILES, ["mw"])["mw"], rtol=1e-5)
    assert domain.decode(domain.encode(rows)) == list(domain.read(SMILES).smiles)
    assert domain.lengths(rows).max() == steps
    assert domain.observed(rows).all()
    tokens = domain.prepare_input(SMILES)
    torch.testing.assert_close(tokens[:, :steps], rows[:, :steps])
    assert domain.observed(tokens).sum(1).tolist() == [steps] * len(SMILES)


def test_a_column_of_the_user_may_be_missing_in_some(tmp_path):
    file = tmp_path / "drugs.csv"
    lines = [f"{s},{'' if i % 3 == 0 else i}" for i, s in enumerate(SMILES)]
    file.write_text("smiles,activity\n" + "\n".join(lines) + "\n")
    domain = MoleculeDomain("smiles", targets=("activity",)).fit(file)
    rows = domain.prepare(file)
    assert (~domain.observed(rows)[:, -1]).tolist() == [i % 3 == 0 for i in range(len(SMILES))]
    assert domain.encode(rows).isfinite().all()
    assert (~domain.observed(domain.prepare(SMILES))[:, -1]).all()  # new molecules need none


def test_a_column_named_as_a_property_is_only_that_if_it_says_the_same(tmp_path):
    logp = compute_properties(SMILES, ["logp"])["logp"]
    columns = {"same.csv": logp + 1e-3, "other.csv": -(logp**2)}
    domains = {}
    for name, values in columns.items():
        rows = "\n".join(f"{s},{v}" for s, v in zip(SMILES, values, strict=True))
        (tmp_path / name).write_text("smiles,logp\n" + rows + "\n")
        domains[name] = MoleculeDomain("smiles", targets=("logp",)).fit(tmp_path / name)
    assert domains["same.csv"].scales.own == ()
    assert domains["same.csv"].observed(domains["same.csv"].prepare(SMILES)).all()
    own = domains["other.csv"]
    assert own.scales.own == ("logp",)
    assert not own.observed(own.prepare(SMILES))[:, -1].any()  # nothing to compute it by


def test_targets_must_be_known_and_vary(tmp_path):
    with pytest.raises(SpecError, match=r"unknown target 'lgop'.*logp"):
        MoleculeDomain("smiles", targets=("lgop",)).fit(SMILES)
    with pytest.raises(DataError, match="must vary; 'charge' is 0 for all"):
        MoleculeDomain("smiles", targets=("charge",)).fit(SMILES)
    file = tmp_path / "drugs.csv"
    file.write_text("smiles,activity\nCCO,1\nCCN,\nCCC,\n")
    with pytest.raises(DataError, match=r"must vary; 'activity' is 1 for all of them \(1 of 3"):
        MoleculeDomain("smiles", targets=("activity",)).fit(file)


def test_missing_targets_teach_nothing(tmp_path):
    file = tmp_path / "drugs.csv"
    file.write_text("smiles,activity\n" + "\n".join(f"{s},{i % 7}" for i, s in enumerate(SMILES)))
    domain = MoleculeDomain("smiles", targets=("activity",))
    model = Autoencoder(latent_dim=2, domain=domain, max_epochs=1, progress=False).fit(file)
    batch = next(iter(model.trained_.batches(SMILES[:5], None)))
    px = model.model_.decode(torch.zeros(5, 2))
    scored = model.model_.likelihood.log_prob(px, batch)
    alone = px.parts[0].log_prob(batch.x[:, :-1]).sum(-1)
    torch.testing.assert_close(scored, alone)
    assert "activity" not in PROPERTIES
