"""Picture files decoded into one array: upright, on white, all of one size."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageOps

from toolkit.common.errors import DataError
from toolkit.common.formatting import listing, number
from toolkit.data.images.stack import ImageSet

__all__ = ["ENDINGS", "Form", "check_size", "decode", "resize"]

#: The endings by which pictures are found. The content decides how a file is read.
ENDINGS = frozenset(
    (
        *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff"),
        *(".pbm", ".pgm", ".ppm", ".pnm", ".tga", ".avif", ".jp2"),
    )
)
# Sides of an image in pixels: pictures that all have one size keep it up to _KEPT_SIDE; otherwise the median size is
# scaled down to _MEDIAN_SIDE; a user may ask for up to _LARGEST_SIDE.
_KEPT_SIDE, _MEDIAN_SIDE, _LARGEST_SIDE = 128, 64, 1024
_FILE_PIXELS = 40_000_000  # a file with more is no photograph, and several at a time would fill the memory
_FILES_PER_FLAW = 100  # one unreadable file in 100 is left out; more are an error
_LEVELS_16_BIT = 65535 / 255  # levels of a 16-bit pixel for each level of an 8-bit pixel

_TOO_LARGE = f"too large: more than {_FILE_PIXELS // 1_000_000} million pixels"
_GRAY = {"1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N", "I"}
# What Pillow raises when a file is damaged.
_FLAWS = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, AttributeError, OverflowError)
_FLAWS += (struct.error, zlib.error, Image.DecompressionBombError)


class Form(NamedTuple):
    """The shape and type of every image of a run. Images that come later are converted to it.

    Attributes:
        shape: Height, width and channels.
        dtype: `"uint8"` or `"float32"`.
    """

    shape: tuple[int, int, int]
    dtype: str

    @classmethod
    def of(cls, pixels: NDArray[Any]) -> Form:
        """Return the form of a stack of images, shape (n, height, width, channels)."""
        height, width, channels = pixels.shape[1:]
        return cls((height, width, channels), str(pixels.dtype))


class _Header(NamedTuple):
    height: int
    width: int
    mode: str
    rotated: bool
    frames: int


def check_size(size: Any) -> tuple[int, int] | None:
    """Return the height and width that an option asks for.

    Args:
        size: One number of pixels (or a list of one number, from the command line), a pair (height, width), or None.

    Raises:
        DataError: It is something else, or out of range.

    Example:
        >>> check_size(32), check_size((24, 32)), check_size(None)
        ((32, 32), (24, 32), None)
    """
    if size is None:
        return None
    pair = tuple(size) if isinstance(size, list | tuple) else (size,)
    pair = 2 * pair if len(pair) == 1 else pair
    integers = all(isinstance(side, int | np.integer) and not isinstance(side, bool) for side in pair)
    if len(pair) != 2 or not integers or not all(4 <= side <= _LARGEST_SIDE for side in pair):
        raise DataError(
            f"size={size!r}: expected a number of pixels from 4 to {_LARGEST_SIDE:,}, or a pair (height, width)."
        )
    return int(pair[0]), int(pair[1])


def decode(
    paths: Sequence[Path],
    names: Sequence[str],
    source: str,
    target: pd.DataFrame | None = None,
    *,
    size: tuple[int, int] | None = None,
    form: Form | None = None,
    strict: bool = False,
) -> ImageSet:
    """Read picture files into one array of images.

    Pictures are rotated upright as their EXIF data says, set on white where they are transparent, and resized. Only the
    first frame of an animation is read. If a picture has 16 bits per pixel, all become float32, from 0 to 255.

    Args:
        paths: The files, n of them.
        names: The name of each file in messages.
        source: The name of all of them together, such as their folder.
        target: The target columns, n rows; by default there are none.
        size: Height and width. By default a size that all pictures share is kept up to 128 pixels; otherwise the median
            height and width are taken, scaled down to at most 64.
        form: The form of the images that a run was trained on, in place of `size`.
        strict: Whether one unreadable file is an error. Otherwise up to 1 file in 100, and always one, is left out.

    Returns:
        The images that could be read, with their rows of the target.

    Raises:
        DataError: Too many files can't be read, or the images don't fit into memory.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow also warns of flaws that do not keep it from reading a file
        # All headers first: the form depends on every picture, and the stack is allocated once, for all of them.
        results = _each(_read_header, paths)
        headers = {index: header for index, header in enumerate(results) if isinstance(header, _Header)}
        flaws = {index: reason for index, reason in enumerate(results) if isinstance(reason, str)}
        if not headers:
            raise _unreadable(source, names, flaws)
        chosen = form or _choose_form(list(headers.values()), size)
        pixels = _allocate(len(headers), chosen.shape, chosen.dtype)
        # Iterating over the stack gives each file its own (height, width, channels) view to fill, in any order.
        results = _each(_read_into, list(pixels), [paths[index] for index in headers])
    flaws |= {index: reason for index, reason in zip(headers, results, strict=True) if isinstance(reason, str)}
    if flaws and (strict or len(flaws) > max(1, len(paths) // _FILES_PER_FLAW) or len(flaws) == len(paths)):
        raise _unreadable(source, names, flaws, strict=strict)
    # headers: the files that the stack has a row for. indices: those of them whose pixels could be read too.
    indices = [index for index in headers if index not in flaws]
    if len(indices) < len(headers):
        pixels = pixels[[not isinstance(reason, str) for reason in results]]
    notes = [_left_out(names, flaws)] if flaws else []
    why = f"the median size, with no side above {_MEDIAN_SIDE}; choose another with size="
    if form is not None or size is not None:
        why = "as asked" if form is None else "the size of the training images"
    notes += _changes([headers[index] for index in indices], results.count(True), chosen.shape, why)
    if form is None and chosen.shape[2] == 3 and _is_gray(pixels):
        pixels = np.ascontiguousarray(pixels[..., :1])
        notes.append("All pictures are gray, though some are stored in color: one channel is used.")
    if form is None and chosen.dtype == "float32":
        notes.append("Pictures with 16 bits per pixel keep their precision: pixels are fractions from 0 to 255.")
    rows = pd.DataFrame(index=range(len(paths))) if target is None else target
    return ImageSet(pixels, rows.iloc[indices].reset_index(drop=True), [names[i] for i in indices], notes, source)


def resize(pixels: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Return images in another size.

    Args:
        pixels: Shape (n, height, width, channels), uint8 or float32.
        size: Height and width.

    Returns:
        Shape (n, *size, channels), of the same type; the array itself if it already has this size.

    Example:
        >>> resize(np.full((2, 8, 8, 1), 7, np.uint8), (4, 6)).shape
        (2, 4, 6, 1)
    """
    if pixels.shape[1:3] == size:
        return pixels
    channels = pixels.shape[3]
    resized = _allocate(len(pixels), (*size, channels), pixels.dtype)
    # Pillow has no floats in color: each channel is resized as a gray image (height, width).
    for image, target in zip(pixels, resized, strict=True):
        for channel in range(channels):
            target[..., channel] = _scale(Image.fromarray(image[..., channel]), size)
    return resized


def _scale(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    height, width = size
    return image.resize((width, height), Image.Resampling.BILINEAR)


@cache
def _formats() -> list[str]:
    """Return Pillow's names for the formats of `ENDINGS` that it was built with."""
    Image.init()
    return sorted({Image.EXTENSION[ending] for ending in ENDINGS if ending in Image.EXTENSION} & Image.OPEN.keys())


def _each(job: Callable[..., Any], *items: Sequence[Any]) -> list[Any]:
    """Return the results of a job for each item. Pillow releases the interpreter lock, so that threads help."""
    workers = min(8, os.cpu_count() or 1)
    if workers == 1 or len(items[0]) < 50:
        return list(map(job, *items))
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(job, *items))


def _allocate(images: int, shape: tuple[int, int, int], dtype: Any) -> NDArray[Any]:
    try:
        return np.empty((images, *shape), dtype)
    except MemoryError:
        needed = images * float(np.prod(shape)) * np.dtype(dtype).itemsize / 2**30
        raise DataError(
            f"{images:,} pictures of {_pixels(shape)} pixels need {needed:,.0f} GiB, more memory than there is: give a "
            "smaller size=, such as size=32, or fewer pictures."
        ) from None


def _read_header(path: Path) -> _Header | str:
    """Return the header of a file, or why it can't be read."""
    try:
        with Image.open(path, formats=_formats()) as image:
            if image.width * image.height > _FILE_PIXELS:
                return _TOO_LARGE
            # getexif() decodes a whole PNG that has no EXIF data.
            exif = image.getexif() if "exif" in image.info or image.format == "TIFF" else {}
            orientation = exif.get(0x0112, 1)  # 1 is upright; 5 to 8 exchange height and width
            height, width = image.height, image.width
            if orientation in (5, 6, 7, 8):
                height, width = width, height
            return _Header(height, width, image.mode, orientation in range(2, 9), getattr(image, "n_frames", 1))
    except _FLAWS as error:
        return _reason(path, error)


def _read_into(target: NDArray[Any], path: Path) -> bool | str:
    """Decode a picture into `target`, shape (height, width, channels).

    Returns:
        Whether it is transparent, or why it can't be read.
    """
    height, width, channels = target.shape
    try:
        with Image.open(path, formats=_formats()) as image:
            # A large JPEG is decoded at a half, a quarter or an eighth of its size: precise enough, and much faster.
            image.draft(None, (2 * max(height, width), 2 * max(height, width)))
            upright = ImageOps.exif_transpose(image)
            if upright.mode in ("F", "I") or upright.mode.startswith("I;16"):
                values = np.asarray(upright)
                if upright.mode == "F" or values.min() < 0 or values.max() > 65535:
                    return "pixels of 32 bits, whose scale is unknown: give such pictures as arrays"
                levels = np.asarray(_scale(Image.fromarray(values.astype(np.float32)), (height, width)))
                levels = levels[..., None] / np.float32(_LEVELS_16_BIT)
                target[...] = levels if target.dtype == np.float32 else np.rint(levels).clip(0, 255)
                return False
            opaque, transparent = _on_white(upright)
            scaled = _scale(opaque, (height, width)).convert("L" if channels == 1 else "RGB")
            target[...] = np.asarray(scaled).reshape(target.shape)  # (height, width) if gray
            return transparent
    except _FLAWS as error:
        return _reason(path, error)


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


def _choose_form(headers: Sequence[_Header], size: tuple[int, int] | None) -> Form:
    if size is None:
        sizes = np.array([(header.height, header.width) for header in headers])  # (files, 2)
        size = int(sizes[0, 0]), int(sizes[0, 1])
        if (sizes != sizes[0]).any() or max(size) > _KEPT_SIDE:
            median = np.median(sizes, axis=0)
            scale = min(1.0, _MEDIAN_SIDE / float(median.max()))
            size = max(1, round(float(median[0]) * scale)), max(1, round(float(median[1]) * scale))
    channels = 1 if all(header.mode in _GRAY for header in headers) else 3
    return Form((*size, channels), "float32" if any(header.mode.startswith("I") for header in headers) else "uint8")


def _is_gray(pixels: NDArray[Any]) -> bool:
    return all(np.array_equal(image[..., 0], image[..., channel]) for image in pixels for channel in (1, 2))


def _list_flaws(names: Sequence[str], flaws: dict[int, str]) -> str:
    return listing([f"{names[index]} ({flaws[index]})" for index in sorted(flaws)], most=10)


def _left_out(names: Sequence[str], flaws: dict[int, str]) -> str:
    files = "1 file that can't be read was" if len(flaws) == 1 else f"{len(flaws):,} files that can't be read were"
    return f"{files} left out: {_list_flaws(names, flaws)}."


def _unreadable(source: str, names: Sequence[str], flaws: dict[int, str], strict: bool = False) -> DataError:
    if len(names) == 1:
        return DataError(f"{names[0]} can't be read as a picture: {flaws[0]}.")
    limit = "" if strict or len(flaws) == len(names) else f", more than 1 in {_FILES_PER_FLAW}"
    return DataError(
        f"{source}: {len(flaws):,} of {len(names):,} pictures can't be read{limit}: {_list_flaws(names, flaws)}. "
        "Repair or remove these files."
    )


def _pixels(shape: Iterable[int]) -> str:
    return " × ".join(number(side) for side in list(shape)[:2])


def _changes(headers: Sequence[_Header], transparent: int, shape: tuple[int, int, int], why: str) -> list[str]:
    """Return sentences about what was done to the pictures, and to how many of them."""
    height, width, channels = shape
    sizes = np.array([(header.height, header.width) for header in headers])  # (pictures, 2)
    smallest, largest = sizes.min(axis=0), sizes.max(axis=0)
    before = _pixels(smallest) + ("" if (smallest == largest).all() else f" to {_pixels(largest)}")
    # How much wider a picture is, for its height, than the images: 1 where only its scale changes.
    stretch = sizes[:, 0] * width / (sizes[:, 1] * height)
    modes = Counter(header.mode for header in headers)
    gray = sum(count for mode, count in modes.items() if mode in _GRAY)
    counts = {
        f"resized to {_pixels(shape)} pixels, height × width ({why}). Before: {before}": int(
            (sizes != (height, width)).any(axis=1).sum()
        ),
        "stretched by more than a tenth, to fit this size": int(((stretch > 1.1) | (stretch < 1 / 1.1)).sum()),
        "gray, and repeated in three color channels": gray if channels == 3 else 0,
        "converted from color to gray": len(headers) - gray if channels == 1 else 0,
        "rotated upright, as the EXIF data says": sum(header.rotated for header in headers),
        "transparent, and set on white": transparent,
        "in printing colors (CMYK), and converted to red, green and blue": modes["CMYK"],
        "animated or of several pages; the first frame is used": sum(header.frames > 1 for header in headers),
    }
    return [f"{_share(count, len(headers))} {change}." for change, count in counts.items() if count]


def _share(count: int, total: int) -> str:
    if count == total:
        return f"All {number(total)} pictures were"
    return f"{number(count)} of {number(total)} pictures {'was' if count == 1 else 'were'}"
