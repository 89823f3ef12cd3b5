"""A margin is not a probability."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from recipes.lessons import calibration
from recipes.lessons.tools.rows import noisy
from toolkit.common.errors import DataError


@pytest.fixture(scope="module")
def lesson():
    return calibration.show(noisy(2_500, 0), target="class", epochs=15)


def test_margins_taken_for_logits_are_off_and_fitted_ones_are_not(lesson):
    table = lesson.tables["All four side by side"]
    raw, fitted = (table.loc[("hinge", way)] for way in (calibration.RAW, calibration.FITTED))
    assert raw["calibration error"] > 2 * fitted["calibration error"]
    assert raw["share right"] == fitted["share right"]
    assert fitted["Brier score of the decision"] < raw["Brier score of the decision"]


def test_the_curve_agrees_with_the_table(lesson):
    curves, table = lesson.tables["What is promised and what is kept"], lesson.tables["All four side by side"]
    for (head, way), line in curves.groupby(["head", "probability"]):
        share = float((line["observed"] * line["count"]).sum() / line["count"].sum())
        assert share == pytest.approx(table.loc[(head, way), "share right"])
        error = float((np.abs(line["observed"] - line["predicted"]) * line["count"]).sum() / line["count"].sum())
        assert error == pytest.approx(table.loc[(head, way), "calibration error"])


def test_of_two_classes_the_probability_is_that_of_the_one_decided_for(runs):
    run = runs["binary"]
    chances = calibration.chances_of(run)
    scores = np.asarray(run.outcome.scores, np.float64).ravel()
    assert chances[calibration.RAW] == pytest.approx(expit(np.abs(scores)))
    assert chances[calibration.FITTED].shape == scores.shape


def test_your_table_is_named_and_another_task_refused():
    frame = pd.DataFrame({"x": np.arange(120) % 17, "y": np.where(np.arange(120) % 17 > 8, "a", "b")})
    lesson = calibration.show(frame, target="y", task="binary", epochs=2)
    assert lesson.data.startswith("DataFrame, 120 rows;")
    assert set(lesson.tables["What is fitted"].index) == {"hinge", "logistic"}
    with pytest.raises(DataError, match="images"):
        calibration.show((np.zeros((40, 8, 8)), np.arange(40) % 2), task="binary")
    with pytest.raises(DataError, match="this lesson is for multiclass, binary"):
        calibration.show(frame, target="y", task="regression")
