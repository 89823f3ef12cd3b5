"""The cells of one column: the distinct ones, missing ones, and the text by which a category's level is known."""

from __future__ import annotations

import datetime
import decimal
import enum
import re
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow

from toolkit.data.surrogates import valid_text

__all__ = [
    "MISSING",
    "MISSING_TEXT",
    "ODD",
    "OPEN",
    "READ",
    "coded_texts",
    "distinct",
    "distinct_texts",
    "is_missing",
    "is_number",
    "keeps_spelling",
    "level",
    "most_odd",
    "native",
    "plain_dtype",
    "sampled",
    "spelled",
    "text_array",
    "within_range",
]

# Text that stands for "no value" in any column.
MISSING_TEXT = frozenset({"", "?", "NA", "N/A", "n/a", "na", "NaN", "nan", "<NA>", "#N/A", "null", "NULL"})
# Further words for "no value", in lower case. They can be categories, so they count only among numbers and dates.
_MORE_WORDS = """
- -- --- – — . .. ... * ** *** \\n n.a. n.a #na <na> #n/a n/a na nan nat null (null) <null> none nil missing (missing)
unknown unk undefined blank (blank) empty (empty) n/d n.d. n.d nd n/k tbd tba tbc error err #div/0! #ref! #value! #num!
#name? #null! #spill! #calc! #error! k.a. k.a fehlt unbekannt inconnu desconocido
"""
_MORE_PHRASES = """
not available; not applicable; not known; not recorded; not reported; not measured; not given; not specified; no data;
no value; no answer; no response; keine angabe; prefer not to say
"""
_WORDS = frozenset(_MORE_WORDS.split()) | {" ".join(phrase.split()) for phrase in _MORE_PHRASES.split(";")}

#: How a cell was read: as a value, as missing, as missing because it is no value of the column's kind, or as a date
#: that stands for "no end".
READ, MISSING, ODD, OPEN = range(4)
_SAMPLE = 10_000
_FEWEST_ODD, _ODD_SHARE = 3, 100

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_EARLIEST, _LATEST = 1678, 2261  # the years that datetime64[ns] holds entirely


