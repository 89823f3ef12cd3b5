"""Keras models for tables: the library under the recipes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolkit.common.errors import DataError

if TYPE_CHECKING:
    from toolkit.heads import Head
    from toolkit.runs.run import Run, load

__version__ = "0.1.0"
__all__ = ["DataError", "Head", "Run", "__version__", "load"]

_HOMES = {"Head": "toolkit.heads", "Run": "toolkit.runs", "load": "toolkit.runs"}


def __getattr__(name: str) -> Any:
    # Loaded when asked for: pandas and the rest take a second that `recipes --help` need not wait.
    if name not in _HOMES:
        raise AttributeError(f"module 'toolkit' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
