"""From a table or images to a fitted network and its report in one call: a module per task, and the lessons."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from toolkit import __version__

if TYPE_CHECKING:
    from recipes import binary, digits, images, lessons, multiclass, multilabel, regression
    from recipes.estimators import NetworkClassifier, NetworkRegressor

_ESTIMATORS = ("NetworkClassifier", "NetworkRegressor")

__all__ = [
    "NetworkClassifier",
    "NetworkRegressor",
    "__version__",
    "binary",
    "digits",
    "images",
    "lessons",
    "multiclass",
    "multilabel",
    "regression",
]


def __getattr__(name: str) -> Any:
    # Loaded on first use, for a quick start of the command line.
    if name in _ESTIMATORS:
        return getattr(importlib.import_module("recipes.estimators"), name)
    if name not in __all__:
        raise AttributeError(f"module 'recipes' has no attribute '{name}'")
    return importlib.import_module(f"recipes.{name}")


def __dir__() -> list[str]:
    return list(__all__)
