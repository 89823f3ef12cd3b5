"""The rows of a text file: cells between separators, quoted or not, and the separator that fits."""

from __future__ import annotations

import collections
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from toolkit.common.errors import DataError
from toolkit.data.cells import is_number

__all__ = [
    "BLANKS",
    "COMMENTS",
    "SEPARATORS",
    "TextRow",
    "find_separator",
    "split_rows",
    "tidy_blanks",
    "without_empty_end",
]

BLANKS = " "  # any number of blanks and tabs between two cells
# In the order of preference where two of them split a file equally well: a comma also stands inside numbers.
SEPARATORS = {"\t": "tabs", ";": "';'", "|": "'|'", "^": "'^'", ",": "','", BLANKS: "blanks"}

COMMENTS = ("#", "%")  # a line that begins so is a comment

_SIMILAR = 0.1  # two separators that split the lines this nearly as regularly are told apart by the header
_REGULAR = 0.8  # blanks separate cells where no other separator splits this share of the lines alike
_DECIMAL_COMMA = re.compile(r"[+-]?[\d. ']*\d,\d+ ?%?")
_NUMBERS_IN_A_CELL = re.compile(r"\s*-?[\d.]+(\s+-?[\d.]+){2,}\s*")


@dataclass(frozen=True)
class TextRow:
    """One row of a text file.

    Attributes:
        cells: Its cells, without the blanks in front of them.
        line: The number of its first line in the text, from 0.
        end: The number of the line after its last one: a quoted cell may hold line ends.
    """

    cells: list[str]
    line: int
    end: int


def tidy_blanks(text: str, quoted: bool | None = None) -> str:
    """Return text in which blanks separate the cells with one blank between them, and none at the ends of a line.

    Args:
        text: The text, or a piece of whole lines.
        quoted: Whether the file holds a quotation mark, so that blanks stay; None if the text is all of it.
    """
    text = "\n".join(line.strip(" ") for line in text.replace("\t", " ").split("\n"))
    return text if ('"' in text if quoted is None else quoted) else re.sub(r" {2,}", " ", text)


def split_rows(
    text: str, separator: str, name: str = "the text", before: int = 0, *, goes_on: bool = False
) -> Iterator[TextRow]:
    r"""Yield the rows of a text that are not blank lines.

    Args:
        text: Lines that end with a line feed; for `BLANKS` after `tidy_blanks`.
        separator: One character.
        name: The name of the file in messages.
        before: How many lines of the file are above the text.
        goes_on: Whether further lines follow: a last row whose quotation mark is still open is not yielded.

    Raises:
        DataError: A cell begins with a quotation mark that is not closed, so that further rows would be lost in it.

    Example:
        >>> [row.cells for row in split_rows('a, b\n1,"x, y"\n\n2,z\n', ",")]
        [['a', 'b'], ['1', 'x, y'], ['2', 'z']]
    """
    lines = text.split("\n")  # str.splitlines also splits at form feeds and the like
    reader = csv.reader((line + "\n" for line in lines), delimiter=separator, skipinitialspace=True)
    start = 0
    try:
        for cells in reader:
            if reader.line_num - start > 1:
                if goes_on and reader.line_num == len(lines):
                    return
                _check_quotes(lines[start : reader.line_num], separator, f"{name}: line {before + start + 1}")
            if len(cells) > 1 or any(cells):
                yield TextRow(cells, start, reader.line_num)
            start = reader.line_num
    except csv.Error as error:
        raise DataError(
            f"{name} can't be read as a table: line {before + start + 1}: {error}; is a quotation mark not closed?"
        ) from error


def _check_quotes(lines: list[str], separator: str, where: str) -> None:
    """Check that the cells of a row over several lines are quoted well."""
    if not is_well_quoted("\n".join(lines) + "\n", separator):
        raise DataError(
            f"{where} can't be read as a row of a table: a quotation mark (\") opens a cell and is not closed in its "
            'row; close it, or write it twice ("") where it is meant as a character.'
        )


