"""Pictures: their values read back from the axes, and the SVG as a page needs it."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from functools import cache
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.patches import Rectangle

from toolkit.report import plots
from toolkit.report.plots import Line
from toolkit.report.style import COLORS, SERIES
from toolkit.report.svg import svg as to_svg

EPOCHS = list(range(1, 9))
LOSS = [2.0, 1.5, 1.2, 1.0, 0.9, 0.85, 0.82, 0.81]
RANDOM = np.random.default_rng(0)
PREDICTED = RANDOM.normal(250_000, 90_000, 1_000)
ERRORS = RANDOM.normal(0, 40_000, 1_000)
BANDS = {
    "x": [1e5, 2e5, 3e5],
    "middle": [1.1e5, 1.9e5, 3e5],
    "low": [5e4, 1.5e5, 2e5],
    "high": [1.6e5, 2.6e5, 4e5],
}
ERROR_BANDS = {"x": BANDS["x"], "middle": [0.0, 1e3, -1e3], "low": [-6e4] * 3, "high": [6e4] * 3}
LINE = ([0.0, 0.2, 1.0], [0.0, 0.8, 1.0])


def series(kind, x, y):
    return Line(x, y, SERIES[kind], kind)


def residuals():
    counts, edges = np.histogram(ERRORS, 30)
    return plots.against_predicted(PREDICTED, ERRORS, ERROR_BANDS, errors=(edges, counts))


FIGURES = {
    "loss": lambda: plots.line_chart(
        [series("training", EPOCHS, LOSS), series("validation", EPOCHS, LOSS[::-1])],
        name="loss",
        marks={3: "best"},
    ),
    "rate": lambda: plots.line_chart([series("rate", EPOCHS, [1e-5 * e for e in EPOCHS])], name="learning rate"),
    "roc": lambda: plots.ranking(
        {"network": LINE, "linear": LINE, "tree": LINE}, (0, 1), (0.2, 0.8), name="found", along="false alarms"
    ),
    "precision": lambda: plots.ranking(
        {"network": (LINE[0], LINE[1][::-1])}, (0.3, 0.3), (0.2, 0.8), name="precision", along="recall"
    ),
    "reliability": lambda: plots.reliability(
        ([0.1, 0.5, 0.9], [0.2, 0.5, 0.8]), interval=([0.1, 0.4, 0.7], [0.3, 0.6, 0.9])
    ),
    "predicted": lambda: plots.against_predicted(PREDICTED, PREDICTED + ERRORS, BANDS),
    "residuals": residuals,
}


@cache
def svg(name):
    return to_svg(FIGURES[name](), title=name, description=f"About {name}.")


def lines(figure):
    """The lines of a figure's first axes: name -> x and y, as lists."""
    return {
        str(line.get_label()): tuple(np.asarray(values, dtype=float).tolist() for values in line.get_data())
        for line in figure.axes[0].lines
    }


# What is drawn


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


# The SVG


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_picture_has_the_same_bytes_whatever_the_session_has_set(name):
    first = svg(name)
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black", "svg.hashsalt": None, "lines.linewidth": 9}):
        figure = FIGURES[name]()
        assert [to_svg(figure, title=name, description=f"About {name}.") for _ in range(2)] == [first, first]


@pytest.mark.parametrize("name", FIGURES)
def test_an_svg_names_itself_and_asks_for_nothing(name):
    text = svg(name)
    root = ElementTree.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    assert root.get("role") == "img"
    assert [(node.tag, node.text) for node in list(root)[:2]] == [
        (f"{space}title", name),
        (f"{space}desc", f"About {name}."),
    ]
    assert {node.tag.removeprefix(space) for node in root.iter()} <= {
        *("svg", "title", "desc", "defs", "g", "path", "use", "text", "tspan", "clipPath", "rect"),
    }
    assert text.count("http") == 1  # the name of the language itself


@pytest.mark.parametrize("name", FIGURES)
def test_every_color_is_a_variable_of_the_page(name):
    known = {f"var(--{color}, {pair[0]})" for color, pair in COLORS.items()}
    found = set(re.findall(r"(?:fill|stroke):([^;\"]+)", svg(name)))
    assert found <= known | {"none"}


def test_pictures_on_one_page_share_no_identifier_and_refer_to_their_own():
    texts = {name: svg(name) for name in FIGURES}
    names = {name: re.findall(r'\sid="([^"]+)"', text) for name, text in texts.items()}
    everything = list(itertools.chain.from_iterable(names.values()))
    assert len(everything) == len(set(everything))
    for name, text in texts.items():
        assert set(re.findall(r"#([\w-]+)\"", text)) | set(re.findall(r"url\(#([\w-]+)\)", text)) <= set(names[name])


def test_title_and_description_are_escaped():
    hostile = '</title><script>alert(1)</script>" onload="alert(2) & 😀 العربية'
    text = to_svg(FIGURES["rate"](), title=hostile, description=hostile)
    assert [node.text for node in list(ElementTree.fromstring(text))[:2]] == [hostile, hostile]
    assert "<script" not in text


def test_a_thousand_points_stay_small():
    assert len(svg("predicted")) < 64_000
    assert all(len(svg(name)) < 12_000 for name in FIGURES if name not in ("predicted", "residuals"))


def luminance(color):
    channels = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_lines_and_words_stand_out_from_the_paper(theme):
    paper = COLORS["paper"][theme]
    for name in ("ink", "muted", "network", "second", "linear", "tree"):  # the legend is written in a line's color
        assert contrast(COLORS[name][theme], paper) >= 4.5, name
    assert contrast(COLORS["dummy"][theme], paper) >= 3


def test_pyplot_is_not_imported():
    code = "import sys, toolkit.report.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
