"""Classes and labels one by one: the confusion matrix, precision and recall, and the errors of each label."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common.formatting import duration, number, percent
from toolkit.evaluation.comparison_result import ComparisonResult
from toolkit.evaluation.conformal import fewest_rows
from toolkit.evaluation.metrics import Outcome, intervals
from toolkit.evaluation.result import Result
from toolkit.report.summary.margins import is_right
from toolkit.report.summary.values import contenders_of, share, spread

__all__ = ["classes", "confusion", "labels", "labels_compared", "sets"]

SHOWN = 40  # classes or labels shown one by one
MATRIX = 15  # classes up to which the page shows the confusion matrix
SIZES = 10  # sizes of sets listed one by one
PAIRS = 20  # confusions listed where there are more classes than that


def confusion(result: Result) -> dict[str, Any]:
    """Return the confusion matrix, or for many classes, whose matrix is mostly zeros, the most frequent confusions."""
    outcome: Any = result.outcome
    truth, predicted, size = outcome.y_true, outcome.y_pred, len(result.class_names)
    if size <= MATRIX:
        counts = np.zeros((size, size), dtype=int)
        np.add.at(counts, (truth, predicted), 1)
        return {"counts": counts, "pairs": None, "left_out": 0}
    wrong, totals = truth != predicted, np.bincount(truth, minlength=size)
    # A pair of classes as one number: true * size + predicted.
    codes, rows = np.unique(truth[wrong] * size + predicted[wrong], return_counts=True)
    pairs = []
    for i in np.argsort(-rows, kind="stable")[:PAIRS]:
        true, guess = divmod(int(codes[i]), size)
        pairs.append({"true": true, "predicted": guess, "rows": rows[i], "of": totals[true]})
    return {"counts": None, "pairs": pairs, "left_out": len(codes) - len(pairs)}


def classes(result: Result) -> dict[str, Any]:
    """Return rows, precision, recall and F1 of each class."""
    outcome: Any = result.outcome
    truth, predicted = outcome.y_true, outcome.y_pred
    entries = [_scored(name, truth == i, predicted == i) for i, name in enumerate(result.class_names)]
    if result.task == "binary":  # the same intervals as in the table of metrics, for either class as the positive one
        turned = intervals(Outcome("binary", 1 - truth, 1 - predicted, units=outcome.units))
        for entry, table in zip(entries, (turned, result.table), strict=True):
            entry |= {name: table.loc[name, ["value", "low", "high"]].to_dict() for name in ("precision", "recall")}
    return _lowest_f1(entries)


def sets(result: Result) -> dict[str, Any] | None:
    """Return how often the sets of classes of the test rows hold the true one, and how large they are."""
    outcome, coverage = result.outcome, result.head.coverage
    enough = result.conformity is not None and len(result.conformity) >= fewest_rows(coverage)
    if outcome is None or outcome.probabilities is None or not enough:
        return None
    sets = result.sets(outcome.probabilities, outcome.y_pred, coverage)
    sizes, right = sets.sum(axis=1), sets[np.arange(len(sets)), outcome.y_true]
    counted_sizes = np.minimum(sizes, SIZES)
    return {
        "coverage": coverage,
        "rows": len(sets),
        "held": right.mean(),
        "size": sizes.mean(),
        "classes": sets.shape[1],
        "sizes": [
            {
                "classes": f"{size} or more" if (sizes[counted_sizes == size] > size).any() else str(size),
                "rows": (counted_sizes == size).sum(),
                "held": right[counted_sizes == size].mean(),
            }
            for size in np.unique(counted_sizes)
        ],
    }


def labels(result: Result) -> dict[str, Any]:
    """Return rows, precision, recall, F1 and ROC AUC of each label."""
    outcome: Any = result.outcome
    ranking = outcome.probabilities if outcome.probabilities is not None else outcome.scores
    entries = []
    for i, name in enumerate(result.class_names):
        truth, predicted = outcome.y_true[:, i] == 1, outcome.y_pred[:, i] == 1
        area = _roc_auc(truth, ranking[:, i]) if ranking is not None else math.nan
        entries.append({**_scored(name, truth, predicted), "roc_auc": area})
    return _lowest_f1(entries)


def labels_compared(comparison: ComparisonResult) -> dict[str, Any]:
    """Return the Hamming loss of each label by contender, and how separate networks compare with one for all."""
    outcomes = [[trial.outcome for trial in trials] for trials in contenders_of(comparison)]
    names = comparison.class_names
    # (contenders, seeds, labels)
    wrong = np.array([[(o.y_true != o.y_pred).mean(axis=0) for o in row] for row in outcomes])
    positive = np.mean([o.y_true.mean(axis=0) for o in outcomes[0]], axis=0)
    # Where not all are shown, those on which the contenders differ most.
    order = np.argsort(-np.ptp(wrong.mean(axis=1), axis=0), kind="stable")
    listed = [
        {"name": names[i], "positive": positive[i], "contenders": [spread(part[:, i]) for part in wrong]}
        for i in sorted(order[:SHOWN].tolist())
    ]
    return {"shown": listed, "left_out": len(names) - len(listed), "separate": _separate(comparison)}


def _scored(name: str, truth: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> dict[str, Any]:
    hits, rows, claims = int((truth & predicted).sum()), int(truth.sum()), int(predicted.sum())
    return {
        "name": name,
        "rows": rows,
        "predicted": claims,
        "precision": share(hits, claims),
        "recall": share(hits, rows),
        "f1": 2 * hits / (rows + claims) if rows + claims else math.nan,
    }


def _lowest_f1(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Return all entries, or where there are too many, those with the lowest F1; in their own order."""
    order = sorted(range(len(entries)), key=lambda i: (not math.isnan(entries[i]["f1"]), entries[i]["f1"], i))
    listed = [entries[i] for i in sorted(order[:SHOWN])]
    return {"shown": listed, "left_out": len(entries) - len(listed)}


def _roc_auc(truth: NDArray[np.bool_], ranking: NDArray[Any]) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, ranking)) if 0 < truth.sum() < len(truth) else math.nan


def _separate(comparison: ComparisonResult) -> dict[str, Any] | None:
    """Return how one network with all labels compares with one network per label, where both have the same head."""
    contenders, count = contenders_of(comparison), len(comparison.target.columns)
    several = next((i for i, trials in enumerate(contenders) if trials[0].result is None), None)
    if several is None:
        return None
    head = contenders[several][0].head.name
    joint = next((i for i, (first, *_) in enumerate(contenders) if first.result and first.head.name == head), None)
    if joint is None:
        return None
    pair = [contenders[joint], contenders[several]]
    parameters = [trials[0].parameters for trials in pair]
    seconds = [duration(spread(trial.seconds for trial in trials)["value"]) for trials in pair]
    wrong = [percent(float(np.mean([(~is_right(trial.outcome)).mean() for trial in trials]))) for trials in pair]
    return {
        "one": joint,
        "several": several,
        "networks": count,
        "sentence": (
            f"One network with {count} outputs has {number(parameters[0])} parameters and trains in {seconds[0]}; "
            f"{count} networks with one output each have {number(parameters[1])} "
            f"({number(parameters[1] / max(parameters[0], 1), 2)} times as many) and train in {seconds[1]} together. "
            f"{wrong[0]} and {wrong[1]} of all cells are wrong."
        ),
    }
