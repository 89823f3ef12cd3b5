"""Images that are read when they are asked for: like an array of pixels, but it need not fit into memory."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["COPIES", "ArraySource", "PictureSource", "Pictures", "digests", "needed", "pillow_silenced", "statistics"]

#: What a training in memory holds at once: the stack, the images of a part, their tensor, and their copy in the order
#: of an epoch.
COPIES = 4


def needed(images: int, shape: Sequence[int], dtype: Any) -> int:
    """Return about how many bytes a training on images takes with all of them in memory.

    Example:
        >>> needed(1_000, (64, 64, 3), "uint8") // 2**20
        46
    """
    return COPIES * images * int(np.prod(shape)) * np.dtype(dtype).itemsize


@contextmanager
def pillow_silenced() -> Iterator[None]:
    """Drop Pillow's warnings of flaws that don't keep it from reading a file, also in threads that run in the block.

    Only one thread may use it at a time: the filters of warnings are those of the whole process.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\b")
        yield


def digests(pixels: NDArray[Any]) -> NDArray[np.uint64]:
    """Return a number for each image, shape (n,), that is the same for the same pixels only, of whatever type.

    Example:
        >>> first, second, third = digests(np.array([[[[0.0]]], [[[0.5]]], [[[-0.0]]]], np.float32))
        >>> bool(first == third), bool(first == second), bool(first == digests(np.zeros((1, 1, 1, 1), np.uint8))[0])
        (True, False, True)
    """
    bytes_of_images = []
    for image in pixels:
        if image.dtype != np.uint8 and (image == np.clip(image, 0, 255).astype(np.uint8)).all():
            image = image.astype(np.uint8)
        bytes_of_images.append(hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=8).digest())
    return np.frombuffer(b"".join(bytes_of_images), np.uint64)


def statistics(pixels: NDArray[Any]) -> NDArray[np.float64]:
    """Return the smallest and the largest number of each image, their sum, and that of their squares, shape (n, 4)."""
    rows = pixels.reshape(len(pixels), -1)
    numbers = rows.astype(np.float64)
    squares = np.einsum("ij,ij->i", numbers, numbers)
    return np.stack([rows.min(axis=1), rows.max(axis=1), numbers.sum(axis=1), squares], axis=1).astype(np.float64)


class PictureSource(Protocol):
    """Where images are: in memory, or in files."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of images, their height, width and channels."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of their pixels."""
        ...

    @property
    def digests(self) -> NDArray[np.uint64]:
        """The `digests` of the images, shape (n,)."""
        ...

    @property
    def statistics(self) -> NDArray[np.float64]:
        """The `statistics` of the images, shape (n, 4)."""
        ...

    def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return the images of an index, shape (rows, height, width, channels)."""
        ...


@dataclass(frozen=True, eq=False)
class ArraySource:
    """Images that are in memory.

    Attributes:
        pixels: Shape (n, height, width, channels).
        digests: Their `digests`, shape (n,).
        statistics: Their `statistics`, shape (n, 4).
    """

    pixels: NDArray[Any]
    digests: NDArray[np.uint64]
    statistics: NDArray[np.float64]

    @classmethod
    def of(cls, pixels: NDArray[Any]) -> ArraySource:
        """Return images in memory as a source; they are not copied."""
        numbers = np.zeros((len(pixels), 4))
        for start in range(0, len(pixels), 256):  # not all at once: they are computed as float64
            numbers[start : start + 256] = statistics(pixels[start : start + 256])
        return cls(pixels, digests(pixels), numbers)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of images, their height, width and channels."""
        return self.pixels.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of their pixels."""
        return self.pixels.dtype

    def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return the images of an index, shape (rows, height, width, channels)."""
        return self.pixels[rows]


@dataclass(frozen=True, eq=False)
class Pictures:
    """Images that are read when they are asked for.

    An index, a slice or a mask gives an array, as it does with an array of images; `take` gives the same images
    without reading them.

    Attributes:
        sources: Where the images are, one source after the other. All have images of one size.
        rows: The positions of the images in all sources together, shape (n,).
        budget: The memory in bytes that a training may take.

    Example:
        >>> pictures = Pictures.joined([np.arange(8, dtype=np.uint8).reshape(8, 1, 1, 1)], budget=2**30)
        >>> pictures.shape, pictures[2:4].ravel().tolist(), pictures.take(np.array([7, 5]))[:].ravel().tolist()
        ((8, 1, 1, 1), [2, 3], [7, 5])
    """

    sources: tuple[PictureSource, ...]
    rows: NDArray[np.int64]
    budget: int

    @classmethod
    def joined(cls, stacks: Sequence[NDArray[Any] | Pictures], budget: int | None = None) -> Pictures:
        """Return stacks of images of one size one after another; arrays among them are not copied.

        Args:
            stacks: Arrays of shape (n, height, width, channels), and images that are read when they are asked for.
            budget: The memory that a training may take; by default that of the first stack that has one.
        """
        sources: list[PictureSource] = []
        rows, before = [], 0
        for stack in stacks:
            part = stack if isinstance(stack, Pictures) else cls((ArraySource.of(stack),), np.arange(len(stack)), 0)
            rows.append(part.rows + before)
            sources += part.sources
            before += sum(source.shape[0] for source in part.sources)
        budgets = [stack.budget for stack in stacks if isinstance(stack, Pictures)]
        return cls(tuple(sources), np.concatenate(rows).astype(np.int64), budgets[0] if budget is None else budget)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def ndim(self) -> int:
        """The number of axes, 4."""
        return 4

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of images, their height, width and channels."""
        return (len(self.rows), *self.sources[0].shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the pixels."""
        return np.result_type(*(source.dtype for source in self.sources))

    @property
    def digests(self) -> NDArray[np.uint64]:
        """A number for each image that is the same for the same pixels only, shape (n,)."""
        return np.concatenate([source.digests for source in self.sources])[self.rows]

    @property
    def statistics(self) -> NDArray[np.float64]:
        """The smallest and the largest number of each image, their sum, and that of their squares, shape (n, 4)."""
        return np.concatenate([source.statistics for source in self.sources])[self.rows]

    @property
    def in_files(self) -> bool:
        """Whether images are decoded when they are asked for, and not only copied."""
        return not all(isinstance(source, ArraySource) for source in self.sources)

    @property
    def bytes_in_memory(self) -> int:
        """The bytes of the images that are in memory."""
        return sum(source.pixels.nbytes for source in self.sources if isinstance(source, ArraySource))

    def min(self) -> float:
        """Return the smallest pixel."""
        return float(self.statistics[:, 0].min())

    def max(self) -> float:
        """Return the largest pixel."""
        return float(self.statistics[:, 1].max())

    def take(self, rows: Any) -> Pictures:
        """Return the images that an index, a slice or a mask chooses, without reading them."""
        return replace(self, rows=self.rows[rows])

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        if isinstance(rows, int | np.integer):
            return self[np.array([rows])][0]
        positions = self.rows[rows]
        if len(self.sources) == 1:
            return self.sources[0].read(positions)
        pixels = np.empty((len(positions), *self.shape[1:]), self.dtype)
        first = 0
        for source in self.sources:
            here = (positions >= first) & (positions < first + source.shape[0])
            if here.any():
                pixels[here] = source.read(positions[here] - first)
            first += source.shape[0]
        return pixels

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:] if dtype is None else self[:].astype(dtype)
