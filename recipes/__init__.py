"""One call from a table to a fitted network and its report: a module a task."""

from __future__ import annotations

import importlib
from types import ModuleType

from toolkit import __version__

__all__ = ["__version__", "binary", "multiclass", "multilabel", "regression"]

_TASKS = ("binary", "multiclass", "multilabel", "regression")


def __getattr__(name: str) -> ModuleType:
    if name not in _TASKS:
        raise AttributeError(f"module 'recipes' has no attribute '{name}'")
    return importlib.import_module(f"recipes.{name}")
