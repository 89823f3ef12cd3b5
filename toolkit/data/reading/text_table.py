"""A text file as a table whose cells are text."""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import islice, zip_longest

import pandas as pd
import pyarrow
import pyarrow.compute
import pyarrow.csv

from toolkit.common.errors import DataError
from toolkit.common.formatting import counted, rows_text
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
from toolkit.data.reading.trimming import FOOTERS, TOTAL, TextTable, have, too_long, trim, were
from toolkit.data.reading_options import ReadingOptions

__all__ = ["Body", "Layout", "find_layout", "line_feeds", "offset", "read_text_table"]

_SAMPLE = 1 << 17  # characters from which the separator and the header are found out
_SAMPLE_ROWS = 300
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)  # the first line of files that spreadsheets write
_NULLS = ("", r"\N")  # databases export a missing cell as \N
_RULER = re.compile(r"([-=+]{2,}|:-+:?|-+:)?")


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
    text = line_feeds(text.lstrip("\ufeff").rstrip("\x1a"))
    layout, header = find_layout(text, name, options, expected_names, tabs=tabs)
    text = layout.tidy(text)
    table = TextTable(pd.DataFrame(), layout.notes + header.notes, separator=layout.separator)
    frame = Body(layout.separator, header, table, name).read(text[offset(text, header.line) :], last=True)
    trim(frame, header, table, name)
    if options.na_values:
        table.frame = table.frame.mask(table.frame.isin(list(options.na_values)))
    return table


@dataclass(frozen=True)
class Layout:
    r"""How the lines of a text file are taken apart.

    Attributes:
        separator: What separates the cells.
        notes: A sentence on it, where it is not a comma.
        doubled: Whether \" in cells stands for "".
        marked: Whether the first line is one such as sep=;
    """

    separator: str
    notes: list[str]
    doubled: bool
    marked: bool

    def tidy(self, text: str, quoted: bool | None = None, *, begins: bool = True) -> str:
        """Return the text of a file, or a piece of its lines, as `split_rows` takes it.

        Args:
            text: Whole lines.
            quoted: As for `tidy_blanks`.
            begins: Whether it is the beginning of the file.
        """
        text = text.replace('\\"', '""') if self.doubled else text
        text = text.partition("\n")[2] if self.marked and begins else text
        return tidy_blanks(text, quoted) if self.separator == BLANKS else text


def find_layout(
    text: str,
    name: str,
    options: ReadingOptions,
    expected_names: Collection[str],
    *,
    tabs: bool,
    goes_on: bool = False,
    quoted: bool | None = None,
) -> tuple[Layout, Header]:
    """Return how the lines of a file are taken apart, and its column names.

    Args:
        text: The text, or its first lines.
        name: As for `read_text_table`; so are the next three.
        options: What is not to be found out.
        expected_names: Names that columns are known by.
        tabs: Whether the name of the file says that tabs separate its cells.
        goes_on: Whether further lines follow.
        quoted: As for `tidy_blanks`.

    Raises:
        DataError: It has no rows.
    """
    doubled = _has_doubled_quotes(text)
    text = text.replace('\\"', '""') if doubled else text
    body, separator, notes = _separator(text, name, options.sep, tabs)
    layout = Layout(separator, notes, doubled, len(body) < len(text))
    body = tidy_blanks(body, quoted) if separator == BLANKS else body
    rows = _first_rows(body, separator, name, goes_on)
    if not rows:
        raise DataError(f"{name} is empty.")
    return layout, find_header(rows, name, options.header, expected_names)


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


def _first_rows(text: str, separator: str, name: str, goes_on: bool) -> list[TextRow]:
    """Return the rows from which the header is found out."""
    head, rows = _head(text), []
    try:
        for row in islice(split_rows(head, separator, name), _SAMPLE_ROWS):
            rows.append(row)
    except DataError:
        if (len(head) == len(text) and not goes_on) or not rows:
            raise  # otherwise the last row is cut within a quoted cell
    return rows


def line_feeds(text: str, feeds: bool | None = None) -> str:
    """Return text whose lines end with a line feed, as those of Windows and of the first Macs do not.

    Args:
        text: The text, or a piece of its lines.
        feeds: Whether the file holds a line feed; None if the text is all of it.
    """
    if "\r" not in text:
        return text
    if not ("\n" in text if feeds is None else feeds):
        return text.replace("\r", "\n")
    return re.sub("(?<!\r)\r+\n", "\n", text).replace("\r", " ")


