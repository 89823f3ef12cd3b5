"""From a file, or a table in memory, to a DataFrame, or to one line that says why not."""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.feather
import pyarrow.parquet

from toolkit.common.errors import DataError
from toolkit.common.formatting import counted, listing, rows_text
from toolkit.data.reading.encoding import REPLACEMENT, decode
from toolkit.data.reading.files import EXPECTED_FILES, TABLE_ENDINGS, FileContent, contents, first_line_of
from toolkit.data.reading.frames import frame_of, frame_of_arrow, is_table
from toolkit.data.reading.header import find_header, holds_names
from toolkit.data.reading.rows import TextRow
from toolkit.data.reading.text_table import read_text_table
from toolkit.data.reading.trimming import TextTable, trim
from toolkit.data.reading_options import ReadingOptions

__all__ = ["TABLE_ENDINGS", "Table", "check_columns", "check_is_table", "fitting_separator", "is_file", "read"]

_FILES_NAMED = 5
_HEAD, _HEADER_LINES = 1 << 16, 20  # characters and lines in which the names of the columns are looked for
_SAMPLE_ROWS = 300


@dataclass(frozen=True)
class Table:
    """A table as it was read.

    Attributes:
        frame: Its cells, the column names as in the file (repeated ones too).
        name: The name to call it by.
        from_text: Whether it is a text file, whose cells are all text.
        notes: One sentence on each thing that was found out: the separator, the encoding, the header.
        damage: One sentence on each thing that was lost or filled: short rows, lines skipped, bytes that are no text.
        separator: What separates the cells of a text file, or "".
        encoding: The encoding of a text file, where it was found out and is not UTF-8, or "".
        rows: For rows taken from a larger table: their numbers in it, from 1; otherwise None.
        part: For rows that are dealt already: the index of each one's part in `toolkit.data.stratify.PARTS`.
    """

    frame: pd.DataFrame
    name: str
    from_text: bool = False
    notes: list[str] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    separator: str = ""
    encoding: str = ""
    rows: np.ndarray | None = None
    part: np.ndarray | None = None


def is_file(source: Any) -> bool:
    """Return whether a source is a path or an open file."""
    return isinstance(source, (str, bytes, os.PathLike)) or hasattr(source, "read")


def read(
    source: Any,
    options: ReadingOptions | None = None,
    *,
    expected_names: Collection[str] = (),
    empty: bool = False,
    further: bool = False,
) -> Table:
    r"""Return a table from a file or from memory.

    Args:
        source: A path to a file of `TABLE_ENDINGS`, a folder or a pattern of files of one format, "-" for standard
            input, an open file, or a table in memory (see `toolkit.data.reading.frames.frame_of`). `~` is the home
            folder.
        options: How text files are read. What is None is found out.
        expected_names: Names that columns are known by: a line that holds half of them is the header.
        empty: Whether a table without rows is allowed.
        further: Whether the options are those of other rows, which may stand in a file of another kind: their
            separator is taken if a line then holds the expected names, their encoding if the file is not UTF-8.

    Raises:
        DataError: No such file, an unknown format, a file that is empty, holds a header only, or can't be read.

    Example:
        >>> path = getfixture("tmp_path") / "two.csv"
        >>> _ = path.write_text("a;b\n1;x\n2;y\n")
        >>> table = read(path)
        >>> table.frame.to_dict("list"), table.notes
        ({'a': ['1', '2'], 'b': ['x', 'y']}, ["The cells of two.csv are separated by ';'; sep= names another."])
    """
    options = options or ReadingOptions()
    if is_table(source):
        frame = frame_of(source)
        if frame.shape[1] == 0 or (len(frame) == 0 and not empty):
            raise DataError(f"the {type(source).__name__} has shape {frame.shape}; expected rows and columns.")
        return Table(frame, "DataFrame" if isinstance(source, pd.DataFrame) else type(source).__name__)
    if not is_file(source):
        raise DataError(
            f"data is of type {type(source).__name__}; expected a path ({EXPECTED_FILES}), a DataFrame or an (X, y) "
            "pair of arrays."
        )
    files, name = contents(source)
    if further:
        tables = [_read_file(file, _fitting(options, file, expected_names), expected_names) for file in files]
    else:
        tables = [_read_file(file, options, expected_names) for file in files]
    table = tables[0] if len(tables) == 1 else _joined(tables, name)
    if table.frame.shape[1] == 0:
        raise DataError(f"{name} has no columns.")
    if len(table.frame) == 0 and not empty:
        raise DataError(f"{name} holds column names only ({listing(table.frame.columns)}); expected rows below them.")
    return table


