import numpy as np
import pytest
from toy_space import Toy

from vaekit.errors import DataError, SpecError
from vaekit.molecules.design import (
    Bounded,
    Keeps,
    Lacks,
    NoAlerts,
    Similar,
    Tools,
    area_of_best,
    mean_of_best,
    pareto_set,
)
from vaekit.molecules.design.bayesian import TrustRegion, chosen_places
from vaekit.molecules.design.constraints import CandidateFilter, ReferenceSet, allowed
from vaekit.molecules.design.evaluator import Archive
from vaekit.molecules.design.methods import (
    WAYS,
    Parents,
    Retraining,
    Variation,
    blend,
    cross,
    noise,
)
from vaekit.molecules.design.space import single
from vaekit.molecules.design.surrogates import fit_process, radial_kernel, tanimoto_kernel


def test_constraints_hold_or_not():
    smiles = ["c1ccccc1O", "c1ccccc1[N+](=O)[O-]", "CCO"]
    cases = {
        Keeps("c1ccccc1"): [True, True, False],
        Lacks("[N+](=O)[O-]"): [True, False, True],
        Bounded("heavy_atoms", 5, 8): [True, False, False],
        Bounded("heavy_atoms", high=7): [True, False, True],
        NoAlerts(["brenk"]): [True, False, True],
        Similar("c1ccccc1O", 1.0): [True, False, False],
        Similar("c1ccccc1O", 0.0): [True, True, True],
    }
    for rule, expected in cases.items():
        assert allowed(smiles, [rule]).tolist() == expected, rule.words
    assert allowed(smiles, [Keeps("c1ccccc1"), Lacks("[N+]")]).tolist() == [True, False, False]
    assert not allowed(["C1CC"], [])[0]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Keeps("c1ccccc"), DataError, "SMARTS that RDKit can read; got 'c1ccccc'"),
        (lambda: Lacks(""), DataError, "SMARTS"),
        (lambda: Similar("C1CC", 0.4), DataError, "lead must be a valid SMILES; got 'C1CC'"),
        (lambda: Similar("CC", 1.4), SpecError, "from 0 to 1"),
        (lambda: Bounded("weight", 1, 2), SpecError, "unknown property 'weight'"),
        (lambda: Bounded("mw", 500, 200), SpecError, "must not be below"),
        (lambda: NoAlerts(["pain"]), SpecError, "did you mean 'pains'"),
    ],
)
def test_bad_constraints_are_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_a_sieve_lets_each_good_molecule_through_once():
    candidate_filter = CandidateFilter([Keeps("O")])
    candidate_filter.close(["CO"])
    drawn = ["CCO", None, "CO", "CC", "CCO", "CCCO"]
    assert [drawn[i] for i in candidate_filter.pick(drawn)] == ["CCO", "CCCO"]
    assert (candidate_filter.drawn, candidate_filter.invalid, candidate_filter.barred) == (6, 1, 1)
    assert candidate_filter.pick(["CC"]) == []
    assert candidate_filter.barred == 1  # a molecule that is known to be bad is not judged again


def test_gathering_ends_when_nothing_new_comes():
    assert CandidateFilter().gather(lambda n: ["CC"] * n, 5) == ["CC"]
    assert CandidateFilter().gather(lambda n: [None] * n, 5) == []


def test_single_molecules_only():
    assert single(["OCC", "C.C", "", "C1CC", "[Na+]", "O"]) == ["CCO", *[None] * 5]


@pytest.mark.parametrize("make", [noise(0.0), blend(0.0), cross(0.0)])
def test_ways_stay_within_the_parents(make):
    codes = np.array([[0.0, 0.0], [1.0, 2.0]], np.float32)
    made = make(Parents(codes, np.array([0.5, 0.5])), 200, np.random.default_rng(0))
    assert made.dtype == np.float32
    assert (made >= 0).all()
    assert (made <= [1, 2]).all()
    assert len(np.unique(made, axis=0)) >= 2


def test_a_way_that_succeeds_is_taken_more_often_and_none_is_forgotten():
    variation = Variation()
    for _ in range(10):
        good = np.zeros(len(WAYS), np.int64)
        good[2] = 10
        variation.credit(np.full(len(WAYS), 20), good)
    assert variation.shares.argmax() == 2
    assert variation.shares[2] > 0.5
    assert variation.shares.min() > 0.01
    assert variation.shares.sum() == pytest.approx(1.0)


