"""One call from a table to a fitted network and its report: a module a task; and the lessons."""

from __future__ import annotations

import importlib
from types import ModuleType

from toolkit import __version__

__all__ = ["__version__", "binary", "digits", "images", "lessons", "multiclass", "multilabel", "regression"]

_MODULES = ("binary", "digits", "images", "lessons", "multiclass", "multilabel", "regression")


def __getattr__(name: str) -> ModuleType:
    if name not in _MODULES:
        raise AttributeError(f"module 'recipes' has no attribute '{name}'")
    return importlib.import_module(f"recipes.{name}")
