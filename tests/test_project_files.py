"""What no other test reads and so can rot: workflows, forms, metadata, the pages of the docs."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
YAML_FILES = [
    *sorted((ROOT / ".github").rglob("*.yml")),
    ROOT / ".pre-commit-config.yaml",
    ROOT / ".readthedocs.yaml",
    ROOT / "CITATION.cff",
]
CI = ROOT / ".github" / "workflows" / "ci.yml"


class Pages(yaml.SafeLoader):
    """Reads mkdocs.yml, whose tags for Python's names mean nothing here."""


Pages.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: suffix)


def read(path):
    return yaml.safe_load(path.read_text("utf-8"))


def pages_in(nav):
    """Every page that a navigation names, however deep."""
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav
    return [page for part in parts for page in pages_in(part)]


def versions_that_are_tested():
    return read(CI)["jobs"]["test"]["strategy"]["matrix"]["python"]


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: path.name)
def test_a_file_is_yaml(path):
    assert isinstance(read(path), dict)


def test_ci_tests_the_versions_of_python_that_the_package_claims():
    claimed = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert versions_that_are_tested() == claimed
    assert PROJECT["requires-python"] == f">={claimed[0]}"


def test_ci_tests_the_systems_that_the_package_claims():
    systems = {"ubuntu-latest": "Linux", "macos-latest": "MacOS", "windows-latest": "Windows"}
    tested = read(CI)["jobs"]["test"]["strategy"]["matrix"]["os"]
    claimed = [line.split(" :: ")[-1] for line in PROJECT["classifiers"] if "System" in line]
    assert sorted(systems[name] for name in tested) == sorted(claimed)


def test_every_job_of_ci_uses_a_version_of_python_that_the_package_claims():
    files = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    used = re.findall(r'python-version: "(.*)"', "".join(f.read_text("utf-8") for f in files))
    assert used
    assert set(used) <= set(versions_that_are_tested())


def test_the_citation_names_the_version_and_licence_of_the_package():
    citation = read(ROOT / "CITATION.cff")
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]


def test_pre_commit_and_constraints_have_the_same_ruff():
    constraints = (ROOT / "constraints.txt").read_text("utf-8")
    repositories = read(ROOT / ".pre-commit-config.yaml")["repos"]
    revision = next(r["rev"] for r in repositories if r["repo"].endswith("ruff-pre-commit"))
    assert f"\nruff=={revision.removeprefix('v')}\n" in constraints


def test_the_navigation_names_every_page_and_no_other():
    nav = yaml.load((ROOT / "mkdocs.yml").read_text("utf-8"), Pages)["nav"]
    there = [p.relative_to(ROOT / "docs").as_posix() for p in (ROOT / "docs").rglob("*.md")]
    assert sorted(pages_in(nav)) == sorted(there)


@pytest.mark.parametrize("form", ["bug", "feature"])
def test_a_form_asks_for_something_and_names_no_field_twice(form):
    fields = read(ROOT / ".github" / "ISSUE_TEMPLATE" / f"{form}.yml")["body"]
    names = [field["id"] for field in fields]
    assert len(set(names)) == len(names)
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_files_that_are_named_in_workflows_exist():
    text = "".join(path.read_text("utf-8") for path in YAML_FILES if path.suffix == ".yml")
    named = set(re.findall(r"\b(?:docs|benchmarks)/[\w/]+\.(?:py|md)\b", text))
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
