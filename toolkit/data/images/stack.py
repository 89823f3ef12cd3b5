"""Stacks of images: checked, in one form, and what a network is told of their pixels.

The form is (n, height, width, channels), 8-bit numbers kept as they are (a quarter of the memory) and all others as
float32. A network takes raw pixels and rescales them itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.common.errors import DataError
from toolkit.common.schema import SCHEMA, check_schema

__all__ = ["ImageEncoder", "ImageSet", "Images", "canonical", "check_files", "holds_images", "square_for"]

_FORM = "(n, height, width) or (n, height, width, channels) with 1 channel (gray) or 3 (color)"
# Floats are looked at and summed in pieces of about this many pixels, so that no second copy of them is needed.
_PIECE = 4_000_000
_DIM = 64  # no set of pictures is so dark that its brightest pixel is below


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images with their targets, as they were read.

    Args:
        pixels: Shape (n, height, width, channels), in the form of `canonical`.
        target: The target columns, n rows.
        names: The file name of each image; empty where they came as an array.
        notes: What was done to the images, a sentence each.
        name: What to call them in messages and in the report.
    """

    pixels: NDArray[Any]
    target: pd.DataFrame
    names: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    name: str = "images"

    def __len__(self) -> int:
        return len(self.pixels)


def holds_images(data: Any) -> bool:
    """Tell whether data are images: an `ImageSet`, or a pair whose X has three or four axes.

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
    """Return a stack of images in the one form that all else works on.

    Args:
        images: Numbers of shape (n, height, width) or (n, height, width, channels), or a list of n such images.
        name: What to call them in messages.

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
        raise DataError(f"{name} has shape {np.shape(images)}; expected {_FORM}.")
    channels = pixels.shape[3]
    if channels not in (1, 3):
        hint = ""
        if channels == 4:
            hint = f" If the fourth is transparency, give {name}[..., :3]."
        elif pixels.shape[1] in (1, 3):
            hint = f" Channels come last: np.moveaxis({name}, 1, -1)."
        raise DataError(f"{name} has shape {pixels.shape}, {channels:,} channels; expected {_FORM}.{hint}")
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype.kind == "b" or (pixels.dtype.kind in "ui" and pixels.min() >= 0 and pixels.max() <= 255):
        return pixels.astype(np.uint8)
    with np.errstate(over="ignore"):
        pixels = pixels.astype(np.float32, copy=False)
    for start, piece in _pieces(pixels):
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

    pixels: NDArray[Any]
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
        return Images(self.pixels[rows], tuple(names[rows]) if self.names else ())

    def append(self, others: Sequence[Images]) -> Images:
        """Return a copy of these images, followed by others of the same shape."""
        stacks = [self, *others]
        names: tuple[str, ...] = ()
        if any(stack.names for stack in stacks):
            names = tuple(name for stack in stacks for name in stack.names or [""] * len(stack))
        return Images(np.concatenate([stack.pixels for stack in stacks]), names)

    def same_rows(self) -> NDArray[np.int64]:
        """Number the distinct images by their first appearance.

        Returns:
            Shape (rows,): equal numbers for images with the same pixels.

        Example:
            >>> Images(canonical(np.array([[[1]], [[2]], [[1]]]))).same_rows().tolist()
            [0, 1, 0]
        """
        zero = self.pixels.dtype.type(0)  # adding it makes one zero of -0.0 and 0.0
        marks = [hashlib.blake2b((image + zero).tobytes(), digest_size=16).hexdigest() for image in self.pixels]
        return pd.factorize(np.array(marks, dtype=object))[0].astype(np.int64)


