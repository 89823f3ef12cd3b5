"""What each method does to weights and errors, and the update under L2."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recipes.lessons import regularization as regularization
from recipes.lessons.tools import sweep
from recipes.lessons.tools.rows import error, load
from toolkit.common.errors import DataError


@pytest.fixture(scope="module")
def lesson():
    return regularization.show()


def test_without_a_method_the_training_rows_are_learned_by_heart(lesson):
    plain = lesson.table.set_index("method").loc["none"]
    assert plain["train_error"] < 0.01
    assert plain["validation_error"] > 0.25


@pytest.mark.parametrize("method", regularization.METHODS)
def test_each_method_trades_training_error_for_validation_error(lesson, method):
    own = lesson.table[lesson.table["method"] == method]
    plain = lesson.table.set_index("method").loc["none"]
    assert own["train_error"].iloc[-1] > own["train_error"].iloc[0]
    assert own["validation_error"].min() < plain["validation_error"] - 0.03


def test_stronger_is_smaller_weights(lesson):
    for method in ("L1", "L2", "elastic net", "max-norm"):
        sizes = lesson.table.loc[lesson.table["method"] == method, "mean_weight"]
        assert sizes.is_monotonic_decreasing


def test_l1_drives_weights_to_zero_where_l2_makes_them_small(lesson):
    chosen = lesson.tables["What is left of the weights"]
    assert chosen.loc["L1", "zeros"] > 0.8
    assert chosen.loc["L1", "zeros"] > chosen.loc["L2", "zeros"] + 0.2
    assert chosen["test_error"].drop("none").max() < chosen.loc["none", "test_error"]


def test_l1_keeps_the_five_columns_that_matter(lesson):
    columns = lesson.tables["Which columns are kept"].set_index("column")["L1"]
    assert set(columns.nlargest(5).index) == {"x1", "x2", "x3", "x4", "x5"}
    assert "for 5 with L1" in lesson.pictures[2].text.replace("and for", "for")


def test_one_step_under_l2_by_hand(lesson):
    steps = lesson.tables["One step under L2"]["weight after the step"].tolist()
    # 2 − 0.1 × 2 × 0.5 × 2 = 1.8; the slide takes off 0.1 × 0.5 × 2 = 0.1.
    assert steps == pytest.approx([1.9, 1.8, 1.8])


def own() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"a": rng.normal(size=90), "b": rng.choice(["x", "y", None], 90)})
    return frame.assign(price=frame["a"] * 2 + rng.normal(size=90))


def test_a_table_of_ones_own_gives_the_same_page_each_time_and_test_rows_are_for_what_was_chosen(monkeypatch, tmp_path):
    monkeypatch.setattr(regularization, "EPOCHS", 3)
    pages, judged = [], []
    monkeypatch.setattr(sweep, "error", lambda head, y, scores: judged.append(y) or error(head, y, scores))
    for name in ("one", "two"):
        lesson = regularization.show(own(), target="price", task="regression", seed=3)
        pages.append(lesson.report(tmp_path / name).read_bytes())
    assert pages[0] == pages[1]
    test = load(own(), target="price", task="regression", seed=3, train_rows=90).y["test"]
    assert (
        sum(np.array_equal(y, test) for y in judged)
        == len(pages) * (len(regularization.METHODS) + 1) * regularization.SEEDS
    )
    assert lesson.tables["Which columns are kept"]["column"].tolist() == ["a", "b = x", "b = y", "b is missing"]
    assert "standard deviations" in lesson.summary


def test_a_target_that_is_not_there_is_named():
    with pytest.raises(DataError, match=r"'prise' is not a column"):
        regularization.show(own(), target="prise", task="regression")
