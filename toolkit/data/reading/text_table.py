"""A text file as a table whose cells are text."""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice, zip_longest

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.compute
import pyarrow.csv

from toolkit.common.errors import DataError
from toolkit.common.formatting import counted, listing, rows_text
from toolkit.data.cells import is_number
from toolkit.data.reading.header import Header, find_header
from toolkit.data.reading.rows import (
    BLANKS,
    COMMENTS,
    SEPARATORS,
    TextRow,
    find_separator,
    is_well_quoted,
    split_rows,
    tidy_blanks,
)
from toolkit.data.reading_options import ReadingOptions

__all__ = ["TextTable", "read_text_table", "trim"]

_SAMPLE = 1 << 17  # characters from which the separator and the header are found out
_SAMPLE_ROWS = 300
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)  # the first line of files that spreadsheets write
_NULLS = ("", r"\N")  # databases export a missing cell as \N
_RULER = re.compile(r"([-=+]{2,}|:-+:?|-+:)?")
_TOTAL = re.compile(r"(grand |sub)?totale?s?|sum|summe|gesamt|average|mean", re.IGNORECASE)
_FOOTERS = 3  # at most so many lines below the table


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


def read_text_table(
    text: str, name: str, options: ReadingOptions, *, expected_names: Collection[str] = (), tabs: bool = False
) -> TextTable:
    r"""Return the table that a text holds.

    Args:
        text: The text.
        name: The name of the file in messages.
        options: What is not to be found out.
        expected_names: Names that columns are known by; see `toolkit.data.reading.header.find_header`.
        tabs: Whether the name of the file says that tabs separate its cells.

    Raises:
        DataError: It has no rows, or rows that are too long.

    Example:
        >>> table = read_text_table("Report\n\na;b\n1;x\n2\n", "t.csv", ReadingOptions())
        >>> table.frame["a"].tolist(), table.damage
        (['1', '2'], ['1 row of t.csv has fewer cells than the header: its last cells are missing (row 2).'])
    """
    text = _doubled_quotes(_line_feeds(text.lstrip("\ufeff").rstrip("\x1a")))
    text, separator, notes = _separator(text, name, options.sep, tabs)
    if separator == BLANKS:
        text = tidy_blanks(text)
    rows = _first_rows(text, separator, name)
    if not rows:
        raise DataError(f"{name} is empty.")
    header = find_header(rows, name, options.header, expected_names)
    body = text[_offset(text, header.line) :]
    table = TextTable(pd.DataFrame(), notes + header.notes, separator=separator)
    frame = _read_regular(body, separator, header.width)
    if frame is None:
        frame = _read_rows(body, separator, header, table, name)
    trim(frame, header, table, name)
    if options.na_values:
        table.frame = table.frame.mask(table.frame.isin(list(options.na_values)))
    return table


def _separator(text: str, name: str, sep: str | None, tabs: bool) -> tuple[str, str, list[str]]:
    """Return the text below a line such as sep=; the separator, and a note if it is not a comma."""
    first, _, rest = text.partition("\n")
    line = _SEPARATOR_LINE.fullmatch(first.strip(" "))
    if line:
        text = rest
    if sep is not None:
        return text, BLANKS if sep == " " else sep, []
    if line:
        return text, line.group(1), [f"The cells of {name} are separated by {SEPARATORS.get(line[1], repr(line[1]))}."]
    separator = "\t" if tabs and "\t" in _head(text) else find_separator(_head(text))
    if separator == "," or (separator == "\t" and tabs):
        return text, separator, []
    return text, separator, [f"The cells of {name} are separated by {SEPARATORS[separator]}; sep= names another."]


def _first_rows(text: str, separator: str, name: str) -> list[TextRow]:
    """Return the rows from which the header is found out."""
    head, rows = _head(text), []
    try:
        for row in islice(split_rows(head, separator, name), _SAMPLE_ROWS):
            rows.append(row)
    except DataError:
        if len(head) == len(text) or not rows:
            raise  # otherwise the last row is cut within a quoted cell
    return rows


def _line_feeds(text: str) -> str:
    """Return text whose lines end with a line feed, as those of Windows and of the first Macs do not."""
    if "\r" not in text:
        return text
    if "\n" not in text:
        return text.replace("\r", "\n")
    return re.sub("(?<!\r)\r+\n", "\n", text).replace("\r", " ")


