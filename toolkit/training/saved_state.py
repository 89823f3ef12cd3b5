"""The state of a training in a folder: one file, from which the same call goes on after a kill."""

from __future__ import annotations

import hashlib
import json
import math
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common.errors import DataError
from toolkit.common.files import user_path, write_whole
from toolkit.distributed.workers import ALONE, Workers

__all__ = ["SavedState", "packed", "state_path", "unpacked"]

_FILE = "training.state"
_MAGIC = b"LKSTATE1"
_DIGEST = 32
_PRESENT = b"+"
_TIMES_RARER = 10  # writing takes at most a tenth of the time of a training

#: Content of a state: values of JSON, and arrays of numbers by name.
Content = tuple[dict[str, Any], dict[str, NDArray[Any]]]


def state_path(folder: str | Path) -> Path:
    """Return the file of a training's state in a folder."""
    return user_path(folder, "wine-training", "resume") / _FILE


class SavedState:
    """The state of one training in a folder.

    Args:
        folder: The folder; it may be missing.
        identity: What makes the training the same as an earlier one, by name: values of JSON.
        workers: The processes that train together: worker 0 alone uses the folder.
    """

    def __init__(self, folder: str | Path, identity: Mapping[str, Any], workers: Workers = ALONE) -> None:
        self.path, self._workers = state_path(folder), workers
        self._identity = identity
        self._waiting: tuple[dict[str, Any], Mapping[str, Any]] | None = None
        self._written, self._seconds = -math.inf, 0.0
        self._failed = False

    def read(self) -> Content | None:
        """Return the values and the arrays that were saved last, or None where nothing was.

        Raises:
            DataError: The file is damaged, or the state of another training.
        """
        try:
            marked = self._workers.collect(self._content)[0]
            if not marked:
                return None
            values, arrays = unpacked(marked[len(_PRESENT) :])
            earlier = values["identity"]
            differences = [_difference(name, earlier.get(name), now) for name, now in self._identity.items()]
        except DataError:
            raise
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
            raise DataError(f"{self.path} is damaged ({error}): delete it to train from the beginning.") from error
        if any(differences):
            raise DataError(
                f"{self.path} is the state of another training: {'; '.join(filter(None, differences))}. Name another "
                "folder as resume, or delete the file to train from the beginning."
            )
        return values, arrays

    def _content(self) -> bytes:
        """Return a mark and the content of the file; nothing where there is none, and in other workers than 0."""
        try:
            return _PRESENT + self.path.read_bytes() if self._workers.rank == 0 else b""
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise DataError(f"{self.path} can't be read: {error.strerror or error}.") from error

    def save(self, values: dict[str, Any], arrays: Mapping[str, Any], *, last: bool) -> None:
        """Save the state after an epoch: at once if it is the last one, otherwise unless that would take too long.

        An epoch that is not saved is trained again after a kill, with the same outcome.

        Args:
            values: Values of JSON.
            arrays: Arrays or tensors of numbers, which later epochs don't change.
            last: Whether the training ends with this epoch.
        """
        if self._workers.rank:
            return
        self._waiting = (values, arrays)
        if last or time.monotonic() >= self._written + _TIMES_RARER * self._seconds:
            self.flush()

    def flush(self) -> None:
        """Save the state that is not saved yet, if there is one.

        Warns:
            RuntimeWarning: The file can't be written; the training goes on.
        """
        if self._waiting is None:
            return
        start = time.monotonic()
        values, arrays = self._waiting
        try:
            write_whole(self.path, packed({**values, "identity": self._identity}, arrays))
        except DataError as error:
            if not self._failed:
                warnings.warn(f"The state of the training is not saved: {error}", RuntimeWarning, stacklevel=6)
            self._failed = True
        self._waiting = None
        self._written = time.monotonic()
        self._seconds = self._written - start


def _difference(name: str, earlier: Any, now: Any) -> str | None:
    if earlier == now:
        return None
    hashed = isinstance(now, str) and len(now) == 2 * _DIGEST
    return f"{name} differ" if hashed else f"{name} was {earlier!r:.60} and is {now!r:.60}"


def packed(values: dict[str, Any], arrays: Mapping[str, Any]) -> bytes:
    """Return values of JSON and arrays or tensors of numbers as bytes.

    Example:
        >>> values, arrays = unpacked(packed({"epoch": 3}, {"weights": np.eye(2)}))
        >>> values["epoch"], arrays["weights"].tolist()
        (3, [[1.0, 0.0], [0.0, 1.0]])
    """
    # The magic, the SHA-256 of all that follows, the length of the header, the header, and the arrays one by one.
    numbers = {name: np.asarray(array) for name, array in arrays.items()}
    shapes = {name: [array.dtype.str, array.shape] for name, array in numbers.items()}
    header = json.dumps({"values": values, "arrays": shapes}).encode()
    body = [len(header).to_bytes(8, "little"), header, *(array.tobytes() for array in numbers.values())]
    content = b"".join(body)
    return _MAGIC + hashlib.sha256(content).digest() + content


def unpacked(data: bytes) -> Content:
    """Return what `packed` was given; the arrays are read-only views of the bytes.

    Raises:
        ValueError: The bytes are damaged.
        TypeError, AttributeError, LookupError, RecursionError: The same, in bytes that were made to look whole.
    """
    content = memoryview(data)[len(_MAGIC) + _DIGEST :]
    if not data.startswith(_MAGIC) or hashlib.sha256(content).digest() != data[len(_MAGIC) :][:_DIGEST]:
        raise ValueError("its content does not fit its checksum")
    length = int.from_bytes(content[:8], "little")
    header = json.loads(bytes(content[8 : 8 + length]))
    start, arrays = 8 + length, {}
    for name, (kind, shape) in header["arrays"].items():
        dtype, count = np.dtype(kind), math.prod(shape)
        if dtype.kind not in "biuf":
            raise ValueError(f"{name} holds no numbers")
        # Each array is a view, so that no more memory is taken than the file is long.
        arrays[name] = np.frombuffer(content, dtype, count, start).reshape(shape)
        start += count * dtype.itemsize
    return header["values"], arrays
