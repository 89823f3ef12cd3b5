"""Stacks of images, checked and in canonical form.

The form is (n, height, width, channels), 8-bit numbers kept as they are (a quarter of the memory) and all others as
float32.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.common.errors import DataError
from toolkit.data.pictures import Pictures, needed

__all__ = ["FORM", "ImageSet", "Images", "budget_left", "canonical", "holds_images", "pieces"]

FORM = "(n, height, width) or (n, height, width, channels) with 1 channel (gray) or 3 (color)"
# Floats are checked and summed in pieces of about this many pixels, so that no second copy of them is needed.
_PIECE = 4_000_000


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images with their targets, as they were read.

    Attributes:
        pixels: Shape (n, height, width, channels): an array in canonical form, or `Pictures`.
        target: The target columns, n rows.
        names: The file name of each image; empty where they came as an array.
        notes: What was done to the images, one sentence each.
        name: Their name in messages and in the report.
    """

    pixels: Any
    target: pd.DataFrame
    names: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    name: str = "images"

    def __len__(self) -> int:
        return len(self.pixels)


def budget_left(budget: int | None, *sets: ImageSet) -> int | None:
    """Return the memory in bytes that a training may take beside sets of images; None is no limit."""
    taken = 0
    for pixels in (images.pixels for images in sets):
        is_array = not isinstance(pixels, Pictures)
        taken += needed(len(pixels), pixels.shape[1:], pixels.dtype) if is_array else pixels.bytes_in_memory
    return None if budget is None else max(0, budget - taken)


def holds_images(data: Any) -> bool:
    """Return whether data are images: an `ImageSet`, or a pair whose X has three or four axes.

    Example:
        >>> holds_images((np.zeros((5, 8, 8)), range(5))), holds_images((np.zeros((5, 8)), range(5)))
        (True, False)
    """
    if isinstance(data, ImageSet):
        return True
    if not isinstance(data, tuple | list) or len(data) != 2 or isinstance(data[0], str | pd.DataFrame):
        return False
    first = data[0][0] if isinstance(data[0], list | tuple) and len(data[0]) else None  # a list of images
    return getattr(data[0], "ndim", 0) >= 3 or getattr(first, "ndim", 0) >= 2


def canonical(images: Any, name: str = "X") -> NDArray[Any]:
    """Return a stack of images in canonical form.

    Args:
        images: Numbers of shape (n, height, width) or (n, height, width, channels), or a list of n such images.
        name: Their name in messages.

    Returns:
        Shape (n, height, width, channels): uint8 where the pixels are whole numbers from 0 to 255 of an integer type,
        otherwise float32, finite.

    Raises:
        DataError: Another shape, another number of channels, no images, or pixels that are no numbers, missing or
            infinite.

    Example:
        >>> canonical(np.zeros((5, 8, 8), int)).shape, canonical(np.zeros((5, 8, 8, 3))).dtype
        ((5, 8, 8, 1), dtype('float32'))
    """
    try:
        pixels = np.asarray(images)
    except ValueError:
        raise DataError(f"{name} holds images of different sizes; expected one size: resize them first.") from None
    if pixels.dtype.kind not in "buif":
        raise DataError(f"{name} holds pixels of type {pixels.dtype}; expected numbers (uint8, or floats).")
    if pixels.ndim == 3:
        pixels = pixels[..., None]
    if pixels.ndim != 4 or 0 in pixels.shape:
        raise DataError(f"{name} has shape {np.shape(images)}; expected {FORM}.")
    channels = pixels.shape[3]
    if channels not in (1, 3):
        hint = ""
        if channels == 4:
            hint = f" If the fourth is transparency, give {name}[..., :3]."
        elif pixels.shape[1] in (1, 3):
            hint = f" Channels come last: np.moveaxis({name}, 1, -1)."
        raise DataError(f"{name} has shape {pixels.shape}, {channels:,} channels; expected {FORM}.{hint}")
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype.kind == "b" or (pixels.dtype.kind in "ui" and pixels.min() >= 0 and pixels.max() <= 255):
        return pixels.astype(np.uint8)
    with np.errstate(over="ignore"):
        pixels = pixels.astype(np.float32, copy=False)
    for start, piece in pieces(pixels):
        if not np.isfinite(piece).all():
            row = start + int(np.argwhere(~np.isfinite(piece))[0][0])
            raise DataError(f"{name} holds a missing or infinite pixel, first in image {row + 1}: fill it first.")
    return pixels


@dataclass(frozen=True, eq=False)
class Images:
    """Images in canonical form.

    Attributes:
        pixels: Shape (rows, height, width, channels), see `canonical`.
        names: The file name of each image; empty where none is known.
    """

    pixels: NDArray[Any] | Pictures
    names: tuple[str, ...] = ()
    columns = ()
    source_columns = ()

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def frame(self) -> pd.DataFrame:
        """The rows without any column."""
        return pd.DataFrame(index=range(len(self.pixels)))

    def take(self, rows: NDArray[Any]) -> Images:
        """Return the images that an index or a mask chooses."""
        names = np.array(self.names, dtype=object)
        pixels = self.pixels.take(rows) if isinstance(self.pixels, Pictures) else self.pixels[rows]
        return Images(pixels, tuple(names[rows]) if self.names else ())

    def append(self, others: Sequence[Images]) -> Images:
        """Return a copy of these images, followed by others of the same shape."""
        stacks = [self, *others]
        names: tuple[str, ...] = ()
        if any(stack.names for stack in stacks):
            names = tuple(name for stack in stacks for name in stack.names or [""] * len(stack))
        pixels = [stack.pixels for stack in stacks]
        if any(isinstance(stack, Pictures) for stack in pixels):
            stacks_kept = [stack if isinstance(stack, Pictures) else stack.copy() for stack in pixels]
            return Images(Pictures.joined(stacks_kept), names)
        return Images(np.concatenate(pixels), names)

    def shared(self, known: Images) -> Images:
        """Return known images that hold the same pixels, otherwise these: splits differ only in positions."""
        return known if np.array_equal(np.asarray(self.pixels), np.asarray(known.pixels)) else self

    def same_rows(self) -> NDArray[np.int64]:
        """Number the distinct images by their first appearance.

        Returns:
            Shape (rows,): equal numbers for images with the same pixels.

        Example:
            >>> Images(canonical(np.array([[[1]], [[2]], [[1]]]))).same_rows().tolist()
            [0, 1, 0]
        """
        if isinstance(self.pixels, Pictures):
            return pd.factorize(self.pixels.digests)[0].astype(np.int64)
        zero = self.pixels.dtype.type(0)  # adding it turns -0.0 into 0.0
        marks = [hashlib.blake2b((image + zero).tobytes(), digest_size=16).hexdigest() for image in self.pixels]
        return pd.factorize(np.array(marks, dtype=object))[0].astype(np.int64)


def pieces(pixels: NDArray[Any] | Pictures) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield a stack in pieces, each with the position of its first image."""
    step = max(1, _PIECE // max(1, math.prod(pixels.shape[1:])))
    for start in range(0, len(pixels), step):
        yield start, pixels[start : start + step]