def most_odd(rows: int) -> int:
    """Return how many cells of a number or date column may be odd: 3, or 1 % of the rows.

    Example:
        >>> most_odd(60), most_odd(1_000)
        (3, 10)
    """
    return max(_FEWEST_ODD, rows // _ODD_SHARE)


def is_number(text: str) -> bool:
    """Return whether text is written as a finite number."""
    return _NUMBER.fullmatch(text) is not None


def is_missing(text: str, missing_words: Collection[str] = (), *, among_numbers: bool = False) -> bool:
    """Return whether stripped text stands for "no value".

    Args:
        text: The text of a cell.
        missing_words: Further such words of the user.
        among_numbers: Whether the column holds numbers or dates.

    Example:
        >>> is_missing("NA"), is_missing("unknown"), is_missing("Unknown", among_numbers=True)
        (True, False, True)
    """
    return text in MISSING_TEXT or text in missing_words or (among_numbers and text.lower() in _WORDS)


def sampled(texts: Sequence[str], counts: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Return at most about 10,000 of many distinct texts, and their rows: enough to see how they are written."""
    step = max(1, len(texts) // _SAMPLE)
    return list(texts[::step]), counts[::step]


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
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        value = pd.Timestamp(value).tz_convert("UTC")  # equal instants are one level
    text = valid_text(value).strip()
    if text.lower() in ("true", "false"):
        return text.capitalize()
    if not is_number(text):
        return text
    if text.lstrip("+-").isdecimal():
        return str(int(text)) if len(text) < 300 else text
    value = float(text)
    if not np.isfinite(value):
        return text
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def spelled(value: object) -> str:
    """Return the text by which a level is known where the spelling of codes matters: `"01"` is not `"1"`.

    Example:
        >>> spelled("01234 "), spelled("1E5"), spelled(1.0)
        ('01234', '1E5', '1')
    """
    if isinstance(value, str) and is_number(value.strip()):
        return value.strip()
    return level(value)


def keeps_spelling(cells: Collection[Any]) -> bool:
    """Return whether the distinct cells of a category hold codes that are numbers in another spelling.

    What pandas makes of whole numbers, "1.0" for "1", is no other spelling, unless both occur.

    Example:
        >>> keeps_spelling(["01234", "90210"]), keeps_spelling(["1.0", "2.0", "x"]), keeps_spelling(["1", "1.0"])
        (True, False, True)
    """
    texts = [text for text in (cell.strip() for cell in cells if isinstance(cell, str)) if is_number(text)]
    numbers = [level(text) for text in texts]
    plain = all(text in (number, f"{number}.0") for text, number in zip(texts, numbers, strict=True))
    return not plain or len(set(numbers)) < len(set(texts))


_EQUAL_TO_TRUTHS = (bool, int, float, complex, np.bool_, np.number, decimal.Decimal)


class _Truth(enum.Enum):
    """True and false, which equal no number."""

    FALSE = False
    TRUE = True


def _factorized(cells: Any) -> tuple[np.ndarray, Any]:
    try:
        return pd.factorize(cells)
    except ValueError as error:  # a duration of NumPy without a unit can't be hashed
        raise TypeError(str(error)) from error


@np.errstate(over="ignore")  # NumPy compares a float16 with a float as float16
def distinct(series: pd.Series) -> tuple[np.ndarray, list[Any]]:
    """Return for each row the index of its value among the distinct ones (-1 where missing), and those values.

    Bytes become text.

    Raises:
        TypeError: A cell is a list or another object that can't be compared.
    """
    texts = text_array(series)
    if texts is not None:
        return distinct_texts(texts)
    cells = series.astype(object) if pd.api.types.is_string_dtype(series.dtype) else series
    if pd.api.types.is_object_dtype(cells.dtype):
        # An array, since pandas 2 makes an index of a Series' values, and whole numbers of 400 digits don't fit there.
        cells = cells.to_numpy(dtype=object)
    try:
        codes, values = _factorized(cells)
    except TypeError:
        # A signaling NaN can't be hashed.
        signaling = [isinstance(cell, decimal.Decimal) and cell.is_snan() for cell in cells]
        if not any(signaling):
            raise
        cells = pd.Series(cells, dtype=object).mask(signaling).to_numpy(dtype=object)
        codes, values = _factorized(cells)
    if isinstance(cells, np.ndarray) and any(
        isinstance(value, _EQUAL_TO_TRUTHS) and value in (0, 1) for value in values
    ):
        # True equals 1, but is another level.
        truths = np.array([isinstance(cell, (bool, np.bool_)) for cell in cells], dtype=bool)
        marked = cells.copy()
        marked[truths] = [_Truth(bool(cell)) for cell in cells[truths]]
        codes, values = pd.factorize(marked)
        values = [value.value if isinstance(value, _Truth) else value for value in values]
    decoded = [value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value for value in values]
    return np.asarray(codes), decoded


def distinct_texts(texts: pyarrow.Array) -> tuple[np.ndarray, list[str]]:
    """Return for each row the index of its text among the distinct ones (-1 where missing), and those texts."""
    encoded = texts.dictionary_encode()
    return encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False), encoded.dictionary.to_pylist()


def coded_texts(series: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Return for each cell the index of its text among the distinct ones (-1 where it is no text), and those texts.

    Example:
        >>> codes, texts = coded_texts(pd.Series(["a", 1, "b", None, "a"]))
        >>> codes.tolist(), texts
        ([0, -1, 1, -1, 0], ['a', 'b'])
    """
    array = text_array(series)
    if array is not None:
        return distinct_texts(array)
    cells = np.empty(len(series), dtype=object)
    cells[:] = [cell if isinstance(cell, str) else None for cell in series.astype(object)]
    codes, texts = pd.factorize(cells)
    return codes, list(texts)


def text_array(series: pd.Series) -> pyarrow.Array | None:
    """Return a column with a dtype for text as an array of Arrow; None for other columns, and for invalid Unicode.

    Example:
        >>> text_array(pd.Series(["a", None], dtype="string")).to_pylist(), text_array(pd.Series([1]))
        (['a', None], None)
    """
    if not isinstance(series.dtype, pd.StringDtype):
        return None
    try:
        texts = pyarrow.array(series)
    except UnicodeError:
        return None
    return texts.combine_chunks() if isinstance(texts, pyarrow.ChunkedArray) else texts


def plain_dtype(series: pd.Series) -> pd.Series:
    """Return a column whose dtype of Arrow has an equal in pandas with that dtype; other columns as they are."""
    dtype = series.dtype
    if not isinstance(dtype, pd.ArrowDtype) or pd.api.types.is_numeric_dtype(dtype):
        return series
    if dtype.kind == "m":
        return series.astype("timedelta64[ns]")
    if dtype.kind in "OU" or pd.api.types.is_string_dtype(dtype):
        return series.astype(object)
    return series


def native(series: pd.Series) -> tuple[str, np.ndarray, np.ndarray] | None:
    """Return kind, values and how each cell was read, where the dtype of pandas decides them; otherwise None.

    A duration is a number of seconds.
    """
    dtype = series.dtype
    types = pd.api.types
    if isinstance(dtype, pd.CategoricalDtype) or types.is_object_dtype(dtype) or types.is_string_dtype(dtype):
        return None
    if isinstance(dtype, pd.PeriodDtype):
        return "date", *_from_dates(series.dt.to_timestamp())
    if types.is_datetime64_any_dtype(dtype):
        return "date", *_from_dates(series)
    if types.is_complex_dtype(dtype):
        return None
    if types.is_timedelta64_dtype(dtype):
        kind, values = "number", series.to_numpy(dtype="timedelta64[ns]") / np.timedelta64(1, "s")
    elif types.is_bool_dtype(dtype):
        kind, values = "boolean", series.to_numpy(dtype=np.float64, na_value=np.nan)
    elif types.is_numeric_dtype(dtype):
        options = {} if isinstance(dtype, np.dtype) else {"na_value": np.nan}
        kind, values = "number", series.to_numpy(dtype=np.float64, **options)
    else:
        return None
    return kind, values, np.where(np.isnan(values), MISSING, READ).astype(np.int8)


def _from_dates(series: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return datetimes as UTC without a zone, in nanoseconds, and how each was read."""
    index = pd.DatetimeIndex(series)
    if index.tz is not None:
        index = index.tz_convert("UTC").tz_localize(None)
    return within_range(index)


def within_range(index: pd.DatetimeIndex) -> tuple[np.ndarray, np.ndarray]:
    """Return dates in nanoseconds and how each was read: those outside the years that can be stored become NaT."""
    years = np.asarray(index.year, dtype=np.float64)
    state = np.where(np.isnan(years), MISSING, READ).astype(np.int8)
    state[years < _EARLIEST] = ODD
    state[years > _LATEST] = OPEN
    values = index.to_numpy().copy()
    values[state != READ] = np.datetime64("NaT")
    return values.astype("datetime64[ns]"), state
