"""Bootstrap: resamples of the test rows as row weights, and the interval that they give."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from toolkit.common.errors import DataError
from toolkit.metrics.outcome import Outcome
from toolkit.metrics.weighted_metrics import BLOCK

__all__ = ["draw_weights", "percentile_interval"]

# Rows x outputs x resamples that take about three seconds; above it there are fewer resamples than 1,000.
_WORK = 200_000_000


def draw_weights(outcome: Outcome, resamples: int | None, seed: int, *, block: int = BLOCK) -> Iterator[np.ndarray]:
    """Yield blocks of weights, shape (resamples, rows): how often each row was drawn in each resample.

    Equal rows are drawn together, since a model answers alike on them (cluster bootstrap).

    Args:
        outcome: The rows; outcomes of one shape and the same units get the same draws.
        resamples: Number of resamples. None takes 1,000, fewer for large tests and 200 at least.
        seed: Seed of the draws.
        block: Largest number of weights per block.
    """
    rows = len(outcome.y_true)
    if resamples is None:
        shaped = outcome.y_true if outcome.probabilities is None else outcome.probabilities
        outputs = shaped.shape[1] if shaped.ndim == 2 else 1
        resamples = int(np.clip(_WORK // (rows * outputs), 200, 1000))
    # A resample is a row of counts, so that no row is copied:
    #      drawn rows  0 3 3 1 0  ->  weights of rows 0 to 4  2 1 0 2 0
    random = np.random.default_rng(seed)
    # units 7 7 2 -> the rows' columns among the distinct units: 1 1 0, so that equal rows get equal weights.
    column, units = None, rows
    if outcome.units is not None and (units := outcome.distinct()) < rows:
        column = np.unique(outcome.units, return_inverse=True)[1]
    step = max(1, block // rows)
    for start in range(0, resamples, step):
        count = min(step, resamples - start)
        # Unit i of resample k is counted at k * units + i, so that one bincount serves the whole block.
        positions = random.integers(0, units, size=(count, units)) + units * np.arange(count)[:, None]
        weights = np.bincount(positions.ravel(), minlength=count * units).reshape(count, units).astype(float)
        yield weights if column is None else weights[:, column]


def percentile_interval(resampled: list[np.ndarray], value: float, coverage: float) -> tuple[float, float]:
    """Return the middle `coverage` of resampled values; NaN where the value itself is not defined."""
    if not 0 < coverage < 1:
        raise DataError(f"coverage {coverage} is not between 0 and 1.")
    values = np.concatenate(resampled)
    # A resample may lack a class, and then some metrics are not defined on it.
    values = values[np.isfinite(values)]
    if not math.isfinite(value) or not len(values):
        return math.nan, math.nan
    # coverage 0.95 -> percentiles 2.5 and 97.5
    low, high = np.percentile(values, [50 * (1 - coverage), 50 * (1 + coverage)])
    return float(low), float(high)
