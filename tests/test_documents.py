"""Documents, docstrings and page templates: their examples run, and what they name exists."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from recipes import multiclass, samples
from recipes.workflow.options import all_options
from tests.helpers.commands import commands_in, mistake_in, texts_in
from tests.helpers.toolkit_map import table
from toolkit.builders import BUILDERS
from toolkit.common.options import options_of

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [
    file.relative_to(ROOT).as_posix()
    for file in [
        *ROOT.glob("*.md"),
        *(file for folder in ("toolkit", "data", "docs", "tests", "reports") for file in (ROOT / folder).rglob("*.md")),
    ]
    if file.parent.name != "templates"  # a card has Python only once it is filled in: tests/toolkit/report/test_card.py
]
SOURCES = [file for folder in ("toolkit", "recipes", "data") for file in sorted((ROOT / folder).rglob("*.py"))]
TEMPLATES = sorted((ROOT / "toolkit").rglob("templates/**/*.html"))
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
PROGRAMS = {"cd", "curl", "git", "make", "pip", "python", "recipes"}


def read(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def blocks(document: str) -> list[tuple[str, int, str]]:
    """Return the fenced blocks of a document: language, line of the first line of code, code."""
    text = read(document)
    matches = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(match[1], text[: match.start()].count("\n") + 2, match[2]) for match in matches]


def console_lines(document: str) -> list[tuple[str, list[str]]]:
    """Return every command of a document's console blocks, with its place."""
    return [
        (f"{document}:{number}", line.removeprefix("$ ").partition(" #")[0].split())
        for language, first, code in blocks(document)
        if language == "console"
        for number, line in enumerate(code.splitlines(), start=first)
        if line.startswith("$ ")  # the rest is what a command prints
    ]


def exists(dotted: str) -> bool:
    """Return whether a dotted name of ours is a module, a name in one, or a field of a class in one."""
    *above, last = dotted.split(".")
    try:
        importlib.import_module(dotted)
    except ModuleNotFoundError:
        if not exists(".".join(above)):
            return False
        holder = pkgutil.resolve_name(".".join(above))
        return hasattr(holder, last) or last in getattr(holder, "__annotations__", {})
    return True


def test_the_readme_shows_python_and_the_command_line():
    assert {"python", "console"} <= {language for language, _, _ in blocks("README.md")}


def test_the_readme_is_short_and_its_links_lead_somewhere():
    text = read("README.md")
    assert len(text.splitlines()) <= 150
    links = re.findall(r"(?:\]\(|src=\")([\w./]+)", text)
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).is_file()] == []


def test_the_documentation_builds_without_warnings_and_its_pages_fetch_nothing(tmp_path):
    for needed in ("sphinx", "myst_parser", "pydata_sphinx_theme"):
        pytest.importorskip(needed, reason="the documentation needs pip install '.[docs]'")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-d", tmp_path / "cache", ROOT / "docs", tmp_path / "html"]
    subprocess.run(command, check=True, env=environment)
    pages = {page.stem: page.read_text(encoding="utf-8") for page in (tmp_path / "html").glob("*.html")}
    assert {"index", "api", *(Path(document).stem for document in DOCUMENTS if document.startswith("docs/"))} <= set(
        pages
    )
    fetched = [link for text in pages.values() for link in re.findall(r"<(?:script|img|link)[^>]*https?:[^>]*>", text)]
    assert fetched == []
    # The options come from the declarations, those of the network of images too.
    places = [*all_options().values(), all_options(BUILDERS["cnn"])["model"], options_of(multiclass.train)]
    assert {name for place in places for name in place if f">{name}<" not in pages["options"]} == set()


def test_the_map_of_the_toolkit_says_what_the_docstrings_of_the_folders_say():
    assert table() in read("toolkit/README.md"), "write the table again: python -m tests.helpers.toolkit_map"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_names_its_language(document):
    assert [line for language, line, _ in blocks(document) if not language] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_program_make_target_and_module_shown_exists(document):
    targets = re.findall(r"^(\w+):", read("Makefile"), re.MULTILINE)
    for place, words in console_lines(document):
        program = words[0].removeprefix(".venv/bin/")
        assert program in PROGRAMS, place
        if program == "make":
            assert [word for word in words[1:] if word not in targets and "=" not in word] == [], place
        if words[1:2] == ["-m"]:
            source = Path(importlib.util.find_spec(words[2]).origin).read_text(encoding="utf-8")
            assert [word for word in words[3:] if word.startswith("--") and f'"{word}"' not in source] == [], place


