"""Version and packaging."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import recipes
import toolkit
from recipes import samples

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_version_is_the_same_everywhere():
    assert importlib.metadata.version("logitkit") == toolkit.__version__ == recipes.__version__, (
        "the installed version is another: .venv/bin/pip install -e . --no-deps"
    )


def test_the_wheel_takes_every_sample_and_the_cards_along(project):
    wanted = {"CARDS.md", *(sample.file for sample in samples.SAMPLES.values())}
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included == {f"data/{name}": f"recipes/data/{name}" for name in wanted}


def test_the_packages_say_that_they_are_typed():
    assert (ROOT / "toolkit" / "py.typed").is_file()
    assert (ROOT / "recipes" / "py.typed").is_file()


def test_the_oldest_versions_are_the_lower_bounds_of_the_dependencies(project):
    wanted = re.findall(r"^([\w-]+)>=([\d.]+)", "\n".join(project["project"]["dependencies"]), re.MULTILINE)
    assert len(wanted) == len(project["project"]["dependencies"])
    pinned = (ROOT / "tests" / "oldest.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in pinned if not line.startswith("#")] == [f"{name}=={least}" for name, least in wanted]


def test_the_changelog_has_a_place_for_the_next_change_or_names_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[(Unreleased|{re.escape(toolkit.__version__)})\]", text, re.MULTILINE)


def test_no_test_imports_from_another_test():
    """What several tests need is in tests/helpers or in a conftest.py."""
    imports = re.compile(
        r"^ *(?:from|import) tests\.(?:[\w.]*\.)?test_.*|^ *from tests\.[\w.]+ import test_.*", re.MULTILINE
    )
    files = sorted((ROOT / "tests").rglob("*.py"))
    assert [f"{file.name}: {line}" for file in files for line in imports.findall(file.read_text("utf-8"))] == []
