"""The interval of a metric, from its value and its standard error over the resamples.

Percentiles of the resampled values are too narrow on few rows: the spread of a resample is smaller than that of a
sample, and the few rows may lack a rare mistake. Here the bootstrap gives the standard error, and the interval is
Student's on a scale on which the metric is about normal:

- A share or an area between 0 and 1 has Wilson's interval, with as many rows as its standard error stands for. Where no
  resample differs, as for a recall of 5 in 5, these are the rows that it rests on.
- An error of 0 or more has Student's interval of its logarithm; r2, which is 1 minus a share of the variance, that of
  the logarithm of this share. Where a few rows decide it, so that the interval would be useless, the standard error is
  that of the resampled logarithms.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from toolkit.common.errors import DataError
from toolkit.evaluation.evidence import group_sizes, harmonic_size, recalls
from toolkit.metrics.outcome import Outcome

__all__ = ["metric_interval"]

_ERRORS = {
    "rmse",
    "mae",
    "median_absolute_error",
    "mean_pinball_loss",
    "interval_width",
    "rank_mae",
    "log_loss",
    "brier_score",
}
# A standard error of so many times the value says nothing about its logarithm.
_LARGEST_RELATIVE = 1.0


def metric_interval(
    outcome: Outcome, metric: str, value: float, resampled: np.ndarray, coverage: float
) -> tuple[float, float]:
    """Return the interval of a metric; NaN where the metric is not defined, or its rows show no spread at all.

    Args:
        outcome: The rows.
        metric: The metric.
        value: Its value on the rows.
        resampled: Its values on the resamples, NaN where not defined, shape (resamples,).
        coverage: Share of such intervals that hold the metric of all rows from the same source.

    Raises:
        DataError: The coverage is not between 0 and 1.

    References:
        Wilson, Probable Inference, JASA 1927. Korn and Graubard, Confidence Intervals for Proportions with Small
        Expected Number of Positive Counts, Survey Methodology 24, 1998 (rows that a standard error stands for). Boyd,
        Eng and Page, Area under the Precision-Recall Curve, ECML 2013 (average precision rests on the positives).
    """
    if not 0 < coverage < 1:
        raise DataError(f"coverage {coverage} is not between 0 and 1.")
    resampled = resampled[np.isfinite(resampled)]
    if not math.isfinite(value) or len(resampled) < 2:
        return math.nan, math.nan
    if metric == "roc_auc" and _says_the_same_of_all(outcome):  # 0.5 whatever the rows are
        return value, value
    is_share = metric not in _ERRORS and metric != "r2"
    sizes = group_sizes(outcome, metric)
    rows, freedom = harmonic_size(sizes), sizes[0] - 1.0
    if len(sizes) == 1 and sizes[0] < 2:  # a single row has no spread
        return (0.0, 1.0) if is_share else (math.nan, math.nan)
    variance = float(resampled.var(ddof=1)) * rows / (rows - 1) if rows > 1 else 0.0
    if len(sizes) > 1:
        least, freedom = _spread_over_groups(outcome, metric, sizes)
        variance = max(variance, least)
    quantile = float(stats.t.ppf((1 + coverage) / 2, max(freedom, 1.0)))
    if is_share:
        counted = value * (1 - value) / variance if variance > 1e-18 and 0 < value < 1 else rows
        return _wilson(value, min(counted, rows) if metric == "average_precision" else counted, quantile)
    if metric == "r2":
        low, high = _around(1 - value, math.sqrt(variance), 1 - resampled, quantile)
        return 1 - high, 1 - low
    return _around(value, math.sqrt(variance), resampled, quantile)


def _says_the_same_of_all(outcome: Outcome) -> bool:
    ranking = outcome.scores if outcome.probabilities is None else outcome.probabilities
    return ranking is not None and bool((ranking == ranking[0]).all())


def _spread_over_groups(outcome: Outcome, metric: str, sizes: list[int]) -> tuple[float, float]:
    """Return the least variance of a mean over classes or labels, and its degrees of freedom.

    Resamples show no spread of a class whose few rows are all right or all wrong. Each class counts with the variance
    of its recall, as if a row more of it were right and one wrong. F1 moves half as far as recall does and half as far
    as precision, so half of this variance is its least; for ROC AUC it is not known.
    """
    shares = np.full(len(sizes), 0.5) if metric == "roc_auc" else recalls(outcome)
    counts = np.maximum(sizes, 1)
    smoothed = (shares * counts + 1) / (counts + 2)
    parts = smoothed * (1 - smoothed) / counts / len(sizes) ** 2
    # Satterthwaite: the classes with the fewest rows have the fewest degrees of freedom.
    freedom = parts.sum() ** 2 / (parts**2 / np.maximum(counts - 1, 1)).sum()
    weight = {"roc_auc": 0.0, "f1_macro": 0.5}.get(metric, 1.0)
    return weight * float(parts.sum()), float(freedom)


def _wilson(value: float, rows: float, quantile: float) -> tuple[float, float]:
    # The ends are the p that lie `quantile` of their standard errors away: |value - p| = q * sqrt(p * (1 - p) / rows).
    square = quantile**2 / rows
    middle = (value + square / 2) / (1 + square)
    half = quantile / (1 + square) * math.sqrt(value * (1 - value) / rows + (quantile / rows) ** 2 / 4)
    return max(0.0, min(value, middle - half)), min(1.0, max(value, middle + half))


def _around(value: float, error: float, resampled: np.ndarray, quantile: float) -> tuple[float, float]:
    """Return the ends of an interval that is symmetric on the scale of the logarithm."""
    if value <= 0 or error == 0:
        return value, value
    relative = error / value
    positive = resampled[resampled > 0]
    if relative > _LARGEST_RELATIVE and len(positive) > 1:
        relative = min(relative, float(np.log(positive).std(ddof=1)))
    factor = math.exp(min(quantile * relative, 50.0))
    return value / factor, value * factor
