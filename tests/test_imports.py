"""The floor plan: who may import whom, and what must stay out of a quick start."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# From the ground up. A module imports from lower floors, or from its own without a circle.
FLOORS = [
    ("toolkit.common",),
    ("toolkit.data", "toolkit.losses"),
    ("toolkit.builders", "toolkit.heads"),
    ("toolkit.training",),
    ("toolkit.evaluation",),
    ("toolkit.numerics",),
    ("toolkit.report",),
    ("toolkit.runs",),
]
# They work on arrays and frames, and are quick to import and to test.
KERAS_FREE = ("toolkit.common", "toolkit.data")
HEAVY = {"keras", "tensorflow"}


def modules(package: str) -> dict[str, Path]:
    """Every module of a package by its dotted name."""
    found = {}
    for file in sorted((ROOT / package).rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


MODULES = modules("toolkit") | modules("recipes")


def statements(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Every import that can run, also inside functions; not those for the type checker alone."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node
    elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        for child in node.orelse:
            yield from statements(child)
    else:
        for child in ast.iter_child_nodes(node):
            yield from statements(child)


def imports(source: str, module: str = "", is_package: bool = False) -> set[str]:
    """The dotted names that a module's source imports, as far down as a module of ours has the name."""
    found = set()
    for node in statements(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
            continue
        base = node.module or ""
        if node.level:
            above = module.split(".")[: len(module.split(".")) - node.level + is_package]
            base = ".".join([*above, *([node.module] if node.module else [])])
        for alias in node.names:
            inner = f"{base}.{alias.name}"
            found.add(inner if inner in MODULES else base)
    return found


IMPORTS = {
    name: imports(file.read_text(encoding="utf-8"), name, file.name == "__init__.py") for name, file in MODULES.items()
}
ROOMS = sorted(name for name in MODULES if name.startswith("toolkit."))
WITHOUT_KERAS = [name for name in ROOMS if name.startswith(KERAS_FREE)]


def floor(module: str) -> int:
    for number, folders in enumerate(FLOORS):
        if any(module == folder or module.startswith(f"{folder}.") for folder in folders):
            return number
    pytest.fail(f"{module} has no floor yet: give it one in {Path(__file__).name}")


def test_the_reader_of_imports_sees_every_form():
    source = """
import numpy as np, keras.ops
from toolkit import losses, __version__
from . import heads
from .DataError import x
if TYPE_CHECKING:
    import tensorflow
else:
    import json
def f():
    from recipes.samples import path
"""
    expected = {
        "numpy",
        "keras.ops",
        "toolkit",
        "toolkit.common.errors",
        "toolkit.common.files",
        "json",
        "recipes.samples",
    }
    assert imports(source, "toolkit.builders") == expected


def test_the_toolkit_never_imports_the_recipes():
    assert {
        name
        for name in MODULES
        if name.startswith("toolkit") and any(i.split(".")[0] == "recipes" for i in IMPORTS[name])
    } == set()


@pytest.mark.parametrize("module", ROOMS)
def test_imports_never_run_upwards(module):
    ours = [name for name in IMPORTS[module] if name in ROOMS]
    assert [name for name in ours if floor(name) > floor(module)] == []


def test_no_imports_run_in_a_circle():
    waiting = {name: {other for other in IMPORTS[name] if other in ROOMS} - {name} for name in ROOMS}
    while free := [name for name, others in waiting.items() if not others & waiting.keys()]:
        for name in free:
            del waiting[name]
    assert waiting == {}


def test_only_the_command_line_imports_the_command_line():
    callers = {name for name in MODULES if "recipes.cli" in IMPORTS[name]}
    assert callers <= {"recipes.__main__", "recipes.cli"}


def test_lessons_are_leaves():
    callers = {name for name in MODULES if any(other.startswith("recipes.lessons") for other in IMPORTS[name])}
    allowed = ("recipes.lessons", "recipes.notebooks", "recipes.cli")
    assert {name for name in callers if not name.startswith(allowed)} == set()


@pytest.mark.parametrize("module", WITHOUT_KERAS)
def test_a_room_without_keras_never_imports_it(module):
    assert {name for name in IMPORTS[module] if name.split(".")[0] in HEAVY} == set()


def loaded_after(code: str) -> set[str]:
    """The modules that a fresh interpreter holds after running the code."""
    code += "\nimport sys\nprint()\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_rooms_without_keras_does_not_load_it():
    """The tree reader sees one module at a time; here one without keras may not import one with it either."""
    assert loaded_after("import " + ", ".join(WITHOUT_KERAS)).isdisjoint(HEAVY)


@pytest.mark.parametrize("package", ["toolkit", "recipes"])
def test_importing_a_package_does_not_load_tensorflow(package):
    assert loaded_after(f"import {package}").isdisjoint(HEAVY)


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["multilabel", "--help"], ["predict", "--help"], ["lessons"]]
)
def test_asking_the_command_line_for_help_does_not_load_tensorflow(words):
    code = f"""
from recipes.cli import main
try:
    main({words!r})
except SystemExit as end:
    if end.code:
        raise
"""
    assert loaded_after(code).isdisjoint(HEAVY)
