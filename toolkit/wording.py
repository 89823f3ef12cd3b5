"""Numbers and names as people write them, the same in every report and picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = [
    "BASELINES",
    "METRICS",
    "Metric",
    "duration",
    "interval",
    "isolated",
    "metric_value",
    "number",
    "percent",
    "plain",
]

NARROW = "\u202f"  # the narrow space that a unit keeps from its number, and that never breaks a line
MINUS = "\u2212"
UNDEFINED = "not defined"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_CONTROL = {code: "\ufffd" for code in (*range(32), 127, *range(128, 160)) if code not in (9, 10, 13)}


@dataclass(frozen=True)
class Metric:
    """How a metric is spoken of: its label, what it measures, and whether it reads as a percentage."""

    label: str
    meaning: str
    share: bool = False
    unit: bool = False


METRICS: dict[str, Metric] = {
    "rmse": Metric("RMSE", "root of the mean squared error: a typical error that counts large ones more", unit=True),
    "mae": Metric("Mean absolute error", "the average size of an error", unit=True),
    "median_absolute_error": Metric("Median absolute error", "half of the errors are smaller", unit=True),
    "r2": Metric("R²", "share of the target's variance that is explained; 1 is perfect, 0 is the mean's"),
    "accuracy": Metric("Accuracy", "share of rows predicted right", share=True),
    "balanced_accuracy": Metric("Balanced accuracy", "mean over the classes of the share found", share=True),
    "f1": Metric("F1", "harmonic mean of precision and recall"),
    "f1_macro": Metric("F1, macro", "mean of the F1 of each class or label, all counting alike"),
    "f1_micro": Metric("F1, micro", "F1 over all cells together"),
    "precision": Metric("Precision", "share of the predicted positives that are positive", share=True),
    "recall": Metric("Recall", "share of the positives that were found", share=True),
    "roc_auc": Metric("ROC AUC", "chance that a positive is scored above a negative; 0.5 is guessing"),
    "average_precision": Metric("Average precision", "area under the precision-recall curve"),
    "log_loss": Metric("Log loss", "mean of −log of the probability given to the truth"),
    "brier_score": Metric("Brier score", "mean squared error of the probabilities"),
    "hamming_loss": Metric("Hamming loss", "share of wrong cells, over rows and labels", share=True),
    "subset_accuracy": Metric("Subset accuracy", "share of rows with every label right", share=True),
}
BASELINES = {"dummy": "Dummy", "linear": "Linear model", "tree": "Gradient-boosted trees"}
"""Baseline -> the name a reader sees."""


def number(value: float | None, digits: int = 4) -> str:
    """Say a number with at most so many significant digits; thousands are set apart, whole parts never rounded.

    Args:
        value: The number; None and NaN are "not defined".
        digits: Significant digits of a number that is not whole.

    Returns:
        The text.

    Example:
        >>> number(52137.8), number(0.98734), number(12), number(-3.5), number(None)
        ('52,138', '0.9873', '12', '−3.5', 'not defined')
        >>> number(0.0000123), number(2.5e12)
        ('1.23 × 10⁻⁵', '2.5 × 10¹²')
    """
    if value is None or math.isnan(value):
        return UNDEFINED
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    size = abs(value)
    if size and (size < 1e-4 or size >= 1e10):
        mantissa, power = f"{size:.{digits - 1}e}".split("e")
        text = f"{mantissa.rstrip('0').rstrip('.')} × 10{str(int(power)).translate(_SUPERSCRIPT)}"
    else:
        places = 0 if not size else max(0, digits - 1 - math.floor(math.log10(size)))
        text = f"{size:,.{places}f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
    return f"{MINUS}{text}" if value < 0 and text.strip("0.,") else text


def percent(value: float | None, places: int = 1) -> str:
    r"""Say a share from 0 to 1 in per cent.

    Args:
        value: The share; None and NaN are "not defined".
        places: Digits after the point; none, all and nothing need none.

    Returns:
        The text, with a narrow space before the sign.

    Example:
        >>> [percent(share).replace("\u202f", " ") for share in (0.9856, 0.99, 1.0, None)]
        ['98.6 %', '99.0 %', '100 %', 'not defined']
    """
    if value is None or math.isnan(value):
        return UNDEFINED
    text = f"{abs(100 * value):,.{0 if value in (0, 1) else places}f}"
    sign = MINUS if value < 0 and text.strip("0.,") else ""
    return f"{sign}{text}{NARROW}%"


def _fixed(name: str, values: list[float]) -> list[str]:
    """Say values of a metric that are read together with the same digits after the point."""
    metric = METRICS.get(name)
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if metric is not None and metric.share:
        texts = [f"{100 * value:.1f}" for value in values]
    elif largest >= 1e10 or (0 < largest < 5e-4 and name != "r2"):
        return [number(value) for value in values]
    else:
        places = 3 if not largest else 3 - math.floor(math.log10(largest))  # four significant digits
        if metric is not None and not metric.unit:  # on a scale around 1: three digits, whatever the value
            places = min(places, 3)
        texts = [f"{round(value, places):,.{max(0, places)}f}" for value in values]
    return [text.replace("-", MINUS) if text.strip("-0.,") else text.lstrip("-") for text in texts]


def metric_value(name: str, value: float | None) -> str:
    r"""Say a metric's value: shares in per cent, others with the digits that matter.

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
    r"""Say an interval of a metric; both ends with the same digits.

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
    joint = " to " if MINUS in "".join(ends) or "×" in "".join(ends) else "–"
    return joint.join(ends) + _sign(name)


def _sign(name: str) -> str:
    return f"{NARROW}%" if name in METRICS and METRICS[name].share else ""


def duration(seconds: float | None) -> str:
    r"""Say how long something took.

    Args:
        seconds: The time; None is "not measured".

    Returns:
        The text.

    Example:
        >>> [duration(s).replace("\u202f", " ") for s in (0.0123, 4.26, 75, 7322)]
        ['12 ms', '4.3 s', '1 min 15 s', '2 h 2 min']
    """
    if seconds is None or math.isnan(seconds):
        return "not measured"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f}{NARROW}ms"
    if seconds < 59.95:
        return f"{seconds:.1f}{NARROW}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}{NARROW}min {whole % 60}{NARROW}s"
    return f"{whole // 3600}{NARROW}h {whole % 3600 // 60}{NARROW}min"


def isolated(text: str) -> str:
    """Return text of the user's to stand inside a sentence, so that its direction of writing ends where it ends.

    Args:
        text: A name or a label.

    Returns:
        The text between the Unicode isolates, which can't be seen.

    Example:
        >>> len(isolated("abc"))
        5
    """
    return f"\u2068{text}\u2069"


def plain(value: object) -> str:
    r"""Return a user's value as text that any page and JSON file can hold.

    Control characters and halves of surrogate pairs, which HTML forbids, become the replacement sign.

    Args:
        value: A label, a column's name, a cell.

    Returns:
        The text.

    Example:
        >>> plain("a\x00b"), plain(3.0), plain("\ud800")
        ('a\ufffdb', '3', '?')
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return str(value).translate(_CONTROL).encode("utf-8", "replace").decode("utf-8")
