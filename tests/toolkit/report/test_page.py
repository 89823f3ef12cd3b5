"""The page of a run or of a comparison as a whole: its structure, its safety, its files."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import os
import re
import threading
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recipes import multilabel
from tests.helpers.comparisons import TASKS
from tests.helpers.pages import Page, words
from toolkit import report
from toolkit.common.errors import DataError
from toolkit.report.page import check_page
from toolkit.report.summary import summarize
from toolkit.runs.comparison import Comparison

HOSTILE = "</style><script>alert(1)</script>\"'& \u202e😀 العربية " + "x" * 300
KINDS = {"run": "Training report", "comparison": "Comparison report"}

of_each_kind = pytest.mark.parametrize("kind", KINDS)
of_each_task = pytest.mark.parametrize("task", TASKS)


@of_each_kind
@of_each_task
def test_the_page_is_well_formed_and_every_section_is_in_its_contents(kind, task, pages):
    page = Page(pages[kind, task])
    assert page.all("html")[0]["lang"] == "en"
    assert [len(page.all(tag)) for tag in ("h1", "main", "header", "nav", "footer")] == [1] * 5
    titles = [element["text"] for element in page.all("title") if "head" in element["path"]]
    assert titles == [f"{page.all('h1')[0]['text']}: {KINDS[kind].lower()}"]
    levels = [int(element["tag"][1]) for element in page.all("h1", "h2", "h3", "h4")]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    names = [element["id"] for element in page.elements if "id" in element]
    assert len(names) == len(set(names))
    for element in page.elements:
        assert element.get("aria-label", "x").strip()
        assert element.get("aria-labelledby", names[0]) in names
    sections = [element["id"] for element in page.all("section")]
    assert [element["href"].removeprefix("#") for element in page.all("a")] == ["main", *sections]
    assert [element["aria-labelledby"] for element in page.all("section")] == [f"h-{name}" for name in sections]


@of_each_kind
@of_each_task
def test_only_the_sections_that_apply_are_on_the_page(kind, task, pages):
    everywhere = {
        "run": "verdict data split model training results importance numerics mistakes settings",
        "comparison": "verdict metrics contenders training disagreement settings",
    }[kind].split()
    scores = "margins probabilities jiggle regions"
    more = {
        "regression": "errors",
        "binary": scores,
        "multiclass": scores,
        "multilabel": "margins probabilities labels",
    }[task].split()
    sections = {element["id"] for element in Page(pages[kind, task]).all("section")}
    assert sections == {*everywhere, *(more if kind == "comparison" else [])}


@of_each_kind
@of_each_task
def test_every_table_has_a_caption_and_every_picture_a_text_and_its_numbers(kind, task, pages):
    page = Page(pages[kind, task])
    assert len(page.all("table")) == len(page.all("caption"))
    assert all(element["text"].strip() for element in page.all("caption"))
    assert {element.get("scope") for element in page.all("th")} <= {"col", "row", "rowgroup"}
    boxes = [element for element in page.all("div") if (element.get("class") or "").split(" ")[0] == "box"]
    assert len(boxes) == len(page.all("table"))
    assert {(box["role"], box["tabindex"]) for box in boxes} == {("region", "0")}
    for picture in page.all("svg"):
        assert picture.get("aria-hidden") == "true" or picture["role"] == "img"
        assert picture.get("aria-label") or picture.get("aria-hidden") or picture["text"].strip()
    assert all("details" not in element["path"] for element in page.all("figure"))
    tables = [element for element in page.all("table") if "figure" in element["path"]]
    assert len(tables) == len(page.all("figure")) == len(page.all("figcaption")) > 2


@of_each_kind
@of_each_task
def test_the_page_loads_nothing_and_stays_small(kind, task, pages, contents):
    text = pages[kind, task]
    page = Page(text)
    policy = next(element for element in page.all("meta") if "http-equiv" in element)
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert not page.all("script", "iframe", "object", "embed", "img", "form", "base")
    for element in page.elements:
        assert not [key for key in element if key.startswith("on")]
        for key in ("href", "src", "xlink:href"):
            assert re.match(r"#|data:,", element.get(key) or "#")
    assert "://" not in text.replace('xmlns="http://www.w3.org/2000/svg"', "")
    style = page.all("style")[0]["text"]
    assert "url(" not in style
    assert "@import" not in style
    assert len(text.encode()) < 500_000
    assert len(json.dumps(contents[kind, task])) < 500_000


@of_each_kind
@of_each_task
def test_every_color_on_the_page_is_set_by_its_style_sheet(kind, task, pages):
    style = Page(pages[kind, task]).all("style")[0]["text"]
    assert set(re.findall(r"var\(--([\w-]+)", pages[kind, task])) <= {"a", *re.findall(r"--([\w-]+):", style)}


@of_each_kind
@of_each_task
def test_the_page_shows_no_python_literals_and_says_what_it_lacks(kind, task, pages):
    text = words(Page(pages[kind, task]).all("main")[0]["text"])
    assert not re.search(r"\b(nan|None|inf)\b", text)
    assert "not defined" in text or "not set" in text


@of_each_kind
@of_each_task
def test_the_same_summary_gives_the_same_bytes_also_when_read_back_from_json(kind, task, contents, pages):
    assert report.render(json.loads(json.dumps(contents[kind, task]))) == pages[kind, task]


def test_a_wide_table_stays_under_a_megabyte_and_says_what_is_left_out():
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(240, 117)), columns=[f"Att{i}" for i in range(117)])
    labels = [f"Class{i}" for i in range(14)]
    for i, label in enumerate(labels):
        frame[label] = (frame[f"Att{i}"] + random.normal(size=240) > 0).astype(int)
    run = multilabel.train(frame, target=labels, hidden=(4,), epochs=2, baselines=False, progress=False)
    content = summarize(run.result)
    assert content["data"]["left_out"] == 77
    telling = sorted(run.result.dataset.describe()["columns"], key=lambda entry: -entry["alone"])[:40]
    assert {entry["name"] for entry in content["data"]["columns"]} == {entry["name"] for entry in telling}
    page = report.render(content)
    assert "77 more columns are not shown" in page
    assert len(page.encode()) < 1_000_000
    assert len(json.dumps(content)) < 1_000_000
    text = Page(page).all("main")[0]["text"]
    assert "Trained without baselines" in text
    assert "Linear model" not in text


def with_hostile_names(value: Any, names: set[str], keys: bool) -> Any:
    """A summary with these texts exchanged for a hostile one, perhaps also where they are keys."""
    if isinstance(value, dict):
        items = [(key, with_hostile_names(item, names, keys)) for key, item in value.items()]
        return {HOSTILE if keys and key in names else key: item for key, item in items}
    if isinstance(value, list):
        return [with_hostile_names(item, names, keys) for item in value]
    return HOSTILE if isinstance(value, str) and value in names else value


def hostile(content):
    """A summary in which every text of the user's is hostile."""
    content = copy.deepcopy(content)
    names = {content["name"], *content["target"], *content["classes"]}
    if content["kind"] == "run":
        names |= {entry["name"] for entry in content["data"]["columns"] + content["data"]["target"]}
    else:
        names |= {entry["label"] for entry in content["contenders"]} | set(content["disagreement"]["shown"]["columns"])
    # In a run, names of columns are keys; in a comparison, a contender may be called as a key is.
    content = with_hostile_names(content, names, keys=content["kind"] == "run")
    if content["kind"] == "run":
        content["data"] |= {"notes": [HOSTILE], "leaks": [HOSTILE]}
        content["data"]["set_aside"] = [{"column": HOSTILE, "reason": HOSTILE}]
        content["split"]["reason"] = HOSTILE
    else:
        content["verdict"]["headline"] = content["terms"]["reason"] = HOSTILE
        content["terms"]["notes"] = [HOSTILE]
    return content | {"title": HOSTILE, "settings": {**content["settings"], "call": HOSTILE}}


