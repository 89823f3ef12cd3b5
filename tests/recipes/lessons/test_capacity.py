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
def test_the_lectures_networks_have_as_many_parameters_as_it_says(lesson, network, neurons, weights, parameters):
    table = lesson.tables["Neurons and parameters counted"].loc[network]
    total = table.loc["total"]
    assert (table.drop("total").sum() == total).all()
    assert (total["neurons"], total["weights"], total["parameters"]) == (neurons, weights, parameters)
    words = [text.get_text() for ax in lesson.figures["Neurons and parameters counted"].axes for text in ax.texts]
    assert f"{network}: {neurons} neurons, {parameters} parameters" in words


def test_every_weight_is_a_line_in_the_drawing(lesson):
    for ax, weights, neurons in zip(
        lesson.figures["Neurons and parameters counted"].axes, (20, 32), (6, 9), strict=True
    ):
        lines = [line for line in ax.lines if len(line.get_xdata()) == 2]
        assert (len(lines), len(ax.lines) - len(lines)) == (weights, neurons + 3)


def test_one_neuron_underfits_the_wave_and_many_follow_the_points(lesson):
    one, some, many = lesson.tables["Under- and overfitting seen"].itertuples(index=False)
    assert one[1] > some[1] > many[1]
    assert some[2] < many[2] < one[2]
    assert many[1] < 0.05 < 0.5 < many[2]  # by heart
    assert many[2] - many[1] > 2 * (some[2] - some[1])


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


def own(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.normal(size=rows)})
    return frame.assign(kind=np.where(frame["a"] * frame["b"] > 0, "one", "two"))


def test_a_table_of_ones_own_gives_the_same_page_each_time(monkeypatch, tmp_path):
    for name, value in {"EPOCHS": 3, "STEPS": 20, "CURVE_EPOCHS": 5}.items():
        monkeypatch.setattr(capacity, name, value)
    pages = []
    for name in ("one", "two"):
        lesson = capacity.show(own(150), target="kind", seed=3)
        pages.append(lesson.report(tmp_path / name).read_bytes())
    assert pages[0] == pages[1]
    assert lesson.tables["Errors over the rows"]["rows"].unique().tolist() == [25, 50, 90]


def test_too_few_rows_are_refused():
    with pytest.raises(DataError, match=r"there are 24 training rows; learning curves need 60 or more\."):
        capacity.show(own(40), target="kind")
