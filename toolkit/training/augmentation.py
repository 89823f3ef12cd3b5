"""Training images moved and mirrored a little, anew each epoch: the model itself holds nothing of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common.errors import DataError

__all__ = ["augmented", "check_augmentation"]


def augmented(images: NDArray[Any], shift: int, flip: bool, random: np.random.Generator) -> NDArray[Any]:
    """Return a copy of images, each moved and mirrored at random.

    Args:
        images: Shape (n, height, width, channels), of any type.
        shift: The most pixels that an image moves, up or down and left or right; each distance is as likely. What
            moves in repeats the pixels of the edge.
        flip: Mirror half of the images, left to right.
        random: The source of the distances and the halves.

    Returns:
        The same shape and type.

    Example:
        >>> image = np.arange(3).reshape(1, 1, 3, 1)
        >>> found = {augmented(image, 1, False, np.random.default_rng(s))[0, 0, :, 0].tobytes() for s in range(20)}
        >>> sorted(np.frombuffer(row, image.dtype).tolist() for row in found)
        [[0, 0, 1], [0, 1, 2], [1, 2, 2]]
    """
    made = np.empty_like(images)
    count, height, width = images.shape[:3]
    # Images that move alike are cut out of a wider stack together.
    moves = random.integers(0, 2 * shift + 1, size=(count, 2)) if shift else np.zeros((count, 2), int)
    mirrored = random.random(count) < 0.5 if flip else np.zeros(count, bool)
    wide = np.pad(images, ((0, 0), (shift, shift), (shift, shift), (0, 0)), mode="edge") if shift else images
    for down in range(2 * shift + 1):
        for right in range(2 * shift + 1):
            alike = (moves[:, 0] == down) & (moves[:, 1] == right)
            for side in (False, True) if flip else (False,):
                rows = np.flatnonzero(alike & (mirrored == side))
                cut = wide[rows, down : down + height, right : right + width]
                made[rows] = cut[:, :, ::-1] if side else cut
    return made


def check_augmentation(images: NDArray[Any], shift: Any, flip: Any) -> tuple[int, bool]:
    """Return the two options as they are, once they make sense for inputs.

    Raises:
        DataError: They don't.
    """
    if isinstance(shift, bool) or not isinstance(shift, int | np.integer) or shift < 0:
        raise DataError(f"shift={shift!r}: expected a whole number of pixels, 0 or more.")
    if not isinstance(flip, bool | np.bool_):
        raise DataError(f"flip={flip!r}: expected True or False.")
    if (shift or flip) and images.ndim != 4:
        raise DataError(f"{'shift' if shift else 'flip'} is for images, and x has shape {images.shape}: leave it out.")
    if shift and shift >= min(images.shape[1:3]):
        raise DataError(f"shift={shift} moves images of {images.shape[1]} x {images.shape[2]} out of sight.")
    return int(shift), bool(flip)
