"""The over-sampler among imbalanced-learn's."""

import numpy as np
import pytest
from sklearn.base import clone

pd = pytest.importorskip("pandas")

from vaekit.augmentation import VAEOverSampler  # noqa: E402
from vaekit.errors import SpecError  # noqa: E402

QUICK = {"max_epochs": 3, "progress": False}


def lopsided():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [120, 40, 20])
    return rng.normal(size=(180, 3)) + y[:, None], y


def test_classes_are_brought_up_behind_the_real_rows():
    X, y = lopsided()
    sampler = VAEOverSampler(**QUICK)
    more, labels = sampler.fit_resample(X, y)
    assert np.array_equal(more[:180], X)
    assert np.array_equal(labels[:180], y)
    assert np.bincount(labels).tolist() == [120, 120, 120]
    assert sampler.sampling_strategy_ == {1: 80, 2: 100}
    assert (more.dtype, labels.dtype) == (X.dtype, y.dtype)
    again, _ = clone(sampler).fit_resample(X, y)
    assert np.array_equal(more, again)


def test_frames_and_series_come_back_as_such():
    X, y = lopsided()
    frame = pd.DataFrame(X, columns=list("abc")).assign(job=np.where(X[:, 0] > 1, "vet", "cook"))
    labels = pd.Series(np.array(["no", "maybe", "yes"])[y], name="answer", index=frame.index + 5)
    more, found = VAEOverSampler({"yes": 50}, **QUICK).fit_resample(frame, labels)
    assert more.dtypes.equals(frame.dtypes)
    assert (len(more), found.name, found.dtype) == (210, "answer", labels.dtype)
    assert (found == "yes").sum() == 50


def test_equal_classes_are_left_as_they_are():
    X, y = lopsided()
    X, y = X[:80], np.repeat([0, 1], 40)
    more, labels = VAEOverSampler(**QUICK).fit_resample(X, y)
    assert more is X
    assert labels is y


def test_mistakes_are_said_before_the_training():
    X, y = lopsided()
    with pytest.raises(SpecError, match="of two classes"):
        VAEOverSampler(0.5, max_epochs=10**6).fit_resample(X, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        VAEOverSampler(max_epochs=10**6).fit_resample(X, y[:-1])
