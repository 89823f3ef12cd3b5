"""The perceptron's rule: when it stops, and when it never does."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Perceptron

from recipes.lessons import perceptron


@pytest.fixture(scope="module")
def lesson():
    return perceptron.show()


def test_the_rule_gives_the_weights_worked_by_hand():
    x, y = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([1, -1])
    trained = perceptron.learn(x, y, np.array([-1.0, 0.0, 0.0]), rate=0.5)
    # (2, 1) scores -2, and its label is +1: w + (2, 1, 1) = 1, 1, 1. Then (1, 3) scores 5, label -1: 0, -2, 0.
    # In the second pass (2, 1) scores -2: 2, -1, 1. Then (1, 3) scores 0, which is the answer -1: no change.
    assert trained.corrections[["w1", "w2", "b"]].to_numpy().tolist() == [[1, 1, 1], [0, -2, 0], [2, -1, 1]]
    assert trained.corrections[["score before", "score after"]].to_numpy().tolist() == [[-2, 4], [5, -6], [-2, 4]]
    assert trained.stopped == 3


@pytest.mark.parametrize("separable", [True, False])
def test_the_weights_are_those_of_scikit_learn(separable):
    x, y = perceptron.samples(3, separable=separable)
    start = np.array([0.3, -0.2, 0.1])
    trained = perceptron.learn(x, y, start, passes=7)
    passes = len(trained.weights) - 1
    reference = Perceptron(eta0=1.0, shuffle=False, tol=None, max_iter=passes)
    reference.fit(x, y, coef_init=start[None, :2], intercept_init=start[2:])
    assert trained.weights[-1] == pytest.approx([*reference.coef_[0], *reference.intercept_])


@pytest.mark.parametrize("seed", range(5))
def test_on_separable_rows_there_are_no_more_corrections_than_novikoff_allows(seed):
    x, y = perceptron.samples(seed, separable=True)
    trained = perceptron.learn(x, y, np.zeros(3), passes=1000)
    best = perceptron.references(x, y, strict=True)["SVM"]
    rows = np.column_stack([x, np.ones(len(x))])
    margin = (y * (rows @ best)).min() / np.linalg.norm(best)
    assert trained.stopped is not None
    assert 0 < len(trained.corrections) <= (np.linalg.norm(rows, axis=1).max() / margin) ** 2


def test_a_correction_moves_the_rows_own_score_towards_its_label(lesson):
    table = lesson.table
    assert (table["y"] != table["answer"]).all()
    assert ((table["score after"] - table["score before"]) * table["y"] > 0).all()


def test_it_stops_if_a_line_separates_the_classes_and_goes_on_if_none_does(lesson):
    table = lesson.tables["It stops, or it never does"]
    assert table["separable"].dropna().iloc[-1] == 0
    assert (table["overlapping"] > 0).all()
    assert len(table) == perceptron.PASSES


def test_each_order_gives_a_different_line_and_the_svm_the_widest_margin(lesson):
    table = lesson.tables["Which line it finds"]
    assert (table["rows on the wrong side"] == 0).all()
    assert (
        len(table.filter(like="perceptron", axis=0)["distance of the nearest row"].round(6).unique())
        == perceptron.ORDERS
    )
    assert table["distance of the nearest row"].idxmax() == "SVM"
    assert table["distance of the nearest row"].sort_values().index[-2] == "logistic regression"
    assert np.hypot(table["w1"], table["w2"]).to_numpy() == pytest.approx(np.ones(len(table)))


def test_on_overlapping_classes_the_perceptron_jumps_and_the_references_stay(lesson):
    table = lesson.tables["When no line separates the classes"]
    assert table["perceptron"].iloc[1:].nunique() > 3
    assert table["SVM"].nunique() == table["logistic regression"].nunique() == 1
    assert table["perceptron"].iloc[-10:].mean() > table["SVM"].iloc[0]


def test_a_seed_gives_the_same_page_and_another_seed_another(lesson, tmp_path):
    first = lesson.report(tmp_path / "a").read_bytes()
    assert first == perceptron.show(seed=0).report(tmp_path / "b").read_bytes()
    assert first != perceptron.show(seed=1).report(tmp_path / "c").read_bytes()
    assert all(picture.alt for picture in lesson.pictures if picture.figure is not None)
