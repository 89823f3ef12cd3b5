"""One column at a time: what kind it is, and its values in the canonical form."""

from __future__ import annotations

import datetime
import decimal
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError, nearest

__all__ = ["KINDS", "MISSING_TEXT", "Column", "Columns", "coerce", "infer", "level", "listing", "rows_text"]

KINDS = ("number", "boolean", "category", "date")

# Text that stands for "no value" in any column. "none" and "-" can be categories, so they count only among numbers.
MISSING_TEXT = frozenset({"", "?", "NA", "N/A", "n/a", "na", "NaN", "nan", "<NA>", "#N/A", "null", "NULL"})
_MISSING_AMONG_NUMBERS = frozenset({"", "?", "-", "--", ".", "na", "n/a", "<na>", "#n/a", "nan", "null", "none"})

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?\s?(Z|[+-]\d{2}(:?\d{2})?)?)?")
_CELLS = (str, bool, int, float, np.generic, decimal.Decimal, datetime.date, datetime.timedelta)

# Month before day comes first where both readings are possible with "/", day before month with "." and "-".
_DATES = ("%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y")
_CLOCKS = ("", " %H:%M", " %H:%M:%S")
_NAMED_MONTHS = ("%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%b %d, %Y", "%B %d, %Y", "%b %Y", "%B %Y")
_FORMATS = tuple(date + clock for date in _DATES for clock in _CLOCKS) + _NAMED_MONTHS


@dataclass(frozen=True)
class Column:
    """A feature column: its name, its kind, and how its dates are written.

    Args:
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


def level(value: object) -> str:
    """Return the one text by which a category's level is known, however the file was read.

    The same level may arrive as `1`, `1.0` or `"1"`, as `True` or `"true"`: a file's other rows decide what pandas
    makes of it. All of them are one level.

    Args:
        value: A cell that is not missing.

    Returns:
        The text, without spaces around it.

    Example:
        >>> level(1.0), level(" 1 "), level("TRUE"), level("semi-urban")
        ('1', '1', 'True', 'semi-urban')
    """
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    text = str(value).strip()
    if text.lower() in ("true", "false"):
        return text.capitalize()
    if not _NUMBER.fullmatch(text):
        return text
    if text.lstrip("+-").isdigit():
        return str(int(text)) if len(text) < 300 else text
    number = float(text)
    if not np.isfinite(number):
        return text
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def listing(names: Iterable[object], most: int = 8) -> str:
    """Return names in one line, cut after `most`.

    Example:
        >>> listing(["a", "b", "c"], most=2)
        'a, b, ... (3 in all)'
    """
    words = [str(name) for name in names]
    return ", ".join(words) if len(words) <= most else ", ".join(words[:most]) + f", ... ({len(words)} in all)"


def rows_text(rows: np.ndarray | Sequence[int], most: int = 5) -> str:
    """Return row numbers as words.

    Example:
        >>> rows_text([5]), rows_text([5, 9, 12], most=2)
        ('row 5', 'rows 5, 9 and 1 more')
    """
    numbers = [str(int(row)) for row in rows[:most]]
    if len(rows) == 1:
        return f"row {numbers[0]}"
    more = f" and {len(rows) - most} more" if len(rows) > most else ""
    return f"rows {', '.join(numbers)}{more}"


class _BadCell(Exception):
    """A value that does not fit its column's kind; the position is the row's, from 0."""

    def __init__(self, position: int, value: object) -> None:
        super().__init__(position, value)
        self.position, self.value = position, value


def _distinct(series: pd.Series) -> tuple[np.ndarray, list[Any]]:
    """Return for each row the position of its value among the distinct ones (-1 where missing), and those values."""
    codes, uniques = pd.factorize(series)
    return np.asarray(codes), list(uniques)


def _from_dates(series: pd.Series) -> np.ndarray:
    """Return datetimes as UTC without a zone, in nanoseconds."""
    index = pd.DatetimeIndex(series)
    if index.tz is not None:
        index = index.tz_convert("UTC").tz_localize(None)
    try:
        return index.as_unit("ns").to_numpy()
    except pd.errors.OutOfBoundsDatetime:
        years = index.year
        position = int(np.flatnonzero((years < 1678) | (years > 2261))[0])
        raise _BadCell(position, str(index[position])) from None


def _native(series: pd.Series) -> tuple[str, np.ndarray] | None:
    """Return kind and values where pandas' dtype says it all, otherwise None."""
    dtype = series.dtype
    types = pd.api.types
    if isinstance(dtype, pd.CategoricalDtype) or types.is_object_dtype(dtype) or types.is_string_dtype(dtype):
        return None
    if types.is_bool_dtype(dtype):
        return "boolean", series.to_numpy(dtype=np.float64, na_value=np.nan)
    if types.is_complex_dtype(dtype):
        return None
    if types.is_numeric_dtype(dtype):
        if isinstance(dtype, np.dtype):
            return "number", series.to_numpy(dtype=np.float64)
        return "number", series.to_numpy(dtype=np.float64, na_value=np.nan)
    if types.is_datetime64_any_dtype(dtype):
        return "date", _from_dates(series)
    if isinstance(dtype, pd.PeriodDtype):
        return "date", _from_dates(series.dt.to_timestamp())
    if types.is_timedelta64_dtype(dtype):
        return "number", series.to_numpy(dtype="timedelta64[ns]") / np.timedelta64(1, "D")
    return None


