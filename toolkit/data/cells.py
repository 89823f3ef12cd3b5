"""The cells of one column: numbers, true/false, levels and dates, read from whatever the user's table holds."""

from __future__ import annotations

import datetime
import decimal
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

__all__ = [
    "MISSING_TEXT",
    "BadCell",
    "boolean",
    "convert",
    "date_formats",
    "dates",
    "distinct",
    "is_number",
    "level",
    "levels",
    "native",
    "number",
]

# Text that stands for "no value" in any column. "none" and "-" can be categories, so they count only among numbers.
MISSING_TEXT = frozenset({"", "?", "NA", "N/A", "n/a", "na", "NaN", "nan", "<NA>", "#N/A", "null", "NULL"})
_MISSING_AMONG_NUMBERS = frozenset({"", "?", "-", "--", ".", "na", "n/a", "<na>", "#n/a", "nan", "null", "none"})

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_TRUTH = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?\s?(Z|[+-]\d{2}(:?\d{2})?)?)?")
# Where both readings are possible, month before day comes first with "/", day before month with "." and "-".
_DATES = ("%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y")
_CLOCKS = ("", " %H:%M", " %H:%M:%S")
_NAMED_MONTHS = ("%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%b %d, %Y", "%B %d, %Y", "%b %Y", "%B %Y")
_FORMATS = tuple(date + clock for date in _DATES for clock in _CLOCKS) + _NAMED_MONTHS


class BadCell(Exception):
    """A value that does not fit its column's kind; the position is the row's, from 0."""

    def __init__(self, position: int, value: object) -> None:
        super().__init__(position, value)
        self.position, self.value = position, value


def is_number(text: str) -> bool:
    """Return whether text is written as a finite number."""
    return _NUMBER.fullmatch(text) is not None


def level(value: object) -> str:
    """Return the text by which a category's level is known, however the file was read.

    The same level may arrive as `1`, `1.0` or `"1"`, as `True` or `"true"`: a file's other rows decide what pandas
    makes of it. All of them are one level.

    Example:
        >>> level(1.0), level(" 1 "), level("TRUE"), level("semi-urban")
        ('1', '1', 'True', 'semi-urban')
    """
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    text = str(value).strip()
    if text.lower() in ("true", "false"):
        return text.capitalize()
    if not is_number(text):
        return text
    if text.lstrip("+-").isdigit():
        return str(int(text)) if len(text) < 300 else text
    value = float(text)
    if not np.isfinite(value):
        return text
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def number(value: Any) -> float | None:
    """Return a cell as a float, NaN for a placeholder, None when it is no number."""
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in _MISSING_AMONG_NUMBERS:
            return float("nan")
        return float(text) if is_number(text) or _INFINITE.fullmatch(text) else None
    if isinstance(value, (datetime.timedelta, np.timedelta64)):
        return pd.Timedelta(value) / pd.Timedelta(days=1)
    if isinstance(value, (bool, int, float, np.number, np.bool_, decimal.Decimal)):
        return float(value)
    return None


def boolean(value: Any) -> float | None:
    """Return a cell as 0.0 or 1.0, NaN for a placeholder, None when it is neither true nor false."""
    if isinstance(value, str):
        text = value.strip()
        return float("nan") if text in MISSING_TEXT else _TRUTH.get(text.lower())
    value = number(value)
    return value if value in (0.0, 1.0) else None


def distinct(series: pd.Series) -> tuple[np.ndarray, list[Any]]:
    """Return for each row the index of its value among the distinct ones (-1 where missing), and those values."""
    codes, values = pd.factorize(series)
    return np.asarray(codes), list(values)


# The functions below convert each distinct value once. One value more stands at the end, for the code -1: missing.
#   codes   (rows,)         0  1  0  -1
#   values  (distinct + 1,) converted values, then NaN, None or NaT
#   values[codes]           the converted column


def convert(codes: np.ndarray, cells: Sequence[Any], converter: Callable[[Any], float | None]) -> np.ndarray:
    """Return float64 values; the first cell for which the converter returns None is a `BadCell`."""
    values = np.full(len(cells) + 1, np.nan)
    for index, cell in enumerate(cells):
        value = converter(cell)
        if value is None:
            raise BadCell(_first_row(codes, index), cell)
        values[index] = value
    return values[codes]