def _joined(tables: list[Table], name: str) -> Table:
    """Return the tables of several files below each other."""
    first = tables[0]
    labels = list(first.frame.columns)
    frames = [first.frame]
    for table in tables[1:]:
        check_columns(table.name, table.frame.columns, first.name, labels)
        frames.append(table.frame[labels])
    names = listing([table.name for table in tables], most=_FILES_NAMED)
    notes = [f"{len(tables)} files of {name} were read as one table, in the order of their names ({names})."]
    return Table(
        pd.concat(frames, ignore_index=True),
        name,
        first.from_text,
        notes + [note for table in tables for note in table.notes],
        [note for table in tables for note in table.damage],
        first.separator,
        first.encoding,
    )


def check_columns(name: str, labels: Collection[Any], first_name: str, expected: Sequence[Any]) -> None:
    """Check that a file has the columns of the first of several files.

    Raises:
        DataError: It has others, or columns with the same name.
    """
    if sorted(map(str, labels)) != sorted(map(str, expected)) or len(set(expected)) < len(expected):
        lacking = [str(label) for label in expected if label not in set(labels)]
        further = [str(label) for label in labels if label not in set(expected)]
        what = f"lacks {listing(lacking)}" if lacking else f"also has {listing(further)}"
        raise DataError(f"{name} has other columns than {first_name}: it {what}. Give files with the same columns.")


# ------------------------------------------------------------------------------------------------------ by format


def _read_file(file: FileContent, options: ReadingOptions, expected_names: Collection[str]) -> Table:
    if not (file.content.strip() if file.format != "parquet" else True):
        raise DataError(f"{file.name} is empty.")
    if file.format == "text":
        return _read_text(file, options, expected_names)
    if file.format == "excel":
        return _read_excel(file, options, expected_names)
    if file.format in ("json", "jsonl"):
        return Table(_read_json(file, options), file.name)
    read_binary = pyarrow.parquet.read_table if file.format == "parquet" else _read_arrow
    try:
        return Table(frame_of_arrow(read_binary(io.BytesIO(file.raw))), file.name)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        format = {"parquet": "Parquet", "arrow": "Arrow"}[file.format]
        raise DataError(f"{file.name} can't be read as {format}: {first_line_of(error)}.") from error


def _read_arrow(file: io.BytesIO) -> pyarrow.Table:
    """Return a table from an Arrow file (Feather) or an Arrow stream."""
    try:
        return pyarrow.feather.read_table(file)
    except pyarrow.ArrowInvalid:
        file.seek(0)
        return pyarrow.ipc.open_stream(file).read_all()


def _fitting(options: ReadingOptions, file: FileContent, expected_names: Collection[str]) -> ReadingOptions:
    """Return the options of other rows, without the encoding and the separator where they don't fit a file."""
    encoding, text = options.encoding, file.content
    if isinstance(text, bytes) and encoding is not None:
        # UTF-16 has a mark, or zeros.
        is_unicode = b"\x00" in text or _can_be_decoded(text, "utf-8")
        encoding = None if is_unicode or not _can_be_decoded(text, encoding) else encoding
    if isinstance(text, bytes):
        text = text[:_HEAD].decode(encoding or "utf-8", errors="replace")
    return replace(options, encoding=encoding, sep=fitting_separator(options.sep, text, expected_names))


def fitting_separator(separator: str | None, text: str, expected_names: Collection[str]) -> str | None:
    """Return the separator of the training if a line of a text then holds the expected names; otherwise None."""
    rows = (line.split(separator) for line in text[:_HEAD].split("\n")[:_HEADER_LINES])
    fits = any(holds_names([cell.strip(' "\r') for cell in row], expected_names) for row in rows)
    return separator if fits else None


