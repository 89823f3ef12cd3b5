"""How a metric is spoken of: its label, its meaning, its values and intervals as text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.common.formatting import MINUS, NARROW, UNDEFINED, number, signed

__all__ = [
    "BASELINES",
    "METRICS",
    "Metric",
    "amounts",
    "in_sentence",
    "interval",
    "margin_of",
    "metric_value",
    "scale_of",
]


@dataclass(frozen=True)
class Metric:
    """How a metric is spoken of.

    Attributes:
        label: Its label.
        meaning: What it measures.
        share: Whether it reads as a percentage.
        unit: Whether it has the target's unit.
        margin: Two models whose difference is smaller than this are level.
        relative: Whether the margin is a share of the reference's value.
        ranked: Whether a larger or a smaller value is better.
    """

    label: str
    meaning: str
    share: bool = False
    unit: bool = False
    margin: float = 0.01
    relative: bool = False
    ranked: bool = True


_ERROR: dict[str, Any] = {"margin": 0.02, "relative": True}

METRICS: dict[str, Metric] = {
    "rmse": Metric(
        "RMSE", "root of the mean squared error: a typical error that counts large ones more", unit=True, **_ERROR
    ),
    "mae": Metric("Mean absolute error", "the average size of an error", unit=True, **_ERROR),
    "median_absolute_error": Metric("Median absolute error", "half of the errors are smaller", unit=True, **_ERROR),
    "mean_pinball_loss": Metric(
        "Mean pinball loss", "the average cost of missing a quantile, which it trains for", unit=True, **_ERROR
    ),
    "coverage": Metric(
        "Coverage", "share of the truths inside their interval, to be near what was asked for", share=True, ranked=False
    ),
    "interval_width": Metric("Interval width", "the average width of an interval", unit=True, **_ERROR),
    "r2": Metric("R²", "share of the target's variance that is explained; 1 is perfect, 0 is the mean's"),
    "accuracy": Metric("Accuracy", "share of rows predicted right", share=True),
    "rank_mae": Metric("Mean absolute error in ranks", "how many classes a prediction is off, on average", **_ERROR),
    "balanced_accuracy": Metric("Balanced accuracy", "mean over the classes of the share found", share=True),
    "f1": Metric("F1", "harmonic mean of precision and recall"),
    "f1_macro": Metric("F1, macro", "mean of the F1 of each class or label, all counting alike"),
    "f1_micro": Metric("F1, micro", "F1 over all cells together"),
    "precision": Metric("Precision", "share of the predicted positives that are positive", share=True),
    "recall": Metric("Recall", "share of the positives that were found", share=True),
    "roc_auc": Metric(
        "ROC AUC",
        "share of pairs of a positive and a negative row in which the positive scores higher; 0.5 is guessing",
    ),
    "average_precision": Metric("Average precision", "area under the precision-recall curve"),
    "log_loss": Metric("Log loss", "mean of −log of the probability given to the truth", **_ERROR),
    "brier_score": Metric("Brier score", "mean squared error of the probabilities", **_ERROR),
    "hamming_loss": Metric("Hamming loss", "share of wrong cells, over rows and labels", share=True),
    "subset_accuracy": Metric("Subset accuracy", "share of rows with every label right", share=True),
}
BASELINES = {"dummy": "Dummy", "linear": "Linear model", "tree": "Gradient-boosted trees"}
"""Baseline -> the name a reader sees."""


_PROPER = ("Hamming", "Brier")


def in_sentence(name: str) -> str:
    """Return a metric's label as it reads inside a sentence; a name without a label stays as it is.

    Example:
        >>> in_sentence("accuracy"), in_sentence("roc_auc"), in_sentence("f1_macro")
        ('accuracy', 'ROC AUC', 'F1, macro')
    """
    label = METRICS[name].label if name in METRICS else name
    # RMSE, ROC AUC, R² and F1 keep their capitals inside a sentence, and so do Brier and Hamming.
    return label if not label[1:2].islower() or label.split()[0] in _PROPER else label[0].lower() + label[1:]


def margin_of(name: str, reference: float) -> float:
    """Return how small a difference to a reference's value is no difference in practice.

    Example:
        >>> margin_of("accuracy", 0.9), margin_of("rmse", 50.0)
        (0.01, 1.0)
    """
    metric = METRICS.get(name, Metric(name, "", **_ERROR))
    return metric.margin * (abs(reference) if metric.relative else 1.0)


def _fixed(name: str, values: list[float]) -> list[str]:
    """Format values of a metric that are read together with the same number of decimals."""
    metric = METRICS.get(name)
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if metric is not None and metric.share:
        texts = [f"{100 * value:.1f}" for value in values]
    elif largest >= 1e10 or (0 < largest < 5e-4 and name != "r2"):
        return [number(value) for value in values]
    else:
        decimals = 3 if not largest else 3 - math.floor(math.log10(largest))  # four significant digits
        if metric is not None and not metric.unit:  # on a scale around 1: three digits, whatever the value
            decimals = min(decimals, 3)
        # Fewer than 0 decimals round to tens or hundreds: 123,456 -> 123,500.
        texts = [f"{round(value, decimals):,.{max(0, decimals)}f}" for value in values]
    return [text.replace("-", MINUS) if text.strip("-0.,") else text.lstrip("-") for text in texts]


def scale_of(metric: str) -> int:
    """Return 100 for a share, whose differences are told in percentage points, and 1 for other metrics."""
    return 100 if metric in METRICS and METRICS[metric].share else 1


def amounts(metric: str, values: Sequence[float | None], *, sign: bool = False) -> list[str]:
    """Format differences of a metric with the same number of decimals; those of shares in percentage points.

    Args:
        metric: scikit-learn's name of the metric.
        values: The differences; None and NaN are "not defined".
        sign: Whether those above 0 get a plus sign.

    Example:
        >>> amounts("accuracy", [-0.0029, 0.011], sign=True), amounts("roc_auc", [0.00123, None])
        (['−0.3', '+1.1'], ['0.001', 'not defined'])
    """
    scale = scale_of(metric)
    scaled = [None if value is None else scale * value for value in values]
    largest = max((abs(value) for value in scaled if value is not None and math.isfinite(value)), default=0.0)
    if not largest or largest >= 1e6 or largest < 1e-6:  # decimals would be too many or none
        texts = [number(value, 3) for value in scaled]
    else:
        # The decimals of the metric's own values; where all would be 0 so, and in the target's unit, three digits.
        decimals = 1 if scale == 100 else 3
        if largest < 0.5 * 10**-decimals or metric not in METRICS or METRICS[metric].unit:
            decimals = max(0, 2 - math.floor(math.log10(largest)))
        texts = [
            signed(f"{value:,.{decimals}f}") if value is not None and math.isfinite(value) else number(value)
            for value in scaled
        ]
    positive = [sign and value is not None and value > 0 for value in values]
    return [f"+{text}" if plus else text for text, plus in zip(texts, positive, strict=True)]


def metric_value(name: str, value: float | None) -> str:
    r"""Format a metric's value: shares in percent, others with the digits that matter.

    Args:
        name: scikit-learn's name of the metric.
        value: Its value; None and NaN are "not defined".

    Returns:
        The text.

    Example:
        >>> (
        ...     metric_value("accuracy", 0.98551).replace("\u202f", " "),
        ...     metric_value("roc_auc", 0.9231),
        ...     metric_value("r2", None),
        ... )
        ('98.6 %', '0.923', 'not defined')
    """
    if value is None or math.isnan(value):
        return UNDEFINED
    return _fixed(name, [value])[0] + _sign(name)


def interval(name: str, low: float | None, high: float | None) -> str:
    r"""Format an interval of a metric, both ends with the same digits.

    Args:
        name: scikit-learn's name of the metric.
        low: Lower end; None and NaN make the interval "not defined".
        high: Upper end.

    Returns:
        The text.

    Example:
        >>> (
        ...     interval("accuracy", 0.957, 1.0).replace("\u202f", " "),
        ...     interval("rmse", 51234.2, 53999.9),
        ...     interval("r2", -0.2, 0.31),
        ... )
        ('95.7–100.0 %', '51,230–54,000', '−0.200 to 0.310')
    """
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return UNDEFINED
    ends = _fixed(name, [low, high])
    # A dash beside a minus sign would read as another minus.
    joint = " to " if MINUS in "".join(ends) or "×" in "".join(ends) else "–"
    return joint.join(ends) + _sign(name)


def _sign(name: str) -> str:
    return f"{NARROW}%" if name in METRICS and METRICS[name].share else ""
