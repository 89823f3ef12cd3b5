"""Pictures: their values, read back from the axes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from tests.helpers.pictures import BANDS, EPOCHS, ERRORS, FIGURES, LINE, LOSS, PREDICTED, lines, residuals, series
from toolkit.report import plots, style
from toolkit.report.region_plots import draw_regions
from toolkit.report.svg import svg


def test_a_learning_curve_holds_the_losses_and_marks_the_best_epoch():
    drawn = lines(FIGURES["loss"]())
    assert drawn["training"] == (EPOCHS, LOSS)
    assert drawn["validation"] == (EPOCHS, LOSS[::-1])
    assert drawn["best"][0] == [3, 3]


def test_values_that_are_missing_or_infinite_leave_a_gap():
    figure = plots.line_chart([series("training", [1, 2, 3, 4], [1.0, None, float("inf"), 2.0])], name="loss")
    assert np.isnan(lines(figure)["training"][1]).tolist() == [False, True, True, False]


def test_a_single_epoch_is_drawn_as_a_point():
    figure = plots.line_chart([series("training", [1], [0.5])], name="loss", marks={1: "best"})
    assert [line.get_marker() for line in figure.axes[0].lines] == ["None", "o", "None"]


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([1e4, 10, 2, 1, 1, 1, 1, 1], "log"),
        ([1e4, 10, 2, 1, 1, 1, 1, 0], "linear"),  # 0 has no logarithm
        ([1.0, 0.9, 0.5, 0.4, 0.3, 0.2, 1e-5, 1e-6], "linear"),  # a schedule that ends near 0
        ([float("nan")] * 8, "linear"),
    ],
)
def test_the_scale_is_logarithmic_only_where_half_of_the_curve_would_lie_flat(values, scale):
    assert plots.line_chart([series("training", EPOCHS, values)], name="loss").axes[0].get_yscale() == scale


def test_roc_and_precision_recall_hold_their_curves_the_level_of_guessing_and_the_decision():
    drawn = lines(FIGURES["roc"]())
    assert drawn["network"] == drawn["linear"] == drawn["tree"] == LINE
    assert drawn["_chance"] == ([0, 1], [0, 1])
    assert drawn["_decision"] == ([0.2], [0.8])
    drawn = lines(FIGURES["precision"]())
    assert drawn["network"] == (LINE[0], LINE[1][::-1])
    assert drawn["_chance"] == ([0, 1], [0.3, 0.3])


def test_a_reliability_diagram_holds_the_observed_shares_and_their_intervals():
    figure = FIGURES["reliability"]()
    assert lines(figure)["_after"] == ([0.1, 0.5, 0.9], [0.2, 0.5, 0.8])
    ends = [np.asarray(path.vertices)[:, 1].tolist() for path in figure.axes[0].collections[0].get_paths()]
    assert ends == [[0.1, 0.3], [0.4, 0.6], [0.7, 0.9]]


def test_a_reliability_diagram_shows_before_only_where_it_is_given():
    figure = plots.reliability(([0.1, 0.9], [0.2, 0.8]), before=([0.0, 1.0], [0.3, 0.7]))
    drawn = lines(figure)
    assert drawn["_before"] == ([0.0, 1.0], [0.3, 0.7])
    assert drawn["_after"] == ([0.1, 0.9], [0.2, 0.8])
    assert "_before" not in lines(FIGURES["reliability"]())


def test_regression_pictures_hold_points_bands_and_histogram():
    drawn = lines(FIGURES["predicted"]())
    assert drawn["rows"] == (PREDICTED.tolist(), (PREDICTED + ERRORS).tolist())
    assert drawn["median, 5–95 % of rows"] == (BANDS["x"], BANDS["middle"])
    figure = residuals()
    assert lines(figure)["rows"] == (PREDICTED.tolist(), ERRORS.tolist())
    bars = [patch for patch in figure.axes[0].child_axes[0].patches if isinstance(patch, Rectangle)]
    assert sum(bar.get_width() for bar in bars) == 1_000


def test_the_settings_have_their_losses_as_dots_and_their_weights_as_bars_from_the_top():
    figure = FIGURES["settings"]()
    left, right = figure.axes
    assert lines(figure) == {
        "_dropout 0.15": ([0.52], [0]),
        "_dropout 0.45": ([0.595], [1]),
        "_no dropout": ([0.513], [2]),
    }
    hollow = [line.get_markerfacecolor() == style.COLORS["paper"][0] for line in left.lines]
    assert hollow == [False, True, False], "no weight"
    assert [text.get_text() for text in left.get_yticklabels()] == ["dropout 0.15", "dropout 0.45", "no dropout"]
    assert left.yaxis_inverted()
    bars = [patch.get_width() for patch in right.patches if isinstance(patch, Rectangle)]
    assert bars == pytest.approx([5 / 11, 0, 6 / 11])
    assert [text.get_text().replace("\u202f", " ") for text in right.texts] == ["45 %", "0 %", "55 %"]
    assert (left.get_xlabel(), right.get_xlabel()) == ("loss on unseen rows", "weight")


def test_a_setting_whose_loss_is_not_finite_has_no_dot():
    drawn = lines(plots.losses_and_weights(["a", "b"], [None, 0.2], [0.0, 1.0]))
    assert np.isnan(drawn["_a"][0]).all()
    assert drawn["_b"][0] == [0.2]


def test_without_points_the_bands_are_drawn_alone():
    drawn = lines(plots.against_predicted([], [], BANDS))
    assert "rows" not in drawn
    assert drawn["median, 5–95 % of rows"] == (BANDS["x"], BANDS["middle"])


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_is_cut_off_at_the_edge(name):
    figure = FIGURES[name]()
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert box.x0 >= -0.03
    assert box.y0 >= -0.03
    assert box.x1 <= width + 0.03
    assert box.y1 <= height + 0.03


def test_pyplot_is_not_imported():
    code = "import sys, toolkit.report.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_pictures_of_several_contenders_hold_their_lines_in_order_and_their_bands():
    lines = [
        plots.Line([1, 2, 3], [0.1, 0.2, 0.3], style.line_style(0), band=([0, 0, 0], [1, 1, 1])),
        plots.Line([1, 2], [0.5, None], style.line_style(2)),
    ]
    figure = plots.line_chart(lines, name="a", along="b", marks={2: ""})
    first, second, point, mark = figure.axes[0].lines
    assert list(np.asarray(first.get_ydata())) == [0.1, 0.2, 0.3]
    assert second.get_color() == point.get_color() == style.COLORS["linear"][0]
    assert list(mark.get_xdata()) == [2, 2]
    assert len(figure.axes[0].collections) == 1


def test_bars_are_right_below_and_wrong_on_top():
    figure = plots.histogram([0, 1, 2], [[3, 0], [1, 2]], color="second", along="x", top=10)
    bars = [(bar.get_y(), bar.get_height()) for bar in figure.axes[0].patches if isinstance(bar, Rectangle)]
    assert bars == [(0, 3), (0, 0), (3, 1), (0, 2)]
    assert figure.axes[0].get_ylim() == (0, 10.5)


def test_reliability_shows_before_only_where_there_is_one():
    after = ([0.2, 0.8], [0.3, 0.7])
    labels = [str(line.get_label()) for line in plots.reliability(after, before=after).axes[0].lines]
    assert labels == ["_diagonal", "_before", "_after"]
    assert len(plots.reliability(after).axes[0].lines) == 2


def test_regions_mark_each_class_its_number_each_wrong_row_a_cross_and_each_row_off_the_plane_a_ring():
    decided = np.array([[0] * 5 + [2] * 5] * 10)
    points = ([0.1, 0.9, 0.8], [0.5, 0.5, 0.2], [0, 2, 0], [0, 2, 1])
    figure = draw_regions(decided, (0, 1), (0, 1), classes=3, points=points)
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["1", "3"]
    assert axes.texts[0].get_position()[0] < 0.5 < axes.texts[1].get_position()[0]
    drawn = {str(line.get_label()): (line.get_marker(), list(np.asarray(line.get_xdata()))) for line in axes.lines}
    assert drawn == {"_0": ("o", [0.1]), "_0 wrong": ("X", [0.8]), "_2 off the plane": ("o", [0.9])}
    assert {str(line.get_label()) for line in axes.lines if line.get_markerfacecolor() == "none"} == {
        "_2 off the plane"
    }
    text = svg(figure, title="t", description="d")
    assert "var(--linear" in text
    assert "data:" not in text