@of_each_kind
@of_each_task
def test_hostile_names_are_shown_and_do_nothing(kind, task, contents):
    page = Page(report.render(hostile(contents[kind, task])))
    assert not page.all("script")
    assert len(page.all("style")) == 1
    assert "<script>alert(1)</script>" in words(page.all("main")[0]["text"])
    assert HOSTILE in page.all("pre")[0]["text"]


def test_hostile_names_do_not_leave_a_notebooks_frame(contents):
    frame = Page(report.notebook(hostile(contents["run", "multiclass"])))
    assert [element["tag"] for element in frame.elements] == ["iframe"]
    assert not Page(frame.elements[0]["srcdoc"]).all("script")


@of_each_kind
def test_a_notebook_shows_the_page_in_a_frame_that_can_do_nothing(kind, contents, pages):
    frame = Page(report.notebook(contents[kind, "multiclass"])).elements
    assert [(element["tag"], element["title"], element["sandbox"]) for element in frame] == [
        ("iframe", KINDS[kind], "")
    ]
    assert "height:" in frame[0]["style"]
    inner, full = Page(frame[0]["srcdoc"]), Page(pages[kind, "multiclass"])
    assert inner.all("main")[0]["text"] == full.all("main")[0]["text"]
    assert not inner.all("nav")


