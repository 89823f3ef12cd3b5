"""Reports of comparisons: the summary first, then the page made from it."""

from __future__ import annotations

import copy
import itertools
import json
import re
from typing import Any

import numpy as np
import pytest

from tests.helpers.comparisons import HEADS, TASKS, compare
from tests.helpers.pages import Page, words
from toolkit.common.errors import DataError
from toolkit.evaluation.metrics import Outcome
from toolkit.report import cells
from toolkit.report import page as report
from toolkit.report.summary import summarize, without_rows
from toolkit.runs.comparison import Comparison

HOSTILE = "</style><script>alert(1)</script>\"'& \u202e😀 العربية " + "x" * 300


@pytest.fixture(scope="module")
def comparisons(results):
    return {task: compare(results[task], HEADS[task]) for task in TASKS}


@pytest.fixture(scope="module")
def summaries(comparisons):
    return {task: summarize(one) for task, one in comparisons.items()}


@pytest.fixture(scope="module")
def pages(summaries):
    return {task: report.render(content) for task, content in summaries.items()}


@pytest.mark.parametrize("task", TASKS)
def test_a_baseline_that_is_ahead_of_all_contenders_is_named_once(task, results):
    run, names = results[task], HEADS[task][:2]
    truth = run.outcome.y_true
    sure = None if task == "regression" else np.eye(3)[truth] if task == "multiclass" else truth.astype(float)
    right = {"dummy": run.baselines["dummy"], "tree": Outcome(task, truth, truth, sure)}
    best = compare(run, names, baselines={0: right, 1: right})
    assert len(best.verdict) == 2
    assert best.verdict[-1].startswith("A baseline is better than all of them: the gradient-boosted trees, with ")
    assert "This difference is not tested." in Page(report.render(summarize(best))).section("verdict")
    worst = compare(run, names, baselines={seed: {"dummy": run.baselines["dummy"]} for seed in (0, 1)})
    assert len(worst.verdict) == 1


def test_the_page_without_rows_says_so_and_names_none(summaries):
    page = report.render(without_rows(summaries["multiclass"]))
    assert "are left out of this report" in page
    assert "rows of your data" not in page
    assert "Row " not in Page(page).all("main")[0]["text"]


# The page


@pytest.mark.parametrize("task", TASKS)
def test_the_page_is_well_formed_and_can_be_found_ones_way_in(task, pages):
    page = Page(pages[task])
    assert [len(page.all(tag)) for tag in ("h1", "main", "header", "nav", "footer")] == [1] * 5
    assert [element["text"] for element in page.all("title") if "head" in element["path"]] == [
        f"{page.all('h1')[0]['text']}: comparison report"
    ]
    levels = [int(element["tag"][1]) for element in page.all("h1", "h2", "h3", "h4")]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    names = [element["id"] for element in page.elements if "id" in element]
    assert len(names) == len(set(names))
    links = [element["href"].removeprefix("#") for element in page.all("a")]
    assert links == ["main", *(element["id"] for element in page.all("section"))]
    assert [element["aria-labelledby"] for element in page.all("section")] == [
        f"h-{element['id']}" for element in page.all("section")
    ]


@pytest.mark.parametrize("task", TASKS)
def test_only_the_sections_that_apply_stand_on_the_page(task, pages):
    sections = [element["id"] for element in Page(pages[task]).all("section")]
    own = {
        "regression": ["errors"],
        "binary": ["margins", "probabilities", "jiggle", "regions"],
        "multiclass": ["margins", "probabilities", "jiggle", "regions"],
        "multilabel": ["margins", "probabilities", "labels"],
    }[task]
    always = ["verdict", "metrics", "contenders", "training", "disagreement", "settings"]
    assert set(sections) == {*own, *always}


@pytest.mark.parametrize("task", TASKS)
def test_tables_and_pictures_say_what_they_are(task, pages):
    page = Page(pages[task])
    assert len(page.all("table")) == len(page.all("caption"))
    assert all(element["text"].strip() for element in page.all("caption"))
    assert {element.get("scope") for element in page.all("th")} == {"col", "row"}
    for picture in page.all("svg"):
        assert picture.get("aria-hidden") == "true" or picture["role"] == "img"
        assert picture.get("aria-hidden") or picture["text"].strip()
    folded = [element for element in page.all("table") if "figure" in element["path"]]
    assert len(folded) == len(page.all("figure")) == len(page.all("figcaption")) > 3


