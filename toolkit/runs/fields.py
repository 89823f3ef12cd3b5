"""Fields of a result, read from the run or comparison that holds it."""

from __future__ import annotations

from typing import Any

__all__ = ["from_result"]


class _Field:
    def __init__(self, instead: str) -> None:
        self.instead = instead

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, holder: Any, owner: type | None = None) -> Any:
        return self if holder is None else getattr(holder.result, self.name)

    def __set__(self, holder: Any, value: object) -> None:
        raise AttributeError(
            f"{type(holder).__name__}.{self.name} can't be assigned to: a result is made once. {self.instead}"
        )


def from_result(instead: str = "Make another with dataclasses.replace(run.result, ...).") -> Any:
    """Return a read-only attribute: the field of that name of ``self.result``.

    Args:
        instead: What to do instead of an assignment.

    Example:
        >>> from types import SimpleNamespace
        >>> class Holder:
        ...     size: int = from_result()
        ...     result = SimpleNamespace(size=3)
        >>> Holder().size
        3
    """
    return _Field(instead)
