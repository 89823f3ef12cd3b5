"""The description of a dataset: the distribution of each column and target, and each column's predictive power."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from toolkit.common.rounding import blurred, rare_limit
from toolkit.data.cells import level
from toolkit.data.columns import Column
from toolkit.data.labels import labels_of

__all__ = ["describe", "leaks_of", "predictive_power", "predictive_powers", "told"]

_LEAK = 0.97  # a column with at least this predictive power may give the target away
_BINS = 20
# The bins of dates: so many minutes, hours, days or months, of which each holds five rows or more on average.
_PERIODS = (
    *(("m", 1), ("m", 15), ("h", 1), ("h", 6), ("D", 1), ("D", 7)),
    *(("M", months) for months in (1, 3, 6, 12, 24, 60, 120, 300, 1_200)),
)
_FEWEST_PERIODS, _MOST_PERIODS, _ROWS_PER_PERIOD = 4, 30, 5
_COLUMN_LEVELS, _TARGET_LEVELS = 12, 100
_POWER_ROWS, _POWER_COLUMNS = 5_000, 200
_LEAF_ROWS = 10  # smaller leaves overfit a weak column


def describe(
    frame: pd.DataFrame,
    columns: Sequence[Column],
    target: pd.DataFrame,
    task: str,
    parts: dict[str, np.ndarray],
    set_aside: dict[str, str],
    powers: tuple[dict[str, float], list[str]],
) -> dict[str, Any]:
    """Return what a report needs to know about the data, as a dict that strict JSON can hold.

    Args:
        frame: Canonical columns.
        columns: Their names and kinds.
        target: The target columns, nothing missing.
        task: The task.
        parts: Row positions of each part.
        set_aside: Columns not used, each with its reason.
        powers: What `predictive_powers` returned.

    Returns:
        `rows` (int), `parts` (rows per part), `set_aside`, `columns` and `targets` (lists of distributions), `leaks`
        (names of columns that almost give the target away), `strongest` (`{"column", "alone"}` or None) and `left_out`
        (sentences). A distribution has `name`, `kind` and a dict for `"all"` and for each part:

        - number: `count`, `missing`, `distinct`, `mean`, `std`, `min`, `q1`, `median`, `q3`, `max` (None if there is no
          value) and `counts` between the distribution's `edges`, of which the first and the last hold what lies beyond.
          Extremes and quantiles that only a row or a few have are rounded: see `toolkit.common.rounding.blurred`;
        - category and boolean: `count`, `missing`, `distinct`, `counts` of the distribution's `levels` (the most
          frequent first, without rare ones) and `other`, the rows of all further levels;
        - date: `count`, `missing`, `distinct`, `min`, `median`, `max` and `counts` between `edges` (ISO 8601). They are
          the beginnings of minutes, hours, days or months, or of several of them.

        A column's distribution also has `alone` (its `predictive_power`, or None) and `leak`.
    """
    rows = {"all": np.arange(len(frame)), **parts}
    by_column, left_out = powers
    leaks = leaks_of(by_column, columns)
    distributions = [
        _distribution(column.name, column.kind, frame[column.name].to_numpy(), rows)
        | {"alone": by_column.get(column.name), "leak": column.name in leaks}
        for column in columns
    ]
    strongest = max(by_column, key=lambda name: by_column[name], default=None)
    return {
        "rows": len(frame),
        "parts": {name: len(positions) for name, positions in parts.items()},
        "set_aside": dict(set_aside),
        "columns": distributions,
        "targets": [_target_distribution(str(name), target[name], task, rows) for name in target.columns],
        "leaks": leaks,
        "strongest": None if strongest is None else {"column": strongest, "alone": by_column[strongest]},
        "left_out": left_out,
    }


def _target_distribution(name: str, series: pd.Series, task: str, rows: dict[str, np.ndarray]) -> dict[str, Any]:
    if task == "regression":
        return _distribution(name, "number", series.to_numpy(dtype=np.float64), rows)
    codes, uniques = pd.factorize(series)
    texts = np.array([level(unique) for unique in uniques], dtype=object)
    entry = _distribution(name, "category", texts[codes], rows, _TARGET_LEVELS, fewest=1)
    if task in ("binary", "multiclass"):  # in the order of the classes, not by frequency
        order = [level(label) for label in labels_of(series)]
        if set(order) == set(entry["levels"]):
            for part in rows:
                counts = dict(zip(entry["levels"], entry[part]["counts"], strict=True))
                entry[part]["counts"] = [counts[label] for label in order]
            entry["levels"] = order
    return entry


def _distribution(
    name: str,
    kind: str,
    values: np.ndarray,
    rows: dict[str, np.ndarray],
    max_levels: int = _COLUMN_LEVELS,
    fewest: int | None = None,
) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "kind": kind}
    fewest = fewest or rare_limit(len(values))
    if kind in ("category", "boolean"):
        if kind == "boolean":  # 0.0, 1.0 or NaN -> text
            texts = np.array(["False", "True", None], dtype=object)
            values = texts[np.where(np.isnan(values), 2, values).astype(np.int64)]
        codes, uniques = pd.factorize(values)  # -1 where missing
        totals = np.bincount(codes[codes >= 0], minlength=len(uniques))
        fewest = 1 if kind == "boolean" else fewest
        top = sorted(np.flatnonzero(totals >= fewest), key=lambda code: (-totals[code], str(uniques[code])))[
            :max_levels
        ]
        entry["levels"] = [str(uniques[code]) for code in top]
        for part, positions in rows.items():
            # (1 + levels,): the missing first, then each level by its code.
            counts = np.bincount(codes[positions] + 1, minlength=len(uniques) + 1)
            listed = counts[1:][top]
            entry[part] = {
                "count": int(counts[1:].sum()),
                "missing": int(counts[0]),
                "distinct": int((counts[1:] > 0).sum()),
                "counts": listed.tolist(),
                "other": int(counts[1:].sum() - listed.sum()),
            }
        return entry
    numbers = values if kind == "number" else _days(values)
    present = {part: _sorted(numbers[positions]) for part, positions in rows.items()}
    edges, period = (_edges(present["all"], fewest), None) if kind == "number" else _calendar(present["all"])
    entry["edges"] = edges.tolist() if period is None else _iso(edges, *period)
    for part, positions in rows.items():
        entry[part] = _summary(present[part], present["all"], len(positions), edges, period, fewest)
    return entry


def _days(values: np.ndarray) -> np.ndarray:
    """Return datetimes as days since 1970, NaN where missing."""
    days = values.astype("datetime64[ns]").astype(np.int64) / 86_400e9
    days[np.isnat(values)] = np.nan
    return days


def _calendar(ordered: np.ndarray) -> tuple[np.ndarray, tuple[str, int]]:
    """Return the edges of a histogram of dates, in days since 1970, and how dates are told: in periods of a unit."""
    if len(ordered) == 0:
        return np.empty(0), _PERIODS[0]
    limit = min(_MOST_PERIODS, max(_FEWEST_PERIODS, len(ordered) // _ROWS_PER_PERIOD))
    low = high = 0
    unit, width = _PERIODS[-1]
    for unit, width in _PERIODS:
        low, high = _period(ordered[[0, -1]], unit, width).tolist()
        if high - low < limit:
            break
    edges = (np.arange(low, high + 2) * width).astype(f"M8[{unit}]")
    return edges.astype("M8[s]").astype(np.float64) / 86_400, (unit, width)


def _period(days: Any, unit: str, width: int) -> np.ndarray:
    """Return in which period since 1970 some days are, each of so many months, days, hours or minutes."""
    return np.rint(np.asarray(days) * 86_400).astype("M8[s]").astype(f"M8[{unit}]").astype(np.int64) // width


def _iso(days: Any, unit: str, width: int) -> list[str]:
    """Return the beginnings of the periods in which some days are: the dates themselves may be single persons'."""
    return [str(start) for start in (_period(np.atleast_1d(days), unit, width) * width).astype(f"M8[{unit}]")]


