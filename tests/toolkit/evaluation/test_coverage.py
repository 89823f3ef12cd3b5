"""The intervals hold the truth as often as they say (`tests/benchmarks/coverage.py` measures more tables)."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from tests.helpers.generated import outcomes
from toolkit.evaluation.metrics import PRIMARY, evaluate, intervals


@pytest.mark.parametrize("task", PRIMARY)
def test_the_intervals_of_small_test_parts_hold_the_metrics_of_many_fresh_rows(task: str) -> None:
    held = []
    for seed in range(24):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scikit-learn's networks are stopped early on purpose
            small, fresh = outcomes(task, seed, (120, 10_000))
        truth, table = evaluate(fresh), intervals(small, resamples=300)
        held += [row["low"] <= truth[str(metric)] <= row["high"] for metric, row in table.iterrows()]
    # About a hundred or more intervals, but those of a table are correlated, and fresh rows are not the truth either.
    assert 0.89 <= np.mean(held) <= 0.995
