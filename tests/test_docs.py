"""The documentation is true: its Python runs, its commands exist, its links lead somewhere."""

import ast
import importlib
import json
import re
import shlex
import sys
import types
from pathlib import Path

import pytest
import typer
from pytest_examples import find_examples

from vaekit.cli.app import app
from vaekit.console.options import parse_assignments
from vaekit.domains import likelihood_names
from vaekit.presets import choose_preset

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
BASH = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)


def name_of(page):
    return page.relative_to(ROOT).as_posix()


def python_of(page):
    return [e for e in find_examples(page) if e.prefix.split()[:1] == ["python"]]


def lines_of(page):
    """The lines of a page's bash blocks, without comments, continued lines joined."""
    blocks = "".join(BASH.findall(page.read_text("utf-8"))).replace("\\\n", " ")
    return [words for line in blocks.splitlines() if (words := shlex.split(line, comments=True))]


def commands_of(page):
    return [words[1:] for words in lines_of(page) if words[0] == "vaekit"]


COMMANDS = [(page, words) for page in PAGES for words in commands_of(page)]


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if python_of(p)], ids=name_of)
@pytest.mark.usefixtures("short_fits")
def test_the_python_of_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    script = types.ModuleType("__main__")
    script.__file__ = str(page)
    monkeypatch.setitem(sys.modules, "__main__", script)
    for example in python_of(page):
        # Empty lines before it, so that an error names the line of the page.
        lines = "\n" * example.start_line + example.source
        exec(compile(lines, page, "exec"), script.__dict__)


def parse(words):
    """Read a command line as ``vaekit`` would, without running it."""
    group = typer.main.get_command(app)
    context = group.make_context("vaekit", list(words))
    name, command, rest = group.resolve_command(context, list(words))
    return command.make_context(name, rest, parent=context).params


@pytest.mark.parametrize(
    ("page", "words"), COMMANDS, ids=[f"{name_of(p)}: {' '.join(w)}" for p, w in COMMANDS]
)
def test_a_command_line_is_understood(page, words):
    options = parse(words)
    if "preset" in options:
        name = "image_vae" if options["preset"] == "auto" else options["preset"]
        choose_preset(name, parse_assignments(options.get("option") or []))
    assert options.get("likelihood", "auto") in ("auto", *likelihood_names())


def test_a_wrong_command_line_is_not_understood():
    with pytest.raises(Exception, match="No such option"):
        parse(["fit", "digits", "run", "--latents", "8"])
    with pytest.raises(Exception, match="No such command"):
        parse(["train", "digits"])


@pytest.mark.slow
@pytest.mark.parametrize("page", ["docs/index.md", "docs/reference/command-line.md"])
@pytest.mark.usefixtures("short_fits")
def test_the_commands_of_a_page_run_on_built_in_data(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = typer.main.get_command(app)
    lines = commands_of(ROOT / page)
    assert lines
    for words in lines:
        short = ["--max-epochs", "1"] if words[0] == "fit" else []
        words = ["digits" if word == "shapes" else word for word in words]
        command.main([*words, *short], prog_name="vaekit", standalone_mode=False)
        if "--out" in words:
            assert Path(words[words.index("--out") + 1]).stat().st_size > 0


@pytest.mark.parametrize("page", [p for p in PAGES if lines_of(p)], ids=name_of)
def test_make_has_the_targets_that_a_page_names(page):
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {words[1] for words in lines_of(page) if words[0] == "make"} <= set(targets)


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")), ids=name_of)
def test_links_of_the_pages_outside_the_documentation_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)", page.read_text("utf-8"))
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def imports_of(source):
    """What a piece of Python imports from vaekit: pairs of a module and a name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "vaekit":
            yield from ((node.module, alias.name) for alias in node.names)


def exists(module, name):
    try:
        found = importlib.import_module(module)
        return hasattr(found, name) or bool(importlib.import_module(f"{module}.{name}"))
    except ModuleNotFoundError:
        return False


def test_what_pages_notebooks_and_benchmarks_import_exists():
    pieces = [example.source for page in PAGES for example in python_of(page)]
    pieces += [path.read_text("utf-8") for path in (ROOT / "benchmarks").rglob("*.py")]
    for path in (ROOT / "examples" / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        pieces += ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    wanted = sorted({pair for piece in pieces for pair in imports_of(piece)})
    assert [f"{module}.{name}" for module, name in wanted if not exists(module, name)] == []