def levels(codes: np.ndarray, cells: Sequence[Any]) -> np.ndarray:
    """Return an object array of level texts, None where missing or a placeholder."""
    texts = np.empty(len(cells) + 1, dtype=object)
    for index, cell in enumerate(cells):
        text = level(cell)
        texts[index] = None if text in MISSING_TEXT else text
    return texts[codes]


def dates(codes: np.ndarray, cells: Sequence[Any], format: str | None) -> np.ndarray:
    """Return datetime64[ns] from date objects, or from text in one format (None is ISO 8601)."""
    format = format or "ISO8601"
    stripped = [cell.strip() if isinstance(cell, str) else cell for cell in cells]
    present = [i for i, cell in enumerate(stripped) if not (isinstance(cell, str) and cell in MISSING_TEXT)]
    values = np.full(len(cells) + 1, np.datetime64("NaT"), dtype="datetime64[ns]")
    try:
        values[present] = _timestamps([stripped[index] for index in present], format)
    except (ValueError, TypeError):  # OutOfBoundsDatetime is a ValueError too
        for index in present:
            try:
                _timestamps([stripped[index]], format)
            except (ValueError, TypeError):
                raise BadCell(_first_row(codes, index), cells[index]) from None
        raise
    return values[codes]


def _first_row(codes: np.ndarray, index: int) -> int:
    return int(np.flatnonzero(codes == index)[0])


def _timestamps(cells: list[Any], format: str) -> np.ndarray:
    """Return date objects or texts as datetime64[ns] in UTC; ValueError where one is neither."""
    texts = [cell for cell in cells if isinstance(cell, str)]
    if format == "ISO8601" and not all(_ISO_DATE.fullmatch(text) for text in texts):
        raise ValueError("not ISO 8601")
    if not all(isinstance(cell, (str, datetime.date, np.datetime64)) for cell in cells):
        raise ValueError("not dates")
    if 0 < len(texts) < len(cells):
        return np.concatenate([_timestamps([cell], format) for cell in cells])
    index = pd.to_datetime(pd.Index(cells, dtype=object), format=format if texts else None, utc=True)
    return pd.DatetimeIndex(index).tz_localize(None).as_unit("ns").to_numpy()


def date_formats(texts: Sequence[str]) -> list[str]:
    """Return the formats that read every text: one, two where day and month can be exchanged, or none."""
    if all(_ISO_DATE.fullmatch(text) for text in texts):
        return ["ISO8601"]
    if not all(re.search(r"\d", text) and re.search(r"[-/. ]", text) for text in texts):
        return []
    formats = []
    for format in _FORMATS:
        try:
            pd.to_datetime(texts[0], format=format)
            pd.to_datetime(list(texts), format=format)
        except ValueError:
            continue
        formats.append(format)
        if len(formats) == 2 or "%m" not in format or format.startswith("%Y"):
            break
    return formats


def native(series: pd.Series) -> tuple[str, np.ndarray] | None:
    """Return kind and values where the dtype of pandas decides them, otherwise None."""
    dtype = series.dtype
    types = pd.api.types
    if isinstance(dtype, pd.CategoricalDtype) or types.is_object_dtype(dtype) or types.is_string_dtype(dtype):
        return None
    if types.is_bool_dtype(dtype):
        return "boolean", series.to_numpy(dtype=np.float64, na_value=np.nan)
    if types.is_complex_dtype(dtype):
        return None
    if types.is_numeric_dtype(dtype):
        if isinstance(dtype, np.dtype):
            return "number", series.to_numpy(dtype=np.float64)
        return "number", series.to_numpy(dtype=np.float64, na_value=np.nan)
    if types.is_datetime64_any_dtype(dtype):
        return "date", _from_dates(series)
    if isinstance(dtype, pd.PeriodDtype):
        return "date", _from_dates(series.dt.to_timestamp())
    if types.is_timedelta64_dtype(dtype):
        return "number", series.to_numpy(dtype="timedelta64[ns]") / np.timedelta64(1, "D")
    return None


def _from_dates(series: pd.Series) -> np.ndarray:
    """Return datetimes as UTC without a zone, in nanoseconds."""
    index = pd.DatetimeIndex(series)
    if index.tz is not None:
        index = index.tz_convert("UTC").tz_localize(None)
    try:
        return index.as_unit("ns").to_numpy()
    except pd.errors.OutOfBoundsDatetime:
        years = index.year
        position = int(np.flatnonzero((years < 1678) | (years > 2261))[0])
        raise BadCell(position, str(index[position])) from None