def _number(value: Any) -> float | None:
    """Return a cell as a float, NaN for a placeholder, None when it is no number."""
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in _MISSING_AMONG_NUMBERS:
            return float("nan")
        return float(text) if _NUMBER.fullmatch(text) or _INFINITE.fullmatch(text) else None
    if isinstance(value, (datetime.timedelta, np.timedelta64)):
        return pd.Timedelta(value) / pd.Timedelta(days=1)
    if isinstance(value, (bool, int, float, np.number, np.bool_, decimal.Decimal)):
        return float(value)
    return None


def _boolean(value: Any) -> float | None:
    """Return a cell as 0.0 or 1.0, NaN for a placeholder, None when it is neither true nor false."""
    if isinstance(value, str):
        text = value.strip()
        if text in MISSING_TEXT:
            return float("nan")
        return {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}.get(text.lower())
    number = _number(value)
    return number if number in (0.0, 1.0) else None


def _spread(codes: np.ndarray, uniques: Sequence[Any], convert: Any) -> np.ndarray:
    """Return float64 values by converting each distinct value once; the first that can't be converted is a _BadCell."""
    values = np.full(len(uniques) + 1, np.nan)
    for place, unique in enumerate(uniques):
        converted = convert(unique)
        if converted is None:
            raise _BadCell(int(np.flatnonzero(codes == place)[0]), unique)
        values[place] = converted
    return values[codes]


def _levels(codes: np.ndarray, uniques: Sequence[Any]) -> np.ndarray:
    """Return an object array of level texts, None where missing or a placeholder."""
    texts = np.empty(len(uniques) + 1, dtype=object)
    for place, unique in enumerate(uniques):
        text = level(unique)
        texts[place] = None if text in MISSING_TEXT else text
    texts[-1] = None
    return texts[codes]


def _dates(codes: np.ndarray, uniques: Sequence[Any], format: str | None) -> np.ndarray:
    """Return datetime64[ns] from date objects, or from text in one format (None means ISO 8601)."""
    format = format or "ISO8601"
    cells = [unique.strip() if isinstance(unique, str) else unique for unique in uniques]
    known = [place for place, cell in enumerate(cells) if not (isinstance(cell, str) and cell in MISSING_TEXT)]
    values = np.full(len(uniques) + 1, np.datetime64("NaT"), dtype="datetime64[ns]")
    try:
        values[known] = _stamps([cells[place] for place in known], format)
    except (ValueError, TypeError):  # OutOfBoundsDatetime is a ValueError too
        for place in known:
            try:
                _stamps([cells[place]], format)
            except (ValueError, TypeError):
                raise _BadCell(int(np.flatnonzero(codes == place)[0]), uniques[place]) from None
        raise
    return values[codes]


