"""Plain values for JSON, and the few figures that several sections share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.common.formatting import plain
from toolkit.evaluation.comparison_result import ComparisonResult, Trial
from toolkit.evaluation.metrics import Outcome

__all__ = ["clean", "clipped_histogram", "contenders_of", "pooled", "sample", "share", "short", "spread"]


def clean(value: Any) -> Any:
    """Return what strict JSON can hold: NaN and infinities become None, values of unknown types their text."""
    if isinstance(value, Mapping):
        return {plain(key): clean(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return clean(value.tolist())
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    return plain(value)


def short(values: Any) -> list[float]:
    """Return numbers rounded to five significant digits, finer than any screen, so that page and JSON stay small.

    Example:
        >>> short([1.23456789, 2.0])
        [1.2346, 2.0]
    """
    return [float(f"{value:.5g}") for value in np.asarray(values, dtype=float).ravel()]


def contenders_of(comparison: ComparisonResult) -> list[list[Trial]]:
    """Return the trials of each contender, the reference first, in the order of the seeds."""
    return [[comparison.trials[label, seed] for seed in comparison.seeds] for label in comparison.labels]


def pooled(trials: Sequence[Trial], measure: Callable[[Outcome], NDArray[Any] | None]) -> NDArray[Any] | None:
    """Return a measure of the outcomes of all trials together, or None where one of them has no such measure."""
    values = [values for trial in trials if (values := measure(trial.outcome)) is not None]
    return np.concatenate(values) if len(values) == len(trials) else None


def spread(values: Iterable[float]) -> dict[str, float]:
    """Return the mean, the lowest and the highest of the values that are finite."""
    finite = [float(value) for value in values if math.isfinite(value)]
    if not finite:
        return {"value": math.nan, "low": math.nan, "high": math.nan}
    return {"value": float(np.mean(finite)), "low": min(finite), "high": max(finite)}


def share(part: int, total: int) -> dict[str, float]:
    """Return a share with its 95 % Wilson interval, which stays honest for few rows and for shares of 0 and 1.

    Returns:
        `value`, `low` and `high`; NaN where `total` is 0.

    References:
        Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 1927.

    Example:
        >>> {name: round(value, 3) for name, value in share(35, 35).items()}
        {'value': 1.0, 'low': 0.901, 'high': 1.0}
    """
    if not total:
        return {"value": math.nan, "low": math.nan, "high": math.nan}
    z, value = 1.959963984540054, part / total
    # The ends are the p that lie z of their own standard errors away: |value - p| = z * sqrt(p * (1 - p) / total).
    center = (value + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * math.sqrt(value * (1 - value) / total + z**2 / (4 * total**2))
    return {"value": value, "low": max(0.0, center - half), "high": min(1.0, center + half)}


def sample(random: np.random.Generator, size: int, count: int) -> NDArray[np.int64]:
    """Return at most `count` positions below `size`, drawn at random, in order."""
    return np.sort(random.choice(size, count, replace=False)) if size > count else np.arange(size)


def clipped_histogram(values: NDArray[Any], edges: NDArray[Any]) -> dict[str, Any]:
    """Count values in bins; the outer bins also hold what lies `beyond` them."""
    inside = np.clip(values, edges[0], edges[-1])
    return {"counts": np.histogram(inside, edges)[0], "beyond": (inside != values).sum()}
