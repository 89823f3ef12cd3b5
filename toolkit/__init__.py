"""Keras models for tables and small images: the library under the recipes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from toolkit.common.errors import DataError, DataWarning

if TYPE_CHECKING:
    from toolkit import losses, numerics
    from toolkit.heads import Head
    from toolkit.report.model_regions import decision_regions
    from toolkit.runs import Comparison, Run, load

__version__ = "0.1.0"
__all__ = [
    "Comparison",
    "DataError",
    "DataWarning",
    "Head",
    "Run",
    "__version__",
    "decision_regions",
    "load",
    "losses",
    "numerics",
]

# Loaded on first use: pandas and Keras take seconds that `recipes --help` need not wait.
_MODULES = dict.fromkeys(("Comparison", "Run", "load"), "toolkit.runs") | {
    "Head": "toolkit.heads",
    "decision_regions": "toolkit.report.model_regions",
}


def __getattr__(name: str) -> Any:
    if name in ("losses", "numerics"):
        return importlib.import_module(f"toolkit.{name}")
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'toolkit' has no attribute '{name}'")


def __dir__() -> list[str]:
    return list(__all__)