def _stamps(cells: list[Any], format: str) -> np.ndarray:
    """Return date objects or texts as datetime64[ns] in UTC; ValueError where one is neither."""
    texts = [cell for cell in cells if isinstance(cell, str)]
    if format == "ISO8601" and not all(_ISO_DATE.fullmatch(text) for text in texts):
        raise ValueError("not ISO 8601")
    if not all(isinstance(cell, (str, datetime.date, np.datetime64)) for cell in cells):
        raise ValueError("not dates")
    if 0 < len(texts) < len(cells):
        return np.concatenate([_stamps([cell], format) for cell in cells])
    index = pd.to_datetime(pd.Index(cells, dtype=object), format=format if texts else None, utc=True)
    return pd.DatetimeIndex(index).tz_localize(None).as_unit("ns").to_numpy()


def _date_formats(texts: Sequence[str]) -> list[str]:
    """Return the formats that read every text: one, two where day and month can be exchanged, or none."""
    if all(_ISO_DATE.fullmatch(text) for text in texts):
        return ["ISO8601"]
    if not all(re.search(r"\d", text) and re.search(r"[-/. ]", text) for text in texts):
        return []
    fitting = []
    for format in _FORMATS:
        try:
            pd.to_datetime(texts[0], format=format)
            pd.to_datetime(list(texts), format=format)
        except ValueError:
            continue
        fitting.append(format)
        if len(fitting) == 2 or "%m" not in format or format.startswith("%Y"):
            break
    return fitting


def infer(series: pd.Series, name: str, *, category: bool = False) -> tuple[Column | None, np.ndarray, list[str]]:
    """Find out what kind a training column is.

    Args:
        series: The column as the user gave it, of any dtype.
        name: The name for the result and for messages.
        category: Take its values as categories whatever they are.

    Returns:
        The column, its canonical values (see `coerce`), and a sentence for each thing done to them. The column is None
        when its cells are neither numbers, text, dates nor true/false; the one sentence then says what they are.

    Raises:
        DataError: A date lies outside the years 1678 to 2261.

    Example:
        >>> column, values, notes = infer(pd.Series(["3", "?", "4.5"]), "age")
        >>> column.kind, values.tolist(), notes
        ('number', [3.0, nan, 4.5], ["'age' is text that holds numbers: read as numbers, with 1 cell ('?') missing."])
    """
    try:
        native = None if category else _native(series)
    except _BadCell as bad:
        raise DataError(f"column '{name}': row {bad.position + 1} holds {bad.value}; {_YEARS}.") from None
    if native is not None:
        note = [f"'{name}' is a duration: read as a number of days."] if series.dtype.kind == "m" else []
        return Column(name, native[0]), native[1], note
    try:
        codes, uniques = _distinct(series)
    except TypeError:
        kind = next(type(cell).__name__ for cell in series if getattr(cell, "__hash__", None) is None)
        return None, np.empty(0), [f"its cells are of type {kind}, {_NO_CELLS}"]
    strange = next(
        (cell for cell in uniques if not isinstance(cell, _CELLS) or isinstance(cell, np.complexfloating)), None
    )
    if strange is not None and not category:
        return None, np.empty(0), [f"its cells are of type {type(strange).__name__}, {_NO_CELLS}"]
    texts = [unique.strip() for unique in uniques if isinstance(unique, str)]
    present = [text for text in texts if text not in MISSING_TEXT]

    if not (category or isinstance(series.dtype, pd.CategoricalDtype)):
        only_text = len(texts) == len(uniques)
        if uniques and all(isinstance(unique, (bool, np.bool_)) for unique in uniques):
            return Column(name, "boolean"), _spread(codes, uniques, _boolean), []
        if present and only_text and {text.lower() for text in present} <= {"true", "false"}:
            return Column(name, "boolean"), _spread(codes, uniques, _boolean), []
        try:
            numbers = _spread(codes, uniques, _number)
            if not np.isnan(numbers).all() or not uniques:
                return Column(name, "number"), numbers, _number_notes(name, codes, uniques, texts)
        except _BadCell:
            pass
        formats = _date_formats(present) if present and only_text else []
        if formats or (uniques and not texts):
            try:
                dates = _dates(codes, uniques, formats[0] if formats else None)
                return Column(name, "date", formats[0] if formats else None), dates, _date_notes(name, formats)
            except _BadCell:
                pass

    notes = []
    odd = sorted({text for text in texts if text in MISSING_TEXT and text})
    if odd:
        places = [place for place, unique in enumerate(uniques) if isinstance(unique, str) and unique.strip() in odd]
        count = int(np.isin(codes, places).sum())
        notes.append(f"{count} cell{'s' * (count != 1)} of '{name}' ({_quoted(odd)}) count as missing.")
    numeric = sum(_NUMBER.fullmatch(text) is not None for text in present)
    if numeric >= 0.9 * len(present) > 0 and not category and len(present) > 20:
        other = next(text for text in present if not _NUMBER.fullmatch(text))
        notes.append(
            f"'{name}' is read as text: {numeric} of its {len(present)} distinct values are numbers, not {other!r}."
        )
    return Column(name, "category"), _levels(codes, uniques), notes


