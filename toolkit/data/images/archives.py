"""Sets of images in a few files: idx files as MNIST's, compressed or not, and NumPy's npz."""

from __future__ import annotations

import gzip
import lzma
import math
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tokenize import TokenError
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from toolkit.common.errors import DataError
from toolkit.common.formatting import listing

__all__ = ["find_idx", "is_idx_name", "read_idx", "read_idx_set", "read_npz", "read_npz_pictures"]

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_PARTS = {"train": "train", "val": "validation", "validation": "validation", "t10k": "test", "test": "test"}
_NAME = re.compile(
    r"(?P<stem>.*?)(?P<part>train|t10k|test|validation|val)[-_.](?P<what>images|labels)[-_.]idx\d[-_.]ubyte(?:\.gz)?",
    re.IGNORECASE,
)
# The names of pictures and labels in npz files: those of Keras, of MedMNIST, and plain ones.
_KEYS = {
    "train": (("x_train", "y_train"), ("train_images", "train_labels"), ("x", "y"), ("images", "labels")),
    "validation": (("x_val", "y_val"), ("val_images", "val_labels"), ("x_validation", "y_validation")),
    "test": (("x_test", "y_test"), ("test_images", "test_labels")),
}

_BLOCK = 1 << 20  # bytes read at a time
# Pictures shrink to a half or a tenth: more than this, and large, is a file made to fill the memory.
_MOST_BYTES, _MOST_RATIO = 1 << 28, 200

# What NumPy and zipfile raise when a file is damaged: anything.
_FLAWS = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, AttributeError, RuntimeError)
_FLAWS += (LookupError, TypeError, ArithmeticError, AssertionError, MemoryError, SyntaxError, struct.error, TokenError)

# Pictures (n, height, width) or (n, height, width, channels), and their labels.
Pair = tuple[NDArray[np.generic], NDArray[np.generic]]


def read_idx(path: Path) -> NDArray[np.generic]:
    """Return the array of an idx file, the format of MNIST.

    Args:
        path: The file; decompressed if its name ends in `.gz`.

    Raises:
        DataError: It can't be decompressed, is not an idx file, or is shorter or longer than its header says.

    References:
        LeCun, Cortes and Burges, The MNIST database of handwritten digits, "File formats".

    Example:
        >>> path = getfixture("tmp_path") / "two-labels-idx1-ubyte"
        >>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]))
        >>> read_idx(path)
        array([7, 9], dtype=uint8)
    """
    try:
        packed = path.name.lower().endswith(".gz")
        with gzip.open(path) if packed else open(path, "rb") as file:
            # The header: 0, 0, the code of the type, the number of axes; then the length of each axis in 4 bytes.
            head = file.read(4)
            kind = _TYPES.get(head[2]) if len(head) == 4 and head[:2] == b"\0\0" else None
            sizes = file.read(4 * head[3]) if kind else b""
            if kind is None or not head[3] or len(sizes) < 4 * head[3]:
                raise DataError(f"{path.name} is not an idx file: it begins with {head.hex(' ') or 'nothing'}.")
            shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
            expected = math.prod(shape) * np.dtype(kind).itemsize
            if packed:
                _check_size(path, os.path.getsize(path), expected)
            content = _at_most(cast(BinaryIO, file), expected + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path.name} can't be decompressed ({error}): download it again.") from error
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}.") from error
    if len(content) != expected:
        start = 4 + len(sizes)
        size = f"more than {start + expected:,}" if len(content) > expected else f"{start + len(content):,}"
        raise DataError(
            f"{path.name} has {size} bytes, but its header ({' × '.join(map(str, shape))}) says {start + expected:,}: "
            "it is damaged, download it again."
        )
    array = np.frombuffer(content, kind).reshape(shape)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _check_size(path: Path, packed: int, unpacked: int) -> None:
    """Check, before anything is unpacked, that a file doesn't hold far more than such files do."""
    if unpacked > _MOST_BYTES and unpacked > _MOST_RATIO * packed:
        raise DataError(
            f"{path.name} would unpack {packed:,} bytes to {unpacked:,}, as no pictures do: it is damaged, or made to "
            "fill the memory. Get it from a source that you trust."
        )


