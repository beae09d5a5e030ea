import numpy as np
import pytest

from vaekit.errors import SpecError
from vaekit.molecules.design import EachMeasure, Goal, Towards, Within, maximize, minimize, within


def test_open_ends_leave_room_above_the_best_of_the_first():
    aim = Towards().fitted(np.array([1.0, 3.0]))
    assert (aim.worst, aim.best) == (1.0, 5.0)
    np.testing.assert_allclose(aim.desirability(np.array([0.0, 1.0, 3.0, 9.0])), [0, 0, 0.5, 1])
    low = Towards(-1).fitted(np.array([1.0, 3.0]))
    assert (low.worst, low.best) == (3.0, -1.0)
    np.testing.assert_allclose(low.desirability(np.array([3.0, 1.0, -1.0])), [0, 0.5, 1])


def test_ends_of_a_constant_property_stay_apart():
    for sign in (1, -1):
        aim = Towards(sign).fitted(np.array([2.0, 2.0]))
        assert np.isfinite(aim.desirability(np.array([2.0, 3.0, 1.0]))).all()


def test_a_given_end_beyond_the_first_molecules_is_kept():
    aim = Towards(1, best=2.0).fitted(np.array([3.0, 4.0]))
    assert aim.best == 2.0
    assert aim.worst < 2.0


def test_nearer_to_a_range_is_always_better():
    aim = Within(2.0, 3.0).fitted(np.array([0.0]))
    values = aim.desirability(np.array([2.0, 2.5, 3.0, 3.5, 40.0, 41.0]))
    np.testing.assert_allclose(values[:3], 1.0)
    assert values[3] == pytest.approx(np.exp(-1))
    assert 0 < values[5] < values[4]


def test_a_target_takes_its_tolerance_from_the_first_molecules():
    assert Within(5.0, 5.0).fitted(np.array([0.0, 4.0])).tolerance == 1.0
    assert Within(5.0, 5.0).fitted(np.array([3.0, 3.0])).tolerance == 1.0


@pytest.mark.parametrize(
    "make",
    [
        lambda: Within(3.0, 2.0),
        lambda: Within(2.0, 3.0, tolerance=0.0),
        lambda: Within(float("nan"), 3.0),
        lambda: maximize("qed", 1.0, 0.5),
        lambda: minimize("sa", 1.0, 5.0),
        lambda: Goal([]),
        lambda: Goal([maximize("qed"), within("qed", 0.1, 0.2)]),
        lambda: Goal([maximize("qed")], "sum"),
    ],
)
def test_what_cannot_be_is_refused(make):
    with pytest.raises(SpecError, match="must"):
        make()


def test_an_unknown_property_is_named_with_the_nearest():
    with pytest.raises(SpecError, match="did you mean 'logp'"):
        maximize("logP")


def test_one_objective_is_its_own_score_and_several_are_combined():
    values = np.array([[0.5, 2.5], [0.9, 9.0]])
    goal = Goal([maximize("qed"), within("logp", 2, 3)])
    np.testing.assert_allclose(Goal([maximize("qed")]).scores(values[:, :1]), [0.5, 0.9])
    np.testing.assert_allclose(Goal([minimize("sa")]).scores(values[:, :1]), [-0.5, -0.9])
    fitted = goal.fitted(values)
    product, mean = fitted.scores(values), Goal(fitted.objectives, "mean").scores(values)
    np.testing.assert_allclose(product, [np.sqrt(0.5), np.sqrt(0.9 * np.exp(-12))])
    np.testing.assert_allclose(mean, [0.75, (0.9 + np.exp(-12)) / 2])


def test_objectives_are_named_after_their_functions():
    def dock(smiles):
        return 0.0

    assert maximize(dock).name == "dock"
    assert maximize(EachMeasure(dock), name="affinity").name == "affinity"
