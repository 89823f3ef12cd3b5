"""The cells of a column whose kind is known, in canonical form; and new rows of a table that was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow

from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import counted, listing, rows_text
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
    most_odd,
    native,
    plain_dtype,
    text_array,
)
from toolkit.data.cells import spelled as spelled_level
from toolkit.data.columns import CLOCK, Column, assemble
from toolkit.data.plain_numbers import read_column

__all__ = ["Cells", "WrongType", "coerce", "read_distinct", "read_values", "refuse_infinite", "spread", "unread_notes"]

_EXPECTED = {"number": "a number", "boolean": "true or false", "category": "a category", "date": "a date"}
_TRUTH = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}
_NAMED_CELLS = 5
# The rows to learn from hold few odd cells; the test rows of the same table may hold more, and are read too.
_ODD_SHARE_OF_NEW = 10


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
        codes, further = distinct_texts(texts.take(rest))
        cells = spread(codes, *read_distinct(further, column))
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
    if kind == column.kind == "number" and series.dtype.kind == "m" and column.format != CLOCK:
        values = values / 86_400  # files of version 0.1.0 hold durations in days
    if kind == column.kind or (column.kind == "number" and kind == "boolean"):
        return Cells(values, state)
    bad = state != MISSING
    if column.kind == "boolean" and kind == "number":
        bad &= (values != 0) & (values != 1)
    if not bad.any():
        return Cells(np.full(len(series), np.datetime64("NaT", "ns")) if column.kind == "date" else values, state)
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
    where = f" of {name}" if name else ""
    notes = []
    odd = np.flatnonzero(cells.state == ODD)
    if len(odd):
        named = "; ".join(f"{_quoted(series.iloc[i])} in row {rows[i]:,}" for i in odd[:_NAMED_CELLS])
        more = f", and {len(odd) - _NAMED_CELLS:,} more" if len(odd) > _NAMED_CELLS else ""
        is_not = f"{'is' if len(odd) == 1 else 'are'} not {_expected(column)}"
        counts = "counts" if len(odd) == 1 else "count"
        notes.append(
            f"{counted(len(odd), 'cell')} of '{column.name}'{where} {is_not} and {counts} as missing: {named}{more}."
        )
    endless = np.flatnonzero(cells.state == OPEN)
    if len(endless):
        means = "means" if len(endless) == 1 else "mean"
        notes.append(
            f"{counted(len(endless), 'cell')} of '{column.name}'{where}, such as {_quoted(series.iloc[endless[0]])} in "
            f"row {rows[endless[0]]:,}, {means} that there is no end, and {'counts' if len(endless) == 1 else 'count'} "
            "as missing."
        )
    return notes


def _expected(column: Column) -> str:
    return "a time of day or a duration" if column.format == CLOCK else _EXPECTED[column.kind]


def _quoted(cell: object) -> str:
    text = str(cell)
    return f"'{text[:40]}...'" if len(text) > 43 else f"'{text}'"


def coerce(
    data: Any, columns: Sequence[Column], source_columns: Sequence[str], name: str, notes: list[str] | None = None
) -> pd.DataFrame:
    """Bring new rows into the canonical form of the training rows (see `Columns`).

    Columns may come in any order, and further ones are ignored. A cell that is no value of its column's kind is
    missing, up to 3 cells or 1 % of the rows.

    Args:
        data: A DataFrame, or an array of shape (rows, columns) whose columns are `source_columns` in their order, or
            just the usable `columns` in theirs.
        columns: The usable columns of the training table.
        source_columns: All its feature columns, those set aside included.
        name: What the data is called in messages.
        notes: A list that gets a sentence on each column with such cells; None for none.

    Returns:
        A DataFrame with exactly `columns`, index 0 to n - 1.

    Raises:
        DataError: A column is missing, holds values of another type or an infinite one; an array has another width.

    Example:
        >>> columns = [Column("age", "number"), Column("sex", "category")]
        >>> coerce(pd.DataFrame({"sex": ["f", None], "age": ["31", 40]}), columns, ["age", "sex"], "new.csv")
            age   sex
        0  31.0     f
        1  40.0  None
    """
    frame = data if isinstance(data, pd.DataFrame) else _with_names(data, columns, source_columns, name)
    positions: dict[str, int] = {}
    for position, label in enumerate(frame.columns):
        positions.setdefault(str(label), position)
    absent = [column.name for column in columns if column.name not in positions]
    if absent:
        hint = nearest(absent[0], [label for label in positions if label not in source_columns])
        more = f" (and {len(absent) - 1} more: {listing(absent[1:])})" if len(absent) > 1 else ""
        raise DataError(
            f"column '{absent[0]}'{more} is not in {name}, but the model was trained on it "
            f"(columns found: {listing(positions)}).{hint}"
        )
    values: dict[str, np.ndarray] = {}
    for column in columns:
        cells = _checked(frame.iloc[:, positions[column.name]], column, name)
        refuse_infinite(cells.values, column, name)
        values[column.name] = cells.values
        if notes is not None:
            rows = np.arange(1, len(frame) + 1)
            notes += unread_notes(column, frame.iloc[:, positions[column.name]], cells, rows, name)
    return assemble(values, columns, len(frame))


def _checked(series: pd.Series, column: Column, name: str) -> Cells:
    """Return the cells of a column of new rows, of which few are odd."""
    expected = _expected(column)
    try:
        cells = read_values(series, column)
        odd = np.flatnonzero(cells.state == ODD)
        present = int((cells.state != MISSING).sum())
        if len(odd) == 0 or (
            len(odd) <= max(most_odd(len(series)), len(series) // _ODD_SHARE_OF_NEW) and 2 * len(odd) < present
        ):
            return cells
        position, value = int(odd[0]), series.iloc[odd[0]]
    except WrongType as wrong:
        position, value = wrong.position, wrong.value
    except TypeError:
        raise DataError(
            f"column '{column.name}' of {name} holds cells that are lists or objects; expected {expected}, as in "
            "training."
        ) from None
    written = f" written as {column.format}" if column.kind == "date" and column.format is not None else ""
    raise DataError(
        f"column '{column.name}' of {name}: row {position + 1} holds {value!r}; expected {expected}{written}, as in "
        "training."
    )


def _with_names(data: Any, columns: Sequence[Column], source_columns: Sequence[str], name: str) -> pd.DataFrame:
    """Return an array as a DataFrame with the names of its columns."""
    array = np.asarray(data)
    if array.ndim != 2:
        raise DataError(f"{name} has shape {array.shape}; expected (rows, columns).")
    # Objects stay what they are: pandas 2 would look for dates among them, and trip over numbers of 400 digits.
    dtype = array.dtype if array.dtype == object else None
    if array.shape[1] == len(source_columns):
        return pd.DataFrame(array, columns=list(source_columns), dtype=dtype, copy=False)
    if array.shape[1] == len(columns):
        return pd.DataFrame(array, columns=[column.name for column in columns], dtype=dtype, copy=False)
    used = f" (or the {len(columns)} that are used)" if len(columns) != len(source_columns) else ""
    raise DataError(
        f"{name} has {array.shape[1]} columns; the training data had {len(source_columns)}{used}: "
        f"{listing(source_columns)}."
    )


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
