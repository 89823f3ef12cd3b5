"""From images to the inputs of a network, and to the matrices of other models."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.common.errors import DataError
from toolkit.common.schema import SCHEMA, check_schema
from toolkit.data.features import Features
from toolkit.data.images.stack import FORM, canonical, pieces
from toolkit.data.pictures import Pictures

__all__ = ["ImagePreprocessing", "check_files", "square_for"]

_DIM = 64  # no set of pictures is so dark that its brightest pixel is below


def square_for(shape: tuple[int, ...], most: int) -> int:
    """Return the width of the squares of pixels whose means are at most `most` numbers per image; 1 is every pixel.

    Example:
        >>> square_for((28, 28, 1), 784), square_for((28, 28, 1), 256)
        (1, 2)
    """
    height, width, channels = shape
    square = 1
    while -(-height // square) * -(-width // square) * channels > most and square < max(height, width):
        square += 1
    return square


def check_files(pixels: NDArray[Any] | Pictures, low: float, high: float, name: str) -> None:
    """Check that pixels from files, 0 to 255, suit training images that came as arrays, such as 0 to 1 or 0 to 16.

    Args:
        pixels: Pixels from files.
        low: The smallest training pixel.
        high: The largest training pixel.
        name: The name of the files in messages.

    Raises:
        DataError: The training pixels end far below 255, and these go far above them.
    """
    if high < _DIM and len(pixels) and float(pixels.max()) > 2 * max(high, 0.0):
        raise DataError(
            f"{name}: trained on pixels from {low:g} to {high:g}, picture files have 0 to 255: give arrays of that "
            "scale."
        )


def _sums(pixels: NDArray[Any] | Pictures, middle: float) -> tuple[float, float]:
    """Return the sums of all pixels and of their squares, both less a number."""
    if isinstance(pixels, Pictures):
        # sum (x - m) = S - n m and sum (x - m)^2 = Q - 2 m S + n m^2: exact for pixels of 8 bits.
        size, (total, squares) = math.prod(pixels.shape), pixels.statistics[:, 2:].sum(axis=0)
        return float(total - size * middle), float(squares - 2 * middle * total + size * middle**2)
    total = square = 0.0
    for _, piece in pieces(pixels):
        centered = piece.astype(np.float64) - middle
        total += float(centered.sum())
        square += float(np.square(centered).sum())
    return total, square


@dataclass(frozen=True)
class ImagePreprocessing:
    """The shape and the brightness of the training images.

    Images go into the network as they are. Its first layer rescales them by `mean` and `deviation`, so that the model
    takes raw pixels without this preprocessing too.

    Attributes:
        shape: Height, width and channels.
        dtype: `"uint8"` or `"float32"`.
        mean: The mean of all training pixels.
        deviation: Their standard deviation, 1 where they don't vary.
        low: The smallest of them.
        high: The largest of them.
        most_rows: How many images the `"linear"` model and the `"tree"` of the baselines see at most.
        most_columns: How many numbers of an image.
        correlated: Whether neighboring inputs are correlated, as pixels are.
        is_image: Whether the inputs are images.

    Example:
        >>> from toolkit.data.images.stack import Images
        >>> preprocessing = ImagePreprocessing.fit(Images(canonical(np.arange(32).reshape(2, 4, 4))))
        >>> preprocessing.shape, preprocessing.mean, preprocessing.width
        ((4, 4, 1), 15.5, 16)
    """

    shape: tuple[int, int, int]
    dtype: str
    mean: float
    deviation: float
    low: float
    high: float
    columns = ()
    correlated: ClassVar[bool] = True
    is_image: ClassVar[bool] = True
    most_rows: ClassVar[dict[str, int]] = {"linear": 20_000, "tree": 10_000}
    most_columns: ClassVar[dict[str, int]] = {"linear": 1_024, "tree": 256}

    @classmethod
    def fit(cls, features: Features) -> ImagePreprocessing:
        """Learn from training images."""
        pixels = features.pixels
        if pixels is None:
            raise DataError("the features are columns, not images.")
        size = math.prod(pixels.shape)
        low, high = float(pixels.min()), float(pixels.max())
        middle = low / 2 + high / 2  # sums of squares around it lose no digits
        total, square = _sums(pixels, middle)
        mean = total / size
        deviation = float(np.sqrt(max(0.0, square / size - mean * mean))) if high > low else 1.0
        height, width, channels = pixels.shape[1:]
        return cls((height, width, channels), str(pixels.dtype), middle + mean, deviation or 1.0, low, high)

    @property
    def width(self) -> int:
        """The number of pixels of an image, each channel counted."""
        height, width, channels = self.shape
        return height * width * channels

    @property
    def inputs(self) -> tuple[int, int, int]:
        """What a builder is told of the inputs: height, width and channels."""
        return self.shape

    @property
    def builder_options(self) -> dict[str, Any]:
        """Options for a builder that declares them: the mean and standard deviation to rescale pixels by."""
        return {"pixels": (self.mean, self.deviation)}

    @property
    def facts(self) -> dict[str, Any]:
        """What the settings of a run show beside the options of the preprocessing."""
        return {**asdict(self), "shape": list(self.shape)}

    def encode(self, features: Features) -> Any:
        """Return the inputs of the network for rows of the dataset, shape (rows, height, width, channels).

        They are an array, or `Pictures`.
        """
        pixels = features.pixels
        return pixels if isinstance(pixels, Pictures) else np.asarray(pixels)

    def transform(self, images: Any, name: str = "X") -> Any:
        """Return new images in canonical form and of the type of the training images.

        Args:
            images: A stack of shape (n, height, width[, channels]), or a single image.
            name: Their name in messages.

        Returns:
            Shape (n, height, width, channels); `Pictures` stay such.

        Raises:
            DataError: Another shape than in training, or pixels on another scale.
        """
        expected = " x ".join(map(str, self.shape))
        try:
            shape = np.shape(images) if not isinstance(images, pd.DataFrame) else ()
        except ValueError:
            raise DataError(f"{name} holds rows or images of different sizes; expected {expected}.") from None
        if shape == self.shape or (shape == self.shape[:2] and self.shape[2] == 1):
            images = np.asarray(images)[None]
        elif len(shape) not in (3, 4):
            what = "is a table" if isinstance(images, pd.DataFrame) else f"has shape {shape}"
            raise DataError(f"{name} {what}; expected images of {expected}: {FORM}.")
        pixels = images if isinstance(images, Pictures) else canonical(images, name)
        if pixels.shape[1:] != self.shape:
            size = " x ".join(map(str, pixels.shape[1:]))
            raise DataError(f"{name} holds images of {size}; those of the training are {expected}: resize them first.")
        if pixels.dtype == np.uint8 and self.dtype == "uint8":
            return pixels
        self._check_scale(pixels, name)
        return pixels if isinstance(pixels, Pictures) else pixels.astype(np.float32, copy=False)

    def _check_scale(self, pixels: NDArray[Any] | Pictures, name: str) -> None:
        """Check that pixels are on the scale of the training: 0 to 1 and 0 to 255 are easily confused."""
        low, high = float(pixels.min()), float(pixels.max())
        most = 2.0 if str(pixels.dtype) == self.dtype else 1.0  # fractions may go a little over 1
        too_bright = high > most and 0 < self.high <= 1
        too_dark = 0 < high <= 1 < self.high and self.low >= 0
        negative = self.low >= 0 and low < -0.1 * self.high
        if too_bright or too_dark or negative:
            raise DataError(
                f"{name} holds pixels from {low:g} to {high:g}, and those of the training go from {self.low:g} to "
                f"{self.high:g}: bring them to the same scale."
            )

    def linear_matrix(self, features: Features) -> NDArray[np.float32]:
        """Return images as a linear model takes them, shape (rows, columns): standardized means of squares."""
        return self.means(self.encode(features), self._square("linear"))

    def tree_matrix(self, features: Features) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return images as trees take them, shape (rows, columns), and the mask of categories, which is empty."""
        return self.means(self.encode(features), self._square("tree")), np.zeros(0, bool)

    def _square(self, model: str) -> int:
        return square_for(self.shape, self.most_columns[model])

    def simplified(self, model: str) -> str:
        """Return in words what the `"linear"` model or the `"tree"` sees in place of every pixel; empty if nothing."""
        square = self._square(model)
        return f"the means of {square} x {square} pixels" if square > 1 else ""

    def means(self, pixels: NDArray[Any] | Pictures, square: int = 1) -> NDArray[np.float32]:
        """Return images as standardized means of squares of pixels, float32 of shape (n, columns)."""
        height, width, channels = self.shape
        rows = np.empty((len(pixels), -(-height // square) * -(-width // square) * channels), np.float32)
        for start, piece in pieces(pixels):
            # (n, height, width, channels) -> (n, squares down, squares across, channels). Squares at the far edges may
            # be cut off: their means are over the pixels that they have.
            sums = np.add.reduceat(piece.astype(np.float64), np.arange(0, height, square), axis=1)
            sums = np.add.reduceat(sums, np.arange(0, width, square), axis=2)
            counts = [np.diff(np.append(np.arange(0, size, square), size)) for size in (height, width)]
            means = sums / np.outer(*counts)[:, :, None]
            rows[start : start + len(piece)] = ((means - self.mean) / self.deviation).reshape(len(piece), -1)
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Return the preprocessing as a dict that strict JSON can hold, exactly."""
        return {"schema": SCHEMA, "images": self.facts}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> ImagePreprocessing:
        """Return the preprocessing that `to_dict` described.

        Raises:
            DataError: The schema version is unknown, or the dict is not of this form.
        """
        check_schema(content, "preprocessing")
        try:
            known = content["images"]
            height, width, channels = (int(size) for size in known["shape"])
            numbers = (float(known[name]) for name in ("mean", "deviation", "low", "high"))
            return cls((height, width, channels), str(known["dtype"]), *numbers)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"the preprocessing is damaged: {type(error).__name__} {error}.") from error
