"""Heads: decisions, probabilities, losses and metrics of raw scores, against scikit-learn and worked numbers."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from toolkit.common.errors import DataError
from toolkit.heads import (
    DEFAULT_HEADS,
    HEADS,
    Head,
    get_head,
)
from toolkit.losses import BinaryHinge, SoftmaxCrossentropy

SCORES = np.random.default_rng(0).normal(scale=3, size=(50, 4))


def test_every_task_has_a_default_head_in_the_table():
    for task, name in DEFAULT_HEADS.items():
        assert HEADS[task, name].task == task


def test_binary_decides_at_a_score_of_zero_and_not_at_one_half():
    head = get_head("binary", "logistic")
    assert head.decide(np.array([[-0.1], [0.2], [0.6]])).tolist() == [0, 1, 1]
    assert head.probabilities(np.array([[0.0], [np.log(3)]])) == pytest.approx([0.5, 0.75])


def test_multilabel_decides_each_label_by_itself():
    head = get_head("multilabel", "logistic")
    assert head.decide(np.array([[-1.0, 0.3], [2.0, -5.0]])).tolist() == [[0, 1], [1, 0]]


def test_multiclass_loss_equals_log_loss_of_its_probabilities():
    head = get_head("multiclass", "softmax")
    y = np.arange(50) % 4
    expected = sk.log_loss(y, head.probabilities(SCORES))
    assert float(head.loss()(y, SCORES.astype("float32"))) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("task", ["binary", "multilabel"])
def test_logistic_loss_equals_log_loss_of_its_probabilities(task):
    head = get_head(task, "logistic")
    scores = SCORES[:, :1] if task == "binary" else SCORES
    y = (np.random.default_rng(1).random(scores.shape) < 0.5).astype("float32")
    chances = np.reshape(head.probabilities(scores), scores.shape)
    expected = np.mean([sk.log_loss(y[:, k], chances[:, k]) for k in range(scores.shape[1])])
    assert float(head.loss()(y, scores.astype("float32"))) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("name", "expected"), [("squared", (4 + 0.25) / 2), ("absolute", 1.25), ("huber", 0.8125)])
def test_regression_losses_by_hand(name, expected):
    # errors 2 and 0.5; Huber with delta 1: 1 * (2 - 0.5) and 0.125
    loss = get_head("regression", name).loss()
    assert float(loss(np.zeros((2, 1)), np.array([[2.0], [0.5]], "float32"))) == pytest.approx(expected)


@pytest.mark.parametrize("key", [key for key, head in HEADS.items() if head.keras_metrics()])
def test_the_metric_of_the_curves_agrees_with_the_keras_metric(key):
    head = HEADS[key]
    units = 1 if head.task == "binary" else 4
    scores = SCORES[:, :units].astype("float32")
    rng = np.random.default_rng(2)
    y = {
        "regression": rng.normal(size=scores.shape),
        "multiclass": rng.integers(0, units, 50),
    }.get(head.task, rng.integers(0, 2, scores.shape))
    (metric,) = head.keras_metrics()
    metric.update_state(y, scores)
    shown = float(metric.result())
    measured = head.measure(y, scores)
    if head.task == "regression":
        assert measured == pytest.approx(np.mean(sk.root_mean_squared_error(y, scores, multioutput="raw_values")))
    else:
        assert (1 - measured if head.metric == "hamming_loss" else measured) == pytest.approx(shown, rel=1e-6)


def test_quantiles_are_sorted_and_the_median_between_them_is_the_prediction():
    head, scores = get_head("regression", "quantile", quantiles=[0.1, 0.6, 0.8]), np.array([[0.3, -1.0, 0.1]])
    assert head.decide(scores).tolist() == [[-1.0, 0.1, 0.3]]
    assert head.points(scores)[0] == pytest.approx(-1.0 + 0.8 * 1.1)  # 0.5 is at four fifths from 0.1 to 0.6
    assert head.measure(np.array([[0.5]]), scores, np.array([10.0])) == pytest.approx(6.2)
    assert get_head("regression", "quantile", quantiles=(0.6, 0.8)).points(scores[:, 1:]).tolist() == [[-1.0]]
    assert (head.units(1), head.quantile_names, head.coverage) == (3, ["0.1", "0.6", "0.8"], 0.7)


def test_cumulative_logits_give_the_probabilities_worked_by_hand():
    head = get_head("multiclass", "ordinal")
    tenth = 1 / (1 + np.e)  # 0.2689
    scores = np.array([[1.0, -1.0], [-1.0, 1.0], [800.0, 790.0], [-30.0, -1000.0]])
    found = np.asarray(head.probabilities(scores))
    assert found[:2] == pytest.approx(np.array([[tenth, 1 - 2 * tenth, tenth]] * 2))  # crossed ones are sorted
    assert (found >= 0).all()
    assert found.sum(axis=1) == pytest.approx(1)
    assert found[3, 1] == pytest.approx(np.exp(-30.0), rel=1e-9)
    assert head.decide(np.array([[1.0, -1.0], [2.0, 1.5], [-2.0, -3.0]])).tolist() == [1, 2, 0]
    assert (head.units(4), head.ordered, head.keras_metrics()) == (3, True, [])


def test_regression_error_is_shown_in_the_targets_own_units():
    head = get_head("regression", "squared")
    assert head.measure(np.array([[0.0], [0.0]]), np.array([[1.0], [-1.0]]), np.array([250.0])) == 250.0


def test_a_head_of_ones_own_is_a_value_of_a_few_lines():
    poisson = Head("poisson", "regression", keras.losses.Poisson, None, "Poisson deviance")
    assert get_head("regression", poisson) is poisson
    with pytest.raises(DataError, match="for regression, and this is binary"):
        get_head("binary", poisson)


def test_a_head_says_what_its_scores_mean_and_which_margin_its_loss_requires():
    found = {key: (head.meaning, head.margin) for key, head in HEADS.items()}
    assert found["multiclass", "softmax"] == ("a logit", None)
    assert found["binary", "hinge"] == found["multiclass", "squared_hinge"] == ("a margin", 1.0)
    assert found["regression", "huber"] == ("a number", None)  # its delta is no margin
    own = Head("soft", "binary", lambda: BinaryHinge(delta=0.5), None, "a margin of one half")
    assert own.margin == 0.5


def test_an_unknown_head_names_the_nearest():
    with pytest.raises(DataError, match="Did you mean 'softmax'"):
        get_head("multiclass", "sofmax")


def test_a_cross_entropy_is_smoothed_as_keras_smooths_it_on_one_hot_targets():
    scores, ids = np.array([[2.0, -1.0, 0.5], [0.0, 3.0, 1.0]], np.float32), np.array([0, 2])
    ours = get_head("multiclass", "softmax").smoothed(0.1)(ids, scores)
    keras_own = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    assert float(ours) == pytest.approx(float(keras_own(np.eye(3)[ids], scores)), rel=1e-6)
    # Of two classes at 0.1, the right one is expected in 95 of 100.
    score = np.array([[1.5]], np.float32)
    expected = -(0.95 * np.log(1 / (1 + np.exp(-1.5))) + 0.05 * np.log(1 / (1 + np.exp(1.5))))
    assert float(get_head("binary", "logistic").smoothed(0.1)(np.ones((1, 1)), score)) == pytest.approx(expected, 1e-6)


def test_only_a_cross_entropy_can_be_smoothed():
    with pytest.raises(DataError, match="label_smoothing is for cross-entropy"):
        get_head("binary", "hinge").smoothed(0.1)
    with pytest.raises(DataError, match="from 0 to below 1"):
        get_head("binary", "logistic").smoothed(1.0)
    assert not get_head("regression", "squared").can_be_smoothed


def test_soft_targets_are_for_the_loss_of_a_default_head_whatever_the_head_is_called():
    taking = {key for key, head in HEADS.items() if head.takes_soft_targets}
    assert taking == {("regression", "squared"), ("binary", "logistic"), ("multiclass", "softmax")}
    softmax = get_head("multiclass", "softmax")
    assert replace(softmax, name="cross-entropy").takes_soft_targets
    assert not replace(softmax, loss=SoftmaxCrossentropy).takes_soft_targets  # which takes class ids
    assert not replace(softmax, link=None).takes_soft_targets
