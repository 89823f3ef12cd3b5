"""Errors of regression."""

from __future__ import annotations

import numpy as np
import pytest

from toolkit.report.summary.values import short


def test_regression_bands_hold_nine_tenths_of_the_errors_and_the_histogram_all(results, summaries):
    outcome = results["regression"].outcome
    target = summaries["regression"]["results"]["targets"][0]
    errors = (outcome.y_true - outcome.y_pred)[:, 0]
    assert sum(target["histogram"]["counts"]) == sum(target["bands"]["rows"]) == len(errors)
    first = np.argsort(outcome.y_pred[:, 0], kind="stable")[: target["bands"]["rows"][0]]
    assert target["bands"]["error_middle"][0] == pytest.approx(np.median(errors[first]), rel=5e-3)
    assert target["bands"]["error_low"][0] == pytest.approx(np.quantile(errors[first], 0.05), rel=5e-3)
    assert len(target["points"]["true"]) == len(errors)
    told = {
        *target["histogram"]["edges"],
        *(v for name in ("low", "middle", "high") for v in target["bands"][f"error_{name}"]),
    }
    assert not told & set(short(errors)), "with its prediction, an exact error is the cell of a row"


def test_errors_are_described_in_the_targets_unit(comparisons, compared):
    one, found = comparisons["regression"], compared["regression"]["errors"][0]
    for label, entry in zip(one.labels, found["contenders"], strict=True):
        errors = np.concatenate(
            [(o.y_true - o.y_pred)[:, 0] for o in (one.trials[label, s].outcome for s in one.seeds)]
        )
        assert sum(entry["counts"]) == entry["counted"] == len(errors)
        assert entry["mean"] == pytest.approx(errors.mean())
        assert entry["size_half"] == pytest.approx(np.median(np.abs(errors)), rel=5e-3)
        assert entry["sizes"][-1] == pytest.approx(np.abs(errors).max(), rel=5e-3)
    assert compared["regression"]["margins"] is None
    assert compared["regression"]["reliability"] is None
