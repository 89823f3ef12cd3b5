"""The description of a dataset: the distribution of each column and target, and each column's predictive power."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from toolkit.data.cells import level
from toolkit.data.columns import Column
from toolkit.data.labels import labels_of

__all__ = ["describe", "leaks_of", "predictive_power", "predictive_powers"]

_LEAK = 0.97  # a column with at least this predictive power may give the target away
_BINS = 20
_COLUMN_LEVELS, _TARGET_LEVELS = 12, 100
_POWER_ROWS, _POWER_COLUMNS = 5_000, 200


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
          value) and `counts` between the distribution's `edges`;
        - category and boolean: `count`, `missing`, `distinct`, `counts` of the distribution's `levels` (the most
          frequent first) and `other`, the rows of all further levels;
        - date: `count`, `missing`, `distinct`, `min`, `median`, `max` (ISO 8601) and `counts` between `edges`
          (ISO 8601).

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
    entry = _distribution(name, "category", texts[codes], rows, _TARGET_LEVELS)
    if task in ("binary", "multiclass"):  # in the order of the classes, not by frequency
        order = [level(label) for label in labels_of(series)]
        if set(order) == set(entry["levels"]):
            for part in rows:
                counts = dict(zip(entry["levels"], entry[part]["counts"], strict=True))
                entry[part]["counts"] = [counts[label] for label in order]
            entry["levels"] = order
    return entry


def _distribution(
    name: str, kind: str, values: np.ndarray, rows: dict[str, np.ndarray], max_levels: int = _COLUMN_LEVELS
) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "kind": kind}
    if kind in ("category", "boolean"):
        if kind == "boolean":  # 0.0, 1.0 or NaN -> text
            texts = np.array(["False", "True", None], dtype=object)
            values = texts[np.where(np.isnan(values), 2, values).astype(np.int64)]
        codes, uniques = pd.factorize(values)  # -1 where missing
        totals = np.bincount(codes[codes >= 0], minlength=len(uniques))
        top = sorted(range(len(uniques)), key=lambda code: (-totals[code], str(uniques[code])))[:max_levels]
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
    edges = _edges(present["all"])
    entry["edges"] = edges.tolist() if kind == "number" else _iso(edges)
    for part, positions in rows.items():
        entry[part] = _summary(present[part], len(positions), edges, kind)
    return entry


def _days(values: np.ndarray) -> np.ndarray:
    """Return datetimes as days since 1970, NaN where missing."""
    days = values.astype("datetime64[ns]").astype(np.int64) / 86_400e9
    days[np.isnat(values)] = np.nan
    return days


def _iso(days: Any) -> list[str]:
    stamps = np.rint(np.atleast_1d(days) * 86_400).astype("datetime64[s]")
    return [str(stamp).removesuffix("T00:00:00") for stamp in stamps]


def _sorted(values: np.ndarray) -> np.ndarray:
    """Return the values in order, without the missing ones (NaN sorts to the end)."""
    ordered = np.sort(values)
    return ordered[: np.searchsorted(ordered, np.nan)]


def _edges(ordered: np.ndarray) -> np.ndarray:
    """Return the edges of a histogram's bins, shape (bins + 1,)."""
    if len(ordered) == 0:
        return np.empty(0)
    low, high = float(ordered[0]), float(ordered[-1])
    if low == high:
        return np.array([low - 0.5, high + 0.5])
    if high - low < _BINS and np.all(ordered == np.floor(ordered)):  # a bin for each integer
        return np.arange(low - 0.5, high + 1.0)
    with np.errstate(over="ignore"):
        edges = np.linspace(low, high, _BINS + 1)
    return edges if np.isfinite(edges).all() else np.array([low, high])


def _quantile(ordered: np.ndarray, share: float) -> float:
    """Return a quantile of sorted values by linear interpolation, as numpy does by default."""
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return float(ordered[below] + (ordered[above] - ordered[below]) * (position - below))


def _summary(ordered: np.ndarray, rows: int, edges: np.ndarray, kind: str) -> dict[str, Any]:
    """Return the counts, moments and quantiles of sorted values without the missing ones."""
    count = len(ordered)
    summary: dict[str, Any] = {"count": count, "missing": rows - count}
    if count == 0:
        summary |= {"distinct": 0, "min": None, "median": None, "max": None, "counts": [0] * max(0, len(edges) - 1)}
        return summary | ({"mean": None, "std": None, "q1": None, "q3": None} if kind == "number" else {})
    summary["distinct"] = int((ordered[1:] != ordered[:-1]).sum()) + 1
    quantiles = {
        name: _quantile(ordered, share)
        for name, share in (("min", 0.0), ("q1", 0.25), ("median", 0.5), ("q3", 0.75), ("max", 1.0))
    }
    if kind == "date":
        summary |= {name: _iso(quantiles[name])[0] for name in ("min", "median", "max")}
    else:
        with np.errstate(over="ignore", invalid="ignore"):  # numbers above 1e154 have squares beyond float64
            moments = {"mean": float(ordered.mean()), "std": float(ordered.std())}
        summary |= {name: value if np.isfinite(value) else None for name, value in (moments | quantiles).items()}
    # Values below each inner edge, then differences: the values are sorted, so that no histogram is needed. The last
    # bin includes its upper edge, as in numpy's histogram.
    below = np.searchsorted(ordered, edges[1:-1], side="left")
    summary["counts"] = np.diff(np.concatenate([[0], below, [count]])).tolist()
    return summary


def predictive_power(values: np.ndarray, kind: str, outcome: np.ndarray, task: str, seed: int = 0) -> float:
    """Return how well a column predicts the target without the others, from 0 (not at all) to 1 (perfectly).

    Each row is predicted from the other two thirds of the rows: by a decision tree of at most 16 leaves, or by the mean
    of its level if the column is a category. The score of these predictions is R^2 for regression, 2 AUC - 1 for binary
    and multilabel, and (accuracy - a) / (1 - a) for multiclass, where a is the share of the largest class. The best
    score counts if there are several targets or labels, and a negative one becomes 0.

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
    predicted = _predict(values, kind, outcome, seed)
    if task == "regression":
        residual = ((outcome - predicted) ** 2).sum(axis=0)
        spread = ((outcome - outcome.mean(axis=0)) ** 2).sum(axis=0)
        score = float((1 - residual[spread > 0] / spread[spread > 0]).max(initial=0.0))
    elif task == "multiclass":
        largest = float(outcome.mean(axis=0).max())
        accuracy = float((outcome.argmax(axis=1) == predicted.argmax(axis=1)).mean())
        score = (accuracy - largest) / (1 - largest) if largest < 1 else 0.0
    else:
        score = float((2 * _areas_under_curve(outcome, predicted) - 1).max(initial=0.0))
    return max(0.0, score)


def _predict(values: np.ndarray, kind: str, outcome: np.ndarray, seed: int) -> np.ndarray:
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
            tree = DecisionTreeRegressor(max_leaf_nodes=16, min_samples_leaf=max(1, len(train) // 200), random_state=0)
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
