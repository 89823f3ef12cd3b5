"""Searching for weights: the loss and its gradient against outside oracles, and the claims of each picture."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import approx_fprime
from sklearn.metrics import log_loss

from recipes.lessons import search
from toolkit.common.errors import DataError

RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def lesson():
    return search.show()


def problem(classes):
    x = np.column_stack([RANDOM.normal(size=(40, 3)), np.ones(40)])
    y = np.eye(3)[RANDOM.integers(0, 3, 40)] if classes else RANDOM.normal(size=(40, 2))
    return search.Problem(x, y, classes)


@pytest.mark.parametrize("classes", [True, False])
def test_the_gradient_agrees_with_finite_differences(classes):
    example = problem(classes)
    w = RANDOM.normal(size=example.shape)
    numerical = approx_fprime(w.ravel(), lambda flat: example.loss(flat.reshape(example.shape)), 1e-6)
    loss, slope = example.gradient(w)
    assert loss == example.loss(w)
    assert slope.ravel() == pytest.approx(numerical, abs=1e-5)


def test_the_loss_is_scikit_learns_for_classes_and_half_the_squared_error_for_numbers():
    example = problem(True)
    w = RANDOM.normal(size=example.shape)
    odds = np.exp(example.x @ w)
    probabilities = odds / odds.sum(axis=1, keepdims=True)
    assert example.loss(w) == pytest.approx(log_loss(example.y.argmax(axis=1), probabilities, labels=[0, 1, 2]))
    exact = search.Problem(np.ones((2, 1)), np.array([[1.0], [3.0]]), classes=False)
    assert exact.loss(np.array([[0.0]])) == (1 + 9) / 2 / 2


def test_gradient_descent_at_its_rate_never_raises_the_loss():
    example = problem(False)
    run = search.search(example, "gradient descent", 300, seed=0)
    assert (np.diff(run.best) <= 0).all()
    # The best weights of all, which many steps approach.
    best = np.linalg.lstsq(example.x, example.y)[0]
    assert run.best[-1] == pytest.approx(example.loss(best), rel=1e-3)


def test_every_strategy_gets_the_same_number_of_evaluations_a_gradient_counting_as_three(lesson):
    table = lesson.tables["The result of each search"]
    assert table.index.tolist() == list(search.STRATEGIES)
    assert table["evaluations"].tolist() == [3_000, 3_000, 3_000]
    assert table["steps"].tolist() == [2_999, 2_999, 1_000]


def test_the_gradient_beats_local_search_and_local_search_beats_guessing(lesson):
    loss = lesson.tables["The result of each search"]["training loss"]
    assert loss["gradient descent"] < loss["random local search"] / 4 < loss["random search"] / 20
    accuracy = lesson.tables["The result of each search"]["accuracy, test rows"]
    assert accuracy["gradient descent"] > 0.9
    assert accuracy["random search"] < 0.4


def test_the_picture_of_evaluations_starts_at_the_loss_of_equal_probabilities(lesson):
    first = lesson.tables["The same number of evaluations"].iloc[0]
    assert first[list(search.STRATEGIES)].tolist() == pytest.approx([np.log(10)] * 3, abs=0.01)


def test_within_the_same_seconds_the_gradient_is_ahead(lesson):
    table = lesson.tables["The same seconds"]
    assert table["milliseconds"].is_monotonic_increasing
    assert table.iloc[-1][list(search.STRATEGIES)].astype(float).idxmin() == "gradient descent"


def test_the_cosine_of_a_random_direction_shrinks_with_the_number_of_weights(lesson):
    row = lesson.tables["The direction of a random step"].iloc[0]
    # The cosine of a random direction has standard deviation 1 / sqrt(weights).
    assert row["spread of the cosine"] == pytest.approx(1 / np.sqrt(row["weights"]), rel=0.05)
    assert row["typical cosine"] == pytest.approx(np.sqrt(2 / np.pi / row["weights"]), rel=0.05)
    assert abs(row["share that goes down"] - 0.5) < 0.03


def test_the_same_seed_gives_the_same_tables():
    first, again = (search.show(evaluations=300).tables for _ in range(2))
    for title in ("The same number of evaluations", "The direction of a random step", "The result of each search"):
        pd.testing.assert_frame_equal(again[title], first[title])


def test_an_own_table_can_have_a_numeric_target(tmp_path):
    x = np.random.default_rng(1).normal(size=(120, 2))
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "price": 3 * x[:, 0] - x[:, 1]})
    lesson = search.show(frame, target="price", task="regression")
    assert lesson.tables["The result of each search"].loc["gradient descent", "R², test rows"] == pytest.approx(
        1, abs=1e-6
    )
    assert lesson.report(tmp_path / "search.html").stat().st_size < 1_000_000


def test_multilabel_is_refused():
    with pytest.raises(DataError, match="multiclass, binary, regression"):
        search.show(pd.DataFrame({"a": range(40), "b": [0, 1] * 20}), target="b", task="multilabel")
