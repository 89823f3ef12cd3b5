"""What kind each column is, and how its cells are written: learned from rows outside the test part."""

from __future__ import annotations

import datetime
import decimal
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError
from toolkit.common.formatting import counted, rows_text
from toolkit.data import date_formats, number_formats
from toolkit.data.cells import (
    MISSING_TEXT,
    ODD,
    READ,
    distinct,
    is_missing,
    is_number,
    most_odd,
    native,
    plain_dtype,
)
from toolkit.data.column_learning import DistinctCells, Guess, are_compact_dates, compact_note
from toolkit.data.column_values import Cells, read_values, spread, unread_notes
from toolkit.data.columns import CLOCK, Column
from toolkit.data.reading_options import ReadingOptions

__all__ = ["Inferred", "infer", "inspect"]

_CELLS = (
    *(str, bool, int, float, np.generic, decimal.Decimal),
    *(datetime.date, datetime.timedelta, datetime.time, pd.Interval, pd.Period),
)
_MOST_EXAMPLES = 3
_MOST_COMPARED = 10_000  # levels whose spelling is compared


@dataclass(frozen=True)
class Inferred:
    """What was found out about a column.

    Attributes:
        column: The column; None when its cells are neither numbers, text, dates nor true/false.
        values: Its canonical values, shape (rows,) (see `Columns`).
        notes: One sentence for each conversion; where there is no column, what the cells are.
        hint: Why the column is text although most of its values are numbers or dates, or "".
        proven: The decimal mark that its cells prove, or None.
        doubtful: A cell that can be read with another decimal mark too, or None.
    """

    column: Column | None
    values: np.ndarray
    notes: list[str]
    hint: str = ""
    proven: str | None = None
    doubtful: str | None = None


def infer(
    series: pd.Series,
    name: str,
    *,
    category: bool = False,
    reading: ReadingOptions | None = None,
    likely: str | None = None,
) -> tuple[Column | None, np.ndarray, list[str]]:
    """Find out what kind a column is, from all its rows.

    Args:
        series: The column as the user gave it, of any dtype.
        name: The name for the result and for messages.
        category: Take its values as categories whatever they are.
        reading: How numbers and dates are written; by default it is found out.
        likely: The decimal mark of numbers that can be read in two ways, where it is known.

    Returns:
        The column, its canonical values (see `Columns`), and one sentence for each conversion. The column is None when
        its cells are neither numbers, text, dates nor true/false; the only sentence then says what they are.

    Raises:
        DataError: Its numbers can be read in two ways.

    Example:
        >>> column, values, notes = infer(pd.Series(["3", "?", "4.5"]), "age")
        >>> column.kind, values.tolist(), notes
        ('number', [3.0, nan, 4.5], ["'age' is text that holds numbers: read as numbers, with 1 cell ('?') missing."])
    """
    inferred = inspect(series, name, category=category, reading=reading, likely=likely)
    if inferred.doubtful is not None and "," in inferred.doubtful:
        raise undecided(name, inferred.doubtful)
    return inferred.column, inferred.values, inferred.notes


def undecided(name: str, cell: str) -> DataError:
    """Return the error about numbers that can be read in two ways."""
    number, digits, mark = cell.replace(",", "."), re.sub(r"[.,]", "", cell), "," if "," in cell else "."
    return DataError(
        f"column '{name}': '{cell}' can be {digits} or {number}, and nothing in the table says which. "
        f"Add thousands='{mark}' or decimal='{mark}'."
    )


