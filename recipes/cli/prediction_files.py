"""Files of predictions: CSV with a guard against formulas, Parquet and JSON, written piece by piece."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from toolkit.common.errors import DataError

if TYPE_CHECKING:
    import pyarrow

__all__ = ["Guard", "csv_pieces", "file_format", "write"]

_INFINITE = (float("inf"), float("-inf"))
_FORMATS = {".csv": "csv", ".parquet": "parquet", ".json": "json"}
# As OWASP and ASVS list them: spreadsheets run text as a formula that begins so, some of them also after blanks.
_FORMULA = "^[\\s\\v\\pZ\ufeff\u200b]*[=+\\-@\uff1d\uff0b\uff0d\uff20]|^[\\t\\r\\n\\x00]"
# An exponent needs digits before it: -E5 is a cell.
_NUMBER = "^[\\s\\pZ]*[+-]?[\\d.,'\\pZ]*(\\d[eE][+-]?\\d+)?[\\s\\pZ]*%?\\s*$"


def file_format(path: Path, *, is_stream: bool) -> str:
    """Return the format that the ending of a file's name tells: csv, parquet or json.

    Args:
        path: The path.
        is_stream: Whether it is a device or a pipe, which is CSV without an ending.

    Raises:
        DataError: It tells none of them.

    Example:
        >>> file_format(Path("out.parquet"), is_stream=False)
        'parquet'
    """
    ending = path.suffix.lower()
    if ending not in _FORMATS and not is_stream:
        raise DataError(f"-o {path}: expected a name that ends in .csv, .parquet or .json.")
    return _FORMATS.get(ending, "csv")


class Guard:
    """Puts ' before text that a spreadsheet would run as a formula.

    Attributes:
        count: The cells and column names that begin with ' now.

    Example:
        >>> import pyarrow
        >>> table = pyarrow.table({"note": ["=1+1", "-5", "- 1.234,5", "+1.5e3", "fine", None]})
        >>> Guard()(table).to_pydict()
        {'note': ["'=1+1", '-5', '- 1.234,5', '+1.5e3', 'fine', None]}
    """

    def __init__(self) -> None:
        self.count = 0
        self._names = 0

    def __call__(self, table: pyarrow.Table) -> pyarrow.Table:
        """Return a table with guarded cells and column names."""
        import pyarrow

        types, columns = pyarrow.types, []
        for column in table.columns:
            is_text = types.is_string(column.type) or types.is_large_string(column.type)
            columns.append(self._guarded(column) if is_text else column)
        names = self._guarded(pyarrow.chunked_array([table.column_names], pyarrow.string())).to_pylist()
        changed = sum(name != before for name, before in zip(names, table.column_names, strict=True))
        self.count -= self._names  # the names stand in the file once
        self._names = changed
        return pyarrow.table(columns, names=names)

    def _guarded(self, column: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
        from pyarrow import compute

        run = compute.and_(
            compute.match_substring_regex(column, _FORMULA),
            compute.invert(compute.match_substring_regex(column, _NUMBER)),
        )
        count = compute.sum(run).as_py() or 0
        self.count += count
        return compute.if_else(run, compute.replace_substring_regex(column, "^", "'"), column) if count else column


def csv_pieces(tables: Iterable[pyarrow.Table]) -> Iterator[str]:
    """Yield the lines of a CSV file, those of a table at a time; the first ones are below the column names."""
    for number, table in enumerate(tables):
        text = io.StringIO()
        columns = [_plain(column) for column in table.columns]
        # The writer doesn't see that a carriage return ends a line for others.
        returns = any(isinstance(cell, str) and "\r" in cell for column in columns for cell in column)
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL)
        if number == 0:
            writer.writerow(table.column_names)
        writer.writerows(zip(*columns, strict=True))
        yield text.getvalue()


def write(tables: Iterable[pyarrow.Table], file: BinaryIO, format: str) -> None:
    """Write tables of the same columns below each other.

    Args:
        tables: At least one.
        file: An open file.
        format: "csv", "parquet", or "json": a list with a record per line.
    """
    if format == "csv":
        for text in csv_pieces(tables):
            file.write(text.encode("utf-8", "surrogatepass"))
        return
    if format == "json":
        _write_json(tables, file)
        return
    import pyarrow.parquet

    writer = None
    for table in tables:
        writer = writer or pyarrow.parquet.ParquetWriter(file, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _write_json(tables: Iterable[pyarrow.Table], file: BinaryIO) -> None:
    before = "[\n"
    for table in tables:
        # JSON has no infinite numbers.
        columns = [[None if cell in _INFINITE else cell for cell in _plain(column)] for column in table.columns]
        names = table.column_names
        for row in zip(*columns, strict=True):
            record = json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, default=str, allow_nan=False)
            file.write(f"{before}{record}".encode("utf-8", "replace"))
            before = ",\n"
    file.write(b"[]\n" if before == "[\n" else b"\n]\n")


def _plain(column: pyarrow.ChunkedArray) -> list[Any]:
    """Return cells as Python has them; NaN is missing."""
    return [None if cell != cell else cell for cell in column.to_pylist()]
