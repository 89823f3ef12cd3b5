"""What each method does to weights and errors, and the update under L2."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification

from recipes.lessons import regularization
from recipes.lessons.tools.rows import load, noisy
from toolkit.common.errors import DataError
from toolkit.common.formatting import percent


@pytest.fixture(scope="module")
def lesson():
    return regularization.show()


def test_without_regularization_the_network_overfits(lesson):
    plain = lesson.table.set_index("method").loc["none"]
    assert plain["training error"] < 0.01
    assert plain["validation error"] > 0.25


@pytest.mark.parametrize("method", regularization.METHODS)
def test_each_method_trades_training_error_for_validation_error(lesson, method):
    strengths = lesson.table[lesson.table["method"] == method]
    plain = lesson.table.set_index("method").loc["none"]
    assert strengths["training error"].iloc[-1] > strengths["training error"].iloc[0]
    assert strengths["validation error"].min() < plain["validation error"] - 0.03


def test_methods_whose_strongest_is_best_are_named_and_close_ones_are_told(lesson):
    table = lesson.table[lesson.table["method"] != "none"]
    best = table.loc[table.groupby("method")["validation error"].idxmin()].set_index("method")
    ends = [m for m, cases in regularization.METHODS.items() if best.loc[m, "strength"] == cases[-1][0]]
    assert ends
    assert f"With {' and '.join(ends)} the strongest was best" in lesson.pictures[0].text
    first, second = best["validation error"].sort_values(kind="stable").index[:2]
    assert f"with {first} (" in lesson.summary
    values = [percent(best.loc[method, "validation error"]) for method in (first, second)]
    assert f"{second} is level with it." in lesson.summary if values[0] == values[1] else values[1] in lesson.summary


def test_no_model_expects_less_than_the_share_of_wrong_labels(lesson):
    rows = 9_000
    _, right = make_classification(
        rows, n_features=20, n_informative=5, n_redundant=0, n_classes=3, flip_y=0, shuffle=False, random_state=0
    )
    given = noisy(rows, 0)["class"].to_numpy()
    wrong = (given != right[np.random.default_rng(0).permutation(rows)]).mean()
    assert wrong == pytest.approx(0.09, abs=0.01)
    assert lesson.table["validation error"].min() > wrong
    assert "less than 9 %" in lesson.summary


def test_stronger_is_smaller_weights(lesson):
    for method in ("L1", "L2", "elastic net", "max-norm"):
        sizes = lesson.table.loc[lesson.table["method"] == method, "mean size of the weights"]
        assert sizes.is_monotonic_decreasing


def test_l1_drives_weights_to_zero_where_l2_makes_them_small(lesson):
    best = lesson.tables["How large the weights are"]
    assert best.loc["L1", "share of weights below 0.01"] > 0.8
    assert best.loc["L1", "share of weights below 0.01"] > best.loc["L2", "share of weights below 0.01"] + 0.2
    assert best["test error"].drop("none").max() < best.loc["none", "test error"]


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
