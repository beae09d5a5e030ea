"""Design by a tiny model of molecules."""

import numpy as np
import pytest
import torch

pd = pytest.importorskip("pandas")
pytest.importorskip("rdkit")

from vaekit import Autoencoder  # noqa: E402
from vaekit.errors import CompositionError, DataError, SpecError  # noqa: E402
from vaekit.molecules.design import (  # noqa: E402
    Goal,
    Keeps,
    MoleculeSpace,
    SearchSettings,
    Similar,
    design_page,
    find_starts,
    maximize,
    optimize,
    table,
    within,
)

pytestmark = pytest.mark.slow

RINGS = ["c1ccccc1", "C1CCCCC1", "c1ccncc1"]
MOLECULES = [
    f"{'C' * n}{end}{ring}" for n in range(1, 12) for end in ("O", "N", "C(=O)N") for ring in RINGS
]


@pytest.fixture(scope="module")
def trained():
    model = Autoencoder(latent_dim=8, domain="molecules", max_epochs=108, progress=False, seed=0)
    return model.fit(MOLECULES * 3).trained_


@pytest.fixture(scope="module")
def result(trained):
    goal = [maximize("qed"), within("logp", 2, 3)]
    return optimize(trained, goal, start=MOLECULES[:45], budget=60, baselines=True, seed=3)


def test_what_is_found_is_better_than_what_was_given(result):
    method, *beside = result.summaries
    assert [each.name for each in beside] == ["random", "noise", "given molecules"]
    assert method.best >= beside[-1].best
    assert method.area > 0
    assert method.top10 > beside[-1].top10
    assert all(each.calls == 60 for each in (method, *beside[:2]))
    assert beside[-1].calls == 0  # computed properties cost none


def test_the_table_is_ranked_and_says_where_molecules_come_from(result):
    rows = table(result)
    assert len(rows) == 60
    assert rows["score"].is_monotonic_decreasing
    assert set(rows["origin"]) == {"given", "proposed"}
    assert (rows.loc[rows["origin"] == "given", "nearest_similarity"] == 1).all()
    assert rows["rank"].tolist() == list(range(1, 61))
    assert rows["pareto"].any()
    assert set(rows.loc[rows["pareto"], "smiles"]) == {each.smiles for each in result.pareto}
    assert len(table(result, 5)) == 5


def test_the_best_ten_of_computed_properties_are_begun_with(trained):
    starts = find_starts(
        MoleculeSpace(trained), MOLECULES, Goal([maximize("mw")]), SearchSettings(budget=100)
    )
    assert len(starts.smiles) == 10
    assert all(one.count("C") >= 10 for one in starts.smiles)
    assert len(starts.known_values) == len(starts.given)


def test_a_function_is_asked_about_no_more_than_the_budget(trained):
    asked = []
    found = optimize(
        trained, maximize(lambda s: asked.append(s) or len(s)), start=MOLECULES, budget=30
    )
    assert len(asked) == len(set(asked)) == 30
    assert found.given_scores.tolist() == found.scores[: found.found.num_starts].tolist()


def test_the_same_seed_finds_the_same_and_the_model_is_not_changed(trained):
    before = [parameter.clone() for parameter in trained.model.parameters()]
    temperature = trained.vae.likelihood.temperature

    def once(seed):
        found = optimize(
            trained, maximize("qed"), start=MOLECULES, budget=330, batch=100, seed=seed
        )
        return [record.smiles for record in found.records]

    first = once(0)
    assert once(0) == first  # though it learnt further in between
    assert once(1) != first
    assert trained.vae.likelihood.temperature == temperature
    for parameter, old in zip(trained.model.parameters(), before, strict=True):
        assert torch.equal(parameter, old)


def test_the_lead_is_begun_with_and_all_stay_similar(trained):
    lead = "CCCCCCOc1ccccc1"
    found = optimize(trained, maximize("tpsa"), constraints=[Similar(lead, 0.3)], budget=20)
    rows = table(found)
    assert found.records[0].smiles == lead
    assert (rows["lead_similarity"] >= 0.3).all()
    assert rows.loc[rows["smiles"] == lead, "lead_similarity"].item() == 1.0


def test_molecules_that_the_model_does_not_know_are_left_out_and_counted(trained):
    given = [*MOLECULES[:20], "C1CC", "CCCC[Si](C)(C)C", "C" * 200, "CCBr"]
    with pytest.warns(UserWarning, match=r"1 of 24 were rejected: row 20 \('C1CC'"):
        found = optimize(trained, maximize("qed"), start=given, budget=20)
    assert found.starts.rejected == 1
    assert found.starts.unknown == 3
    assert "1 rejected" in design_page(found).decode()


def test_a_scaffold_that_none_has_is_an_error_that_says_what_to_do(trained):
    with pytest.raises(DataError, match=r"has C#N: 99 were given. Give some that do"):
        optimize(trained, maximize("qed"), start=MOLECULES, constraints=[Keeps("C#N")], budget=20)
    with pytest.raises(DataError, match="knows none of the 1"):
        optimize(trained, maximize("qed"), start=["CCCCBr"], budget=20)


def test_a_locked_scaffold_stays(trained):
    found = optimize(
        trained, maximize("qed"), start=MOLECULES, constraints=[Keeps("c1ccncc1")], budget=30
    )
    assert all("cc" in record.smiles and "n" in record.smiles for record in found.records)


def test_the_page_stands_alone_and_says_what_was_compared(result):
    page = design_page(result).decode()
    assert page.count("<svg") == 24
    assert "data:image/png;base64," in page
    for words in ("highest qed and logp from 2 to 3", "random", "noise", "given molecules"):
        assert words in page
    assert "http" not in page.replace("http://www.w3.org", "").replace("http://www.rdkit.org", "")


def test_failures_are_in_the_result_and_on_the_page(trained):
    def oracle(smiles):
        if "N" in smiles:
            raise RuntimeError("<no> nitrogen")
        return len(smiles)

    found = optimize(trained, maximize(oracle), start=MOLECULES, budget=30)
    assert found.failures
    assert all("no> nitrogen" in record.reason for record in found.failures)
    assert "&lt;no&gt; nitrogen" in design_page(found).decode()
    assert len(table(found)) == 30 - len(found.failures)


def test_other_models_and_names_are_refused(trained):
    from vaekit.datasets import digits

    images = Autoencoder(latent_dim=2, max_epochs=1, progress=False).fit(digits().images[:100])
    with pytest.raises(CompositionError, match="needs a model of molecules"):
        optimize(images.trained_, maximize("qed"), budget=5)
    with pytest.raises(SpecError, match="unknown method"):
        optimize(trained, maximize("qed"), budget=5, baselines=["chance"])
    with pytest.raises(SpecError, match="list of names"):
        optimize(trained, maximize("qed"), budget=5, baselines="random")


def test_codes_come_from_and_go_to_molecules(trained):
    space = MoleculeSpace(trained)
    known, codes = space.encode(["CCOc1ccccc1", "CCBr"])
    assert known.tolist() == [True, False]
    assert codes.shape == (1, 8)
    np.testing.assert_allclose(codes, trained.encode(["CCOc1ccccc1"]).numpy(), rtol=1e-5)
    assert space.encode([])[1].shape == (0, 8)
    assert all(one is None or isinstance(one, str) for one in space.decode(codes, temperature=0))
