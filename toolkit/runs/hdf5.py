"""The arrays in the HDF5 file that Keras writes, read without the HDF5 library, which damaged files crash or hang.

Keras writes plain groups and contiguous arrays of numbers in the oldest form of HDF5. This reader knows that form
alone: links, filters, chunks, references, external files and virtual datasets are errors.

References:
    HDF5 File Format Specification Version 3.0, with superblock version 0.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_arrays"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_UNDEFINED = 2**64 - 1
_MOST_OBJECTS = 10_000
_MOST_RANK = 8
_DEEPEST = 8
_LONGEST_NAME = 256
_LONGEST_AXIS = 2**40
_LINK = 2

# Types of the messages of an object header.
_SPACE, _TYPE, _LAYOUT, _CONTINUED, _TABLE = 0x01, 0x03, 0x08, 0x10, 0x11
# Nothing, fill values, attributes and times say nothing about the numbers.
_IGNORED = {0x00, 0x04, 0x05, 0x0C, 0x0E, 0x12}
# Numbers, little-endian: the class and version, the flags, the size and the layout of the bits -> the dtype.
_DTYPES = {
    struct.pack("<4BIHHBBBBI", 0x11, 0x20, 8 * size - 1, 0, size, 0, 8 * size, bits, exponent, 0, bits, bias): dtype
    for dtype, size, bits, exponent, bias in (
        ("<f2", 2, 10, 5, 15),
        ("<f4", 4, 23, 8, 127),
        ("<f8", 8, 52, 11, 1023),
    )
} | {
    struct.pack("<4BIHH", 0x10, 8 * signed, 0, 0, size, 0, 8 * size): f"<{'i' if signed else 'u'}{size}"
    for size in (1, 2, 4, 8)
    for signed in (0, 1)
}


def read_arrays(data: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of an HDF5 file by their paths, such as `"layers/dense/vars/0"`.

    Args:
        data: The file. The arrays are views of it.

    Raises:
        ValueError: It is damaged, or holds more than groups and contiguous arrays of numbers.
    """
    return _File(data).arrays


