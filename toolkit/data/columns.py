"""Feature columns: their names and kinds, and rows of them in canonical form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["CLOCK", "DAYS", "Column", "Columns", "assemble"]

#: The format of numbers that are seconds: times of day and durations.
CLOCK = "clock"
#: The format of numbers in files of version 0.1.0, which are days where the column holds durations.
DAYS = "days"


@dataclass(frozen=True)
class Column:
    """A feature column, and how its cells are read.

    Attributes:
        name: The name in the user's table.
        kind: `"number"`, `"boolean"`, `"category"` or `"date"`.
        format: For dates read from text, the format (`"ISO8601"` or one for `strptime`); for times of day and
            durations, which are numbers of seconds, `"clock"`; otherwise None.
        decimal: The decimal mark of numbers written as text.
        unit: The currency or the unit that is written with the numbers, such as `"$"` or `"%"`.
        missing: Texts that count as missing beside the usual ones.
        spelling: Whether a category's levels are codes whose spelling matters: `"01"` is not `"1"`.
        zoned: Whether the dates of the training had a time zone; None where it is not known.

    Example:
        >>> Column.from_dict(Column("born", "date", "%d.%m.%Y").to_dict()).format
        '%d.%m.%Y'
    """

    name: str
    kind: str
    format: str | None = None
    decimal: str = "."
    unit: str = ""
    missing: tuple[str, ...] = ()
    spelling: bool = False
    zoned: bool | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the column as a dict that JSON can hold."""
        return asdict(self) | {"missing": list(self.missing)}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Column:
        """Return the column that `to_dict` described; files of earlier versions lack the later fields."""
        earlier = content["kind"] == "number" and content.get("format") is None and "zoned" not in content
        return cls(
            content["name"],
            content["kind"],
            DAYS if earlier else content.get("format"),
            content.get("decimal", "."),
            content.get("unit", ""),
            tuple(content.get("missing", ())),
            content.get("spelling", False),
            content.get("zoned"),
        )


@dataclass(frozen=True)
class Columns:
    """Rows of the usable feature columns in canonical form.

    Numbers are float64 with NaN for missing; true/false is 1.0, 0.0 or NaN; categories are text or None; dates are
    `datetime64[ns]` in UTC.

    Attributes:
        frame: The columns, shape (rows, columns), index 0 to n - 1.
        columns: Their names and kinds, in order.
        source_columns: All feature columns of the user's table, those set aside included.
    """

    frame: pd.DataFrame
    columns: tuple[Column, ...]
    source_columns: tuple[str, ...]
    pixels = None
    names = ()

    def __len__(self) -> int:
        return len(self.frame)

    def take(self, rows: np.ndarray) -> Columns:
        """Return the rows that an index or a mask chooses."""
        frame = self.frame.iloc[np.flatnonzero(rows) if rows.dtype == bool else rows]
        frame.index = pd.RangeIndex(len(frame))
        return replace(self, frame=frame)

    def append(self, others: Sequence[Columns]) -> Columns:
        """Return these rows followed by those of other tables in the same form."""
        if not others:
            return self
        return replace(self, frame=pd.concat([self.frame, *(other.frame for other in others)], ignore_index=True))

    def shared(self, known: Columns) -> Columns:
        """Return these rows: their order depends on the split."""
        return self


def assemble(values: dict[str, np.ndarray], columns: Sequence[Column], rows: int) -> pd.DataFrame:
    """Return canonical values as a DataFrame; a table of numbers alone is one block, filled without a second copy."""
    if all(column.kind in ("number", "boolean") for column in columns):
        block = np.empty((len(columns), rows))
        for index, column in enumerate(columns):
            block[index] = values.pop(column.name)
        return pd.DataFrame(block.T, columns=[column.name for column in columns], copy=False)
    # A plain object dtype keeps None as None in every version of pandas.
    return pd.DataFrame(
        {
            column.name: pd.Series(values[column.name], dtype=object if column.kind == "category" else None)
            for column in columns
        }
    )
