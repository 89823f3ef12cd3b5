"""Sets of images in few files, as MNIST and its likes come: idx files, packed or not, and NumPy's npz."""

from __future__ import annotations

import gzip
import math
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from toolkit.common.errors import DataError
from toolkit.data.columns import listing

__all__ = ["find_idx", "is_idx_name", "read_idx", "read_idx_set", "read_npz", "read_npz_pictures"]

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_PARTS = {"train": "train", "val": "validation", "validation": "validation", "t10k": "test", "test": "test"}
_NAME = re.compile(
    r"(?P<stem>.*?)(?P<part>train|t10k|test|validation|val)[-_.](?P<what>images|labels)[-_.]idx\d[-_.]ubyte(?:\.gz)?",
    re.IGNORECASE,
)
# The names under which npz files hold pictures and labels: Keras's, MedMNIST's, and plain ones.
_KEYS = {
    "train": (("x_train", "y_train"), ("train_images", "train_labels"), ("x", "y"), ("images", "labels")),
    "validation": (("x_val", "y_val"), ("val_images", "val_labels"), ("x_validation", "y_validation")),
    "test": (("x_test", "y_test"), ("test_images", "test_labels")),
}

_BLOCK = 1 << 20

Pair = tuple[NDArray[np.generic], NDArray[np.generic]]


def read_idx(path: Path) -> NDArray[np.generic]:
    """Return the array of an idx file, the format of MNIST.

    Args:
        path: The file; one whose name ends in `.gz` is unpacked.

    Returns:
        The array, of the shape and kind of number that its header says.

    Raises:
        DataError: It can't be unpacked, is no idx file, or is shorter or longer than its header says.

    References:
        LeCun, Cortes and Burges, The MNIST database of handwritten digits, "File formats".

    Example:
        >>> path = getfixture("tmp_path") / "two-labels-idx1-ubyte"
        >>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]))
        >>> read_idx(path)
        array([7, 9], dtype=uint8)
    """
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else open(path, "rb") as file:
            head = file.read(4)
            kind = _TYPES.get(head[2]) if len(head) == 4 and head[:2] == b"\0\0" else None
            sizes = file.read(4 * head[3]) if kind else b""
            if kind is None or not head[3] or len(sizes) < 4 * head[3]:
                raise DataError(f"{path.name} is not an idx file: it begins with {head.hex(' ') or 'nothing'}.")
            shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
            expected = math.prod(shape) * np.dtype(kind).itemsize
            content = _at_most(cast(BinaryIO, file), expected + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path.name} can't be unpacked ({error}): it is damaged, or was not fetched whole.") from error
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}.") from error
    if len(content) != expected:
        start = 4 + len(sizes)
        more = len(content) > expected
        holds = f"more than {start + expected:,}" if more else f"{start + len(content):,}"
        raise DataError(
            f"{path.name} holds {holds} bytes, and its header ({' × '.join(map(str, shape))}) says "
            f"{start + expected:,}: it is damaged, or was not fetched whole."
        )
    array = np.frombuffer(content, kind).reshape(shape)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _at_most(file: BinaryIO, size: int) -> bytes:
    """Read so many bytes, or as many as there are: a damaged header may ask for more than any memory holds."""
    blocks = []
    while size > 0 and (block := file.read(min(size, _BLOCK))):
        blocks.append(block)
        size -= len(block)
    return b"".join(blocks)


def is_idx_name(name: str) -> bool:
    """Tell whether a file is named as the files of MNIST are.

    Example:
        >>> is_idx_name("train-images-idx3-ubyte.gz"), is_idx_name("notes.gz")
        (True, False)
    """
    return _NAME.fullmatch(name) is not None