class _File:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._seen: set[int] = set()
        self._numbers = 0  # bytes of all arrays: together they can't be larger than the file
        self.arrays: dict[str, NDArray[Any]] = {}
        # Signature, versions (8 bytes), sizes of groups' nodes and flags (8), then four addresses: of the first byte,
        # of free space, of the end, and of a driver. The root group's entry follows: name, address of its header.
        if data[:8] != _SIGNATURE or self._unpack("<5B", 8)[0] != 0 or self._unpack("<2B", 13) != (8, 8):
            raise ValueError("not an HDF5 file of the oldest form")
        base, _, end, driver, _, root = self._unpack("<6Q", 24)
        if base != 0 or end != len(data) or driver != _UNDEFINED:
            raise ValueError("an HDF5 file that is cut off, or has more than one part")
        self._read_object(root, "", 0)

    def _unpack(self, form: str, address: int) -> tuple[Any, ...]:
        if address + struct.calcsize(form) > len(self._data):
            raise ValueError(f"address {address} is beyond the end of the file")
        return struct.unpack_from(form, self._data, address)

    def _messages(self, address: int) -> Iterator[tuple[int, int, int]]:
        """Yield the type, the address and the size of each message of an object header."""
        version, _, count, _, size = self._unpack("<BBHII", address)
        if version != 1:
            raise ValueError(f"object header of version {version}")
        blocks = [(address + 16, size)]
        for _ in range(count):
            while blocks and blocks[0][1] < 8:
                blocks.pop(0)
            if not blocks:
                raise ValueError("an object header that is cut off")
            start, left = blocks[0]
            kind, length = self._unpack("<HH", start)
            if length + 8 > left:
                raise ValueError("a message that is longer than its header")
            blocks[0] = (start + 8 + length, left - 8 - length)
            if kind == _CONTINUED:
                blocks.append(self._unpack("<QQ", start + 8))
            else:
                yield kind, start + 8, length

    def _read_object(self, address: int, path: str, depth: int) -> None:
        if address in self._seen or len(self._seen) >= _MOST_OBJECTS or depth > _DEEPEST:
            raise ValueError(f"too many objects, or a circle, at {path}")
        self._seen.add(address)
        messages: dict[int, tuple[int, int]] = {}
        for kind, start, length in self._messages(address):
            if kind in _IGNORED:
                continue
            if kind not in (_SPACE, _TYPE, _LAYOUT, _TABLE) or kind in messages:
                raise ValueError(f"{path}: a message of type {kind}, which no array of Keras has")
            messages[kind] = (start, length)
        if set(messages) == {_TABLE}:
            tree, heap = self._unpack("<QQ", messages[_TABLE][0])
            for name, child in self._entries(tree, *self._names(heap)):
                self._read_object(child, f"{path}/{name}" if path else name, depth + 1)
        elif set(messages) == {_SPACE, _TYPE, _LAYOUT}:
            self.arrays[path] = self._array(path, *(messages[kind] for kind in (_SPACE, _TYPE, _LAYOUT)))
        else:
            raise ValueError(f"{path}: neither a group nor an array")

    def _names(self, address: int) -> tuple[int, int]:
        """Return where the names of a group begin and end."""
        signature, size, _, start = self._unpack("<8sQQQ", address)
        if signature[:4] != b"HEAP" or start + size > len(self._data):
            raise ValueError("damaged names of a group")
        return start, start + size

    def _entries(self, tree: int, names: int, names_end: int) -> Iterator[tuple[str, int]]:
        """Yield the name and the address of each object of a group, from the leaves of its tree."""
        nodes = [tree]
        for node in nodes:  # grows in the loop
            if len(nodes) > _MOST_OBJECTS:
                raise ValueError("a group with too many nodes")
            if self._data[node : node + 4] == b"SNOD":
                for index in range(self._unpack("<H", node + 6)[0]):
                    name, child, cached = self._unpack("<QQI", node + 8 + 40 * index)
                    start = names + name
                    end = self._data.find(b"\0", start, min(names_end, start + _LONGEST_NAME))
                    if cached == _LINK or end <= start or b"/" in self._data[start:end]:
                        raise ValueError("a link, or a damaged name in a group")
                    yield self._data[start:end].decode("ascii"), child
                continue
            signature, kind, _, used = self._unpack("<4sBBH", node)
            if signature != b"TREE" or kind != 0:
                raise ValueError("a damaged group")
            # Keys and addresses take turns after the node's head of 24 bytes: key, address, key, ..., key.
            nodes += [self._unpack("<Q", node + 32 + 16 * index)[0] for index in range(used)]

    def _array(self, path: str, space: tuple[int, int], kind: tuple[int, int], layout: tuple[int, int]) -> NDArray[Any]:
        version, rank, flags = self._unpack("<3B", space[0])
        start = space[0] + {1: 8, 2: 4}.get(version, 0)
        if version not in (1, 2) or rank > _MOST_RANK or flags & ~1 or 8 * rank > space[1]:
            raise ValueError(f"{path}: a damaged shape")
        shape = self._unpack(f"<{rank}Q", start)
        if any(length > _LONGEST_AXIS for length in shape):
            raise ValueError(f"{path}: a shape of {shape}")
        described = self._data[kind[0] : kind[0] + kind[1]]
        dtype = next((name for form, name in _DTYPES.items() if described.startswith(form)), None)
        if dtype is None:
            raise ValueError(f"{path}: not an array of numbers")
        count = 1
        for length in shape:
            count *= length
        size = count * np.dtype(dtype).itemsize
        self._numbers += size
        version, form, address, stored = self._unpack("<BBQQ", layout[0])
        if version != 3 or form != 1 or stored != size or self._numbers > len(self._data):
            raise ValueError(f"{path}: not a contiguous array of {shape}")
        if count == 0:
            return np.zeros(shape, dtype)
        if address + size > len(self._data):
            raise ValueError(f"{path}: numbers beyond the end of the file")
        return np.frombuffer(self._data, dtype, count, address).reshape(shape)
