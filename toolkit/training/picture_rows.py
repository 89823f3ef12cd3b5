"""Training images that are decoded anew in each epoch, in windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from toolkit.data.pictures import Pictures
from toolkit.distributed.workers import ReadAlone
from toolkit.training.augmentation import draw_moves, moved

__all__ = ["PictureRows"]

_WINDOW_SHARE, _WINDOW_BYTES = 1 / 32, 2**27  # of the memory, and at most: some five windows are alive
_FEWEST_BATCHES = 4  # of a window, however little memory there is


@dataclass(frozen=True, eq=False)
class PictureRows(ReadAlone):
    """Training images in windows, in the order in which images in memory go through an epoch.

    Attributes:
        pictures: The images.
        y: What is learned of each, first axis n.
        sample_weight: The weight of each, shape (n,), or None.
        shift: As in `toolkit.training.Options`.
        flip: The same.
    """

    pictures: Pictures
    y: NDArray[np.float32]
    sample_weight: NDArray[np.float64] | None
    shift: int = 0
    flip: bool = False

    @property
    def rows(self) -> int:
        """The number of images of an epoch."""
        return len(self.pictures)

    @property
    def fingerprint(self) -> NDArray[np.uint64]:
        """Numbers that differ for other images."""
        return self.pictures.digests

    def window(self, batch: int) -> int:
        """Return how many images are in memory together: whole batches of that many images."""
        image_bytes = int(np.prod(self.pictures.shape[1:])) * self.pictures.dtype.itemsize
        room = int(min(self.pictures.budget * _WINDOW_SHARE, _WINDOW_BYTES) / image_bytes)
        return max(_FEWEST_BATCHES, room // batch) * batch

    def windows(
        self, seed: int, epoch: int, batch: int, *, shuffle: bool = True
    ) -> Iterator[tuple[NDArray[np.generic], NDArray[np.float32], NDArray[np.float32] | None]]:
        """Yield all images once, in windows: pixels, what is learned, and weights or None.

        Args:
            seed: The seed; with the epoch it decides the order and the moves of `shift` and `flip`.
            epoch: The epoch, from 1.
            batch: Images per step; each window but the last holds whole batches.
            shuffle: Whether the order is drawn; otherwise it is that of the images.

        Raises:
            DataError: A file has changed since it was first read.
        """
        order = np.random.default_rng((seed, epoch)).permutation(self.rows) if shuffle else np.arange(self.rows)
        moves = draw_moves(self.rows, self.shift, self.flip, np.random.default_rng((seed, epoch, 1)))
        size = self.window(batch)
        for start in range(0, self.rows, size):
            rows = order[start : start + size]
            x = self.pictures[rows]
            if self.shift or self.flip:
                x = moved(x, self.shift, self.flip, moves.take(rows))
            weights = None if self.sample_weight is None else np.asarray(self.sample_weight, np.float32)[rows]
            yield x, self.y[rows], weights