def is_well_quoted(text: str, separator: str = ",") -> bool:
    r"""Return whether each quotation mark that opens a cell is closed at the end of the cell.

    Example:
        >>> is_well_quoted('1,"a ""b"" c"\n'), is_well_quoted('1,"a "b" c"\n'), is_well_quoted('1,"a\n')
        (True, False, False)
    """
    lines = (f"{line}\n" for line in text.split("\n"))
    try:
        collections.deque(csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True), maxlen=0)
    except csv.Error:
        return False
    return True


def without_empty_end(cells: list[str]) -> int:
    """Return how many cells there are without the empty ones at the end."""
    count = len(cells)
    while count and not cells[count - 1].strip():
        count -= 1
    return count


def find_separator(sample: str) -> str:
    r"""Return the separator that splits most lines into equally many cells, from the header on.

    Example:
        >>> find_separator("x;price\n1;4,942\n2;1,500\n"), find_separator("x  i y\n1.5  2 a\n2.5 3 b\n")
        (';', ' ')
    """
    lines = sample.split("\n")
    first = next((index for index, line in enumerate(lines) if line.strip() and line[0] not in COMMENTS), 0)
    sample = "\n".join(lines[first:])
    fits = [fit for fit in (_fit(sample, separator) for separator in SEPARATORS if separator != BLANKS) if fit]
    best = _best(fits) if fits else None
    if best is None or best.share < _REGULAR or best.before or _holds_numbers_between_blanks(best):
        blanks = _fit(tidy_blanks(sample), BLANKS)
        # A column of text has blanks too, but not equally many in each line and in the header.
        least = best.width if best and best.share >= _REGULAR else 1
        if blanks and blanks.width > least and blanks.is_regular:
            header = len(blanks.rows[0])
            if header == blanks.width or header == blanks.width - 1 >= 2 or _is_numeric(blanks):
                return BLANKS
    return best.separator if best else ","


@dataclass(frozen=True)
class _Fit:
    """How a separator splits lines: into `width` cells in a `share` of them, `before` of which none is so wide."""

    separator: str
    width: int
    share: float
    before: int
    rows: list[list[str]]

    @property
    def is_regular(self) -> bool:
        """Whether at most one line, or one in ten, has another number of cells."""
        return (1 - self.share) * len(self.rows) <= max(1.01, _SIMILAR * len(self.rows))


def _fit(sample: str, separator: str) -> _Fit | None:
    """Return how a separator splits the lines of a sample, or None if it splits none."""
    lines = io.StringIO(sample)
    try:
        rows = [row for row in csv.reader(lines, delimiter=separator, skipinitialspace=True) if any(row)]
    except csv.Error:
        return None
    widths = [len(row) for row in rows]
    counts = Counter(width for width in widths if width > 1)
    if not counts:
        return None
    width = max(counts, key=lambda width: (counts[width], width))
    return _Fit(separator, width, counts[width] / len(rows), widths.index(width), rows)


def _best(fits: list[_Fit]) -> _Fit:
    highest = max(fit.share for fit in fits)
    similar = [fit for fit in fits if fit.share >= highest - _SIMILAR]
    least = min(fit.before for fit in similar)
    similar = [fit for fit in similar if fit.before == least]
    widest = max(similar, key=lambda fit: fit.width)  # the first one, if several are as wide
    for fit in similar:
        if widest.separator == "," and fit.separator != "," and _commas_are_decimal(fit):
            return fit
    return widest


def _is_numeric(fit: _Fit) -> bool:
    """Return whether half of the cells of the regular rows are numbers."""
    cells = [cell for row in fit.rows if len(row) == fit.width for cell in row]
    return sum(map(is_number, cells)) >= 0.5 * len(cells)


def _commas_are_decimal(fit: _Fit) -> bool:
    """Return whether all commas within the cells of a file stand inside numbers."""
    cells = [cell for row in fit.rows[fit.before :] for cell in row if "," in cell]
    return bool(cells) and all(_DECIMAL_COMMA.fullmatch(cell.strip()) for cell in cells)


def _holds_numbers_between_blanks(fit: _Fit) -> bool:
    """Return whether a cell of each line holds several numbers with runs of blanks between them."""
    rows = [row for row in fit.rows if len(row) == fit.width]
    return any(
        all(_NUMBERS_IN_A_CELL.fullmatch(row[index]) for row in rows) and any("  " in row[index] for row in rows)
        for index in range(fit.width)
    )
