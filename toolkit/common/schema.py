"""The version of the JSON in a saved run."""

from __future__ import annotations

from typing import Any

from toolkit.common.errors import DataError

__all__ = ["SCHEMA", "check_schema"]

SCHEMA = 1


def check_schema(content: Any, what: str) -> None:
    """Check the schema version of saved content.

    Args:
        content: A dictionary with the version under ``"schema"``.
        what: The name of the content in the message.

    Raises:
        DataError: The version is missing or not the current one.

    Example:
        >>> check_schema({"schema": SCHEMA}, "encoding")
    """
    version = content.get("schema") if isinstance(content, dict) else None
    if version != SCHEMA:
        raise DataError(
            f"the {what} has schema version {version!r}; this release reads version {SCHEMA}. "
            "A file made by a later release needs that release."
        )
