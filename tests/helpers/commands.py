"""Find the commands `recipes ...` in documents and sources, and parse them without running anything."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import click

from recipes.cli.program import program
from recipes.digits.downloads import DATASETS
from recipes.lessons import LESSONS, ON_YOUR_DATA
from toolkit.common.errors import DataError
from toolkit.heads import HEADS

ROOT = Path(__file__).resolve().parents[2]

# `recipes ...` in backticks or quotes, in an element of a page, or alone on a line after "$ " or four spaces.
QUOTED = re.compile(r"""(`|'|"|<code>)(recipes [^`'"<>]+)(?=\1|</code>)""")
TYPED = re.compile(r"^(?:\$ | {4,})(recipes [^\n#]+)", re.MULTILINE)

# What stands for a value in a command that a sentence shows.
PLACEHOLDERS = {"COMMAND": "binary", "NAME": "space", "FILE": "data.csv", "COLUMN": "y", "MODEL": "model.keras"}


def commands_in(text: str) -> list[str]:
    """Return every command `recipes ...` that a text shows; what a program fills in is NAME."""
    text = re.sub(r"\{\{.*?\}\}|\{[^{}]*\}", "NAME", text)
    return [match[2] for match in QUOTED.finditer(text)] + [match[1].strip() for match in TYPED.finditer(text)]


def texts_in(source: str) -> list[str]:
    """Return every text of a Python source: its docstrings and strings, with a f-string's values as `{}`."""
    texts = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.append(node.value)
        elif isinstance(node, ast.JoinedStr):
            texts.append("".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values))
    return texts


def mistake_in(line: str) -> str | None:
    """Return what is wrong with a command, or None: its command, options, lesson, heads, files and columns exist."""
    words = [PLACEHOLDERS.get(word, word) for word in shlex.split(line)[1:]]
    command, context, names = program, click.Context(program, info_name="recipes"), []
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        names.append(words[0])
        inner = command.get_command(context, words.pop(0))
        if inner is None:
            return f"there is no command {' '.join(names)!r}"
        command, context = inner, click.Context(inner, info_name=names[-1], parent=context)
    if words in ([], ["--help"], ["--version"]):
        return None  # a sentence may name a command without its arguments
    try:
        context = command.make_context(names[-1], words)
    except (click.UsageError, DataError) as error:
        return error.format_message() if isinstance(error, click.UsageError) else str(error)
    return _wrong_value(names, context.params)


def _wrong_value(names: list[str], values: dict) -> str | None:
    file, targets = values.get("file"), values.get("target") or ()
    if names == ["lessons"]:
        if values["name"] not in (None, *LESSONS):
            return f"there is no lesson {values['name']!r}"
        if file is not None and values["name"] not in ON_YOUR_DATA:
            return f"the lesson {values['name']} takes no table"
    if names == ["digits"] and values["source"] not in ("digits", *DATASETS):
        return f"there is no set {values['source']!r}"
    task = values.get("task") or names[-1]
    heads = [head for head in (values.get("head"), *(values.get("heads") or ())) if head]
    if unknown := [head for head in heads if (task, head) not in HEADS and names != ["digits"]]:
        return f"{task} has no head {unknown}"
    if file and file.startswith("data/"):
        if not (ROOT / file).is_file():
            return f"there is no file {file}"
        header = (ROOT / file).read_text(encoding="utf-8").splitlines()[0].split(",")
        if unknown := [column for column in targets if column not in header]:
            return f"{file} has no column {unknown}"
    return None