def _at_most(file: BinaryIO, size: int) -> bytes:
    """Read up to `size` bytes, block by block: a damaged header may ask for more than fits into memory."""
    blocks = []
    while size > 0 and (block := file.read(min(size, _BLOCK))):
        blocks.append(block)
        size -= len(block)
    return b"".join(blocks)


def is_idx_name(name: str) -> bool:
    """Return whether a file is named like the files of MNIST.

    Example:
        >>> is_idx_name("train-images-idx3-ubyte.gz"), is_idx_name("notes.gz")
        (True, False)
    """
    return _key(name) is not None


def _key(name: str) -> tuple[str, str, str] | None:
    """Return the name of the set, the part and "images" or "labels"; None if this is not the name of an idx file."""
    match = _NAME.fullmatch(name)
    return None if match is None else (match["stem"].lower(), _PARTS[match["part"].lower()], match["what"].lower())


def _idx_files(folder: Path) -> dict[tuple[str, str, str], Path]:
    files = {}
    # Names with .gz come first, so that those without replace them.
    for path in sorted(folder.iterdir(), key=lambda path: (not path.name.endswith(".gz"), path.name)):
        key = _key(path.name)
        if key is not None and path.is_file():
            files[key] = path
    return files


def find_idx(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Return the idx files of a folder, as pairs of pictures and labels.

    Args:
        folder: A folder with files such as `train-images-idx3-ubyte` and `train-labels-idx1-ubyte.gz`. Of two that
            differ only in `.gz`, the one without it is used.

    Returns:
        "train", and "validation" and "test" if there are such files -> (pictures, labels). Empty if there are no idx
        files.

    Raises:
        DataError: There are pictures without labels, labels without pictures, several sets, or no train part.
    """
    files = _idx_files(folder)
    stems = sorted({stem for stem, _, _ in files})
    if len(stems) > 1:
        raise DataError(
            f"{folder} has several sets of idx files ({listing(repr(stem) for stem in stems)}): move each to its own "
            "folder."
        )
    pairs = {}
    for part in ("train", "validation", "test"):
        # The two files of the only stem, None where one is missing; [] if there are no idx files.
        pair = [files.get((stem, part, what)) for stem in stems for what in ("images", "labels")]
        if any(pair):
            pictures, labels = pair
            if pictures is None or labels is None:
                present = next(path for path in pair if path is not None)
                missing = "labels" if labels is None else "images"
                raise DataError(f"{folder} has {present.name}, but not its {missing}: add that file.")
            pairs[part] = (pictures, labels)
    if pairs and "train" not in pairs:
        raise DataError(f"{folder} has idx files, but no train-images and train-labels among them: add these files.")
    return pairs


def read_idx_set(source: Path) -> dict[str, Pair]:
    """Return the pictures and labels of idx files.

    Args:
        source: A folder of them (see `find_idx`), or one file of pictures whose labels are in the same folder.

    Returns:
        "train", and "validation" and "test" if there are such files -> (pictures, labels). A single file is "train".

    Raises:
        DataError: A file is missing or damaged, or there is not one label per picture.
    """
    if source.is_dir():
        return {part: _checked(*pair) for part, pair in find_idx(source).items()}
    key = _key(source.name)
    if key is None or key[2] != "images":
        raise DataError(f"{source.name} holds labels: give the file of the pictures, or the folder of both.")
    labels = _idx_files(source.parent).get((*key[:2], "labels"))
    if labels is None:
        raise DataError(f"{source.name}: its labels are missing in {source.parent}: add that file.")
    return {"train": _checked(source, labels)}


def _checked(pictures: Path, labels: Path) -> Pair:
    x, y = read_idx(pictures), read_idx(labels)
    if x.ndim not in (3, 4):
        raise DataError(
            f"{pictures.name} has shape {x.shape}; expected (n, height, width) or (n, height, width, channels)."
        )
    if len(x) != len(y):
        raise DataError(f"{pictures.name} has {len(x):,} pictures, but {labels.name} has {len(y):,} labels.")
    return x, y


def read_npz(path: Path) -> dict[str, Pair]:
    """Return the pictures and labels of an npz file, such as Keras's `mnist.npz` or a set of MedMNIST.

    Args:
        path: The file, with arrays named `x_train`, `y_train`, `x_test` and `y_test`, or `train_images`,
            `train_labels`, `val_images` and so on, or `x` and `y`, or `images` and `labels`.

    Returns:
        "train", and "validation" and "test" if there are such arrays -> (pictures, labels).

    Raises:
        DataError: It can't be read, or holds Python objects, no arrays of these names, or not one label per picture.

    Example:
        >>> path = getfixture("tmp_path") / "tiny.npz"
        >>> np.savez(path, x_train=np.zeros((4, 8, 8), np.uint8), y_train=np.arange(4))
        >>> {part: x.shape for part, (x, y) in read_npz(path).items()}
        {'train': (4, 8, 8)}
    """
    arrays, names = _arrays(path, lambda names: [name for _, *pair in _pairs(names) for name in pair])
    parts = {part: (arrays[x], arrays[y]) for part, x, y in _pairs(arrays)}
    if "train" not in parts:
        raise DataError(f"{path.name} holds {names}; expected x_train and y_train (and x_test, y_test), or x and y.")
    for part, (x, y) in parts.items():
        if not isinstance(x, np.ndarray) or not isinstance(y, np.ndarray) or not x.ndim or not y.ndim:
            raise DataError(f"{path.name}: expected an array of pictures and one of labels for {part}.")
        if len(x) != len(y):
            raise DataError(f"{path.name} has {len(x):,} pictures, but {len(y):,} labels for {part}.")
    return parts


def read_npz_pictures(path: Path) -> NDArray[np.generic]:
    """Return the pictures of an npz file, whether it has labels or not.

    Args:
        path: The file. Its pictures are named as for `read_npz` (the first part that it has is returned), or are its
            only array.

    Raises:
        DataError: It can't be read, or no array has such a name.

    Example:
        >>> path = getfixture("tmp_path") / "new.npz"
        >>> np.savez(path, x=np.zeros((4, 8, 8), np.uint8))
        >>> read_npz_pictures(path).shape
        (4, 8, 8)
    """

    def choose(names: Iterable[str]) -> list[str]:
        available = list(names)
        pictures = [x for pairs in _KEYS.values() for x, _ in pairs if x in available]
        return pictures[:1] or (available if len(available) == 1 else [])

    arrays, names = _arrays(path, choose)
    if not arrays:
        raise DataError(f"{path.name} holds {names}; expected pictures named x, images, x_train or x_test.")
    return next(iter(arrays.values()))


def _arrays(path: Path, choose: Callable[[Iterable[str]], Iterable[str]]) -> tuple[dict[str, NDArray[np.generic]], str]:
    """Return the chosen arrays of an npz file by lowercase name, and all its names as text for messages."""
    try:
        with open(path, "rb") as raw:
            file = np.load(raw, allow_pickle=False)
            if isinstance(file, np.ndarray):
                raise ValueError("it is a single array (.npy)")
            with file:
                for member in file.zip.infolist():
                    _check_size(path, member.compress_size, member.file_size)
                names = {name.lower(): name for name in file.files}
                return {name: file[names[name]] for name in choose(names)}, listing(names.values()) or "nothing"
    # zipfile raises RuntimeError for an encrypted file, NotImplementedError (a RuntimeError) for unknown compression.
    except DataError:
        raise
    except _FLAWS as error:
        first = str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
        raise DataError(f"{path.name} can't be read as an npz file: {first}.") from error


def _pairs(names: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Yield each part that has pictures and labels, with the names of their arrays."""
    available = set(names)
    for part, pairs in _KEYS.items():
        pair = next((pair for pair in pairs if available.issuperset(pair)), None)
        if pair is not None:
            yield part, *pair
