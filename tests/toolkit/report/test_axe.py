"""axe-core finds nothing serious on any kind of page, in light and in dark colors."""

from __future__ import annotations

import pytest

from recipes import lessons
from recipes.lessons.tools.page import write_index
from tests.helpers.axe import axe_source, serious
from tests.helpers.browser import CHROMIUM, NO_CHROMIUM, browser
from tests.helpers.comparisons import HEADS, compare
from toolkit.report import render
from toolkit.report.summary import summarize

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, results, image_result):
    """Return a folder with a page of each kind."""
    folder = tmp_path_factory.mktemp("pages")
    comparison = compare(results["multiclass"], HEADS["multiclass"])
    for name, subject in {"run": results["binary"], "comparison": comparison, "images": image_result}.items():
        (folder / f"{name}.html").write_text(render(summarize(subject)), encoding="utf-8")
    shown = [lessons.show(name) for name in ("losses", "perceptron", "playground")]
    for lesson in shown:
        lesson.report(folder / f"{lesson.name}.html", linked=True)
    write_index(shown, folder)
    return folder


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def source():
    return axe_source()


def test_no_page_has_a_serious_fault_in_light_or_in_dark(folder, chromium, source):
    pages = sorted(folder.glob("*.html"))
    assert len(pages) == 7
    found = {}
    for page in pages:
        for dark in (False, True):
            chromium.visit(page, dark=dark)
            # Unfolded, so that hidden tables are looked at too.
            chromium.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
            # Dark pages differ in their colors only.
            found[page.name, dark] = serious(chromium, source, "['color-contrast']" if dark else "")
    assert {where: faults for where, faults in found.items() if faults} == {}


def test_a_narrow_page_has_none_either(folder, chromium, source):
    chromium.visit(folder / "losses.html", width=390)
    assert serious(chromium, source) == []


def test_a_planted_fault_is_found(folder, chromium, source):
    chromium.visit(folder / "losses.html")
    chromium.evaluate("document.documentElement.removeAttribute('lang')")
    assert [fault["rule"] for fault in serious(chromium, source)] == ["html-has-lang"]
