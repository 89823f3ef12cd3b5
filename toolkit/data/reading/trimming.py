"""What is no row or column of a table: nameless empty columns, repeated column names, lines below the table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError
from toolkit.common.formatting import counted, listing, rows_text
from toolkit.data.cells import is_number
from toolkit.data.reading.header import Header

__all__ = ["FOOTERS", "TOTAL", "TextTable", "Trimmer", "have", "too_long", "trim", "were"]

TOTAL = re.compile(r"(grand |sub)?totale?s?|sum|summe|gesamt|average|mean", re.IGNORECASE)
FOOTERS = 3  # at most so many lines below the table


@dataclass
class TextTable:
    """A table of text cells.

    Attributes:
        frame: The cells; a missing one is NaN or None.
        notes: One sentence on each thing that was found out: the separator, the lines above the names.
        damage: One sentence on each thing that was lost or filled: cells that lack or are too many, lines skipped.
        separator: What separates the cells of a row.
    """

    frame: pd.DataFrame
    notes: list[str] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    separator: str = ""


def trim(frame: pd.DataFrame, header: Header, table: TextTable, name: str) -> None:
    """Name the columns of cells and put them into the table, without what is no row or column.

    Args:
        frame: The cells below the header.
        header: The column names.
        table: The table, whose notes and damage are added to.
        name: The name of the file in messages.

    Raises:
        DataError: There are cells to the right of the last name.
    """
    table.frame = Trimmer(header, table, name).add(frame, last=True)


class Trimmer:
    """Trims the cells of a file that comes at once or piece by piece.

    The last rows of a piece are held back, since lines below the table are known by what follows: nothing.

    Args:
        header: As for `trim`; so are the next two.
        table: The table, whose notes and damage are added to.
        name: The name of the file in messages.
    """

    def __init__(self, header: Header, table: TextTable, name: str) -> None:
        self._header, self._table, self._name = header, table, name
        self._width = 0
        self._count = 0  # the rows that came, repeated names among them
        self._repeated: list[int] = []
        self._held: pd.DataFrame | None = None
        self._filled = np.zeros(len(header.names), dtype=bool)  # the columns with a cell
        self._fewest = len(header.names)  # filled cells of a row that was passed on
        self._totals: Counter[str] = Counter()  # first cells that were passed on

    def add(self, frame: pd.DataFrame, *, last: bool) -> pd.DataFrame:
        """Return the rows of the table that are certain with the next cells, shape (rows, columns).

        Raises:
            DataError: There are cells to the right of the last name.
        """
        frame = self._named(frame)
        frame = self._without_names(frame)
        if self._held is not None:
            frame = pd.concat([self._held, frame], ignore_index=True)
        if last:
            return self._end(frame)
        filled = frame.notna().to_numpy().sum(axis=1)
        rows = np.flatnonzero(filled)
        end = max(0, int(rows[-1]) - 2 * FOOTERS) if len(rows) else 0
        self._held = frame.iloc[end:]
        if end:
            self._fewest = min(self._fewest, int(filled[:end].min()))
            first = frame.iloc[:end, 0].dropna()
            self._totals.update(first[first.str.strip().str.lower().str.fullmatch(TOTAL.pattern)])
        return frame.iloc[:end]

    def _named(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return cells with the names of their columns."""
        names = self._header.names
        self._width = frame.shape[1]
        beyond = frame.iloc[:, len(names) :].notna().any(axis=1).to_numpy(dtype=bool)
        if beyond.any():
            raise too_long((np.flatnonzero(beyond) + 1 + self._count).tolist(), self._header, self._name)
        frame = frame.iloc[:, : len(names)]
        frame.columns = pd.Index(names[: frame.shape[1]], dtype=object)
        self._filled[: frame.shape[1]] |= frame.notna().any(axis=0).to_numpy(dtype=bool)
        return frame

    def _without_names(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return cells without rows that repeat the column names."""
        repeated = np.ones(len(frame), dtype=bool)
        for index, label in enumerate(frame.columns):
            if repeated.any():
                cells = frame.iloc[:, index]
                same = (cells == label).to_numpy(dtype=bool, na_value=False)
                # A column without a name has none in these rows either.
                repeated &= same | (cells.isna().to_numpy() if label == f"Unnamed: {index}" and index else False)
        numbers = np.flatnonzero(repeated)
        self._repeated += (numbers + 1 + self._count).tolist()
        self._count += len(frame)
        return frame.loc[~repeated].reset_index(drop=True) if len(numbers) else frame

    def _end(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the last rows, without lines below the table; what was left out is said."""
        width = frame.shape[1]
        while width > 1 and not self._filled[width - 1] and frame.columns[width - 1] == f"Unnamed: {width - 1}":
            width -= 1
        empty = self._width - width
        if empty:
            self._table.notes.append(
                f"{self._name} has separators after its last column: {counted(empty, 'empty column')} {were(empty)} "
                "left out."
            )
        count = len(self._repeated)
        if count:
            verb = "repeats" if count == 1 else "repeat"
            self._table.damage.append(
                f"{counted(count, 'line')} of {self._name} that {verb} the column names {were(count)} skipped "
                f"({rows_text(self._repeated)})."
            )
        return self._without_footer(frame.iloc[:, :width])

    def _without_footer(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return rows without the last ones that are empty, a total, or hold a first cell only as no other does."""
        filled = frame.notna().to_numpy().sum(axis=1)
        end = int(np.flatnonzero(filled)[-1]) + 1 if filled.any() else 0
        labels = 0
        for row in range(end - 1, max(0, end - 1 - 2 * FOOTERS), -1):
            first = frame.iloc[row, 0]
            is_total = (
                isinstance(first, str)
                and TOTAL.fullmatch(first.strip())
                and (frame.iloc[:, 0] == first).sum() + self._totals[first] == 1
            )
            is_label = filled[row] == 1 < frame.shape[1] - 1 and isinstance(first, str) and not is_number(first.strip())
            if not (is_total or is_label or filled[row] == 0):
                break
            labels += bool(is_label and not is_total)
            end = row
        lost = len(frame) - end
        fewest = min(self._fewest, int(filled[:end].min())) if end else 0
        if end == 0 or lost == 0 or (labels and (labels > FOOTERS or fewest <= 1)):
            return frame
        texts = [repr(cell[:40]) if isinstance(cell, str) else "blank" for cell in frame.iloc[end:, 0]]
        self._table.damage.append(
            f"The last {'line' if lost == 1 else f'{lost} lines'} of {self._name} {were(lost)} skipped, as no row of "
            f"the table ({listing(texts, most=3)})."
        )
        return frame.iloc[:end]


def too_long(rows: Sequence[int], header: Header, name: str) -> DataError:
    """Return an error about rows with more cells than there are names."""
    return DataError(
        f"{name} can't be read as a table: {rows_text(rows)} {have(rows)} more cells than the header, which has "
        f"{len(header.names)} ({listing(header.names, most=5)}). Put cells that hold the separator between quotation "
        "marks, or name the separator with sep=."
    )


def were(count: int) -> str:
    """Return the verb for a count."""
    return "was" if count == 1 else "were"


def have(rows: Sequence[int]) -> str:
    """Return the verb for rows."""
    return "has" if len(rows) == 1 else "have"