def _sorted(values: np.ndarray) -> np.ndarray:
    """Return the values in order, without the missing ones (NaN sorts to the end)."""
    ordered = np.sort(values)
    return ordered[: np.searchsorted(ordered, np.nan)]


def _edges(ordered: np.ndarray, fewest: int) -> np.ndarray:
    """Return the edges of a histogram's bins, shape (bins + 1,)."""
    if len(ordered) == 0:
        return np.empty(0)
    low, high = (told(float(end), ordered, fewest) for end in (ordered[0], ordered[-1]))
    if low == high:
        return np.array([low - 0.5, high + 0.5])
    if high - low < _BINS and np.all(ordered == np.floor(ordered)):  # a bin for each integer
        return np.arange(low - 0.5, high + 1.0)
    with np.errstate(over="ignore"):
        edges = np.linspace(low, high, _BINS + 1)
    return edges if np.isfinite(edges).all() else np.array([low, high])


def told(value: float, ordered: np.ndarray, fewest: int) -> float:
    """Return a figure of sorted values as it may be told: rounded, if fewer than `fewest` rows have this value."""
    if np.searchsorted(ordered, value, side="right") - np.searchsorted(ordered, value) >= fewest:
        return value
    with np.errstate(over="ignore"):
        spread = float(ordered[-1] - ordered[0])
    # The mean of several rows is nobody's; that of a single one is.
    return blurred(value, spread or abs(value))


