"""Some of all rows seen, each with equal probability."""

import torch

from vaekit.anomalies.detector import Memory


def test_few_rows_are_all_kept():
    memory = Memory.of(torch.arange(5.0)[:, None], 0).with_more(torch.arange(5.0, 9.0)[:, None], 1)
    assert memory.rows[:, 0].tolist() == list(range(9))
    assert memory.seen == 9


def test_of_many_rows_each_part_keeps_its_share(monkeypatch):
    monkeypatch.setattr("vaekit.anomalies.detector._MOST_ROWS", 1000)
    memory = Memory.of(torch.zeros(6000, 1), 0)
    for part in (1.0, 2.0, 3.0):
        memory = memory.with_more(torch.full((2000, 1), part), int(part))
    counts = torch.bincount(memory.rows[:, 0].long(), minlength=4) / 1000
    expected = torch.tensor([0.5, 1 / 6, 1 / 6, 1 / 6])
    assert (counts - expected).abs().max() < 0.06
    assert memory.seen == 12_000


def test_large_rows_are_fewer():
    assert len(Memory.of(torch.zeros(500, 3, 512, 512, dtype=torch.uint8), 0).rows) == 100