def test_the_process_is_the_textbooks():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3))
    y = np.sin(x).sum(1)
    process = fit_process(x, y, [radial_kernel(1.5)], rng)
    new = rng.normal(size=(5, 3))
    mean, deviation = process.predict(new)
    noise_level = (process.factor @ process.factor.T)[0, 0] - 1.0
    kernel = radial_kernel(1.5)
    inverse = np.linalg.inv(kernel(x, x) + noise_level * np.eye(40))
    scaled = (y - y.mean()) / y.std()
    np.testing.assert_allclose(mean, y.mean() + y.std() * kernel(new, x) @ inverse @ scaled, 1e-4)
    variance = 1 - np.diag(kernel(new, x) @ inverse @ kernel(x, new))
    np.testing.assert_allclose(deviation, y.std() * np.sqrt(variance), 1e-4)


def test_the_tanimoto_kernel_is_a_kernel():
    bits = (np.random.default_rng(0).random((30, 64)) < 0.2).astype(np.uint8)
    matrix = tanimoto_kernel(bits, bits)
    np.testing.assert_allclose(np.diag(matrix), 1.0)
    assert np.linalg.eigvalsh(matrix).min() > -1e-9


def test_equal_values_are_no_trouble():
    bits = np.eye(5, dtype=np.uint8)
    mean, deviation = fit_process(
        bits, np.full(5, 2.0), [tanimoto_kernel], np.random.default_rng(0)
    ).predict(bits)
    np.testing.assert_allclose(mean, 2.0)
    assert np.isfinite(deviation).all()


def test_the_places_of_a_batch_are_distinct_and_the_surest_is_among_them():
    mean, deviation = np.array([0.0, 5.0, 1.0, 0.0]), np.array([0.1, 0.1, 0.1, 9.0])
    chosen = chosen_places(mean, deviation, 10, np.random.default_rng(0))
    assert sorted(chosen) == [0, 1, 2, 3]
    assert set(chosen[:2]) == {1, 3}


def test_a_trust_region_grows_by_success_and_shrinks_without():
    method = TrustRegion(Tools(Toy(), CandidateFilter(), np.random.default_rng(0)))
    method.observe(["C"], np.array([0.0]))
    width = method.width
    for score in (1.0, 2.0):
        method.observe(["C"], np.array([score]))
    assert method.width == 2 * width
    for _ in range(8):
        method.observe(["C"], np.array([0.0]))
    assert method.width == width / 2


def test_retraining_draws_the_best_most_often():
    space, archive = Toy(), Archive()
    archive.add(["C" * n + "N" for n in range(1, 51)], np.arange(50.0))
    retraining = Retraining(every=50, items=2000)
    assert retraining.is_due(archive)
    retraining.apply(space, archive, np.random.default_rng(0))
    assert not retraining.is_due(archive)
    (predicted,) = space.adapted
    best, worst = predicted.count("C" * 50 + "N"), predicted.count("CN")
    assert best > 10 * worst
    assert len(predicted) == 2000


def test_the_area_is_that_of_pmo():
    scores = np.concatenate([np.zeros(100), np.ones(100)])
    assert area_of_best(scores, 200, k=10) == pytest.approx(0.25)  # from 0 at 100 to 1 at 200
    assert area_of_best(np.ones(100), 1000) == pytest.approx(0.95)
    assert np.isnan(area_of_best(np.array([]), 10))
    assert mean_of_best(np.array([np.nan, 2.0])) == 2.0


def test_the_pareto_set_is_that_of_all_pairs():
    points = np.random.default_rng(0).integers(0, 6, (60, 3)).astype(float)
    beaten = [any((q >= p).all() and (q > p).any() for q in points) for p in points]
    assert pareto_set(points).tolist() == [not one for one in beaten]


def test_unusual_molecules_are_flagged():
    usual = ReferenceSet.of(["c1ccccc1CCN", "CCOC(=O)CC", "CCCCO"])
    flags = usual.flags(["CCCN", "C" * 30, "c1ccccc1CCO"])
    assert flags[0] == "smaller than given"
    assert "larger than given" in flags[1]
    assert "long chain" in flags[1]
    assert "repeated motif" in flags[1]
    assert flags[2] == ""
