"""Comparisons against SciPy, numbers from papers and worked by hand, and the rate at which they find nothing."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

from toolkit.common.errors import DataError
from toolkit.evaluation.differences import (
    Difference,
    corrected_t,
    over_splits,
    pooled_bootstrap,
    verdict,
)
from toolkit.evaluation.metrics import Outcome, difference, evaluate

# --- over splits ----------------------------------------------------------------------------------------------------


def test_the_corrected_test_is_the_one_worked_by_hand() -> None:
    # Mean 0.01, variance 0.001 / 4; error sqrt(0.00025 * (1/5 + 20/80)) = 0.010607; t(0.975, 4) = 2.776445.
    found = corrected_t([0.02, 0.00, 0.03, 0.01, -0.01], 80, 20)
    half = 2.776445 * math.sqrt(0.00025 * 0.45)
    assert (found.value, found.low, found.high) == pytest.approx((0.01, 0.01 - half, 0.01 + half), rel=1e-6)
    assert found.p == pytest.approx(2 * stats.t.sf(0.01 / math.sqrt(0.00025 * 0.45), 4), rel=1e-12)
    assert (found.n, found.over, found.method) == (5, "5 splits", "corrected resampled t-test")


def test_without_correlation_it_is_the_ordinary_paired_t_test() -> None:
    values = np.random.default_rng(0).normal(0.3, 1, 12)
    expected = stats.ttest_1samp(values, 0)
    found = corrected_t(values, 80, 20, 0.9, correlation=0.0)
    interval = expected.confidence_interval(0.9)
    assert (found.low, found.high, found.p) == pytest.approx((interval.low, interval.high, expected.pvalue), rel=1e-12)
    assert found.coverage == 0.9


def test_the_least_correction_is_none_and_the_default_is_nadeau_and_bengios() -> None:
    values = [0.1, 0.2, 0.4]
    plain, default, same = (corrected_t(values, 80, 20, correlation=c) for c in (0.0, None, 0.2))
    assert default.high - default.low > plain.high - plain.low
    assert (same.low, same.high, same.p) == pytest.approx((default.low, default.high, default.p), rel=1e-12)


def test_one_split_has_no_interval_and_says_so() -> None:
    found = corrected_t([0.2], 80, 20)
    assert found.value == 0.2
    assert np.isnan([found.low, found.high, found.p]).all()
    assert "one split gives no interval" in found.method
    assert not found.clear
    assert verdict("a", "b", "accuracy", found).endswith("a is 20.0 points higher over 1 split, without an interval.")


def test_splits_that_all_say_the_same_have_no_interval_unless_nothing_differs() -> None:
    none = corrected_t([0.0] * 5, 80, 20)
    assert (none.value, none.low, none.high, none.p) == (0.0, 0.0, 0.0, 1.0)
    assert verdict("a", "b", "accuracy", none) == "A and b have the same accuracy over 5 splits."
    # Three thirtieths, whose float sum leaves round-off for a spread.
    same = corrected_t([1 / 30, 1 / 30, 0.3 - 0.2 - 2 / 30], 120, 30)
    assert same.value == pytest.approx(1 / 30)
    assert math.isnan(same.low)
    assert not same.clear


@pytest.mark.parametrize(
    ("values", "train", "test", "keywords"),
    [
        ([], 80, 20, {}),
        ([0.1, math.nan], 80, 20, {}),
        ([0.1, 0.2], 0, 20, {}),
        ([0.1, 0.2], 80, 20, {"correlation": 1.0}),
        ([0.1, 0.2], 80, 20, {"correlation": -0.1}),
        ([0.1, 0.2], 80, 20, {"coverage": 95}),
    ],
)
def test_numbers_out_of_their_range_are_refused(values: list[float], train: int, test: int, keywords: dict) -> None:
    with pytest.raises(DataError):
        corrected_t(values, train, test, **keywords)


def split_pairs(kind: str, random: np.random.Generator, splits: int, fixed: bool = False) -> tuple:
    """Two models that are equal on average, on random 80/20 splits of 300 rows.

    "initial": one small network, twice: random hidden units, a ridge regression on top, so that the seed of the
    hidden units is all that differs. "features": ridge regressions on the first and on the second half of ten columns
    that matter alike, so that nothing but the rows decides which is better here. "both": such a network on each half.
    """
    x = random.normal(size=(300, 10))
    bend = 1.5 * np.sin(2 * x[:, 0]) * x[:, 1] if kind == "initial" else 0.0
    y = (x.sum(axis=1) / 2 + bend + random.normal(size=300) > 0).astype(int)
    order = random.permutation(300)
    found: tuple[list[Outcome], list[Outcome], list[np.ndarray]] = ([], [], [])
    for _ in range(splits):
        order = order if fixed else random.permutation(300)
        test, train = order[:60], order[60:]
        for side in range(2):
            inputs = x if kind == "initial" else x[:, 5 * side : 5 * side + 5]
            if kind != "features":
                inputs = np.maximum(inputs @ random.normal(size=(inputs.shape[1], 8)) + random.normal(size=8), 0)
            inputs = np.column_stack([inputs, np.ones(300)])
            gram = inputs[train].T @ inputs[train] + np.eye(inputs.shape[1])
            scores = inputs[test] @ np.linalg.solve(gram, inputs[train].T @ (2.0 * y[train] - 1))
            found[side].append(Outcome("binary", y[test], (scores > 0).astype(int), scores=scores))
        found[2].append(test)
    return found


@pytest.mark.parametrize(("kind", "splits"), [("initial", 5), ("initial", 10), ("features", 5), ("both", 5)])
def test_equal_models_are_told_apart_in_five_per_cent_of_the_tables(kind: str, splits: int) -> None:
    """200 tables: 2 to 8 %. Nadeau and Bengio's bound finds under 2 % for one network, no correction over 10 % else."""
    random = np.random.default_rng(3)
    clear, bound, plain = 0, 0, 0
    for _ in range(200):
        ones, twos, rows = split_pairs(kind, random, splits)
        clear += over_splits(ones, twos, rows, "accuracy", train_rows=240, resamples=200).clear
        values = [evaluate(one)["accuracy"] - evaluate(two)["accuracy"] for one, two in zip(ones, twos, strict=True)]
        bound += corrected_t(values, 240, 60).clear
        plain += corrected_t(values, 240, 60, correlation=0).clear
    assert 4 <= clear <= 16
    if kind == "initial":
        assert bound < 4
    else:
        assert plain > 20


