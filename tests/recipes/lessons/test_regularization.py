"""What each method does to weights and errors, and the update under L2."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recipes.lessons import regularization
from recipes.lessons.tools.rows import load
from toolkit.common.errors import DataError


@pytest.fixture(scope="module")
def lesson():
    return regularization.show()


def test_without_regularization_the_network_overfits(lesson):
    plain = lesson.table.set_index("method").loc["none"]
    assert plain["train_error"] < 0.01
    assert plain["validation_error"] > 0.25


@pytest.mark.parametrize("method", regularization.METHODS)
def test_each_method_trades_training_error_for_validation_error(lesson, method):
    strengths = lesson.table[lesson.table["method"] == method]
    plain = lesson.table.set_index("method").loc["none"]
    assert strengths["train_error"].iloc[-1] > strengths["train_error"].iloc[0]
    assert strengths["validation_error"].min() < plain["validation_error"] - 0.03


def test_stronger_is_smaller_weights(lesson):
    for method in ("L1", "L2", "elastic net", "max-norm"):
        sizes = lesson.table.loc[lesson.table["method"] == method, "mean_weight"]
        assert sizes.is_monotonic_decreasing


def test_l1_drives_weights_to_zero_where_l2_makes_them_small(lesson):
    best = lesson.tables["How large the weights are"]
    assert best.loc["L1", "zeros"] > 0.8
    assert best.loc["L1", "zeros"] > best.loc["L2", "zeros"] + 0.2
    assert best["test_error"].drop("none").max() < best.loc["none", "test_error"]


def test_l1_keeps_the_five_columns_that_matter(lesson):
    columns = lesson.tables["Which columns are kept"].set_index("column")["L1"]
    assert set(columns.nlargest(5).index) == {"x1", "x2", "x3", "x4", "x5"}
    assert "for 5 with L1" in lesson.pictures[2].text


def test_one_step_under_l2_by_hand(lesson):
    steps = lesson.tables["One step under L2"]["weight after the step"].tolist()
    # 2 − 0.1 × 2 × 0.5 × 2 = 1.8; the slide subtracts 0.1 × 0.5 × 2 = 0.1.
    assert steps == pytest.approx([1.9, 1.8, 1.8])


def own_table() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"a": rng.normal(size=90), "b": rng.choice(["x", "y", None], 90)})
    return frame.assign(price=frame["a"] * 2 + rng.normal(size=90))


def test_an_own_table_gives_the_same_page_every_time(tmp_path):
    pages = []
    for name in ("first", "second"):
        lesson = regularization.show(own_table(), target="price", task="regression", seed=3, epochs=3)
        pages.append(lesson.report(tmp_path / name).read_bytes())
    assert pages[0] == pages[1]
    assert lesson.tables["Which columns are kept"]["column"].tolist() == ["a", "b = x", "b = y", "b is missing"]
    assert "standard deviations" in lesson.summary
    assert "From left to right: 1 a, 2 b = x, 3 b = y, 4 b is missing." in lesson.pictures[2].text


def test_the_test_error_is_measured_for_the_best_strength_of_each_method_only():
    rows = load(own_table(), target="price", task="regression", seed=3, train_rows=90)
    methods = {method: regularization.METHODS[method] for method in ("L1", "max-norm")}
    trained = regularization.train_methods(rows, methods, 3, epochs=2)
    measured = trained.index[trained["test_error"].notna()]
    assert measured.tolist() == list(regularization.best_strengths(trained).values())


def test_an_unknown_target_is_named():
    with pytest.raises(DataError, match=r"'prise' is not a column"):
        regularization.show(own_table(), target="prise", task="regression")
