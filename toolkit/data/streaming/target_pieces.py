"""What a network learns of rows that come in pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from toolkit.data.prepare import labeled_source
from toolkit.data.streaming.row_groups import RowGroups
from toolkit.data.target import Target
from toolkit.data.target_checks import NoTargets

__all__ = ["TargetPieces"]


class TargetPieces:
    """Checks and encodes the target of a table piece by piece; each distinct label is checked once.

    Args:
        table: The table.
        target: The encoding of the target.
    """

    def __init__(self, table: RowGroups, target: Target) -> None:
        self._table, self._target = table, target
        self._encoded: dict[tuple[type, Any], np.ndarray | None] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        """The target columns in the table."""
        return tuple(self._target.form.columns)

    def add(self, frame: pd.DataFrame, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what is learned of the rows with a target, and which rows those are, shape (rows,).

        Args:
            frame: The rows, their cells as they came.
            rows: Their numbers in the table, for messages.

        Raises:
            DataError: A target doesn't suit the task.
        """
        names = list(self.columns)
        if self._target.task not in ("binary", "multiclass"):
            return self._checked(frame[names], rows)
        # Labels of rows (n,) -> codes (n,) of distinct labels (k,) -> what is learned of each label (k, ...).
        codes, labels = pd.factorize(frame[names[0]])
        keys = [(type(label), label) for label in labels]
        new = [index for index, key in enumerate(keys) if key not in self._encoded]
        if new:
            firsts = np.unique(codes, return_index=True)[1]
            self._check([keys[index] for index in new], labels[new], rows[firsts[new]])
        encoded = [self._encoded[key] for key in keys]
        has_label = np.array([values is not None for values in encoded])
        position, present = np.cumsum(has_label) - 1, has_label[codes]
        y = np.array([values for values in encoded if values is not None])
        return y[position[codes[present]]], present

    def _check(self, keys: Sequence[tuple[type, Any]], labels: Any, rows: np.ndarray) -> None:
        """Check and encode new labels, which stand in these rows for the first time; None for a missing one."""
        y, present = self._checked(pd.DataFrame({self.columns[0]: labels}), rows)
        encoded = iter(y)
        self._encoded |= {key: next(encoded) if has else None for key, has in zip(keys, present, strict=True)}

    def _checked(self, frame: pd.DataFrame, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        table = replace(self._table.table_of(frame), rows=rows)
        try:
            _, checked = labeled_source(table, self._target)
        except NoTargets:  # in this piece
            return np.empty(0), np.zeros(len(frame), dtype=bool)
        return self._target.encode(checked.frame, rows=rows[checked.present]), checked.present