@pytest.mark.parametrize("metric", ["accuracy", "roc_auc", "f1"])
def test_the_measured_correlation_lies_between_none_and_nadeau_and_bengios(metric: str) -> None:
    ones, twos, rows = split_pairs("both", np.random.default_rng(0), 5)
    values = [evaluate(one)[metric] - evaluate(two)[metric] for one, two in zip(ones, twos, strict=True)]
    found = over_splits(ones, twos, rows, metric, train_rows=240)
    least, most = corrected_t(values, 240, 60, correlation=0.0), corrected_t(values, 240, 60)
    assert found.value == pytest.approx(least.value, rel=1e-12)
    assert least.high - least.low < found.high - found.low < most.high - most.low
    assert found == over_splits(ones, twos, rows, metric, train_rows=240)


def test_models_that_the_same_rows_make_the_same_get_the_whole_correction() -> None:
    """Which of two fixed rules is right depends on the row alone: two splits' differences share what their rows do."""
    random = np.random.default_rng(1)
    truth = random.integers(0, 2, 400)
    first, second = (np.where(random.random(400) < 0.2, 1 - truth, truth) for _ in range(2))
    rows = [random.permutation(400)[:100] for _ in range(8)]
    ones, twos = ([Outcome("multiclass", truth[r], said[r]) for r in rows] for said in (first, second))
    found = over_splits(ones, twos, rows, "accuracy", train_rows=300, resamples=4000)
    values = [evaluate(one)["accuracy"] - evaluate(two)["accuracy"] for one, two in zip(ones, twos, strict=True)]
    most = corrected_t(values, 300, 100)
    assert found.high - found.low == pytest.approx(most.high - most.low, rel=0.05)