@pytest.mark.parametrize("task", TASKS)
def test_the_page_asks_for_nothing_and_stays_small(task, pages, summaries):
    page = Page(pages[task])
    policy = next(element for element in page.all("meta") if "http-equiv" in element)
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert not page.all("script", "iframe", "object", "embed", "img", "form", "base")
    for element in page.elements:
        assert not [key for key in element if key.startswith("on")]
        for key in ("href", "src", "xlink:href"):
            assert re.match(r"#|data:,", element.get(key) or "#")
    assert "://" not in re.sub(r'xmlns="http://www.w3.org/2000/svg"', "", pages[task])
    assert len(pages[task].encode()) < 500_000
    assert len(json.dumps(summaries[task])) < 500_000


@pytest.mark.parametrize("task", TASKS)
def test_the_page_tells_the_verdict_every_metric_the_method_and_what_is_not_ranked(task, comparisons, summaries, pages):
    one, page = comparisons[task], Page(pages[task])
    text = words(page.all("main")[0]["text"])
    assert all(words(sentence) in page.section("verdict") for sentence in one.verdict)
    for name, row in summaries[task]["results"]["metrics"].items():
        for entry in row["contenders"]:
            assert words(report.metric_names.metric_value(name, entry["value"])) in text
        for entry in row["differences"][1:]:
            assert words(cells.difference(name, entry["value"], entry)["value"]) in page.section("metrics")
    assert "Never ranked by loss." in text
    assert "different scales" in text
    assert "paired bootstrap of the test rows" in page.section("metrics")
    assert not re.search(r"\b(nan|None|inf)\b", text)


def test_the_same_summary_gives_the_same_bytes_also_when_read_back_from_json(summaries, pages):
    assert report.render(json.loads(json.dumps(summaries["binary"]))) == pages["binary"]


def replaced(value: Any, old: set[str]) -> Any:
    """A summary with some of its texts exchanged for a hostile one."""
    if isinstance(value, dict):
        return {key: replaced(item, old) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, old) for item in value]
    return HOSTILE if isinstance(value, str) and value in old else value


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_hostile_names_are_shown_and_do_nothing(task, summaries):
    content = copy.deepcopy(summaries[task])
    names = {content["name"], *content["target"], *content["classes"], *content["disagreement"]["shown"]["columns"]}
    content = replaced(content, names | {entry["label"] for entry in content["contenders"]})
    content["title"] = content["verdict"]["headline"] = content["terms"]["reason"] = HOSTILE
    content["settings"] = {**content["settings"], "call": HOSTILE}
    page = Page(report.render(content))
    assert not page.all("script")
    assert len(page.all("style")) == 1
    assert "<script>alert(1)</script>" in words(page.all("main")[0]["text"])
    assert HOSTILE in page.all("pre")[0]["text"]


def test_what_is_not_defined_is_said_so(summaries):
    content = copy.deepcopy(summaries["binary"])
    row = content["results"]["metrics"]["roc_auc"]
    row["contenders"][1].update(value=None, low=None, high=None, seeds=[None, None])
    row["differences"][1].update(value=None, low=None, high=None, standing="level", seeds=[None, None])
    row["differences"][2].update(low=None, high=None, standing="level")
    content["margins"][1] = content["reliability"][1] = content["confidence"][1] = None
    content["training"]["curves"][1] = None
    page = Page(report.render(content))
    assert "not defined" in page.section("verdict").lower()
    assert "No interval" in page.section("verdict")


def test_one_seed_has_no_spread_to_tell_of(results):
    content = summarize(compare(results["multiclass"], ("softmax", "hinge"), seeds=(3,)))
    page = Page(report.render(content))
    assert "seed 3" not in page.section("verdict")
    assert "Mean over" not in page.section("training")
    assert "1 seed" in words(page.all("header")[0]["text"])


def test_page_and_summary_are_written_side_by_side(comparisons, summaries, pages, tmp_path):
    where = Comparison(comparisons["regression"]).report(tmp_path / "new" / "heads")
    assert where == tmp_path / "new" / "heads.html"
    assert where.read_text(encoding="utf-8") == pages["regression"]
    assert json.loads(where.with_suffix(".json").read_text(encoding="utf-8")) == summaries["regression"]


def test_a_notebook_shows_the_page_in_a_frame_of_its_own(summaries, pages):
    frame = Page(report.notebook(summaries["regression"])).elements
    assert [(element["tag"], element["title"]) for element in frame] == [("iframe", "Comparison report")]
    assert Page(frame[0]["srcdoc"]).all("main")[0]["text"] == Page(pages["regression"]).all("main")[0]["text"]


def test_another_kind_of_summary_is_refused(summaries):
    with pytest.raises(DataError, match="Update logitkit"):
        report.render({**summaries["binary"], "kind": "lesson"})
