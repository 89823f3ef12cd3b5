"""Feature columns: what kind each is, and their values in canonical form."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import counted, listing, rows_text
from toolkit.data import cells
from toolkit.data.cells import MISSING_TEXT, BadCell

__all__ = ["Column", "Columns", "assemble", "coerce", "infer", "refuse_infinite"]

_CELLS = (str, bool, int, float, np.generic, decimal.Decimal, datetime.date, datetime.timedelta)
_EXPECTED = {"number": "a number", "boolean": "true or false", "category": "a category", "date": "a date"}


@dataclass(frozen=True)
class Column:
    """A feature column.

    Attributes:
        name: The name in the user's table.
        kind: `"number"`, `"boolean"`, `"category"` or `"date"`.
        format: For dates read from text, the format (`"ISO8601"` or one for `strptime`); otherwise None.

    Example:
        >>> Column.from_dict(Column("born", "date", "%d.%m.%Y").to_dict())
        Column(name='born', kind='date', format='%d.%m.%Y')
    """

    name: str
    kind: str
    format: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the column as a dict that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Column:
        """Return the column that `to_dict` described."""
        return cls(content["name"], content["kind"], content.get("format"))


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

    def same_rows(self) -> np.ndarray:
        """Number the distinct rows by their first appearance.

        Returns:
            int64 of shape (rows,): equal numbers for rows with the same cells, whatever the order of the columns. A
            missing cell equals a missing cell.

        Example:
            >>> frame = pd.DataFrame({"a": [1.0, 2.0, 1.0]})
            >>> Columns(frame, (Column("a", "number"),), ("a",)).same_rows().tolist()
            [0, 1, 0]
        """
        combined = np.zeros(len(self.frame), dtype=np.uint64)
        for column in self.columns:
            values = self.frame[column.name]
            if column.kind == "category":
                hashed = pd.util.hash_array(values.to_numpy(dtype=object, na_value=None))
            elif column.kind == "date":
                hashed = pd.util.hash_array(values.to_numpy().astype(np.int64))
            else:
                # Adding 0.0 turns -0.0 into 0.0, and where() makes all NaNs the same bits.
                numbers = values.to_numpy() + 0.0
                hashed = pd.util.hash_array(np.where(np.isnan(numbers), np.nan, numbers))
            # A row's hash depends on all its cells and their order: multiply, add, mix the high bits into the low ones.
            combined = combined * np.uint64(6364136223846793005) + hashed
            combined ^= combined >> np.uint64(29)
        return pd.factorize(combined)[0].astype(np.int64)


def infer(series: pd.Series, name: str, *, category: bool = False) -> tuple[Column | None, np.ndarray, list[str]]:
    """Find out what kind a training column is.

    Args:
        series: The column as the user gave it, of any dtype.
        name: The name for the result and for messages.
        category: Take its values as categories whatever they are.

    Returns:
        The column, its canonical values (see `Columns`), and one sentence for each conversion. The column is None when
        its cells are neither numbers, text, dates nor true/false; the only sentence then says what they are.

    Raises:
        DataError: A date lies outside the years 1678 to 2261.

    Example:
        >>> column, values, notes = infer(pd.Series(["3", "?", "4.5"]), "age")
        >>> column.kind, values.tolist(), notes
        ('number', [3.0, nan, 4.5], ["'age' is text that holds numbers: read as numbers, with 1 cell ('?') missing."])
    """
    try:
        native = None if category else cells.native(series)
    except BadCell as bad:
        raise DataError(
            f"column '{name}': row {bad.position + 1} holds {bad.value}; dates from the year 1678 to 2261 can be read."
        ) from None
    if native is not None:
        notes = [f"'{name}' is a duration: read as a number of days."] if series.dtype.kind == "m" else []
        return Column(name, native[0]), native[1], notes
    try:
        codes, values = cells.distinct(series)
    except TypeError:
        return _no_column(next(cell for cell in series if getattr(cell, "__hash__", None) is None))
    for cell in values:
        if (not isinstance(cell, _CELLS) or isinstance(cell, np.complexfloating)) and not category:
            return _no_column(cell)
    if not (category or isinstance(series.dtype, pd.CategoricalDtype)):
        result = _infer_from_cells(name, codes, values)
        if result is not None:
            return result
    return Column(name, "category"), cells.levels(codes, values), _category_notes(name, codes, values, category)


def _no_column(cell: object) -> tuple[None, np.ndarray, list[str]]:
    kind = type(cell).__name__
    return None, np.empty(0), [f"its cells are of type {kind}, not numbers, text, dates or true/false"]


def _infer_from_cells(name: str, codes: np.ndarray, values: list[Any]) -> tuple[Column, np.ndarray, list[str]] | None:
    """Read a column as true/false, numbers or dates, whichever fits every distinct cell first; None if none does."""
    texts = [value.strip() for value in values if isinstance(value, str)]
    present = [text for text in texts if text not in MISSING_TEXT]
    only_text = len(texts) == len(values)
    if (values and all(isinstance(value, (bool, np.bool_)) for value in values)) or (
        present and only_text and {text.lower() for text in present} <= {"true", "false"}
    ):
        return Column(name, "boolean"), cells.convert(codes, values, cells.boolean), []
    try:
        numbers = cells.convert(codes, values, cells.number)
        if not np.isnan(numbers).all() or not values:
            return Column(name, "number"), numbers, _number_notes(name, codes, values) if texts else []
    except BadCell:
        pass
    formats = cells.date_formats(present) if present and only_text else []
    if formats or (values and not texts):
        format = formats[0] if formats else None
        try:
            return Column(name, "date", format), cells.dates(codes, values, format), _date_notes(name, formats)
        except BadCell:
            pass
    return None


def _quoted(texts: Iterable[str]) -> str:
    return ", ".join("blank" if not text else f"'{text}'" for text in texts)


def _number_notes(name: str, codes: np.ndarray, values: list[Any]) -> list[str]:
    absent = {i: str(value).strip() for i, value in enumerate(values) if np.isnan(cells.number(value) or 0.0)}
    count = int(np.isin(codes, list(absent)).sum())
    missing = f", with {counted(count, 'cell')} ({_quoted(sorted(set(absent.values())))}) missing" if absent else ""
    return [f"'{name}' is text that holds numbers: read as numbers{missing}."]


def _date_notes(name: str, formats: list[str]) -> list[str]:
    if not formats:
        return []
    if len(formats) == 2:
        return [
            f"'{name}' is text that holds dates, which can be read as {formats[0]} or as {formats[1]}: "
            f"read as {formats[0]}. Write them as 2024-01-31 to be sure."
        ]
    return [f"'{name}' is text that holds dates: read as {formats[0]}."]


def _category_notes(name: str, codes: np.ndarray, values: list[Any], category: bool) -> list[str]:
    notes = []
    texts = {i: value.strip() for i, value in enumerate(values) if isinstance(value, str)}
    absent = {i: text for i, text in texts.items() if text in MISSING_TEXT and text}
    if absent:
        count = int(np.isin(codes, list(absent)).sum())
        quoted = _quoted(sorted(set(absent.values())))
        notes.append(f"{counted(count, 'cell')} of '{name}' ({quoted}) count as missing.")
    present = [text for text in texts.values() if text not in MISSING_TEXT]
    words = [text for text in present if not cells.is_number(text)]
    numbers = len(present) - len(words)
    if numbers >= 0.9 * len(present) > 0 and not category and len(present) > 20:
        notes.append(
            f"'{name}' is read as text: {numbers} of its {len(present)} distinct values are numbers, not {words[0]!r}."
        )
    return notes


def coerce(data: Any, columns: Sequence[Column], source_columns: Sequence[str], name: str) -> pd.DataFrame:
    """Bring new rows into the canonical form of the training rows (see `Columns`).

    Columns may come in any order, and further ones are ignored.

    Args:
        data: A DataFrame, or an array of shape (rows, columns) whose columns are `source_columns` in their order, or
            just the usable `columns` in theirs.
        columns: The usable columns of the training table.
        source_columns: All its feature columns, those set aside included.
        name: What the data is called in messages.

    Returns:
        A DataFrame with exactly `columns`, index 0 to n - 1.

    Raises:
        DataError: A column is missing, holds a value of another type or an infinite one; an array has another width.

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
        series = frame.iloc[:, positions[column.name]]
        expected = _EXPECTED[column.kind]
        try:
            values[column.name] = _values(series, column)
        except BadCell as bad:
            written = f" written as {column.format}" if column.format is not None else ""
            raise DataError(
                f"column '{column.name}' of {name}: row {bad.position + 1} holds {bad.value!r}; "
                f"expected {expected}{written}, as in training."
            ) from None
        except TypeError:
            raise DataError(
                f"column '{column.name}' of {name} holds cells that are lists or objects; "
                f"expected {expected}, as in training."
            ) from None
        refuse_infinite(values[column.name], column, name)
    return assemble(values, columns, len(frame))


