"""The cells of a column whose kind is known, in canonical form."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow

from toolkit.common.errors import DataError
from toolkit.common.formatting import counted, rows_text
from toolkit.data import date_formats, number_formats
from toolkit.data.cells import (
    MISSING,
    ODD,
    OPEN,
    READ,
    distinct,
    distinct_texts,
    is_missing,
    level,
    native,
    plain_dtype,
    text_array,
)
from toolkit.data.cells import spelled as spelled_level
from toolkit.data.columns import CLOCK, DAYS, Column
from toolkit.data.plain_numbers import read_column

__all__ = [
    "Cells",
    "UnreadCells",
    "WrongType",
    "expected_text",
    "read_distinct",
    "read_values",
    "refuse_infinite",
    "spread",
    "unread_notes",
]

_EXPECTED = {"number": "a number", "boolean": "true or false", "category": "a category", "date": "a date"}
_TRUTH = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}
_NAMED_CELLS = 5


class WrongType(Exception):
    """A typed column that holds another type than in training; the position is the row's, from 0."""

    def __init__(self, position: int, value: object) -> None:
        super().__init__(position, value)
        self.position, self.value = position, value


@dataclass(frozen=True)
class Cells:
    """The cells of a column as they were read.

    Attributes:
        values: In canonical form (see `Columns`), shape (rows,).
        state: How each was read: `READ`, `MISSING`, `ODD` or `OPEN`.
    """

    values: np.ndarray
    state: np.ndarray


def read_values(series: pd.Series, column: Column) -> Cells:
    """Return the cells of a column of a known kind.

    Raises:
        WrongType: The column is typed, and of another type.
        TypeError: A cell is a list or another object that can't be compared.

    Example:
        >>> read_values(pd.Series(["3", "soon", "4,5"]), Column("age", "number", decimal=",")).values.tolist()
        [3.0, nan, 4.5]
    """
    series = plain_dtype(series)
    typed = None if column.kind == "category" else native(series)
    if typed is not None and column.format == date_formats.COMPACT and typed[0] == "number":
        typed = None
    if typed is not None:
        cells = _of_type(series, column, *typed)
        if column.kind == "number" and column.missing:
            absent = number_formats.are_words(cells.values, column.missing)
            cells = Cells(np.where(absent, np.nan, cells.values), np.where(absent, np.int8(MISSING), cells.state))
        return cells
    if column.kind == "number" and column.format != CLOCK:
        texts = text_array(series)
        if texts is not None:
            return _numbers_of_text(texts, column)
    codes, values = distinct(series)
    return spread(codes, *read_distinct(values, column))


def _numbers_of_text(texts: pyarrow.Array, column: Column) -> Cells:
    """Return text cells as numbers: plain ones all at once, each other distinct text by itself."""
    values = read_column(texts, column.decimal, column.unit)
    state = np.full(len(values), READ, dtype=np.int8)
    rest = np.flatnonzero(np.isnan(values))
    if len(rest):
        codes, cells_left = distinct_texts(texts.take(rest))
        cells = spread(codes, *read_distinct(cells_left, column))
        values[rest], state[rest] = cells.values, cells.state
    absent = number_formats.are_words(values, column.missing)
    values[absent], state[absent] = np.nan, MISSING
    return Cells(values, state)


def spread(codes: np.ndarray, converted: np.ndarray, state: np.ndarray) -> Cells:
    """Return the cells of all rows from the distinct ones, by the number of each row's cell among them."""
    # Each distinct value is converted once. One value more stands at the end, for the code -1: missing.
    #   codes   (rows,)         0  1  0  -1
    #   values  (distinct + 1,) converted values, then NaN, None or NaT
    #   values[codes]           the converted column
    empty = {"M": np.datetime64("NaT"), "O": None}.get(converted.dtype.kind, np.nan)
    extended = np.empty(len(converted) + 1, dtype=converted.dtype)
    extended[:-1], extended[-1] = converted, empty
    return Cells(extended[codes], np.append(state, np.int8(MISSING))[codes])


def read_distinct(cells: Sequence[Any], column: Column) -> tuple[np.ndarray, np.ndarray]:
    """Return distinct cells in canonical form, and how each was read."""
    if column.kind == "number":
        if column.format == CLOCK:
            return number_formats.read_clocks(cells, column.missing)
        if column.format == DAYS and any(isinstance(cell, (datetime.timedelta, np.timedelta64)) for cell in cells):
            values, state = number_formats.read_clocks(cells, column.missing)
            return values / 86_400, state
        return number_formats.read_numbers(cells, column.decimal, column.unit, column.missing)
    if column.kind == "date":
        return date_formats.read_dates(cells, column.format, column.missing)
    if column.kind == "boolean":
        return _truths(cells, column.missing)
    return _levels(cells, column)


