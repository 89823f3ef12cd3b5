"""Picture files decoded into one array: upright, on white, all of one size."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from toolkit.common.errors import DataError
from toolkit.common.formatting import listing, number, printable
from toolkit.data.images.picture_file import Header, libtiff_silenced, read_header, scaled
from toolkit.data.images.picture_files import each, read_all, scan
from toolkit.data.images.stack import ImageSet
from toolkit.data.pictures import COPIES, Pictures, needed

__all__ = ["Form", "check_size", "decode", "resize"]

# Sides of an image in pixels: pictures that all have one size keep it up to _KEPT_SIDE; otherwise the median size is
# scaled down to _MEDIAN_SIDE; a user may ask for up to _LARGEST_SIDE.
_KEPT_SIDE, _MEDIAN_SIDE, _LARGEST_SIDE = 128, 64, 1024
_STACK_SHARE = 0.5  # of the memory, up to which a stack of which no copies are made is kept
_FILES_PER_FLAW = 100  # one unreadable file in 100 is left out; more are an error

_GRAY = {"1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N", "I"}


class Form(NamedTuple):
    """The shape and type of every image of a run. Images that come later are converted to it.

    Attributes:
        shape: Height, width and channels.
        dtype: `"uint8"` or `"float32"`.
    """

    shape: tuple[int, int, int]
    dtype: str

    @classmethod
    def of(cls, pixels: NDArray[Any] | Pictures) -> Form:
        """Return the form of a stack of images, shape (n, height, width, channels)."""
        height, width, channels = pixels.shape[1:]
        return cls((height, width, channels), str(pixels.dtype))


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
    budget: int | None = None,
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
        budget: The memory in bytes that a training may take. If it would take more with all images in memory, the files
            are read once here, and again whenever their images are asked for. None reads all into memory.

    Returns:
        The images that could be read, with their rows of the target.

    Raises:
        DataError: Too many files can't be read, or the images don't fit into memory.
    """
    names = [printable(name) for name in names]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow also warns of flaws that do not keep it from reading a file
        # All headers first: the form depends on every picture, and the stack is allocated once, for all of them.
        results = each(read_header, paths)
        headers = {index: header for index, header in enumerate(results) if isinstance(header, Header)}
        flaws = {index: reason for index, reason in enumerate(results) if isinstance(reason, str)}
        if not headers:
            raise _unreadable(source, names, flaws)
        chosen = form or _choose_form(list(headers.values()), size)
        with libtiff_silenced() if any(header.format == "TIFF" for header in headers.values()) else nullcontext():
            files = [paths[index] for index in headers]
            pixels, results = _read(files, headers.values(), chosen, budget, may_be_gray=form is None)
    flaws |= {index: reason for index, reason in zip(headers, results, strict=True) if isinstance(reason, str)}
    if flaws and (strict or len(flaws) > max(1, len(paths) // _FILES_PER_FLAW) or len(flaws) == len(paths)):
        raise _unreadable(source, names, flaws, strict=strict)
    # headers: the files that the stack has a row for. indices: those of them whose pixels could be read too.
    indices = [index for index in headers if index not in flaws]
    notes = [_left_out(names, flaws)] if flaws else []
    why = f"the median size, with no side above {_MEDIAN_SIDE}; choose another with size="
    if form is not None or size is not None:
        why = "as asked" if form is None else "the size of the training images"
    notes += _changes([headers[index] for index in indices], results.count(True), chosen.shape, why)
    if pixels.shape[3] < chosen.shape[2]:
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
            target[..., channel] = scaled(Image.fromarray(image[..., channel]), size)
    return resized


def _read(
    paths: Sequence[Path], headers: Iterable[Header], form: Form, budget: int | None, *, may_be_gray: bool
) -> tuple[NDArray[Any] | Pictures, list[bool | str]]:
    """Return the images of files that can be read; and for each file whether it is transparent, or what is wrong.

    Where the memory suffices for the stack but not for the copies of it that a training makes, it is kept, and only
    windows of it are copied. Pictures that are all gray have one channel where they may be.
    """
    large = [header.large for header in headers]
    size = needed(len(paths), form.shape, form.dtype)
    if budget is not None and size > budget:
        if size / COPIES <= budget * _STACK_SHARE:
            pixels, results = _read_into_memory(paths, large, form, may_be_gray=may_be_gray)
            return Pictures.joined([pixels], budget), results
        files, results = scan(paths, large, form.shape, form.dtype, may_be_gray=may_be_gray)
        files = files.kept(np.array([not isinstance(result, str) for result in results]))
        return Pictures((files,), np.arange(len(files.paths)), budget), results
    return _read_into_memory(paths, large, form, may_be_gray=may_be_gray)


def _read_into_memory(
    paths: Sequence[Path], large: Sequence[bool], form: Form, *, may_be_gray: bool
) -> tuple[NDArray[Any], list[bool | str]]:
    """Return the same as `_read` with all images in one array."""
    pixels = _allocate(len(paths), form.shape, form.dtype)
    results = read_all(pixels, paths, large)
    readable_rows = [not isinstance(result, str) for result in results]
    if not all(readable_rows):
        pixels = pixels[readable_rows]
    if may_be_gray and form.shape[2] == 3 and _is_gray(pixels):
        pixels = np.ascontiguousarray(pixels[..., :1])
    return pixels, results


def _allocate(images: int, shape: tuple[int, int, int], dtype: Any) -> NDArray[Any]:
    try:
        return np.empty((images, *shape), dtype)
    except MemoryError:
        size = images * float(np.prod(shape)) * np.dtype(dtype).itemsize / 2**30
        raise DataError(
            f"{images:,} pictures of {_pixels(shape)} pixels need {size:,.0f} GiB, more memory than there is: give a "
            "smaller size=, such as size=32, or fewer pictures."
        ) from None


def _choose_form(headers: Sequence[Header], size: tuple[int, int] | None) -> Form:
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


def _changes(headers: Sequence[Header], transparent: int, shape: tuple[int, int, int], why: str) -> list[str]:
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
        "animated or of several pages; the first frame is used": sum(header.animated for header in headers),
    }
    return [f"{_share(count, len(headers))} {change}." for change, count in counts.items() if count]


def _share(count: int, total: int) -> str:
    if count == total:
        return f"All {number(total)} pictures were"
    return f"{number(count)} of {number(total)} pictures {'was' if count == 1 else 'were'}"
