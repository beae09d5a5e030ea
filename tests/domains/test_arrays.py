"""Numeric tables: scaling, schema, and every kind of bad input."""

import numpy as np
import pytest
import torch

from vaekit.domains import ArrayDomain, infer_domain
from vaekit.errors import CompositionError, DataError, DataTypeError, NotFittedError, SpecError
from vaekit.likelihoods import Categorical

pd = pytest.importorskip("pandas")


def table(n=50, d=3, seed=0):
    return np.random.default_rng(seed).normal(5, 3, (n, d))


def test_scaling_is_learned_and_undone():
    x = table()
    domain = ArrayDomain().fit(x)
    rows = domain.prepare(x)
    assert rows.dtype == torch.float32
    assert torch.allclose(rows.mean(0), torch.zeros(3), atol=1e-6)
    assert torch.allclose(rows.std(0, unbiased=False), torch.ones(3), atol=1e-5)
    assert np.allclose(domain.decode(domain.encode(rows)), x, atol=1e-5)


def test_float64_with_a_large_offset_keeps_its_precision():
    x = 1.7e9 + np.linspace(0, 10, 50)[:, None]
    domain = ArrayDomain().fit(x)
    assert np.allclose(domain.decode(domain.prepare(x)), x, atol=1e-5, rtol=0)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9 + 0.1, -7.0])
def test_a_constant_column_stays_constant_and_does_not_explode(value):
    x = np.column_stack([table(d=1)[:, 0], np.full(50, value)])
    domain = ArrayDomain().fit(x)
    assert domain.prepare(x)[:, 1].abs().max() == 0
    off = x[:1] + np.array([[0, 0.5]])
    assert domain.prepare(off)[0, 1].item() == pytest.approx(0.5, rel=1e-3)
    assert np.allclose(domain.decode(domain.prepare(x))[:, 1], value)


@pytest.mark.parametrize(
    "make",
    [np.asarray, torch.tensor, pd.DataFrame, lambda x: x.tolist(), lambda x: x.astype(object)],
)
def test_kinds_of_tables(make):
    x = table()
    raw = make(x)
    domain = infer_domain(raw).fit(raw)
    assert torch.allclose(domain.prepare(raw), ArrayDomain().fit(x).prepare(x))


def test_pandas_in_pandas_out():
    frame = pd.DataFrame(table(), columns=["a", "b", "c"])
    back = (domain := ArrayDomain().fit(frame)).decode(domain.prepare(frame))
    assert list(back.columns) == ["a", "b", "c"]
    assert np.allclose(back, frame, atol=1e-5)


def test_integers_come_back_as_floats_and_float32_as_float32():
    assert ArrayDomain().fit(np.arange(10).reshape(5, 2)).dtype == "float64"
    assert ArrayDomain().fit(table().astype(np.float32)).dtype == "float32"


