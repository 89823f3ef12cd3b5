"""The distribution of every column and target, over all rows and in each part, and what a column alone tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from toolkit.data.columns import Column, level
from toolkit.data.target import labels_of

__all__ = ["LEAK", "alone", "describe"]

LEAK = 0.97
_BINS = 20
_TOP_LEVELS = 12
_ALONE_ROWS = 5_000
_ALONE_COLUMNS = 200


def describe(
    frame: pd.DataFrame,
    columns: Sequence[Column],
    target: pd.DataFrame,
    task: str,
    parts: dict[str, np.ndarray],
    set_aside: dict[str, str],
) -> dict[str, Any]:
    """Return what a report needs to know of the data, as a dict that strict JSON can hold.

    Args:
        frame: Canonical columns.
        columns: Their kinds.
        target: The target columns, nothing missing.
        task: The task.
        parts: Row positions of each part.
        set_aside: Columns not used, each with its reason.

    Returns:
        `rows` (int), `parts` (rows a part), `set_aside`, `columns` and `targets` (a list of distributions each),
        `leaks` (names of columns that alone give the target nearly away), `strongest` (`{"column", "alone"}` or None)
        and `left_out` (sentences). A distribution has `name`, `kind` and, for each of `"all"` and the parts, a dict:

        - number: `count`, `missing`, `distinct`, `mean`, `std`, `min`, `q1`, `median`, `q3`, `max` (None where there is
          no value) and `counts` on the distribution's `edges`;
        - category and boolean: `count`, `missing`, `distinct`, `counts` of the distribution's `levels` (the most
          frequent first) and `other`, the rows of all further levels;
        - date: `count`, `missing`, `distinct`, `min`, `median`, `max` (ISO 8601) and `counts` on `edges` (ISO 8601).

        A feature's also has `alone` (0 to 1, or None: see `alone`) and `leak`.
    """
    rows = {"all": np.arange(len(frame)), **parts}
    left_out = []
    scores, sentences = _alone_scores(frame, columns, target, task, parts["train"])
    left_out += sentences
    described = []
    for column in columns:
        entry = _distribution(column.name, column.kind, frame[column.name].to_numpy(), rows)
        score = scores.get(column.name)
        entry["alone"] = score
        # Where there is one column only, predicting the target from it is the task, not a leak.
        entry["leak"] = score is not None and score >= LEAK and len(columns) > 1
        described.append(entry)
    targets = [_target_distribution(str(name), target[name], task, rows) for name in target.columns]
    best = max(scores, key=lambda name: scores[name], default=None)
    return {
        "rows": len(frame),
        "parts": {name: len(positions) for name, positions in parts.items()},
        "set_aside": dict(set_aside),
        "columns": described,
        "targets": targets,
        "leaks": [entry["name"] for entry in described if entry["leak"]],
        "strongest": None if best is None else {"column": best, "alone": scores[best]},
        "left_out": left_out,
    }


def _target_distribution(name: str, series: pd.Series, task: str, rows: dict[str, np.ndarray]) -> dict[str, Any]:
    if task == "regression":
        return _distribution(name, "number", series.to_numpy(dtype=np.float64), rows)
    codes, uniques = pd.factorize(series)
    texts = np.array([level(unique) for unique in uniques], dtype=object)
    entry = _distribution(name, "category", texts[codes], rows, most=100)
    if task in ("binary", "multiclass"):  # in the order of the classes
        order = [level(label) for label in labels_of(series)]
        if set(order) == set(entry["levels"]):
            places = [entry["levels"].index(label) for label in order]
            for part in rows:
                entry[part]["counts"] = [entry[part]["counts"][place] for place in places]
            entry["levels"] = order
    return entry


def _distribution(
    name: str, kind: str, values: np.ndarray, rows: dict[str, np.ndarray], most: int = _TOP_LEVELS
) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "kind": kind}
    if kind in ("category", "boolean"):
        if kind == "boolean":
            words = np.array(["False", "True", None], dtype=object)
            values = words[np.where(np.isnan(values), 2, values).astype(np.int64)]
        codes, uniques = pd.factorize(values)
        totals = np.bincount(codes[codes >= 0], minlength=len(uniques))
        top = sorted(range(len(uniques)), key=lambda place: (-totals[place], str(uniques[place])))[:most]
        entry["levels"] = [str(uniques[place]) for place in top]
        for part, positions in rows.items():
            counts = np.bincount(codes[positions] + 1, minlength=len(uniques) + 1)
            shown = counts[1:][top]
            entry[part] = {
                "count": int(counts[1:].sum()),
                "missing": int(counts[0]),
                "distinct": int((counts[1:] > 0).sum()),
                "counts": shown.tolist(),
                "other": int(counts[1:].sum() - shown.sum()),
            }
        return entry
    numbers = values if kind == "number" else _days(values)
    ordered = {part: _sorted(numbers[positions]) for part, positions in rows.items()}
    everything = ordered["all"]
    edges = _edges(everything)
    entry["edges"] = edges.tolist() if kind == "number" else _iso(edges)
    for part, positions in rows.items():
        entry[part] = _summary(ordered[part], len(positions), edges, kind)
    return entry


def _days(values: np.ndarray) -> np.ndarray:
    """Return datetimes as days since 1970, NaN for missing."""
    days = values.astype("datetime64[ns]").astype(np.int64) / 86_400e9
    days[np.isnat(values)] = np.nan
    return days


def _iso(days: Any) -> list[str]:
    stamps = np.rint(np.atleast_1d(days) * 86_400).astype("datetime64[s]")
    texts = [str(stamp) for stamp in stamps]
    return [text.removesuffix("T00:00:00") for text in texts]


def _sorted(values: np.ndarray) -> np.ndarray:
    """Return the values in order without those missing (NaN sorts to the end)."""
    ordered = np.sort(values)
    return ordered[: np.searchsorted(ordered, np.nan)]


def _edges(ordered: np.ndarray) -> np.ndarray:
    if len(ordered) == 0:
        return np.empty(0)
    low, high = float(ordered[0]), float(ordered[-1])
    if low == high:
        return np.array([low - 0.5, high + 0.5])
    whole = high - low < _BINS and np.all(ordered == np.floor(ordered))
    if whole:  # a bar for each whole number
        return np.arange(low - 0.5, high + 1.0)
    with np.errstate(over="ignore"):
        edges = np.linspace(low, high, _BINS + 1)
    return edges if np.isfinite(edges).all() else np.array([low, high])


def _quantile(ordered: np.ndarray, share: float) -> float:
    """Return a quantile of sorted values by linear interpolation, as numpy's default does."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return float(ordered[below] + (ordered[above] - ordered[below]) * (place - below))


