"""The notebooks: made from their scripts, with one install cell, and run from top to bottom."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from recipes.notebooks import NOTEBOOKS, notebook_json, source, write

CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # nbformat 4.5


def cells(name: str, kind: str) -> list[str]:
    """Return the texts of a notebook's cells of a kind."""
    notebook = json.loads(source(name, ".ipynb").read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == kind]


def run_cell(code: str, namespace: dict[str, Any], file: str) -> Any:
    """Run a cell as a notebook does: return the value of its last expression, as HTML if it has that form."""
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, file, "exec"), namespace)
    if not isinstance(last, ast.Expr):
        return None
    value = eval(compile(ast.Expression(last.value), file, "eval"), namespace)
    return value._repr_html_() if hasattr(value, "_repr_html_") else repr(value)


def test_every_script_has_a_notebook_and_a_name():
    folder = source("quickstart").parent
    for ending in ("py", "ipynb"):
        assert {file.stem for file in folder.glob(f"[a-z]*.{ending}")} == set(NOTEBOOKS)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_what_its_script_makes(name):
    script = source(name).read_text(encoding="utf-8")
    assert source(name, ".ipynb").read_text(encoding="utf-8") == notebook_json(name, script), (
        "python -m recipes.notebooks"
    )


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_has_nbformat_4_5_and_no_outputs(name):
    notebook = json.loads(source(name, ".ipynb").read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert set(notebook) == {"cells", "metadata", "nbformat", "nbformat_minor"}
    assert {cell["cell_type"] for cell in notebook["cells"]} == {"markdown", "code"}
    names = [cell["id"] for cell in notebook["cells"]]
    assert len(set(names)) == len(names)
    assert all(CELL_ID.fullmatch(cell_id) for cell_id in names)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
        else:
            assert set(cell) == {"cell_type", "id", "metadata", "source"}


def test_markdown_loses_its_hashes_and_code_keeps_its_own():
    script = "# %% [markdown]\n# # Title\n#\n# text\n\n# %%\n# a comment\nx = 1\n\n\ny = 2\n"
    first, second = json.loads(notebook_json("a", script))["cells"]
    assert first["source"] == ["# Title\n", "\n", "text"]
    assert second["source"] == ["# a comment\n", "x = 1\n", "\n", "\n", "y = 2"]


def test_the_first_code_cell_of_each_notebook_is_the_same_install_cell():
    installing = {name: [code for code in cells(name, "code") if "pip" in code] for name in NOTEBOOKS}
    for name, install_cells in installing.items():
        assert install_cells == cells(name, "code")[:1]
    assert len({install_cells[0] for install_cells in installing.values()}) == 1


def test_the_install_cell_asks_for_the_wheel_if_there_is_nothing_to_install(tmp_path):
    # Without site-packages, as on a machine without the project.
    cell = cells("quickstart", "code")[0]
    done = subprocess.run([sys.executable, "-I", "-S", "-c", cell], cwd=tmp_path, capture_output=True, text=True)
    assert "Put the wheel logitkit-….whl into" in done.stderr
    assert str(tmp_path) in done.stderr


@pytest.mark.parametrize("inside", [".", "recipes/notebooks"])
def test_the_install_cell_finds_the_checkout_around_it(root, inside):
    cell = cells("quickstart", "code")[0].replace("subprocess.run(", "print(")
    cell = cell.replace(", check=True", "")
    # -S and -I leave out the installed packages and the working directory.
    done = subprocess.run([sys.executable, "-I", "-S", "-c", cell], cwd=root / inside, capture_output=True, text=True)
    assert done.stdout.strip().endswith(f"'--quiet', {str(root)!r}]")


def test_the_install_cell_takes_the_latest_wheel_in_its_folder(tmp_path):
    for version in ("0.1.0", "0.2.0"):
        (tmp_path / f"logitkit-{version}-py3-none-any.whl").touch()
    cell = cells("quickstart", "code")[0].replace("subprocess.run(", "print(").replace(", check=True", "")
    done = subprocess.run([sys.executable, "-I", "-S", "-c", cell], cwd=tmp_path, capture_output=True, text=True)
    assert "logitkit-0.2.0" in done.stdout
    assert "logitkit-0.1.0" not in done.stdout


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_from_top_to_bottom(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    pages = 0
    for index, code in enumerate(cells(name, "code")):
        html = run_cell(code, namespace, f"{name}, cell {index}")
        pages += html is not None and "<iframe" in html
    assert pages >= 1, "a run, a comparison or a lesson is displayed"
    files = {file.name for file in Path.cwd().iterdir()}
    assert files == {"quickstart": {"wine.keras"}, "lessons": {"descent.png", "worth.html"}}.get(name, set())


def test_making_the_notebooks_again_changes_nothing():
    before = {name: source(name, ".ipynb").read_bytes() for name in NOTEBOOKS}
    assert write() == [source(name, ".ipynb") for name in NOTEBOOKS]
    assert {name: source(name, ".ipynb").read_bytes() for name in NOTEBOOKS} == before