@pytest.mark.parametrize(
    ("bad", "kind"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")]
)
def test_nan_and_inf_are_located(bad, kind):
    x = table()
    x[7, 2] = bad
    with pytest.raises(DataError, match=rf"{kind} at row 7, column 2 \(1 such cells in 1 rows"):
        ArrayDomain().fit(x)
    frame = pd.DataFrame(x, columns=["age", "height", "weight"])
    with pytest.raises(DataError, match=r"row 7, column 'weight'.*Drop those rows or fill"):
        ArrayDomain().fit(frame)


def test_opposite_infinities_do_not_hide_each_other():
    x = table()
    x[1, 0], x[2, 0] = np.inf, -np.inf
    with pytest.raises(DataError, match="infinity at row 1"):
        ArrayDomain().fit(x)


@pytest.mark.parametrize("scaling", ["deviation", "range"])
@pytest.mark.parametrize("size", [1e-300, 1e-12, 1e150, 1e300])
def test_values_of_any_size_are_scaled(size, scaling):
    x = table().astype(np.float64) * size
    domain = ArrayDomain(scaling=scaling).fit(x)
    rows = domain.prepare(x)
    wanted = ArrayDomain(scaling=scaling).fit(table()).prepare(table())
    assert torch.allclose(rows, wanted, rtol=1e-4, atol=1e-5)
    assert np.allclose(domain.decode(rows), x, rtol=1e-4, atol=1e-6 * size)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (np.zeros((0, 3)), "at least one row"),
        (np.zeros((1, 3)), "at least 2 rows.*1 sample"),
        (np.zeros((3, 0)), "at least one column"),
        (np.zeros(3), "2 dimensions.*reshape"),
        (np.zeros((2, 3)).astype(complex), "real numbers"),
        (np.array([["a", "b"], ["c", "d"]]), "must be numbers; got dtype <U1"),
        (
            np.array([[1, "x"], [2, 3]], dtype=object),
            r"dtype object \(first at index \(0, 1\): 'x'",
        ),
        (np.array([["2020-01-01"]], dtype="datetime64[D]"), "must be numbers"),
    ],
)
def test_bad_tables_are_explained(raw, message):
    with pytest.raises(DataError, match=message):
        ArrayDomain().fit(raw)


def test_wrong_kinds_are_type_errors_too():
    with pytest.raises(TypeError):
        ArrayDomain().fit([[{}, 1], [2, 3]])
    assert issubclass(DataTypeError, DataError)


def test_new_data_must_fit_the_schema():
    domain = ArrayDomain().fit(table())
    with pytest.raises(DataError, match="4 features, but Autoencoder is expecting 3"):
        domain.prepare(table(d=4))
    with pytest.raises(DataError, match="2 dimensions"):
        domain.prepare(table().reshape(25, 6).reshape(5, 5, 6))
    with pytest.raises(NotFittedError, match="call fit first"):
        ArrayDomain().prepare(table())


def test_one_row_can_be_scored_but_not_learned():
    assert ArrayDomain().fit(table()).prepare(table(n=1)).shape == (1, 3)


def test_columns_are_matched_by_name():
    frame = pd.DataFrame(table(), columns=["a", "b", "c"])
    domain = ArrayDomain().fit(frame)
    wanted = domain.prepare(frame)
    assert torch.equal(domain.prepare(frame[["b", "a", "c"]]), wanted)
    assert torch.equal(domain.prepare(frame.assign(d=1)), wanted)
    assert torch.equal(domain.prepare(frame.to_numpy()), wanted)
    with pytest.raises(DataError, match=r"missing \['c'\]"):
        domain.prepare(frame.rename(columns={"c": "d"}))


def test_likelihoods_must_fit_the_values():
    domain = ArrayDomain().fit(table())
    with pytest.raises(CompositionError, match=r"Bernoulli needs values .*between 0 and 1"):
        domain.choose_likelihood("bernoulli")
    with pytest.raises(SpecError, match="did you mean 'student'"):
        domain.choose_likelihood("studnt")
    unit = ArrayDomain(standardize=False).fit(np.random.default_rng(0).random((20, 3)))
    assert unit.choose_likelihood("bernoulli").support.name == "unit"
    with pytest.raises(DataError, match="within"):
        unit.prepare(np.full((2, 3), 1.5))


def test_codes_need_a_class_each():
    codes = np.random.default_rng(0).integers(0, 7, (40, 3))
    codes[0, 0] = 6
    domain = ArrayDomain(standardize=False).fit(codes)
    rows = domain.prepare(codes)
    assert domain.parts(rows, 2, likelihood=Categorical(7)).likelihood.num_classes == 7
    with pytest.raises(SpecError, match=r"Pass likelihood=Categorical\(7\)"):
        domain.parts(rows, 2, likelihood=Categorical(5))


def test_convolutions_need_images():
    domain = ArrayDomain().fit(table())
    with pytest.raises(CompositionError, match="needs images"):
        domain.parts(domain.prepare(table()), 2, network="conv")
