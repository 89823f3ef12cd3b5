"""Which rows are equal, decided from the cells as they came, before the split."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from toolkit.data.cells import distinct, is_missing, is_number, level, most_odd, plain_dtype
from toolkit.data.column_kinds import inspect
from toolkit.data.identifiers import numbers_rows
from toolkit.data.number_formats import plain_column
from toolkit.data.plain_numbers import plain_numbers

__all__ = ["compared_columns", "row_hashes", "same_rows"]

_MISSING = np.uint64(0x9E3779B97F4A7C15)
_EXACT = 2**53
_SAMPLE = 500
_TEXT_LEVELS = 50


def compared_columns(frame: pd.DataFrame, excluded: Collection[str], keep: Collection[str]) -> list[str]:
    """Return the columns in which equal rows have equal cells: neither row numbers nor keys, nor excluded ones.

    Args:
        frame: A table, its cells as they came.
        excluded: Columns that are no features.
        keep: Columns that are compared whatever they hold.

    Example:
        >>> frame = pd.DataFrame({"id": range(12), "age": [30, 40, 50] * 4})
        >>> compared_columns(frame, (), ())
        ['age']
    """
    names: list[str] = []
    for index, name in enumerate(frame.columns):
        if name not in excluded and name not in names:
            names += [name] if name in keep or not _tells_rows(frame.iloc[:, index], name) else []
    return names


def _tells_rows(series: pd.Series, name: str) -> bool:
    """Return whether a column has a cell of its own for almost every row, as row numbers and keys have."""
    series = plain_dtype(series)
    if pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_bool_dtype(series.dtype):
        return series.dtype.kind in "iuf" and numbers_rows(_numbers(series), name, len(series)) is not None
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        return False
    plain = plain_column(series)
    if plain is not None:
        return numbers_rows(plain[0], name, len(series)) is not None
    try:
        codes, values = distinct(series)
    except TypeError:
        return True
    present = int((codes >= 0).sum())
    if len(values) <= 0.5 * present or len(values) <= min(_TEXT_LEVELS, len(series) - 1):
        return False
    texts = [value.strip() if isinstance(value, str) else _text(value) for value in values]
    numbers = plain_numbers(texts)
    if np.isnan(numbers).sum() > most_odd(len(series)):
        sample = values[:: max(1, len(values) // _SAMPLE)]
        column = inspect(pd.Series(sample, dtype=object), name).column
        return column is None or column.kind == "category"
    return numbers_rows(np.append(numbers, np.nan)[codes], name, len(series)) is not None


def same_rows(frames: Sequence[pd.DataFrame], names: Sequence[str]) -> np.ndarray:
    """Number the distinct rows of several tables by their first appearance.

    Args:
        frames: The tables, their cells as they came.
        names: The columns to compare; a table that lacks one has missing cells there.

    Returns:
        int64 of shape (rows of all tables,): equal numbers for rows with equal cells, whatever the order of the
        columns. A number equals its text, blanks at the ends don't count, and a missing cell equals a missing cell.

    Example:
        >>> same_rows([pd.DataFrame({"a": ["1", " 1.0 ", "x", None]}), pd.DataFrame({"a": [1]})], ["a"]).tolist()
        [0, 0, 1, 2, 0]
    """
    units = pd.factorize(np.concatenate([row_hashes(frame, names) for frame in frames]))[0].astype(np.int64)
    # Where all rows are equal, the columns don't tell what a row is.
    return units if units.any() else np.arange(len(units))


def row_hashes(frame: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """Return a hash of each row, uint64 of shape (rows,): equal rows have equal hashes, as `same_rows` compares them.

    Args:
        frame: The rows, their cells as they came.
        names: The columns to compare, in any table in the same order.

    Example:
        >>> a, b = row_hashes(pd.DataFrame({"a": ["1.0", None]}), ["a"]), row_hashes(pd.DataFrame({"a": [1]}), ["a"])
        >>> a[0] == b[0], a[1] == b[0]
        (np.True_, np.False_)
    """
    combined, labels = np.zeros(len(frame), dtype=np.uint64), list(frame.columns)
    for name in names:
        # A row's hash depends on all its cells and their order: multiply, add, mix the high bits into the low ones.
        hashed = _hashes(frame.iloc[:, labels.index(name)]) if name in labels else _MISSING
        combined = combined * np.uint64(6364136223846793005) + hashed
        combined ^= combined >> np.uint64(29)
    return combined


def _numbers(series: pd.Series) -> np.ndarray:
    """Return numbers exactly: large whole numbers are not made floats."""
    if isinstance(series.dtype, np.dtype):
        return series.to_numpy()
    if series.dtype.kind in "iu" and not series.isna().any():
        return series.to_numpy(dtype=series.dtype.type)
    return series.to_numpy(dtype=np.float64, na_value=np.nan)


def _hashes(series: pd.Series) -> np.ndarray:
    """Return a hash of each cell, uint64; equal cells have equal hashes."""
    series = plain_dtype(series)
    types = pd.api.types
    if types.is_numeric_dtype(series.dtype) and not types.is_bool_dtype(series.dtype):
        present = series.notna().to_numpy(dtype=bool)
        if types.is_integer_dtype(series.dtype) and not present.all():
            hashed = np.full(len(series), _MISSING)
            hashed[present] = _hash_numbers(_numbers(series[present]))  # exact, as where no cell is missing
            return hashed
        numbers = _numbers(series)
        if numbers.dtype.kind in "iuf":
            return _hash_numbers(numbers)
    plain = plain_column(series)
    if plain is not None and not (np.abs(plain[0]) >= _EXACT).any():
        return _hash_numbers(plain[0])
    if types.is_datetime64_any_dtype(series.dtype):
        series = series.astype(object)
    try:
        codes, values = distinct(series)
    except TypeError:
        return np.full(len(series), _MISSING)
    texts = [value.strip() if isinstance(value, str) else _text(value) for value in values]
    numbers = plain_numbers(texts)
    for index in np.flatnonzero(np.isnan(numbers)):  # "+1" and ".5"
        if is_number(texts[index]) and math.isfinite(float(texts[index])):
            numbers[index] = float(texts[index])
    plain = ~np.isnan(numbers)
    hashed = np.full(len(values) + 1, _MISSING)
    hashed[:-1][plain] = _hash_numbers(numbers[plain])
    for index in np.flatnonzero(np.abs(numbers) >= _EXACT):
        if re.fullmatch(r"[+-]?\d{1,20}", texts[index]):  # exact, as a whole number is
            hashed[index] = pd.util.hash_array(np.array([int(texts[index])]))[0]
    words = np.array([level(texts[index]) for index in np.flatnonzero(~plain)], dtype=object)
    present = np.array([not is_missing(word) for word in words], dtype=bool)
    if present.any():
        hashed[np.flatnonzero(~plain)[present]] = pd.util.hash_array(words[present])
    return hashed[codes]


def _text(value: object) -> str:
    """Return a cell that is no text as it would stand in a file."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer() and abs(value) < _EXACT:
        return str(int(value))
    text = str(value)
    return text.removesuffix(" 00:00:00").removesuffix("T00:00:00") if isinstance(value, pd.Timestamp) else text


def _hash_numbers(numbers: np.ndarray) -> np.ndarray:
    # Adding 0.0 turns -0.0 into 0.0.
    with np.errstate(over="ignore"):
        floats = numbers.astype(np.float64) + 0.0
    hashed = np.where(np.isnan(floats), _MISSING, pd.util.hash_array(floats))
    if numbers.dtype.kind in "iu":
        # Cell by cell: a number's hash must not depend on the rows that are read with it.
        large = np.abs(floats) >= _EXACT
        hashed[large] = pd.util.hash_array(numbers[large])
    return hashed
