"""The verdict on a result."""

from __future__ import annotations

import dataclasses

import pytest
from scipy.stats import binomtest

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
        == "Better than guessing, not clearly different from the linear model and the gradient-boosted trees."
    )
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
    told = summarize(dataclasses.replace(run, table=table))["verdict"]["caution"]
    lowest = binomtest(len(run.outcome.y_true), len(run.outcome.y_true)).proportion_ci(method="wilson").low
    assert f"{100 * lowest:.1f}" in told


def test_a_suspected_leak_comes_first(results, summaries):
    content = summaries["binary"]
    leaking = {**content["data"], "leaks": ["duration"]}
    told = for_result(results["binary"], leaking, content["training"], content["results"])
    assert "duration" in told["next"][0]
    assert "Suspected leak" in render({**content, "data": leaking})
    assert "Suspected leak" not in render(content)
