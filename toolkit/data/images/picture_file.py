"""One picture file: its header and its pixels, upright and on white, or why they can't be read."""

from __future__ import annotations

import logging
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from toolkit.common.error_output import redirected

__all__ = ["ENDINGS", "Header", "libtiff_silenced", "read_header", "read_into", "scaled"]

#: The endings by which pictures are found. The content decides how a file is read.
ENDINGS = frozenset(
    (
        *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff"),
        *(".pbm", ".pgm", ".ppm", ".pnm", ".tga", ".avif", ".jp2"),
    )
)
_FILE_PIXELS = 40_000_000  # a file with more would fill the memory
_LARGE_PIXELS = 4_000_000
_LEVELS_16_BIT = 65535 / 255  # levels of a 16-bit pixel for each level of an 8-bit pixel

_TOO_LARGE = f"too large: more than {_FILE_PIXELS // 1_000_000} million pixels"
# What Pillow raises when a file is damaged: anything.
_FLAWS = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, AttributeError, ArithmeticError)
_FLAWS += (AssertionError, MemoryError, RuntimeError, struct.error, zlib.error, Image.DecompressionBombError)
logging.getLogger("PIL").addHandler(logging.NullHandler())  # without a handler, Python prints what Pillow logs


class Header(NamedTuple):
    """What is known of a picture before its pixels are decoded.

    Attributes:
        height: Pixels, upright.
        width: Pixels, upright.
        mode: Pillow's name for the kind of its pixels.
        rotated: Whether it is stored rotated or mirrored.
        animated: Whether it has several frames or pages.
        large: Whether decoding it takes much memory.
        format: Pillow's name for its format.
    """

    height: int
    width: int
    mode: str
    rotated: bool
    animated: bool
    large: bool
    format: str


def scaled(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return a picture in another size, (height, width)."""
    height, width = size
    return image.resize((width, height), Image.Resampling.BILINEAR)


@cache
def _formats() -> list[str]:
    """Return Pillow's names for the formats of `ENDINGS` that it was built with."""
    Image.init()
    return sorted({Image.EXTENSION[ending] for ending in ENDINGS if ending in Image.EXTENSION} & Image.OPEN.keys())


@contextmanager
def libtiff_silenced() -> Iterator[None]:
    """Drop what libtiff writes to the error output about a file."""
    with open(os.devnull, "wb") as nothing, redirected(nothing):
        yield


@contextmanager
def _picture(path: Path) -> Iterator[Image.Image]:
    """Open a picture. A pipe or a device is none: reading it could wait forever."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise _NoFileError
    with Image.open(path, formats=_formats()) as image:
        yield image


class _NoFileError(OSError):
    """The path leads to a folder, a device, a pipe or a socket."""


def read_header(path: Path) -> Header | str:
    """Return the header of a file, or why it can't be read."""
    try:
        with _picture(path) as image:
            if image.width * image.height > _FILE_PIXELS:
                return _TOO_LARGE
            # getexif() decodes a whole PNG that has no EXIF data.
            exif = image.getexif() if "exif" in image.info or image.format == "TIFF" else {}
            orientation = exif.get(0x0112, 1)  # 1 is upright; 5 to 8 exchange height and width
            height, width = image.height, image.width
            if orientation in (5, 6, 7, 8):
                height, width = width, height
            # n_frames would read the whole file, and a chain of TIFF pages takes quadratic time.
            animated = bool(getattr(image, "is_animated", False))
            # A JPEG is decoded at a smaller size, but all coefficients of a progressive one are in memory at once.
            large = height * width > _LARGE_PIXELS and (image.format != "JPEG" or "progressive" in image.info)
            return Header(height, width, image.mode, orientation in range(2, 9), animated, large, image.format or "")
    except _FLAWS as error:
        return _reason(path, error)


def read_into(target: NDArray[Any], path: Path) -> bool | str:
    """Decode a picture into `target`, shape (height, width, channels).

    Returns:
        Whether it is transparent, or why it can't be read.
    """
    height, width, _ = target.shape
    try:
        with _picture(path) as image:
            # A large JPEG is decoded at a half, a quarter or an eighth of its size: precise enough, and much faster.
            image.draft(None, (2 * max(height, width), 2 * max(height, width)))
            return _fill(target, image)
    except _FLAWS as error:
        return _reason(path, error)


def _fill(target: NDArray[Any], image: Image.Image) -> bool | str:
    height, width, channels = target.shape
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode in ("F", "I") or image.mode.startswith("I;16"):
        values = np.asarray(image)
        if image.mode == "F" or values.min() < 0 or values.max() > 65535:
            return "pixels of 32 bits, whose scale is unknown: give such pictures as arrays"
        levels = np.asarray(scaled(Image.fromarray(values.astype(np.float32)), (height, width)))
        levels = levels[..., None] / np.float32(_LEVELS_16_BIT)
        target[...] = levels if target.dtype == np.float32 else np.rint(levels).clip(0, 255)
        return False
    opaque, transparent = _on_white(image)
    resized = scaled(opaque, (height, width)).convert("L" if channels == 1 else "RGB")
    target[...] = np.asarray(resized).reshape(target.shape)  # (height, width) if gray
    return transparent


def _on_white(image: Image.Image) -> tuple[Image.Image, bool]:
    """Return a picture in gray or color on a white background, and whether the background shows through."""
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        layered = image.convert("RGBA")
        lowest = layered.getchannel("A").getextrema()[0]
        if isinstance(lowest, int | float) and lowest < 255:
            white = Image.new("RGBA", layered.size, "white")
            return Image.alpha_composite(white, layered).convert("RGB"), True
        return layered.convert("L" if image.mode in ("LA", "La", "L") else "RGB"), False
    return image.convert("L" if image.mode in ("L", "1") else "RGB"), False


def _reason(path: Path, error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, _NoFileError):
        return "it is a folder" if path.is_dir() else "it is a device, a pipe or a socket"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    if isinstance(error, Image.DecompressionBombError):
        return _TOO_LARGE
    if isinstance(error, MemoryError):
        return "it takes more memory than there is"
    try:
        if os.stat(path).st_size == 0:
            return "empty"
    except (OSError, ValueError):  # too long a name, or a null character
        return "it can't be read"
    if "truncated" in str(error) or isinstance(error, EOFError):
        return "truncated"
    return "not a picture" if type(error).__name__ == "UnidentifiedImageError" else "damaged"
