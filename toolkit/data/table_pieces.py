"""Tables to predict, piece by piece: large ones of text, and Parquet; other tables are read at once."""

from __future__ import annotations

import functools
import os
import shutil
import sys
import tempfile
import weakref
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pandas as pd
import pyarrow
import pyarrow.parquet

from toolkit.common.errors import DataError
from toolkit.data.read import check_columns, check_is_table, fitting_separator, read
from toolkit.data.reading.files import (
    STANDARD_INPUT,
    UNPACKING_ERRORS,
    are_tabs,
    first_line_of,
    is_text_file,
    open_text,
    paths_of,
)
from toolkit.data.reading.text_pieces import PIECE, TextPieces, survey
from toolkit.data.reading_options import ReadingOptions

__all__ = ["TablePieces", "frame_of_batch", "open_table"]

_ROWS = 1 << 14  # of a piece of a table that is no text
_LARGE = 2  # pieces: a smaller text is read at once
_PARQUET = b"PAR1"
_NO_TEXT = (b"PK\x03\x04", b"ARROW1", b"\x1f\x8b", b"BZh", b"\xfd7zXZ")
# Whole numbers and true/false stay so where cells are missing.
_NULLABLE = {
    kind(): dtype()
    for kind, dtype in {
        pyarrow.int8: pd.Int8Dtype,
        pyarrow.int16: pd.Int16Dtype,
        pyarrow.int32: pd.Int32Dtype,
        pyarrow.int64: pd.Int64Dtype,
        pyarrow.uint8: pd.UInt8Dtype,
        pyarrow.uint16: pd.UInt16Dtype,
        pyarrow.uint32: pd.UInt32Dtype,
        pyarrow.uint64: pd.UInt64Dtype,
        pyarrow.bool_: pd.BooleanDtype,
    }.items()
}


class _File(Protocol):
    """One file: its column names, and its rows."""

    labels: list[Any]

    def __iter__(self) -> Iterator[pd.DataFrame]: ...


@dataclass
class TablePieces:
    """The rows of one or more files.

    Attributes:
        name: The name to call the table by.
        labels: The column names.
        files: The files.
        most_rows: The largest number of rows that can come.
        from_text: Whether the cells are text, in which the user's words for missing cells still stand.
        damage: One sentence on each thing that was lost or filled, when all rows have come.
    """

    name: str
    labels: list[Any]
    files: Sequence[_File]
    most_rows: int
    from_text: bool = False
    damage: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Yield the rows, in the order of the files; a table without rows is one DataFrame without rows.

        Raises:
            DataError: A file can't be read to its end.
        """
        for file in self.files:
            yield from file
            if isinstance(file, TextPieces):
                self.damage += file.table.damage


def open_table(
    source: Any,
    options: ReadingOptions,
    expected_names: Collection[str],
    *,
    columns: Collection[str] = (),
    size: int = PIECE,
) -> TablePieces:
    """Open a table to predict; its cells are the same as by `toolkit.data.read.read`.

    Args:
        source: A path, a folder or a pattern of files of one format, a list of paths, or "-" for standard input.
        options: How the table of the training was read.
        expected_names: The columns of the training.
        columns: The columns that are needed, where a format can leave out the others.
        size: The characters of a piece of text. A text of two pieces or less is read at once.

    Raises:
        DataError: There is no such file, or it can't be read.
    """
    if source == STANDARD_INPUT or _is_pipe(source):
        return _from_pipe(source, options, expected_names, columns, size)
    paths, name = paths_of(source)
    if all(path.suffix.lower() in (".parquet", ".pq") for path in paths):
        files = [_ParquetPieces(path, path.name, columns) for path in paths]
        return _joined(files, [path.name for path in paths], name, sum(file.rows for file in files))
    if all(map(is_text_file, paths)):
        opened = [(path.name, functools.partial(open_text, path), are_tabs(path)) for path in paths]
        table = _of_texts(opened, name, options, expected_names, size)
        if table is not None:
            return table
    return _at_once(source, options, expected_names)


def _of_texts(
    opened: Sequence[tuple[str, Callable[[], BinaryIO], bool]],
    name: str,
    options: ReadingOptions,
    expected_names: Collection[str],
    size: int,
) -> TablePieces | None:
    """Return text files in pieces; None where they are small, or their encoding must be found out from all of it."""
    surveys = []
    for file_name, reopen, _ in opened:
        try:
            with reopen() as file:
                surveys.append(survey(file, options.encoding))
        except UNPACKING_ERRORS as error:
            raise DataError(f"{file_name} can't be read: {first_line_of(error)}.") from error
    known = [survey for survey in surveys if survey is not None]
    if len(known) < len(surveys) or sum(survey.characters for survey in known) <= _LARGE * size:
        return None

    def fit(file_name: str, head: str) -> ReadingOptions:
        check_is_table(head, file_name)
        return replace(options, sep=fitting_separator(options.sep, head, expected_names))

    files = [
        TextPieces(
            reopen,
            file_name,
            survey,
            options,
            expected_names,
            tabs=tabs,
            fit=functools.partial(fit, file_name),
            size=size,
        )
        for (file_name, reopen, tabs), survey in zip(opened, known, strict=True)
    ]
    table = _joined(
        files,
        [file_name for file_name, _, _ in opened],
        name,
        sum(max(s.lines, s.returns) + 1 for s in known),
    )
    return replace(table, from_text=True)


def _joined(files: Sequence[_File], names: Sequence[str], name: str, rows: int) -> TablePieces:
    labels = files[0].labels
    for file, file_name in zip(files[1:], names[1:], strict=True):
        check_columns(file_name, file.labels, names[0], labels)
    return TablePieces(name, labels, files, rows)


def _at_once(source: Any, options: ReadingOptions, expected_names: Collection[str]) -> TablePieces:
    if isinstance(source, list | tuple):
        tables = [_at_once(path, options, expected_names) for path in source]
        files = [file for table in tables for file in table.files]
        rows = sum(table.most_rows for table in tables)
        joined = _joined(files, [table.name for table in tables], paths_of(source)[1], rows)
        damage = [sentence for table in tables for sentence in table.damage]
        return replace(joined, from_text=tables[0].from_text, damage=damage)
    if not str(source).lower().endswith(".xlsx"):
        # The words for missing cells are no values of the model's columns, but are copied as they are.
        options = replace(options, na_values=())
    table = read(source, options, expected_names=expected_names, empty=True, further=True)
    file = _Frame(table.frame)
    return TablePieces(table.name, file.labels, [file], len(table.frame), table.from_text, list(table.damage))


class _Frame:
    """A table that was read at once."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame, self.labels = frame, list(frame.columns)

    def __iter__(self) -> Iterator[pd.DataFrame]:
        for start in range(0, max(1, len(self._frame)), _ROWS):
            yield self._frame.iloc[start : start + _ROWS].reset_index(drop=True)


