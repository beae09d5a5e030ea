"""Small tables that are there without a download."""

import builtins

import pytest

pd = pytest.importorskip("pandas")

from vaekit.datasets import breast_cancer, diabetes, penguins, wine  # noqa: E402
from vaekit.errors import MissingExtraError  # noqa: E402


@pytest.mark.parametrize(
    ("read", "shape", "missing"),
    [
        (penguins, (344, 8), 19),
        (wine, (178, 14), 0),
        (breast_cancer, (569, 31), 0),
        (diabetes, (442, 11), 0),
    ],
)
def test_tables_are_as_published(read, shape, missing):
    frame = read()
    assert frame.shape == shape
    assert frame.isna().sum().sum() == missing


@pytest.mark.parametrize(("read", "lacking"), [(penguins, "palmerpenguins"), (wine, "pandas")])
def test_what_is_missing_is_named(read, lacking, monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest, **options):
        if name == lacking:
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtraError, match="pip install 'vaekit"):
        read()
