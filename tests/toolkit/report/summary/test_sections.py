"""All sections together: strict JSON, the same for the same result, and without rows where rows are left out."""

from __future__ import annotations

import json

import pytest

from tests.helpers.comparisons import TASKS
from tests.helpers.pages import everything
from toolkit.report.page import render
from toolkit.report.summary import summarize, without_rows


@pytest.mark.parametrize("task", TASKS)
def test_a_summary_of_a_result_is_strict_json_and_the_same_again(task, results, summaries):
    text = json.dumps(summaries[task], allow_nan=False)
    assert json.loads(text) == summaries[task]
    assert json.dumps(summarize(results[task]), allow_nan=False) == text
    assert {type(leaf) for leaf in everything(summaries[task])} <= {str, int, float, bool, type(None)}


@pytest.mark.parametrize("task", TASKS)
def test_a_summary_of_a_comparison_is_strict_json_and_the_same_again(task, comparisons, compared):
    text = json.dumps(compared[task], allow_nan=False)
    assert json.loads(text) == compared[task]
    assert json.dumps(summarize(comparisons[task]), allow_nan=False) == text
    assert {type(leaf) for leaf in everything(compared[task])} <= {str, int, float, bool, type(None)}
    assert compared[task]["kind"] == "comparison"


@pytest.mark.parametrize("task", TASKS)
def test_without_rows_no_row_of_a_result_is_left(task, results, summaries):
    bare = summarize(results[task], rows=False)
    assert bare == without_rows(summaries[task])
    assert bare["mistakes"] is None
    assert not bare["rows_included"]
    assert all(target["points"] is None for target in bare["results"]["targets"] or [])
    page = render(bare)
    assert "are left out of this report" in page
    assert "rows of your data" not in page


@pytest.mark.parametrize("task", TASKS)
def test_without_rows_no_row_of_a_comparison_is_left(task, comparisons, compared):
    bare = summarize(comparisons[task], rows=False)
    assert bare == without_rows(compared[task])
    assert bare["disagreement"]["shown"] is None
    assert bare["disagreement"]["counts"] == compared[task]["disagreement"]["counts"]
    if bare["regions"]:
        assert bare["regions"]["points"] is None
    for row in (bare["jiggle"] or {"rows": []})["rows"]:
        assert row["row"] is row["truth"] is row["scores"] is None
