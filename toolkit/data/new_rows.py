"""New rows of a table that was trained on, in the form of the training rows: at once, or piece by piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import listing
from toolkit.data.cells import ODD, most_odd
from toolkit.data.column_values import Cells, UnreadCells, WrongType, expected_text, read_values, refuse_infinite
from toolkit.data.columns import Column, assemble
from toolkit.data.date_formats import are_zoned
from toolkit.data.surrogates import refuse_surrogates, valid_text

__all__ = ["NewRows", "coerce"]

# The rows to learn from hold few odd cells; the test rows of the same table may hold more, and are read too.
_ODD_SHARE_OF_NEW = 10


def coerce(
    data: Any, columns: Sequence[Column], source_columns: Sequence[str], name: str, notes: list[str] | None = None
) -> pd.DataFrame:
    """Bring new rows into the canonical form of the training rows (see `Columns`).

    Columns may come in any order, and further ones are ignored. A cell that is no value of its column's kind is
    missing, up to 3 cells or 10 % of the rows.

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
    rows = NewRows(columns, source_columns, name)
    frame = rows.add(data)
    sentences = rows.finish()
    if notes is not None:
        notes += sentences
    return frame


class NewRows:
    """New rows in canonical form, piece by piece: how many odd cells are allowed depends on the rows of all pieces.

    Args:
        columns: As for `coerce`; so are the next two.
        source_columns: All feature columns of the training table.
        name: What the data is called in messages.
        most_rows: The largest number of rows that can come, where it is known: an error need not wait for the last one.

    Attributes:
        count: The rows up to now.
    """

    def __init__(
        self, columns: Sequence[Column], source_columns: Sequence[str], name: str, most_rows: int | None = None
    ) -> None:
        self.columns, self.source_columns, self.name = columns, source_columns, name
        self.most_rows = most_rows
        self.count = 0
        self._unread = [UnreadCells(column) for column in columns]
        self._zoned: dict[str, bool] = {}  # dates that have a time zone where those of the training had none, or not

    @refuse_surrogates()
    def add(self, data: Any, rows: np.ndarray | None = None) -> pd.DataFrame:
        """Return the next rows with exactly `columns`; the index starts at 0.

        Args:
            data: The rows.
            rows: Their numbers in messages, shape (rows,); by default they are numbered over all pieces, from 1.

        Raises:
            DataError: As for `coerce`.
        """
        frame = (
            data if isinstance(data, pd.DataFrame) else _with_names(data, self.columns, self.source_columns, self.name)
        )
        positions = self._positions(frame)
        rows = np.arange(self.count + 1, self.count + len(frame) + 1) if rows is None else rows
        values: dict[str, np.ndarray] = {}
        for column, unread in zip(self.columns, self._unread, strict=True):
            series = frame.iloc[:, positions[column.name]]
            cells = self._read(series, column, rows)
            unread.add(series, cells, rows)
            if self.most_rows is not None and unread.counts[ODD] > _most_odd_of_new(self.most_rows):
                raise self._wrong(column, *unread.first[ODD][0])
            refuse_infinite(cells.values, column, self.name, rows)
            values[column.name] = cells.values
            zoned = None if column.zoned is None else are_zoned(series)
            if zoned is not None and zoned != column.zoned:
                self._zoned[column.name] = zoned
        self.count += len(frame)
        return assemble(values, self.columns, len(frame))

    def finish(self) -> list[str]:
        """Return a sentence on each column with odd cells or another use of time zones, when all rows have come.

        Raises:
            DataError: A column has too many of them.
        """
        for column, unread in zip(self.columns, self._unread, strict=True):
            odd = unread.counts[ODD]
            if odd > _most_odd_of_new(self.count) or (odd and 2 * odd >= unread.present):
                raise self._wrong(column, *unread.first[ODD][0])
        zones = [
            f"Column '{label}' of {self.name} has {'a' if zoned else 'no'} time zone, and had "
            f"{'none' if zoned else 'one'} in training: it is read as UTC."
            for label, zoned in self._zoned.items()
        ]
        return [*(note for unread in self._unread for note in unread.notes(self.name)), *zones]

    def state(self) -> dict[str, Any]:
        """Return what is known of the rows, for `merge`: values of JSON, and cells as they came."""
        cells = [[*unread.counts.values(), *unread.first.values(), unread.present] for unread in self._unread]
        return {"count": self.count, "cells": cells, "zoned": self._zoned}

    def merge(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Start anew with the rows of several tables, in their order; their row numbers are those of one table."""
        self.count, self._zoned = sum(state["count"] for state in states), {}
        for state in states:
            self._zoned |= state["zoned"]
        for index, unread in enumerate(self._unread):
            unread.merge([state["cells"][index] for state in states])

    def _positions(self, frame: pd.DataFrame) -> dict[str, int]:
        """Return where the columns stand in a table, the first of those with the same name."""
        positions: dict[str, int] = {}
        for position, label in enumerate(frame.columns):
            positions.setdefault(valid_text(label), position)
        absent = [column.name for column in self.columns if column.name not in positions]
        if absent:
            hint = nearest(absent[0], [label for label in positions if label not in self.source_columns])
            more = f" (and {len(absent) - 1} more: {listing(absent[1:])})" if len(absent) > 1 else ""
            raise DataError(
                f"column '{absent[0]}'{more} is not in {self.name}, but the model was trained on it "
                f"(columns found: {listing(positions)}).{hint}"
            )
        return positions

    def _read(self, series: pd.Series, column: Column, rows: np.ndarray) -> Cells:
        try:
            return read_values(series, column)
        except WrongType as wrong:
            raise self._wrong(column, int(rows[wrong.position]), wrong.value) from None
        except TypeError:
            raise DataError(
                f"column '{column.name}' of {self.name} holds cells that are lists or objects; expected "
                f"{expected_text(column)}, as in training."
            ) from None

    def _wrong(self, column: Column, row: int, value: object) -> DataError:
        written = f" written as {column.format}" if column.kind == "date" and column.format is not None else ""
        return DataError(
            f"column '{column.name}' of {self.name}: row {row} holds {value!r}; expected {expected_text(column)}"
            f"{written}, as in training."
        )


def _most_odd_of_new(rows: int) -> int:
    return max(most_odd(rows), rows // _ODD_SHARE_OF_NEW)


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
