"""The decision threshold of a binary network, chosen for a metric on validation scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common.errors import DataError, nearest
from toolkit.evaluation.calibration import check_scores

__all__ = ["choose_threshold"]

METRICS = ("accuracy", "balanced_accuracy", "f1")

_UNSUITABLE = {
    "precision": "is best where almost no row is called positive",
    "recall": "is best where every row is called positive",
    **dict.fromkeys(("roc_auc", "average_precision", "log_loss", "brier_score"), "does not depend on a threshold"),
}


def choose_threshold(
    scores: NDArray[Any], y_true: NDArray[Any], metric: str, *, sample_weight: NDArray[Any] | None = None
) -> float:
    """Return the threshold of the score that is best for a metric on these rows.

    The candidates are the middles between neighboring scores, or 0 where it lies between them. Among equally good ones
    the one nearest to 0 is returned, so that the default stays unless another is better. A threshold chosen on few
    positives may suit only them: look at the metric on the test part.

    Args:
        scores: Raw scores of the validation rows, shape (n,) or (n, 1).
        y_true: 0 and 1, shape (n,).
        metric: ``"accuracy"``, ``"balanced_accuracy"`` or ``"f1"``.
        sample_weight: Weight of each row, shape (n,). None gives all the same weight.

    Returns:
        The threshold: a row is positive where its score is above it. For float32 scores it is a float32 number, so that
        both precisions decide alike.

    Raises:
        DataError: The metric is not suitable or unknown, there are no rows or a single class, or a score is not finite.

    Example:
        >>> choose_threshold(np.array([-3.0, -2.0, -1.0, 1.0]), np.array([0, 1, 0, 1]), "f1")
        -2.5
    """
    if metric in _UNSUITABLE:
        raise DataError(f"threshold='{metric}': {metric} {_UNSUITABLE[metric]}. Use one of {', '.join(METRICS)}.")
    if metric not in METRICS:
        raise DataError(f"threshold='{metric}': expected one of {', '.join(METRICS)}.{nearest(metric, METRICS)}")
    scores64, truth, weights = check_scores("binary", scores, y_true, sample_weight)
    if len(np.unique(truth)) < 2:
        raise DataError(f"threshold='{metric}': the validation rows hold a single class, expected two.")
    kind = np.float32 if np.asarray(scores).dtype in (np.float32, np.float16) else np.float64
    ordered, index = np.unique(scores64, return_inverse=True)
    ordered = ordered.astype(kind)
    # Candidate i lies in [lower[i], upper[i]): below all scores, between two neighbors, above all.
    lower = np.concatenate([[np.nextafter(ordered[0], kind(-np.inf))], ordered])
    upper = np.concatenate([ordered, [np.inf]])
    upper_half = np.append(ordered, ordered[-1])
    # Halved first: the sum of two large scores may overflow.
    middle = (lower / 2 + upper_half / 2).astype(kind)
    # Between direct neighbors the middle may round to the upper one, which is outside.
    middle = np.where((lower <= middle) & (middle < upper), middle, lower)
    # Where 0 separates as well, it is taken: the decision then needs no explanation.
    middle = np.where((lower <= 0) & (upper > 0), kind(0), middle)
    if ordered[0] > 0:
        middle[0] = 0
    # Weight of the rows above each candidate; above the first are all rows.
    positive, all_rows = (np.bincount(index, weights=w, minlength=len(ordered)) for w in (weights * truth, weights))
    # Sums from the end: positive 1 0 2 -> hit 3 2 2 0.
    hit = np.append(np.cumsum(positive[::-1])[::-1], 0.0)
    false = np.append(np.cumsum(all_rows[::-1])[::-1], 0.0) - hit
    positives, negatives = hit[0], false[0]
    value = {
        "accuracy": (hit + negatives - false) / (positives + negatives),
        "balanced_accuracy": (hit / positives + (negatives - false) / negatives) / 2,
        "f1": 2 * hit / (positives + hit + false),
    }[metric]
    # Values that are equal but for rounding count as equal; of those, the candidate nearest to 0 is taken.
    best = middle[value >= value.max() - 1e-12]
    return float(best[np.argmin(np.abs(best))])