def _doubled_quotes(text: str) -> str:
    r"""Return text with "" for quotation marks that databases write as \" inside cells."""
    if '\\"' not in text:
        return text
    doubled = text.replace('\\"', '""')
    # A cell may end with a backslash: C:\dir\
    return doubled if is_well_quoted(_head(doubled)) and not is_well_quoted(_head(text)) else text


def _head(text: str) -> str:
    """Return the first lines of a text."""
    end = text.find("\n", _SAMPLE)
    return text if end < 0 else text[: end + 1]


def _offset(text: str, line: int) -> int:
    """Return the position at which a line begins."""
    position = 0
    for _ in range(line):
        position = text.find("\n", position) + 1
        if position == 0:
            return len(text)
    return position


# -------------------------------------------------------------------------------------------------- rows to columns


def _read_regular(text: str, separator: str, width: int) -> pd.DataFrame | None:
    """Return the cells of lines that all have as many; None if they do not, or if a cell holds a line end."""
    if not separator.isascii() or _is_ruler(text.partition("\n")[0].split(separator)):
        return None
    framed = (f'{separator} "', f'{separator}" ', '\n" ', "\n ")
    if text.startswith((" ", '" ')) or any(beginning in text for beginning in framed):
        return None  # blanks in front of cells, quoted ones among them
    lines = text.count("\n") + (not text.endswith("\n"))
    if text.startswith("\n") or "\n\n" in text:
        lines -= len(re.findall(r"^\n", text, re.MULTILINE))
    names = [str(index) for index in range(width)]
    try:
        table = pyarrow.csv.read_csv(
            io.BytesIO(text.encode("utf-8", "surrogatepass")),
            read_options=pyarrow.csv.ReadOptions(column_names=names),
            parse_options=pyarrow.csv.ParseOptions(delimiter=separator),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pyarrow.string()), null_values=_NULLS, strings_can_be_null=True
            ),
        )
    except pyarrow.ArrowInvalid:
        return None
    if table.num_rows != lines:
        return None
    return _frame([_without_blanks(table.column(name)) for name in names])


