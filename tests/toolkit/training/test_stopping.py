"""When a training in cycles of the learning rate skips the last cycle."""

from __future__ import annotations

import numpy as np
import pytest

from toolkit.training.stopping import Best, third_cycle

WEIGHTS = [np.zeros(1)]


@pytest.mark.parametrize(
    ("lowest", "last", "stops"),
    [
        (1.0, 1.05, True),
        (1.0, 1.03, False),
        (-0.9, -0.8, False),  # a metric that should be high comes with a minus
        (0.0, 0.1, False),
    ],
)
def test_training_stops_after_a_third_cycle_that_ended_far_above_its_lowest_loss(lowest, last, stops):
    best = Best(WEIGHTS, None, 1, 64, third_cycle(64))
    reasons = []
    for epoch in range(1, 31):
        loss = lowest if epoch == 20 else last if epoch == 30 else 2.0
        reasons.append(best.update(epoch, np.array([loss]), lambda: WEIGHTS))
    reason = "validation became clearly worse in the third learning-rate cycle"
    assert reasons == [None] * 29 + [reason if stops else None]
    assert best.epochs.tolist() == [20]
