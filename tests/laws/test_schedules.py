"""Schedules stay within their bounds, move the right way and do not jump."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws.examples import example, names

from vaekit.objectives import Cosine, Cyclical, Linear, Objective, WarmUpCosine
from vaekit.spec import components
from vaekit.types import TrainingProgress

SCHEDULES = [
    n
    for n in names("objectives")
    if "schedules" in components()[n].__module__ and not issubclass(components()[n], Objective)
]

values = st.floats(-10, 10)
shares = st.floats(0.01, 1.0)
totals = st.integers(1, 200)


def course(schedule, total, steps=None):
    """The values at all steps of a training, and where given at more."""
    return [schedule(TrainingProgress(step, total, 1)) for step in range(steps or total + 1)]


def steepest(curve):
    return max(abs(b - a) for a, b in pairwise(curve))


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_is_finite_and_reads_step_and_total_alone(name):
    schedule = example(name)
    curve = course(schedule, 100)
    assert all(math.isfinite(value) for value in curve)
    assert len(set(curve)) > 10
    assert schedule(TrainingProgress(7, 100, 1)) == schedule(TrainingProgress(7, 100, 50_000))


@given(cls=st.sampled_from([Linear, Cosine]), start=values, end=values, share=shares, total=totals)
def test_a_way_goes_from_start_to_end_and_never_back(cls, start, end, share, total):
    curve = course(cls(start, end, share), total)
    upward = [(b - a) * (1 if end >= start else -1) for a, b in pairwise(curve)]
    assert curve[0] == start
    assert curve[-1] == pytest.approx(end, abs=1e-9)
    assert min(upward) >= -1e-9
    assert min(start, end) - 1e-9 <= min(curve)
    assert max(curve) <= max(start, end) + 1e-9


@given(cls=st.sampled_from([Linear, Cosine]), start=values, end=values, share=shares, total=totals)
def test_a_way_does_not_jump(cls, start, end, share, total):
    curve = course(cls(start, end, share), total)
    allowed = math.pi / 2 * abs(end - start) / max(1.0, share * total)
    assert steepest(curve) <= allowed + 1e-9


@given(share=shares, total=st.integers(2, 200))
def test_a_way_is_done_after_its_share(share, total):
    done = math.ceil(share * total)
    assert Linear(1.0, 3.0, share)(TrainingProgress(done, total, 1)) == pytest.approx(3.0)


@pytest.mark.parametrize(("schedule", "half"), [(Linear(0.0, 4.0), 2.0), (Cosine(0.0, 4.0), 2.0)])
def test_a_way_is_half_done_at_half_time(schedule, half):
    assert schedule(TrainingProgress(50, 100, 1)) == pytest.approx(half)


@given(start=values, end=values, cycles=st.integers(1, 5), ramp=shares, length=st.integers(2, 40))
def test_cycles_repeat_and_stay_within_bounds(start, end, cycles, ramp, length):
    total = cycles * length
    curve = course(Cyclical(start, end, cycles, ramp), total)[:total]
    assert min(start, end) - 1e-6 <= min(curve)
    assert max(curve) <= max(start, end) + 1e-6
    middle = [curve[i * length + length // 2] for i in range(cycles)]
    assert middle == pytest.approx([middle[0]] * cycles, abs=1e-6)


@given(peak=st.floats(1e-6, 10), warm_up=st.floats(0, 0.99), final=st.floats(0, 1), total=totals)
def test_the_learning_rate_stays_between_zero_and_its_peak(peak, warm_up, final, total):
    curve = course(WarmUpCosine(peak, warm_up, final), total)
    assert min(curve) >= 0
    assert max(curve) <= peak * (1 + 1e-9)


@given(warm_up=st.floats(0, 0.9), final=st.floats(0, 1), total=st.integers(2, 200))
def test_the_learning_rate_rises_then_falls(warm_up, final, total):
    curve = course(WarmUpCosine(1.0, warm_up, final), total)
    top = curve.index(max(curve))
    assert curve[: top + 1] == sorted(curve[: top + 1])
    assert curve[top:] == sorted(curve[top:], reverse=True)


@pytest.mark.parametrize("final", [0.0, 0.1, 1.0])
def test_the_learning_rate_ends_at_its_final_share(final):
    assert WarmUpCosine(2.0, 0.1, final)(TrainingProgress(100, 100, 1)) == pytest.approx(
        2.0 * final
    )


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, float("nan")])
def test_a_share_outside_the_training_is_refused(share):
    for make in (lambda: Linear(0, 1, share), lambda: Cosine(0, 1, share)):
        with pytest.raises(ValueError, match=r"in \(0, 1\]"):
            make()
    with pytest.raises(ValueError, match=r"in \(0, 1\]"):
        Cyclical(0, 1, ramp=share)


@pytest.mark.parametrize("warm_up", [-0.1, 1.0, 1.5, float("nan")])
def test_a_warm_up_outside_the_training_is_refused(warm_up):
    with pytest.raises(ValueError, match="warm_up"):
        WarmUpCosine(1.0, warm_up=warm_up)


def test_cycles_must_be_positive():
    with pytest.raises(ValueError, match="cycles must be at least 1; got 0"):
        Cyclical(0, 1, cycles=0)
