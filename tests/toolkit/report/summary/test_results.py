"""The table of metrics: of a result beside the baselines, of contenders beside each other."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.helpers.comparisons import HEADS, TASKS, compare
from tests.helpers.pages import Page
from toolkit.evaluation import metrics
from toolkit.report.page import render
from toolkit.report.summary import summarize


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
def test_metrics_and_differences_are_those_of_the_comparison(task, comparisons, compared):
    one, found = comparisons[task], compared[task]["results"]["metrics"]
    assert list(found) == list(one.table.index)
    for name, row in found.items():
        for place, label in enumerate(one.labels):
            entry = row["contenders"][place]
            for key, column in (("value", label), ("low", f"{label}_low"), ("high", f"{label}_high")):
                assert entry[key] == pytest.approx(one.table.loc[name, column])
            each = [metrics.evaluate(one.trials[label, seed].outcome)[name] for seed in one.seeds]
            assert entry["seeds"] == pytest.approx(each)
            assert entry["value"] == pytest.approx(np.mean(each))
        assert row["differences"][0] is None
        for given in one.differences:
            if given["metric"] == name:
                entry = row["differences"][one.labels.index(given["b"])]
                assert entry["value"] == pytest.approx(given["value"])
                assert (entry["standing"] in ("even", "unclear")) == (not given["clear"])
                if given["clear"]:
                    smaller = given["value"] < 0
                    assert entry["standing"] == ("better" if smaller == metrics.LOWER_IS_BETTER[name] else "worse")
                assert np.mean(entry["seeds"]) == pytest.approx(given["value"])


@pytest.mark.parametrize("task", TASKS)
def test_the_baselines_stand_beside_the_contenders_and_in_no_difference(task, results, comparisons, compared):
    one, found = comparisons[task], compared[task]["results"]["metrics"]
    assert list(one.baselines.index) == list(one.table.index)
    assert not any("tree" in column or "linear" in column for column in one.table)
    for name, outcome in results[task].baselines.items():
        for metric, value in metrics.evaluate(outcome).items():
            assert one.baselines.loc[metric, name] == pytest.approx(value, nan_ok=True)
            entry = found[metric]["baselines"][name]
            assert entry["value"] == (None if math.isnan(value) else pytest.approx(value))
    section = Page(render(compared[task])).section("metrics")
    assert "Gradient-boosted trees" in section
    assert "not part of the differences" in section
    without = Page(render(summarize(compare(results[task], HEADS[task], baselines={}))))
    assert "baseline" not in without.section("metrics")
