"""Picture files into one stack of pixels: upright, over white, of one size; what can't be read is named."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from toolkit.common.errors import DataError
from toolkit.common.formatting import number
from toolkit.data.columns import listing

__all__ = ["ENDINGS", "Stack", "check_size", "decode", "resize"]

#: The endings by which pictures are found. The content decides how a file is read.
ENDINGS = frozenset(
    (
        *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff"),
        *(".pbm", ".pgm", ".ppm", ".pnm", ".tga", ".avif", ".jp2"),
    )
)
KEPT = 128  # pixels: pictures that all have one size are left as they are up to this height and width
MOST = 40_000_000  # pixels of one file: more is no photograph, and a few at a time would fill the memory
CAP = 64  # otherwise the median size is brought to this many pixels at most
LARGEST = 1024  # pixels of a side that anyone may ask for
FEW = 100  # one damaged file in so many is left out; more are an error
_DEEP = 65535 / 255
_FLAWS = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, AttributeError, OverflowError)
_FLAWS += (struct.error, zlib.error, Image.DecompressionBombError)


@dataclass(frozen=True, eq=False)
class Stack:
    """Pictures read from files.

    Attributes:
        pixels: Shape (n, height, width, channels): uint8, or float32 on the scale from 0 to 255 where a picture has 16
            bits a pixel.
        kept: int64, shape (n,): the places, in the list of files, of those that could be read.
        notes: What was done to them, a sentence each.
    """

    pixels: NDArray[Any]
    kept: NDArray[np.int64]
    notes: list[str] = field(default_factory=list)


class _Header(NamedTuple):
    height: int
    width: int
    mode: str
    turned: bool
    frames: int


class _Picture(NamedTuple):
    pixels: NDArray[Any]
    transparent: bool


def check_size(size: Any) -> tuple[int, int] | None:
    """Return the height and width that an option asks for.

    Args:
        size: A number of pixels (alone or in a list, as a command line gives it), a pair (height, width), or None.

    Raises:
        DataError: Anything else, or pixels out of range.

    Example:
        >>> check_size(32), check_size((24, 32)), check_size(None)
        ((32, 32), (24, 32), None)
    """
    if size is None:
        return None
    pair = tuple(size) if isinstance(size, list | tuple) else (size,)
    pair = 2 * pair if len(pair) == 1 else pair
    whole = all(isinstance(side, int | np.integer) and not isinstance(side, bool) for side in pair)
    if len(pair) != 2 or not whole or not all(4 <= side <= LARGEST for side in pair):
        raise DataError(f"size={size!r}: expected pixels from 4 to {LARGEST:,}, or a pair (height, width) of them.")
    return int(pair[0]), int(pair[1])


def decode(
    paths: Sequence[Path],
    names: Sequence[str],
    where: str,
    *,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    dtype: str | None = None,
    strict: bool = False,
) -> Stack:
    """Read pictures into one array.

    Each is turned upright as its EXIF data says and brought to one size; what lies behind a transparent one is white;
    of an animation the first frame is taken. Pictures of 16 bits a pixel keep their precision: all then become float32.

    Args:
        paths: The files.
        names: What to call each.
        where: What to call all of them, such as their folder.
        size: Height and width. None keeps a size that all have, up to 128 pixels, and takes the median height and
            width otherwise, made smaller until both are 64 at most.
        channels: 1 (gray) or 3 (color). None takes 1 where every picture is gray.
        dtype: `"uint8"` or `"float32"`; None takes float32 where a picture has 16 bits a pixel.
        strict: Whether a single file that can't be read is an error. Otherwise one in 100 may be left out, and one in
            any case.

    Returns:
        The pixels, and which of the files they are of.

    Raises:
        DataError: Too many files can't be read, or all of them take more memory than there is.
    """
    headers: list[_Header | str]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow: what can be read in spite of a flaw is read
        headers = _each(_look, paths)
        good = [place for place, header in enumerate(headers) if not isinstance(header, str)]
        known = [header for header in headers if isinstance(header, _Header)]
        if not known:
            raise _too_many(where, names, {place: str(header) for place, header in enumerate(headers)})
        sizes = np.array([(header.height, header.width) for header in known])
        chosen = size or _choose_size(sizes)
        gray = all(header.mode in _GRAY for header in known)
        wide = channels or (1 if gray else 3)
        deep = any(header.mode.startswith("I") for header in known) if dtype is None else dtype == "float32"
        pixels = _room(len(good), (*chosen, wide), np.float32 if deep else np.uint8)
        bad = {place: header for place, header in enumerate(headers) if isinstance(header, str)}

        def read(target: tuple[int, int]) -> _Picture | str:
            place, file = target
            picture = _read(paths[file], chosen, wide)
            if isinstance(picture, _Picture):
                own = picture.pixels
                whole = pixels.dtype == np.uint8 and own.dtype != np.uint8
                pixels[place] = np.rint(own).clip(0, 255) if whole else own
                # Not own[:0], which would keep the whole of it.
                return picture._replace(pixels=np.empty(0, own.dtype))
            return picture

        pictures = _each(read, list(enumerate(good)))
    bad |= {file: picture for file, picture in zip(good, pictures, strict=True) if isinstance(picture, str)}
    if bad and (strict or len(bad) > max(1, len(paths) // FEW) or len(bad) == len(paths)):
        raise _too_many(where, names, bad, strict=strict)
    stays = np.array([isinstance(picture, _Picture) for picture in pictures])
    if not stays.all():
        pixels = pixels[stays]
    kept = np.array(good, dtype=np.int64)[stays]
    notes = [] if not bad else [_left_out(names, bad)]
    why = "the size of the training images" if dtype is not None else "as asked"
    if size is None:
        why = f"the median size, and no side longer than {CAP}; size= asks for another"
    notes += _said(
        [header for header, stay in zip(known, stays, strict=True) if stay],
        [picture for picture in pictures if isinstance(picture, _Picture)],
        chosen,
        wide,
        why,
    )
    if wide == 3 and channels is None and _is_gray(pixels):
        pixels = np.ascontiguousarray(pixels[..., :1])
        notes.append("All pictures are gray, though some are stored as color ones: one channel is used.")
    if deep and dtype is None:
        notes.append("Pictures of 16 bits a pixel keep their precision: pixels are fractions from 0 to 255.")
    return Stack(pixels, kept, notes)


def resize(pixels: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Return images in another size.

    Args:
        pixels: Shape (n, height, width, channels), uint8 or float32.
        size: Height and width.

    Returns:
        The same type, shape (n, *size, channels); the array itself where it has this size.

    Example:
        >>> resize(np.full((2, 8, 8, 1), 7, np.uint8), (4, 6)).shape
        (2, 4, 6, 1)
    """
    if pixels.shape[1:3] == size:
        return pixels
    made = _room(len(pixels), (*size, pixels.shape[3]), pixels.dtype)
    for place, image in enumerate(pixels):
        for channel in range(pixels.shape[3]):
            drawn = Image.fromarray(image[..., channel])
            made[place, ..., channel] = np.asarray(drawn.resize((size[1], size[0]), Image.Resampling.BILINEAR))
    return made


