"""The header of a text file: which row holds the column names, if any does, and what stands above it."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from toolkit.common.errors import DataError
from toolkit.common.formatting import counted, listing
from toolkit.data.cells import MISSING_TEXT, is_missing, is_number
from toolkit.data.reading.rows import COMMENTS, TextRow, without_empty_end

__all__ = ["Header", "find_header", "holds_names"]

ROW_NAME = "row name"  # the name of the column of row names, to which R gives none
_NUMBERED = re.compile(r"column \d+")  # how columns without names are called
_FEWEST_BELOW = 5  # rows that show that the first one below the header is none
_CERTAIN = 10_000  # outvotes all columns
_VOTING_ROWS = 100  # by so many rows a first row is told from a header
_SHOWN = 40  # characters of a skipped line in a note
_WORD = re.compile(r"[\w.()%/-]+")
_IDENTIFIER = re.compile(r"(.*[_ ])?(id|index|nr|no|key)", re.IGNORECASE)  # the name of a column that numbers the rows


@dataclass(frozen=True)
class Header:
    """The column names of a text file.

    Attributes:
        names: The names.
        width: How many cells most rows have, or as many as there are names if those are more.
        line: The number of the first line of the rows below, from 0.
        notes: One sentence on each thing that is unusual.
    """

    names: list[str]
    width: int
    line: int
    notes: list[str]


def find_header(
    rows: Sequence[TextRow], name: str, header: int | str | None = None, expected_names: Collection[str] = ()
) -> Header:
    """Return the column names of a text file, and where its rows begin.

    Args:
        rows: The first rows of the file; at least one.
        name: The name of the file in messages.
        header: The option: the number of the row with the names, "none", or None to find out.
        expected_names: Names that columns are known by: a row that holds half of them is the header.

    Raises:
        DataError: There is no such row.

    Example:
        >>> rows = [
        ...     TextRow(cells.split(","), i, i + 1) for i, cells in enumerate(["Report,", ",", "x,y", "1,a", "2,b"])
        ... ]
        >>> header = find_header(rows, "t.csv")
        >>> header.names, header.line, header.notes
        (['x', 'y'], 3, ["The first 2 lines of t.csv above the column names were skipped ('Report', blank)."])
    """
    if isinstance(header, int):
        if header >= len(rows):
            raise DataError(f"header={header}: {name} has {counted(len(rows), 'row')}, counted from 0.")
        return _named(rows, header, name, [])
    if header == "none":
        first = next((index for index, row in enumerate(rows) if not _is_comment(row)), 0)
        return _unnamed(rows, first, name, _skipped(rows[:first], name, "rows"), guessed=False)
    first = _first_full(rows)
    asked = next((index for index, row in enumerate(rows[: first + 3]) if holds_names(row.cells, expected_names)), None)
    if asked is not None and asked > first and any(is_number(cell.strip()) for cell in rows[asked].cells):
        asked = None  # a row that holds the name as a value
    if asked is not None and asked != first:
        return _named(rows, asked, name, _skipped(rows[:asked], name, "column names"))
    if asked is None and any(
        _NUMBERED.fullmatch(label) for label in expected_names
    ):  # as in training, or by the target's name
        return _unnamed(rows, first, name, _skipped(rows[:first], name, "rows"), guessed=True)
    body = [row.cells for row in rows[first:] if row.cells != rows[first].cells]
    votes = _votes_for_data(rows[first].cells, body[:_VOTING_ROWS])
    above = first - 1
    if above >= 0 and votes >= 0 and _is_header_of(rows[above], rows[first:], certain=votes > 0):
        return _named(rows, above, name, _skipped(rows[:above], name, "column names"))
    if votes <= 0:
        return _named(rows, first, name, _skipped(rows[:first], name, "column names"))
    if asked is not None:
        note = (
            f"The first line of {name} looks like data, but holds a name that was asked for, so it was taken as the "
            f"column names. If it is data, give header='none': the columns are then named 'column 1' to "
            f"'column {len(rows[first].cells)}'."
        )
        return _named(rows, first, name, [*_skipped(rows[:first], name, "column names"), note])
    return _unnamed(rows, first, name, _skipped(rows[:first], name, "rows"), guessed=True)


def holds_names(cells: Sequence[str], expected_names: Collection[str]) -> bool:
    """Return whether cells hold at least half of the names that columns are known by."""
    held = sum(cell.strip() in expected_names for cell in cells)
    return held > 0 and 2 * held >= min(len(expected_names), len(cells))


def _first_full(rows: Sequence[TextRow]) -> int:
    """Return the number of the first row that is as wide as most, and neither a comment nor a title."""
    widths = [len(row.cells) for row in rows if not _is_comment(row)] or [len(row.cells) for row in rows]
    counts = Counter(widths)
    width = max(counts, key=lambda width: (counts[width], width))
    for index, row in enumerate(rows):
        filled = sum(bool(cell.strip()) for cell in row.cells)
        if _is_comment(row) or len(row.cells) != width:
            continue
        if filled == 0 or (width > 2 and filled == 1):  # a title, with separators up to the width of the table
            continue
        if width == 2 and filled == 1 and row.cells[0].strip() and _is_title_above(rows[index + 1 : index + 5]):
            continue
        if sum(len(below.cells) != width for below in rows[index + 1 : index + 4] if not _is_comment(below)) > 1:
            continue  # a line of text above the table that happens to be as wide
        return index
    return 0


def _is_title_above(rows: Sequence[TextRow]) -> bool:
    """Return whether the first of the next rows that has no empty cell is one of words, as a header is."""
    row = next((row for row in rows if all(cell.strip() for cell in row.cells)), None)
    return row is not None and not any(re.search(r"\d", cell) for cell in row.cells)


def _is_comment(row: TextRow) -> bool:
    return row.cells[0].lstrip().startswith(COMMENTS)


def _named(rows: Sequence[TextRow], index: int, name: str, notes: list[str]) -> Header:
    """Return the row of an index as the header; the rows below may have one cell more, or empty cells more."""
    row, below = rows[index], [row.cells for row in rows[index + 1 :]]
    cells = _names_in(row)
    counts = Counter(map(len, below))
    most = max(counts, key=lambda width: (counts[width], width == len(cells), width)) if counts else 0
    if counts and most < len(cells):  # names end where the rows do
        cells = cells[: max(most, without_empty_end(cells))]
    is_shorter = most == len(cells) + 1 and all(cells) and not _IDENTIFIER.fullmatch(cells[0])
    if is_shorter and _are_row_names([line[0] for line in below if len(line) == most]):
        notes = [
            *notes,
            f"The rows of {name} have one cell more than the header, as files written by R have: the first one is "
            f"read as '{ROW_NAME}'.",
        ]
        cells = [ROW_NAME, *cells]
    names = [cell or f"Unnamed: {position}" for position, cell in enumerate(cells)]
    end = row.end
    if _are_units(below[:1], below[1:_VOTING_ROWS]):
        texts = listing([repr(cell.strip()) for cell in below[0] if cell.strip()], most=5)
        notes = [
            *notes,
            f"The line below the column names of {name} was skipped, as units or a second header ({texts}).",
        ]
        end = rows[index + 1].end
    return Header(names, max(most, len(names)), end, notes)


def _are_units(rows: list[list[str]], below: list[list[str]]) -> bool:
    """Return whether a row has no number in any of the columns, at least two, that hold numbers below it."""
    if not rows or len(below) < _FEWEST_BELOW:
        return False
    texts = 0
    for index, cell in enumerate(rows[0]):
        values = [line[index].strip() for line in below if index < len(line)]
        values = [value for value in values if value not in MISSING_TEXT]
        if is_number(cell.strip()) or cell.strip() in values:
            return False
        is_text = bool(values) and not is_missing(cell.strip(), among_numbers=True)
        texts += is_text and sum(map(is_number, values)) >= 0.9 * len(values)
    return texts >= 2


def _unnamed(rows: Sequence[TextRow], first: int, name: str, notes: list[str], *, guessed: bool) -> Header:
    counts = Counter(len(row.cells) for row in rows[first:])
    width = max(counts, key=lambda width: (counts[width], width))
    names = [f"column {index + 1}" for index in range(width)]
    if guessed:
        span = f"'{names[0]}' to '{names[-1]}'" if width > 1 else f"'{names[0]}'"
        notes = [
            *notes,
            f"{name} has no column names: its first line looks like data. The columns are named {span}. If that line "
            f"holds names, give header={first}.",
        ]
    return Header(names, width, rows[first].line, notes)


def _skipped(rows: Sequence[TextRow], name: str, what: str) -> list[str]:
    if not rows:
        return []
    texts = []
    for row in rows:
        text = " ".join(cell.strip() for cell in row.cells).strip()
        texts.append(f"'{text[:_SHOWN]}{'...' if len(text) > _SHOWN else ''}'" if text else "blank")
    lines = "first line" if len(rows) == 1 else f"first {len(rows)} lines"
    verb = "was" if len(rows) == 1 else "were"
    return [f"The {lines} of {name} above the {what} {verb} skipped ({listing(texts, most=5)})."]


def _names_in(row: TextRow) -> list[str]:
    """Return the cells of a header, also of one that is written as a comment."""
    cells = [cell.strip() for cell in row.cells]
    if cells[0].startswith(COMMENTS):
        first = cells[0].lstrip("".join(COMMENTS) + " ")
        return [first, *cells[1:]] if first or len(cells) == 1 else cells[1:]
    return cells


def _is_header_of(row: TextRow, below: Sequence[TextRow], *, certain: bool) -> bool:
    """Return whether a row is the header of rows that have more or fewer cells, and that are certainly data or not."""
    cells, width = _names_in(row), len(below[0].cells)
    if _is_comment(row) and len(cells) == width and not certain:
        return all(_WORD.fullmatch(cell) and not is_number(cell) for cell in cells)
    if not certain:
        are_rows = any(map(is_number, below[0].cells)) or _are_row_names([line.cells[0] for line in below])
        return len(cells) == width - 1 and all(cells) and not _is_comment(row) and are_rows
    numbers = [cell for cell in cells if is_number(cell)]
    if not all(map(_is_year, numbers)) and not _are_a_series(numbers):
        return False
    if len(cells) == width:  # a comment that holds the names
        return True
    if _is_comment(row):
        return False
    if len(cells) > width:  # each row lacks its last cells
        return all(cells[: min(width, without_empty_end(cells))])
    if len(cells) == width - 1 and all(cells):
        return True
    return len(cells) > 1 and all(without_empty_end(line.cells) <= len(cells) for line in below)


def _are_row_names(cells: list[str]) -> bool:
    """Return whether cells are row names: all different, text or whole numbers that rise."""
    if len(set(cells)) < len(cells):
        return False
    if not all(re.fullmatch(r"\d+", cell) for cell in cells):
        return not any(is_number(cell) for cell in cells)
    numbers = [int(cell) for cell in cells]
    steps = {after - before for before, after in itertools.pairwise(numbers)}
    return steps <= {1} or (len(cells) >= 10 and min(steps) > 0)


# ------------------------------------------------------------------------------------------------- header or data


def _votes_for_data(first: list[str], below: list[list[str]]) -> int:
    """Return how many columns say that the first row is like those below it, less those that say the opposite."""
    cells = [cell.strip() for cell in first]
    if not below:
        return int(any(is_number(cell) for cell in cells) and not _are_a_series(cells))
    numbers = _are_a_series([cell for cell in cells if is_number(cell)])
    votes = 0
    for index, cell in enumerate(cells):
        values = [row[index].strip() for row in below if index < len(row)]
        values = [value for value in values if value not in MISSING_TEXT]
        if values and cell not in MISSING_TEXT:
            votes += _vote(cell, values, series=numbers)
    return votes


def _vote(cell: str, values: list[str], *, series: bool) -> int:
    """Return 1 if the first cell of a column is like those below it, less than 0 if it is not, 0 in doubt."""
    if sum(map(is_number, values)) >= 0.9 * len(values):
        if not is_number(cell):
            return -1
        return 0 if series or (_is_year(cell) and not _is_year(values[0])) else 1
    shapes = Counter(map(_shape, values))
    shape, count = shapes.most_common(1)[0]
    if "9" in shape and count >= 0.9 * len(values):  # dates, amounts of money, codes
        if not re.search(r"\d", cell):
            return -1
        # A name such as q1 has the shape of codes.
        return 1 if _shape(cell) == shape and not re.fullmatch("[a9]+", shape) else 0
    if cell in values:
        return 1
    levels = Counter(values)
    if len(values) >= 20 and len(levels) <= 5 and min(levels.values()) >= 5:
        return -_CERTAIN  # a class that none of the rows below has
    return -1 if len(values) >= 10 and len(set(values)) <= 0.5 * len(values) else 0


def _shape(text: str) -> str:
    """Return text with its runs of digits and of letters as one character each."""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", text))


def _is_year(cell: str) -> bool:
    return re.fullmatch(r"(1[5-9]|20)\d\d", cell) is not None


def _are_a_series(cells: list[str]) -> bool:
    """Return whether cells are whole numbers in equal steps, as the names of years or of pixels are."""
    if len(cells) < 3 or not all(re.fullmatch(r"\d+", cell) for cell in cells):
        return False
    numbers = [int(cell) for cell in cells]
    steps = {after - before for before, after in itertools.pairwise(numbers)}
    return len(steps) == 1 and min(steps) > 0
