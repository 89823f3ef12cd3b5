"""Colors and themes: of the pictures, and of the page around them."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.helpers.pages import Page
from toolkit.report import fill
from toolkit.report.style import COLORS, LINES, SERIES


@pytest.fixture(scope="module")
def page():
    """A page without content: its style is that of every page."""
    return fill("lessons.html", groups={}, sections=[])


def rules(page, marker):
    """The custom properties of the first `:root` block after a marker in the style sheet."""
    style = Page(page).all("style")[0]["text"]
    block = style[style.index(marker) :]
    return dict(re.findall(r"--([\w-]+):(#[0-9a-f]{3,6})", block[: block.index("}")]))


def luminance(color):
    channels = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("marker", [":root{", "dark){"], ids=["light", "dark"])
def test_words_stand_out_from_what_lies_behind_them_in_both_themes(marker, page):
    colors = rules(page, marker)
    for behind in ("paper", "panel"):
        for name in ("ink", "muted", "network", "good", "warn"):
            assert contrast(colors[name], colors[behind]) >= 4.5, (name, behind)
    style = Page(page).all("style")[0]["text"]
    least, most = (float(number) for number in re.findall(r"calc\((\.\d+) \+ var\(--a\)\*(\.\d+)\)", style)[0])
    for heat in ("network", "second"):  # the darkest cell of a confusion matrix
        mixed = [
            round(
                (least + most) * int(colors[heat][i : i + 2], 16)
                + (1 - least - most) * int(colors["paper"][i : i + 2], 16)
            )
            for i in (1, 3, 5)
        ]
        assert contrast(colors["ink"], "#{:02x}{:02x}{:02x}".format(*mixed)) >= 4.5


def test_both_themes_hold_every_color_of_the_pictures(page):
    for theme, marker in enumerate((":root{", "dark){")):
        colors = rules(page, marker)
        assert {name: colors[name] for name in COLORS} == {n: pair[theme] for n, pair in COLORS.items()}
    style = Page(page).all("style")[0]["text"]
    assert "@media print" in style


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_lines_and_words_stand_out_from_the_paper(theme):
    paper = COLORS["paper"][theme]
    for name in ("ink", "muted", "network", "second", "linear", "tree"):  # the legend is written in a line's color
        assert contrast(COLORS[name][theme], paper) >= 4.5, name
    assert contrast(COLORS["dummy"][theme], paper) >= 3


def test_line_styles_are_told_apart_by_their_dashes_and_name_known_colors():
    for styles in (LINES, [SERIES[name] for name in ("network", "linear", "tree", "chance")]):
        assert len({dashes for _, dashes in styles}) == len(styles)
    assert {color for color, _ in (*LINES, *SERIES.values())} <= set(COLORS)