def _without_blanks(column: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    """Return text without blanks in front; text of blanks alone is missing."""
    if not pyarrow.compute.any(pyarrow.compute.starts_with(column, " ")).as_py():
        return column
    column = pyarrow.compute.utf8_ltrim(column, " ")
    return pyarrow.compute.if_else(pyarrow.compute.equal(column, ""), pyarrow.scalar(None, pyarrow.string()), column)


def _frame(columns: Iterable[pyarrow.Array | pyarrow.ChunkedArray]) -> pd.DataFrame:
    """Return columns as a DataFrame, with the text dtype of the installed pandas."""
    columns = list(columns)
    return pyarrow.table(columns, names=[str(index) for index in range(len(columns))]).to_pandas()


def _read_rows(text: str, separator: str, header: Header, table: TextTable, name: str) -> pd.DataFrame:
    """Return the cells of lines of any length; what was filled or skipped is added to the damage of the table."""
    width, rows, comments, short, long = header.width, [], 0, [], []
    for row in split_rows(text, separator, name, header.line):
        cells = row.cells
        if not rows and _is_ruler(cells):
            continue
        if len(cells) != width:
            if cells[0].startswith(COMMENTS):
                comments += 1
                continue
            if len(cells) < width:
                short.append(len(rows) + 1)
            elif any(cell.strip() for cell in cells[width:]):
                long.append(len(rows) + 1)
        rows.append(cells)
    if long:
        raise _too_long(long, header, name)
    if comments:
        table.damage.append(f"{counted(comments, 'comment line')} within {name} {_were(comments)} skipped.")
    if short and short[-1] == len(rows) and not text.endswith("\n") and not _is_footer(rows[-1]):
        table.damage.append(f"The last line of {name} is cut off and was skipped (row {short.pop()}).")
        rows.pop()
    # Lines below the table are no short rows: see `_without_footer`.
    footers = 0
    while (
        short
        and width > 2
        and footers < _FOOTERS
        and short[-1] == len(rows) - footers
        and _is_footer(rows[-1 - footers])
    ):
        short.pop()
        footers += 1
    if short:
        table.damage.append(
            f"{counted(len(short), 'row')} of {name} {_have(short)} fewer cells than the header: "
            f"{'its' if len(short) == 1 else 'their'} last cells are missing ({rows_text(short)})."
        )
    columns = [
        [None if cell is None or cell.strip(" ") == "" or cell in _NULLS else cell for cell in column]
        for column in islice(zip_longest(*rows), width)
    ]
    columns += [[None] * len(rows)] * (width - len(columns))
    return _frame(pyarrow.array(column, pyarrow.string()) for column in columns)


def _is_ruler(cells: list[str]) -> bool:
    """Return whether a row is a line between the column names and the rows, such as ----+----."""
    return any(cells) and all(_RULER.fullmatch(cell.strip()) for cell in cells)


def _is_footer(cells: list[str]) -> bool:
    """Return whether a short line is a total, or holds a single cell, which is no number."""
    first = cells[0].strip()
    return bool(_TOTAL.fullmatch(first)) or (len(cells) == 1 and not is_number(first))


def _too_long(rows: Sequence[int], header: Header, name: str) -> DataError:
    return DataError(
        f"{name} can't be read as a table: {rows_text(rows)} {_have(rows)} more cells than the header, which has "
        f"{len(header.names)} ({listing(header.names, most=5)}). Put cells that hold the separator between quotation "
        "marks, or name the separator with sep=."
    )


# ------------------------------------------------------------------------------------------------ columns and names


def trim(frame: pd.DataFrame, header: Header, table: TextTable, name: str) -> None:
    """Name the columns of cells and put them into the table, without nameless empty columns and repeated headers.

    Args:
        frame: The cells below the header.
        header: The column names.
        table: The table, whose notes and damage are added to.
        name: The name of the file in messages.

    Raises:
        DataError: There are cells to the right of the last name.
    """
    names = header.names
    empty = 0
    for index in reversed(range(1, frame.shape[1])):
        if (index < len(names) and names[index] != f"Unnamed: {index}") or frame.iloc[:, index].notna().any():
            break
        empty += 1
    if empty:
        table.notes.append(
            f"{name} has separators after its last column: {counted(empty, 'empty column')} {_were(empty)} left out."
        )
        frame = frame.iloc[:, :-empty]
    if frame.shape[1] > len(names):
        rows = (np.flatnonzero(frame.iloc[:, len(names) :].notna().any(axis=1)) + 1).tolist()
        raise _too_long(rows, header, name)
    frame.columns = pd.Index(names[: frame.shape[1]], dtype=object)
    repeated = np.ones(len(frame), dtype=bool)
    for index, label in enumerate(frame.columns):
        if repeated.any():
            repeated &= (frame.iloc[:, index] == label).to_numpy(dtype=bool, na_value=False)
    count = int(repeated.sum())
    if count:
        verb = "repeats" if count == 1 else "repeat"
        table.damage.append(
            f"{counted(count, 'line')} of {name} that {verb} the column names {_were(count)} skipped "
            f"({rows_text(np.flatnonzero(repeated) + 1)})."
        )
        frame = frame.loc[~repeated].reset_index(drop=True)
    table.frame = _without_footer(frame, table, name)


def _without_footer(frame: pd.DataFrame, table: TextTable, name: str) -> pd.DataFrame:
    """Return a table without its last lines that are empty, are a total, or hold a first cell only as no other does."""
    filled = frame.notna().to_numpy().sum(axis=1)
    end = int(np.flatnonzero(filled)[-1]) + 1 if filled.any() else 0
    labels = 0
    for row in range(end - 1, max(0, end - 1 - 2 * _FOOTERS), -1):
        first = frame.iloc[row, 0]
        is_total = isinstance(first, str) and _TOTAL.fullmatch(first.strip()) and (frame.iloc[:, 0] == first).sum() == 1
        is_label = filled[row] == 1 < frame.shape[1] - 1 and isinstance(first, str) and not is_number(first.strip())
        if not (is_total or is_label or filled[row] == 0):
            break
        labels += bool(is_label and not is_total)
        end = row
    lost = len(frame) - end
    if end == 0 or lost == 0 or (labels and (labels > _FOOTERS or filled[:end].min() <= 1)):
        return frame
    texts = [repr(cell[:40]) if isinstance(cell, str) else "blank" for cell in frame.iloc[end:, 0]]
    table.damage.append(
        f"The last {'line' if lost == 1 else f'{lost} lines'} of {name} {_were(lost)} skipped, as no row of the table "
        f"({listing(texts, most=3)})."
    )
    return frame.iloc[:end]


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _have(rows: Sequence[int]) -> str:
    return "has" if len(rows) == 1 else "have"