_NO_CELLS = "not numbers, text, dates or true/false"
_YEARS = "dates from the year 1678 to 2261 can be read"


def _quoted(texts: Iterable[str]) -> str:
    return ", ".join("blank" if not text else f"'{text}'" for text in texts)


def _number_notes(name: str, codes: np.ndarray, uniques: list[Any], texts: list[str]) -> list[str]:
    if not texts:
        return []
    odd = {place: str(unique).strip() for place, unique in enumerate(uniques) if np.isnan(_number(unique) or 0.0)}
    count = int(np.isin(codes, list(odd)).sum())
    missing = f", with {count} cell{'s' * (count != 1)} ({_quoted(sorted(set(odd.values())))}) missing" if odd else ""
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


_EXPECTED = {"number": "a number", "boolean": "true or false", "category": "a category", "date": "a date"}


def _convert(series: pd.Series, column: Column) -> np.ndarray:
    """Return the canonical values of new data for a known column."""
    native = _native(series)
    if column.kind != "category" and native is not None:
        kind, values = native
        if column.kind == kind or (column.kind == "number" and kind == "boolean"):
            return values
        if column.kind == "boolean":
            wrong = np.flatnonzero(~(np.isnan(values) | (values == 0) | (values == 1))) if kind == "number" else [0]
            if len(wrong) == 0:
                return values
            raise _BadCell(int(wrong[0]), series.iloc[int(wrong[0])])
        if np.isnan(values).all() if kind != "date" else np.isnat(values).all():
            empty = np.full(len(series), np.nan)
            return empty.astype("datetime64[ns]") if column.kind == "date" else empty
        position = int(np.flatnonzero(~(np.isnat(values) if kind == "date" else np.isnan(values)))[0])
        raise _BadCell(position, series.iloc[position])
    codes, uniques = _distinct(series)
    if column.kind == "category":
        return _levels(codes, uniques)
    if column.kind == "date":
        return _dates(codes, uniques, column.format)
    return _spread(codes, uniques, _number if column.kind == "number" else _boolean)


