"""Optimizers: the lecture's rules by hand and against Keras, and what each picture claims."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recipes.lessons import optimizers
from recipes.lessons.optimizers import follow, follow_keras
from toolkit.common.errors import DataError


@pytest.fixture(scope="module")
def lesson():
    return optimizers.show()


def test_the_first_two_steps_of_each_rule_are_those_computed_by_hand():
    # The gradient is 2 in the first weight and 0.01 in the second, at every point. Rate 0.1, from (5, 1).
    def steps(rule):
        return follow(rule, lambda _: np.array([2.0, 0.01]), 0.1, 2)

    assert steps("SGD").tolist() == [[5, 1], [4.8, 0.999], [pytest.approx(4.6), pytest.approx(0.998)]]
    # V is 0.1 g after the first step, 0.19 g after the second.
    assert steps("momentum")[1:, 0].tolist() == pytest.approx([5 - 0.02, 5 - 0.02 - 0.038])
    # S is 0.001 g², then 0.001999 g²; without epsilon the steps are rate / sqrt(0.001) and rate / sqrt(0.001999).
    expected = np.cumsum([0.1 / np.sqrt(0.001), 0.1 / np.sqrt(0.001999)])
    assert 5 - steps("RMSprop")[1:, 0] == pytest.approx(expected, rel=1e-4)
    # After the correction both averages are those of the gradient: each step is the rate, whatever its size.
    assert 5 - steps("Adam")[1:, 0] == pytest.approx([0.1, 0.2], rel=1e-6)
    # ... except for epsilon inside the root, 1e-7 against 1e-4 here.
    assert 1 - steps("Adam")[1, 1] == pytest.approx(0.1 * 0.01 / np.sqrt(1e-4 + 1e-7), rel=1e-12)


def test_the_lectures_rules_agree_with_keras_where_the_table_says_so(lesson):
    table = lesson.tables["The lecture's rules in Keras"]
    assert table["the same"].tolist() == [True, True, False, True, True, False]
    assert table.loc[["SGD", "momentum", "RMSprop"], "largest difference"].max() < 1e-14
    assert table.loc["momentum, the rate unchanged", "largest difference"] > 1
    # Epsilon inside or outside the root: no difference for large gradients, half of the distance for small ones.
    assert table.loc["Adam", "largest difference"] < 1e-7
    small = table.loc["Adam, the cost divided by 100,000"]
    assert small["largest difference"] > small["distance covered"] / 2


def test_with_epsilon_outside_the_root_the_lectures_adam_agrees_with_keras():
    import keras

    point, mean, squares = np.array(optimizers.START), np.zeros(2), np.zeros(2)
    for t in range(1, 51):
        g = optimizers.slope(point)
        mean, squares = 0.9 * mean + 0.1 * g, 0.999 * squares + 0.001 * g**2
        # Keras adds epsilon to the root of S before S is corrected.
        correction = np.sqrt(1 - 0.999**t)
        point = point - 2**-7 * mean / (1 - 0.9**t) * correction / (np.sqrt(squares) + 1e-7)
    adam = keras.optimizers.Adam(2.0**-7, beta_1=np.float64(0.9), beta_2=np.float64(0.999), epsilon=1e-7)
    assert follow_keras(adam, optimizers.slope, 50)[-1] == pytest.approx(point, abs=1e-12)


def test_one_step_of_sgd_has_the_numbers_of_the_lecture():
    assert follow("SGD", optimizers.slope, 0.01, 1)[-1].tolist() == pytest.approx([4.5175, 0.9])


def test_the_direction_of_a_valley_matters_only_to_rules_that_scale_each_weight(lesson):
    table = lesson.tables["Down a valley"].set_index(["rule", "valley"])["cost after 20 steps"].unstack()
    along, turned = table["along an axis"], table["turned by 45°"]
    assert along[["SGD", "momentum"]].tolist() == pytest.approx(turned[["SGD", "momentum"]].tolist(), rel=1e-9)
    assert (turned[["RMSprop", "Adam"]] > 10 * along[["RMSprop", "Adam"]]).all()
    assert along[["RMSprop", "Adam"]].max() < along[["SGD", "momentum"]].min()


def test_adam_and_rmsprop_need_smaller_rates_and_the_lectures_momentum_the_rate_of_sgd(lesson):
    table = lesson.tables["How the loss falls"]
    best = table["best rate"]
    assert best[["RMSprop", "Adam"]].max() < best[["SGD", "momentum"]].min() / 5
    assert best["momentum"] == best["SGD"]
    assert table.loc["momentum", "rate in Keras"] == pytest.approx(best["momentum"] / 10)


def test_the_best_rate_is_the_lowest_point_of_the_picture_of_rates(lesson):
    rates = lesson.tables["Each rule has its best rate"].set_index("rate")
    for rule, row in lesson.tables["How the loss falls"].iterrows():
        assert rates[rule].idxmin() == row["best rate"]
        assert rates[rule].min() == pytest.approx(row["training loss"])
        assert row["lowest"] <= row["training loss"] <= row["highest"]


def test_an_own_table_with_the_same_seed_gives_the_same_page(tmp_path):
    x = np.random.default_rng(0).normal(size=(90, 3))
    frame = pd.DataFrame(x, columns=["a", "b", "c"]).assign(price=x[:, 0] - x[:, 1] ** 2)
    pages = [
        optimizers.show(
            frame, target="price", task="regression", seed=3, rules=("SGD", "Adam"), rates=(0.003, 0.03)
        ).report(tmp_path / f"{name}.html")
        for name in "ab"
    ]
    assert pages[0].read_bytes() == pages[1].read_bytes()
    assert pages[0].stat().st_size < 1_000_000


def test_an_unknown_task_is_refused():
    with pytest.raises(DataError, match="task='classify'"):
        optimizers.show(pd.DataFrame({"a": range(40), "b": [0, 1] * 20}), target="b", task="classify")
