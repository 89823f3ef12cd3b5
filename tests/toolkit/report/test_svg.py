"""Pictures as SVG, as a page needs them."""

from __future__ import annotations

import itertools
import re
from functools import cache
from xml.etree import ElementTree

import matplotlib as mpl
import pytest

from tests.helpers.pictures import FIGURES
from toolkit.report.style import COLORS
from toolkit.report.svg import svg as to_svg


@cache
def svg(name):
    return to_svg(FIGURES[name](), title=name, description=f"About {name}.")


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
