"""The row groups of Parquet files, read piece by piece: the rows of a table that need not fit into memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow
import pyarrow.parquet

from toolkit.common.errors import DataError
from toolkit.common.formatting import listing
from toolkit.data.read import Table, check_columns
from toolkit.data.reading.files import first_line_of
from toolkit.data.table_pieces import frame_of_batch

__all__ = ["RowGroup", "RowGroups"]

_TEXT_CELL = 60  # bytes of a short text as Python holds it, beside its characters


@dataclass(frozen=True)
class RowGroup:
    """Where a row group is.

    Attributes:
        path: The file.
        number: The number of the group in the file, from 0.
        start: The rows of the table before it.
        rows: Its rows.
    """

    path: Path
    number: int
    start: int
    rows: int


class RowGroups:
    """A table in Parquet files of the same columns.

    Args:
        paths: The files.
        name: The name to call the table by.
        table: What is known of it, if the files were text: `from_text`, the separator, notes and damage.

    Attributes:
        name: The name of the table.
        labels: The column names.
        groups: The row groups, in the order of the files.
        rows: The number of rows.
        row_bytes: About how many bytes the text cells of a row take.

    Raises:
        DataError: A file is damaged, or has other columns than the first one.
    """

    def __init__(self, paths: Sequence[Path], name: str, table: Table | None = None) -> None:
        self.name, self.groups, self.rows, text = name, list[RowGroup](), 0, 0
        self._table = table or Table(pd.DataFrame(), name)
        self._states = {path: _state(path) for path in paths}
        self.labels, types = list[str](), list[str]()
        for path in paths:
            file = _opened(path)
            metadata, labels = file.metadata, list(file.schema_arrow.names)
            if self.labels:
                check_columns(path.name, labels, paths[0].name, self.labels)
            self.labels = self.labels or labels
            for number in range(metadata.num_row_groups):
                group = metadata.row_group(number)
                self.groups.append(RowGroup(path, number, self.rows, group.num_rows))
                self.rows += group.num_rows
                columns = (group.column(index) for index in range(group.num_columns))
                text += sum(c.total_uncompressed_size for c in columns if c.physical_type == "BYTE_ARRAY")
            types = [str(kind) for kind in file.schema_arrow.types]
            file.close()
        is_text = [kind in ("string", "large_string") or kind.startswith("dictionary") for kind in types]
        self.row_bytes = text / max(1, self.rows) + _TEXT_CELL * sum(is_text)
        if self.rows == 0:
            raise DataError(f"{name} holds column names only ({listing(self.labels)}); expected rows below them.")

    def groups_of(self, rank: int, world: int) -> list[RowGroup]:
        """Return the groups that one of several workers reads, in their order: about as many rows as every other one.

        Args:
            rank: The number of the worker, from 0.
            world: How many workers there are.
        """
        loads, chosen = [0] * world, []
        for group in sorted(self.groups, key=lambda group: -group.rows):
            least = loads.index(min(loads))
            loads[least] += group.rows
            if least == rank:
                chosen.append(group)
        return sorted(chosen, key=lambda group: group.start)

    def batches(
        self, group: RowGroup, size: int, columns: Collection[str] | None = None
    ) -> Iterator[tuple[int, pd.DataFrame]]:
        """Yield the rows of a group in pieces: how many rows of the table are before a piece, and its cells.

        Args:
            group: The group.
            size: The largest number of rows of a piece.
            columns: The columns to read; None reads all.

        Raises:
            DataError: The group is damaged, or its file has changed.
        """
        start, names = group.start, None if columns is None else [name for name in self.labels if name in columns]
        if _state(group.path) != self._states[group.path]:
            raise DataError(
                f"{group.path.name} has changed since the training began. Train again on files that nobody writes to."
            )
        file = _opened(group.path)
        try:
            # One thread: the others train. The file is read in blocks of 1 MiB for each column.
            for batch in file.iter_batches(size, row_groups=[group.number], columns=names, use_threads=False):
                yield start, frame_of_batch(batch)
                start += batch.num_rows
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(
                f"{group.path.name} can't be read in row group {group.number + 1} (from row {group.start + 1:,} on): "
                f"{first_line_of(error)}."
            ) from error
        finally:
            file.close()

    def table_of(self, frame: pd.DataFrame, *, name: str = "") -> Table:
        """Return some rows as a table that was read in the same way."""
        return replace(self._table, frame=frame, name=name or self.name)

    @property
    def from_text(self) -> bool:
        """Whether the cells are text, as in the text file that they come from."""
        return self._table.from_text


def _state(path: Path) -> tuple[int, int] | None:
    """Return the size and the time of the last change of a file; None where there is no such file."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns


def _opened(path: Path) -> pyarrow.parquet.ParquetFile:
    try:
        return pyarrow.parquet.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path.name} can't be read as Parquet: {first_line_of(error)}.") from error