def test_a_split_without_the_metric_is_left_out() -> None:
    ones, twos, rows = split_pairs("both", np.random.default_rng(2), 3)
    nothing = np.zeros(60, int)
    blank = [Outcome("binary", nothing, nothing, scores=np.arange(60.0))]
    found = over_splits(ones + blank, twos + blank, [*rows, rows[0]], "roc_auc", train_rows=240)
    assert found == over_splits(ones, twos, rows, "roc_auc", train_rows=240)
    assert found.n == 3
    undefined = over_splits(blank, blank, [rows[0]], "roc_auc", train_rows=240)
    assert (undefined.n, undefined.clear) == (1, False)
    assert np.isnan([undefined.value, undefined.low, undefined.high]).all()


def test_pairs_on_other_rows_are_refused() -> None:
    ones, twos, rows = split_pairs("both", np.random.default_rng(2), 2)
    with pytest.raises(DataError, match="not on the same test rows"):
        over_splits(ones, twos[::-1], rows, "accuracy", train_rows=240)
    with pytest.raises(DataError, match="one number for each test row"):
        over_splits(ones, twos, rows[:1], "accuracy", train_rows=240)
    with pytest.raises(DataError, match="2 outcomes against 1"):
        over_splits(ones, twos[:1], rows, "accuracy", train_rows=240)
    with pytest.raises(DataError, match="Did you mean 'accuracy'"):
        over_splits(ones, twos, rows, "acuracy", train_rows=240)
    with pytest.raises(DataError, match="use over_splits"):
        pooled_bootstrap(ones, twos, "accuracy")


# --- one test set ---------------------------------------------------------------------------------------------------


def test_one_training_has_the_paired_bootstrap_of_the_metrics() -> None:
    ones, twos, _ = split_pairs("both", np.random.default_rng(4), 1)
    found = pooled_bootstrap(ones, twos, "roc_auc", seed=3)
    assert (found.value, found.low, found.high) == difference(ones[0], twos[0], "roc_auc", seed=3)
    assert math.isnan(found.p)
    assert found.over == "60 test rows"


def test_trainings_that_all_say_the_same_leave_the_doubt_of_the_rows() -> None:
    """Then the error is that of a mean of paired differences: their standard deviation by the root of their number."""
    random = np.random.default_rng(5)
    truth = random.integers(0, 2, 500)
    first, second = (np.where(random.random(500) < rate, 1 - truth, truth) for rate in (0.2, 0.3))
    one, two = (Outcome("multiclass", truth, said) for said in (first, second))
    found = pooled_bootstrap([one] * 4, [two] * 4, "accuracy", resamples=4000)
    each = (first == truth).astype(float) - (second == truth)
    assert found.value == pytest.approx(each.mean(), rel=1e-12)
    assert (found.high - found.low) / 2 == pytest.approx(1.965 * each.std() / math.sqrt(500), rel=0.05)
    assert found.over == "4 trainings and 500 test rows"


def test_rows_that_all_say_the_same_leave_the_doubt_of_the_trainings() -> None:
    """Predictions off by one number for all rows: the rows add nothing, and it is the t-test over the trainings."""
    truth = np.arange(50.0)[:, None]
    offs = np.array([0.5, 0.9, 0.1, 0.6])
    ones = [Outcome("regression", truth, truth + 1 + off) for off in offs]
    found = pooled_bootstrap(ones, [Outcome("regression", truth, truth + 1)] * 4, "mae")
    expected = stats.ttest_1samp(offs, 0)
    interval = expected.confidence_interval(0.95)
    assert (found.low, found.high, found.p) == pytest.approx((interval.low, interval.high, expected.pvalue), rel=1e-6)


@pytest.mark.parametrize(("metric", "trainings"), [("accuracy", 5), ("roc_auc", 10)])
def test_equal_networks_are_told_apart_in_five_per_cent_of_the_test_sets(metric: str, trainings: int) -> None:
    random = np.random.default_rng(4)
    clear = 0
    for _ in range(200):
        ones, twos, _rows = split_pairs("initial", random, trainings, fixed=True)
        clear += pooled_bootstrap(ones, twos, metric, resamples=200).clear
    assert 4 <= clear <= 16


# --- in words -------------------------------------------------------------------------------------------------------


def found(value: float, low: float, high: float) -> Difference:
    return Difference(value, low, high, 0.5, "by hand", 5, "5 splits")


