"""Many picture files, read by several threads: into an array, or again and again when their images are asked for."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common.errors import DataError
from toolkit.data.images.picture_file import read_into
from toolkit.data.pictures import digests, pillow_silenced, statistics

__all__ = ["PictureFiles", "each", "read_all", "scan"]

_FEWEST, _TASK = 50, 32  # files for which threads are worth it, and files of a task: each has its cost
_PIECE = 4_000_000  # pixels that are read together in the first reading


def each(job: Callable[..., Any], *items: Sequence[Any]) -> list[Any]:
    """Return the results of a job for each item. Pillow releases the interpreter lock, so that threads help."""
    workers = min(8, os.cpu_count() or 1)
    if workers == 1 or len(items[0]) < _FEWEST:
        return list(map(job, *items))
    with ThreadPoolExecutor(workers) as pool:
        starts = range(0, len(items[0]), _TASK)
        tasks = pool.map(lambda start: list(map(job, *(item[start : start + _TASK] for item in items))), starts)
        return [result for results in tasks for result in results]


def read_all(pixels: NDArray[Any], paths: Sequence[Any], large: Sequence[bool] | NDArray[np.bool_]) -> list[bool | str]:
    """Decode files into a stack. Large ones follow one after the other: each thread keeps the memory that it used.

    Args:
        pixels: The stack, shape (n, height, width, channels).
        paths: The files.
        large: Whether decoding a file takes much memory.

    Returns:
        For each file whether it is transparent, or why it can't be read.
    """
    # Each file fills its own (height, width, channels) view of the stack, in any order.
    results: dict[int, bool | str] = {}
    rows = [row for row, is_large in enumerate(large) if not is_large]
    results |= zip(rows, each(read_into, [pixels[row] for row in rows], [paths[row] for row in rows]), strict=True)
    results |= {row: read_into(pixels[row], paths[row]) for row, is_large in enumerate(large) if is_large}
    return [results[row] for row in range(len(paths))]


@dataclass(frozen=True, eq=False)
class PictureFiles:
    """Files whose images are decoded when they are asked for.

    Attributes:
        paths: The files, n of them.
        large: Whether decoding a file takes much memory, shape (n,).
        form: Height, width and channels in which they are decoded.
        dtype: The type of the pixels.
        channels: How many of the channels are kept: 1 of 3 where all pictures are gray.
        digests: What the images were at the first reading, shape (n,).
        statistics: As in `toolkit.data.pictures`, shape (n, 4).
    """

    paths: Sequence[str]
    large: NDArray[np.bool_]
    form: tuple[int, int, int]
    dtype: np.dtype[Any]
    channels: int
    digests: NDArray[np.uint64]
    statistics: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of images, their height, width and channels."""
        return (len(self.paths), *self.form[:2], self.channels)

    def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return the images of an index, shape (rows, height, width, channels).

        Raises:
            DataError: A file has changed since the first reading.
        """
        pixels = np.empty((len(rows), *self.form), self.dtype)
        # Another thread reads only during a training, which silences Pillow itself.
        is_main = threading.current_thread() is threading.main_thread()
        with pillow_silenced() if is_main else nullcontext():
            results = read_all(pixels, [self.paths[row] for row in rows], self.large[rows])
        if self.channels < self.form[2]:
            pixels = np.ascontiguousarray(pixels[..., : self.channels])
        unreadable = [index for index, result in enumerate(results) if isinstance(result, str)]
        for index in unreadable or np.flatnonzero(digests(pixels) != self.digests[rows])[:1]:
            why = f" ({results[index]})" if unreadable else ""
            raise DataError(
                f"{self.paths[rows[index]]} has changed since the pictures were first read{why}: they are decoded anew "
                "in each epoch. Start again, and leave them as they are meanwhile."
            )
        return pixels

    def kept(self, mask: NDArray[np.bool_]) -> PictureFiles:
        """Return only the files of a mask, shape (n,)."""
        paths = [path for path, keeps in zip(self.paths, mask, strict=True) if keeps]
        parts = {"large": self.large[mask], "digests": self.digests[mask], "statistics": self.statistics[mask]}
        return replace(self, paths=paths, **parts)


def scan(
    paths: Sequence[Any], large: Sequence[bool], form: tuple[int, int, int], dtype: Any, *, may_be_gray: bool
) -> tuple[PictureFiles, list[bool | str]]:
    """Read files once, without keeping their images.

    Args:
        paths: The files.
        large: Whether decoding a file takes much memory.
        form: Height, width and channels of the images.
        dtype: The type of the pixels.
        may_be_gray: Keep one channel of three where all pictures are gray.

    Returns:
        The files; and for each of them whether it is transparent, or why it can't be read.
    """
    count, step = len(paths), max(1, _PIECE // int(np.prod(form)))
    files = PictureFiles(
        [str(path) for path in paths],
        np.array(large, bool),
        form,
        np.dtype(dtype),
        form[2],
        np.zeros(count, np.uint64),
        np.zeros((count, 4)),
    )
    gray, is_gray = np.zeros(count, np.uint64), may_be_gray and form[2] == 3
    results: list[bool | str] = []
    for start in range(0, count, step):
        stop = min(start + step, count)
        pixels = np.zeros((stop - start, *form), files.dtype)
        results += read_all(pixels, files.paths[start:stop], large[start:stop])
        files.digests[start:stop], files.statistics[start:stop] = digests(pixels), statistics(pixels)
        readable = np.array([not isinstance(result, str) for result in results[start:]])
        is_gray = is_gray and not (pixels[readable] != pixels[readable, ..., :1]).any()
        if is_gray:
            gray[start:stop] = digests(pixels[..., :1])
    if is_gray:
        sums = files.statistics / [1, 1, 3, 3]  # of one channel of three equal ones
        files = replace(files, channels=1, digests=gray, statistics=sums)
    return files, results
