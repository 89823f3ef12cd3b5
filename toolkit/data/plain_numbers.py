"""Plain numbers among many texts, read at once: digits with a decimal mark, an exponent, a known unit."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pyarrow
import pyarrow.compute

__all__ = ["PLAIN", "plain_numbers", "read_column"]

PLAIN = r"^-?\d{1,200}(\.\d+)?([eE][+-]?\d{1,2})?$"


def plain_numbers(texts: Sequence[str] | pyarrow.Array, decimal_mark: str = ".", unit: str = "") -> np.ndarray:
    """Return the stripped texts that are plain numbers as float64, NaN for the others; many texts at once.

    Example:
        >>> plain_numbers(["3", "1.5e2", "$1,234.5", "x"], unit="$").tolist()
        [3.0, 150.0, 1234.5, nan]
    """
    if not len(texts):
        return np.empty(0)
    compute = pyarrow.compute
    try:
        array = texts if isinstance(texts, pyarrow.Array) else pyarrow.array(texts, pyarrow.string())
    except (pyarrow.ArrowException, UnicodeError):
        return np.full(len(texts), np.nan)  # text that is no valid Unicode: no arrays of Arrow
    if unit:
        written = re.escape(unit)
        array = compute.replace_substring_regex(array, rf"^(-?)\s*{written}\s*|\s*{written}$", r"\1")
    point, mark = (r"\.", ",") if decimal_mark == "." else (",", ".")
    if unit or decimal_mark == ",":
        is_grouped = compute.match_substring_regex(
            array, rf"^-?[1-9]\d{{0,2}}({re.escape(mark)}\d{{3}}){{1,60}}({point}\d+)?$"
        )
        array = compute.if_else(is_grouped, compute.replace_substring(array, mark, ""), array)
    if decimal_mark == ",":
        array = compute.if_else(compute.match_substring(array, "."), "", compute.replace_substring(array, ",", "."))
    is_simple = compute.match_substring_regex(array, PLAIN)
    numbers = compute.cast(compute.if_else(is_simple, array, None), pyarrow.float64())
    return numbers.to_numpy(zero_copy_only=False)


def read_column(cells: pyarrow.Array, decimal_mark: str, unit: str) -> np.ndarray:
    """Return a column of text cells as float64, NaN where a cell is missing or is no plain number.

    Example:
        >>> read_column(pyarrow.array(["3", " 1.5", None, "inf"]), ".", "").tolist()
        [3.0, 1.5, nan, nan]
    """
    compute = pyarrow.compute
    if decimal_mark == "." and not unit:
        try:
            values = np.array(compute.cast(cells, pyarrow.float64()))
        except pyarrow.ArrowInvalid:
            pass
        else:
            values[np.isinf(values)] = np.nan  # inf, or too large
            return values
    return np.array(plain_numbers(compute.utf8_trim_whitespace(cells), decimal_mark, unit))
