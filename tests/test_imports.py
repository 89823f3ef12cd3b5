"""What a quick start must not load. The floor plan itself is in pyproject.toml, where `lint-imports` checks it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {"keras", "tensorflow"}


def modules() -> dict[str, Path]:
    """Return every module of both packages by its dotted name, without the notebooks' scripts, which train."""
    files = [file for package in ("toolkit", "recipes") for file in sorted((ROOT / package).rglob("*.py"))]
    dotted = {".".join(file.relative_to(ROOT).with_suffix("").parts): file for file in files}
    return {
        name.removesuffix(".__init__"): file
        for name, file in dotted.items()
        if file.parent.name != "notebooks" or file.name.startswith("_")
    }


MODULES = modules()


def modules_loaded_by(code: str) -> set[str]:
    """Return the modules that a fresh interpreter holds after running the code."""
    code += "\nimport sys\nprint()\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_only_the_losses_load_keras_when_they_are_imported():
    names = [name for name in MODULES if name != "toolkit.losses" and not name.endswith("__main__")]
    assert modules_loaded_by("import " + ", ".join(names)).isdisjoint(HEAVY)


@pytest.mark.parametrize("package", ["toolkit", "recipes"])
def test_importing_a_package_does_not_load_tensorflow_or_pandas(package):
    assert modules_loaded_by(f"import {package}").isdisjoint(HEAVY | {"pandas"})


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["multilabel", "--help"], ["predict", "--help"], ["lessons"]]
)
def test_asking_the_command_line_for_help_does_not_load_tensorflow(arguments):
    code = f"""
from recipes.cli import main
try:
    main({arguments!r})
except SystemExit as end:
    if end.code:
        raise
"""
    assert modules_loaded_by(code).isdisjoint(HEAVY)


def from_imports(name: str) -> list[tuple[str, str]]:
    """Return what a module imports by `from ... import ...`: pairs of a source and a name."""
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return [(node.module or "", alias.name) for node in nodes for alias in node.names]


def test_no_folder_and_module_inside_it_import_from_each_other():
    """A circle that lint-imports does not see: through the folder's `__init__`."""
    collecting = {name for name in MODULES if any(source.startswith(f"{name}.") for source, _ in from_imports(name))}
    circles = {
        name
        for name in MODULES
        for source, imported in from_imports(name)
        if source in collecting and name.startswith(f"{source}.") and f"{source}.{imported}" not in MODULES
    }
    assert circles == set()
