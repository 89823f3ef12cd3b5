"""When a training in cycles of the learning rate skips the last cycle, and when another one follows."""

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


@pytest.mark.parametrize(
    ("losses", "goes_on"),
    [
        ({30: 1.0, 64: 0.94}, True),
        ({30: 1.0, 64: 0.96}, False),  # too little
        ({30: 1.0, 50: 0.9, 64: 0.95}, False),  # the best epoch does not lie at the end
        ({30: 1.0, 60: 0.9, 64: 0.95}, True),
        ({30: -0.8, 64: -0.85}, True),  # a metric that should be high comes with a minus
        ({30: -0.8, 64: -0.82}, False),
        ({30: 0.0, 64: 0.0}, False),
    ],
)
def test_another_cycle_follows_where_the_last_one_lowered_the_loss_clearly_and_was_best_at_its_end(losses, goes_on):
    best = Best(WEIGHTS, None, 1, 300, third_cycle(64))
    for epoch in range(1, 65):
        best.update(epoch, np.array([losses.get(epoch, 2.0)]), lambda: WEIGHTS)
    assert best.still_improves(30, 64) == goes_on
    again = Best(WEIGHTS, None, 1, 300, third_cycle(64))
    again.restore(*best.state())
    assert again.still_improves(30, 64) == goes_on
    assert not Best(WEIGHTS, None, 1, 300, third_cycle(64)).still_improves(30, 64), "nothing was validated"
