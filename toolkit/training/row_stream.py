"""What a training needs of rows that are read anew in each epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from numpy.typing import NDArray

from toolkit.distributed.workers import Workers

__all__ = ["RowStream"]


class RowStream(Protocol):
    """Training rows that are read anew in each epoch.

    See `toolkit.data.streaming.stream.TrainingRows` and `toolkit.training.picture_rows.PictureRows`.
    """

    @property
    def rows(self) -> int:
        """The number of rows of an epoch, of all workers."""
        ...

    @property
    def workers(self) -> Workers:
        """The processes that train together, each on rows of its own."""
        ...

    @property
    def rows_by_worker(self) -> tuple[int, ...]:
        """The number of rows that each worker reads."""
        ...

    @property
    def fingerprint(self) -> NDArray[Any]:
        """Numbers that differ for other rows."""
        ...

    def window(self, batch: int) -> int:
        """Return how many rows are in memory together."""
        ...

    def windows(
        self, seed: int, epoch: int, batch: int, *, shuffle: bool
    ) -> Iterator[tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]]:
        """Yield x, y, and weights or None of this worker's rows once, in windows of whole batches."""
        ...
