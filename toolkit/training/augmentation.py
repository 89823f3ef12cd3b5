"""Shift and mirror training images at random, anew in each epoch; the model itself is not changed."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from toolkit.common.checks import check_whole
from toolkit.common.errors import DataError

__all__ = ["Moves", "augmented", "check_augmentation", "draw_moves", "moved"]


class Moves(NamedTuple):
    """By how much each image is shifted, shape (n, 2), from 0 to twice the largest distance; and which are mirrored."""

    shifts: NDArray[np.int64]
    mirrored: NDArray[np.bool_]

    def take(self, rows: NDArray[np.int64]) -> Moves:
        """Return the moves of the images that an index chooses."""
        return Moves(self.shifts[rows], self.mirrored[rows])


def draw_moves(count: int, shift: int, flip: bool, random: np.random.Generator) -> Moves:
    """Draw how images are shifted and mirrored; the arguments are those of `augmented`."""
    shifts = random.integers(0, 2 * shift + 1, size=(count, 2)) if shift else np.zeros((count, 2), int)
    return Moves(shifts, random.random(count) < 0.5 if flip else np.zeros(count, bool))


def augmented(images: NDArray[Any], shift: int, flip: bool, random: np.random.Generator) -> NDArray[Any]:
    """Return a copy of images, each shifted and mirrored at random.

    Args:
        images: Shape (n, height, width, channels), of any type.
        shift: Largest distance in pixels by which an image is shifted, up or down and left or right; all distances are
            equally likely. The pixels of the edge are repeated into the gap.
        flip: Mirror half of the images, left to right.
        random: Source of the random numbers.

    Returns:
        Images of the same shape and type.

    Example:
        >>> image = np.arange(3).reshape(1, 1, 3, 1)
        >>> rows = {augmented(image, 1, False, np.random.default_rng(s))[0, 0, :, 0].tobytes() for s in range(20)}
        >>> sorted(np.frombuffer(row, image.dtype).tolist() for row in rows)
        [[0, 0, 1], [0, 1, 2], [1, 2, 2]]
    """
    return moved(images, shift, flip, draw_moves(len(images), shift, flip, random))


def moved(images: NDArray[Any], shift: int, flip: bool, moves: Moves) -> NDArray[Any]:
    """Return a copy of images with the moves that were drawn for them; the arguments are those of `augmented`."""
    result = np.empty_like(images)
    height, width = images.shape[1:3]
    shifts, mirrored = moves
    # Padded to (n, height + 2 shift, width + 2 shift, channels), a shifted image is a window of it. Images with the
    # same shift are cut out together, so that there are (2 shift + 1)^2 copies and not n.
    padded = np.pad(images, ((0, 0), (shift, shift), (shift, shift), (0, 0)), mode="edge") if shift else images
    for down in range(2 * shift + 1):
        for right in range(2 * shift + 1):
            same_shift = (shifts[:, 0] == down) & (shifts[:, 1] == right)
            for mirror in (False, True) if flip else (False,):
                rows = np.flatnonzero(same_shift & (mirrored == mirror))
                window = padded[rows, down : down + height, right : right + width]
                result[rows] = window[:, :, ::-1] if mirror else window
    return result


def check_augmentation(images: Any, shift: Any, flip: Any) -> None:
    """Check the options `shift` and `flip` against the inputs.

    Raises:
        DataError: They don't suit the inputs.
    """
    check_whole("shift", shift, least=0)
    if not isinstance(flip, bool | np.bool_):
        raise DataError(f"flip={flip!r}: expected True or False.")
    if (shift or flip) and images.ndim != 4:
        raise DataError(f"{'shift' if shift else 'flip'} is for images, and x has shape {images.shape}: leave it out.")
    if shift and shift >= min(images.shape[1:3]):
        raise DataError(f"shift={shift} moves images of {images.shape[1]} x {images.shape[2]} out of sight.")
