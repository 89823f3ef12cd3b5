"""Rows to look at: mistakes, and rows on which contenders disagree."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recipes.samples import path
from tests.helpers.comparisons import FILES, TASKS


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
            assert predicted == pytest.approx(run.predict(file.iloc[[entry["row"] - 1]]).iloc[0], rel=1e-4)
            assert error == pytest.approx(true - predicted, rel=1e-3)
        elif task == "multilabel":
            label, true, predicted, _ = entry["said"]
            assert true is bool(row[label])
            assert predicted is not true
        else:
            true, predicted, _ = entry["said"]
            assert true == str(row[run.target.columns[0]])
            assert predicted == str(run.predict(file.iloc[[entry["row"] - 1]]).iloc[0]) != true
    said = [entry["said"][-1] for entry in found["rows"]]
    sure = [
        abs(error) if task == "regression" else float(error.split("\u202f")[0].removeprefix("over ")) for error in said
    ]
    assert sure == sorted(sure, reverse=True)


def test_disagreements_are_counted_and_shown_as_rows_of_the_file(comparisons, compared):
    file = pd.read_csv(path(FILES["binary"]))
    one, found = comparisons["binary"], compared["binary"]["disagreement"]
    outcomes = [one.trials[label, 0].outcome for label in one.labels]
    right = [outcome.y_true == outcome.y_pred for outcome in outcomes]
    for place in (1, 2):
        counts = found["counts"][place - 1]
        assert counts["both"] == (right[0] & right[place]).sum()
        assert counts["reference"] == (right[0] & ~right[place]).sum()
        assert counts["contender"] == (~right[0] & right[place]).sum()
        assert sum(counts[key] for key in ("both", "reference", "contender", "neither")) == len(right[0])
        assert counts["differ"] == counts["reference"] + counts["contender"]  # two classes
    apart = (np.stack(right) != right[0]).any(axis=0)
    assert found["total"] == apart.sum() > 0
    assert len(found["shown"]["rows"]) == min(10, apart.sum())
    for entry in found["shown"]["rows"]:
        row = file.iloc[entry["row"] - 1]
        truth, *answers = entry["said"]
        assert truth == row["diagnosis"]
        assert {answer["right"] for answer in answers} == {True, False}
        assert all(answer["right"] == (answer["said"] == truth) for answer in answers)
        for name, cell in zip(found["shown"]["columns"], entry["cells"], strict=True):
            assert cell == pytest.approx(row[name])


def test_regression_shows_the_rows_on_which_predictions_are_furthest_apart(comparisons, compared):
    one, found = comparisons["regression"], compared["regression"]["disagreement"]
    said = np.stack([one.trials[label, 0].outcome.y_pred[:, 0] for label in one.labels])
    spread = [
        max(a["said"] for a in e["said"][1:]) - min(a["said"] for a in e["said"][1:]) for e in found["shown"]["rows"]
    ]
    assert spread == pytest.approx(np.sort(np.ptp(said, axis=0))[::-1][:10], rel=1e-4)
    assert all(sum(answer["right"] for answer in entry["said"][1:]) == 1 for entry in found["shown"]["rows"])
