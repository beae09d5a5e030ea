"""Requests that wait are merged, each gets its own, and no more wait than may."""

import threading
import time
import warnings

import numpy as np
import pandas as pd
import pytest

from vaekit.errors import DataError
from vaekit.serving import Request, Result, ServingLimits
from vaekit.serving.batching import Batcher
from vaekit.serving.faults import DeadlineError, QueueFullError, UnavailableError
from vaekit.serving.receiving import merge_key, merged
from vaekit.serving.warned import collecting_warnings


class Doubler:
    """Doubles numbers, slowly; negative ones are no data, and zeros are warned of."""

    def __init__(self, seconds=0.0):
        self.seconds, self.sizes, self.gate = seconds, [], threading.Event()
        self.gate.set()

    def __call__(self, request):
        self.gate.wait(10)
        time.sleep(self.seconds)
        with collecting_warnings() as said:
            if (request.items < 0).any():
                raise DataError("negative")
            if (request.items == 0).any():
                warnings.warn("zero", stacklevel=1)
        self.sizes.append(len(request.items))
        return Result({"items": 2 * request.items}, {}, tuple(said))


def asked(*numbers):
    return Request("double", np.asarray(numbers, float)[:, None], len(numbers))


@pytest.fixture
def batcher_of():
    made = []

    def make(run, **limits):
        batcher = Batcher(run, merge_key, ServingLimits(**limits))
        batcher.start()
        made.append(batcher)
        return batcher

    yield make
    for batcher in made:
        batcher.stop()


def held(run, batcher):
    """Keep the thread busy with a first request, so that what follows waits together."""
    run.gate.clear()
    first = batcher.submit(asked(1))
    while batcher._jobs:
        time.sleep(0.001)
    time.sleep(0.01)
    return first


def test_those_that_wait_are_merged_and_parted(batcher_of):
    run = Doubler()
    batcher = batcher_of(run)
    held(run, batcher)
    futures = [batcher.submit(asked(*range(1, i + 2))) for i in range(5)]
    run.gate.set()
    for i, future in enumerate(futures):
        assert future.result(5).values["items"][:, 0].tolist() == [2 * n for n in range(1, i + 2)]
    assert run.sizes == [1, 15]
    assert batcher.waiting == 0


def test_no_more_rows_than_may_be_merged(batcher_of):
    run = Doubler()
    batcher = batcher_of(run, batch_rows=4)
    held(run, batcher)
    futures = [batcher.submit(asked(1, 2, 3)), *(batcher.submit(asked(1)) for _ in range(3))]
    futures.append(batcher.submit(asked(*range(1, 10))))
    run.gate.set()
    for future in futures:
        future.result(5)
    assert run.sizes == [1, 4, 2, 9]


def test_one_that_is_wrong_costs_the_others_nothing(batcher_of):
    run = Doubler()
    batcher = batcher_of(run)
    held(run, batcher)
    futures = [batcher.submit(asked(n)) for n in (1, -1, 2, -2, 3)]
    run.gate.set()
    for n, future in zip((1, -1, 2, -2, 3), futures, strict=True):
        if n < 0:
            with pytest.raises(DataError, match="negative"):
                future.result(5)
        else:
            assert future.result(5).values["items"].tolist() == [[2 * n]]


def test_warnings_go_to_the_one_they_are_for(batcher_of):
    run = Doubler()
    batcher = batcher_of(run)
    held(run, batcher)
    futures = [batcher.submit(asked(n)) for n in (1, 0, 2)]
    run.gate.set()
    assert [future.result(5).warnings for future in futures] == [(), ("zero",), ()]


def test_beyond_the_queue_is_refused_at_once(batcher_of):
    run = Doubler()
    batcher = batcher_of(run, queue=3)
    held(run, batcher)
    futures = [batcher.submit(asked(n)) for n in (1, 2)]
    with pytest.raises(QueueFullError, match="at most 3") as caught:
        batcher.submit(asked(3))
    assert caught.value.retry_after >= 1
    run.gate.set()
    assert [future.result(5).values["items"].item() for future in futures] == [2, 4]
    assert batcher.submit(asked(3)).result(5).values["items"].item() == 6


def test_those_too_late_or_unwanted_are_not_done(batcher_of):
    run = Doubler()
    batcher = batcher_of(run, timeout=0.05)
    held(run, batcher)
    late, unwanted = batcher.submit(asked(1)), batcher.submit(asked(2))
    assert unwanted.cancel()
    time.sleep(0.1)
    run.gate.set()
    with pytest.raises(DeadlineError, match=r"within 0\.05 s"):
        late.result(5)
    assert batcher.submit(asked(3)).result(5).values["items"].item() == 6
    assert run.sizes == [1, 1]
    assert batcher.waiting == 0


def test_what_waits_is_finished_at_the_end():
    run = Doubler(0.01)
    batcher = Batcher(run, lambda request: None, ServingLimits())
    with pytest.raises(UnavailableError):
        batcher.submit(asked(1))
    batcher.start()
    futures = [batcher.submit(asked(n)) for n in range(1, 21)]
    batcher.stop()
    assert [f.result(0).values["items"].item() for f in futures] == [2 * n for n in range(1, 21)]
    with pytest.raises(UnavailableError):
        batcher.submit(asked(1))


def test_many_threads_ask_at_once(batcher_of):
    run = Doubler()
    batcher, found = batcher_of(run, queue=10_000), {}

    def ask(n):
        for step in range(20):
            number = n * 100 + step + 1
            found[number] = batcher.submit(asked(number)).result(20).values["items"].item()

    threads = [threading.Thread(target=ask, args=[n]) for n in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 600
    assert all(value == 2 * number for number, value in found.items())
    assert len(run.sizes) < 600


def test_what_can_be_merged():
    frame = pd.DataFrame({"a": [1.0], "b": ["x"]})
    same = [Request("encode", frame, 1), Request("encode", frame * 2, 1)]
    assert merge_key(same[0]) == merge_key(same[1])
    assert merged(same).items["a"].tolist() == [1.0, 2.0]
    others = [
        Request("decode", frame, 1),
        Request("encode", frame.astype({"a": "float32"}), 1),
        Request("encode", frame[["b", "a"]], 1),
        Request("encode", frame, 1, ["x"]),
        Request("encode", frame, 1, options={"strict": True}),
        Request("encode", np.zeros((1, 2)), 1),
        Request("encode", ["x"], 1),
    ]
    assert len({merge_key(each) for each in [same[0], *others]}) == 8
    alone = [Request("sample", None, 3), Request("encode", frame, 1, {"a": ["x"]})]
    assert [merge_key(each) for each in alone] == [None, None]
    told = merged([Request("encode", ["x"], 1, [1]), Request("encode", ["y", "z"], 2, [2, 3])])
    assert (told.items, told.context, told.count) == (["x", "y", "z"], [1, 2, 3], 3)


def test_warnings_of_other_threads_stay_apart():
    said, barrier = {}, threading.Barrier(8)

    def work(n):
        with collecting_warnings() as own:
            barrier.wait()
            for _ in range(20):
                warnings.warn(f"thread {n}", stacklevel=1)
            barrier.wait()
        said[n] = own

    threads = [threading.Thread(target=work, args=[n]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == {n: [f"thread {n}"] for n in range(8)}
    with pytest.warns(UserWarning, match="as ever"):
        warnings.warn("as ever", stacklevel=1)
