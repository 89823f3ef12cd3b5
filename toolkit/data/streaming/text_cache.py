"""Text files converted to Parquet once, in the user's cache folder: read in a fraction of the time, group by group."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import platformdirs
import pyarrow
import pyarrow.compute
import pyarrow.parquet

from toolkit.common.errors import DataError
from toolkit.common.files import locked, open_whole, scratch
from toolkit.data.memory import readable
from toolkit.data.number_formats import plain_column
from toolkit.data.read import Table
from toolkit.data.reading.files import first_line_of, paths_of
from toolkit.data.reading_options import ReadingOptions
from toolkit.data.streaming.row_groups import RowGroups
from toolkit.data.table_pieces import open_table

__all__ = ["CachedTable", "cached_tables", "clear", "converted", "folder"]

_FORMAT = "2"
_KEY = b"logitkit"
_GROUP_ROWS = 1 << 17
_EXACT = 2**53  # larger whole numbers are not exact as floats


@dataclass(frozen=True)
class CachedTable:
    """A converted table.

    Attributes:
        path: The Parquet file.
        source: The path of the text that it was made of.
        size: Its size in bytes.
    """

    path: Path
    source: str
    size: int


def folder() -> Path:
    """Return the folder of converted tables, in the user's cache folder."""
    return Path(platformdirs.user_cache_dir("logitkit")) / "tables"


def cached_tables() -> list[CachedTable]:
    """Return the converted tables."""
    tables = []
    for path in sorted(folder().glob("*.parquet")):
        metadata = _known(path)
        tables.append(CachedTable(path, "" if metadata is None else metadata["source"], path.stat().st_size))
    return tables


def clear() -> int:
    """Remove the converted tables, and return how many bytes that frees."""
    tables = cached_tables()
    for table in tables:
        table.path.unlink(missing_ok=True)
    return sum(table.size for table in tables)


def converted(source: Any, reading: ReadingOptions, expected_names: Collection[str]) -> RowGroups:
    """Return text files as Parquet; they are converted if this was not done, or if they have changed.

    Columns of plain numbers become numbers, all others stay text.

    Args:
        source: A path, a folder, or a pattern of text files.
        reading: How they are read.
        expected_names: Names that columns are known by: a line that holds half of them is the header.

    Raises:
        DataError: They can't be read, or there is no room in the cache folder.
    """
    paths, name = paths_of(source)
    state = [[str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns] for path in paths]
    # One file for the same paths and options, so that a table that has changed replaces its earlier version.
    options = [repr(reading), sorted(expected_names), _FORMAT]
    key = hashlib.sha256(json.dumps([[path for path, *_ in state], options]).encode()).hexdigest()[:16]
    path = folder() / f"{paths[0].name.split('.')[0][:40]}-{key}.parquet"
    metadata, what = _known(path), "read from"
    if metadata is None or metadata["files"] != state:
        _make_folder()
        try:
            # One process at a time: a table must not be replaced while another one that waited for it reads it.
            with _locked(path):
                metadata = _known(path)
                if metadata is None or metadata["files"] != state:
                    _check_room(paths, path)
                    metadata, what = _write(source, path, reading, expected_names, state), "converted to"
        except OSError as error:
            raise DataError(
                f"{name} can't be converted to {path}: {error.strerror or first_line_of(error)}. "
                "XDG_CACHE_HOME names another folder."
            ) from error
    note = f"{name} was {what} {path} ({readable(path.stat().st_size)}): "
    notes = [note + "`recipes cache` shows such files, `recipes cache clear` removes them."]
    return RowGroups([path], name, Table(pd.DataFrame(), name, True, notes, metadata["damage"]))


