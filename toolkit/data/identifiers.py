"""Columns that number or name the rows, and columns that repeat what the split should know."""

from __future__ import annotations

import re

import numpy as np

from toolkit.data.cells import most_odd

__all__ = ["are_integers", "is_suspect", "is_time_axis", "numbers_rows", "repeat_question", "words_of"]

_FEWEST_ROWS = 10  # fewer whole numbers may be in order by chance
_FIRST = 1_000  # rows that are looked at before all others
_ROW_NAMES = re.compile(r"(unnamed(: ?\d+)?|row[ _.]?(names?|num|numbers?|no|nr|id|index|i)?|index|idx|level_0)\.?")
_NAMING_WORDS = """
id ids uuid guid key phone telephone tel mobile fax ssn isbn iban ean barcode serial passport vin
"""
_NAMING = frozenset(_NAMING_WORDS.split())
_NAMING_LAST = frozenset({"no", "nr", "number"})
_JOINED = re.compile(
    r"(user|customer|client|patient|subject|person|order|product|item|member|account|case|record|row|object|sample|"
    r"employee|student|session|transaction|loan|ticket|event|device|house|store|passenger|respondent|invoice)"
    r"(id|nr|no|number|key)"
)
_TIME_WORDS = """
year years yr time date datetime timestamp t step day days week month hour minute second seconds epoch period quarter
datum jahr
"""
_TIME_AXIS = frozenset(_TIME_WORDS.split())
_REPEATING_WORDS = """
id ids uuid patient subject user customer client person participant respondent household student pupil animal
mouse rat player driver donor member employee account device machine sensor session case individual
"""
_REPEATING = frozenset(_REPEATING_WORDS.split())


def words_of(name: str) -> list[str]:
    """Return the words of a column name in lower case.

    Example:
        >>> words_of("PatientID"), words_of("order_no."), words_of("customerid")
        (['patient', 'id'], ['order', 'no'], ['customer', 'id'])
    """
    tokens = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+", name)]
    joined = [_JOINED.fullmatch(word) for word in tokens]
    return [part for word, match in zip(tokens, joined, strict=True) for part in (match.groups() if match else (word,))]


def is_time_axis(name: str) -> bool:
    """Return whether a column is named after a time, such as "year" or "t"."""
    tokens = words_of(name)
    return bool(tokens) and (tokens[-1] in _TIME_AXIS or tokens[0] in _TIME_AXIS) and not _NAMING.intersection(tokens)


def _names_rows(name: str) -> bool:
    tokens = words_of(name)
    if name.strip(" .") in ("#", "no", "No", "nr", "Nr"):
        return True
    return bool(tokens) and (not _NAMING.isdisjoint(tokens) or (len(tokens) > 1 and tokens[-1] in _NAMING_LAST))


def numbers_rows(values: np.ndarray, name: str, rows: int) -> str | None:
    """Return why a column of numbers only tells the rows from one another, or None where it may be more.

    Args:
        values: Numbers of some rows, in the order of the table; NaN where missing.
        name: The name of the column.
        rows: The number of rows of the table.

    Example:
        >>> numbers_rows(np.array([2, 3, 7, 8, 11, 12, 20, 21, 30, 31]), "x", 12)
        "a row number: its whole numbers rise from row to row (keep='x' uses it all the same)"
    """
    present = _whole_numbers(values)
    if present is None:
        return None
    different = len(np.unique(present))
    if _ROW_NAMES.fullmatch(name.strip().lower()) and different >= 0.5 * len(present):
        return "a row number: its name says so"
    # A year in each row is a time series, and the year is informative.
    if different < len(present) or is_time_axis(name) or _are_years(present):
        return None
    low, high = present.min(), present.max()
    if high - low < rows:
        return "a row number: its whole numbers run on by one"
    if (present[1:] > present[:-1]).all():
        return f"a row number: its whole numbers rise from row to row (keep='{name}' uses it all the same)"
    if _names_rows(name):
        return "an identifier: its name says so, and its whole numbers don't repeat"
    return None


def is_suspect(values: np.ndarray, name: str) -> bool:
    """Return whether numbers that are used may only tell the rows from one another: each is different and whole."""
    present = _whole_numbers(values)
    if present is None or is_time_axis(name) or _are_years(present):
        return False
    return len(np.unique(present)) == len(present)


def are_integers(values: np.ndarray) -> bool:
    """Return whether all numbers are whole; floats so large that they can't be anything else are no whole numbers."""
    # Most columns of fractions are known by their first rows.
    return values.dtype.kind != "f" or (_are_whole(values[:_FIRST]) and _are_whole(values))


def _are_whole(values: np.ndarray) -> bool:
    return bool((np.abs(values) < np.float64(2**53)).all() and (values % 1 == 0).all())


def _whole_numbers(values: np.ndarray) -> np.ndarray | None:
    """Return the numbers that are not missing, or None where they are few or not whole."""
    first = values[:_FIRST]
    if values.dtype.kind == "f" and not are_integers(first[np.isfinite(first)]):
        return None
    missing = ~np.isfinite(values) if values.dtype.kind == "f" else np.zeros(len(values), dtype=bool)
    if len(values) - missing.sum() < _FEWEST_ROWS or missing.sum() > most_odd(len(values)):
        return None
    present = values[~missing] if missing.any() else values
    return present if are_integers(present) else None


def _are_years(present: np.ndarray) -> bool:
    return bool(present.min() >= 1800 and present.max() <= 2100)


def repeat_question(codes: np.ndarray, learn: np.ndarray, name: str, *, rising: bool) -> str | None:
    """Return the question whether a column names persons or things that stand in several rows, or None.

    Args:
        codes: The number of each row's value among the distinct ones, in the order of the table; -1 where missing.
        learn: Mask of the rows that decide it, shape (rows,).
        name: The name of the column.
        rising: Whether the values are numbers that never fall from row to row, as those of a sorted measure.

    Example:
        >>> repeat_question(np.repeat(np.arange(20), 3), np.ones(60, bool), "patient", rising=True)
        "'patient' repeats: 20 different values in 60 rows. Does it name a person or thing that appears in several \
rows? If so, group='patient' keeps its rows in one part."
    """
    present = codes[learn & (codes >= 0)]
    if len(present) < 2 * _FEWEST_ROWS or is_time_axis(name):
        return None
    counts = np.bincount(present)
    counts = counts[counts > 0]
    different, rows = len(counts), len(present)
    if different < 5 or different > 0.9 * rows or counts.max() > 0.5 * rows:
        return None
    # The rows of each value follow one another, as in a table of several measurements per person. A sorted measure
    # looks the same, but its values have different numbers of rows.
    blocks = 1 + int((present[1:] != present[:-1]).sum()) == different >= _FEWEST_ROWS and np.median(counts) >= 2
    everywhere = np.bincount(codes[codes >= 0])
    even = everywhere.max() <= 2 * everywhere[everywhere > 0].min()
    if not _repeats_by_name(name) and not (blocks and (even or not rising) and counts.max() <= 0.2 * rows):
        return None
    return (
        f"'{name}' repeats: {(everywhere > 0).sum():,} different values in {everywhere.sum():,} rows. Does it name a "
        f"person or thing that appears in several rows? If so, group='{name}' keeps its rows in one part."
    )


def _repeats_by_name(name: str) -> bool:
    """Return whether a column is named after persons or things, such as "patient" or "customer name"."""
    tokens = words_of(name)
    if len(tokens) > 1 and tokens[-1] in ("name", "code", *_NAMING_LAST):
        tokens = tokens[:-1]
    return bool(tokens) and tokens[-1] in _REPEATING
