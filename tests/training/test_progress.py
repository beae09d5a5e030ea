"""How far a training is, where no bar can be drawn."""

import numpy as np

from vaekit import Autoencoder, stream
from vaekit.streams import preparing
from vaekit.training import callbacks
from vaekit.training.callbacks import Event, ProgressBar, ProgressLines, progress_display


def test_lines_say_how_far_and_how_long(capsys):
    lines = ProgressLines("training", seconds=0)
    lines(Event("step", 50, 200, {"loss": 2.0, "validation_loss": 3.0}, None))
    lines(Event("epoch", 50, 200, {"loss": 2.0}, None))
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert told[0].startswith("training: 25 %, step 50 of 200, ")
    assert told[0].endswith("left, loss 2")
    assert "10 min left" in lines.words(Event("step", 1, 11, {}, None), spent=60)


def test_lines_are_rare(capsys):
    lines = ProgressLines("training")
    for step in range(5):
        lines(Event("step", step, 5, {}, None))
    lines(Event("end", 5, 5, {}, None))
    assert capsys.readouterr().err == ""


def test_what_is_shown_where_there_is_no_terminal():
    assert progress_display(None, "x") is None
    assert progress_display(False, "x") is None
    assert isinstance(progress_display(True, "x"), ProgressLines)


def test_a_terminal_has_a_bar(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert isinstance(progress_display(None, "x"), ProgressBar)
    assert progress_display(False, "x") is None


def test_logs_of_a_fit_hear_of_reading_and_training(monkeypatch, capsys):
    monkeypatch.setattr(preparing, "_SECONDS_BETWEEN_LINES", -1.0)
    monkeypatch.setattr(callbacks, "ProgressLines", lambda what: ProgressLines(what, 0.0))
    rows = np.random.default_rng(0).normal(size=(300, 3))
    Autoencoder(latent_dim=2, max_epochs=1, progress=True).fit(stream(rows, rows=100))
    told, shown = capsys.readouterr()[::-1]
    assert shown == ""
    assert "learning the schema: 300 items" in told
    assert "preparing rows: 300 items" in told
    assert "training: " in told