def _known(path: Path) -> dict[str, Any] | None:
    """Return what a converted table is known by; None where the file is damaged or of another program."""
    try:
        content = (pyarrow.parquet.read_metadata(path).metadata or {}).get(_KEY)
        return None if content is None else json.loads(content)
    except (pyarrow.ArrowException, OSError, ValueError):
        return None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of a converted table, which is a folder beside it."""
    lock = path.with_suffix(".lock")
    lock.mkdir(mode=0o700, exist_ok=True)
    with locked(lock):
        try:
            yield
        finally:  # who has waited for it finds the table converted
            with suppress(OSError):
                lock.rmdir()


def _make_folder() -> None:
    try:
        folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        folder().chmod(0o700)
    except OSError as error:
        raise DataError(
            f"the cache folder {folder()} can't be used: {error.strerror or error}. XDG_CACHE_HOME names another."
        ) from error


def _check_room(paths: Sequence[Path], path: Path) -> None:
    """Check that the disk has room for the text; Parquet takes less, but packed text is larger than its file."""
    size = sum(file.stat().st_size * (5 if file.suffix in (".gz", ".bz2", ".xz") else 1) for file in paths)
    free = shutil.disk_usage(path.parent).free
    if free < size:
        raise DataError(
            f"{path.parent} has {readable(free)} of free disk space, and converting {paths[0].name} to Parquet may "
            f"take {readable(size)}: make room, or let XDG_CACHE_HOME name a folder on another disk."
        )


def _write(
    source: Any, path: Path, reading: ReadingOptions, expected_names: Collection[str], state: list[Any]
) -> dict[str, Any]:
    """Convert files, and return what the converted table is known by."""
    table = open_table(source, reading, expected_names)
    labels = [str(label) for label in table.labels]
    schema = pyarrow.schema([(label, pyarrow.string()) for label in labels])
    # Columns whose cells are all plain numbers become numbers, which are read in a fraction of the time.
    as_usual = reading.decimal_mark in (None, ".") and reading.thousands is None
    numbers = {index for index, label in enumerate(labels) if as_usual and label not in expected_names}
    with scratch(path.parent) as temporary:
        with pyarrow.parquet.ParquetWriter(temporary / "text.parquet", schema, compression="zstd") as writer:
            for rows in _large_pieces(table, reading.na_values):
                columns = [pyarrow.array(rows.iloc[:, index], pyarrow.string()) for index in range(len(labels))]
                writer.write_table(pyarrow.Table.from_arrays(columns, schema=schema), row_group_size=_GROUP_ROWS)
                numbers = {index for index in numbers if _are_numbers(rows.iloc[:, index])}
        metadata = {"files": state, "source": str(source), "damage": list(table.damage)}
        for index in numbers:
            schema = schema.set(index, pyarrow.field(labels[index], pyarrow.float64()))
        text = pyarrow.parquet.ParquetFile(temporary / "text.parquet")
        with open_whole(path) as file, pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
            for group in range(text.num_row_groups):
                columns = text.read_row_group(group).columns
                cells = [_as_numbers(column) if index in numbers else column for index, column in enumerate(columns)]
                writer.write_table(pyarrow.Table.from_arrays(cells, schema=schema))
            writer.add_key_value_metadata({_KEY.decode(): json.dumps(metadata)})
        text.close()
    path.chmod(0o600)
    return metadata


def _are_numbers(cells: pd.Series) -> bool:
    """Return whether text cells are plain numbers that floats hold exactly, or missing."""
    if cells.isna().all():
        return True
    plain = plain_column(cells)
    return plain is not None and not (np.abs(plain[0]) >= _EXACT).any()


def _as_numbers(cells: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    return pyarrow.compute.cast(pyarrow.compute.utf8_trim_whitespace(cells), pyarrow.float64())


def _large_pieces(pieces: Any, missing: Collection[str]) -> Iterator[pd.DataFrame]:
    """Yield rows in pieces of a row group."""
    waiting: list[pd.DataFrame] = []
    for rows in pieces:
        waiting.append(rows.mask(rows.isin(list(missing))) if missing else rows)
        if sum(map(len, waiting)) >= _GROUP_ROWS:
            yield pd.concat(waiting, ignore_index=True)
            waiting = []
    if waiting:
        yield pd.concat(waiting, ignore_index=True)