_TOO_LARGE = f"too large: more than {MOST // 1_000_000} million pixels"
_GRAY = {"1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N", "I"}


@cache
def _formats() -> list[str]:
    """Return Pillow's names of the formats of `ENDINGS`, of those that it was built with."""
    Image.init()
    return sorted({Image.EXTENSION[ending] for ending in ENDINGS if ending in Image.EXTENSION} & Image.OPEN.keys())


def _each(job: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """Do a job for each item, several at a time: Pillow lets go of the interpreter while it decodes."""
    workers = min(8, os.cpu_count() or 1)
    if workers == 1 or len(items) < 50:
        return [job(item) for item in items]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(job, items, chunksize=1))


def _room(images: int, shape: tuple[int, int, int], kind: Any) -> NDArray[Any]:
    try:
        return np.empty((images, *shape), kind)
    except MemoryError:
        needed = images * float(np.prod(shape)) * np.dtype(kind).itemsize / 2**30
        raise DataError(
            f"{images:,} pictures of {_size(shape)} pixels take {needed:,.0f} GiB, more than there is: give a smaller "
            "size=, such as size=32, or fewer pictures."
        ) from None


def _look(path: Path) -> _Header | str:
    """Read what a file says of itself, or why it can't be read."""
    try:
        with Image.open(path, formats=_formats()) as image:
            if image.width * image.height > MOST:
                return _TOO_LARGE
            # Asked for its EXIF data, a PNG without any would be decoded whole.
            exif = image.getexif() if "exif" in image.info or image.format == "TIFF" else {}
            turned = exif.get(0x0112, 1)  # 5 to 8 lie on their side
            height, width = (image.width, image.height) if turned in (5, 6, 7, 8) else (image.height, image.width)
            return _Header(height, width, image.mode, turned in range(2, 9), getattr(image, "n_frames", 1))
    except _FLAWS as error:
        return _reason(path, error)


def _read(path: Path, size: tuple[int, int], channels: int) -> _Picture | str:
    """Read one picture: its pixels, uint8 or (of more bits) float32, or why it can't be read."""
    try:
        with Image.open(path, formats=_formats()) as image:
            # Of a large JPEG a half, a quarter or an eighth of the size is decoded, which is enough and much faster.
            image.draft(None, (2 * max(size), 2 * max(size)))
            upright = ImageOps.exif_transpose(image)
            if upright.mode in ("F", "I") or upright.mode.startswith("I;16"):
                return _read_deep(upright, size, channels)
            plain, transparent = _over_white(upright)
            made = plain.resize((size[1], size[0]), Image.Resampling.BILINEAR)
            pixels = np.asarray(made.convert("L" if channels == 1 else "RGB"))
            return _Picture(pixels.reshape(*size, channels), transparent)
    except _FLAWS as error:
        return _reason(path, error)


