"""The intervals hold the truth as often as they say (`tests/benchmarks/coverage.py` measures more tables)."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from tests.helpers.generated import outcomes
from toolkit.evaluation.metrics import PRIMARY, evaluate, intervals
from toolkit.metrics.outcome import Outcome


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


def test_an_interval_that_a_few_rows_decide_stays_readable() -> None:
    rng = np.random.default_rng(0)
    truth = np.exp(4 * rng.normal(size=60))
    table = intervals(Outcome("regression", truth, np.full(60, truth.mean())), resamples=300)
    assert np.isfinite(table.to_numpy(dtype=float)).all()
    assert table.loc["r2", "low"] > -1e4
