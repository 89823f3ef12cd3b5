"""A random search, what it says mattered, and the test part touched once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recipes.lessons import hyperparameters
from recipes.lessons.tools.rows import load
from recipes.lessons.tools.sweep import Sweep
from toolkit.common.errors import DataError

ERROR = hyperparameters.ERROR


@pytest.fixture(scope="module")
def lesson():
    return hyperparameters.show()


def test_settings_are_drawn_from_their_ranges(lesson):
    trials = lesson.tables["Two settings at once"]
    assert len(trials) == hyperparameters.TRIALS
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
    trials = lesson.tables["Two settings at once"]
    slow = trials[trials["learning rate"] < 3e-4]
    assert slow[ERROR].min() > 2 * trials[ERROR].min()


def test_the_best_so_far_only_falls_and_ends_with_the_winner(lesson):
    table = lesson.tables["The best so far"]
    assert table["best so far"].is_monotonic_decreasing
    assert table["best so far"].iloc[-1] == table[ERROR].min()
    assert lesson.tables["How much of it was luck"].loc["winner, validation", "error"] == table[ERROR].min()


def test_the_winner_was_lucky_on_the_rows_that_chose_it(lesson):
    error = lesson.tables["How much of it was luck"]["error"]
    assert error["winner, validation"] <= error.filter(like="mean").iloc[0]
    assert error["winner, validation"] < error["winner, test"] < 0.3


def test_shares_explained_by_hand():
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


def own() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"a": rng.normal(size=90), "b": rng.choice(["x", "y"], 90)})
    return frame.assign(price=frame["a"] * 2 + rng.normal(size=90))


def test_a_table_of_ones_own_gives_the_same_page_each_time_and_the_test_rows_are_met_once(monkeypatch, tmp_path):
    for name, value in {"EPOCHS": 2, "TRIALS": 5, "AGAIN": 2}.items():
        monkeypatch.setattr(hyperparameters, name, value)
    frame = own()
    tested = load(frame, target="price", task="regression", seed=3, train_rows=hyperparameters.ROWS).x["test"]
    met = []
    measure = Sweep.measure
    monkeypatch.setattr(
        Sweep, "measure", lambda self, x, y: met.append(np.array_equal(x, tested)) or measure(self, x, y)
    )
    pages = []
    for name in ("one", "two"):
        lesson = hyperparameters.show(frame, target="price", task="regression", seed=3)
        pages.append(lesson.report(tmp_path / name).read_bytes())
    assert pages[0] == pages[1]
    assert sum(met) == 2


def test_data_that_is_no_table_is_refused():
    with pytest.raises(DataError, match="data is of type int"):
        hyperparameters.show(7, target="price")
