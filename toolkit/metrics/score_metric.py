"""One metric of raw scores: what chooses an epoch, or the weights of networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.common.checks import check_choice
from toolkit.common.errors import DataError
from toolkit.heads import Head
from toolkit.metrics.outcome import Outcome
from toolkit.metrics.weighted_metrics import LOWER_IS_BETTER, apply, measures_of, select

__all__ = ["SCORE_METRICS", "SMOOTHING_HARMS", "ScoreMetric", "score_metric"]

#: The metrics of each task that can choose. Precision and recall alone are best for a useless model.
SCORE_METRICS: dict[str, tuple[str, ...]] = {
    "regression": ("rmse", "mae", "r2", "median_absolute_error"),
    "binary": ("log_loss", "roc_auc", "average_precision", "brier_score", "accuracy", "balanced_accuracy", "f1"),
    "multiclass": ("log_loss", "roc_auc", "accuracy", "balanced_accuracy", "f1_macro", "rank_mae"),
    "multilabel": ("log_loss", "roc_auc", "hamming_loss", "subset_accuracy", "f1_micro", "f1_macro"),
}

#: The metrics of probabilities and of rankings.
SMOOTHING_HARMS = ("log_loss", "brier_score", "roc_auc", "average_precision")

_OF_PROBABILITIES = ("log_loss", "brier_score")


@dataclass(frozen=True)
class ScoreMetric:
    """A metric of encoded targets and raw scores, with the values that `toolkit.evaluation.metrics.evaluate` gives.

    Attributes:
        name: scikit-learn's name.
        head: What the scores mean.
        scale: Standard deviations of regression targets in the user's units, shape (units,); None is 1.
    """

    name: str
    head: Head
    scale: NDArray[np.float64] | None = None

    @property
    def lower_is_better(self) -> bool:
        """Whether a smaller value is better."""
        return LOWER_IS_BETTER[self.name]

    def __call__(self, y: NDArray[Any], scores: NDArray[Any], weights: NDArray[Any] | None = None) -> float:
        """Return the metric of encoded targets (n, ...), raw scores (n, units) and weights (n,), by default 1 each.

        NaN where it is not defined, such as the ROC AUC of a single class.
        """
        outcome = self._outcome(np.asarray(y), np.asarray(scores))
        by_row = np.ones(len(outcome.y_true)) if weights is None else np.asarray(weights, np.float64)
        return float(apply([select(measures_of(outcome), self.name)], by_row[None, :])[self.name][0])

    def _outcome(self, y: NDArray[Any], scores: NDArray[Any]) -> Outcome:
        head = self.head
        if head.task == "regression":
            scale = 1.0 if self.scale is None else self.scale
            return Outcome(head.task, y.reshape(len(y), -1) * scale, head.points(scores).astype(np.float64) * scale)
        probabilities = head.probabilities(scores)
        if probabilities is None and head.task == "multiclass":
            probabilities = scores.astype(np.float64)  # for their ranks alone: `score_metric` admits no other use
        return Outcome(head.task, y, head.decide(scores), probabilities, scores, ordered=head.ordered)


def score_metric(name: str, head: Head, scale: NDArray[np.float64] | None = None) -> ScoreMetric:
    """Return a metric of raw scores by its name, checked.

    Args:
        name: A name of `SCORE_METRICS` for the task of the head.
        head: What the scores mean.
        scale: Standard deviations of regression targets in the user's units.

    Raises:
        DataError: The task has no such metric, or it needs probabilities and the head has none.

    Example:
        >>> from toolkit.heads import get_head
        >>> auc = score_metric("roc_auc", get_head("binary", "hinge"))
        >>> auc(np.array([0, 0, 1, 1]), np.array([[-2.0], [1.0], [0.5], [3.0]])), auc.lower_is_better
        (0.75, False)
    """
    check_choice("metric", name, SCORE_METRICS[head.task])
    if head.link is None and name in _OF_PROBABILITIES:
        others = [other for other in SCORE_METRICS[head.task] if other not in _OF_PROBABILITIES]
        raise DataError(
            f"metric={name!r} needs probabilities, and the margins of the head '{head.name}' are none: use one of "
            f"{', '.join(others)}, or leave it out."
        )
    if name == "rank_mae" and not head.ordered:
        raise DataError(f"metric={name!r} needs classes in order, as head='ordinal' has them: leave it out.")
    return ScoreMetric(name, head, scale)