def find_idx(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Return the idx files of a folder, as pairs of pictures and labels.

    Args:
        folder: A folder that holds files such as `train-images-idx3-ubyte.gz` and `train-labels-idx1-ubyte.gz`; where a
            file stands there packed and unpacked, the unpacked one is taken.

    Returns:
        "train", and "validation" and "test" where there are such files -> (pictures, labels). Empty where there are no
        idx files.

    Raises:
        DataError: Pictures without labels or labels without pictures, several sets in one folder, or no train part.
    """
    found: dict[tuple[str, str, str], Path] = {}
    for path in sorted(folder.iterdir(), key=lambda path: (not path.name.endswith(".gz"), path.name)):
        match = _NAME.fullmatch(path.name)
        if match and path.is_file():
            found[match["stem"].lower(), _PARTS[match["part"].lower()], match["what"].lower()] = path
    stems = sorted({stem for stem, _, _ in found})
    if len(stems) > 1:
        raise DataError(
            f"{folder} holds several sets of idx files ({listing(repr(stem) for stem in stems)}): keep each in a "
            "folder of its own."
        )
    pairs = {}
    for part in ("train", "validation", "test"):
        pair = [found.get((stem, part, what)) for stem in stems for what in ("images", "labels")]
        if any(pair):
            pictures, labels = pair
            if pictures is None or labels is None:
                there = next(path for path in pair if path is not None)
                missing = "labels" if labels is None else "images"
                raise DataError(f"{folder} holds {there.name}, but not the {missing} that belong to it.")
            pairs[part] = (pictures, labels)
    if pairs and "train" not in pairs:
        raise DataError(f"{folder} holds idx files, but no train-images and train-labels among them.")
    return pairs


def read_idx_set(source: Path) -> dict[str, Pair]:
    """Return the pictures and labels of idx files.

    Args:
        source: A folder that holds them (see `find_idx`), or one file of pictures whose labels stand beside it.

    Returns:
        "train", and "validation" and "test" where there are such files -> (pictures (n, h, w) or (n, h, w, channels),
        labels). One file alone is "train".

    Raises:
        DataError: A file is missing or damaged, or pictures and labels are not equally many.
    """
    if source.is_dir():
        files = find_idx(source)
    else:
        match = _NAME.fullmatch(source.name)
        if match is None or match["what"].lower() != "images":
            raise DataError(f"{source.name} holds labels; give the file of the pictures, or the folder of both.")
        start = f"{match['stem']}{match['part']}".lower()
        files = {}
        for path in sorted(source.parent.iterdir()):
            other = _NAME.fullmatch(path.name)
            if other and other["what"].lower() == "labels" and f"{other['stem']}{other['part']}".lower() == start:
                files = {"train": (source, path)}
        if not files:
            raise DataError(f"{source.name}: the labels that belong to it are not beside it, in {source.parent}.")
    return {part: _checked(*pair) for part, pair in files.items()}


def _checked(pictures: Path, labels: Path) -> Pair:
    x, y = read_idx(pictures), read_idx(labels)
    if x.ndim not in (3, 4):
        raise DataError(f"{pictures.name} has shape {x.shape}; expected (pictures, height, width).")
    if len(x) != len(y):
        raise DataError(f"{pictures.name} holds {len(x):,} pictures and {labels.name} {len(y):,} labels.")
    return x, y


def read_npz(path: Path) -> dict[str, Pair]:
    """Return the pictures and labels of an npz file, such as Keras's `mnist.npz` or a set of MedMNIST.

    Args:
        path: The file. Its arrays are named `x_train`, `y_train`, `x_test` and `y_test`, or `train_images`,
            `train_labels`, `val_images` and so on, or `x` and `y`, or `images` and `labels`.

    Returns:
        "train", and "validation" and "test" where there are such arrays -> (pictures, labels).

    Raises:
        DataError: It can't be read, holds Python objects, or no arrays of these names.

    Example:
        >>> path = getfixture("tmp_path") / "tiny.npz"
        >>> np.savez(path, x_train=np.zeros((4, 8, 8), np.uint8), y_train=np.arange(4))
        >>> {part: x.shape for part, (x, y) in read_npz(path).items()}
        {'train': (4, 8, 8)}
    """
    arrays, names = _arrays(path, lambda names: [name for _, *pair in _known(names) for name in pair])
    parts = {part: (arrays[x], arrays[y]) for part, x, y in _known(arrays)}
    if "train" not in parts:
        raise DataError(f"{path.name} holds {names}; expected x_train and y_train (and x_test, y_test), or x and y.")
    for part, (x, y) in parts.items():
        if not isinstance(x, np.ndarray) or not isinstance(y, np.ndarray) or not x.ndim or not y.ndim:
            raise DataError(f"{path.name} holds no array of pictures and one of labels for {part}, a label a picture.")
        if len(x) != len(y):
            raise DataError(f"{path.name} holds {len(x):,} pictures and {len(y):,} labels for {part}.")
    return parts


def read_npz_pictures(path: Path) -> NDArray[np.generic]:
    """Return the pictures of an npz file, of which there need be no labels.

    Args:
        path: The file. Its pictures are named as for `read_npz`, those of the first part there is; or they are the only
            array.

    Raises:
        DataError: It can't be read, or no array has such a name.

    Example:
        >>> path = getfixture("tmp_path") / "new.npz"
        >>> np.savez(path, x=np.zeros((4, 8, 8), np.uint8))
        >>> read_npz_pictures(path).shape
        (4, 8, 8)
    """

    def chosen(names: Iterable[str]) -> list[str]:
        there = list(names)
        pictures = [x for pairs in _KEYS.values() for x, _ in pairs if x in there]
        return pictures[:1] or (there if len(there) == 1 else [])

    arrays, names = _arrays(path, chosen)
    if not arrays:
        raise DataError(f"{path.name} holds {names}; expected pictures named x, images, x_train or x_test.")
    return next(iter(arrays.values()))


def _arrays(path: Path, chosen: Callable[[Iterable[str]], Iterable[str]]) -> tuple[dict[str, NDArray[np.generic]], str]:
    """Return the arrays of an npz file whose names, in small letters, are chosen; and all its names, to say them."""
    try:
        with open(path, "rb") as raw:
            file = np.load(raw, allow_pickle=False)
            if isinstance(file, np.ndarray):
                raise DataError(f"{path.name} is a single array (.npy), not an npz file: expected x_train and y_train.")
            with file:
                names = {name.lower(): name for name in file.files}
                return {name: file[names[name]] for name in chosen(names)}, listing(names.values()) or "nothing"
    # Of an encrypted or oddly packed file zipfile raises RuntimeError or NotImplementedError.
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, AttributeError, RuntimeError) as error:
        first = str(error).strip().split("\n")[0].rstrip(".")
        raise DataError(f"{path.name} can't be read as an npz file: {first}.") from error


def _known(names: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    names = set(names)
    for part, pairs in _KEYS.items():
        for x, y in pairs:
            if x in names and y in names:
                yield part, x, y
                break