def _summary(ordered: np.ndarray, rows: int, edges: np.ndarray, kind: str) -> dict[str, Any]:
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
        with np.errstate(over="ignore", invalid="ignore"):  # numbers beyond 1e154 have squares beyond float64
            moments = {"mean": float(ordered.mean()), "std": float(ordered.std())}
        summary |= {name: value if np.isfinite(value) else None for name, value in (moments | quantiles).items()}
    # The last bin includes its upper edge, as in numpy's histogram.
    ends = np.searchsorted(ordered, edges[1:-1], side="left")
    summary["counts"] = np.diff(np.concatenate([[0], ends, [count]])).tolist()
    return summary


# ------------------------------------------------------------------------------------------------ one column alone


def alone(values: np.ndarray, kind: str, outcome: np.ndarray, task: str, seed: int = 0) -> float:
    """Return how well one column alone predicts the target, from 0 (not at all) to 1 (entirely).

    A small decision tree (at most 16 leaves) predicts each row from the other two thirds of the rows; a category is
    predicted by the mean of its level. The score of these predictions is R^2 for regression, 2 AUC - 1 for binary, and
    for multiclass the accuracy above that of the largest class, as a share of what was to be gained. Of several targets
    or labels the one predicted best counts.

    Args:
        values: Canonical values of the column, shape (rows,).
        kind: Its kind.
        outcome: float64 of shape (rows, outputs): the targets, the positive class, the classes one-hot, the labels.
        task: The task.
        seed: Of the folds.

    Returns:
        The score; below 0 becomes 0.

    Example:
        >>> x = np.arange(100.0)
        >>> alone(x, "number", (x > 50)[:, None].astype(float), "binary") > 0.95
        True
    """
    # Imported here: the command line reads the options of `prepare` without waiting for them.
    from scipy.stats import rankdata
    from sklearn.model_selection import KFold
    from sklearn.tree import DecisionTreeRegressor

    predicted = np.empty_like(outcome)
    if kind == "category":
        inputs = pd.factorize(values)[0] + 1
    else:
        inputs = _between_0_and_1(values if kind != "date" else _days(values))
    for train, test in KFold(3, shuffle=True, random_state=seed).split(outcome):
        if kind == "category":
            base = outcome[train].mean(axis=0)
            counts = np.bincount(inputs[train], minlength=inputs.max() + 1)[:, None]
            sums = np.zeros((len(counts), outcome.shape[1]))
            np.add.at(sums, inputs[train], outcome[train])
            predicted[test] = ((sums + base) / (counts + 1))[inputs[test]]
        else:
            tree = DecisionTreeRegressor(max_leaf_nodes=16, min_samples_leaf=max(1, len(train) // 200), random_state=0)
            tree.fit(inputs[train, None], outcome[train])
            predicted[test] = tree.predict(inputs[test, None]).reshape(len(test), -1)
    if task == "regression":
        residual = ((outcome - predicted) ** 2).sum(axis=0)
        spread = ((outcome - outcome.mean(axis=0)) ** 2).sum(axis=0)
        score = float((1 - residual[spread > 0] / spread[spread > 0]).max(initial=0.0))
    elif task == "multiclass":
        largest = float(outcome.mean(axis=0).max())
        accuracy = float((outcome.argmax(axis=1) == predicted.argmax(axis=1)).mean())
        score = (accuracy - largest) / (1 - largest) if largest < 1 else 0.0
    else:
        # AUC by ranks, for all labels at once: scikit-learn's takes one label at a time, 100 times slower.
        positive = outcome.sum(axis=0)
        both = (positive > 0) & (positive < len(outcome))
        positive, negative = positive[both], len(outcome) - positive[both]
        ranks = (rankdata(predicted[:, both], axis=0) * outcome[:, both]).sum(axis=0)
        area = (ranks - positive * (positive + 1) / 2) / (positive * negative)
        score = float((2 * area - 1).max(initial=0.0))
    return max(0.0, score)


def _between_0_and_1(numbers: np.ndarray) -> np.ndarray:
    """Return numbers as a tree, which takes float32, can tell them apart: from 0 to 1, and -1 where missing."""
    missing = np.isnan(numbers)
    if missing.all():
        return np.full(len(numbers), -1.0)
    halves = numbers / 2  # of which the differences can't overflow
    low, high = np.nanmin(halves), np.nanmax(halves)
    return np.where(missing, -1.0, (halves - low) / (high - low if high > low else 1.0))


def _outcome(target: pd.DataFrame, task: str) -> np.ndarray:
    if task in ("regression", "multilabel"):
        return target.to_numpy(dtype=np.float64)
    codes, uniques = pd.factorize(target.iloc[:, 0], sort=False)
    return (codes == 1).astype(np.float64)[:, None] if task == "binary" else np.eye(len(uniques))[codes]


def _alone_scores(
    frame: pd.DataFrame, columns: Sequence[Column], target: pd.DataFrame, task: str, train: np.ndarray
) -> tuple[dict[str, float], list[str]]:
    sentences = []
    if len(train) < 6:
        return {}, ["The training part is too small to say how well a column alone predicts the target."]
    if len(train) > _ALONE_ROWS:
        sentences.append(
            f"How well a column alone predicts the target was measured on {_ALONE_ROWS:,} "
            f"of {len(train):,} training rows."
        )
        train = np.sort(np.random.default_rng(0).choice(train, _ALONE_ROWS, replace=False))
    if len(columns) > _ALONE_COLUMNS:
        sentences.append(
            f"How well a column alone predicts the target was measured for the first {_ALONE_COLUMNS} "
            f"of {len(columns):,} columns."
        )
    outcome = _outcome(target.iloc[train], task)
    return {
        column.name: round(alone(frame[column.name].to_numpy()[train], column.kind, outcome, task), 4)
        for column in columns[:_ALONE_COLUMNS]
    }, sentences
