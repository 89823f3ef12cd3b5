"""What a loss loses when it is computed from probabilities."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from recipes.lessons import roundoff
from toolkit.common.errors import DataError
from toolkit.numerics.model_audit import audit
from toolkit.runs.run import Run

SUM = "The sum that should be 2/10,000"
ROW = "One wrong row, more and more confident"
SATURATED = "Where this network’s probabilities become exactly 1"
TYPES = "The loss of this network’s test rows"
LOGITS, BOOK = "logits", "probability, then log"


@pytest.fixture(scope="module")
def lesson(runs):
    return roundoff.show(runs["binary"])


def test_the_lectures_sum_loses_digits_in_every_type(lesson):
    table = lesson.tables[SUM]
    first, second = "2/10,000", "(1 + 1/10,000) − (1 − 1/10,000)"
    assert table.loc["float64", first] == f"{2 / 10000:.18f}" == "0.000200000000000000"
    assert table.loc["float64", second] == "0.000199999999999978"
    single = np.float32(1) + np.float32(1e-4) - (np.float32(1) - np.float32(1e-4))
    assert float(table.loc["float32", second]) == pytest.approx(float(single), rel=1e-9)
    assert [float(table.loc[kind, second]) for kind in ("float16", "bfloat16")] == [0, 0]


def test_only_logits_keep_the_loss_of_a_confident_wrong_row(lesson):
    table = lesson.tables[ROW].set_index("score")
    exact = np.logaddexp(0, table.index)
    assert table["loss: logits, float32"].to_numpy() == pytest.approx(exact, rel=1e-6)
    assert table["gradient: logits, float32"].to_numpy() == pytest.approx(expit(table.index), rel=1e-6)
    for kind, limit in (("float32", 17.33), ("float16", 8.32), ("bfloat16", 6.24)):
        loss, gradient = table[f"loss: probability, {kind}"], table[f"gradient: probability, {kind}"]
        assert np.isinf(loss[table.index > limit]).all()
        assert np.isnan(gradient[table.index > limit]).all()
        assert np.isfinite(loss[table.index < limit - 1]).all()
    confident = table[table.index > 17]
    assert confident["loss: clipped, float32"].between(15.5, 16.2).all()
    assert (confident["gradient: clipped, float32"] == 0).all()


def test_the_counted_rows_are_those_whose_probability_rounds_to_1(lesson, runs):
    scores = runs["binary"].outcome.scores.astype(np.float64)
    table = lesson.tables[SATURATED]
    assert table["exactly 1 from a lead of"].round(2).tolist() == [17.33, 8.32, 6.24]
    probabilities = expit(np.abs(scores))
    assert table.loc["float16", "rows"] == (probabilities.astype(np.float16) == 1).sum()
    assert table.loc["float32", "rows"] == (probabilities.astype(np.float32) == 1).sum()


def test_the_loss_of_a_run_agrees_with_the_audit_and_with_float64(lesson, runs):
    table, audited = lesson.tables[TYPES], audit(runs["binary"]).table
    assert table.loc[(LOGITS, "float64"), "mean loss"] == pytest.approx(audited.loc["float64 reference", "loss"])
    broken = audited.loc["probabilities, then log, float32"]
    assert table.loc[(BOOK, "float32"), "rows without a finite loss"] == broken["infinite"] + broken["nan"]
    assert table.loc[(BOOK, "float32"), "rows that lose their gradient"] == broken["gradient_lost"]
    errors = table.loc[LOGITS, "largest error"]
    assert errors["float32"] < 1e-5 < errors["float16"] < errors["bfloat16"]
    assert (table.loc[LOGITS, "rows without a finite loss"] == 0).all()


def test_very_confident_scores_break_only_the_loss_from_probabilities():
    from toolkit.heads import get_head

    head = get_head("multiclass", "softmax")
    scores, y = np.array([[0.0, 120.0, 3.0], [5.0, 1.0, 0.0]]), np.array([0, 0])
    table = roundoff.losses_by_type(scores, y, head)
    assert table.loc[(BOOK, "float32"), "rows without a finite loss"] == 1  # e to the -120 is 0 in float32
    assert table.loc[(LOGITS, "float32"), "mean loss"] == pytest.approx((120 + np.log1p(np.exp(-4) + np.exp(-5))) / 2)
    assert roundoff.leads_of(scores, head)[1] == pytest.approx(-np.log(np.exp(-4) + np.exp(-5)))


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_a_run_of_another_task_is_accepted(runs, task):
    table = roundoff.show(runs[task]).tables[TYPES]
    assert table.loc[(LOGITS, "float32"), "largest error"] < 1e-5


def test_an_own_table_is_learned_by_the_lectures_network(tmp_path):
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(120, 3)), columns=list("abc"))
    frame["y"] = np.where(frame["a"] + frame["b"] > 0, "yes", "no")
    lesson = roundoff.show(frame, target="y", task="binary", seed=1)
    assert "120 rows" in lesson.data
    assert "seed 1" in lesson.data
    assert len(lesson.tables[TYPES]) == 7
    pages = (lesson, roundoff.show(frame, target="y", task="binary", seed=1))
    assert len({page.report(tmp_path / "page").read_bytes() for page in pages}) == 1


def test_a_run_or_task_without_probabilities_is_refused(runs):
    with pytest.raises(DataError, match="'logistic' or 'softmax'"):
        roundoff.show(runs["regression"])
    with pytest.raises(DataError, match="task='regression'"):
        roundoff.show("wine.csv", task="regression")
    with pytest.raises(DataError, match="no test rows"):
        roundoff.show(Run(dataclasses.replace(runs["binary"].result, outcome=None)))
