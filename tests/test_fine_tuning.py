"""Going on from a trained model."""

import numpy as np
import pytest
import torch

from vaekit import Autoencoder, fine_tune, load
from vaekit.errors import CompositionError, DataError, SpecError
from vaekit.molecules import MoleculeDomain, predict_targets
from vaekit.objectives import Cyclical, FixedSchedule, Linear, elbo
from vaekit.types import TrainingProgress

ROWS, COLUMNS = 400, 6


def rows(mean, seed):
    rng = np.random.default_rng(seed)
    return mean + rng.normal(size=(ROWS, 2)) @ np.ones((2, COLUMNS)) + rng.normal(size=(ROWS, 6))


@pytest.fixture(scope="module")
def first():
    return Autoencoder("vae", 2, max_epochs=20, progress=False).fit(rows(0.0, 0))


def test_it_learns_the_new_items_and_leaves_the_first_model_as_it_was(first):
    before = {k: v.clone() for k, v in first.model_.state_dict().items()}
    new, unseen = rows(2.0, 1), rows(2.0, 2)
    tuned = fine_tune(first, new, max_epochs=20)
    assert tuned.score(unseen) > first.score(unseen) + 1
    assert all(torch.equal(v, before[k]) for k, v in first.model_.state_dict().items())
    assert tuned.sample(500, seed=0).mean() > first.sample(500, seed=0).mean() + 1
    assert tuned.get_params()["max_epochs"] == 20
    assert tuned.domain_ is not None
    assert tuned.health_ is not None


def test_it_starts_where_the_first_one_ended(first):
    kept = fine_tune(first, rows(0.0, 0), max_epochs=1, learning_rate=1e-9)
    np.testing.assert_allclose(kept.transform(rows(0.0, 3)), first.transform(rows(0.0, 3)), 1e-3)


def test_only_options_of_the_training_can_be_given(first):
    with pytest.raises(SpecError, match="unknown option of the training 'latent_dim'"):
        fine_tune(first, rows(0.0, 1), latent_dim=3)


def test_a_model_without_latents_cannot_be_tuned():
    model = Autoencoder("flow_matching", max_epochs=1, progress=False).fit(rows(0.0, 0))
    with pytest.raises(CompositionError, match="needs a model with latents"):
        fine_tune(model, rows(0.0, 1))


@pytest.fixture(scope="module")
def of_molecules():
    smiles = ["C" * n + end for n in range(2, 20) for end in ("O", "N", "C(=O)O")]
    model = Autoencoder(domain=MoleculeDomain(num_merges=5), latent_dim=4, max_epochs=1)
    return model.set_params(progress=False).fit(smiles)


def test_molecules_without_tokens_are_left_out_with_a_warning(of_molecules):
    good = ["CCCO", "CCCCN", "CCCCCC(=O)O", "CCCCO"] * 4
    with pytest.warns(UserWarning, match="left out: 2 of 18 items"):
        tuned = fine_tune(of_molecules, [*good, "CC(F)F", "CCBr"], max_epochs=1)
    assert len(tuned.sample(3, seed=0)) == 3
    with pytest.raises(DataError, match="2 of 2 have others"):
        fine_tune(of_molecules, ["CC(F)F", "CCBr"], max_epochs=1)


def test_schedules_stand_where_they_end(first):
    batch = next(iter(first.trained_.batches(rows(0.0, 0), None)))
    for weight in (Linear(0.0, 2.0, 0.5), Cyclical(0.0, 2.0)):
        values = []
        for objective, step in ((elbo(weight), 10), (FixedSchedule(elbo(weight)), 1)):
            torch.manual_seed(0)
            update = next(objective.losses(first.model_, batch, TrainingProgress(step, 10, ROWS)))
            values.append(update.losses["model"].item())
        assert values[0] == values[1]


@pytest.mark.slow
def test_properties_are_taught_to_a_model_that_had_none(of_molecules, tmp_path):
    smiles = ["C" * n + end for n in range(2, 19) for end in ("O", "N")] * 3
    file = tmp_path / "assay.csv"
    file.write_text("smiles,assay\n" + "\n".join(f"{s},{s.count('C')}" for s in smiles))
    taught = fine_tune(of_molecules, file, targets=("assay",), steps=60, learning_rate=3e-3)
    told = predict_targets(taught.trained_, smiles)["assay"]
    assert np.corrcoef(told, [s.count("C") for s in smiles])[0, 1] > 0.8
    assert of_molecules.domain_.targets == ()
    assert taught.get_params()["domain"].targets == ("assay",)
    taught.save(tmp_path / "run")
    again = predict_targets(load(tmp_path / "run").trained_, smiles)["assay"]
    np.testing.assert_allclose(again, told, rtol=1e-4)
    # and others in their place
    other = fine_tune(taught, smiles, targets=("mw", "logp"), max_epochs=1)
    assert predict_targets(other.trained_, smiles[:2]).keys() == {"mw", "logp"}


def test_targets_are_properties_of_molecules(first):
    with pytest.raises(CompositionError, match="targets are properties of molecules"):
        fine_tune(first, rows(0.0, 1), targets=("a",))


def test_weights_say_how_much_each_new_item_counts(first):
    both = np.concatenate([rows(2.0, 1), rows(-5.0, 2)])
    options = {"max_epochs": 10, "validation": 0.0}
    weights = np.repeat([1.0, 0.0], ROWS)
    tuned = fine_tune(first, both, sample_weight=weights, **options)
    alone = fine_tune(first, both[:ROWS], **options)
    np.testing.assert_allclose(tuned.transform(both[:9]), alone.transform(both[:9]), rtol=1e-4)
    with pytest.raises(DataError, match="sample_weight must be one number for each"):
        fine_tune(first, both, sample_weight=[1.0])


def test_it_goes_on_from_its_checkpoint(first, tmp_path):
    options = {"checkpoint_dir": tmp_path / "kept", "checkpoint_seconds": 0.0}
    tuned = fine_tune(first, rows(2.0, 1), max_epochs=3, **options)
    assert (tmp_path / "kept" / "history.csv").exists()
    again = fine_tune(first, rows(2.0, 1), max_epochs=3, resume=True, **options)
    assert len(again.history_) == 3
    np.testing.assert_allclose(again.transform(rows(2.0, 3)), tuned.transform(rows(2.0, 3)))


def test_molecules_with_weights_must_all_be_readable(of_molecules):
    with pytest.raises(DataError, match="1 of 2 have others"):
        fine_tune(of_molecules, ["CCO", "[SeH]C"], sample_weight=[1.0, 1.0])
