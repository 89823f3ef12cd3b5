"""Metrics of a model's predictions, by scikit-learn's names, each with a bootstrap interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from toolkit.common.errors import DataError
from toolkit.evaluation.bootstrap import draw_weights, percentile_interval
from toolkit.evaluation.evidence import DECIDED, FEWEST, differing_rows, group_sizes, harmonic_size
from toolkit.evaluation.metric_intervals import metric_interval
from toolkit.evaluation.reliability import expected_calibration_error, reliability
from toolkit.metrics.outcome import Outcome
from toolkit.metrics.weighted_metrics import LOWER_IS_BETTER, apply, measures_of, select

__all__ = [
    "LOWER_IS_BETTER",
    "PRIMARY",
    "Outcome",
    "difference",
    "evaluate",
    "expected_calibration_error",
    "intervals",
    "least_half_width",
    "reliability",
]

PRIMARY: dict[str, str] = {
    # In the unit of the target, and what the squared error trains for.
    "regression": "rmse",
    # Does not depend on a threshold, which is the user's to set.
    "binary": "roc_auc",
    "multiclass": "accuracy",
    # Counts cells: a row with one of ten labels wrong is not all wrong.
    "multilabel": "hamming_loss",
}
"""The metric by which models of a task are compared."""


def evaluate(outcome: Outcome, *, classes: Sequence[Any] | None = None) -> dict[str, float]:
    """Return every metric of the task, by scikit-learn's names.

    - regression: rmse, mae, r2, median_absolute_error; with several targets, their plain mean.
    - binary: accuracy, balanced_accuracy, f1, precision, recall, roc_auc, average_precision, log_loss, brier_score.
    - multiclass: accuracy, balanced_accuracy, f1_macro, roc_auc (each class against the rest, mean over the classes
      present), log_loss.
    - multilabel: hamming_loss, subset_accuracy, f1_micro, f1_macro, roc_auc (mean over the labels with both values),
      log_loss (mean over the labels).

    Without probabilities, the metrics that need them are left out; roc_auc and average_precision of binary and
    multilabel outcomes are then computed from the scores. A metric that is not defined on these rows (r2 where the
    target does not vary, roc_auc of one class, precision where nothing was predicted positive) is NaN. A label of a
    multilabel outcome that is neither true nor predicted anywhere counts 0 in f1_macro, as in scikit-learn.

    Args:
        outcome: Truth and predictions.
        classes: The labels of the classes, to check the ids of a multiclass outcome; None skips the check.

    Returns:
        Metric name to value, in the order above.

    Raises:
        DataError: There are no rows, the arrays differ in length, or a class id has no label.

    Example:
        >>> truth, predicted = np.array([[1.0], [2.0], [4.0]]), np.array([[1.0], [2.0], [1.0]])
        >>> {name: round(value, 3) for name, value in evaluate(Outcome("regression", truth, predicted)).items()}
        {'rmse': 1.732, 'mae': 1.0, 'r2': -0.929, 'median_absolute_error': 0.0}
    """
    measures = measures_of(outcome)
    if classes is not None and outcome.task == "multiclass":
        largest = int(max(outcome.y_true.max(), outcome.y_pred.max()))
        if largest >= len(classes):
            raise DataError(f"class id {largest} has no label: there are {len(classes)} classes.")
    return {name: float(values[0]) for name, values in apply(measures, np.ones((1, len(outcome.y_true)))).items()}


def intervals(outcome: Outcome, *, coverage: float = 0.95, resamples: int | None = None, seed: int = 0) -> pd.DataFrame:
    """Return every metric with its interval.

    The rows are resampled with replacement, equal rows together (bootstrap); the standard error over the resamples
    gives the interval, as in `toolkit.evaluation.metric_intervals`. It covers the choice of the test rows, not the
    randomness of the training.

    Args:
        outcome: Truth and predictions.
        coverage: Share of such intervals that hold the metric of all rows from the same source.
        resamples: Number of resamples. None takes 1,000, fewer for large tests and 200 at least.
        seed: Seed of the draws: the same seed and number of rows draw the same rows.

    Returns:
        One row per metric (index "metric"), columns value, low, high. NaN where a metric is not defined, and where a
        single distinct row shows no spread of an error; a share then has the interval from 0 to 1.

    Raises:
        DataError: As in `evaluate`; the coverage is not between 0 and 1.

    References:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.

    Example:
        >>> outcome = Outcome("multiclass", np.array([0, 1, 2, 1]), np.array([0, 1, 2, 0]))
        >>> intervals(outcome).loc["accuracy"].round(2).to_dict()
        {'value': 0.75, 'low': 0.13, 'high': 0.98}
    """
    measures = measures_of(outcome)
    point = evaluate(outcome)
    resampled: dict[str, list[np.ndarray]] = {name: [] for name in point}
    # All metrics share the resamples of a block, and only (resamples,) per metric is kept of it.
    for weights in draw_weights(outcome, resamples, seed):
        for name, values in apply(measures, weights).items():
            resampled[name].append(values)
    rows = {
        name: (value, *metric_interval(outcome, name, value, np.concatenate(resampled[name]), coverage))
        for name, value in point.items()
    }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["value", "low", "high"], dtype=float)
    return table.rename_axis("metric")


def difference(
    run: Outcome,
    reference: Outcome,
    metric: str,
    *,
    coverage: float = 0.95,
    resamples: int | None = None,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Return the difference of two models on the same rows, with its interval.

    Both are evaluated on the same resamples (paired bootstrap), so that rows that are hard for both do not widen the
    interval: without 0 in it the difference is clear, even where the intervals of the two models overlap. Two models
    that decide alike on almost all rows get an interval that is at least as wide as that of their few differing rows.

    Args:
        run: The first model.
        reference: The second model, on the same rows in the same order.
        metric: A metric that `evaluate` returns for both.
        coverage: As in `intervals`.
        resamples: As in `intervals`.
        seed: As in `intervals`.

    Returns:
        Value, low and high of the metric of `run` minus that of `reference`.

    Raises:
        DataError: The two are not on the same rows, or one has no such metric.

    Example:
        >>> truth = np.array([0, 1] * 50)
        >>> right, wrong = Outcome("multiclass", truth, truth), Outcome("multiclass", truth, 1 - truth)
        >>> difference(right, wrong, "accuracy")
        (1.0, 1.0, 1.0)

    References:
        Bonett and Price, Adjusted Wald Confidence Interval for a Difference of Binomial Proportions Based on Paired
        Data, Journal of Educational and Behavioral Statistics 37, 2012 (few differing rows).
    """
    if run.task != reference.task or not np.array_equal(run.y_true, reference.y_true):
        raise DataError("the two outcomes are not on the same test rows: a difference between them means nothing.")
    pair = [select(measures_of(outcome), metric) for outcome in (run, reference)]

    # Both models on the same resample: what makes a row hard for both cancels.
    def differ(weights: np.ndarray) -> np.ndarray:
        return apply([pair[0]], weights)[metric] - apply([pair[1]], weights)[metric]

    # Weights of 1 are the rows themselves, each once.
    value = float(differ(np.ones((1, len(run.y_true))))[0])
    resampled = [differ(weights) for weights in draw_weights(run, resamples, seed)]
    low, high = percentile_interval(resampled, value, coverage)
    differing = differing_rows(run, reference, metric)
    if metric in DECIDED and differing < FEWEST:
        half = least_half_width(run, metric, differing, coverage)
        low, high = max(-1.0, min(low, value - half)), min(1.0, max(high, value + half))
    return value, low, high


def least_half_width(outcome: Outcome, metric: str, differing: float, coverage: float) -> float:
    """Return the least half width of the interval of a difference in a metric of decisions, where few rows differ."""
    # As if each model were right on a row more, where the other is wrong: rows that do not differ show no spread.
    rows = harmonic_size(group_sizes(outcome, metric))
    return float(stats.norm.ppf((1 + coverage) / 2)) * math.sqrt(differing + 2) / (rows + 2)
