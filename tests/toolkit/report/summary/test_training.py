"""Learning curves."""

from __future__ import annotations

import pytest


def test_a_learning_curve_is_the_mean_over_the_seeds_until_the_first_one_ends(comparisons, compared):
    one, curve = comparisons["multiclass"], compared["multiclass"]["training"]["curves"][0]
    first, second = (one.trials["softmax", seed].history["val_accuracy"].to_numpy() for seed in one.seeds)
    assert len(first) == len(second) + 2 == len(curve["mean"]) + 2
    assert curve["mean"] == pytest.approx((first[: len(second)] + second) / 2, rel=1e-4)
    assert curve["low"][3] == pytest.approx(min(first[3], second[3]), rel=1e-4)
