"""What kind each column is, and how its cells are written: learned from rows outside the test part."""

from __future__ import annotations

import datetime
import decimal
import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError
from toolkit.common.formatting import counted
from toolkit.data import date_formats, number_formats
from toolkit.data.cells import (
    MISSING,
    MISSING_TEXT,
    ODD,
    OPEN,
    READ,
    distinct,
    is_missing,
    is_number,
    keeps_spelling,
    most_odd,
    native,
    plain_dtype,
)
from toolkit.data.column_values import Cells, read_distinct, read_values, spread, unread_notes
from toolkit.data.columns import CLOCK, Column
from toolkit.data.reading_options import ReadingOptions

__all__ = ["Inferred", "infer", "inspect"]

_CELLS = (
    *(str, bool, int, float, np.generic, decimal.Decimal),
    *(datetime.date, datetime.timedelta, datetime.time, pd.Interval, pd.Period),
)
_MOST_EXAMPLES = 3
_MOST_COMPARED = 10_000  # levels whose spelling is compared
_SAMPLE = 1_000
_MOSTLY = 0.7  # the share of rows from which on "most" is said
_PADDED = re.compile(r"0\d+")
_FEWEST_DIGITS = 4  # codes of one length with fewer digits may be numbers
_MONTH = re.compile(r"(0[1-9]|1[0-2])\.(19|20)\d{2}")
_ENDLESS = 9999_12_31
_DATE_NAME = re.compile(r"date|datum|fecha|jour|day|(^|_)dt(_|$)", re.IGNORECASE)


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
    series: pd.Series, name: str, *, category: bool = False, reading: ReadingOptions | None = None
) -> tuple[Column | None, np.ndarray, list[str]]:
    """Find out what kind a column is, from all its rows.

    Args:
        series: The column as the user gave it, of any dtype.
        name: The name for the result and for messages.
        category: Take its values as categories whatever they are.
        reading: How numbers and dates are written; by default it is found out.

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
    inferred = inspect(series, name, category=category, reading=reading)
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
        return _of_type(series, name, *typed, learn, rows)
    try:
        codes, values = distinct(series)
    except TypeError:
        return _no_column(next(cell for cell in series if getattr(cell, "__hash__", None) is None))
    for cell in values:
        if not category and (not isinstance(cell, _CELLS) or isinstance(cell, np.complexfloating)):
            return _no_column(cell)
    counts = np.bincount(codes[learn & (codes >= 0)], minlength=len(values))
    learned = _Learned(name, codes, values, counts, int(learn.sum()), reading)
    found = learned.category() if category or _are_categories(series, values) else learned.kind(likely)
    cells = spread(codes, *learned.read(found.column))
    notes = _notes(found, learned, series, cells, rows, text)
    return Inferred(found.column, cells.values, notes, found.hint, found.proven, found.doubtful)


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
) -> Inferred:
    """Return what the dtype of a column says."""
    if series.dtype.kind == "m":
        column = Column(name, "number", CLOCK)
        return Inferred(column, values, [f"'{name}' is a duration: read as a number of seconds."])
    if kind == "number" and _are_compact_dates(values[learn], name):
        column = Column(name, "date", date_formats.COMPACT)
        cells = read_values(series, column)
        return Inferred(column, cells.values, [_compact_note(name), *unread_notes(column, series, cells, rows)])
    column = Column(name, kind)
    notes = []
    if isinstance(series.dtype, pd.DatetimeTZDtype) and str(series.dt.tz) != "UTC":
        notes.append(f"'{name}' is in the time zone {series.dt.tz}: read as UTC.")
    if (state == ODD).sum() > most_odd(len(series)):
        first = int(np.flatnonzero(state == ODD)[0])
        raise DataError(
            f"column '{name}': row {rows[first]} holds {series.iloc[first]}; dates from the year 1678 to 2261 can be "
            "read."
        )
    return Inferred(column, values, [*notes, *unread_notes(column, series, Cells(values, state), rows)])


def _are_compact_dates(values: np.ndarray, name: str) -> bool:
    """Return whether numbers are dates such as 20240131, as the name of their column says."""
    known = np.unique(values[np.isfinite(values)])
    if not _DATE_NAME.search(name) or len(known) == 0 or (known % 1 != 0).any():
        return False
    near = known[(known >= 1900_01_01) & (known <= 2100_12_31)]
    odd = len(known) - len(near) - int((known == _ENDLESS).sum())
    if len(near) < 2 or odd > most_odd(len(values)) or 4 * odd > len(near):
        return False
    texts = [str(int(value)) for value in near]
    return bool((date_formats.read_dates(texts, date_formats.COMPACT, ())[1] == READ).all())


def _compact_note(name: str) -> str:
    return f"'{name}' holds dates such as 20240131: read as year, month and day."


def _no_column(cell: object) -> Inferred:
    kind = type(cell).__name__
    return Inferred(None, np.empty(0), [f"its cells are of type {kind}, not numbers, text, dates or true/false"])


@dataclass(frozen=True)
class _Found:
    """A column as it was learned, and what there is to say about it."""

    column: Column
    note: str = ""
    hint: str = ""
    proven: str | None = None
    doubtful: str | None = None


@dataclass(frozen=True)
class _Learned:
    """The distinct cells of a column, and how many of the rows it is learned from hold each."""

    name: str
    codes: np.ndarray
    values: list[Any]
    counts: np.ndarray
    rows: int
    reading: ReadingOptions

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self.reading.na_values)

    @cached_property
    def cells(self) -> list[Any]:
        """The distinct cells that occur in the rows the column is learned from."""
        return [cell for cell, count in zip(self.values, self.counts.tolist(), strict=True) if count]

    @cached_property
    def texts(self) -> tuple[list[str], np.ndarray]:
        """The stripped texts that are not missing among numbers and dates, and their rows."""
        pairs = [
            (cell.strip(), count)
            for cell, count in zip(self.values, self.counts.tolist(), strict=True)
            if count and isinstance(cell, str)
        ]
        kept = [pair for pair in pairs if not is_missing(pair[0], self.words, among_numbers=True)]
        return [text for text, _ in kept], np.array([count for _, count in kept], dtype=np.int64)

    @cached_property
    def _known(self) -> dict[Column, tuple[np.ndarray, np.ndarray]]:
        return {}

    def read(self, column: Column) -> tuple[np.ndarray, np.ndarray]:
        """Return all distinct cells in canonical form, and how each was read."""
        if column not in self._known:
            self._known[column] = read_distinct(self.values, column)
        return self._known[column]

    def kind(self, likely: str | None) -> _Found:
        """Return the first kind that reads the cells: true/false, numbers, times of day, dates; or categories."""
        cells = self.cells
        if self._are_truths(cells):
            return _Found(Column(self.name, "boolean", missing=self.words))
        codes = self._codes(cells)
        best: tuple[int, _Found] | None = None
        learners = [lambda: None if codes else self._number(likely), self._clock, self._date]
        if self._are_months():
            learners.reverse()
        for learn in learners:
            found = learn()
            if found is None or not self._reads_sample(found.column):
                continue
            read, odd = self._rows_read(found.column)
            if odd <= most_odd(self.rows) and 4 * odd <= read:
                return self._compact_dates(found) or found
            if best is None or read > best[0]:
                best = read, found
        if not cells or all(isinstance(cell, str) and is_missing(cell.strip(), self.words) for cell in cells):
            return _Found(Column(self.name, "number", missing=self.words))
        category = self.category()
        if codes:
            note = f"'{self.name}' holds codes with leading zeros, such as '{codes}': read as categories."
            return replace(category, note=note)
        return replace(category, hint=self._hint(best))

    def _compact_dates(self, found: _Found) -> _Found | None:
        """Return the column as dates where its numbers are dates such as 20240131."""
        values = self.read(found.column)[0]
        if found.column.kind != "number" or not _are_compact_dates(values[self.counts > 0], self.name):
            return None
        return _Found(Column(self.name, "date", date_formats.COMPACT, missing=self.words), _compact_note(self.name))

    def category(self) -> _Found:
        """Return the column as a category."""
        return _Found(Column(self.name, "category", missing=self.words, spelling=keeps_spelling(self.cells)))

    def _rows_read(self, column: Column) -> tuple[int, int]:
        """Return the number of rows that are values of the column's kind, and of those that are not."""
        state = self.read(column)[1]
        return int(self.counts[(state == READ) | (state == OPEN)].sum()), int(self.counts[state == ODD].sum())

    def _reads_sample(self, column: Column) -> bool:
        """Return whether some of the cells are values of the column's kind; of many cells a sample must suffice."""
        cells = self.cells[:: max(1, len(self.cells) // _SAMPLE)]
        state = read_distinct(cells, column)[1]
        read = int(((state == READ) | (state == OPEN)).sum())
        return read > 0 and (len(cells) == len(self.cells) or 2 * read >= int((state != MISSING).sum()))

    def _are_truths(self, cells: list[Any]) -> bool:
        texts = [cell.strip() for cell in cells if isinstance(cell, str)]
        present = {text.lower() for text in texts if not is_missing(text, self.words)}
        if len(texts) == len(cells):
            return bool(present) and present <= {"true", "false"}
        return bool(cells) and all(isinstance(cell, (bool, np.bool_)) for cell in cells)

    def _codes(self, cells: list[Any]) -> str:
        """Return an example of text codes with leading zeros, or ""."""
        texts, counts = self.texts
        if len(texts) < len(cells) - len([cell for cell in cells if isinstance(cell, str)]):
            return ""
        padded = [(text, count) for text, count in zip(texts, counts.tolist(), strict=True) if _PADDED.fullmatch(text)]
        if not padded:
            return ""
        lengths = {len(text) for text in texts}
        many = sum(count for _, count in padded) > most_odd(self.rows)
        return padded[0][0] if many or (len(lengths) == 1 and min(lengths) >= _FEWEST_DIGITS) else ""

    def _are_months(self) -> bool:
        """Return whether all cells are months such as 01.2024, which could be numbers."""
        texts = self.texts[0]
        return bool(texts) and all(_MONTH.fullmatch(text) for text in texts) and any(text[0] == "0" for text in texts)

    def _number(self, likely: str | None) -> _Found | None:
        texts, counts = self.texts
        if not texts:
            return _Found(Column(self.name, "number", missing=self.words))
        mark, thousands = self.reading.decimal, self.reading.thousands
        if mark is None and thousands in (".", ","):
            mark = "," if thousands == "." else "."
        format = number_formats.learn(texts, counts, decimal_mark=mark, likely=likely)
        column = Column(self.name, "number", None, format.decimal, format.unit, self.words)
        proven = format.decimal if format.proven else None
        return _Found(column, proven=proven, doubtful=format.doubtful)

    def _clock(self) -> _Found | None:
        column = Column(self.name, "number", CLOCK, missing=self.words)
        example = next((cell for cell in self.cells[:_SAMPLE] if number_formats.seconds(cell) is not None), None)
        if example is None:
            return None
        note = f"'{self.name}' holds times of day or durations: read as numbers of seconds"
        return _Found(column, f"{note} ('{example}' is {number_formats.seconds(example):.15g}).")

    def _date(self) -> _Found | None:
        texts, counts = self.texts
        if not texts:
            return _Found(Column(self.name, "date", missing=self.words))
        format = date_formats.learn(texts, counts, dayfirst=self.reading.dayfirst)
        if format is None:
            return None
        column = Column(self.name, "date", format.format, missing=self.words)
        zone = date_formats.zone_of(texts, format.format)
        zones = "" if not zone else " in UTC" if zone[0] in "+-" else f", without the time zone {zone}"
        note = f"'{self.name}' is text that holds dates: read as {format.format}{zones}."
        if format.other is not None:
            why = f", since {format.why}" if format.why else ""
            note = (
                f"'{self.name}' is text that holds dates, which can be read as {format.format} or as {format.other}: "
                f"read as {format.format}{why}. Write them as 2024-01-31, or add dayfirst=, to be sure."
            )
        return _Found(column, note)

    def _hint(self, best: tuple[int, _Found] | None) -> str:
        """Return why a column is text although most of its values are of another kind."""
        if best is None:
            return ""
        read, found = best
        state = np.where(self.counts > 0, self.read(found.column)[1], MISSING)
        odd = [self.values[index] for index in np.flatnonzero(state == ODD)]
        count = int((state == READ).sum())
        total = count + len(odd)
        if read < _MOSTLY * self.counts.sum() or found.column.unit.isalpha():
            return ""
        kinds = "dates" if found.column.kind == "date" else "numbers"
        rows = self._rows_read(found.column)[1]
        return (
            f"'{self.name}' is read as text: {count:,} of its {total:,} distinct values are {kinds}, but "
            f"{counted(rows, 'cell')} {'is' if rows == 1 else 'are'} not, such as {odd[0]!r}."
        )


def _notes(
    found: _Found, learned: _Learned, series: pd.Series, cells: Cells, rows: np.ndarray, text: bool
) -> list[str]:
    """Return what there is to say about a column that was read from cells."""
    column = found.column
    texts = {index: value.strip() for index, value in enumerate(learned.values) if isinstance(value, str)}
    absent = {
        index: word
        for index, word in texts.items()
        if word and is_missing(word, column.missing, among_numbers=column.kind in ("number", "date"))
    }
    count = int(np.isin(learned.codes, list(absent)).sum())
    quoted = ", ".join(f"'{word}'" for word in sorted(set(absent.values())))
    if column.kind == "category":
        notes = [f"{counted(count, 'cell')} of '{column.name}' ({quoted}) count as missing."] if count else []
        return [*notes, *[found.note] * bool(found.note), *[found.hint] * bool(found.hint), *_alike(column, cells)]
    if column.kind == "number" and column.format is None and texts:
        return [*_number_note(column, learned, count, quoted, text), *unread_notes(column, series, cells, rows)]
    missing = [f"{counted(count, 'cell')} of '{column.name}' ({quoted}) count as missing."] if count else []
    usual = all(word in MISSING_TEXT for word in absent.values())
    notes = [found.note] * bool(found.note) + (missing if not (text and usual) else [])
    return [*notes, *unread_notes(column, series, cells, rows)]


def _number_note(column: Column, learned: _Learned, count: int, quoted: str, text: bool) -> list[str]:
    """Return a sentence on numbers that are text."""
    values, state = learned.read(column)
    examples: dict[str, str] = {}
    for cell, value, how in zip(learned.values, values.tolist(), state.tolist(), strict=True):
        if how != READ or not isinstance(cell, str) or len(examples) == _MOST_EXAMPLES:
            continue
        if not is_number(cell.strip()) or (column.decimal == "," and "." in cell):
            pattern = re.sub(r"[\d ]+", "", cell)
            examples.setdefault(pattern, f"'{cell.strip()}' is {value:.15g}")
    shown = "; ".join(examples.values())
    usual = all(word in MISSING_TEXT - {"?"} for word in re.findall(r"'([^']*)'", quoted))
    if text and usual and not shown:
        return []
    how = f" ({shown})" if shown else ""
    missing = f", with {counted(count, 'cell')} ({quoted}) missing" if count else ""
    return [f"'{column.name}' is text that holds numbers: read as numbers{how}{missing}."]


def _alike(column: Column, cells: Cells) -> list[str]:
    """Return a sentence on levels that differ only in case."""
    levels = [str(value) for value in pd.unique(cells.values[cells.state == READ])[:_MOST_COMPARED]]
    by_folded: dict[str, list[str]] = {}
    for label in levels:
        by_folded.setdefault(" ".join(label.casefold().split()), []).append(label)
    alike = [sorted(group) for group in by_folded.values() if len(group) > 1]
    if not alike:
        return []
    first = " and ".join(f"'{label}'" for label in alike[0][:3])
    more = f", and {len(alike) - 1} more such groups" if len(alike) > 1 else ""
    return [f"Levels of '{column.name}' differ only in case or blanks ({first}{more}): they are read as different."]
