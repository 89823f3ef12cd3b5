"""Margins of the contenders, and what their losses make of a score that is moved."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from tests.helpers.comparisons import compare, contender
from tests.helpers.pages import Page
from toolkit.report.page import render
from toolkit.report.summary import summarize

# Hantehzadeh, week 2: a wrong row and one past the margin, with one inside it worked out by hand:
# hinge 0.7 - 1.0 + 1 = 0.7, squared 0.49, cross-entropy ln(1 + exp(-0.3) + exp(-2)) = 0.6292.
LECTURE = {0: [3.2, 5.1, -1.7], 1: [1.3, 4.9, 2.0], 2: [-1.0, 0.7, 1.0]}
LOSSES = {
    "wrong": {"hinge": 2.9, "squared_hinge": 8.41, "softmax": 2.0404},
    "past": {"hinge": 0.0, "squared_hinge": 0.0, "softmax": 0.0791},
    "near": {"hinge": 0.7, "squared_hinge": 0.49, "softmax": 0.6292},
}


def test_margins_count_each_test_row_of_each_seed(comparisons, compared):
    for task in ("binary", "multiclass", "multilabel"):
        one = comparisons[task]
        for label, entry in zip(one.labels, compared[task]["margins"], strict=True):
            outcomes = [one.trials[label, seed].outcome for seed in one.seeds]
            assert sum(entry["histogram"]["counts"]) == entry["counted"] == 2 * outcomes[0].y_true.size
            wrong = np.mean([(outcome.y_true != outcome.y_pred).mean() for outcome in outcomes])
            assert entry["wrong"] == pytest.approx(wrong)
            edges = entry["histogram"]["edges"]
            assert min(abs(edge) for edge in edges) < 1e-12  # no bar holds right and wrong
            below = sum(count for count, end in zip(entry["histogram"]["counts"], edges[1:], strict=True) if end <= 0)
            assert below == round(wrong * entry["counted"])
            asked = label in ("hinge", "squared_hinge")
            assert (entry["met"] is not None) == asked
            if asked:
                assert entry["wrong"] + entry["inside"] + entry["met"] == pytest.approx(1)


def test_a_multiclass_margin_is_the_lead_over_the_best_other_class(results):
    run = results["multiclass"]
    scores = np.array([LECTURE[truth] for truth in run.outcome.y_true], dtype=np.float32)
    one = compare(run, ("softmax", "hinge"), seeds=(0,))
    one.trials["hinge", 0] = contender(run, "hinge", 0, scores=scores)
    found = summarize(one, rows=False)["margins"][1]
    counted = np.bincount(run.outcome.y_true, minlength=3)  # margins -1.9, 2.9 and 0.3
    total = counted.sum()
    assert [found[key] for key in ("wrong", "met", "inside")] == pytest.approx([c / total for c in counted])


@pytest.fixture(scope="module")
def lecture(results):
    """The lecture's rows under three heads."""
    run, names = results["multiclass"], ("softmax", "hinge", "squared_hinge")
    scores = np.array([LECTURE[truth] for truth in run.outcome.y_true], dtype=np.float32)
    one = compare(run, names, seeds=(0,))
    one.trials.update({(name, 0): contender(run, name, 0, scores=scores) for name in names})
    return summarize(one)


def test_losses_of_the_rows_as_they_are_equal_the_worked_table(lecture):
    jiggle = lecture["jiggle"]
    here = jiggle["moves"].index(0.0)
    assert [row["kind"] for row in jiggle["rows"]] == ["past", "near", "wrong"]
    for row in jiggle["rows"]:
        for place, losses in zip(jiggle["contenders"], row["losses"], strict=True):
            expected = LOSSES[row["kind"]][lecture["contenders"][place]["label"]]
            assert losses[here] == pytest.approx(expected, abs=1e-4)


def test_the_hinge_stays_flat_once_its_margin_is_met_and_the_cross_entropy_never_does(lecture):
    jiggle = lecture["jiggle"]
    softmax, hinge, squared = jiggle["rows"][0]["losses"]  # scores 1.3, 4.9, 2.0: it leads by 2.9
    moves = jiggle["moves"]
    assert hinge[0] == pytest.approx(0.1, abs=1e-5)  # 2.9 less 2: 0.9, so 0.1 is missing
    assert squared[0] == pytest.approx(0.01, abs=1e-5)
    assert all(loss == 0 for move, loss in zip(moves, hinge, strict=True) if move > -1.85)
    assert all(after < before for before, after in itertools.pairwise(softmax))
    assert softmax[-1] == pytest.approx(math.log(1 + math.exp(1.3 - 6.9) + math.exp(2.0 - 6.9)), rel=1e-4)
    wrong = jiggle["rows"][2]["losses"][1]  # scores 3.2, 5.1, -1.7: one up takes away one
    assert wrong[moves.index(1.0)] == pytest.approx(1.9, abs=1e-5)


def test_the_page_says_which_loss_moves(lecture):
    text = Page(render(lecture)).section("jiggle")
    assert (
        "takes the loss of softmax from 0.0791 to 0.0298; that of hinge at 0 and of squared_hinge at 0 does not" in text
    )
    assert "Once the true class leads by 1, a max-margin loss is 0 and stays there" in text


def test_one_score_is_moved_towards_the_truth(comparisons, compared):
    one, jiggle = comparisons["binary"], compared["binary"]["jiggle"]
    place, test = one.labels.index("hinge"), one.datasets[0].parts["test"]
    for row in jiggle["rows"]:
        at = np.flatnonzero(one.datasets[0].source_rows[test] == row["row"])[0]
        outcome = one.trials["hinge", 0].outcome
        sign = 1 if outcome.y_true[at] else -1
        expected = [max(0, 1 - (sign * outcome.scores[at, 0] + move)) for move in jiggle["moves"]]
        assert row["losses"][place] == pytest.approx(expected, abs=1e-4)
        assert row["margins"][place] == pytest.approx(sign * outcome.scores[at, 0])
