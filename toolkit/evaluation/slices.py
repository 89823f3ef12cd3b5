"""Slices: the metric on the rows of each level, or each quarter, of a column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.common.errors import DataError, nearest
from toolkit.common.formatting import number
from toolkit.common.rounding import rare_limit
from toolkit.data.describe import told
from toolkit.evaluation.bootstrap import draw_weights
from toolkit.evaluation.evidence import FEWEST
from toolkit.evaluation.importance import Rows, ranked_metric
from toolkit.evaluation.metric_intervals import metric_interval
from toolkit.evaluation.metrics import LOWER_IS_BETTER, Outcome
from toolkit.evaluation.result import Result
from toolkit.metrics.weighted_metrics import apply, measures_of, select

__all__ = ["slice_table"]

_RESAMPLES = 200
_LEVELS = 20  # of a category, the most frequent ones; the others are a slice together
_COVERAGE = 0.95
_QUARTERS = (0.25, 0.5, 0.75)


def slice_table(
    result: Result, rows: Rows, columns: Sequence[str] | None = None, *, metric: str | None = None
) -> pd.DataFrame:
    """Return the metric within each level or quarter of columns, the worst first.

    Args:
        result: What the training gave.
        rows: Rows that it has not learned from.
        columns: The columns; None is all.
        metric: The metric; None is the task's main one.

    Returns:
        One row per slice of at least 10 distinct rows: `column`, `slice`, `rows`, `value`, `low`, `high` (95 %) and
        `clear`: whether the interval lies clear of the figure of all rows when it is widened for the number of looks
        (Bonferroni). The attributes `metric`, `overall`, `looks`, `rows` and `of` are in `attrs`.

    Raises:
        DataError: An unknown metric or column.
    """
    kinds = {column.name: column.kind for column in result.preprocessing.columns}
    chosen_columns = list(kinds) if columns is None else [columns] if isinstance(columns, str) else list(columns)
    for name in chosen_columns:
        if name not in kinds:
            raise DataError(f"slices: the model takes no column '{name}'.{nearest(name, kinds)}")
    metric = ranked_metric(result, metric)
    overall = _measured(rows.outcome, metric, np.ones((1, len(rows.x))))[0]
    masks = [
        (name, text, mask)
        for name in chosen_columns
        for text, mask in _slices(rows.frame[name].to_numpy(), kinds[name])
        if rows.outcome.distinct(mask) >= FEWEST
    ]
    records = []
    for name, text, mask in masks:
        outcome = rows.outcome.take(mask)
        draws = np.concatenate([np.ones((1, mask.sum())), *draw_weights(outcome, _RESAMPLES, 0)])
        value, *resampled = _measured(outcome, metric, draws).tolist()
        low, high = metric_interval(outcome, metric, value, np.array(resampled), _COVERAGE)
        wide = metric_interval(outcome, metric, value, np.array(resampled), 1 - (1 - _COVERAGE) / len(masks))
        clear = not math.isnan(wide[0]) and not wide[0] <= overall <= wide[1]
        records.append((name, text, int(mask.sum()), value, low, high, clear))
    table = pd.DataFrame(records, columns=["column", "slice", "rows", "value", "low", "high", "clear"])
    table = table.sort_values("value", ascending=not LOWER_IS_BETTER[metric], kind="stable", ignore_index=True)
    table.attrs = {"metric": metric, "overall": float(overall), "looks": len(masks), "rows": len(rows.x), "of": rows.of}
    return table


def _measured(outcome: Outcome, metric: str, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return apply([select(measures_of(outcome), metric)], weights)[metric]


def _slices(values: NDArray[Any], kind: str) -> list[tuple[str, NDArray[np.bool_]]]:
    """Return the slices of a column: their texts, and masks of their rows. Missing cells are one slice."""
    missing = np.asarray(pd.isna(values))
    present = np.unique(values[~missing].astype(str if kind == "category" else values.dtype))
    if kind in ("number", "date") and len(present) > len(_QUARTERS) + 1:
        slices = _quarters(values, missing, kind)
    elif kind == "category":
        counts = pd.Series(values[~missing]).value_counts().sort_index().sort_values(ascending=False, kind="stable")
        levels = [str(level) for level in counts.index[(counts >= FEWEST).to_numpy()][:_LEVELS]]
        slices = [(level, values == level) for level in levels]
        slices.append(("all others", ~missing & ~np.isin(values.astype(str), levels)))
    elif kind == "boolean":
        slices = [("False", values == 0), ("True", values == 1)]
    else:
        slices = [(number(value) if kind == "number" else str(value)[:10], values == value) for value in present]
    return [*slices, ("missing", missing)]


def _quarters(values: NDArray[Any], missing: NDArray[np.bool_], kind: str) -> list[tuple[str, NDArray[np.bool_]]]:
    """Return the quarters of a number or date; the ends are told as in a saved file: dates by their month."""
    if kind == "date":
        edges = np.quantile(values[~missing].astype(np.int64), _QUARTERS).astype("M8[ns]").astype("M8[M]")
        edges = np.unique(edges)
        texts, ends = [str(edge) for edge in edges], edges.astype("M8[ns]")
    else:
        ordered = np.sort(values[~missing])
        fewest = rare_limit(len(ordered))
        ends = np.unique([told(float(edge), ordered, fewest) for edge in np.quantile(ordered, _QUARTERS)])
        texts = [number(float(end)) for end in ends]
    # Quarters hold their lower end: below 2, 2 to 5, from 5 on.
    names = [f"below {texts[0]}", *(f"{low} to {high}" for low, high in pairwise(texts))]
    index = np.searchsorted(ends, values, side="right")
    return [(name, ~missing & (index == i)) for i, name in enumerate([*names, f"from {texts[-1]} on"])]
