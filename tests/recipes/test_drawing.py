"""The panels of lessons and digits: what is in them, read back from the axes."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from recipes.drawing import BLUE, CLASS_COLORS, ORANGE, dots, field, key, label_lines, log_scale, panels, regions
from recipes.lessons import playground
from toolkit.report.region_plots import draw_regions
from toolkit.report.style import COLORS
from toolkit.report.svg import svg


def test_line_labels_have_the_color_and_order_of_their_lines_and_keep_a_gap():
    with panels() as (figure, axes):
        panel = axes[0, 0]
        panel.plot([0, 1, 2], [0, 1, 5.0], color=BLUE)
        panel.plot([0, 1, 2], [0, 1, 5.01], color=ORANGE)
        panel.plot([0, 1, 2], [9, 4, np.nan], color=BLUE)  # its last finite point is (1, 4)
        label_lines(panel, ["low", "high", "cut"], gap=0.1)
    texts = {text.get_text(): text for text in figure.axes[0].texts}
    assert texts["low"].get_color() == BLUE
    heights = {name: text.get_position()[1] for name, text in texts.items()}
    assert heights["high"] - heights["low"] == pytest.approx(0.1, abs=0.02)
    assert heights["cut"] < heights["low"]


def test_a_class_has_the_same_color_in_lessons_reports_and_the_playground(tmp_path):
    decided = np.array([[0] * 5 + [1] * 5] * 10)
    report = draw_regions(decided, (0, 1), (0, 1), classes=2, points=([0.1, 0.9], [0.5, 0.5], [0, 1], [0, 0]))
    with panels() as (figure, axes):
        dots(axes[0, 0], np.array([[0.1, 0.5], [0.9, 0.5]]), np.array([0, 1]))
    drawn = [
        [to_hex(line.get_color()) for line in fig.axes[0].lines if len(line.get_xdata())] for fig in (report, figure)
    ]
    assert drawn[0] == drawn[1] == [BLUE, ORANGE]
    page = playground.show().report(tmp_path / "page").read_text()
    assert f"--k0:{BLUE};--k1:{ORANGE};" in page
    assert CLASS_COLORS[9] in page


def test_a_key_names_lines_below_all_panels():
    with panels(2) as (figure, axes):
        for panel in axes[0]:
            panel.plot([0, 1], [0, 1], color=BLUE)
        key(figure, ["training rows"], axes[0, 0].lines)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["training rows"]
    assert not any(panel.get_title() for panel in axes[0])
    assert legend.get_window_extent().y1 < min(panel.get_window_extent().y0 for panel in axes[0])


def test_a_logarithmic_axis_has_plain_numbers():
    with panels() as (figure, axes):
        axes[0, 0].plot([1, 2], [0.001, 1_000])
        log_scale(axes[0, 0])
    labels = {label.get_text() for label in figure.axes[0].get_yticklabels()}
    # Which powers of ten get a label differs between versions of matplotlib.
    assert {"0.001", "0.1", "10", "1,000"} <= labels or {"0.01", "1", "100"} <= labels


def test_regions_and_dots_give_each_class_one_color_and_mistakes_are_crosses():
    with panels() as (figure, axes):
        panel = axes[0, 0]
        regions(panel, np.array([[0, 0, 1], [0, 0, 1], [0, 1, 1]]), (-1, 1))
        dots(panel, np.array([[0.0, 0.0], [0.5, 0.0], [0.7, 0.0]]), np.array([0, 1, 1]), np.array([False, False, True]))
    assert len(figure.axes[0].collections) == 2
    lines = [(line.get_marker(), line.get_color(), len(line.get_xdata())) for line in figure.axes[0].lines]
    assert lines == [("o", BLUE, 1), ("x", BLUE, 0), ("o", ORANGE, 1), ("x", ORANGE, 1)]


def test_a_field_is_blue_above_0_and_orange_below():
    with panels() as (figure, axes):
        field(axes[0, 0], np.linspace(-1, 1, 25).reshape(5, 5), (0, 1))
    colors = {to_hex(color) for area in figure.axes[0].collections for color in np.array(area.get_facecolor())}
    assert colors == {BLUE, ORANGE}


def test_a_figure_follows_the_theme_of_its_page_and_is_drawn_the_same_every_time():
    def draw():
        with panels(2, share=True) as (figure, axes):
            axes[0, 0].plot([0, 1], [0, 1], color=BLUE)
        return svg(figure, title="t", description="d")

    assert draw() == draw()
    assert f"var(--network, {COLORS['network'][0]})" in draw()
