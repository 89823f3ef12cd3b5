"""Partial dependence: what a model answers on average, and how far its answers spread, where a column has a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common.rounding import rare_limit
from toolkit.data.describe import told
from toolkit.evaluation.importance import REPEATS, Rows, permutation_importance, rows_of
from toolkit.evaluation.result import Result, timed
from toolkit.evaluation.slices import slice_table

__all__ = ["explained", "partial_dependence"]

_POINTS, _LEVELS, _OUTPUTS = 11, 8, 5
# The limits of what is computed with every training: about a tenth of its time.
_COLUMNS, _STRONGEST = 40, 4
_IMPORTANCE_ROWS, _DEPENDENCE_ROWS = 2_000, 200
_SCORED, _SCORED_PER_ROW = 40_000, 5


def explained(result: Result) -> Result:
    """Return a result with the importance of its columns, the effect of the strongest, and the metric in slices.

    The work is limited: 40 columns (those with the greatest predictive power), 2,000 rows, and 40,000 scored rows (five
    for each training row, where that is more). Results on images, and those without test rows, are returned as they
    are.
    """
    if result.is_image or result.dataset is None or result.outcome is None:
        return result
    with timed(result.seconds, "importance"):
        described = {entry["name"]: entry for entry in result.dataset.describe()["columns"]}
        powerful = sorted(described, key=lambda name: -(described[name]["alone"] or 0.0))[:_COLUMNS]
        columns = [name for name in described if name in powerful]
        budget = max(_SCORED, _SCORED_PER_ROW * len(result.dataset.fit_parts["train"]))
        row_limit = min(_IMPORTANCE_ROWS, max(budget // (REPEATS * len(columns)), 1))
        rows = rows_of(result)
        table = permutation_importance(result, rows.sample(row_limit), columns=columns)
        table.attrs["left_out"] = len(described) - len(columns)
        few = rows.sample(_DEPENDENCE_ROWS)
        slices = slice_table(result, rows.sample(_IMPORTANCE_ROWS), columns)
        strongest = table["column"][table["importance"] > 0][:_STRONGEST]
        # A category all of whose levels are rare has no value that may be told.
        told_of = [described[name] for name in strongest if described[name].get("levels") != []]
        dependence = [partial_dependence(result, few, entry) for entry in told_of]
    return replace(result, importance=table, dependence=dependence, slices=slices)


def partial_dependence(result: Result, rows: Rows, described: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a model answers on rows in which one column has the same value everywhere.

    Args:
        result: What the training gave.
        rows: The rows whose other columns stay as they are.
        described: The column's distribution, as `toolkit.data.describe.describe` returns it.

    Returns:
        `column`, `kind`, `rows`, `grid` (numbers, levels, or dates as text) and `outputs`: for each class, label or
        target, five at most, its `name` and for each value of the grid the `mean` answer and the ends `low` and `high`
        of the middle 80 % of the rows' answers. Answers are probabilities; for regression, numbers in the target's
        unit; for margins that were not calibrated, scores. Binary has the positive class alone.

    References:
        Friedman, Greedy Function Approximation, Annals of Statistics 29, 2001. Goldstein, Kapelner, Bleich and Pitkin,
        Peeking Inside the Black Box, Journal of Computational and Graphical Statistics 24, 2015 (the spread).
    """
    preprocessing: Any = result.preprocessing
    index = [column.name for column in preprocessing.columns].index(described["name"])
    span, column_preprocessing = preprocessing.spans[index], preprocessing.by_column[index]
    values, grid = _grid(result, described)
    inputs = np.zeros((len(values), column_preprocessing.width), np.float32)
    column_preprocessing.encode(values, inputs)
    # (grid, rows, width), then (grid, rows, outputs)
    x = np.repeat(rows.x[None], len(values), axis=0)
    x[:, :, span] = inputs[:, None, :]
    names, answers = _answers(result, rows, x.reshape(-1, x.shape[2]))
    answers = answers.reshape(len(values), len(rows.x), -1)[:, :, :_OUTPUTS]
    low, high = np.quantile(answers, (0.1, 0.9), axis=1)
    ends = {"mean": answers.mean(axis=1), "low": low, "high": high}
    outputs = [
        {"name": name} | {key: value[:, k] for key, value in ends.items()}
        for k, name in enumerate(names[: answers.shape[2]])
    ]
    about = {"column": described["name"], "kind": described["kind"], "rows": len(rows.x)}
    return {**about, "grid": grid, "outputs": outputs, "left_out": len(names) - len(outputs)}


def _answers(result: Result, rows: Rows, x: NDArray[Any]) -> tuple[list[str], NDArray[np.float64]]:
    """Return the names of a model's answers, and the answers on some inputs, shape (n, answers)."""
    scores = result.raw_scores(x, like=rows.of)
    names = result.class_names[1:] if result.task == "binary" else result.class_names
    if result.task == "regression":
        return names, np.asarray(result.target.decode(result.head.points(scores)), np.float64).reshape(len(x), -1)[
            :, :1
        ]
    answers = result.probabilities(scores) if result.has_probabilities else scores.astype(np.float64)
    return names, answers.reshape(len(x), -1)


def _grid(result: Result, described: Mapping[str, Any]) -> tuple[NDArray[Any], list[Any]]:
    """Return the values of a column to look at, in canonical form and as they may be told."""
    kind = described["kind"]
    if kind == "boolean":
        return np.array([0.0, 1.0]), ["False", "True"]
    if kind == "category":
        levels = described["levels"][:_LEVELS]
        return np.array(levels, dtype=object), levels
    if kind == "date":
        edges = described["edges"][:-1]  # the beginnings of the periods that hold rows
        chosen = [edges[i] for i in np.unique(np.linspace(0, len(edges) - 1, _POINTS).round().astype(int))]
        return np.array(chosen, "M8[ns]"), chosen
    dataset: Any = result.dataset
    values = dataset.features.frame[described["name"]].to_numpy()[dataset.fit_parts["train"]]
    ordered = np.sort(values[~np.isnan(values)])
    quantiles = np.quantile(ordered, np.linspace(0.05, 0.95, _POINTS)) if len(ordered) else []
    fewest = rare_limit(len(ordered))
    grid = np.unique([told(float(value), ordered, fewest) for value in quantiles])
    return grid, grid.tolist()
