"""The project's own papers: version, packaging, and documents whose examples run."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import recipes
import toolkit
from recipes import samples

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ["README.md", "CONTRIBUTING.md"]
COMMANDS = {"cd", "git", "make", "pip", "python", "recipes"}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def blocks(document: str) -> list[tuple[str, int, str]]:
    """The fenced blocks of a document: language, line of the first line of code, code."""
    text = (ROOT / document).read_text(encoding="utf-8")
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(match[1], text[: match.start()].count("\n") + 2, match[2]) for match in found]


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


def test_the_readme_shows_python_and_the_command_line():
    assert {"python", "console"} <= {language for language, _, _ in blocks("README.md")}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_says_its_language(document):
    assert [line for language, line, _ in blocks(document) if not language] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_shown_is_one_that_exists(document):
    for language, first, code in blocks(document):
        if language != "console":
            continue
        for number, text in enumerate(code.splitlines(), start=first):
            if not text.startswith("$ "):
                continue  # what the command prints
            words = text.removeprefix("$ ").split()
            assert words[0].removeprefix(".venv/bin/") in COMMANDS, f"{document}:{number}: {text}"
            if words[0] == "recipes":
                known = [sys.executable, "-m", "recipes", words[1], *([] if words[1].startswith("-") else ["--help"])]
                assert subprocess.run(known, capture_output=True).returncode == 0, f"{document}:{number}: {text}"
            if words[0] == "make" and len(words) > 1:
                targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
                assert words[1] in targets, f"{document}:{number}: {text}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_python_block_runs(document, tmp_path, monkeypatch):
    """In one namespace a document, top to bottom, in a folder that holds the samples."""
    for sample in samples.SAMPLES.values():
        shutil.copy(ROOT / "data" / sample.file, tmp_path)
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for language, first, code in blocks(document):
        if language == "python":
            # Blank lines in front, so that a traceback names the document's own line.
            exec(compile("\n" * (first - 1) + code, str(ROOT / document), "exec"), namespace)
