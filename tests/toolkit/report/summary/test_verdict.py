"""The verdict on a result."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.helpers.comparisons import TASKS
from toolkit.evaluation.metrics import difference
from toolkit.report.page import render
from toolkit.report.summary import summarize
from toolkit.report.summary.verdict import for_result


def test_the_headline_says_where_the_network_stands(results):
    run = results["multiclass"]
    outcome = run.outcome
    right = dataclasses.replace(outcome, y_pred=outcome.y_true)
    wrong = dataclasses.replace(outcome, y_pred=(outcome.y_true + 1) % 3)

    def verdict(own, **others):
        changed = dataclasses.replace(run, outcome=own, baselines={name: others[name] for name in others})
        return summarize(changed)["verdict"]

    assert verdict(right, dummy=wrong, linear=wrong, tree=wrong)["headline"] == (
        "Better than guessing, the linear model and the gradient-boosted trees."
    )
    told = verdict(right, dummy=wrong, linear=right, tree=right)
    assert (
        told["headline"]
        == "Better than guessing, no clear difference from the linear model and the gradient-boosted trees."
    )
    against = told["against"]["linear"]
    assert (against["difference"], against["standing"]) == (0, "unclear")
    assert against["low"] == -against["high"] < 0  # few rows on which two models agree do not make them equal
    assert told["next"][0].startswith("Prefer the linear model")
    assert verdict(wrong, dummy=right)["headline"] == "Worse than guessing."
    assert verdict(right, dummy=right)["headline"] == "Not shown to be better than guessing."
    assert verdict(right)["headline"].startswith("Trained without baselines")


@pytest.mark.parametrize("task", TASKS)
def test_differences_are_paired_and_the_interval_decides(task, results, summaries):
    told = summaries[task]["verdict"]
    for name, entry in told["against"].items():
        value, low, high = difference(results[task].outcome, results[task].baselines[name], told["metric"])
        assert (entry["difference"], entry["low"], entry["high"]) == pytest.approx((value, low, high))
        assert entry["standing"] in ("even", "unclear") or not low <= 0 <= high


def test_an_interval_without_width_is_not_trusted(results):
    run = results["regression"]
    outcome = dataclasses.replace(run.outcome, y_pred=run.outcome.y_true)
    table = run.table.copy()
    table.loc["rmse", ["value", "low", "high"]] = 0.0
    told = summarize(dataclasses.replace(run, outcome=outcome, table=table))["verdict"]["caution"]
    assert "so the interval has no width" in told


def test_a_network_that_gives_one_answer_is_told_to_train_again(results):
    run = results["binary"]
    outcome = dataclasses.replace(run.outcome, y_pred=0 * run.outcome.y_pred)
    verdict = summarize(dataclasses.replace(run, outcome=outcome))["verdict"]
    assert verdict["headline"].endswith(f"every test row to '{run.classes[0]}'.")
    assert 'threshold="f1"' in verdict["next"][0]


def test_few_positives_leave_the_page_without_a_verdict(results):
    run = results["binary"]
    few = np.flatnonzero(run.outcome.y_true == 1)[:3]
    rows = np.sort(np.concatenate([few, np.flatnonzero(run.outcome.y_true == 0)]))

    def taken(outcome):
        arrays = {name: getattr(outcome, name) for name in ("y_true", "y_pred", "probabilities", "scores", "units")}
        taken = {name: None if array is None else array[rows] for name, array in arrays.items()}
        return dataclasses.replace(outcome, **taken)

    baselines = {name: taken(outcome) for name, outcome in run.baselines.items()}
    verdict = summarize(dataclasses.replace(run, outcome=taken(run.outcome), baselines=baselines))["verdict"]
    assert verdict["headline"] == "No verdict: too few test rows."
    assert "Test on more rows" in verdict["next"][0]
    assert {entry["standing"] for entry in verdict["against"].values()} == {"unclear"}


def test_a_suspected_leak_comes_first(results, summaries):
    content = summaries["binary"]
    leaking = {**content["data"], "leaks": ["duration"]}
    told = for_result(results["binary"], leaking, content["training"], content["results"])
    assert "duration" in told["next"][0]
    assert "Suspected leak" in render({**content, "data": leaking})
    assert "Suspected leak" not in render(content)


def test_no_dropout_is_advised_where_the_settings_have_tried_it(results, summaries):
    content = summaries["binary"]
    steps = []
    for pack in (None, [{"setting": "dropout 0.15"}, {"setting": "no dropout"}]):
        training = {**content["training"], "reading": {"kind": "overfitted"}, "pack": pack}
        steps.append(" ".join(for_result(results["binary"], content["data"], training, content["results"])["next"]))
    assert "(dropout, L2, fewer neurons)" in steps[0]
    assert "has tried several strengths of dropout" in steps[1]
    assert "(dropout, L2" not in steps[1]
