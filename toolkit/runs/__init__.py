"""Runs and comparisons: predict, evaluate, update, save, export and report."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.runs.comparison import Comparison
    from toolkit.runs.loading import load
    from toolkit.runs.run import Run

__all__ = ["Comparison", "Run", "load"]

# Loaded on first use: an exported run predicts without Keras, scikit-learn and what draws a report.
_MODULES = {"Comparison": "comparison", "Run": "run", "load": "loading"}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"toolkit.runs.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'toolkit.runs' has no attribute '{name}'")