def _can_be_decoded(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except (ValueError, LookupError):
        return False
    return True


def _read_text(file: FileContent, options: ReadingOptions, expected_names: Collection[str]) -> Table:
    if isinstance(file.content, str):
        # Halves of surrogate pairs stand for bytes that are no text where a file was opened with surrogateescape.
        text, notes, guess = re.sub("[\ud800-\udfff]", REPLACEMENT, file.content), [], ""
        damaged = text != file.content
    else:
        decoded = decode(file.content, file.name, options.encoding)
        text, notes, damaged, guess = decoded.text, decoded.notes, decoded.damaged, decoded.guess
    check_is_table(text, file.name)
    table = read_text_table(text, file.name, options, expected_names=expected_names, tabs=file.tabs)
    damage = table.damage + (_damaged_cells(table.frame, file.name) if damaged else [])
    return Table(table.frame, file.name, True, notes + table.notes, damage, table.separator, guess)


def check_is_table(text: str, name: str) -> None:
    """Check that text is neither a web page nor JSON.

    Raises:
        DataError: It is.
    """
    start = text[:_HEAD].lstrip().lower()
    if start.startswith(("<!doctype", "<html", "<?xml")):
        raise DataError(f"{name} is a web page or XML, not a table: download the file itself, or export it as CSV.")
    if start.startswith(('{"', '[{"')):
        raise DataError(f"{name} holds JSON: give it a name that ends in .json, or in .jsonl for one record per line.")


def _damaged_cells(frame: pd.DataFrame, name: str) -> list[str]:
    """Return a sentence on each column with cells that hold bytes which are no text."""
    notes = []
    for index, label in enumerate(frame.columns):
        column = frame.iloc[:, index]
        bad = column.str.contains(REPLACEMENT, regex=False).to_numpy(dtype=bool, na_value=False).nonzero()[0]
        if len(bad):
            example = column.iloc[int(bad[0])]
            notes.append(
                f"{counted(len(bad), 'cell')} of '{label}' in {name} {'has' if len(bad) == 1 else 'have'} bytes that "
                f"are not UTF-8 ({rows_text(bad + 1)}: {example!r}); encoding= names another encoding."
            )
    bad_names = [label for label in frame.columns if REPLACEMENT in label]
    if bad_names:
        notes.append(f"Column names of {name} have bytes that are not UTF-8 ({listing(bad_names)}).")
    return notes


def _read_json(file: FileContent, options: ReadingOptions) -> pd.DataFrame:
    """Return a table from JSON: a list of records, a dictionary of columns, or one record per line."""
    text = file.content if isinstance(file.content, str) else decode(file.content, file.name, options.encoding).text
    try:
        if file.format == "jsonl":
            content: Any = [json.loads(line) for line in text.split("\n") if line.strip()]
        else:
            content = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{file.name} can't be read as JSON: {first_line_of(error)}.") from error
    except RecursionError:
        raise DataError(f"{file.name} can't be read as JSON: it is nested too deeply.") from None
    if isinstance(content, dict):
        nested = [value for value in content.values() if _are_all(value, dict)]
        if len(nested) == 1:  # an envelope around the records
            content = nested[0]
        elif isinstance(content.get("columns"), list) and _are_all(content.get("data"), list):
            content = [dict(zip(map(str, content["columns"]), row, strict=False)) for row in content["data"]]
    if _are_all(content, dict):
        return pd.DataFrame(content)
    if isinstance(content, dict) and content and all(isinstance(cells, list | dict) for cells in content.values()):
        columns = {
            label: list(cells.values()) if isinstance(cells, dict) else cells for label, cells in content.items()
        }
        return frame_of(columns, file.name)
    raise DataError(f'{file.name} is no table: expected a list of records, such as [{{"a": 1}}, {{"a": 2}}].')


def _are_all(content: Any, kind: type) -> bool:
    return isinstance(content, list) and bool(content) and all(isinstance(row, kind) for row in content)


def _read_excel(file: FileContent, options: ReadingOptions, expected_names: Collection[str]) -> Table:
    """Return the first sheet of a workbook, with the types that its cells have there."""
    try:
        import openpyxl  # noqa: F401
    except ImportError:
        raise DataError(f'{file.name}: Excel files need openpyxl: pip install "logitkit[excel]".') from None
    try:
        with pd.ExcelFile(io.BytesIO(file.raw), engine="openpyxl") as book:
            sheets = [str(sheet) for sheet in book.sheet_names]
            cells = pd.read_excel(book, header=None, dtype=object, keep_default_na=False, na_values=[""])
    except (ValueError, KeyError, OSError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(f"{file.name} can't be read as an Excel file: {first_line_of(error)}.") from error
    cells = cells.dropna(how="all")
    if cells.empty:
        raise DataError(f"the sheet '{sheets[0]}' of {file.name} is empty.")
    sample = cells.head(_SAMPLE_ROWS).astype(object)
    rows = [
        TextRow(["" if pd.isna(cell) else str(cell) for cell in row], index, index + 1)
        for index, row in enumerate(sample.itertuples(index=False, name=None))
    ]
    header = find_header(rows, file.name, options.header, expected_names)
    table = TextTable(pd.DataFrame(), header.notes)
    if len(sheets) > 1:
        table.notes.append(f"{file.name} has {len(sheets)} sheets ({listing(sheets)}): the first one was read.")
    trim(cells.iloc[header.line :].reset_index(drop=True), header, table, file.name)
    frame = table.frame
    if options.na_values:
        frame = frame.mask(frame.isin(list(options.na_values)))
    return replace(Table(frame.infer_objects(), file.name), notes=table.notes, damage=table.damage)