def inspect(
    series: pd.Series,
    name: str,
    *,
    category: bool = False,
    reading: ReadingOptions | None = None,
    learn: np.ndarray | None = None,
    rows: np.ndarray | None = None,
    text: bool = False,
    likely: str | None = None,
) -> Inferred:
    """Find out what kind a column is, and read all its cells.

    Args:
        series: The column as the user gave it, of any dtype.
        name: The name for the result and for messages.
        category: Take its values as categories whatever they are.
        reading: How numbers and dates are written; by default it is found out.
        learn: Mask of the rows from which kind and formats are learned, shape (rows,); None is all.
        rows: The row numbers for messages; by default from 1.
        text: Whether all cells are text because the file is; numbers in such cells need no note.
        likely: The decimal mark that other columns speak for.
    """
    reading = reading or ReadingOptions()
    learn = np.ones(len(series), dtype=bool) if learn is None else learn
    rows = np.arange(1, len(series) + 1) if rows is None else rows
    series = plain_dtype(series)
    typed = None if category else native(series)
    if typed is not None:
        return _of_type(series, name, *typed, learn, rows, tuple(reading.na_values))
    plain = None if category or reading != ReadingOptions() else number_formats.plain_column(series)
    if plain is not None and not are_compact_dates(plain[0][learn], name):
        notes = [] if text else [f"'{name}' is text that holds numbers: read as numbers."]
        return Inferred(Column(name, "number"), plain[0], notes, "", "." if plain[1] else None)
    try:
        codes, values = distinct(series)
    except TypeError:
        return _no_column(next(cell for cell in series if not _can_be_compared(cell)))
    for cell in values:
        if not category and (not isinstance(cell, _CELLS) or isinstance(cell, np.complexfloating)):
            return _no_column(cell)
    counts = np.bincount(codes[learn & (codes >= 0)], minlength=len(values))
    distinct_cells = DistinctCells(name, codes, values, counts, int(learn.sum()), reading)
    guess = distinct_cells.category() if category or _are_categories(series, values) else distinct_cells.kind(likely)
    cells = spread(codes, *distinct_cells.read(guess.column))
    notes = _notes(guess, distinct_cells, series, cells, rows, text)
    return Inferred(guess.column, cells.values, notes, guess.hint, guess.proven, guess.doubtful)


def _can_be_compared(cell: object) -> bool:
    try:
        hash(cell)
    except (TypeError, ValueError):
        return False
    return True


def _are_categories(series: pd.Series, values: list[Any]) -> bool:
    return isinstance(series.dtype, pd.CategoricalDtype) or any(isinstance(cell, pd.Interval) for cell in values)


def _of_type(
    series: pd.Series,
    name: str,
    kind: str,
    values: np.ndarray,
    state: np.ndarray,
    learn: np.ndarray,
    rows: np.ndarray,
    missing_words: tuple[str, ...],
) -> Inferred:
    """Return what the dtype of a column says; numbers among the user's words for a missing cell are missing."""
    if series.dtype.kind == "m":
        column = Column(name, "number", CLOCK)
        return Inferred(column, values, [f"'{name}' is a duration: read as a number of seconds."])
    if kind == "number" and are_compact_dates(values[learn], name):
        column = Column(name, "date", date_formats.COMPACT)
        cells = read_values(series, column)
        return Inferred(column, cells.values, [compact_note(name), *unread_notes(column, series, cells, rows)])
    column = Column(name, kind)
    notes = []
    if kind == "number" and missing_words:
        column = Column(name, kind, missing=missing_words)
        count = int(number_formats.are_words(values, missing_words).sum())
        cells = read_values(series, column)
        values, state = cells.values, cells.state
        notes = [f"{_cells(count, name)} as missing, as asked (na_values)."] if count else []
    if isinstance(series.dtype, pd.DatetimeTZDtype) and str(series.dt.tz) != "UTC":
        notes.append(f"'{name}' is in the time zone {series.dt.tz}: read as UTC.")
    if (state == ODD).sum() > most_odd(len(series)):
        first = int(np.flatnonzero(state == ODD)[0])
        raise DataError(
            f"column '{name}': row {rows[first]} holds {series.iloc[first]}; dates from the year 1678 to 2261 can be "
            "read."
        )
    return Inferred(column, values, [*notes, *unread_notes(column, series, Cells(values, state), rows)])


def _no_column(cell: object) -> Inferred:
    kind = type(cell).__name__
    return Inferred(None, np.empty(0), [f"its cells are of type {kind}, not numbers, text, dates or true/false"])


