"""What could never fit in memory is refused before it is asked for."""

import gzip

import numpy as np
import pytest

from vaekit import memory
from vaekit.domains import read_pieces, read_source
from vaekit.errors import DataError, SpecError
from vaekit.memory import check_memory, memory_limit


def test_the_limit_is_the_least_of_all(monkeypatch):
    monkeypatch.setattr(memory, "_of_machine", lambda: 5000)
    monkeypatch.setattr(memory, "_of_group", lambda: 3000)
    monkeypatch.setattr(memory, "_of_process", lambda: 4000)
    assert memory_limit() == 3000
    with pytest.raises(SpecError, match=r"n=9 must fit in memory; got 4 kB, and there are 3 kB"):
        check_memory("n=9", 4000, "Take less.", SpecError)
    check_memory("n=9", 3000, "Take less.", SpecError)


def test_a_system_that_does_not_say(monkeypatch):
    def fail():
        raise OSError

    for name in ("_of_machine", "_of_group", "_of_process"):
        monkeypatch.setattr(memory, name, fail)
    assert memory_limit() > 10**15


def test_files_are_held_to_the_limit(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", np.zeros((500, 4)))
    np.savez(tmp_path / "a.npz", np.zeros((500, 4)))
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"1.5,2\n" * 500))
    for name in ("a.npy", "a.npz", "a.csv.gz"):
        assert len(read_source(tmp_path / name)) == 500
    monkeypatch.setattr(memory, "_of_machine", lambda: 2000)
    for name in ("a.npy", "a.npz", "a.csv.gz"):
        with pytest.raises(DataError, match="must fit in memory"):
            read_source(tmp_path / name)
    assert [len(piece) for piece in read_pieces(tmp_path / "a.npy", 200)] == [200, 200, 100]
