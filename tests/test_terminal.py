"""What is printed is text: data, names and errors give a terminal no orders."""

import signal
import warnings

import numpy as np
import pytest
from rich.table import Table

from vaekit.cli import app as command_line
from vaekit.cli.faults import report_fault
from vaekit.comparison.benchmark import Benchmark, BenchmarkRun
from vaekit.console.files import console
from vaekit.console.terminal import SafeConsole, print_message, stopping_in_one_line
from vaekit.errors import DataError
from vaekit.tables import describe

ORDERS = "a\x1b[31mb\x1b]0;title\x07c\x9b2Jd\x7fe\be"


def test_tables_and_lines_hold_no_orders(capsys):
    table = Table(title=ORDERS)
    table.add_column(ORDERS)
    table.add_row(ORDERS)
    console.print(table)
    console.print(ORDERS)
    shown = capsys.readouterr().out
    assert shown.count("a[31mb]0;titlec2Jdee") == 4
    assert not any(letter in shown for letter in "\x1b\x07\x9b\x7f\b")


def test_colors_of_its_own_stay(capsys):
    own = SafeConsole(force_terminal=True, color_system="standard", highlight=False)
    own.print("[bold]a[/] \x1b[2Jb")
    assert capsys.readouterr().out == "\x1b[1ma\x1b[0m [2Jb\n"


@pytest.mark.parametrize("text", [ORDERS, "two\nlines", "two\r\nlines", "two\u2028lines"])
def test_a_message_is_one_line_of_text(capsys, text):
    print_message("error", "bold red", text)
    shown = capsys.readouterr().err
    assert shown.startswith("error: ")
    assert len(shown.splitlines()) == 1
    assert "\x1b" not in shown


def test_errors_and_warnings_hold_no_orders(capsys, monkeypatch):
    assert report_fault(DataError(f"x must be y; got {ORDERS}."), []) == 1
    monkeypatch.setattr(warnings, "showwarning", command_line._show_warning)
    warnings.showwarning(UserWarning(f"{ORDERS}\nand more"), UserWarning, "a.py", 1)
    shown = capsys.readouterr().err
    assert "\x1b" not in shown
    assert len(shown.splitlines()) == 2


def stop_while_importing():
    """What packages do that catch whatever comes while they are imported."""
    try:
        signal.raise_signal(signal.SIGINT)
    except BaseException:
        raise AttributeError("module has no attribute") from None


def test_an_error_that_a_stop_led_to_is_a_stop(capsys, monkeypatch):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(SystemExit) as caught, stopping_in_one_line():
            stop_while_importing()
    finally:
        signal.signal(signal.SIGINT, before)
    assert caught.value.code == 130
    assert capsys.readouterr().err == "stopped: Nothing that was there before is changed.\n"


def test_a_comparison_that_is_stopped_says_how_far_it_was(tmp_path, capsys, monkeypatch):
    def train(self, plan, seed):
        if str(plan.preset) == "gan":
            signal.raise_signal(signal.SIGTERM)
        return BenchmarkRun(str(plan.preset), seed)

    monkeypatch.setattr(Benchmark, "run", train)
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(80, 5)))
    command = ["compare", str(tmp_path / "x.npy"), "--models", "vae,gan", "--seeds", "2"]
    monkeypatch.setattr("sys.argv", ["vaekit", *command, "--out", str(tmp_path / "report")])
    with pytest.raises(SystemExit) as caught:
        command_line.main()
    assert caught.value.code == 143
    assert "all its trainings are over, and 1 of 4 were." in " ".join(
        capsys.readouterr().err.split()
    )
    assert not (tmp_path / "report").exists()


def test_an_error_that_no_stop_led_to_stays_one():
    with pytest.raises(AttributeError), stopping_in_one_line():
        raise AttributeError


def test_a_description_of_very_many_columns_ends(tmp_path, capsys):
    names = [f"c{number}" for number in range(1200)]
    (tmp_path / "wide.csv").write_text(f"{','.join(names)}\n" + f"{','.join('1' * 1200)}\n" * 3)
    describe.describe(str(tmp_path / "wide.csv"))
    shown = capsys.readouterr().out
    assert "c999 " in shown
    assert "c1000 " not in shown
    assert "and 200 more columns; --json shows all." in shown