def _quantile(ordered: np.ndarray, share: float) -> float:
    """Return a quantile of sorted values by linear interpolation, as numpy does by default."""
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return float(ordered[below] + (ordered[above] - ordered[below]) * (position - below))


def _summary(
    ordered: np.ndarray, every: np.ndarray, rows: int, edges: np.ndarray, period: tuple[str, int] | None, fewest: int
) -> dict[str, Any]:
    """Return the counts, moments and quantiles of sorted values without the missing ones; dates have a period.

    Values are rounded by `every`, those of all rows, so that no part reaches beyond them.
    """
    count = len(ordered)
    summary: dict[str, Any] = {"count": count, "missing": rows - count}
    if count == 0:
        summary |= {"distinct": 0, "min": None, "median": None, "max": None, "counts": [0] * max(0, len(edges) - 1)}
        return summary | ({} if period else {"mean": None, "std": None, "q1": None, "q3": None})
    summary["distinct"] = int((ordered[1:] != ordered[:-1]).sum()) + 1
    quantiles = {
        name: _quantile(ordered, share)
        for name, share in (("min", 0.0), ("q1", 0.25), ("median", 0.5), ("q3", 0.75), ("max", 1.0))
    }
    if period is not None:
        summary |= {name: _iso(quantiles[name], *period)[0] for name in ("min", "median", "max")}
    else:
        with np.errstate(over="ignore", invalid="ignore"):  # numbers above 1e154 have squares beyond float64
            moments = {"mean": float(ordered.mean()), "std": float(ordered.std())}
        figures = moments | quantiles
        exact = {"mean", "std"} if count >= fewest else set()
        low, high = (told(float(end), every, fewest) for end in (every[0], every[-1]))
        summary |= {
            name: None
            if not np.isfinite(value)
            else value
            if name in exact
            else min(max(told(value, every, fewest), low), high)
            for name, value in figures.items()
        }
    # Values below each inner edge, then differences: the values are sorted, so that no histogram is needed. The last
    # bin includes its upper edge, as in numpy's histogram.
    below = np.searchsorted(ordered, edges[1:-1], side="left")
    summary["counts"] = np.diff(np.concatenate([[0], below, [count]])).tolist()
    return summary


