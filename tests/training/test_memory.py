"""What is asked of the C library; what it brings is in docs/results/archive."""

import platform

import pytest

from vaekit import memory
from vaekit.memory import kept_memory

TRIM, MMAP = -1, -3  # glibc's numbers


@pytest.fixture
def asked(monkeypatch):
    """Every setting that the C library is asked for."""
    calls = []
    monkeypatch.setattr(memory, "_tuner", lambda: lambda *call: calls.append(call))
    return calls


def test_nothing_is_given_back_within_the_block_and_much_may_be_afterwards(asked):
    with kept_memory():
        assert dict(asked) == {MMAP: 32 * 2**20, TRIM: 2**31 - 1}
    assert dict(asked)[TRIM] == 64 * 2**20


def test_the_block_may_fail(asked):
    with pytest.raises(ValueError, match="inside"), kept_memory():
        raise ValueError("inside")
    assert dict(asked)[TRIM] == 64 * 2**20


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is tuned")
def test_glibc_accepts_the_settings():
    tune = memory._tuner()
    assert tune(MMAP, memory._LARGEST) == 1
    assert tune(TRIM, memory._NEVER) == 1
    assert tune(TRIM, memory._AFTERWARDS) == 1
