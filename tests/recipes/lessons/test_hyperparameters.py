"""A random search, the hyperparameters that mattered, and the test rows used once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recipes.lessons import hyperparameters
from recipes.lessons.tools.page import Lesson
from recipes.lessons.tools.rows import load
from toolkit.common.errors import DataError

ERROR = hyperparameters.ERROR


@pytest.fixture(scope="module")
def lesson():
    return hyperparameters.show()


def test_hyperparameters_are_drawn_from_their_ranges(lesson):
    trials = lesson.tables["Two hyperparameters at once"]
    assert len(trials) == 54
    assert trials["learning rate"].between(3e-5, 1).all()
    assert trials["learning rate"].quantile(0.5) < 0.05  # on a logarithmic scale
    assert set(trials["depth"]) == {1, 2, 3}
    assert set(trials["batch size"]) == {16, 64, 256}
    assert trials["width"].between(2, 64).all()


def test_the_learning_rate_mattered_most(lesson):
    shares = lesson.table["share explained"]
    assert shares.index[0] == "learning rate"
    assert shares.is_monotonic_decreasing
    assert shares.between(0, 1).all()
    trials = lesson.tables["Two hyperparameters at once"]
    slow = trials[trials["learning rate"] < 3e-4]
    assert slow[ERROR].min() > 2 * trials[ERROR].min()


def test_the_best_so_far_never_rises_and_ends_with_the_winner(lesson):
    table = lesson.tables["The best so far"]
    assert table["best so far"].is_monotonic_decreasing
    assert table["best so far"].iloc[-1] == table[ERROR].min()
    assert lesson.tables["How much of it was luck"].loc["winner, validation", "error"] == table[ERROR].min()


def test_the_winner_was_lucky_on_the_validation_rows(lesson):
    error = lesson.tables["How much of it was luck"]["error"]
    assert error["winner, validation"] <= error.filter(like="mean").iloc[0]
    assert error["winner, validation"] < error["winner, test"] < 0.3


def test_explained_shares_match_numbers_worked_by_hand():
    # Group means 0, 1 and 2 around 1: between 4, within 6 × 0.25 = 1.5, noise 1.5 / 3 = 0.5.
    setting = pd.Series([1, 1, 2, 2, 3, 3])
    error = pd.Series([-0.5, 0.5, 0.5, 1.5, 1.5, 2.5])
    assert hyperparameters.explained(setting, error) == pytest.approx((4 - 2 * 0.5) / (5.5 + 0.5))
    assert hyperparameters.explained(setting, pd.Series([1.0] * 6)) == 0


def test_noise_explains_nothing_on_average():
    rng = np.random.default_rng(0)
    shares = [
        hyperparameters.explained(pd.Series(rng.uniform(size=54)), pd.Series(rng.normal(size=54))) for _ in range(200)
    ]
    assert np.mean(shares) < 0.03


def prices() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"a": rng.normal(size=90), "b": rng.choice(["x", "y"], 90)})
    return frame.assign(price=frame["a"] * 2 + rng.normal(size=90))


def quick(frame: pd.DataFrame) -> Lesson:
    return hyperparameters.show(frame, target="price", task="regression", seed=3, trials=3, epochs=2, restarts=2)


@pytest.fixture(scope="module")
def own() -> Lesson:
    return quick(prices())


def test_a_table_of_the_user_gives_the_same_page_each_time(own, tmp_path):
    pages = [lesson.report(tmp_path / str(i)).read_bytes() for i, lesson in enumerate((own, quick(prices())))]
    assert pages[0] == pages[1]


def test_the_test_rows_change_the_test_error_and_nothing_else(own):
    changed = prices()
    rows = load(changed, target="price", task="regression", seed=3, train_rows=90)
    changed.loc[rows.positions["test"], "a"] += 5
    before, after = own.tables, quick(changed).tables
    luck = "How much of it was luck"
    assert before[luck].loc["winner, test", "error"] != after[luck].loc["winner, test", "error"]
    for title in before:
        pd.testing.assert_frame_equal(
            *(tables[title].drop("winner, test", errors="ignore") for tables in (before, after))
        )


def test_data_that_is_no_table_is_refused():
    with pytest.raises(DataError, match="data is of type int"):
        hyperparameters.show(7, target="price")