def coerce(data: Any, columns: Sequence[Column], source_columns: Sequence[str], name: str) -> pd.DataFrame:
    """Bring new rows into the form that the training rows had.

    Numbers become float64 with NaN for missing; true/false becomes 1.0, 0.0 or NaN; categories become text or None;
    dates become `datetime64[ns]` in UTC. Columns may come in any order, and further ones are ignored.

    Args:
        data: A DataFrame, or an array of shape (rows, columns) whose columns are `source_columns` in their order, or
            just the usable `columns` in theirs.
        columns: The columns wanted.
        source_columns: All feature columns of the training table, those set aside included.
        name: What the data is called in messages.

    Returns:
        A DataFrame with exactly `columns`, index 0 to n - 1.

    Raises:
        DataError: A column is missing, holds a value of another type, or an infinite one; an array's width fits not.

    Example:
        >>> columns = [Column("age", "number"), Column("sex", "category")]
        >>> coerce(pd.DataFrame({"sex": ["f", None], "age": ["31", 40]}), columns, ["age", "sex"], "new.csv")
            age   sex
        0  31.0     f
        1  40.0  None
    """
    frame = data if isinstance(data, pd.DataFrame) else _framed(data, columns, source_columns, name)
    places: dict[str, int] = {}
    for place, label in enumerate(frame.columns):
        places.setdefault(str(label), place)
    absent = [column.name for column in columns if column.name not in places]
    if absent:
        hint = nearest(absent[0], [label for label in places if label not in source_columns])
        more = f" (and {len(absent) - 1} more: {listing(absent[1:])})" if len(absent) > 1 else ""
        raise DataError(
            f"column '{absent[0]}'{more} is not in {name}, but the model was trained on it "
            f"(columns found: {listing(places)}).{hint}"
        )
    values: dict[str, np.ndarray] = {}
    for column in columns:
        series = frame.iloc[:, places[column.name]]
        try:
            values[column.name] = _convert(series, column)
        except _BadCell as bad:
            expected = _EXPECTED[column.kind]
            if column.format is not None:
                expected += f" written as {column.format}"
            raise DataError(
                f"column '{column.name}' of {name}: row {bad.position + 1} holds {bad.value!r}; "
                f"expected {expected}, as in training."
            ) from None
        except TypeError:
            raise DataError(
                f"column '{column.name}' of {name} holds cells that are lists or objects; "
                f"expected {_EXPECTED[column.kind]}, as in training."
            ) from None
        refuse_infinite(values[column.name], column, name)
    return assemble(values, columns, len(frame))


def refuse_infinite(values: np.ndarray, column: Column, name: str, rows: np.ndarray | None = None) -> None:
    """Raise DataError where a number is infinite, naming the column and the first rows (by `rows`, or position)."""
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
        for place, column in enumerate(columns):
            block[place] = values.pop(column.name)
        return pd.DataFrame(block.T, columns=[column.name for column in columns], copy=False)
    # A plain object dtype keeps None as None, whichever pandas it is.
    return pd.DataFrame(
        {
            column.name: pd.Series(values[column.name], dtype=object if column.kind == "category" else None)
            for column in columns
        }
    )


def _framed(data: Any, columns: Sequence[Column], source_columns: Sequence[str], name: str) -> pd.DataFrame:
    """Return an array as a DataFrame with the names of its columns."""
    array = np.asarray(data)
    if array.ndim != 2:
        raise DataError(f"{name} has shape {array.shape}; expected (rows, columns).")
    if array.shape[1] == len(source_columns):
        return pd.DataFrame(array, columns=list(source_columns), copy=False)
    if array.shape[1] == len(columns):
        return pd.DataFrame(array, columns=[column.name for column in columns], copy=False)
    wanted = f"{len(source_columns)}"
    if len(columns) != len(source_columns):
        wanted += f" (or the {len(columns)} that are used)"
    raise DataError(f"{name} has {array.shape[1]} columns; the training data had {wanted}: {listing(source_columns)}.")


@dataclass(frozen=True)
class Columns:
    """The usable feature columns of a table in canonical form (see `coerce`).

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
                # Adding 0.0 makes one zero of the two, and NaNs of one kind.
                numbers = values.to_numpy() + 0.0
                hashed = pd.util.hash_array(np.where(np.isnan(numbers), np.nan, numbers))
            combined = combined * np.uint64(6364136223846793005) + hashed
            combined ^= combined >> np.uint64(29)
        return pd.factorize(combined)[0].astype(np.int64)
