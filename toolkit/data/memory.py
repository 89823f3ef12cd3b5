"""How much memory a training may take, and how much it would take with all rows in memory."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from toolkit.common.errors import DataError
from toolkit.common.options import documented
from toolkit.data.encoded_windows import LARGEST_MATRIX

__all__ = ["MemoryOptions", "machine_limit", "needed", "readable"]

_SHARE = 0.5
_LEFT_OUT = 0.05  # validation or test rows, whose inputs are not computed in windows
_STEP = 2**28  # the default is rounded down to it, because a machine's limit varies a little
_UNKNOWN = 8 * 2**30  # where the system tells no limit
_LEAST = 2**20
_UNITS = {"": 1, "b": 1} | {
    unit + ending: base**power
    for power, unit in enumerate("kmgt", start=1)
    for ending, base in (("", 1024), ("ib", 1024), ("b", 1000))
}


@documented
@dataclass(frozen=True, kw_only=True)
class MemoryOptions:
    """The memory that a training may take.

    Raises:
        DataError: It is no size, or below 1 MiB.

    Example:
        >>> MemoryOptions(memory="1.5GiB").budget
        1610612736
    """

    memory: Annotated[
        int | str | None,
        "Memory that a training on Parquet or text files, or on pictures, may take, such as '4GiB', or bytes. If it "
        "would take more with all rows in memory, the rows are read, and the pictures decoded, anew in each epoch. By "
        "default half of what the machine or the container has.",
    ] = None

    def __post_init__(self) -> None:
        _ = self.budget

    @property
    def budget(self) -> int:
        """The memory in bytes."""
        if self.memory is None:
            return max(_STEP, int(machine_limit() * _SHARE) // _STEP * _STEP)
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", str(self.memory).lower())
        if match is None or match[2] not in _UNITS or isinstance(self.memory, bool | float):
            raise DataError(f"memory={self.memory!r}: expected a size such as '4GiB' or '500MB', or a number of bytes.")
        size = int(float(match[1]) * _UNITS[match[2]])
        if size < _LEAST:
            raise DataError(f"memory={self.memory!r} is {size:,} bytes; at least 1 MiB is needed.")
        return size


def machine_limit(root: Path = Path("/sys/fs/cgroup"), process: Path = Path("/proc/self/cgroup")) -> int:
    """Return the bytes of memory that the machine has, or its container (cgroups of version 2 and 1) allows.

    Args:
        root: Where the control groups are mounted.
        process: The file that names the groups of this process.
    """
    try:
        limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (AttributeError, ValueError, OSError):  # Windows
        limits = [_UNKNOWN]
    try:
        groups = [line.split(":", 2) for line in process.read_text().splitlines()]
    except OSError:
        groups = []
    files = [root / "memory.max", root / "memory/memory.limit_in_bytes"]
    for _, controllers, group in (parts for parts in groups if len(parts) == 3):
        names = {"": "memory.max", "memory": "memory/memory.limit_in_bytes"}
        if controllers in names:
            base, name = (root / names[controllers]).parent, Path(names[controllers]).name
            inner = base / group.strip("/")
            files += [folder / name for folder in (inner, *inner.parents) if folder.is_relative_to(base)]
    for file in files:
        try:
            limits.append(int(file.read_text()))
        except (OSError, ValueError):  # "max", or no such file
            continue
    return min(limits)


def needed(rows: int, row_bytes: float, cells: float, inputs: float, *, in_windows: bool = False) -> int:
    """Return about how many bytes a training takes with all rows in memory.

    Args:
        rows: The number of rows.
        row_bytes: The bytes of a row's text.
        cells: The cells of a row.
        inputs: The inputs that a network has for a cell.
        in_windows: Whether the inputs of many rows are computed window by window (`toolkit.data.encoded_windows`).
    """
    # The cells as they came, in canonical form and while they are read; the inputs as float32, as a tensor and in the
    # order of the epoch. Measured in reports/benchmarks/scale.md.
    matrix = 4 * inputs * cells * rows
    kept = min(matrix, LARGEST_MATRIX + _LEFT_OUT * matrix) if in_windows else matrix
    return int(rows * (row_bytes + 3 * 8 * cells) + 3 * kept)


def readable(size: float) -> str:
    """Return a number of bytes in words.

    Example:
        >>> readable(1536 * 2**20), readable(900), readable(10**13)
        ('1.5 GiB', '900 bytes', '9,313 GiB')
    """
    for power, unit in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
        if size >= 1024**power:
            amount = size / 1024**power
            return f"{amount:,.0f} {unit}" if amount >= 100 else f"{amount:.3g} {unit}"
    return f"{size:.0f} bytes"