def _values(series: pd.Series, column: Column) -> np.ndarray:
    """Return the canonical values of new data for a known column."""
    native = cells.native(series)
    if column.kind != "category" and native is not None:
        return _native_values(series, column.kind, *native)
    codes, values = cells.distinct(series)
    if column.kind == "category":
        return cells.levels(codes, values)
    if column.kind == "date":
        return cells.dates(codes, values, column.format)
    return cells.convert(codes, values, cells.number if column.kind == "number" else cells.boolean)


def _native_values(series: pd.Series, wanted: str, kind: str, values: np.ndarray) -> np.ndarray:
    """Return typed values as the wanted kind: true/false passes for numbers, 0 and 1 pass for true/false."""
    if kind == wanted or (wanted == "number" and kind == "boolean"):
        return values
    missing = np.isnat(values) if kind == "date" else np.isnan(values)
    if wanted == "boolean":
        bad = ~(missing | (values == 0) | (values == 1)) if kind == "number" else np.ones(1, bool)
        if not bad.any():
            return values
    else:
        bad = ~missing
        if not bad.any():
            empty = np.full(len(series), np.nan)
            return empty.astype("datetime64[ns]") if wanted == "date" else empty
    position = int(np.flatnonzero(bad)[0])
    raise BadCell(position, series.iloc[position])


def _with_names(data: Any, columns: Sequence[Column], source_columns: Sequence[str], name: str) -> pd.DataFrame:
    """Return an array as a DataFrame with the names of its columns."""
    array = np.asarray(data)
    if array.ndim != 2:
        raise DataError(f"{name} has shape {array.shape}; expected (rows, columns).")
    if array.shape[1] == len(source_columns):
        return pd.DataFrame(array, columns=list(source_columns), copy=False)
    if array.shape[1] == len(columns):
        return pd.DataFrame(array, columns=[column.name for column in columns], copy=False)
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