def _over_white(image: Image.Image) -> tuple[Image.Image, bool]:
    """Return a picture in gray or color, and whether something white shows through it."""
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        layered = image.convert("RGBA")
        lowest = layered.getchannel("A").getextrema()[0]
        if isinstance(lowest, int | float) and lowest < 255:
            white = Image.new("RGBA", layered.size, "white")
            return Image.alpha_composite(white, layered).convert("RGB"), True
        return layered.convert("L" if image.mode in ("LA", "La", "L") else "RGB"), False
    return image.convert("L" if image.mode in ("L", "1") else "RGB"), False


def _read_deep(image: Image.Image, size: tuple[int, int], channels: int) -> _Picture | str:
    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        return "pixels of 32 bits, whose scale nobody knows: give such pictures as arrays"
    drawn = Image.fromarray(values.astype(np.float32)).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    scaled = (np.asarray(drawn) / np.float32(_DEEP))[..., None]
    return _Picture(np.repeat(scaled, channels, axis=2), False)


def _reason(path: Path, error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, IsADirectoryError):
        return "it is a folder"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    if isinstance(error, Image.DecompressionBombError):
        return _TOO_LARGE
    try:
        if path.stat().st_size == 0:
            return "empty"
    except OSError:
        return "it can't be read"
    if "truncated" in str(error) or isinstance(error, EOFError):
        return "truncated"
    return "not a picture" if type(error).__name__ == "UnidentifiedImageError" else "damaged"


def _choose_size(sizes: NDArray[np.int64]) -> tuple[int, int]:
    """Keep a size that all have and that is small; otherwise take the median one, brought to `CAP` at most."""
    if (sizes == sizes[0]).all() and sizes[0].max() <= KEPT:
        return int(sizes[0, 0]), int(sizes[0, 1])
    median = np.median(sizes, axis=0)
    scale = min(1.0, CAP / float(median.max()))
    height, width = (max(1, round(float(side) * scale)) for side in median)
    return height, width


def _is_gray(pixels: NDArray[Any]) -> bool:
    return all(np.array_equal(image[..., 0], image[..., channel]) for image in pixels for channel in (1, 2))


def _listed(names: Sequence[str], bad: dict[int, str]) -> str:
    said = [f"{names[place]} ({bad[place]})" for place in sorted(bad)]
    return listing(said, most=10)


def _left_out(names: Sequence[str], bad: dict[int, str]) -> str:
    one = len(bad) == 1
    return f"{len(bad):,} file{'' if one else 's'} that can't be read {'was' if one else 'were'} left out: " + (
        f"{_listed(names, bad)}."
    )


def _too_many(where: str, names: Sequence[str], bad: dict[int, str], strict: bool = False) -> DataError:
    if len(names) == 1:
        return DataError(f"{names[0]} can't be read as a picture: {next(iter(bad.values()))}.")
    limit = "" if strict or len(bad) == len(names) else f", more than 1 in {FEW}"
    return DataError(
        f"{where}: {len(bad):,} of {len(names):,} pictures can't be read{limit}: {_listed(names, bad)}. "
        "Mend them or leave them out."
    )


def _size(size: Iterable[int]) -> str:
    return " × ".join(number(side) for side in list(size)[:2])


def _said(
    headers: Sequence[_Header], pictures: Sequence[_Picture], size: tuple[int, int], channels: int, why: str
) -> list[str]:
    """Say what was done to the pictures."""
    whole, notes = len(headers), []
    sizes = np.array([(header.height, header.width) for header in headers])
    other = int((sizes != np.array(size)).any(axis=1).sum())
    if other:
        small, large = sizes.min(axis=0), sizes.max(axis=0)
        were = f"{_size(small)}" + ("" if (small == large).all() else f" to {_size(large)}")
        notes.append(f"{_count(other, whole)} resized to {_size(size)} pixels, height × width ({why}). Before: {were}.")
        shape = sizes[:, 0] * size[1] / (sizes[:, 1] * size[0])
        bent = int(((shape > 1.1) | (shape < 1 / 1.1)).sum())
        if bent:
            notes.append(f"{_count(bent, whole)} stretched by more than a tenth, to fit this size.")
    counts = Counter(header.mode for header in headers)
    gray = sum(count for mode, count in counts.items() if mode in _GRAY)
    if channels == 3 and gray:
        notes.append(f"{_count(gray, whole)} gray, and used as color ones with three equal channels.")
    elif channels == 1 and gray < whole:
        notes.append(f"{_count(whole - gray, whole)} turned from color into gray.")
    for count, words in (
        (sum(header.turned for header in headers), "turned upright, as the EXIF data says"),
        (sum(picture.transparent for picture in pictures), "transparent, and set over white"),
        (counts["CMYK"], "in printing colors (CMYK), and turned into red, green and blue"),
        (sum(header.frames > 1 for header in headers), "of several frames; the first one is used"),
    ):
        if count:
            notes.append(f"{_count(count, whole)} {words}.")
    return notes


def _count(part: int, whole: int) -> str:
    verb = "was" if part == 1 else "were"
    return (
        f"{number(part)} of {number(whole)} pictures {verb}" if part < whole else f"All {number(whole)} pictures were"
    )