def _has_doubled_quotes(text: str) -> bool:
    r"""Return whether databases wrote quotation marks inside the cells of a text as \", which "" stands for then."""
    head = _head(text)
    # A cell may end with a backslash: C:\dir\
    return '\\"' in head and is_well_quoted(head.replace('\\"', '""')) and not is_well_quoted(head)


def _head(text: str) -> str:
    """Return the first lines of a text."""
    end = text.find("\n", _SAMPLE)
    return text if end < 0 else text[: end + 1]


def offset(text: str, line: int) -> int:
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


class Body:
    """Reads the lines below the header, all at once or piece by piece.

    Args:
        separator: What separates the cells.
        header: The column names.
        table: The table whose damage is added to.
        name: The name of the file in messages.
    """

    def __init__(self, separator: str, header: Header, table: TextTable, name: str) -> None:
        self._separator, self._header, self._table, self._name = separator, header, table, name
        self._rows, self._line, self._comments = 0, header.line, 0
        self._short: list[int] = []
        self._rest = ""  # the beginning of a row whose end is in the next piece

    def read(self, text: str, *, last: bool) -> pd.DataFrame:
        """Return the cells of the next lines; with the last ones, what was filled or skipped is said.

        Raises:
            DataError: A row has cells to the right of the last column, or a quotation mark is not closed.
        """
        text, self._rest = self._rest + text, ""
        frame = None
        if last or not self._is_open(text):
            frame = _read_regular(text, self._separator, self._header.width)
        frame = self._read_rows(text, last) if frame is None else frame
        self._rows += len(frame)
        self._line += text.count("\n") - self._rest.count("\n")
        if last and self._comments:
            self._table.damage.append(
                f"{counted(self._comments, 'comment line')} within {self._name} {were(self._comments)} skipped."
            )
        if last and self._short:
            short = self._short
            self._table.damage.append(
                f"{counted(len(short), 'row')} of {self._name} {have(short)} fewer cells than the header: "
                f"{'its' if len(short) == 1 else 'their'} last cells are missing ({rows_text(short)})."
            )
        return frame

    def _is_open(self, text: str) -> bool:
        """Return whether the last line of a text opens a quotation mark that it does not close."""
        line = text[text.rfind("\n", 0, -1) + 1 :]
        return '"' in line and not list(split_rows(line, self._separator, goes_on=True))

    def _read_rows(self, text: str, last: bool) -> pd.DataFrame:
        """Return the cells of lines of any length."""
        width, rows, end, long = self._header.width, [], 0, []
        for row in split_rows(text, self._separator, self._name, self._line, goes_on=not last):
            cells, end = row.cells, row.end
            number = self._rows + len(rows) + 1
            if number == 1 and _is_ruler(cells):
                continue
            if len(cells) != width:
                if cells[0].startswith(COMMENTS):
                    self._comments += 1
                    continue
                if len(cells) < width:
                    self._short.append(number)
                elif any(cell.strip() for cell in cells[width:]):
                    long.append(number)
            rows.append(cells)
        if long:
            raise too_long(long, self._header, self._name)
        if last:
            self._leave_out_ends(text, rows)
        else:
            self._rest = text[offset(text, end) :]
        columns = [
            [None if cell is None or cell.strip(" ") == "" or cell in _NULLS else cell for cell in column]
            for column in islice(zip_longest(*rows), width)
        ]
        columns += [[None] * len(rows)] * (width - len(columns))
        return _frame(pyarrow.array(column, pyarrow.string()) for column in columns)

    def _leave_out_ends(self, text: str, rows: list[list[str]]) -> None:
        """Take a last line that is cut off from the rows, and lines below the table from the short ones."""
        short, count = self._short, self._rows + len(rows)
        if short and short[-1] == count and rows and not text.endswith("\n") and not _is_footer(rows[-1]):
            self._table.damage.append(f"The last line of {self._name} is cut off and was skipped (row {short.pop()}).")
            rows.pop()
            count -= 1
        # Lines below the table are no short rows: see `trimming`.
        for cells in rows[: -FOOTERS - 1 : -1]:
            if not short or self._header.width <= 2 or short[-1] != count or not _is_footer(cells):
                break
            short.pop()
            count -= 1


def _is_ruler(cells: list[str]) -> bool:
    """Return whether a row is a line between the column names and the rows, such as ----+----."""
    return any(cells) and all(_RULER.fullmatch(cell.strip()) for cell in cells)


def _is_footer(cells: list[str]) -> bool:
    """Return whether a short line is a total, or holds a single cell, which is no number."""
    first = cells[0].strip()
    return bool(TOTAL.fullmatch(first)) or (len(cells) == 1 and not is_number(first))
