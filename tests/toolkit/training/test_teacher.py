"""Soft targets from trees: they help, and say nothing of the fold that a network leaves out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from toolkit import training
from toolkit.builders import mlp
from toolkit.common.errors import DataError
from toolkit.heads import get_head
from toolkit.training import teacher
from toolkit.training.teacher import TaughtRows, soft_targets

ROWS = 240
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, 3))
NUMBERS = np.zeros(3, bool)
FOLDS, UNITS = np.arange(ROWS) % 4, np.arange(ROWS)
TARGETS = {
    "squared": X[:, :1].astype("float32") * X[:, 1:2].astype("float32"),
    "logistic": (X[:, :1] * X[:, 1:2] > 0).astype("float32"),
    "softmax": (X[:, 0] > 0).astype("float32") + (X[:, 1] > 0),
}
TARGETS["squared of two"] = np.hstack([TARGETS["squared"], X[:, 2:].astype("float32")])
HEADS = {
    "squared": get_head("regression", "squared"),
    "squared of two": get_head("regression", "squared"),
    "logistic": get_head("binary", "logistic"),
    "softmax": get_head("multiclass", "softmax"),
}
OUTPUTS = {"squared": 1, "squared of two": 2, "logistic": 1, "softmax": 3}


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(teacher, "_TREES", teacher._TREES | {"max_iter": 30})


def _soft(name: str, y: np.ndarray | None = None, **options: Any) -> Any:
    given = {"networks": 2, "share": 0.5} | options
    units, sample_weight = given.pop("units", UNITS), given.pop("sample_weight", None)
    hard = HEADS[name].soft(TARGETS[name] if y is None else y, OUTPUTS[name])
    return soft_targets(TaughtRows(X, NUMBERS, hard, FOLDS, units, sample_weight), HEADS[name], **given)


def _changed(name: str, rows: np.ndarray) -> np.ndarray:
    """Return the targets with others in some rows."""
    y = TARGETS[name].copy()
    y[rows] = {"logistic": 1 - y[rows], "softmax": 2 - y[rows]}.get(name, 100)
    return y


@pytest.mark.parametrize("name", HEADS)
def test_what_a_network_learns_says_nothing_of_the_fold_that_it_leaves_out(name):
    left_out = FOLDS == 1
    before, after = _soft(name), _soft(name, _changed(name, left_out))
    np.testing.assert_array_equal(before[~left_out, 1], after[~left_out, 1])
    assert (before[~left_out, 0] != after[~left_out, 0]).any()  # the others learn from that fold


@pytest.mark.parametrize("name", HEADS)
def test_trees_do_not_predict_a_row_from_its_own_target_or_from_those_of_its_unit(name):
    pair = np.array([4, 9])
    units = np.where(UNITS == 9, 4, UNITS)
    for known in (units, np.unique(units, return_inverse=True)[1]):
        before, after = (_soft(name, y, units=known, share=1.0) for y in (TARGETS[name], _changed(name, pair)))
        for row in pair:
            networks = np.arange(2) != FOLDS[row]
            np.testing.assert_array_equal(before[row, networks], after[row, networks])


@pytest.mark.parametrize("name", HEADS)
def test_rows_of_the_fold_left_out_keep_their_targets_and_classes_stay_probabilities(name):
    soft, hard = _soft(name), HEADS[name].soft(TARGETS[name], OUTPUTS[name])
    for network in range(2):
        np.testing.assert_array_equal(soft[network == FOLDS, network], hard[network == FOLDS])
    if HEADS[name].link is not None:
        assert soft.min() >= 0
        assert soft.max() <= 1
    if name == "softmax":
        np.testing.assert_allclose(soft.sum(axis=-1), 1, atol=1e-6)


def test_each_of_several_targets_is_learned_by_itself():
    np.testing.assert_array_equal(_soft("squared of two")[..., :1], _soft("squared"))


def test_trees_predict_a_product_of_two_columns():
    soft, y = _soft("squared", share=1.0), TARGETS["squared"]
    learned = FOLDS != 0
    assert np.mean((soft[learned, 0] - y[learned]) ** 2) < 0.7 * y.var()


@pytest.mark.parametrize("networks", [1, 2, 6])
def test_networks_may_be_fewer_or_more_than_folds(networks):
    soft, all_four = _soft("logistic", networks=networks), _soft("logistic", networks=4)
    for network in range(networks):
        np.testing.assert_array_equal(soft[:, network], all_four[:, network % 4])


def test_rows_of_weight_0_teach_nothing():
    weights = (UNITS % 5 > 0).astype(float)
    before, after = (
        _soft("squared", y, sample_weight=weights, share=1.0)
        for y in (TARGETS["squared"], _changed("squared", weights == 0))
    )
    kept = (weights > 0) & (FOLDS != 0)
    np.testing.assert_array_equal(before[kept, 0], after[kept, 0])


@pytest.mark.parametrize("name", ["logistic", "softmax"])
def test_a_class_of_one_row_and_rows_of_one_class_are_learned(name):
    rare = np.zeros_like(TARGETS[name])
    assert (_soft(name, rare)[:, :, 0] == (name == "softmax")).all()
    rare[7] = 1
    soft = _soft(name, rare)
    assert np.isfinite(soft).all()
    assert soft[7, 0, -1 if name == "logistic" else 1] >= 0.5


def test_trees_that_would_take_too_long_are_given_up_after_the_first():
    assert _soft("squared", seconds=1e-3) is None
    assert _soft("squared", seconds=60.0) is not None


@pytest.mark.parametrize(("name", "rows"), [("squared", 24), ("logistic", 24), ("softmax", 24), ("softmax", 40)])
def test_few_rows_are_learned_though_a_tenth_of_them_has_not_all_classes(name, rows):
    hard = HEADS[name].soft(TARGETS[name][:rows], OUTPUTS[name])
    taught = TaughtRows(X[:rows], NUMBERS, hard, FOLDS[:rows], UNITS[:rows])
    soft: Any = soft_targets(taught, HEADS[name], networks=4, share=0.5)
    assert np.isfinite(soft).all()
    assert (soft[:, 0] != hard).any()


@pytest.mark.parametrize("values", [0, 1, 4, 19, 30])
def test_a_column_of_few_values_is_taken(values):
    x = np.column_stack([X[:, 0], np.where(ROWS - values <= UNITS, 1.0, np.nan)])
    taught = TaughtRows(x, np.zeros(2, bool), TARGETS["squared"], FOLDS, UNITS)
    soft = soft_targets(taught, HEADS["squared"], networks=4, share=1.0)
    assert np.isfinite(soft).all()


@pytest.mark.parametrize("name", HEADS)
def test_most_rows_may_have_weight_0(name):
    soft = _soft(name, sample_weight=(UNITS % 17 == 0).astype(float))
    assert np.isfinite(soft).all()


def test_missing_numbers_and_categories_of_more_levels_than_bins_are_taken():
    x = np.column_stack([np.where(UNITS % 3, X[:, 0], np.nan), np.arange(ROWS) * 2.0])
    taught = TaughtRows(x, np.array([False, True]), TARGETS["squared"], FOLDS, UNITS)
    soft = soft_targets(taught, HEADS["squared"], networks=4, share=0.5)
    assert np.isfinite(soft).all()


def _networks(name: str) -> list[Any]:
    return [mlp(3, OUTPUTS[name], hidden=(8,), seed=seed) for seed in range(4)]


@pytest.mark.parametrize("in_turns", [False, True])
@pytest.mark.parametrize("name", HEADS)
def test_targets_that_are_the_same_for_all_networks_give_the_weights_of_a_training_without(name, in_turns):
    x, y = X.astype("float32"), TARGETS[name]
    soft = np.repeat(HEADS[name].soft(y, OUTPUTS[name])[:, None], 4, axis=1)
    options = {"folds": FOLDS, "epochs": 4, "in_turns": in_turns, "progress": False}
    plain, taught = (
        training.fit(_networks(name), HEADS[name], x, y, soft_targets=targets, **options) for targets in (None, soft)
    )
    np.testing.assert_allclose(plain.model(x), taught.model(x), atol=1e-5)
    np.testing.assert_allclose(plain.history["val_loss"], taught.history["val_loss"], rtol=1e-5)


@pytest.mark.parametrize("in_turns", [False, True])
def test_each_network_learns_targets_of_its_own_and_is_validated_on_the_true_ones(in_turns):
    x, y = X.astype("float32"), TARGETS["squared"]
    soft = np.repeat(y[:, None], 4, axis=1)
    soft[:, 1] = 10  # which is far from the truth
    options = {"folds": FOLDS, "epochs": 30, "in_turns": in_turns, "learning_rate": 0.03, "progress": False}
    trained: Any = training.fit(
        _networks("squared"), HEADS["squared"], x, y, soft_targets=soft, min_gradient_norm=1e-9, **options
    )
    assert (trained.history["gradient_norm"] > 0).all()
    scores = np.asarray(trained.members(x))[..., 0]
    assert trained.history["val_loss"].iloc[-1] > 10  # the mean with the second network's
    assert np.abs(scores[:, [0, 2, 3]]).mean() < 2


def test_soft_targets_that_do_not_suit_are_refused():
    x, y = X.astype("float32"), TARGETS["squared"]
    soft = np.repeat(y[:, None], 4, axis=1)
    for options, words in (
        ({"soft_targets": soft}, "needs folds"),
        ({"soft_targets": soft[:, :3], "folds": FOLDS}, r"shape \(240, 3, 1\); expected finite numbers, .*240, 4, 1"),
        ({"soft_targets": soft * np.nan, "folds": FOLDS}, "expected finite numbers"),
    ):
        with pytest.raises(DataError, match=words):
            training.fit(_networks("squared"), HEADS["squared"], x, y, progress=False, **options)
    absolute = get_head("regression", "absolute")
    with pytest.raises(DataError, match="a head of squared error"):
        training.fit(_networks("squared"), absolute, x, y, soft_targets=soft, folds=FOLDS, progress=False)