def test_page_and_summary_are_written_side_by_side(contents, pages, tmp_path):
    path = report.write(contents["run", "binary"], tmp_path / "new" / "report")
    assert path == tmp_path / "new" / "report.html"
    assert path.read_text(encoding="utf-8") == pages["run", "binary"]
    assert json.loads(path.with_suffix(".json").read_text(encoding="utf-8")) == contents["run", "binary"]
    assert len(list(path.parent.iterdir())) == 2


def test_a_comparison_writes_the_same_page(comparisons, pages, tmp_path):
    path = Comparison(comparisons["regression"]).report(tmp_path / "heads")
    assert path.read_text(encoding="utf-8") == pages["comparison", "regression"]


@pytest.mark.parametrize("change", [{"schema": 2}, {"kind": "lesson"}], ids=["schema", "kind"])
def test_a_summary_of_a_later_version_or_another_kind_is_refused(change, contents):
    with pytest.raises(DataError, match="Update logitkit"):
        report.render({**contents["run", "binary"], **change})


def test_another_ending_is_refused_before_anything_is_written(contents, tmp_path):
    with pytest.raises(DataError, match="ends in \\.html"):
        report.write(contents["run", "binary"], tmp_path / "report.pdf")
    assert list(tmp_path.iterdir()) == []


def test_the_page_names_the_json_that_it_belongs_to(contents, tmp_path):
    path = report.write(contents["run", "binary"], tmp_path / "report.html")
    digest = hashlib.sha256(path.with_suffix(".json").read_bytes()).hexdigest()
    assert f'<meta name="summary-sha256" content="{digest}">' in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ['{"name": "web"}', '["schema", "kind"]', "no JSON", '{"schema": 1, "kind": 2}'])
def test_a_json_file_of_another_origin_is_never_replaced(contents, tmp_path, text):
    other, page = tmp_path / "package.json", tmp_path / "package.html"
    other.write_text(text)
    for refused in (lambda: check_page(page), lambda: report.write(contents["run", "binary"], page)):
        with pytest.raises(DataError, match=r"package\.json would be replaced .*package-report\.html"):
            refused()
    assert other.read_text() == text
    assert list(tmp_path.iterdir()) == [other]


def test_the_json_of_an_earlier_report_is_replaced(contents, tmp_path):
    for kind in ("run", "comparison"):
        path = report.write(contents[kind, "binary"], tmp_path / "report.html")
    assert json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["kind"] == "comparison"


def test_a_page_whose_json_cannot_be_written_is_not_written(contents, tmp_path):
    (tmp_path / "report.json").mkdir()
    with pytest.raises(DataError, match=r"report\.json can't be written: it is a folder"):
        report.write(contents["run", "binary"], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_links_to_page_and_summary_are_followed(contents, pages, tmp_path):
    (tmp_path / "far").mkdir()
    for ending in ("html", "json"):
        (tmp_path / f"near.{ending}").symlink_to(tmp_path / "far" / f"real.{ending}")
    path = report.write(contents["run", "binary"], tmp_path / "near.html")
    assert path.is_symlink()
    assert (tmp_path / "far" / "real.html").read_text(encoding="utf-8") == pages["run", "binary"]
    assert sorted(file.name for file in (tmp_path / "far").iterdir()) == ["real.html", "real.json"]


def test_a_pipe_gets_the_page_alone(contents, pages, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text(encoding="utf-8")))
    reader.start()
    report.write(contents["run", "binary"], pipe)
    reader.join()
    assert read == [pages["run", "binary"]]
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_summary_is_never_written_into_a_pipe_beside_a_page(contents, tmp_path):
    os.mkfifo(tmp_path / "report.json")  # opened, it would wait forever for a reader
    for refused in (check_page, lambda path: report.write(contents["run", "binary"], path)):
        with pytest.raises(DataError, match=r"report\.json is a device or a pipe, and report\.html has its summary"):
            refused(tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_a_name_that_no_disk_holds_is_refused(contents, tmp_path):
    for refused in (check_page, lambda path: report.write(contents["run", "binary"], path)):
        with pytest.raises(DataError, match=r"x\.(html|json) can't be written: File name too long"):
            refused(tmp_path / f"{'x' * 251}.html")
    report.write(contents["run", "binary"], tmp_path / f"{'x' * 250}.html")
    assert len(list(tmp_path.iterdir())) == 2
