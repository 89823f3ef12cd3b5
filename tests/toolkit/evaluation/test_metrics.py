"""Metrics against scikit-learn and numbers worked by hand."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, t
from sklearn.calibration import calibration_curve

from toolkit.common.errors import DataError
from toolkit.evaluation.bootstrap import draw_weights
from toolkit.evaluation.metrics import (
    LOWER_IS_BETTER,
    PRIMARY,
    Outcome,
    difference,
    evaluate,
    expected_calibration_error,
    intervals,
    reliability,
)
from toolkit.metrics import weighted_metrics


def weighted(outcome: Outcome, weights: np.ndarray) -> dict[str, float]:
    """Every metric under one row of weights."""
    values = weighted_metrics.apply(weighted_metrics.measures_of(outcome), np.asarray(weights, dtype=float)[None, :])
    return {name: float(value[0]) for name, value in values.items()}


def random_outcome(task: str, rows: int, seed: int, outputs: int = 3, levels: int | None = None) -> Outcome:
    """An outcome better than chance; `levels` rounds the probabilities so that many tie."""
    random = np.random.default_rng(seed)
    if task == "regression":
        truth = random.normal(100, 5, (rows, outputs))
        return Outcome(task, truth, truth + random.normal(0, 2, truth.shape))
    if task == "multiclass":
        truth = random.integers(0, outputs, rows)
        logits = random.normal(size=(rows, outputs))
        logits[np.arange(rows), truth] += 1
        if levels:
            logits = np.round(logits * levels) / levels
        chance = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return Outcome(task, truth, chance.argmax(axis=1), chance)
    shape = rows if task == "binary" else (rows, outputs)
    truth = random.integers(0, 2, shape)
    chance = 1 / (1 + np.exp(-random.normal(2.0 * truth - 1, 1.5)))
    if levels:
        chance = np.round(chance * levels) / levels
    return Outcome(task, truth, (chance > 0.5).astype(int), chance)


def scikit_learn(outcome: Outcome, weights: np.ndarray | None = None) -> dict[str, float]:
    """The same metrics from scikit-learn."""
    true, said, chance = outcome.y_true, outcome.y_pred, outcome.probabilities
    w: dict[str, Any] = {"sample_weight": weights}
    if outcome.task == "regression":
        return {
            "rmse": sk.root_mean_squared_error(true, said, **w),
            "mae": sk.mean_absolute_error(true, said, **w),
            "r2": sk.r2_score(true, said, **w),
        }
    if outcome.task == "binary":
        return {
            "accuracy": sk.accuracy_score(true, said, **w),
            "balanced_accuracy": sk.balanced_accuracy_score(true, said, **w),
            "f1": sk.f1_score(true, said, **w),
            "precision": sk.precision_score(true, said, **w),
            "recall": sk.recall_score(true, said, **w),
            "roc_auc": sk.roc_auc_score(true, chance, **w),
            "average_precision": sk.average_precision_score(true, chance, **w),
            "log_loss": sk.log_loss(true, chance, **w),
            "brier_score": sk.brier_score_loss(true, chance, **w),
        }
    if outcome.task == "multiclass":
        return {
            "accuracy": sk.accuracy_score(true, said, **w),
            "balanced_accuracy": sk.balanced_accuracy_score(true, said, **w),
            "f1_macro": sk.f1_score(true, said, average="macro", **w),
            "roc_auc": sk.roc_auc_score(true, chance, multi_class="ovr", average="macro", **w),
            "log_loss": sk.log_loss(true, chance, **w),
        }
    assert chance is not None
    return {
        "hamming_loss": sk.hamming_loss(true, said, **w),
        "subset_accuracy": sk.accuracy_score(true, said, **w),
        "f1_micro": sk.f1_score(true, said, average="micro", **w),
        "f1_macro": sk.f1_score(true, said, average="macro", **w),
        "roc_auc": sk.roc_auc_score(true, chance, average="macro", **w),
        "log_loss": float(np.mean([sk.log_loss(t, c, **w) for t, c in zip(true.T, chance.T, strict=True)])),
    }


@pytest.mark.parametrize("levels", [None, 4])
@pytest.mark.parametrize("task", ["regression", "binary", "multiclass", "multilabel"])
@pytest.mark.parametrize("seed", range(3))
def test_every_metric_is_scikit_learns_with_and_without_weights(task: str, levels: int | None, seed: int) -> None:
    outcome = random_outcome(task, 150, seed, levels=levels)
    expected = scikit_learn(outcome)
    found = evaluate(outcome)
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-10)
    assert all(type(value) is float for value in found.values())
    weights = np.random.default_rng(seed).exponential(size=150)
    expected = scikit_learn(outcome, weights)
    found = weighted(outcome, weights)
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass", "multilabel"])
def test_a_resample_is_the_same_as_rows_repeated(task: str) -> None:
    outcome = random_outcome(task, 80, 5, levels=5)
    counts = np.bincount(np.random.default_rng(1).integers(0, 80, 80), minlength=80)
    chance = None if outcome.probabilities is None else np.repeat(outcome.probabilities, counts, axis=0)
    true, said = (np.repeat(y, counts, axis=0) for y in (outcome.y_true, outcome.y_pred))
    repeated = Outcome(task, true, said, chance)
    assert weighted(outcome, counts) == pytest.approx(evaluate(repeated), rel=1e-10)
    expected = scikit_learn(repeated)
    assert {name: weighted(outcome, counts)[name] for name in expected} == pytest.approx(expected, rel=1e-10)


ZERO: dict[str, Any] = {"zero_division": 0}
ROWS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 6), st.floats(0.01, 5, allow_nan=False)), min_size=2, max_size=40
)


@settings(max_examples=100, deadline=None)
@given(ROWS)
def test_tied_scores_rank_as_in_scikit_learn(rows: list[tuple[bool, int, float]]) -> None:
    true, score, weights = (np.array(column) for column in zip(*rows, strict=True))
    found = weighted(Outcome("binary", true.astype(int), score > 3, scores=score), weights)
    if true.any():
        expected = sk.average_precision_score(true, score, sample_weight=weights)
        assert found["average_precision"] == pytest.approx(expected, rel=1e-9)
    else:
        assert math.isnan(found["average_precision"])
    if 0 < true.sum() < len(true):
        assert found["roc_auc"] == pytest.approx(sk.roc_auc_score(true, score, sample_weight=weights), rel=1e-9)
    else:
        assert math.isnan(found["roc_auc"])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 3)), min_size=1, max_size=30))
def test_the_weighted_median_is_the_median_of_the_repeated_rows(rows: list[tuple[int, int]]) -> None:
    error, counts = (np.array(column) for column in zip(*rows, strict=True))
    if not counts.sum():
        return
    outcome = Outcome("regression", np.zeros((len(error), 1)), error[:, None].astype(float))
    expected = np.median(np.repeat(np.abs(error), counts))
    assert weighted(outcome, counts)["median_absolute_error"] == expected


def test_the_auc_of_four_rows_worked_by_hand() -> None:
    # Of the four pairs (positive, negative), 0.8 beats both, 0.35 beats 0.1 and loses to 0.4: 3 of 4.
    outcome = Outcome("binary", np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    assert evaluate(outcome)["roc_auc"] == 0.75
    # Precision is 1 at the first positive and 2/3 at the second.
    assert evaluate(outcome)["average_precision"] == pytest.approx((1 + 2 / 3) / 2)


def test_certain_and_wrong_costs_what_scikit_learn_says() -> None:
    true = np.array([0, 1, 1])
    binary = Outcome("binary", true, 1 - true, np.array([1.0, 0.0, 1.0]))
    assert evaluate(binary)["log_loss"] == pytest.approx(sk.log_loss(true, [1.0, 0.0, 1.0]), rel=1e-12)
    chance = np.eye(3)[[1, 1, 2]]
    several = Outcome("multiclass", np.array([0, 1, 2]), chance.argmax(axis=1), chance)
    assert evaluate(several)["log_loss"] == pytest.approx(sk.log_loss([0, 1, 2], chance), rel=1e-12)


def test_what_is_not_defined_is_nan_without_a_warning() -> None:
    one_row = evaluate(Outcome("regression", np.array([[3.0]]), np.array([[2.0]])))
    assert one_row["rmse"] == 1
    assert math.isnan(one_row["r2"])
    constant = Outcome("regression", np.full((9, 1), 0.1), np.arange(9.0)[:, None])
    assert math.isnan(evaluate(constant)["r2"])
    ones = np.ones(4, dtype=int)
    one_class = evaluate(Outcome("binary", ones, ones, np.full(4, 0.9)))
    assert math.isnan(one_class["roc_auc"])
    assert one_class["balanced_accuracy"] == one_class["recall"] == 1
    assert one_class["log_loss"] == pytest.approx(-math.log(0.9))
    none_positive = evaluate(Outcome("binary", np.array([0, 1]), np.zeros(2, int), np.array([0.1, 0.2])))
    assert math.isnan(none_positive["precision"])
    assert none_positive["recall"] == none_positive["f1"] == 0
    flat = Outcome("multiclass", np.zeros(3, int), np.zeros(3, int), np.full((3, 2), 0.5))
    assert math.isnan(evaluate(flat)["roc_auc"])
    assert evaluate(flat)["accuracy"] == 1
    table = intervals(Outcome("binary", ones, ones, np.full(4, 0.9)), resamples=50)
    assert table.loc["roc_auc"].isna().all()
    assert table.loc["accuracy", ["value", "high"]].tolist() == [1, 1]


def test_predictions_that_are_not_numbers_give_no_ranking_and_no_median() -> None:
    chance = np.array([0.2, math.nan, 0.7, 0.9])
    broken = evaluate(Outcome("binary", np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]), chance))
    assert all(math.isnan(broken[name]) for name in ("roc_auc", "average_precision", "log_loss", "brier_score"))
    broken = evaluate(Outcome("regression", np.zeros((4, 1)), chance[:, None]))
    assert all(math.isnan(value) for value in broken.values())


def test_a_class_absent_from_the_test_rows_is_left_out_of_the_macro_auc() -> None:
    whole = random_outcome("multiclass", 200, 3, outputs=4)
    assert whole.probabilities is not None
    rows = whole.y_true != 2
    part = Outcome("multiclass", whole.y_true[rows], whole.y_pred[rows], whole.probabilities[rows])
    assert part.probabilities is not None
    each = [sk.roc_auc_score(part.y_true == k, part.probabilities[:, k]) for k in (0, 1, 3)]
    assert evaluate(part, classes=list("abcd"))["roc_auc"] == pytest.approx(np.mean(each))


@pytest.mark.parametrize(("rows", "classes", "levels"), [(300, 120, None), (200, 150, 2), (40, 1, None)])
def test_the_auc_of_thousands_of_classes_is_counted_to_the_same_last_bit(rows: int, classes: int, levels: int) -> None:
    outcome = random_outcome("multiclass", rows, 0, classes, levels)
    truth, chance = outcome.y_true, np.asarray(outcome.probabilities)
    chance[3, truth[0]] = math.nan
    rankings = [weighted_metrics.ranking_metrics(truth == k, chance[:, k], precision=False) for k in np.unique(truth)]
    for weights in draw_weights(outcome, 50, 0):
        with np.errstate(invalid="ignore", divide="ignore"):
            expected = weighted_metrics.mean_of_defined(weighted_metrics.stack_areas(rankings, weights))
            (found,) = weighted_metrics.areas_by_pairs(truth, chance)(weights)
        np.testing.assert_array_equal(found, expected)


def test_a_test_of_thousands_of_classes_takes_seconds_at_most() -> None:
    outcome = random_outcome("multiclass", 3_000, 0, 2_000)
    start = time.perf_counter()
    intervals(outcome, resamples=50)
    assert time.perf_counter() - start < 10  # sorted for each class, it took five times as long


def test_a_label_with_one_value_is_left_out_of_the_macro_auc() -> None:
    whole = random_outcome("multilabel", 100, 4)
    true = whole.y_true.copy()
    true[:, 1] = 0
    assert whole.probabilities is not None
    each = [sk.roc_auc_score(true[:, k], whole.probabilities[:, k]) for k in (0, 2)]
    found = evaluate(Outcome("multilabel", true, whole.y_pred, whole.probabilities))
    assert found["roc_auc"] == pytest.approx(np.mean(each))
    never = Outcome("multilabel", true * [1, 0, 1], whole.y_pred * [1, 0, 1])
    expected = sk.f1_score(never.y_true, never.y_pred, average="macro", **ZERO)
    assert evaluate(never)["f1_macro"] == pytest.approx(expected)


def test_without_probabilities_the_scores_rank_and_the_rest_is_left_out() -> None:
    binary = random_outcome("binary", 60, 0)
    assert binary.probabilities is not None
    margins = Outcome("binary", binary.y_true, binary.y_pred, scores=np.log(binary.probabilities)[:, None])
    assert evaluate(margins)["roc_auc"] == evaluate(binary)["roc_auc"]
    assert set(evaluate(binary)) - set(evaluate(margins)) == {"log_loss", "brier_score"}
    several = random_outcome("multiclass", 60, 0)
    assert list(evaluate(Outcome("multiclass", several.y_true, several.y_pred))) == [
        "accuracy",
        "balanced_accuracy",
        "f1_macro",
    ]


@pytest.mark.parametrize("task", PRIMARY)
def test_the_primary_metric_and_the_direction_of_every_metric_are_known(task: str) -> None:
    names = set(evaluate(random_outcome(task, 20, 0)))
    assert PRIMARY[task] in names
    assert names <= set(LOWER_IS_BETTER)


@pytest.mark.parametrize("metric", LOWER_IS_BETTER)
def test_a_perfect_prediction_is_never_worse_than_a_poor_one(metric: str) -> None:
    for task in PRIMARY:
        poor = random_outcome(task, 50, 1)
        best = Outcome(task, poor.y_true, poor.y_true)
        if task == "multiclass":
            best = Outcome(task, poor.y_true, poor.y_true, np.eye(3)[poor.y_true])
        elif task != "regression":
            best = Outcome(task, poor.y_true, poor.y_true, poor.y_true.astype(float))
        if metric in evaluate(best):
            gain = evaluate(best)[metric] - evaluate(poor)[metric]
            assert (gain < 0) == LOWER_IS_BETTER[metric]


def test_the_interval_of_a_share_is_wilsons_where_all_rows_are_distinct() -> None:
    outcome = random_outcome("binary", 200, 2)
    right = int((outcome.y_true == outcome.y_pred).sum())
    expected = binomtest(right, 200).proportion_ci(0.95, method="wilson")
    table = intervals(outcome, resamples=20_000)
    assert table.loc["accuracy", ["low", "high"]].tolist() == pytest.approx([expected.low, expected.high], abs=0.003)
    narrow = intervals(outcome, coverage=0.5)
    assert np.all(narrow["low"] > table["low"])
    assert np.all(narrow["high"] < table["high"])


@pytest.mark.parametrize("metric", ["mae", "rmse"])
def test_the_interval_of_an_error_is_students_of_its_logarithm(metric: str) -> None:
    errors = np.random.default_rng(1).exponential(size=(150, 1))
    low, high = intervals(Outcome("regression", errors, 0 * errors), resamples=20_000).loc[metric, ["low", "high"]]
    values = errors if metric == "mae" else errors**2
    relative = values.std(ddof=1) / math.sqrt(150) / values.mean()
    # The root halves a relative error: the derivative of its logarithm.
    reach = t.ppf(0.975, 149) * relative * (1 if metric == "mae" else 0.5)
    value = values.mean() if metric == "mae" else math.sqrt(values.mean())
    assert (low, high) == pytest.approx((value * math.exp(-reach), value * math.exp(reach)), rel=0.02)


def test_the_recall_of_a_single_positive_is_anything_from_0_to_1() -> None:
    truth = np.array([1] + [0] * 399)
    chance = np.random.default_rng(0).random(400)
    for called in (truth, 0 * truth):
        table = intervals(Outcome("binary", truth, called, chance))
        assert table.loc["recall", ["low", "high"]].tolist() == [0, 1]
        assert table.loc["roc_auc", ["low", "high"]].tolist() == [0, 1]
        assert table.loc["average_precision", ["low", "high"]].tolist() == [0, 1]
        assert table.loc["balanced_accuracy", "high"] - table.loc["balanced_accuracy", "low"] > 0.3
        assert table.loc["accuracy", "high"] - table.loc["accuracy", "low"] < 0.02


@pytest.mark.parametrize("share", [0, 1])
@pytest.mark.parametrize("positives", [2, 5, 30])
def test_a_share_of_none_or_all_has_an_interval_with_width(positives: int, share: int) -> None:
    truth = np.array([1] * positives + [0] * 100)
    table = intervals(Outcome("binary", truth, share * truth))
    low, high = table.loc["recall", ["low", "high"]]
    exact = binomtest(share * positives, positives).proportion_ci(0.95, method="wilson")
    assert low <= exact.low + 1e-12
    assert high >= exact.high - 1e-12
    assert (low, high)[share] == share
    perfect = intervals(Outcome("binary", truth, truth, truth * 1.0))
    shares = ["accuracy", "balanced_accuracy", "f1", "precision", "recall", "roc_auc", "average_precision"]
    assert (perfect.loc[shares, "low"] < 1).all()


def test_a_class_whose_few_rows_are_all_right_still_has_a_spread() -> None:
    random, held = np.random.default_rng(0), 0
    for _ in range(200):  # recall of 8 positives is 0.8, of 112 negatives 0.9
        truth = np.array([1] * 8 + [0] * 112)
        right = random.random(120) < np.where(truth, 0.8, 0.9)
        low, high = intervals(Outcome("binary", truth, np.where(right, truth, 1 - truth)), resamples=200).loc[
            "balanced_accuracy", ["low", "high"]
        ]
        held += low <= 0.85 <= high
    assert held >= 184  # 92 %; the bootstrap's spread alone gives about 87 %


def test_perfect_answers_on_several_classes_or_labels_have_intervals_with_width() -> None:
    classes = np.arange(60) % 3
    table = intervals(Outcome("multiclass", classes, classes, np.eye(3)[classes]))
    assert (table["low"].drop("log_loss") < 0.99).all()
    labels = np.random.default_rng(0).integers(0, 2, (60, 3))
    table = intervals(Outcome("multilabel", labels, labels, labels.astype(float)))
    assert (table.loc[["subset_accuracy", "f1_micro", "f1_macro", "roc_auc"], "low"] < 0.99).all()
    assert table.loc["hamming_loss", "high"] > 0.01


def test_equal_rows_are_drawn_together() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(size=(40, 1))
    once = Outcome("regression", truth, truth + random.normal(size=(40, 1)))
    repeated = Outcome("regression", *(np.repeat(y, 5, axis=0) for y in (once.y_true, once.y_pred)))
    units = np.repeat(np.arange(40), 5)
    together = dataclasses.replace(repeated, units=units)
    # Five copies of each row say no more than the row does.
    pd.testing.assert_frame_equal(intervals(together), intervals(once), rtol=1e-9)
    assert (
        intervals(repeated).loc["mae"].diff().iloc[1:].abs() < intervals(once).loc["mae"].diff().iloc[1:].abs()
    ).all()
    zero = Outcome("regression", truth, 0 * truth)
    reference = Outcome("regression", repeated.y_true, 0 * repeated.y_true, units=units)
    assert difference(together, reference, "mae") == pytest.approx(difference(once, zero, "mae"))


def test_distinct_units_draw_what_rows_without_units_draw() -> None:
    outcome = random_outcome("binary", 90, 0)
    units = np.random.default_rng(0).permutation(90)
    plain, numbered = (
        np.concatenate(list(draw_weights(o, 50, 3))) for o in (outcome, dataclasses.replace(outcome, units=units))
    )
    assert np.array_equal(plain, numbered)


def test_one_distinct_row_shows_no_spread() -> None:
    once = np.zeros(15, int)
    table = intervals(Outcome("multiclass", once, once, np.full((15, 2), 0.5), units=once))
    assert table.loc["accuracy", ["low", "high"]].tolist() == [0, 1]
    assert table.loc["log_loss", ["low", "high"]].isna().all()


def test_two_models_that_decide_alike_on_few_rows_are_not_shown_to_be_equal() -> None:
    few, many = np.arange(12) % 2, np.arange(1200) % 2
    for truth in (few, many):
        outcome = Outcome("multiclass", truth, truth)
        value, low, high = difference(outcome, outcome, "accuracy")
        assert value == 0
        assert low == -high
        assert high == pytest.approx(1.96 * math.sqrt(2) / (len(truth) + 2), rel=1e-3)


def test_the_interval_of_a_mean_covers_as_often_as_it_says() -> None:
    random, hits = np.random.default_rng(0), 0
    for seed in range(200):
        right = random.random(150) < 0.8
        low, high = intervals(
            Outcome("multiclass", np.ones(150, int), right.astype(int)), resamples=200, seed=seed
        ).loc["accuracy", ["low", "high"]]
        hits += low <= 0.8 <= high
    assert 0.90 <= hits / 200 <= 0.98


def test_intervals_repeat_with_the_seed_and_hold_the_value() -> None:
    outcome = random_outcome("multilabel", 120, 0)
    first, again, other = (intervals(outcome, seed=seed) for seed in (0, 0, 1))
    assert first.equals(again)
    assert not first.equals(other)
    assert list(first.columns) == ["value", "low", "high"]
    assert first.index.name == "metric"
    assert first["value"].to_dict() == evaluate(outcome)
    assert np.all(first["low"] <= first["value"])
    assert np.all(first["value"] <= first["high"])


def test_the_draws_do_not_depend_on_the_size_of_a_block() -> None:
    outcome = random_outcome("multiclass", 90, 0)
    whole, small = (np.concatenate(list(draw_weights(outcome, None, 0, block=size))) for size in (250_000, 400))
    assert np.array_equal(whole, small)


def test_the_paired_difference_sees_what_single_intervals_hide() -> None:
    random = np.random.default_rng(0)
    true = random.integers(0, 2, 1000)
    hard = random.random(1000) < 0.3
    weak = np.where(hard | (random.random(1000) < 0.03), 1 - true, true)
    strong = np.where(hard, 1 - true, true)
    run, other = Outcome("multiclass", true, strong), Outcome("multiclass", true, weak)
    assert intervals(run).loc["accuracy", "low"] < intervals(other).loc["accuracy", "high"]
    value, low, high = difference(run, other, "accuracy")
    assert value == pytest.approx(np.mean(strong == true) - np.mean(weak == true))
    assert 0 < low < value < high
    assert difference(other, run, "accuracy") == pytest.approx((-value, -high, -low))
    assert difference(run, run, "accuracy")[0] == 0


def test_the_interval_of_a_difference_of_means_is_students() -> None:
    random = np.random.default_rng(1)
    true = np.zeros((400, 1))
    one, two = np.abs(random.normal(size=(2, 400, 1)))
    value, low, high = difference(Outcome("regression", true, one), Outcome("regression", true, two), "mae")
    spread = 1.96 * (one - two).std() / 20
    assert (value, low, high) == pytest.approx((np.mean(one - two), value - spread, value + spread), abs=0.02)


def test_outcomes_of_other_rows_are_not_compared() -> None:
    one, two = random_outcome("binary", 30, 0), random_outcome("binary", 30, 1)
    with pytest.raises(DataError, match="same test rows"):
        difference(one, two, "accuracy")


def test_a_misspelt_metric_task_or_coverage_is_named() -> None:
    outcome = random_outcome("binary", 30, 0)
    with pytest.raises(DataError, match="Did you mean 'accuracy'"):
        difference(outcome, outcome, "acuracy")
    with pytest.raises(DataError, match="Did you mean 'binary'"):
        evaluate(Outcome("binari", outcome.y_true, outcome.y_pred))
    with pytest.raises(DataError, match="coverage 95"):
        intervals(outcome, coverage=95)
    with pytest.raises(DataError, match="y_true has 30 rows, y_pred has 29"):
        evaluate(Outcome("binary", outcome.y_true, outcome.y_pred[1:]))
    with pytest.raises(DataError, match="class id 2 has no label: there are 2 classes"):
        evaluate(random_outcome("multiclass", 30, 0), classes=["a", "b"])
    with pytest.raises(DataError, match="no rows"):
        evaluate(Outcome("regression", np.zeros((0, 1)), np.zeros((0, 1))))
    with pytest.raises(DataError, match="no rows"):
        reliability(np.zeros(0), np.zeros(0))


def test_a_test_as_large_as_adults_takes_seconds_at_most() -> None:
    outcome = random_outcome("binary", 16_000, 0)
    start = time.process_time()
    intervals(outcome)
    assert time.process_time() - start < 8  # about 1 s of one free core


def test_the_resamples_fall_to_200_when_the_test_is_large() -> None:
    def count(outcome: Outcome) -> int:
        return sum(len(block) for block in draw_weights(outcome, None, 0))

    assert count(random_outcome("binary", 1000, 0)) == 1000
    assert count(random_outcome("multiclass", 40_000, 0, outputs=30)) == 200


def test_reliability_is_scikit_learns_quantile_calibration_curve() -> None:
    for levels in (None, 10):
        outcome = random_outcome("binary", 700, 3, levels=levels)
        assert outcome.probabilities is not None
        observed, predicted = calibration_curve(outcome.y_true, outcome.probabilities, n_bins=15, strategy="quantile")
        curve = reliability(outcome.y_true, outcome.probabilities)
        assert curve["observed"] == pytest.approx(observed)
        assert curve["predicted"] == pytest.approx(predicted)
        assert curve["count"].sum() == 700
        assert ((curve["low"] <= curve["observed"]) & (curve["observed"] <= curve["high"])).all()


def test_the_wilson_interval_of_eight_in_ten() -> None:
    curve = reliability(np.array([1] * 8 + [0] * 2), np.full(10, 0.8))
    assert (curve["low"][0], curve["high"][0]) == pytest.approx((0.4902, 0.9433), abs=1e-4)  # Wilson 1927's formula


def test_the_calibration_error_of_two_bins_worked_by_hand() -> None:
    chance = np.array([0.2] * 10 + [0.9] * 10)
    true = np.array([1] * 4 + [0] * 6 + [1] * 8 + [0] * 2)
    # |0.4 - 0.2| and |0.8 - 0.9|, ten rows of twenty each.
    assert expected_calibration_error(true, chance) == pytest.approx(0.15)
    assert expected_calibration_error(true[:10] * 0, chance[:10] * 0) == 0


def test_several_classes_are_calibrated_by_the_predicted_one() -> None:
    chance = np.array([[0.7, 0.2, 0.1]] * 10 + [[0.1, 0.1, 0.8]] * 10)
    true = np.array([0] * 7 + [1] * 3 + [2] * 6 + [0] * 4)
    curve = reliability(true, chance)
    assert curve["predicted"].tolist() == pytest.approx([0.7, 0.8])
    assert curve["observed"].tolist() == pytest.approx([0.7, 0.6])
    assert expected_calibration_error(true, chance) == pytest.approx(0.1)


def test_labels_are_pooled() -> None:
    outcome = random_outcome("multilabel", 200, 0)
    assert outcome.probabilities is not None
    pooled = expected_calibration_error(outcome.y_true.ravel(), outcome.probabilities.ravel())
    assert expected_calibration_error(outcome.y_true, outcome.probabilities) == pooled


def test_calibrated_probabilities_have_a_small_calibration_error() -> None:
    random = np.random.default_rng(0)
    chance = random.random(20_000)
    true = (random.random(20_000) < chance).astype(int)
    assert expected_calibration_error(true, chance) < 0.015
    assert expected_calibration_error(true, chance**3) > 0.1


def test_the_auc_of_a_model_that_says_the_same_of_all_rows_is_certain() -> None:
    truth = np.tile([0, 0, 1], 30)
    outcome = Outcome("binary", truth, 0 * truth, np.full(90, 0.3))
    assert intervals(outcome).loc["roc_auc"].tolist() == [0.5, 0.5, 0.5]
