"""What leaves Python with a model: numbers as NumPy and SciPy have them."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.special
import torch
from hypothesis import given
from hypothesis import strategies as st

from vaekit.datasets import penguins
from vaekit.domains.arrays import ArrayDomain
from vaekit.domains.graphs import Interpolations, count_below, normal_quantile, normal_share
from vaekit.errors import CompositionError
from vaekit.images import ImageDomain
from vaekit.series import SeriesDomain
from vaekit.tables import Inequality, TableDomain
from vaekit.tables.domain import UnseenValueWarning

SHARES = np.concatenate([np.linspace(0, 1, 20_001), 10.0 ** -np.arange(1.0, 300.0)])


def test_quantiles_of_the_normal_distribution():
    found = normal_quantile(torch.from_numpy(SHARES)).numpy()
    np.testing.assert_allclose(found, scipy.special.ndtri(SHARES), rtol=1e-14, atol=1e-14)
    assert normal_quantile(torch.tensor([-0.1, 1.1], dtype=torch.float64)).isnan().all()


def test_shares_of_the_normal_distribution():
    scores = np.linspace(-12, 12, 40_001)
    found = normal_share(torch.from_numpy(scores)).numpy()
    np.testing.assert_allclose(found, scipy.special.ndtr(scores), rtol=1e-12, atol=1e-16)


@given(
    st.lists(st.floats(-5, 5), min_size=1, max_size=9, unique=True),
    st.lists(st.floats(-6, 6), min_size=1, max_size=9),
)
def test_interpolation_is_that_of_numpy(knots, asked):
    knots = np.sort(knots)
    values = np.cos(knots)
    function = Interpolations([knots, [0.0]], [values, [3.0]])
    numbers = torch.tensor([asked, asked], dtype=torch.float64).T
    found = function(numbers).numpy()
    np.testing.assert_allclose(found[:, 0], np.interp(asked, knots, values), atol=1e-12)
    assert (found[:, 1] == 3.0).all()
    for side, with_equal in (("left", False), ("right", True)):
        places = count_below(numbers[:, :1], torch.from_numpy(knots)[None], with_equal=with_equal)
        assert places[:, 0].tolist() == np.searchsorted(knots, asked, side).tolist()


def columns_of(reader, frame):
    """A frame as the tensors that a reader takes."""
    found = []
    for port in reader.inputs:
        values = frame[port.name]
        if port.labels:
            places = {label: place for place, label in enumerate(port.labels, 1)}
            codes = [-1 if pd.isna(value) else places.get(value, 0) for value in values]
            found.append(torch.tensor(codes))
        elif port.unit:
            seconds = (values - pd.Timestamp(0)).dt.total_seconds()
            found.append(torch.from_numpy(seconds.to_numpy(np.float64).copy()))
        else:
            numbers = pd.to_numeric(values, errors="coerce")
            found.append(torch.from_numpy(numbers.to_numpy(np.float64, na_value=np.nan).copy()))
    return found


def mixed_table(rows=200):
    frame = penguins().head(rows)
    return frame.assign(
        seen=pd.date_range("2020-01-01", periods=rows),
        wild=[place % 3 == 0 for place in range(rows)],
        few=[float(place % 4) for place in range(rows)],
        large=np.linspace(-1, 1, rows) ** 3,
    )


@pytest.mark.parametrize("missing", ["value", "unobserved"])
@pytest.mark.parametrize("unseen", ["accept", "missing"])
@pytest.mark.parametrize("scale", ["quantiles", "standard"])
def test_tables_are_read_as_in_python(missing, unseen, scale):
    frame = mixed_table()
    domain = TableDomain(missing=missing, unseen=unseen, scale=scale).fit(frame)
    reader = domain.graph_reader()
    new = pd.concat([frame, frame.head(3)], ignore_index=True)
    new.loc[0, "species"], new.loc[1, "few"], new.loc[2, "large"] = None, 2.9, 50.0
    new.loc[3, "bill_length_mm"] = np.nan
    new.loc[4, "island"] = "Atlantis"
    with warnings.catch_warnings(action="ignore", category=UnseenValueWarning):
        rows = domain.prepare(new)
    x, observed = reader(*columns_of(reader, new))
    torch.testing.assert_close(x, domain.encode(rows), atol=1e-6, rtol=1e-6)
    assert (observed == domain.observed(rows)).all()


def test_what_a_table_refuses_is_nan():
    frame = mixed_table()
    domain = TableDomain(unseen="refuse").fit(frame)
    reader = domain.graph_reader()
    x, observed = reader(*columns_of(reader, frame.assign(island="Atlantis").head(2)))
    assert x.isnan().all()
    assert observed.all()
    fine, _ = reader(*columns_of(reader, frame))
    torch.testing.assert_close(fine, domain.encode(domain.prepare(frame)))


@pytest.mark.parametrize("scale", ["quantiles", "standard"])
def test_tables_are_written_as_in_python(scale):
    frame = mixed_table()
    domain = TableDomain(scale=scale).fit(frame)
    writer = domain.graph_writer()
    generator = torch.Generator().manual_seed(0)
    codes = torch.stack(
        [torch.randint(1, n + 1, (500,), generator=generator) for n in domain.category_counts], 1
    )
    numbers = torch.randn(500, domain.event_shape[0] - codes.shape[1], generator=generator)
    x = torch.cat([codes.float(), 2 * numbers], 1)
    wanted = domain.decode(x)
    for port, values in zip(writer.outputs, writer(x), strict=True):
        known = wanted[port.name]
        if port.labels:
            texts = [port.labels[code - 1] if code > 0 else None for code in values.tolist()]
            assert texts == [None if pd.isna(value) else value for value in known]
        elif port.unit:
            seconds = (known - pd.Timestamp(0)).dt.total_seconds().to_numpy(np.float64)
            np.testing.assert_array_equal(values.numpy(), seconds)
        else:
            found = values.numpy()
            found = found if port.decimals is None else np.round(found, port.decimals)
            expected = pd.to_numeric(known).to_numpy(np.float64, na_value=np.nan)
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_what_no_graph_reads_is_said():
    frame = mixed_table()
    ordered = TableDomain(constraints=(Inequality("bill_depth_mm", "bill_length_mm"),))
    with pytest.raises(CompositionError, match="no constraints between columns; got Inequality"):
        ordered.fit(frame).graph_reader()
    periods = frame.assign(seen=frame["seen"].dt.to_period("D"))
    with pytest.raises(CompositionError, match="'seen' is of type period"):
        TableDomain().fit(periods).graph_reader()
    large = frame.assign(large=np.arange(len(frame)) + 2**60)
    with pytest.raises(CompositionError, match="at most 53 bits; column 'large'"):
        TableDomain(kinds={"large": "number"}).fit(large).graph_reader()
    mixed = frame.assign(island=[1, "a"] * (len(frame) // 2))
    with pytest.raises(CompositionError, match="labels of one kind in a column; 'island'"):
        TableDomain(kinds={"island": "category"}).fit(mixed).graph_writer()


@pytest.mark.parametrize(
    ("domain", "data"),
    [
        (ArrayDomain(), np.random.default_rng(0).normal(5, 3, (20, 4))),
        (ImageDomain(), np.random.default_rng(0).integers(0, 256, (9, 6, 5, 3)).astype("uint8")),
        (ImageDomain(), np.random.default_rng(0).integers(0, 256, (9, 6, 5)).astype("uint8")),
        (ImageDomain(), np.random.default_rng(0).random((9, 1, 6, 5)).astype("float32")),
        (
            ImageDomain(bits=12),
            np.random.default_rng(0).integers(0, 4096, (9, 6, 5)).astype("int32"),
        ),
        (SeriesDomain(), np.random.default_rng(0).normal(3, 2, (9, 12, 2))),
        (SeriesDomain(), np.random.default_rng(0).normal(3, 2, (9, 12))),
    ],
)
def test_arrays_are_read_and_written_as_in_python(domain, data):
    domain = domain.fit(data)
    if isinstance(domain, SeriesDomain):
        data[0, 3] = np.nan
    reader, writer = domain.graph_reader(), domain.graph_writer()
    raw = torch.as_tensor(data)
    assert raw.dtype == reader.inputs[0].tensor_type
    rows = domain.prepare(data)
    x, observed = reader(raw)
    torch.testing.assert_close(x, domain.encode(rows), atol=1e-6, rtol=1e-6)
    known = domain.observed(rows)
    assert (observed is None) == (not isinstance(domain, SeriesDomain))
    if known is not None:
        assert (observed == known).all()
    (written,) = writer(x)
    found = np.asarray(written, dtype=np.float64)
    if writer.outputs[0].decimals is not None:
        found = np.round(found, writer.outputs[0].decimals)
    np.testing.assert_allclose(found, np.asarray(domain.decode(x)), rtol=1e-6, atol=1e-6)
