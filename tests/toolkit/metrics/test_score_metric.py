"""Metrics of raw scores against those of `evaluate`."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from toolkit.evaluation.metric_names import METRICS
from toolkit.evaluation.metrics import Outcome, evaluate
from toolkit.heads import HEADS
from toolkit.metrics.score_metric import SCORE_METRICS, score_metric

RNG = np.random.default_rng(0)
TARGETS = {
    "regression": RNG.normal(size=(80, 2)),
    "binary": RNG.integers(0, 2, (80, 1)).astype("float32"),
    "multiclass": RNG.integers(0, 3, 80),
    "multilabel": RNG.integers(0, 2, (80, 4)).astype("float32"),
}
UNITS = {"regression": 2, "binary": 1, "multiclass": 3, "multilabel": 4}


@pytest.mark.parametrize("head", [head for head in HEADS.values() if head.link or head.task == "regression"])
def test_the_values_are_those_of_the_evaluation(head):
    y = TARGETS[head.task][:, :1] if head.quantiles else TARGETS[head.task]
    scores = RNG.normal(size=(80, head.units(1 if head.quantiles else UNITS[head.task]))).astype("float32")
    decided = head.points(scores) if head.quantiles else head.decide(scores)
    outcome = Outcome(head.task, y, decided, head.probabilities(scores), scores, ordered=head.ordered)
    evaluated = evaluate(outcome)
    for name in set(SCORE_METRICS[head.task]) - (set() if head.ordered else {"rank_mae"}):
        assert score_metric(name, head)(y, scores) == pytest.approx(evaluated[name], rel=1e-6)
        assert name in METRICS


def test_margins_are_ranked_and_decided_on():
    y, scores = TARGETS["multiclass"], RNG.normal(size=(80, 3)).astype("float32")
    head = HEADS["multiclass", "hinge"]
    expected = np.mean([sklearn_metrics.roc_auc_score(y == k, scores[:, k]) for k in range(3)])
    assert score_metric("roc_auc", head)(y, scores) == pytest.approx(expected)
    accuracy = sklearn_metrics.accuracy_score(y, scores.argmax(axis=1))
    assert score_metric("accuracy", head)(y, scores) == pytest.approx(accuracy)


def test_weights_count_rows_as_often_as_they_say():
    y, scores = TARGETS["binary"], RNG.normal(size=(80, 1)).astype("float32")
    times = RNG.integers(1, 4, 80)
    for name in SCORE_METRICS["binary"]:
        metric = score_metric(name, HEADS["binary", "logistic"])
        assert metric(y, scores, times) == pytest.approx(metric(np.repeat(y, times, 0), np.repeat(scores, times, 0)))


def test_errors_are_in_the_users_units():
    y, scores = TARGETS["regression"], RNG.normal(size=(80, 2)).astype("float32")
    scale = np.array([10.0, 100.0])
    error = np.abs(y - scores).mean(axis=0) * scale
    assert score_metric("mae", HEADS["regression", "squared"], scale)(y, scores) == pytest.approx(error.mean())