def frame_of_batch(batch: pyarrow.RecordBatch) -> pd.DataFrame:
    """Return the rows of a Parquet file that came together, with the cells that `toolkit.data.read.read` gives."""
    return pyarrow.Table.from_batches([batch]).to_pandas(ignore_metadata=True, types_mapper=_NULLABLE.get)


class _ParquetPieces:
    """The rows of a Parquet file."""

    def __init__(self, file: Path | BinaryIO, name: str, columns: Collection[str]) -> None:
        self._name = name
        try:
            self._file = pyarrow.parquet.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False)
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise self._error(error) from error
        self.rows = self._file.metadata.num_rows
        self.labels = list(self._file.schema_arrow.names)
        self._columns = [label for label in self.labels if label in columns] or None

    def __iter__(self) -> Iterator[pd.DataFrame]:
        if self.rows == 0:
            yield self._file.schema_arrow.empty_table().to_pandas(ignore_metadata=True)
        try:
            for batch in self._file.iter_batches(_ROWS, columns=self._columns):
                yield frame_of_batch(batch)
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise self._error(error) from error

    def _error(self, error: Exception) -> DataError:
        return DataError(f"{self._name} can't be read as Parquet: {first_line_of(error)}.")


# ---------------------------------------------------------------------------------------------------------- pipes


def _is_pipe(source: Any) -> bool:
    path = Path(os.path.expanduser(source)) if isinstance(source, str | os.PathLike) else None
    return path is not None and path.exists() and not path.is_file() and not path.is_dir()


@dataclass
class _NamedFile:
    """An open file with a name for messages."""

    file: BinaryIO
    name: str

    def read(self) -> bytes:
        self.file.seek(0)
        return self.file.read()


def _from_pipe(
    source: Any, options: ReadingOptions, expected_names: Collection[str], columns: Collection[str], size: int
) -> TablePieces:
    """Open what comes through a pipe: it is put on the disk first, since text is read twice."""
    name = "standard input" if source == STANDARD_INPUT else str(source)
    file: Any = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed with the table
    try:
        if source == STANDARD_INPUT:
            shutil.copyfileobj(sys.stdin.buffer, file)
        else:
            with open(source, "rb") as pipe:
                shutil.copyfileobj(pipe, file)
    except OSError as error:
        raise DataError(f"{name} can't be read: {error.strerror or error}.") from error

    def reopen() -> BinaryIO:
        copy = os.fdopen(os.dup(file.fileno()), "rb")
        copy.seek(0)
        return copy

    file.seek(0)
    beginning = file.read(6)
    table = None
    if beginning.startswith(_PARQUET):
        parquet = _ParquetPieces(file, name, columns)
        table = TablePieces(name, parquet.labels, [parquet], parquet.rows)
    elif not beginning.startswith(_NO_TEXT):
        table = _of_texts([(name, reopen, False)], name, options, expected_names, size)
    table = table or _at_once(_NamedFile(file, name), options, expected_names)
    weakref.finalize(table, file.close)
    return table
