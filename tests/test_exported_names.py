"""The names that users and other folders rely on."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path

import pytest

import recipes
import toolkit

FOLDERS = [
    package.__name__ if module is None else module.name
    for package in (toolkit, recipes)
    for module in [None, *pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    if module is None or module.ispkg
]


def test_the_toolkit_exports_the_names_of_its_public_surface():
    names = ["Comparison", "DataError", "DataWarning", "Head", "Run", "__version__", "decision_regions", "load"]
    names += ["losses", "numerics"]
    assert toolkit.__all__ == dir(toolkit) == names
    assert [toolkit.Head.__name__, toolkit.Run.__name__, toolkit.Comparison.__name__] == ["Head", "Run", "Comparison"]
    assert issubclass(toolkit.DataError, ValueError)
    assert issubclass(toolkit.DataWarning, UserWarning)
    assert callable(toolkit.load)
    assert {"BinaryHinge", "MulticlassHinge", "SoftmaxCrossentropy"} <= set(toolkit.losses.__all__)
    assert {"audit", "gradient_check"} <= set(toolkit.numerics.__all__)


def test_the_recipes_export_their_modules_and_the_estimators():
    names = ["NetworkClassifier", "NetworkRegressor", "__version__", "binary", "digits", "images", "lessons"]
    names += ["multiclass", "multilabel", "regression"]
    assert recipes.__all__ == dir(recipes) == names


@pytest.mark.parametrize("task", ["binary", "images", "multiclass", "multilabel", "regression"])
def test_every_recipe_trains_and_compares(task):
    names = ["compare", *["cross_validate"] * (task != "images"), "train"]
    assert getattr(recipes, task).__all__ == names


@pytest.mark.parametrize("package", [toolkit, recipes])
def test_a_name_that_does_not_exist_is_an_attribute_error(package):
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'Nothing'"):
        _ = package.Nothing


@pytest.mark.parametrize("name", FOLDERS)
def test_every_folder_says_in_one_line_what_it_does(name):
    docstring = importlib.import_module(name).__doc__
    assert docstring.splitlines()[0].endswith(".")
    assert len(docstring.splitlines()[0]) < 120


@pytest.mark.parametrize("name", FOLDERS)
def test_the_exported_names_of_a_folder_are_sorted_and_complete(name):
    """Modeled on encode/httpx: `__init__` exports what it imports from its own folder and does not use itself."""
    package = importlib.import_module(name)
    tree = ast.parse(Path(package.__file__).read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module.startswith(f"{name}.")]
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    exported = getattr(package, "__all__", [])
    assert exported == sorted(exported)
    assert {alias.name for node in imports for alias in node.names} - used <= set(exported)
    assert [export for export in exported if not hasattr(package, export)] == []
