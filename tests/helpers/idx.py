"""Write files as MNIST's."""

from __future__ import annotations

import gzip
import struct

import numpy as np

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def idx(array, code=None):
    """The bytes of an idx file, written by hand."""
    kind = array.dtype.str[1:]
    head = struct.pack(f">BBBB{array.ndim}i", 0, 0, code or CODES[kind], array.ndim, *array.shape)
    return head + array.astype(f">{kind}").tobytes()


def mnist(folder, stem="", packed=True, rows=6, parts=("train", "t10k"), seed=0):
    """A small set as MNIST comes; return what is in it."""
    drawn, made = np.random.default_rng(seed), {}
    for part in parts:
        x = drawn.integers(0, 256, (rows, 5, 4)).astype(np.uint8)
        y = (np.arange(rows) % 3).astype(np.uint8)
        for what, array in (("images", x), ("labels", y)):
            name = f"{stem}{part}-{what}-idx{array.ndim}-ubyte"
            content = idx(array)
            path = folder / (f"{name}.gz" if packed else name)
            path.write_bytes(gzip.compress(content) if packed else content)
        made[part] = (x, y)
    return made
