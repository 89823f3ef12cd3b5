"""The line, the steepness and the activation of one neuron; three neurons together."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from recipes.drawing import ORANGE
from recipes.lessons import neuron
from toolkit.builders import ACTIVATIONS


@pytest.fixture(scope="module")
def lesson():
    return neuron.show()


def test_the_last_two_neurons_share_a_line_and_differ_tenfold_in_steepness(lesson):
    table = lesson.table
    assert table[["w1", "w2", "b"]].to_numpy().tolist() == [[10, 5, -1], [10, 5, 15], [-7, 5, 15], [-70, 50, 150]]
    third, fourth = table.iloc[2], table.iloc[3]
    for column in ("slope of the line", "x2 where x1 = 0", "signed distance of (0, 0)"):
        assert third[column] == pytest.approx(fourth[column])
    assert third["slope of the line"] == pytest.approx(1.4)
    assert third["x2 where x1 = 0"] == pytest.approx(-3)
    assert fourth["steepness |w|"] == pytest.approx(10 * third["steepness |w|"])


def test_larger_weights_make_a_sharper_step_at_the_same_line(lesson):
    table = lesson.tables["Ten times the weights"].set_index("distance from the line")
    soft, hard = table["w = −7, 5"], table["w = −70, 50"]
    assert np.interp(0, table.index, soft) == pytest.approx(0.5)
    assert np.interp(0, table.index, hard) == pytest.approx(0.5)
    assert np.interp(0.1, table.index, soft) == pytest.approx(expit(np.sqrt(74) / 10), abs=1e-6)
    assert (hard[table.index > 1e-9] > soft[table.index > 1e-9]).all()


def test_at_the_origin_the_score_is_the_bias(lesson):
    table = lesson.tables["Which side is positive"]
    assert table["at (0, 0)"].tolist() == [-1.5, 1.5, 2.0, -2.0]
    assert table["(0, 0) is on the positive side"].tolist() == [False, True, True, False]
    assert table.iloc[0, 0] == "−0.5 x1 + 1 x2 − 1.5"


def test_every_activation_is_listed_with_its_zeros_and_slopes(lesson):
    table = lesson.tables["What the activation makes of the score"].set_index("activation")
    names = {name.replace("_", " ") for name in ACTIVATIONS if name != "swish"}  # swish is silu
    assert set(table.index) == names | {"sign"}
    zeros = table["output is 0 at"]
    assert zeros[["linear", "tanh", "leaky relu", "elu"]].tolist() == ["0"] * 4
    assert zeros[["sigmoid", "softplus"]].tolist() == ["no score"] * 2
    assert zeros["relu"] == "every score up to 0"
    assert table.loc["sigmoid", "slope at 3"] == pytest.approx(expit(3) * (1 - expit(3)))
    largest = table["largest slope from −6 to 6"]
    assert largest["sigmoid"] == pytest.approx(0.25)
    # Kinks at 0: the slope of celu goes to 1 on both sides, that of selu to 1.0507 * 1.6733 on the left.
    assert largest["celu"] == 1
    assert largest["selu"] == pytest.approx(1.0507 * 1.6733, rel=1e-4)
    assert largest["softplus"] == pytest.approx(expit(6))
    assert table.loc["tanh", "slope at −3"] == pytest.approx(1 / np.cosh(3) ** 2)
    assert table.loc["leaky relu", "slope at −3"] == pytest.approx(0.1)
    assert table.loc["elu", "slope at −3"] == pytest.approx(np.exp(-3))
    assert largest["sign"] == 0


@pytest.mark.parametrize(
    ("name", "sides"), [("relu", (0, 1)), ("leaky relu", (0.1, 1)), ("maxout of z and −z / 2", (-0.5, 1))]
)
def test_a_slope_jumps_at_a_kink_and_is_not_drawn_slanted(lesson, name, sides):
    (panel,) = (
        axes for axes in lesson.figures["What the activation makes of the score"].axes if axes.get_title("left") == name
    )
    slopes = next(line.get_ydata() for line in panel.lines if line.get_color() == ORANGE)
    assert np.isnan(slopes).any()
    assert np.unique(slopes[np.isfinite(slopes)]).tolist() == pytest.approx(sides)


def test_the_third_neuron_computes_b_and_not_a(lesson):
    table = lesson.tables["Three neurons: B and not A"]
    assert table["score"].tolist() == [-10, 90, -110, -10]
    assert table["output"].round().astype(bool).tolist() == [False, True, False, False]


def test_the_three_neurons_have_the_weights_of_the_lecture():
    assert neuron.score(neuron.A, [[0, 0], [0, 3], [1, 0]]).tolist() == [-15, 0, -22]
    assert neuron.score(neuron.B, [[0, 0], [0, 3], [1, 0]]).tolist() == [-15, 0, -5]
    assert neuron.score(neuron.OUTPUT, [[0, 0], [1, 0], [0, 1]]).tolist() == [-10, -110, 90]


def test_the_wedge_is_where_b_is_positive_and_a_is_not():
    points = np.random.default_rng(0).uniform(-6, 6, (2000, 2))
    a, b = neuron.score(neuron.A, points), neuron.score(neuron.B, points)
    clear = (np.abs(a) > 5) & (np.abs(b) > 5)  # away from the soft edges
    inside = neuron.b_and_not_a(expit(a), expit(b)) > 0
    assert clear.sum() > 1000
    assert np.array_equal(inside[clear], ((b > 0) & (a < 0))[clear])


def test_the_page_is_the_same_every_time(lesson, tmp_path):
    assert lesson.report(tmp_path / "a").read_bytes() == neuron.show().report(tmp_path / "b").read_bytes()
    assert all(picture.alt for picture in lesson.pictures if picture.figure is not None)
