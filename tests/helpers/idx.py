"""Write idx files, the format of MNIST."""

from __future__ import annotations

import gzip
import struct

import numpy as np

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def idx(array, code=None):
    """Return an array as the bytes of an idx file."""
    kind = array.dtype.str[1:]
    header = struct.pack(f">BBBB{array.ndim}i", 0, 0, code or CODES[kind], array.ndim, *array.shape)
    return header + array.astype(f">{kind}").tobytes()


def mnist(folder, stem="", packed=True, rows=6, parts=("train", "t10k"), seed=0):
    """Write a small set with the file names of MNIST; return its images and labels by part."""
    rng, content = np.random.default_rng(seed), {}
    for part in parts:
        x = rng.integers(0, 256, (rows, 5, 4)).astype(np.uint8)
        y = (np.arange(rows) % 3).astype(np.uint8)
        for kind, array in (("images", x), ("labels", y)):
            name = f"{stem}{part}-{kind}-idx{array.ndim}-ubyte"
            data = idx(array)
            path = folder / (f"{name}.gz" if packed else name)
            path.write_bytes(gzip.compress(data) if packed else data)
        content[part] = (x, y)
    return content