def _notes(
    guess: Guess, distinct_cells: DistinctCells, series: pd.Series, cells: Cells, rows: np.ndarray, text: bool
) -> list[str]:
    """Return what there is to say about a column that was read from cells."""
    column = guess.column
    texts = {index: value.strip() for index, value in enumerate(distinct_cells.values) if isinstance(value, str)}
    absent = {
        index: word
        for index, word in texts.items()
        if word and is_missing(word, column.missing, among_numbers=column.kind in ("number", "date"))
    }
    count = int(np.isin(distinct_cells.codes, list(absent)).sum())
    quoted = ", ".join(f"'{word}'" for word in sorted(set(absent.values())))
    if 0 < count <= _MOST_EXAMPLES and not MISSING_TEXT.issuperset(absent.values()):
        quoted += f" in {rows_text(rows[np.isin(distinct_cells.codes, list(absent))])}"
    if column.kind == "category":
        notes = [f"{_cells(count, column.name, quoted)} as missing."] if count else []
        return [*notes, *[guess.note] * bool(guess.note), *[guess.hint] * bool(guess.hint), *_alike(column, cells)]
    if column.kind == "number" and column.format is None and texts:
        return [*_number_note(column, distinct_cells, count, quoted, text), *unread_notes(column, series, cells, rows)]
    missing = [f"{_cells(count, column.name, quoted)} as missing."] if count else []
    usual = all(word in MISSING_TEXT for word in absent.values())
    notes = [guess.note] * bool(guess.note) + (missing if not (text and usual) else [])
    return [*notes, *unread_notes(column, series, cells, rows)]


def _cells(count: int, name: str, quoted: str = "") -> str:
    shown = f" ({quoted})" if quoted else ""
    return f"{counted(count, 'cell')} of '{name}'{shown} {'counts' if count == 1 else 'count'}"


def _number_note(column: Column, distinct_cells: DistinctCells, count: int, quoted: str, text: bool) -> list[str]:
    """Return a sentence on numbers that are text."""
    values, state = distinct_cells.read(column)
    examples: dict[str, str] = {}
    for cell, value, how in zip(distinct_cells.values, values.tolist(), state.tolist(), strict=True):
        if how != READ or not isinstance(cell, str) or len(examples) == _MOST_EXAMPLES:
            continue
        if not is_number(cell.strip()) or (column.decimal == "," and "." in cell):
            pattern = re.sub(r"[\d ]+", "", cell)
            examples.setdefault(pattern, f"{cell.strip()!r} is {value:.15g}")
    shown = "; ".join([*examples.values(), *_without_unit(column, distinct_cells, values, state)])
    usual = all(word in MISSING_TEXT - {"?"} for word in re.findall(r"'([^']*)'", quoted))
    if text and usual and not shown:
        return []
    how = f" ({shown})" if shown else ""
    missing = f", with {counted(count, 'cell')} ({quoted}) missing" if count else ""
    return [f"'{column.name}' is text that holds numbers: read as numbers{how}{missing}."]


def _without_unit(column: Column, distinct_cells: DistinctCells, values: np.ndarray, state: np.ndarray) -> list[str]:
    """Return an example of a cell that lacks the unit of the others: '0.26' among percentages may be 26 %."""
    for cell, value, how in zip(distinct_cells.values, values.tolist(), state.tolist(), strict=True):
        if column.unit and how == READ and value and isinstance(cell, str) and column.unit not in cell:
            return [f"{cell.strip()!r} without '{column.unit}' is {value:.15g}"]
    return []


def _alike(column: Column, cells: Cells) -> list[str]:
    """Return a sentence on levels that differ only in case."""
    levels = [str(value) for value in pd.unique(cells.values[cells.state == READ])[:_MOST_COMPARED]]
    by_folded: dict[str, list[str]] = {}
    for label in levels:
        by_folded.setdefault(" ".join(label.casefold().split()), []).append(label)
    alike = [sorted(group) for group in by_folded.values() if len(group) > 1]
    if not alike:
        return []
    first = " and ".join(repr(label) for label in alike[0][:3])
    more = f", and {counted(len(alike) - 1, 'more group')}" if len(alike) > 1 else ""
    return [f"Levels of '{column.name}' differ only in case or blanks ({first}{more}): they are read as different."]
