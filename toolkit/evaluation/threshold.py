"""The decision threshold of a binary network: the probability from which on a row is positive."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common.errors import DataError, nearest

__all__ = ["check_threshold", "choose_threshold"]

METRICS = ("accuracy", "balanced_accuracy", "f1")

_UNSUITABLE = {
    "precision": "is best where almost no row is called positive",
    "recall": "is best where every row is called positive",
    **dict.fromkeys(("roc_auc", "average_precision", "log_loss", "brier_score"), "does not depend on a threshold"),
}


def check_threshold(threshold: Any, *, metrics: bool = True) -> None:
    """Check the option `threshold`: None, a probability between 0 and 1, or the name of a metric where that is allowed.

    Raises:
        DataError: It is none of these.

    Example:
        >>> check_threshold(30)
        Traceback (most recent call last):
        toolkit.DataError: threshold=30: expected a probability between 0 and 1, from which on a row is called \
positive, such as 0.3; or a metric to choose it for: accuracy, balanced_accuracy, f1.
    """
    if threshold is None:
        return
    if metrics and isinstance(threshold, str):
        if threshold in _UNSUITABLE:
            raise DataError(
                f"threshold='{threshold}': {threshold} {_UNSUITABLE[threshold]}. Use one of {', '.join(METRICS)}."
            )
        if threshold not in METRICS:
            raise DataError(
                f"threshold='{threshold}': expected a probability between 0 and 1, or one of {', '.join(METRICS)}."
                f"{nearest(threshold, METRICS)}"
            )
        return
    is_number = isinstance(threshold, int | float | np.number) and not isinstance(threshold, bool | np.complexfloating)
    choice = f"; or a metric to choose it for: {', '.join(METRICS)}" if metrics else ""
    if not is_number or not 0 < threshold < 1:
        raise DataError(
            f"threshold={threshold!r}: expected a probability between 0 and 1, from which on a row is called positive, "
            f"such as 0.3{choice}."
        )


def choose_threshold(probabilities: NDArray[Any], y_true: NDArray[Any], metric: str, *, default: float = 0.5) -> float:
    """Return the threshold of the probability that is best for a metric on these rows.

    The candidates are the middles between neighboring probabilities, or `default` where it lies between them. Among
    equally good ones the nearest to `default` is returned, so that the default stays unless another is better. A
    threshold chosen on few positives may suit only them: look at the metric on the test part.

    Args:
        probabilities: Calibrated probabilities of the positive class of the validation rows, shape (n,).
        y_true: 0 and 1, shape (n,).
        metric: ``"accuracy"``, ``"balanced_accuracy"`` or ``"f1"``.
        default: The probability at which the decision changes without a threshold.

    Returns:
        The threshold, above 0 and below 1: a row is positive from this probability on.

    Raises:
        DataError: The metric is not suitable or unknown, or the rows hold a single class.

    Example:
        >>> choose_threshold(np.array([0.125, 0.25, 0.375, 0.75]), np.array([0, 1, 0, 1]), "f1")
        0.1875
    """
    check_threshold(metric)
    truth, probabilities = np.asarray(y_true), np.asarray(probabilities, np.float64)
    if len(np.unique(truth)) < 2:
        raise DataError(f"threshold='{metric}': the validation rows hold a single class, expected two.")
    ordered, index = np.unique(probabilities, return_inverse=True)
    # Candidate i lies in (lower[i], upper[i]]: the rows from the i-th probability on are positive.
    lower, upper = np.append(0.0, ordered), np.append(ordered, 1.0)
    middle = (lower + upper) / 2
    # Between direct neighbors the middle may round to the lower one, which is outside.
    middle = np.where(middle > lower, middle, upper)
    # Where the default separates as well, it is taken: the decision then needs no explanation.
    middle = np.where((lower < default) & (default <= upper), default, middle)
    # Rows from each candidate on; from the first on are all rows.
    positive, all_rows = (np.bincount(index, weights=w, minlength=len(ordered)) for w in (truth, np.ones(len(truth))))
    # Sums from the end: positive 1 0 2 -> hit 3 2 2 0.
    hit = np.append(np.cumsum(positive[::-1])[::-1], 0.0)
    false = np.append(np.cumsum(all_rows[::-1])[::-1], 0.0) - hit
    positives, negatives = hit[0], false[0]
    value = {
        "accuracy": (hit + negatives - false) / (positives + negatives),
        "balanced_accuracy": (hit / positives + (negatives - false) / negatives) / 2,
        "f1": 2 * hit / (positives + hit + false),
    }[metric]
    # A probability of exactly 0 or 1 leaves no threshold between itself and the end.
    possible = (middle > 0) & (middle < 1)
    value, middle = value[possible], middle[possible]
    # Values that are equal but for rounding count as equal; of those, the candidate nearest to the default is taken.
    best = middle[value >= value.max() - 1e-12]
    return float(best[np.argmin(np.abs(best - default))])
