"""What columns and images have in common: the interface of a dataset's features, and of what encodes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from toolkit.data.columns import Column

__all__ = ["FeatureEncoder", "Features"]


class Features(Protocol):
    """The features of some rows in canonical form: `Columns` or `Images`."""

    @property
    def frame(self) -> pd.DataFrame:
        """The columns, shape (rows, columns), index 0 to n - 1; images have none."""
        ...

    @property
    def columns(self) -> tuple[Column, ...]:
        """The names and kinds of the columns, in order; images have none."""
        ...

    @property
    def source_columns(self) -> tuple[str, ...]:
        """All feature columns of the user's table, those set aside included; images have none."""
        ...

    @property
    def pixels(self) -> np.ndarray | None:
        """The images, shape (rows, height, width, channels); columns have none."""
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

    def same_rows(self) -> np.ndarray:
        """Number the distinct rows by their first appearance, int64 of shape (rows,): equal rows, equal numbers."""
        ...


class FeatureEncoder(Protocol):
    """What turns features into the inputs of a network, learned from training rows: `Encoder` or `ImageEncoder`."""

    @property
    def width(self) -> int:
        """The number of inputs of a row."""
        ...

    def encode(self, features: Any) -> np.ndarray:
        """Return the inputs of rows of the dataset, shape (rows, ...)."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return the encoder as a dict that strict JSON can hold, exactly."""
        ...
