"""Which columns a model can learn from: the others are set aside, each with its reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.errors import DataError
from toolkit.data.columns import Column, Columns, assemble, infer, refuse_infinite
from toolkit.data.features import Features
from toolkit.data.images.stack import Images
from toolkit.data.source import Given

__all__ = ["usable_columns"]

_TEXT_LEVELS = 50
_FEWEST_RUNNING = 10  # fewer numbers may run on by chance


def usable_columns(
    given: Given, present: np.ndarray, *, keep: tuple[str, ...], categories: tuple[str, ...], apart: dict[str, str]
) -> tuple[Features, dict[str, str], list[str]]:
    """Type every column and set aside what a model can't use.

    Args:
        given: The table.
        present: Which of its rows have a target, shape (rows,).
        keep: Columns kept although they would be set aside.
        categories: Columns whose values are categories, whatever they look like.
        apart: Columns that are no features, with the reason.

    Returns:
        The features of the rows with a target; the reason for each column that is set aside; and sentences about what
        was noticed. Images are features as they are.

    Raises:
        DataError: No column is left, or one holds infinite numbers.
    """
    if given.images is not None:
        images = Images(given.images.pixels, tuple(given.images.names))
        return images if present.all() else images.take(present), {}, []
    values: dict[str, np.ndarray] = {}
    columns: list[Column] = []
    set_aside: dict[str, str] = {}
    notes: list[str] = []
    running: list[tuple[Column, np.ndarray]] = []
    seen: set[str] = set()
    whole = bool(present.all())
    labels = list(given.features.columns)
    for place, name in enumerate(labels):
        if name in seen:
            copies = labels[: place + 1].count(name)
            set_aside[f"{name} ({copies})"] = f"another column is named '{name}' too; the first one is used"
            continue
        seen.add(name)
        if name in apart:
            set_aside[name] = apart[name]
            continue
        column, cells, sentences = infer(given.features.iloc[:, place], name, category=name in categories)
        if column is None:
            set_aside[name] = sentences[0]
            continue
        if name not in keep and column.kind == "number" and _is_running(cells):
            set_aside[name] = "a row number: its whole numbers run on by one"
            running.append((column, cells))
            continue
        if not whole:
            cells = cells[present]
        reason = None if name in keep else _useless(cells, column, name in categories)
        if reason is not None:
            set_aside[name] = reason
            continue
        refuse_infinite(cells, column, given.name, given.rows[present])
        columns.append(column)
        values[name] = cells
        notes += sentences
    if not columns and running:
        column, cells = running[0]
        columns, values = [column], {column.name: cells[present]}
        del set_aside[column.name]
        notes.append(f"'{column.name}' looks like a row number, and is used because there is no other column.")
    if not columns:
        reasons = "; ".join(f"'{name}': {reason}" for name, reason in list(set_aside.items())[:5])
        raise DataError(
            f"no usable column is left in {given.name}. Set aside: {reasons or 'none, there is the target alone'}. "
            "keep= takes the names of columns to use all the same."
        )
    frame = assemble(values, columns, int(present.sum()))
    return Columns(frame, tuple(columns), tuple(str(label) for label in labels)), set_aside, notes


def _is_running(values: np.ndarray) -> bool:
    """Tell whether numbers are whole, all different and without a gap."""
    if len(values) < _FEWEST_RUNNING or np.isnan(values).any():
        return False
    low, high = float(values.min()), float(values.max())
    if high - low != len(values) - 1 or not low.is_integer():
        return False
    if low >= 1800 and high <= 2100:  # a year in each row is a series, and the year says something
        return False
    return bool((np.diff(np.sort(values)) == 1).all())


def _useless(values: np.ndarray, column: Column, forced: bool) -> str | None:
    """Return why a column can't help a model, or None."""
    if column.kind == "number" or column.kind == "boolean":
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
        return f"constant: every row holds {_shown(rest[0], column.kind)}"
    if column.kind == "category" and not forced:
        if distinct == len(rest) and not missing.any():
            return f"a key: each of its {distinct:,} values is different"
        if distinct > 0.5 * len(rest) and distinct > _TEXT_LEVELS:
            return f"text with a value per row or nearly: {distinct:,} different values in {len(rest):,} rows"
    return None


def _shown(value: Any, kind: str) -> str:
    if kind == "number":
        return f"{value:g}"
    return {1.0: "true", 0.0: "false"}[value] if kind == "boolean" else str(value)[:40]
