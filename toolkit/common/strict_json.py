"""JSON of saved files, which may be damaged or hostile: bounded in length and depth, with finite numbers only."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

__all__ = ["parse"]

# Python takes up to about 200 bytes for a value of JSON.
_MOST_VALUES = 3_000_000
_DEEPEST = 40
_MOST_DIGITS = 20


def parse(text: bytes) -> Any:
    """Return the values of a JSON text.

    Raises:
        ValueError: It is no JSON, holds NaN or infinite numbers, or nests deeper or is longer than saved settings.
        RecursionError: It nests far deeper.

    Example:
        >>> parse(b'{"a": [1, 2.5]}')
        {'a': [1, 2.5]}
    """
    if text.count(b",") + text.count(b"[") + text.count(b"{") > _MOST_VALUES:
        raise ValueError(f"more than {_MOST_VALUES} values")
    parsed = json.loads(text, parse_constant=_no_constant, parse_float=_finite, parse_int=_short)
    level: list[Any] = [parsed]
    for _ in range(_DEEPEST):
        level = [
            entry
            for value in level
            for entry in (value.values() if isinstance(value, dict) else value)
            if isinstance(entry, dict | list)
        ]
        if not level:
            return parsed
    raise ValueError(f"nested deeper than {_DEEPEST} levels")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_constant(text[:20])


def _short(digits: str) -> int:
    return int(digits) if len(digits) <= _MOST_DIGITS else _no_constant(f"{digits[:_MOST_DIGITS]}...")
