"""Parameters counted, and under- and overfitting over width and rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recipes.lessons import capacity
from toolkit.common.errors import DataError


@pytest.fixture(scope="module")
def lesson():
    return capacity.show()


@pytest.mark.parametrize(
    ("network", "neurons", "weights", "parameters"), [("3-4-2", 6, 20, 26), ("3-4-4-1", 9, 32, 41)]
)
def test_the_lectures_networks_have_the_lectures_parameter_counts(lesson, network, neurons, weights, parameters):
    table = lesson.tables["Neurons and parameters counted"].loc[network]
    total = table.loc["total"]
    assert (table.drop("total").sum() == total).all()
    assert (total["neurons"], total["weights"], total["parameters"]) == (neurons, weights, parameters)
    texts = [text.get_text() for ax in lesson.figures["Neurons and parameters counted"].axes for text in ax.texts]
    assert f"{network}: {neurons} neurons, {parameters} parameters" in texts


def test_every_weight_is_a_line_in_the_drawing(lesson):
    for ax, weights, neurons in zip(
        lesson.figures["Neurons and parameters counted"].axes, (20, 32), (6, 9), strict=True
    ):
        lines = [line for line in ax.lines if len(line.get_xdata()) == 2]
        assert (len(lines), len(ax.lines) - len(lines)) == (weights, neurons + 3)


def test_one_neuron_underfits_the_wave_and_many_neurons_follow_the_points(lesson):
    narrow, middle, wide = lesson.tables["Under- and overfitting seen"].itertuples(index=False)
    # Each row holds the neurons, the error on the points and the error on new points.
    assert narrow[1] > middle[1] > wide[1]
    assert middle[2] < wide[2] < narrow[2]
    assert wide[1] < 0.05 < 0.5 < wide[2]  # the points are learned by heart
    assert wide[2] - wide[1] > 2 * (middle[2] - middle[1])


def test_width_lowers_the_training_error_and_opens_the_gap(lesson):
    table = lesson.tables["Errors over the width"]
    assert table.index.tolist() == list(capacity.WIDTHS)
    assert table["training error"].is_monotonic_decreasing
    assert table["training error"].iloc[-1] == 0
    gap = table["validation error"] - table["training error"]
    assert gap.loc[64] > 4 * gap.loc[2]
    best = table["validation error"].idxmin()
    assert best < 16
    assert table["validation error"].loc[64] > table["validation error"].loc[best] + 0.03


def test_more_rows_close_the_gap_of_the_small_network_first(lesson):
    table = lesson.tables["Errors over the rows"].set_index(["width", "rows"])
    gap = table["validation error"] - table["training error"]
    assert gap.loc[2, 25] > 0.3
    assert gap.loc[2, 1600] < 0.03
    assert gap.loc[64, 1600] < gap.loc[64, 25] - 0.1
    assert table["training error"].loc[2, 25] < table["training error"].loc[2, 1600]


def two_classes(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.normal(size=rows)})
    return frame.assign(kind=np.where(frame["a"] * frame["b"] > 0, "x", "y"))


def test_a_table_of_the_user_gives_the_same_page_each_time(tmp_path):
    pages = []
    for name in ("first", "second"):
        lesson = capacity.show(two_classes(150), target="kind", seed=3, epochs=3, steps=20, curve_epochs=5)
        pages.append(lesson.report(tmp_path / name).read_bytes())
    assert pages[0] == pages[1]
    assert lesson.tables["Errors over the rows"]["rows"].unique().tolist() == [25, 50, 90]


def test_too_few_rows_are_refused():
    with pytest.raises(DataError, match=r"there are 24 training rows: learning curves need 60 or more\."):
        capacity.show(two_classes(40), target="kind")