def predictive_power(values: np.ndarray, kind: str, outcome: np.ndarray, task: str, seed: int = 0) -> float:
    """Return how well a column predicts the target without the others, from 0 (not at all) to 1 (perfectly).

    Each row is predicted from the other two thirds of the rows: by a decision tree of at most 16 leaves, or by the mean
    of its level if the column is a category. Below 3,000 rows the better of two trees counts, with leaves
    of a two-hundredth and of a tenth of the rows. The score of these predictions is R^2 for regression, 2 AUC - 1 for
    binary and multilabel, and (accuracy - a) / (1 - a) for multiclass, where a is the share of the largest class. The
    best score counts if there are several targets or labels, and a negative one becomes 0.

    Args:
        values: Canonical values of the column, shape (rows,).
        kind: Its kind.
        outcome: float64, shape (rows, outputs): the targets, the positive class, one-hot classes, or the labels.
        task: The task.
        seed: Seed of the folds.

    Example:
        >>> x = np.arange(100.0)
        >>> predictive_power(x, "number", (x > 50)[:, None].astype(float), "binary") > 0.95
        True
    """
    # On few rows, small leaves overfit a weak column, and large ones can't follow a copy of the target.
    rows = 2 * len(outcome) // 3
    fine, coarse = max(1, rows // 200), max(_LEAF_ROWS, rows // 10)
    sizes = [fine] if kind == "category" or fine >= _LEAF_ROWS else [fine, coarse]
    return max(0.0, *(_score(_predict(values, kind, outcome, seed, size), outcome, task) for size in sizes))


def _score(predicted: np.ndarray, outcome: np.ndarray, task: str) -> float:
    if task == "regression":
        residual = ((outcome - predicted) ** 2).sum(axis=0)
        spread = ((outcome - outcome.mean(axis=0)) ** 2).sum(axis=0)
        return float((1 - residual[spread > 0] / spread[spread > 0]).max(initial=0.0))
    if task == "multiclass":
        largest = float(outcome.mean(axis=0).max())
        accuracy = float((outcome.argmax(axis=1) == predicted.argmax(axis=1)).mean())
        return (accuracy - largest) / (1 - largest) if largest < 1 else 0.0
    return float((2 * _areas_under_curve(outcome, predicted) - 1).max(initial=0.0))


def _predict(values: np.ndarray, kind: str, outcome: np.ndarray, seed: int, leaf_rows: int) -> np.ndarray:
    """Return out-of-fold predictions from one column, shape (rows, outputs)."""
    # Imported here: the command line reads the options of `prepare` without waiting for scikit-learn.
    from sklearn.model_selection import KFold
    from sklearn.tree import DecisionTreeRegressor

    predicted = np.empty_like(outcome)
    if kind == "category":
        inputs = pd.factorize(values)[0] + 1  # 0 where missing
    else:
        inputs = _between_0_and_1(values if kind != "date" else _days(values))
    for train, test in KFold(3, shuffle=True, random_state=seed).split(outcome):
        if kind == "category":
            # counts (levels, 1) and sums (levels, outputs). Each level gets one more row with the mean outcome, so that
            # rare levels are predicted near the mean, and levels that only test rows have exactly so.
            counts = np.bincount(inputs[train], minlength=inputs.max() + 1)[:, None]
            sums = np.zeros((len(counts), outcome.shape[1]))
            np.add.at(sums, inputs[train], outcome[train])
            predicted[test] = ((sums + outcome[train].mean(axis=0)) / (counts + 1))[inputs[test]]
        else:
            tree = DecisionTreeRegressor(max_leaf_nodes=16, min_samples_leaf=leaf_rows, random_state=0)
            tree.fit(inputs[train, None], outcome[train])
            predicted[test] = tree.predict(inputs[test, None]).reshape(len(test), -1)
    return predicted


def _areas_under_curve(outcome: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the ROC AUC of each label that has rows of both kinds; scikit-learn's is 100 times slower for many labels.

    Args:
        outcome: 0 or 1, shape (rows, labels).
        predicted: Shape (rows, labels).
    """
    from scipy.stats import rankdata

    positive = outcome.sum(axis=0)
    mixed = (positive > 0) & (positive < len(outcome))
    positive, negative = positive[mixed], len(outcome) - positive[mixed]
    # The area is the share of pairs (positive row, negative row) whose positive row ranks higher. The ranks of the
    # positive rows, less those that they have among themselves (1 + 2 + ... + positive), count these pairs.
    ranks = (rankdata(predicted[:, mixed], axis=0) * outcome[:, mixed]).sum(axis=0)
    return (ranks - positive * (positive + 1) / 2) / (positive * negative)


def _between_0_and_1(numbers: np.ndarray) -> np.ndarray:
    """Scale numbers from 0 to 1, -1 where missing: a tree takes float32, and could not tell all others apart."""
    missing = np.isnan(numbers)
    if missing.all():
        return np.full(len(numbers), -1.0)
    halves = numbers / 2  # their differences can't overflow
    low, high = np.nanmin(halves), np.nanmax(halves)
    return np.where(missing, -1.0, (halves - low) / (high - low if high > low else 1.0))


def _outcome(target: pd.DataFrame, task: str) -> np.ndarray:
    """Return the target as numbers, shape (rows, outputs), see `predictive_power`."""
    if task in ("regression", "multilabel"):
        return target.to_numpy(dtype=np.float64)
    codes, uniques = pd.factorize(target.iloc[:, 0], sort=False)
    return (codes == 1).astype(np.float64)[:, None] if task == "binary" else np.eye(len(uniques))[codes]


def leaks_of(powers: Mapping[str, float], columns: Sequence[Column]) -> list[str]:
    """Return the columns whose predictive power is so great that they may give the target away.

    Example:
        >>> leaks_of({"a": 0.99, "b": 0.5}, [Column("a", "number"), Column("b", "number")])
        ['a']
    """
    # A single column is there to predict the target: that is the task, not a leak.
    return [name for name, power in powers.items() if power >= _LEAK and len(columns) > 1]


def predictive_powers(
    frame: pd.DataFrame, columns: Sequence[Column], target: pd.DataFrame, task: str, train: np.ndarray
) -> tuple[dict[str, float], list[str]]:
    """Return the predictive power of each column, and sentences about the rows and columns not used for it.

    Args:
        frame: Canonical columns.
        columns: Their names and kinds.
        target: The target columns.
        task: The task.
        train: Positions of the training rows, on which it is measured.
    """
    if len(train) < 6:
        return {}, ["The training part is too small to measure the predictive power of the columns."]
    notes = []
    if len(train) > _POWER_ROWS:
        notes.append(f"Predictive power was measured on {_POWER_ROWS:,} of {len(train):,} training rows.")
        train = np.sort(np.random.default_rng(0).choice(train, _POWER_ROWS, replace=False))
    if len(columns) > _POWER_COLUMNS:
        notes.append(f"Predictive power was measured for the first {_POWER_COLUMNS} of {len(columns):,} columns.")
    outcome = _outcome(target.iloc[train], task)
    return {
        column.name: round(predictive_power(frame[column.name].to_numpy()[train], column.kind, outcome, task), 4)
        for column in columns[:_POWER_COLUMNS]
    }, notes