@pytest.mark.parametrize(
    ("metric", "apart", "says"),
    [
        (
            "accuracy",
            found(-0.003, -0.010, 0.004),
            "Hinge and softmax are level in accuracy: softmax is 0.3 points higher (95 % interval −0.4 to 1.0 over 5 "
            "splits).",
        ),
        (
            "accuracy",
            found(0.052, 0.031, 0.073),
            "Hinge is clearly better than softmax in accuracy: 5.2 points higher (95 % interval 3.1 to 7.3 over 5 "
            "splits).",
        ),
        (
            "rmse",
            found(310.2, 120.4, 500.1),
            "Softmax is clearly better than hinge in RMSE: 310 lower (95 % interval 120 to 500 over 5 splits).",
        ),
        (
            "hamming_loss",
            found(-0.012, -0.022, 0.001),
            "Hinge and softmax do not differ clearly in Hamming loss: hinge is 1.2 points lower (95 % interval −0.1 "
            "to 2.2 over 5 splits).",
        ),
        (
            "roc_auc",
            found(-0.0123, -0.02, -0.0045),
            "Softmax is clearly better than hinge in ROC AUC: 0.012 higher (95 % interval 0.004 to 0.020 over 5 "
            "splits).",
        ),
        (
            "f1_macro",
            found(0.0, -0.02, 0.02),
            "Hinge and softmax do not differ clearly in F1, macro: the mean difference is 0 (95 % interval −0.020 to "
            "0.020 over 5 splits).",
        ),
        (
            "precision",
            found(math.nan, math.nan, math.nan),
            "Hinge and softmax can't be compared in precision, which is not defined over 5 splits.",
        ),
    ],
)
def test_a_verdict_names_the_better_one_in_the_metrics_own_direction(metric: str, apart: Difference, says: str) -> None:
    assert verdict("hinge", "softmax", metric, apart) == says


def test_fewer_than_five_splits_are_too_few_for_a_verdict_and_still_have_an_interval() -> None:
    for splits in (1, 2, 4):
        apart = corrected_t([0.05 + 0.001 * split for split in range(splits)], 80, 20)
        said = verdict("hinge", "softmax", "accuracy", apart)
        assert said.startswith(f"Hinge and softmax: too few seeds for a verdict ({splits}; 5 are needed). In accuracy ")
        assert ("95 % interval" in said) == (splits > 1)
        assert not apart.clear
    enough = corrected_t([0.05 + 0.001 * split for split in range(5)], 80, 20)
    assert enough.clear
    assert verdict("hinge", "softmax", "accuracy", enough).startswith(
        "Hinge is clearly better than softmax in accuracy"
    )


def test_one_training_on_the_users_own_test_set_may_be_judged() -> None:
    truth = np.arange(300) % 2
    apart = pooled_bootstrap(
        [Outcome("multiclass", truth, truth)],
        [Outcome("multiclass", truth, np.where(np.arange(300) < 60, 1 - truth, truth))],
        "accuracy",
    )
    assert apart.clear
    assert "too few" not in verdict("hinge", "softmax", "accuracy", apart)


def test_level_needs_the_whole_interval_within_the_margin() -> None:
    near = Difference(0.001, -0.004, 0.006, 0.5, "by hand", 9, "9 splits")
    assert "Hinge and softmax are level in accuracy: hinge is 0.1 points higher" in verdict(
        "hinge", "softmax", "accuracy", near
    )
    error = Difference(0.1, -0.4, 0.6, 0.5, "by hand", 9, "9 splits")
    assert "do not differ clearly" in verdict("hinge", "softmax", "rmse", error)
    assert "are level in RMSE" in verdict("hinge", "softmax", "rmse", dataclasses.replace(error, reference=40.0))


def test_the_interval_of_two_splits_ends_where_shares_cannot_differ_more():
    truth, rows = np.array([0, 1] * 10), [np.arange(20), np.arange(10, 30)]
    right, wrong = Outcome("multiclass", truth, truth), Outcome("multiclass", truth, 0 * truth)
    found = over_splits([right, wrong], [wrong, wrong], rows, "accuracy", train_rows=80)
    assert (found.value, found.low, found.high) == (0.25, -1.0, 1.0)
