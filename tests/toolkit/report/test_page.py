"""Reports: the summary first, then the page made from it."""

from __future__ import annotations

import copy
import itertools
import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recipes import multilabel
from tests.helpers.comparisons import TASKS
from tests.helpers.pages import Page, words
from toolkit.common.errors import DataError
from toolkit.report import page as report
from toolkit.report.summary import summarize

HOSTILE = "</style><script>alert(1)</script>\"'& \u202e😀 العربية " + "x" * 300


@pytest.fixture(scope="module")
def summaries(results):
    return {task: summarize(run) for task, run in results.items()}


@pytest.fixture(scope="module")
def pages(summaries):
    return {task: report.render(content) for task, content in summaries.items()}


@pytest.fixture(scope="module")
def wide():
    """A run on 117 columns and 14 labels."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(240, 117)), columns=[f"Att{i}" for i in range(117)])
    labels = [f"Class{i}" for i in range(14)]
    for i, label in enumerate(labels):
        frame[label] = (frame[f"Att{i}"] + random.normal(size=240) > 0).astype(int)
    return multilabel.train(frame, target=labels, hidden=(4,), epochs=2, baselines=False, progress=False).result


# The page


@pytest.mark.parametrize("task", TASKS)
def test_the_page_is_well_formed_and_can_be_found_ones_way_in(task, pages):
    page = Page(pages[task])
    assert page.all("html")[0]["lang"] == "en"
    assert [len(page.all(tag)) for tag in ("h1", "main", "header", "nav", "footer")] == [1] * 5
    assert [element["text"] for element in page.all("title") if "head" in element["path"]] == [
        f"{page.all('h1')[0]['text']}: training report"
    ]
    levels = [int(element["tag"][1]) for element in page.all("h1", "h2", "h3", "h4")]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    names = [element["id"] for element in page.elements if "id" in element]
    assert len(names) == len(set(names))
    links = [element["href"] for element in page.all("a")]
    assert links[0] == "#main"
    assert {link.removeprefix("#") for link in links} <= set(names)
    for element in page.elements:
        for key in ("aria-labelledby", "aria-label"):
            assert element.get(key, "x").strip()
        assert element.get("aria-labelledby", names[0]) in names
    assert [element["aria-labelledby"] for element in page.all("section")] == [
        f"h-{element['id']}" for element in page.all("section")
    ]


@pytest.mark.parametrize("task", TASKS)
def test_tables_and_pictures_say_what_they_are(task, pages):
    page = Page(pages[task])
    assert len(page.all("table")) == len(page.all("caption"))
    assert all(element["text"].strip() for element in page.all("caption"))
    assert {element.get("scope") for element in page.all("th")} == {"col", "row", "rowgroup"}
    for box in [element for element in page.elements if (element.get("class") or "").startswith("box")]:
        assert (box["role"], box["tabindex"]) == ("region", "0")
    assert {"box"} <= {(element.get("class") or "").split(" ")[0] for element in page.all("div")}
    pictures = page.all("svg")
    assert len(pictures) > 20
    for picture in pictures:
        assert picture.get("aria-hidden") == "true" or picture["role"] == "img"
        assert picture.get("aria-label") or picture.get("aria-hidden") or picture["text"].strip()
    assert all("details" not in element["path"] for element in page.all("figure"))
    assert len(page.all("figure")) == len(page.all("figcaption"))
    folded = [element for element in page.all("table") if "figure" in element["path"]]
    assert len(folded) == len(page.all("figure"))  # the numbers of each picture


@pytest.mark.parametrize("task", TASKS)
def test_the_page_asks_for_nothing(task, pages):
    page = Page(pages[task])
    policy = next(element for element in page.all("meta") if "http-equiv" in element)
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert not page.all("script", "iframe", "object", "embed", "img", "form", "base")
    for element in page.elements:
        assert not [key for key in element if key.startswith("on")]
        for key in ("href", "src", "xlink:href"):
            assert re.match(r"#|data:,", element.get(key) or "#")
    outside = re.sub(r'xmlns="http://www.w3.org/2000/svg"', "", pages[task])
    assert "://" not in outside
    assert "url(" not in page.all("style")[0]["text"]
    assert "@import" not in page.all("style")[0]["text"]


@pytest.mark.parametrize("task", TASKS)
def test_every_color_on_the_page_is_set_by_its_style_sheet(task, pages):
    style = Page(pages[task]).all("style")[0]["text"]
    assert set(re.findall(r"var\(--([\w-]+)", pages[task])) <= {"a", *re.findall(r"--([\w-]+):", style)}


@pytest.mark.parametrize("task", TASKS)
def test_every_metric_stands_on_the_page_as_people_write_it(task, results, pages):
    text = words(Page(pages[task]).all("main")[0]["text"])
    for name, value in results[task].metrics.items():
        shown = report.metric_names.metric_value(name, value)
        assert words(shown) in text, name
    assert not re.search(r"\b(nan|None|inf)\b", text)
    assert "not defined" in text or "not set" in text


def test_what_is_not_defined_is_said_so(summaries):
    content = copy.deepcopy(summaries["binary"])
    row = content["results"]["metrics"]["roc_auc"]
    row.update(value=None, low=None, high=None)
    content["verdict"].update(value=None, low=None, high=None)
    content["results"]["classes"]["shown"][0]["precision"] = {"value": None, "low": None, "high": None}
    for entry in content["verdict"]["against"].values():
        entry.update(difference=None, low=None, high=None)
    text = words(Page(report.render(content)).all("main")[0]["text"])
    assert "95 % interval not defined" in text
    assert text.lower().count("not defined") > 6


@pytest.mark.parametrize("task", TASKS)
def test_the_same_summary_gives_the_same_bytes_also_when_read_back_from_json(task, summaries, pages):
    assert report.render(json.loads(json.dumps(summaries[task]))) == pages[task]


def test_a_wide_table_stays_under_a_megabyte_and_says_what_is_left_out(wide):
    content = summarize(wide)
    assert len(content["data"]["columns"]) == 40
    assert content["data"]["left_out"] == 77
    telling = sorted(wide.dataset.describe()["columns"], key=lambda entry: -entry["alone"])[:40]
    assert {entry["name"] for entry in content["data"]["columns"]} == {entry["name"] for entry in telling}
    page = report.render(content)
    assert "77 more columns are not shown" in page
    assert len(page.encode()) < 1_000_000
    assert len(json.dumps(content)) < 1_000_000


def test_without_baselines_the_page_has_none(wide):
    page = Page(report.render(summarize(wide, rows=False)))
    assert "Linear model" not in page.all("main")[0]["text"]
    assert "Trained without baselines" in page.all("main")[0]["text"]


def replaced(value: Any, old: set[str], new: str) -> Any:
    """A summary with some of its texts exchanged, also where they are keys."""
    if isinstance(value, dict):
        return {new if key in old else key: replaced(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, old, new) for item in value]
    return new if isinstance(value, str) and value in old else value


@pytest.mark.parametrize("task", TASKS)
def test_hostile_names_are_shown_and_do_nothing(task, summaries):
    content = copy.deepcopy(summaries[task])
    names = {content["name"], *content["target"], *content["classes"]}
    names |= {entry["name"] for entry in content["data"]["columns"] + content["data"]["target"]}
    content = replaced(content, names, HOSTILE)
    content["data"]["notes"] = [HOSTILE]
    content["data"]["set_aside"] = [{"column": HOSTILE, "reason": HOSTILE}]
    content["data"]["leaks"] = [HOSTILE]
    content["title"] = content["split"]["reason"] = content["settings"]["call"] = HOSTILE
    text = report.render(content)
    page = Page(text)
    assert not page.all("script")
    assert len(page.all("style")) == 1
    assert "<script>alert(1)</script>" in words(page.all("main")[0]["text"])
    assert HOSTILE in page.all("pre")[0]["text"]


def test_hostile_names_do_not_leave_a_notebooks_frame(summaries):
    content = replaced(copy.deepcopy(summaries["multiclass"]), set(summaries["multiclass"]["classes"]), HOSTILE)
    frame = Page(report.notebook({**content, "title": HOSTILE}))
    assert [element["tag"] for element in frame.elements] == ["iframe"]
    assert not Page(frame.elements[0]["srcdoc"]).all("script")


def test_a_notebook_shows_the_page_in_a_frame_that_can_do_nothing(summaries, pages):
    frame = Page(report.notebook(summaries["multiclass"])).elements
    assert [element["tag"] for element in frame] == ["iframe"]
    assert frame[0]["sandbox"] == ""
    assert "height:" in frame[0]["style"]
    inner, whole = Page(frame[0]["srcdoc"]), Page(pages["multiclass"])
    assert inner.all("main")[0]["text"] == whole.all("main")[0]["text"]
    assert not inner.all("nav")


# Files


def test_page_and_summary_are_written_side_by_side(summaries, pages, tmp_path):
    where = report.write(summaries["binary"], tmp_path / "new" / "report")
    assert where == tmp_path / "new" / "report.html"
    assert where.read_text(encoding="utf-8") == pages["binary"]
    assert json.loads((tmp_path / "new" / "report.json").read_text(encoding="utf-8")) == summaries["binary"]
    assert len(list(where.parent.iterdir())) == 2


def test_a_summary_of_a_later_version_is_refused(summaries):
    with pytest.raises(DataError, match="Update logitkit"):
        report.render({**summaries["binary"], "schema": 2})


def test_another_ending_is_refused_before_anything_is_written(summaries, tmp_path):
    with pytest.raises(DataError, match="ends in \\.html"):
        report.write(summaries["binary"], tmp_path / "report.pdf")
    assert list(tmp_path.iterdir()) == []
