"""Notebooks, and the Python scripts that ``python -m recipes.notebooks`` makes them from."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from toolkit.common.files import write_whole

__all__ = ["NOTEBOOKS", "notebook_json", "source", "write"]

#: Name of a notebook -> its content.
NOTEBOOKS: dict[str, str] = {
    "quickstart": "a table, a network, its report, predictions, a saved file",
    "svm_against_softmax": "two heads on the same rows: labels, margins, probabilities",
    "lessons": "the experiments of the lectures, on their numbers and on a table",
}

_HERE = Path(__file__).resolve().parent
_CELL = re.compile(r"^# %%(?: \[(markdown)\])?\n", re.MULTILINE)


def source(name: str, ending: str = ".py") -> Path:
    """Return the path of a notebook's script, or of the notebook.

    Args:
        name: One of `NOTEBOOKS`.
        ending: ``".py"`` for the script, ``".ipynb"`` for the notebook.
    """
    return _HERE / f"{name}{ending}"


def notebook_json(name: str, script: str) -> str:
    r"""Return a script as the JSON of a notebook (nbformat 4.5) without outputs.

    Args:
        name: Name of the notebook, for the identifiers of its cells.
        script: Code cells after ``# %%``, and Markdown cells as comments after ``# %% [markdown]``.

    Example:
        >>> cells = json.loads(notebook_json("sum", "# %% [markdown]\n# A sum\n\n# %%\n1 + 1\n"))["cells"]
        >>> [(cell["cell_type"], cell["source"]) for cell in cells]
        [('markdown', ['A sum']), ('code', ['1 + 1'])]
    """
    _, *parts = _CELL.split(script)
    cells = [
        _cell(f"{name}-{index}", kind == "markdown", text.strip("\n"))
        for index, (kind, text) in enumerate(zip(parts[::2], parts[1::2], strict=True))
    ]
    notebook = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def write() -> list[Path]:
    """Make every notebook from its script, and return their paths."""
    return [
        write_whole(source(name, ".ipynb"), notebook_json(name, source(name).read_text(encoding="utf-8")))
        for name in NOTEBOOKS
    ]


def _cell(identifier: str, is_markdown: bool, text: str) -> dict[str, Any]:
    if is_markdown:
        text = re.sub(r"^# ?", "", text, flags=re.MULTILINE)
    cell: dict[str, Any] = {"id": identifier, "metadata": {}, "source": text.splitlines(keepends=True)}
    if is_markdown:
        return cell | {"cell_type": "markdown"}
    return cell | {"cell_type": "code", "execution_count": None, "outputs": []}
