"""Which columns a model can learn from: the others are set aside, each with its reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError
from toolkit.data.columns import Column, Columns, assemble, infer, refuse_infinite
from toolkit.data.source import Source

__all__ = ["usable_columns"]

_TEXT_LEVELS = 50
_FEWEST_CONSECUTIVE = 10  # fewer numbers may be consecutive by chance


def usable_columns(
    source: Source, present: np.ndarray, keep: tuple[str, ...], categories: tuple[str, ...], excluded: dict[str, str]
) -> tuple[Columns, dict[str, str], list[str]]:
    """Find the kind of every column and set aside what a model can't use.

    Args:
        source: The table.
        present: Mask of its rows that have a target, shape (rows,).
        keep: Columns kept although they would be set aside.
        categories: Columns whose values are categories, whatever they look like.
        excluded: Columns that are no features, with the reason.

    Returns:
        The usable columns of the rows with a target; the reason for each column that is set aside; and sentences about
        what was noticed.

    Raises:
        DataError: No column is left, or one holds infinite numbers.
    """
    values: dict[str, np.ndarray] = {}
    columns: list[Column] = []
    set_aside: dict[str, str] = {}
    notes: list[str] = []
    row_numbers: list[tuple[Column, np.ndarray]] = []
    labels = list(source.features.columns)
    for index, name in enumerate(labels):
        copies = labels[: index + 1].count(name)
        if copies > 1:
            set_aside[f"{name} ({copies})"] = f"another column is named '{name}' too; the first one is used"
            continue
        if name in excluded:
            set_aside[name] = excluded[name]
            continue
        column, cells, sentences = infer(source.features.iloc[:, index], name, category=name in categories)
        if column is None:
            set_aside[name] = sentences[0]
            continue
        if name not in keep and column.kind == "number" and _is_row_number(cells):
            set_aside[name] = "a row number: its whole numbers run on by one"
            row_numbers.append((column, cells))
            continue
        if not present.all():
            cells = cells[present]
        reason = None if name in keep else _why_useless(cells, column, name in categories)
        if reason is not None:
            set_aside[name] = reason
            continue
        refuse_infinite(cells, column, source.name, source.rows[present])
        columns.append(column)
        values[name] = cells
        notes += sentences
    if not columns and row_numbers:
        column, cells = row_numbers[0]
        columns, values = [column], {column.name: cells[present]}
        del set_aside[column.name]
        notes.append(f"'{column.name}' looks like a row number, and is used because there is no other column.")
    if not columns:
        reasons = "; ".join(f"'{name}': {reason}" for name, reason in list(set_aside.items())[:5])
        raise DataError(
            f"no usable column is left in {source.name}. Set aside: {reasons or 'none, there is only the target'}. "
            "keep= takes the names of columns to use all the same."
        )
    frame = assemble(values, columns, int(present.sum()))
    return Columns(frame, tuple(columns), tuple(labels)), set_aside, notes


def _is_row_number(values: np.ndarray) -> bool:
    """Return whether numbers are whole, all different and without a gap."""
    if len(values) < _FEWEST_CONSECUTIVE or np.isnan(values).any():
        return False
    low, high = float(values.min()), float(values.max())
    if high - low != len(values) - 1 or not low.is_integer():
        return False
    if low >= 1800 and high <= 2100:  # a year in each row is a time series, and the year is informative
        return False
    return bool((np.diff(np.sort(values)) == 1).all())


def _why_useless(values: np.ndarray, column: Column, is_category: bool) -> str | None:
    """Return why a column can't help a model, or None."""
    if column.kind in ("number", "boolean"):
        missing = np.isnan(values)
        rest = values[~missing] if missing.any() else values
        distinct = 0 if len(rest) == 0 else 1 if rest.min() == rest.max() else 2
    else:
        missing = np.asarray(pd.isna(values))
        rest = values[~missing]
        distinct = len(pd.unique(rest))
    if distinct == 0:
        return "every cell is missing"
    if distinct == 1 and not missing.any():
        return f"constant: every row holds {_cell_text(rest[0], column.kind)}"
    if column.kind == "category" and not is_category:
        if distinct == len(rest) and not missing.any():
            return f"a key: each of its {distinct:,} values is different"
        if distinct > 0.5 * len(rest) and distinct > _TEXT_LEVELS:
            return f"text with nearly one value per row: {distinct:,} different values in {len(rest):,} rows"
    return None


def _cell_text(value: Any, kind: str) -> str:
    if kind == "number":
        return f"{value:g}"
    return {1.0: "true", 0.0: "false"}[value] if kind == "boolean" else str(value)[:40]
