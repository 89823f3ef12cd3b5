"""Libraries of extras, imported where they are used."""

from __future__ import annotations

import importlib
from typing import Any

from toolkit.common.errors import DataError

__all__ = ["library"]


def library(name: str, extra: str) -> Any:
    """Return a library that is installed with an extra.

    Args:
        name: The module.
        extra: The extra.

    Raises:
        DataError: It is not installed.

    Example:
        >>> library("no_such_library", "export")
        Traceback (most recent call last):
        toolkit.DataError: this needs no_such_library, which is not installed: pip install "logitkit[export]".
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        missing = error.name or name
        raise DataError(f'this needs {missing}, which is not installed: pip install "logitkit[{extra}]".') from error
