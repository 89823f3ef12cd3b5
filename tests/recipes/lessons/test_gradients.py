"""Gates, the step of finite differences, kinks, and the lectures' formulas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special

from recipes.lessons import gates, gradients
from toolkit.common.errors import DataError


@pytest.fixture(scope="module")
def lesson():
    return gradients.show()


def test_the_lectures_sigmoid_neuron_has_its_derivatives(lesson):
    table = lesson.tables["A neuron as gates"]
    p = special.expit(1.0)  # 2 × −1 + −3 × −2 − 3 = 1
    assert round(p * (1 - p), 2) == 0.2
    expected = np.array([-1, 2, -2, -3, 1]) * p * (1 - p)
    assert table["derivative"].to_numpy() == pytest.approx(expected)
    assert table["finite difference"].to_numpy() == pytest.approx(expected, abs=1e-8)


def test_a_maximum_passes_the_larger_input_and_a_value_used_twice_counts_twice(lesson):
    table = lesson.tables["The hinge as gates"]
    assert table["derivative"].tolist() == [1, -1, 0]
    assert table["finite difference"].to_numpy() == pytest.approx([1, -1, 0], abs=1e-8)
    two_violations = gates.table(gradients.hinge_of_a_cat, {"car": 5.1, "cat": 3.2, "frog": 4.0})
    assert two_violations["derivative"].tolist() == [1, -2, 1]


def test_a_graph_shows_every_number(lesson):
    texts = [text.get_text() for text in lesson.figures["A neuron as gates"].axes[0].texts]
    assert texts.count("σ") == 1
    assert texts.count("×") == 2
    assert "0.731" in texts
    assert "0.393" in texts


def test_both_sides_beat_one_side_and_the_best_step_is_neither_large_nor_tiny(lesson):
    sweep = lesson.tables["How far to move a weight"]
    assert 1e-6 < sweep["both sides"].idxmin() < 1e-4
    assert sweep["both sides"].min() < 1e-9
    assert 1e-9 < sweep["one side"].idxmin() < 1e-6
    assert sweep["both sides, float32"].min() > 1e-6
    # A tenth of the step: a hundredth of the error with both sides, a tenth with one.
    steps = np.log10(sweep.loc[1e-2] / sweep.loc[1e-3])
    assert steps[["both sides", "one side"]].tolist() == pytest.approx([2, 1], abs=0.05)


def test_weights_at_a_kink_are_left_out_and_the_others_agree(lesson):
    table = lesson.tables["Every weight, and a kink"]
    smooth = table[~table["kink"]]
    assert smooth["relative_error"].max() < 1e-6
    # The neuron at its kink has 13 weights and a bias.
    assert table["kink"].sum() == 14
    assert table.loc[table["kink"], "relative_error"].max() > 0.1


def test_formulas_agree_with_automatic_differentiation(lesson):
    table = lesson.tables["The lectures' formulas"].set_index("loss")
    assert set(table.index) == {"softmax", "hinge", "logistic"}
    assert table["error of the formula"].max() < 1e-12
    assert table["error of finite differences"].max() < 1e-7


def test_one_row_matches_numbers_worked_by_hand(lesson):
    table = lesson.tables["One row by hand"]
    assert table["hinge"].tolist() == [-1, 1, 0]
    shares = np.exp([3.2, 5.1, -1.7]) / np.exp([3.2, 5.1, -1.7]).sum()
    assert table["softmax"].tolist() == pytest.approx((shares - [1, 0, 0]).tolist())


def house_prices(rows: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.choice(["x", "y", None], rows)})
    return frame.assign(price=frame["a"] * 2 + rng.normal(size=rows), sold=frame["a"] > 0)


def test_a_table_of_the_user_gives_the_same_page_each_time(tmp_path):
    pages = []
    for name in ("first", "second"):
        lesson = gradients.show(house_prices(), target="price", task="regression", seed=3)
        pages.append(lesson.report(tmp_path / name).read_bytes())
    assert pages[0] == pages[1]
    table = lesson.tables["The lectures' formulas"]
    assert table["loss"].tolist() == ["squared"]
    assert table["error of the formula"].max() < 1e-12
    assert lesson.tables["Every weight, and a kink"]["kink"].any()


def test_two_classes_have_the_formulas_of_one_score_and_of_two_scores():
    table = gradients.show(house_prices(), target="sold", task="binary").tables["The lectures' formulas"]
    assert table["loss"].tolist() == ["logistic", "softmax", "hinge"]
    assert table["error of the formula"].max() < 1e-12


def test_an_unknown_task_is_refused():
    with pytest.raises(DataError, match=r"task='classes': this lesson is for regression"):
        gradients.show(house_prices(), target="price", task="classes")
