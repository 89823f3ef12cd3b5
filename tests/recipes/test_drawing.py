"""The panels of lessons: what stands in them, read back from the axes."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from recipes.drawing import (
    BLUE,
    ORANGE,
    dots,
    ends,
    field,
    log,
    panels,
    regions,
)
from toolkit.report.style import COLORS
from toolkit.report.svg import svg


def test_names_at_the_ends_of_lines_are_in_their_colors_and_order_and_apart():
    with panels() as (figure, axes):
        panel = axes[0, 0]
        panel.plot([0, 1, 2], [0, 1, 5.0], color=BLUE)
        panel.plot([0, 1, 2], [0, 1, 5.01], color=ORANGE)
        panel.plot([0, 1, 2], [9, 4, np.nan], color=BLUE)  # ends where it is last known
        ends(panel, ["low", "high", "lost"], least=0.1)
    texts = {text.get_text(): text for text in figure.axes[0].texts}
    assert texts["low"].get_color() == BLUE
    heights = {name: text.get_position()[1] for name, text in texts.items()}
    assert heights["high"] - heights["low"] == pytest.approx(0.1, abs=0.02)
    assert heights["lost"] < heights["low"]


def test_a_logarithmic_axis_says_plain_numbers():
    with panels() as (figure, axes):
        axes[0, 0].plot([1, 2], [0.001, 1_000])
        log(axes[0, 0])
    said = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    # Which powers of ten are said is matplotlib's choice, and another from version to version.
    assert {"0.001", "0.1", "10", "1,000"} <= set(said) or {"0.01", "1", "100"} <= set(said)


def test_regions_and_dots_show_each_class_in_one_color_and_mistakes_as_crosses():
    with panels() as (figure, axes):
        panel = axes[0, 0]
        regions(panel, np.array([[0, 0, 1], [0, 0, 1]]), (-1, 1), (-1, 1))
        dots(panel, np.array([[0.0, 0.0], [0.5, 0.0], [0.7, 0.0]]), np.array([0, 1, 1]), np.array([False, False, True]))
    assert len(figure.axes[0].collections) == 2
    drawn = [(line.get_marker(), line.get_color(), len(line.get_xdata())) for line in figure.axes[0].lines]
    assert drawn == [("o", BLUE, 1), ("x", BLUE, 0), ("o", ORANGE, 1), ("x", ORANGE, 1)]


def test_a_field_is_blue_above_0_and_orange_below():
    with panels() as (figure, axes):
        field(axes[0, 0], np.linspace(-1, 1, 25).reshape(5, 5), (0, 1), (0, 1))
    colors = {to_hex(color) for drawn in figure.axes[0].collections for color in np.array(drawn.get_facecolor())}
    assert colors == {BLUE, ORANGE}


def test_pictures_follow_the_pages_theme_and_are_the_same_every_time():
    def draw():
        with panels(2, share=True) as (figure, axes):
            axes[0, 0].plot([0, 1], [0, 1], color=BLUE)
        return svg(figure, title="t", description="d")

    assert draw() == draw()
    assert f"var(--network, {COLORS['network'][0]})" in draw()
