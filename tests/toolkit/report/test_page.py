"""Reports: the summary first, then the page made from it."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special
from scipy.stats import binomtest
from sklearn import metrics as sk

from recipes import multilabel
from recipes.samples import SAMPLES, path
from tests.helpers.pages import Page, everything, words
from toolkit.common.errors import DataError
from toolkit.common.formatting import percent
from toolkit.evaluation import calibration, metrics
from toolkit.evaluation.metrics import difference
from toolkit.heads import get_head
from toolkit.report import page as report
from toolkit.report.summary import run as summary
from toolkit.report.summary.results import share

TASKS = ["regression", "binary", "multiclass", "multilabel"]
FILES = {sample.task: name for name, sample in SAMPLES.items()}
HOSTILE = "</style><script>alert(1)</script>\"'& \u202e😀 العربية " + "x" * 300


@pytest.fixture(scope="module")
def summaries(results):
    return {task: summary.summarise(run) for task, run in results.items()}


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


# The summary


@pytest.mark.parametrize("task", TASKS)
def test_a_summary_is_strict_json_and_the_same_again(task, results, summaries):
    text = json.dumps(summaries[task], allow_nan=False)
    assert json.loads(text) == summaries[task]
    assert json.dumps(summary.summarise(results[task]), allow_nan=False) == text
    assert {type(leaf) for leaf in everything(summaries[task])} <= {str, int, float, bool, type(None)}


@pytest.mark.parametrize("task", TASKS)
def test_the_metrics_and_their_intervals_are_the_runs(task, results, summaries):
    table = results[task].table
    found = summaries[task]["results"]["metrics"]
    assert list(found) == list(table.index)
    for name, entry in found.items():
        for key, column in [("value", "{}"), ("low", "{}_low"), ("high", "{}_high")]:
            assert entry[key] == pytest.approx(table.loc[name, key])
            for baseline in ("dummy", "linear", "tree"):
                expected = table.loc[name, column.format(baseline)]
                assert entry["baselines"][baseline][key] == (None if np.isnan(expected) else pytest.approx(expected))


@pytest.mark.parametrize("task", TASKS)
def test_data_and_split_count_every_row(task, results, summaries):
    content, table = summaries[task], results[task].dataset
    assert sum(content["split"]["parts"].values()) == content["data"]["rows"] == table.rows
    for entry in content["data"]["columns"] + content["data"]["target"]:
        assert set(entry["parts"]) == {"all", "train", "validation", "test"}
        for part, described in entry["parts"].items():
            rows = table.rows if part == "all" else content["split"]["parts"][part]
            assert described["count"] + described["missing"] == rows
            assert sum(described["counts"]) == described["count"]


@pytest.mark.parametrize("task", TASKS)
def test_the_model_is_counted_as_keras_counts_it(task, results, summaries):
    model = summaries[task]["model"]
    assert model["parameters"] == results[task].model.count_params()
    dense = [layer for layer in model["layers"] if layer["type"] == "Dense"]
    assert [layer["neurons"] for layer in dense] == [16, results[task].target.units]
    assert dense[0]["counted"] == f"{model['inputs']} × 16 weights + 16 biases"
    assert model["inputs"] == len(results[task].encoder.names)


def test_the_confusion_matrix_and_each_class_are_those_of_scikit_learn(results, summaries):
    for task in ("binary", "multiclass"):
        outcome, found = results[task].outcome, summaries[task]["results"]
        assert found["confusion"]["counts"] == sk.confusion_matrix(outcome.y_true, outcome.y_pred).tolist()
        expected = sk.precision_recall_fscore_support(outcome.y_true, outcome.y_pred, zero_division=np.nan)
        for key, values in zip(("precision", "recall", "f1", "rows"), expected, strict=True):
            for entry, value in zip(found["classes"]["shown"], values, strict=True):
                got = entry[key]["value"] if isinstance(entry[key], dict) else entry[key]
                assert got == pytest.approx(value, nan_ok=True)


def test_each_label_is_that_of_scikit_learn(results, summaries):
    outcome = results["multilabel"].outcome
    for place, entry in enumerate(summaries["multilabel"]["results"]["labels"]["shown"]):
        truth, said = outcome.y_true[:, place], outcome.y_pred[:, place]
        assert entry["rows"] == truth.sum()
        assert entry["recall"]["value"] == pytest.approx(sk.recall_score(truth, said))
        assert entry["f1"] == pytest.approx(sk.f1_score(truth, said))
        assert entry["roc_auc"] == pytest.approx(sk.roc_auc_score(truth, outcome.probabilities[:, place]))


@pytest.mark.parametrize(("part", "whole"), [(0, 7), (3, 7), (7, 7), (212, 300)])
def test_intervals_of_shares_are_wilsons(part, whole):
    expected = binomtest(part, whole).proportion_ci(method="wilson")
    assert share(part, whole) == pytest.approx({"value": part / whole, "low": expected.low, "high": expected.high})


def test_the_drawn_curves_keep_their_area(results, summaries):
    outcome, curves = results["binary"].outcome, summaries["binary"]["results"]["curves"]
    assert set(curves["roc"]) == {"network", "linear", "tree"}
    x, y = curves["roc"]["network"]
    assert sk.auc(x, y) == pytest.approx(results["binary"].metrics["roc_auc"], abs=0.005)
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert curves["at"]["recall"] == pytest.approx(sk.recall_score(outcome.y_true, outcome.y_pred))
    assert curves["at"]["precision"] == pytest.approx(sk.precision_score(outcome.y_true, outcome.y_pred))


def tempered(run, temperature, kept=True, **changes):
    """A run whose probabilities went through this temperature."""
    fitted = dataclasses.replace(
        run.calibration, method="temperature", parameters={"temperature": temperature}, kept=kept, **changes
    )
    outcome = dataclasses.replace(run.outcome, probabilities=fitted.probabilities(run.outcome.scores))
    return dataclasses.replace(run, calibration=fitted, outcome=outcome)


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_reliability_is_shown_before_a_temperature_that_was_kept_and_after(task, results):
    run = results[task]
    changed = tempered(run, 3.0, log_loss_before=0.5, log_loss_after=0.4)
    content = summary.summarise(changed)
    found, scores = content["results"]["reliability"], run.outcome.scores.astype(float)
    plain = special.softmax(scores, axis=1) if task == "multiclass" else special.expit(scores)
    groups = min(15, max(5, run.outcome.y_true.size // 30))
    for shape, chance in (
        (found["before"], plain.reshape(changed.outcome.probabilities.shape)),
        (found, changed.outcome.probabilities),
    ):
        expected = metrics.reliability(run.outcome.y_true, chance, bins=groups)
        assert shape["predicted"] == pytest.approx(expected["predicted"], rel=1e-4)
        assert shape["ece"] == pytest.approx(
            metrics.expected_calibration_error(run.outcome.y_true, chance, bins=groups), rel=1e-5
        )
        assert sum(shape["count"]) == found["rows"]
    assert found["before"]["ece"] != found["ece"]
    page = words(Page(report.render(content)).all("main")[0]["text"])
    assert words(f"{percent(found['before']['ece'])} before, {percent(found['ece'])} after") in page


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_reliability_has_no_before_where_no_temperature_was_kept_and_for_margins(task, results):
    run = results[task]
    idle = tempered(run, 1.0, kept=False, log_loss_before=0.4, log_loss_after=0.5)
    fitted = calibration.fit(task, None, run.outcome.scores, run.outcome.y_true)
    margins = dataclasses.replace(run, head=get_head(task, "hinge"), calibration=fitted)
    for one in (idle, margins):
        content = summary.summarise(one)
        assert content["results"]["reliability"]["before"] is None
        assert "Dashed and hollow" not in report.render(content)


def test_regression_bands_hold_nine_tenths_of_the_errors_and_the_histogram_all(results, summaries):
    outcome = results["regression"].outcome
    target = summaries["regression"]["results"]["targets"][0]
    errors = (outcome.y_true - outcome.y_pred)[:, 0]
    assert sum(target["histogram"]["counts"]) == sum(target["bands"]["rows"]) == len(errors)
    first = np.argsort(outcome.y_pred[:, 0], kind="stable")[: target["bands"]["rows"][0]]
    assert target["bands"]["error_middle"][0] == pytest.approx(np.median(errors[first]), rel=1e-4)
    assert target["bands"]["error_low"][0] == pytest.approx(np.quantile(errors[first], 0.05), rel=1e-4)
    assert len(target["points"]["true"]) == len(errors)


@pytest.mark.parametrize("task", TASKS)
def test_mistakes_are_rows_of_the_file_that_were_predicted_wrong_most_confident_first(task, runs, summaries):
    run, found = runs[task], summaries[task]["mistakes"]
    file = pd.read_csv(path(FILES[task]))
    assert len(found["rows"]) == min(10, found["total"])
    assert found["total"] or task == "multiclass"
    for entry in found["rows"]:
        row = file.iloc[entry["row"] - 1]
        for name, cell in zip(found["columns"], entry["cells"], strict=True):
            same = pd.isna(row[name]) if cell is None else cell == row[name] or cell == pytest.approx(row[name])
            assert same, (name, cell, row[name])
        if task == "regression":
            true, predicted, error = entry["said"]
            assert true == pytest.approx(row[run.target.columns[0]], rel=1e-5)
            assert predicted == pytest.approx(run.predict(file.iloc[[entry["row"] - 1]])[0], rel=1e-4)
            assert error == pytest.approx(true - predicted, rel=1e-3)
        elif task == "multilabel":
            label, true, predicted, _ = entry["said"]
            assert true is bool(row[label])
            assert predicted is not true
        else:
            true, predicted, _ = entry["said"]
            assert true == str(row[run.target.columns[0]])
            assert predicted == str(run.predict(file.iloc[[entry["row"] - 1]])[0]) != true
    said = [entry["said"][-1] for entry in found["rows"]]
    sure = [
        abs(error) if task == "regression" else float(error.split("\u202f")[0].removeprefix("over ")) for error in said
    ]
    assert sure == sorted(sure, reverse=True)


@pytest.mark.parametrize("task", TASKS)
def test_without_rows_no_row_is_left(task, results, summaries):
    bare = summary.summarise(results[task], rows=False)
    assert bare == summary.without_rows(summaries[task])
    assert bare["mistakes"] is None
    assert not bare["rows_included"]
    assert all(target["points"] is None for target in bare["results"]["targets"] or [])
    page = report.render(bare)
    assert "are left out of this report" in page
    assert "rows of your data" not in page


def test_the_headline_says_where_the_network_stands(results):
    run = results["multiclass"]
    outcome = run.outcome
    right = dataclasses.replace(outcome, y_pred=outcome.y_true)
    wrong = dataclasses.replace(outcome, y_pred=(outcome.y_true + 1) % 3)

    def verdict(own, **others):
        changed = dataclasses.replace(run, outcome=own, baselines={name: others[name] for name in others})
        return summary.summarise(changed)["verdict"]

    assert verdict(right, dummy=wrong, linear=wrong, tree=wrong)["headline"] == (
        "Better than guessing, the linear model and the gradient-boosted trees."
    )
    told = verdict(right, dummy=wrong, linear=right, tree=right)
    assert told["headline"] == "Better than guessing, level with the linear model and the gradient-boosted trees."
    assert told["against"]["linear"] == {"difference": 0.0, "low": 0.0, "high": 0.0, "standing": "level"}
    assert told["next"][0].startswith("Prefer the linear model")
    assert verdict(wrong, dummy=right)["headline"] == "Worse than guessing."
    assert verdict(right, dummy=right)["headline"] == "No better than guessing."
    assert verdict(right)["headline"].startswith("Trained without baselines")


@pytest.mark.parametrize("task", TASKS)
def test_differences_are_paired_and_the_interval_decides(task, results, summaries):
    told = summaries[task]["verdict"]
    for name, entry in told["against"].items():
        value, low, high = difference(results[task].outcome, results[task].baselines[name], told["metric"])
        assert (entry["difference"], entry["low"], entry["high"]) == pytest.approx((value, low, high))
        assert (entry["standing"] == "level") == (low <= 0 <= high)


def test_an_interval_without_width_is_not_trusted(results):
    run = results["multiclass"]
    row = {"value": 1.0, "low": 1.0, "high": 1.0}
    table = run.table.copy()
    table.loc["accuracy", list(row)] = list(row.values())
    told = summary.summarise(dataclasses.replace(run, table=table))["verdict"]["caution"]
    lowest = binomtest(len(run.outcome.y_true), len(run.outcome.y_true)).proportion_ci(method="wilson").low
    assert f"{100 * lowest:.1f}" in told


def test_a_suspected_leak_comes_first(results, summaries):
    run = results["binary"]
    table = copy.copy(run.dataset)
    vars(table)["_description"] = {**run.dataset.describe(), "leaks": ["duration"]}
    content = summary.summarise(dataclasses.replace(run, dataset=table))
    assert "duration" in content["verdict"]["next"][0]
    page = report.render(content)
    assert "Suspected leak" in page
    assert "Suspected leak" not in report.render(summaries["binary"])


def test_many_classes_are_capped_and_what_is_left_out_is_counted(results):
    run, random = results["multiclass"], np.random.default_rng(0)
    size = 50
    labels = [f"class {i}" for i in range(size)]
    target = dataclasses.replace(run.target, classes=np.array(labels, dtype=object))
    scores = random.normal(size=(len(run.outcome.y_true), size))
    outcome = dataclasses.replace(
        run.outcome,
        y_true=random.integers(0, size, len(scores)),
        y_pred=scores.argmax(axis=1),
        scores=scores,
        probabilities=np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True),
    )
    content = summary.summarise(dataclasses.replace(run, target=target, outcome=outcome, baselines={}))
    found = content["results"]
    assert len(found["classes"]["shown"]) + found["classes"]["left_out"] == size
    assert found["classes"]["left_out"] == 10
    wrong = (outcome.y_true != outcome.y_pred).sum()
    mistakes = content["mistakes"]
    assert mistakes["total"] == wrong
    for entry in mistakes["rows"]:
        place = np.flatnonzero(run.dataset.source_rows[run.dataset.parts["test"]] == entry["row"])[0]
        assert entry["said"][:2] == [labels[outcome.y_true[place]], labels[outcome.y_pred[place]]]
        assert entry["said"][2] == f"{100 * outcome.probabilities[place].max():.1f}\u202f%"
    assert found["confusion"]["counts"] is None
    counts = sk.confusion_matrix(outcome.y_true, outcome.y_pred, labels=range(size))
    pairs = found["confusion"]["pairs"]
    assert [pair["rows"] for pair in pairs] == [counts[pair["true"], pair["predicted"]] for pair in pairs]
    assert len(pairs) + found["confusion"]["left_out"] == (counts > 0).sum() - (np.diag(counts) > 0).sum()
    assert "10 are left out" in words(Page(report.render(content)).all("main")[0]["text"])


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
    content = summary.summarise(wide)
    assert len(content["data"]["columns"]) == 40
    assert content["data"]["left_out"] == 77
    telling = sorted(wide.dataset.describe()["columns"], key=lambda entry: -entry["alone"])[:40]
    assert {entry["name"] for entry in content["data"]["columns"]} == {entry["name"] for entry in telling}
    page = report.render(content)
    assert "77 more columns are not shown" in page
    assert len(page.encode()) < 1_000_000
    assert len(json.dumps(content)) < 1_000_000


def test_without_baselines_the_page_has_none(wide):
    page = Page(report.render(summary.summarise(wide, rows=False)))
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