def _truths(cells: Sequence[Any], missing_words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return distinct cells as 1.0, 0.0 or NaN, and how each was read."""
    values, state = number_formats.read_numbers(cells, ".", "", missing_words)
    for index, cell in enumerate(cells):
        if isinstance(cell, str) and not is_missing(cell.strip(), missing_words):
            values[index] = _TRUTH.get(cell.strip().lower(), np.nan)
            state[index] = ODD if np.isnan(values[index]) else READ
        elif state[index] == READ and values[index] not in (0.0, 1.0):
            values[index], state[index] = np.nan, ODD
    return values, state


def _levels(cells: Sequence[Any], column: Column) -> tuple[np.ndarray, np.ndarray]:
    """Return distinct cells as the texts of their levels, None where missing, and how each was read."""
    name = spelled_level if column.spelling else level
    texts = np.empty(len(cells), dtype=object)
    state = np.full(len(cells), READ, dtype=np.int8)
    for index, cell in enumerate(cells):
        text = name(cell)
        if is_missing(text, column.missing):
            state[index] = MISSING
        else:
            texts[index] = text
    return texts, state


def _of_type(series: pd.Series, column: Column, kind: str, values: np.ndarray, state: np.ndarray) -> Cells:
    """Return typed values as the wanted kind: true/false passes for numbers, 0 and 1 pass for true/false."""
    is_duration = series.dtype.kind == "m"
    if is_duration and column.format == DAYS:
        return Cells(values / 86_400, state)
    fits = kind == column.kind or (column.kind == "number" and kind == "boolean")
    if fits and (column.kind != "number" or is_duration == (column.format == CLOCK)):
        return Cells(values, state)
    bad = state != MISSING
    if column.kind == "boolean" and kind == "number":
        bad &= (values != 0) & (values != 1)
    if not bad.any():
        if column.kind == "date" or kind == "date":
            missing = np.datetime64("NaT", "ns") if column.kind == "date" else np.nan
            return Cells(np.full(len(series), missing), state)
        return Cells(values, state)
    position = int(np.flatnonzero(bad)[0])
    raise WrongType(position, series.iloc[position])


def unread_notes(column: Column, series: pd.Series, cells: Cells, rows: np.ndarray, name: str = "") -> list[str]:
    """Return a sentence on the cells that are no values of the column's kind, and one on dates without end.

    Args:
        column: The column.
        series: Its cells as they came.
        cells: The same as they were read.
        rows: The row number of each.
        name: The table, where it is not the data.
    """
    unread = UnreadCells(column)
    unread.add(series, cells, rows)
    return unread.notes(name)


class UnreadCells:
    """The cells of a column that are no values of its kind, in a table that comes in one piece or in several.

    Attributes:
        column: The column.
        counts: How many cells are odd, and how many are dates without end, by state.
        first: The first of them, by state: row number and cell.
        present: How many cells are not missing.
    """

    def __init__(self, column: Column) -> None:
        self.column = column
        self.counts = {ODD: 0, OPEN: 0}
        self.first: dict[int, list[tuple[int, Any]]] = {ODD: [], OPEN: []}
        self.present = 0

    def add(self, series: pd.Series, cells: Cells, rows: np.ndarray) -> None:
        """Count the cells of a piece.

        Args:
            series: The cells as they came.
            cells: The same as they were read.
            rows: The row number of each.
        """
        self.present += int((cells.state != MISSING).sum())
        for state, first in self.first.items():
            index = np.flatnonzero(cells.state == state)
            self.counts[state] += len(index)
            first += [(int(rows[i]), series.iloc[i]) for i in index[: _NAMED_CELLS - len(first)]]

    def merge(self, states: Sequence[Sequence[Any]]) -> None:
        """Start anew with the cells of several tables: odd and endless ones, the first of each, and those present."""
        for number, state in enumerate(self.counts):
            self.counts[state] = sum(content[number] for content in states)
            first = sorted(
                (tuple(cell) for content in states for cell in content[2 + number]), key=lambda cell: cell[0]
            )
            self.first[state] = first[:_NAMED_CELLS]
        self.present = sum(content[4] for content in states)

    def notes(self, name: str = "") -> list[str]:
        """Return the sentences of `unread_notes`."""
        column, where, notes = self.column, f" of {name}" if name else "", []
        odd, endless = self.counts[ODD], self.counts[OPEN]
        if odd:
            named = "; ".join(f"{_quoted(cell)} in row {row:,}" for row, cell in self.first[ODD])
            more = f", and {odd - _NAMED_CELLS:,} more" if odd > _NAMED_CELLS else ""
            is_not = f"{'is' if odd == 1 else 'are'} not {expected_text(column)}"
            counts = "counts" if odd == 1 else "count"
            notes.append(
                f"{counted(odd, 'cell')} of '{column.name}'{where} {is_not} and {counts} as missing: {named}{more}."
            )
        if endless:
            row, cell = self.first[OPEN][0]
            notes.append(
                f"{counted(endless, 'cell')} of '{column.name}'{where}, such as {_quoted(cell)} in row {row:,}, "
                f"{'means' if endless == 1 else 'mean'} that there is no end, and "
                f"{'counts' if endless == 1 else 'count'} as missing."
            )
        return notes


def expected_text(column: Column) -> str:
    """Return in words what the cells of a column are."""
    return "a time of day or a duration" if column.format == CLOCK else _EXPECTED[column.kind]


def _quoted(cell: object) -> str:
    text = str(cell)
    return repr(f"{text[:40]}..." if len(text) > 43 else text)


def refuse_infinite(values: np.ndarray, column: Column, name: str, rows: np.ndarray | None = None) -> None:
    """Check that numbers are finite or missing; the message names the first rows (by `rows`, or position).

    Raises:
        DataError: A number is infinite.
    """
    if column.kind == "number" and np.isinf(values).any():
        bad = np.flatnonzero(np.isinf(values))
        rows = bad + 1 if rows is None else rows[bad]
        raise DataError(
            f"column '{column.name}' of {name} holds infinite values ({rows_text(rows)}). "
            "Leave the cells empty or put numbers there."
        )