@pytest.mark.parametrize(
    ("command", "mistake"),
    [
        ("recipes digits --on mnist", "No such option"),
        ("recipes digits minst", "there is no set 'minst'"),
        ("recipes train data/wine.csv", "there is no command 'train'"),
        ("recipes multiclass data/wine.csv", "Missing option '--target'"),
        ("recipes multiclass data/wine.csv --target growers", "data/wine.csv has no column ['growers']"),
        ("recipes multiclass data/vine.csv --target grower", "there is no file data/vine.csv"),
        ("recipes compare binary a.csv --target y --heads logistic,softmax", "binary has no head ['softmax']"),
        ("recipes lessons spaces", "there is no lesson 'spaces'"),
        ("recipes binary a.csv --target y --hidden many", "'many': expected numbers"),
    ],
)
def test_a_command_that_would_fail_is_noticed(command, mistake):
    assert mistake in (mistake_in(command) or "")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_recipes_command_of_a_document_can_be_typed(document):
    mistakes = {command: mistake_in(command) for command in commands_in(read(document))}
    assert {command: mistake for command, mistake in mistakes.items() if mistake} == {}


def test_every_recipes_command_in_sources_and_templates_can_be_typed():
    texts = [text for file in SOURCES for text in texts_in(file.read_text(encoding="utf-8"))]
    texts += [file.read_text(encoding="utf-8") for file in TEMPLATES]
    commands = {command for text in texts for command in commands_in(text)}
    assert len(commands) > 5
    mistakes = {command: mistake_in(command) for command in commands}
    assert {command: mistake for command, mistake in mistakes.items() if mistake} == {}


def test_the_commands_that_repeat_the_shared_runs_can_be_typed(runs, image_run):
    commands = [run.settings["command"] for run in (*runs.values(), image_run)]
    assert [mistake_in(command) for command in commands] == [None] * 5


@pytest.mark.parametrize("document", [document for document in DOCUMENTS if document != "CHANGELOG.md"])
def test_every_name_and_file_of_ours_in_a_document_exists(document):
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", read(document), flags=re.MULTILINE | re.DOTALL))
    names = {span for span in spans if re.fullmatch(r"(toolkit|recipes)(\.\w+)+", span) and not span.endswith(".html")}
    files = {span for span in spans if re.match(r"(toolkit|recipes|tests|data)/", span) and "NAME" not in span}
    files |= {
        span for span in spans if document == "toolkit/README.md" and re.fullmatch(r"[\w/]+(/|\.(py|html|css))", span)
    }
    assert {name for name in names if not exists(name)} == set()
    beside = (ROOT / document).parent
    assert {file for file in files if not (ROOT / file).exists() and not (beside / file).exists()} == set()


def test_every_dotted_name_in_backticks_in_the_sources_exists():
    texts = [text for file in SOURCES for text in texts_in(file.read_text(encoding="utf-8"))]
    names = {name for text in texts for name in re.findall(r"`((?:toolkit|recipes)(?:\.\w+)+)`", text)}
    assert {name for name in names if not exists(name)} == set()


@pytest.mark.parametrize("document", [document for document in DOCUMENTS if blocks(document)])
def test_every_python_block_of_a_document_runs(document, tmp_path, monkeypatch):
    """In one namespace per document, top to bottom, in a folder that holds the samples."""
    for sample in samples.SAMPLES.values():
        shutil.copy(ROOT / "data" / sample.file, tmp_path)
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for language, first, code in blocks(document):
        if language == "python":
            # Blank lines in front, so that a traceback names the document's own line.
            exec(compile("\n" * (first - 1) + code, str(ROOT / document), "exec"), namespace)
        if language == "pycon":
            example = doctest.DocTestParser().get_doctest(code, {}, document, document, first - 1)
            example.globs = namespace
            assert not doctest.DocTestRunner(optionflags=FLAGS).run(example, clear_globs=False).failed
