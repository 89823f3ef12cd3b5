"""What columns and images have in common: the features of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd

from toolkit.data.columns import Column
from toolkit.data.pictures import Pictures

__all__ = ["Features"]


class Features(Protocol):
    """The features of some rows in canonical form: `Columns`, without pixels, or `Images`, without columns."""

    @property
    def frame(self) -> pd.DataFrame:
        """The columns, shape (rows, columns), index 0 to n - 1."""
        ...

    @property
    def columns(self) -> tuple[Column, ...]:
        """The names and kinds of the columns, in order."""
        ...

    @property
    def source_columns(self) -> tuple[str, ...]:
        """All feature columns of the user's table, those set aside included."""
        ...

    @property
    def pixels(self) -> np.ndarray | Pictures | None:
        """The images, shape (rows, height, width, channels)."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """The file name of each image; empty where none is known."""
        ...

    def __len__(self) -> int: ...

    def take(self, rows: np.ndarray) -> Self:
        """Return the rows that an index or a mask chooses."""
        ...

    def append(self, others: Sequence[Any]) -> Self:
        """Return these rows followed by others of the same form."""
        ...

    def shared(self, known: Any) -> Self:
        """Return these features, without a second copy in memory of what known ones of the same data hold too."""
        ...
