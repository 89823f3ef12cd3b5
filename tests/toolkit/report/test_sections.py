"""What the sections of a page say."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from tests.helpers.comparisons import HEADS, TASKS, compare
from tests.helpers.pages import Page, words
from toolkit.evaluation.metric_names import metric_value
from toolkit.evaluation.metrics import Outcome
from toolkit.report import render
from toolkit.report.cells import difference
from toolkit.report.summary import summarize, without_rows


@pytest.mark.parametrize("task", TASKS)
def test_every_metric_of_a_run_is_in_its_results(task, results, pages):
    section = Page(pages["run", task]).section("results")
    for name, value in results[task].metrics.items():
        assert words(metric_value(name, value)) in section, name


@pytest.mark.parametrize("task", TASKS)
def test_the_verdict_of_a_comparison_and_every_metric_and_difference_is_on_its_page(task, comparisons, compared, pages):
    page = Page(pages["comparison", task])
    assert all(words(sentence) in page.section("verdict") for sentence in comparisons[task].verdict)
    section = page.section("metrics")
    for name, row in compared[task]["results"]["metrics"].items():
        for entry in row["contenders"]:
            assert words(metric_value(name, entry["value"])) in section
        for entry in row["differences"][1:]:
            assert words(difference(name, entry["value"], entry)["value"]) in section
    assert "Never ranked by loss." in section
    assert "different scales" in section
    assert "paired bootstrap of the test rows" in section


def test_a_metric_of_a_run_that_is_not_defined_is_said_so(contents):
    content = copy.deepcopy(contents["run", "binary"])
    content["results"]["metrics"]["roc_auc"].update(value=None, low=None, high=None)
    content["verdict"].update(value=None, low=None, high=None)
    content["results"]["classes"]["shown"][0]["precision"] = {"value": None, "low": None, "high": None}
    for entry in content["verdict"]["against"].values():
        entry.update(difference=None, low=None, high=None)
    page = Page(render(content))
    assert "95 % interval not defined" in page.section("verdict")
    assert page.section("verdict").lower().count("not defined") == 6  # value, interval, in the table, three baselines
    assert page.section("results").count("not defined") > 1


def test_results_by_another_threshold_name_it_beside_that_of_the_other_models(contents):
    content = copy.deepcopy(contents["run", "binary"])
    for threshold, says in ((None, False), (0.25, True)):
        content["model"]["head"]["threshold"] = threshold
        section = Page(render(content)).section("results")
        sentence = "The network calls a row so from a probability of 0.25 on, the other models from 0.5 on."
        assert (sentence in section) == says


def test_a_metric_of_a_contender_that_is_not_defined_is_said_so(contents):
    content = copy.deepcopy(contents["comparison", "binary"])
    row = content["results"]["metrics"]["roc_auc"]
    row["contenders"][1].update(value=None, low=None, high=None, seeds=[None, None])
    row["differences"][1].update(value=None, low=None, high=None, standing="level", seeds=[None, None])
    row["differences"][2].update(low=None, high=None, standing="level")
    content["margins"][1] = content["reliability"][1] = content["confidence"][1] = None
    content["training"]["curves"][1] = None
    section = Page(render(content)).section("verdict")
    assert "not defined" in section.lower()
    assert "No interval" in section


PACK = [
    {"setting": "dropout 0.15", "networks": 4, "epochs": 10, "unseen_loss": 0.52, "weight": 5 / 11},
    {"setting": "dropout 0.45", "networks": 4, "epochs": 12, "unseen_loss": 0.595, "weight": 0.0},
    {"setting": "no dropout", "networks": 4, "epochs": 8, "unseen_loss": 0.513, "weight": 6 / 11},
]


def _with_pack(content, pack):
    members = {"count": 8, "folds": 4, "metrics": {}}
    return content | {"training": content["training"] | {"members": members, "pack": pack}}


def test_settings_of_the_networks_are_told_with_their_losses_and_weights(contents):
    page = Page(render(_with_pack(contents["run", "multiclass"], PACK)))
    section = page.section("training")
    assert "12 networks of 3 settings were trained" in section
    assert "Without weight, and so not in the model: dropout 0.45." in section
    assert "weighted mean of the scores of the other 8 networks" in section
    assert "the setting with the largest weight, “no dropout”. Its training ran for" in section
    assert "(dropout 0.15: 45 %, dropout 0.45: 0 %, no dropout: 55 %)" in section
    table = words(next(table["text"] for table in page.all("table") if "The settings of" in table["text"]))
    assert "dropout 0.454120.5950 %" in table  # setting, networks, epoch, loss, weight
    assert "weighted mean of their scores" in page.section("model")
    assert "How much each setting of the networks counts" in page.section("split")


def test_networks_that_learned_from_trees_are_explained(contents):
    from_trees = PACK[2] | {"setting": "targets from trees"}
    told = "Networks with targets from trees learn in part what boosted trees predict"
    assert told in Page(render(_with_pack(contents["run", "binary"], [PACK[0], from_trees]))).section("training")
    page = Page(render(_with_pack(contents["run", "binary"], PACK)))
    assert told not in page.section("training")
    assert "computed from them directly. Computed from probabilities" in page.section("model")


def test_where_every_setting_has_weight_none_is_left_out(contents):
    section = Page(render(_with_pack(contents["run", "binary"], [PACK[0], PACK[2]]))).section("training")
    assert "Without weight" not in section
    assert "hollow" not in section
    assert "the scores of all 8 networks" in section


@pytest.mark.parametrize("pack", [None, PACK[:1], "lacks the key"])
def test_networks_of_a_single_setting_and_older_summaries_have_no_settings_to_tell_apart(pack, contents):
    content = _with_pack(contents["run", "multiclass"], pack)
    if pack == "lacks the key":
        del content["training"]["pack"]
    page = Page(render(content))
    assert "8 networks with different initial weights were trained" in page.section("training")
    assert "setting with the largest weight" not in page.section("training")
    assert "The settings of the networks" not in page.section("training")
    assert "the mean of their scores" in page.section("model")


def test_one_seed_has_no_spread(results):
    page = Page(render(summarize(compare(results["multiclass"], ("softmax", "hinge"), seeds=(3,)))))
    assert "seed 3" not in page.section("verdict")
    assert "Mean over" not in page.section("training")
    assert "1 seed" in words(page.all("header")[0]["text"])


@pytest.mark.parametrize("task", TASKS)
def test_a_baseline_that_is_better_than_all_contenders_is_named_once(task, results):
    result = results[task]
    # softmax has no wrong row of these classes: no baseline can be better
    names = ("hinge", "squared_hinge") if task == "multiclass" else HEADS[task][:2]
    truth = result.outcome.y_true
    certain = None if task == "regression" else np.eye(3)[truth] if task == "multiclass" else truth.astype(float)
    right = {"dummy": result.baselines["dummy"], "tree": Outcome(task, truth, truth, certain)}
    best = compare(result, names, baselines={0: right, 1: right})
    assert len(best.verdict) == 2
    assert " a baseline is ahead of all of them: the gradient-boosted trees, with " in best.verdict[-1]
    assert "This difference is not tested." in Page(render(summarize(best))).section("verdict")
    worst = compare(result, names, baselines={seed: {"dummy": result.baselines["dummy"]} for seed in (0, 1)})
    assert len(worst.verdict) == 1


def test_without_rows_the_page_of_a_comparison_names_none(compared):
    page = render(without_rows(compared["multiclass"]))
    assert "are left out of this report" in page
    assert "rows of your data" not in page
    assert "Row " not in Page(page).all("main")[0]["text"]


def test_the_scale_of_the_verdict_makes_no_room_for_a_dummy_far_away(contents):
    content = copy.deepcopy(contents["run", "regression"])
    row = content["results"]["metrics"]["rmse"]
    row.update(value=10.0, low=9.0, high=11.0)
    for name, value in (("tree", 10.5), ("linear", 9.5), ("dummy", 500.0)):
        row["baselines"][name] = {"value": value, "low": value - 1, "high": value + 1}
    page = Page(render(content))
    drawn = next(element for element in page.all("table") if "beside" in element.get("class", ""))
    assert "An arrow: further away than drawn." in drawn["text"]
    assert drawn["text"].count("→") == 1
    values = {element["cx"] for element in page.all("circle") if element["path"][-1] == "svg"}
    assert len(values) >= 3  # three models on three spots


def test_numerics_that_harm_no_row_are_one_paragraph(contents):
    content = copy.deepcopy(contents["run", "binary"])
    for line in content["numerics"]["saturation"]:
        line.update(zero=0.0, one=0.0, saturated=0.0, rows=0.0)
    for line in content["numerics"]["table"]:
        line.update(infinite=0, nan=0, gradient_lost=0)
    for finding in content["numerics"]["findings"]:
        finding["severity"] = "note"
    quiet = Page(render(content)).section("numerics")
    assert "Rounding does no harm here" in quiet
    assert "float32" not in quiet
    content["numerics"]["table"][1]["gradient_lost"] = 3
    assert "Rounding does no harm" not in Page(render(content)).section("numerics")
    content["numerics"]["table"][1]["gradient_lost"] = 0
    content["numerics"]["findings"][0]["severity"] = "warning"
    assert "warning:" in Page(render(content)).section("numerics")


def test_the_learning_curve_names_its_loss_and_unit(pages):
    losses = {"multiclass": "cross-entropy, in nats", "regression": "mean squared error of the standardized target"}
    for task, loss in losses.items():
        assert f"loss: {loss}" in Page(pages["run", task]).section("training")


def test_metrics_of_the_dummy_that_cannot_vary_have_no_interval(summaries):
    dummy = {name: row["baselines"]["dummy"] for name, row in summaries["binary"]["results"]["metrics"].items()}
    assert dummy["recall"]["low"] == dummy["recall"]["value"] == dummy["recall"]["high"]
    assert dummy["accuracy"]["low"] < dummy["accuracy"]["high"]
    rows = [words(row["text"]) for row in Page(render(summaries["binary"])).all("tr")]
    assert next(row for row in rows if "Balanced accuracy" in row).endswith("50.0 %")


def test_settings_of_images_are_not_listed_for_a_table_and_the_others_are_folded(summaries):
    settings = Page(render(summaries["binary"])).section("settings")
    assert "batch size" in settings
    assert "flip" not in settings