def square_for(shape: tuple[int, ...], most: int) -> int:
    """Return the width of the squares of pixels whose means are at most so many numbers an image; 1 is a pixel itself.

    Args:
        shape: Height, width and channels.
        most: The most numbers.

    Example:
        >>> square_for((28, 28, 1), 784), square_for((28, 28, 1), 256)
        (1, 2)
    """
    height, width, channels = shape
    square = 1
    while -(-height // square) * -(-width // square) * channels > most and square < max(height, width):
        square += 1
    return square


def check_files(pixels: NDArray[Any], low: float, high: float, name: str) -> None:
    """Refuse pixels read from files for a network trained on arrays of another scale, such as 0 to 1 or 0 to 16.

    Args:
        pixels: As they were read.
        low: The least training pixel.
        high: The greatest.
        name: What to call the files in messages.

    Raises:
        DataError: The training pixels end far below 255, and these go far above them.

    Example:
        >>> check_files(np.array([[[[3]], [[16]]]]), 0, 16, "digits.npz")
    """
    if high < _DIM and len(pixels) and float(pixels.max()) > 2 * max(high, 0.0):
        raise DataError(
            f"{name}: trained on pixels from {low:g} to {high:g}, picture files have 0 to 255: give arrays of that "
            "scale."
        )


@dataclass(frozen=True)
class ImageEncoder:
    """What was learned of the training images: their shape, and how bright their pixels are.

    Images go into the network as they are. It rescales them in its first layer by `mean` and `deviation`, so that who
    takes the model alone feeds raw pixels.

    Args:
        shape: Height, width and channels.
        dtype: `"uint8"` or `"float32"`.
        mean: Of all training pixels.
        deviation: Their standard deviation, 1 where they don't vary.
        low: The least of them.
        high: The greatest of them.

    Example:
        >>> encoder = ImageEncoder.fit(canonical(np.arange(32).reshape(2, 4, 4)))
        >>> encoder.shape, encoder.mean, encoder.width
        ((4, 4, 1), 15.5, 16)
    """

    shape: tuple[int, int, int]
    dtype: str
    mean: float
    deviation: float
    low: float
    high: float

    @classmethod
    def fit(cls, pixels: NDArray[Any]) -> ImageEncoder:
        """Learn from training images in canonical form, shape (n, height, width, channels)."""
        total = square = 0.0
        low, high = float(pixels.min()), float(pixels.max())
        middle = low / 2 + high / 2  # sums of squares around it lose no digits
        for _, piece in _pieces(pixels):
            centred = piece.astype(np.float64) - middle
            total += float(centred.sum())
            square += float(np.square(centred).sum())
        mean = total / pixels.size
        deviation = float(np.sqrt(max(0.0, square / pixels.size - mean * mean))) if high > low else 1.0
        height, width, channels = pixels.shape[1:]
        return cls((height, width, channels), str(pixels.dtype), middle + mean, deviation or 1.0, low, high)

    @property
    def width(self) -> int:
        """The number of pixels of an image, each channel counted."""
        height, width, channels = self.shape
        return height * width * channels

    def transform(self, images: Any, name: str = "X") -> NDArray[Any]:
        """Return images in canonical form and of the type of the training images.

        Args:
            images: A stack of shape (n, height, width[, channels]), or one image alone.
            name: What to call them in messages.

        Returns:
            Shape (n, height, width, channels).

        Raises:
            DataError: Another shape than in training, or pixels on another scale.
        """
        try:
            given = np.shape(images) if not isinstance(images, pd.DataFrame) else ()
        except ValueError:
            raise DataError(f"{name} holds rows or images of different sizes; expected {self._words}.") from None
        if given == self.shape or (given == self.shape[:2] and self.shape[2] == 1):
            images = np.asarray(images)[None]
        elif len(given) not in (3, 4):
            what = "is a table" if isinstance(images, pd.DataFrame) else f"has shape {given}"
            raise DataError(f"{name} {what}; expected images of {self._words}: {_FORM}.")
        pixels = canonical(images, name)
        if pixels.shape[1:] != self.shape:
            size = " x ".join(map(str, pixels.shape[1:]))
            raise DataError(
                f"{name} holds images of {size}; those of the training are {self._words}: resize them first."
            )
        if pixels.dtype == np.uint8 and self.dtype == "uint8":
            return pixels
        low, high = float(pixels.min()), float(pixels.max())
        most = 2.0 if str(pixels.dtype) == self.dtype else 1.0  # fractions may go a little over 1
        if (
            (high > most and 0 < self.high <= 1)
            or (0 < high <= 1 < self.high and self.low >= 0)
            or (self.low >= 0 and low < -0.1 * self.high)
        ):
            raise DataError(
                f"{name} holds pixels from {low:g} to {high:g}, and those of the training go from {self.low:g} to "
                f"{self.high:g}: bring them to the same scale."
            )
        return pixels.astype(np.float32, copy=False)

    def encode(self, features: Any) -> NDArray[Any]:
        """Return the inputs of the network for rows of the dataset."""
        return features.pixels

    @property
    def _words(self) -> str:
        return " x ".join(map(str, self.shape))

    def columns(self, pixels: NDArray[Any], square: int = 1) -> NDArray[np.float32]:
        """Return images as rows of standardised numbers, as other models take them.

        Args:
            pixels: Images in canonical form.
            square: The width of the squares of pixels that are averaged.

        Returns:
            float32 of shape (n, columns).
        """
        height, width, channels = self.shape
        tall, wide = -(-height // square), -(-width // square)
        rows = np.empty((len(pixels), tall * wide * channels), np.float32)
        for start, piece in _pieces(pixels):
            # At the far edges squares are cut off, so that means are over what is there.
            sums = np.add.reduceat(piece.astype(np.float64), np.arange(0, height, square), axis=1)
            sums = np.add.reduceat(sums, np.arange(0, width, square), axis=2)
            counts = [np.diff(np.append(np.arange(0, size, square), size)) for size in (height, width)]
            means = sums / np.outer(*counts)[:, :, None]
            rows[start : start + len(piece)] = ((means - self.mean) / self.deviation).reshape(len(piece), -1)
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Return the encoder as a dict that strict JSON can hold, exactly."""
        return {"schema": SCHEMA, "images": {**asdict(self), "shape": list(self.shape)}}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> ImageEncoder:
        """Return the encoder that `to_dict` described.

        Raises:
            DataError: The schema version is unknown, or the dict is not of this form.
        """
        check_schema(content, "encoding")
        try:
            known = content["images"]
            height, width, channels = (int(size) for size in known["shape"])
            numbers = (float(known[name]) for name in ("mean", "deviation", "low", "high"))
            return cls((height, width, channels), str(known["dtype"]), *numbers)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"the encoding is damaged: {type(error).__name__} {error}.") from error


def _pieces(pixels: NDArray[Any]) -> list[tuple[int, NDArray[Any]]]:
    """Return a stack in pieces, each with the place of its first image."""
    step = max(1, _PIECE // max(1, pixels[0].size))
    return [(start, pixels[start : start + step]) for start in range(0, len(pixels), step)]
