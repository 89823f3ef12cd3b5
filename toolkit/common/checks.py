"""Checks of option values that several modules share; each names the option, the value and what was expected."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np

from toolkit.common.errors import DataError, nearest

__all__ = ["check_bool", "check_choice", "check_number", "check_quantiles", "check_whole"]


def check_bool(name: str, value: object) -> None:
    """Check that an option is true or false.

    Raises:
        DataError: It is something else.

    Example:
        >>> check_bool("batch_norm", "yes")
        Traceback (most recent call last):
        toolkit.DataError: batch_norm='yes': expected True or False.
    """
    if not isinstance(value, bool | np.bool_):
        raise DataError(f"{name}={value!r}: expected True or False.")


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Check that an option is one of several words; the message names the nearest.

    Raises:
        DataError: It is something else.

    Example:
        >>> check_choice("task", "binery", ["regression", "binary"])
        Traceback (most recent call last):
        toolkit.DataError: task='binery': expected one of regression, binary. Did you mean 'binary'?
    """
    words = list(choices)
    if not isinstance(value, str) or value not in words:
        raise DataError(f"{name}={value!r}: expected one of {', '.join(words)}.{nearest(value, words)}")


def check_whole(name: str, value: Any, *, least: int, most: int | None = None, optional: bool = True) -> None:
    """Check that an option is a whole number, or None where it is optional.

    Raises:
        DataError: It is something else.

    Example:
        >>> check_whole("epochs", 0, least=1)
        Traceback (most recent call last):
        toolkit.DataError: epochs=0: expected a whole number, 1 or more.
    """
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not (optional if value is None else is_whole and least <= value <= (value if most is None else most)):
        span = f", {least} or more" if most is None else f" from {least} to {most}"
        raise DataError(f"{name}={value!r}: expected a whole number{span}.")


def check_quantiles(quantiles: Any) -> tuple[float, ...]:
    """Return quantiles as numbers: two or more that rise, between 0 and 1.

    Raises:
        DataError: They are something else.

    Example:
        >>> check_quantiles([0.1, 0.9])
        (0.1, 0.9)
    """
    try:
        levels = tuple(map(float, quantiles))
    except (TypeError, ValueError):
        levels = ()
    if len(levels) < 2 or not all(low < high for low, high in pairwise((0.0, *levels, 1.0))):
        raise DataError(
            f"quantiles={quantiles!r}: expected two or more rising numbers between 0 and 1, such as (0.05, 0.5, 0.95)."
        )
    return levels


def check_number(name: str, value: Any, *, zero: bool = False) -> None:
    """Check that an option is None or a finite number above 0, or 0 itself where it is allowed.

    Raises:
        DataError: It is something else.

    Example:
        >>> check_number("clip_norm", "1")
        Traceback (most recent call last):
        toolkit.DataError: clip_norm='1': expected a number above 0.
    """
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if value is not None and not (is_number and (0 < value < math.inf or (zero and value == 0))):
        raise DataError(f"{name}={value!r}: expected a number {'of 0 or more' if zero else 'above 0'}.")
