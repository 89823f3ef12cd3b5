"""Classes that weigh more in training: decisions move, and probabilities stay those of the data as they are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recipes import binary, multiclass

X = np.random.default_rng(0).normal(size=(2000, 1))
RARE = np.where(X[:, 0] + np.random.default_rng(1).normal(size=2000) > 2, "rare", "usual")
OPTIONS = {"hidden": (), "epochs": 60, "learning_rate": 0.05, "baselines": False, "progress": False, "members": 1}
SHARE = float((RARE == "rare").mean())


@pytest.mark.parametrize("head", ["logistic", "hinge"])
@pytest.mark.parametrize("how", ["class_weight", "sample_weight"])
def test_weights_move_decisions_and_not_probabilities(head, how):
    weights = {"class_weight": {"rare": 10}, "sample_weight": np.where(RARE == "rare", 10.0, 1.0)}
    plain = binary.train((X, RARE), head=head, **OPTIONS)
    run = binary.train((X, RARE), head=head, **{how: weights[how]}, **OPTIONS)
    assert run.metrics["recall"] > plain.metrics["recall"] + 0.2
    for trained in (plain, run):
        assert trained.predict_proba(X)[:, 1].mean() == pytest.approx(SHARE, abs=0.025)
    assert run.metrics["log_loss"] == pytest.approx(plain.metrics["log_loss"], abs=0.02)
    assert any("moves the decisions, not the probabilities" in note for note in run.notes)
    assert not any("greater weights" in note for note in plain.notes)


def test_a_threshold_is_a_probability_of_the_data_as_they_are():
    run = binary.train((X, RARE), class_weight="balanced", threshold=0.5, **OPTIONS)
    chances = run.predict_proba(X)[:, 1]
    np.testing.assert_array_equal(run.predict(X) == "rare", chances >= 0.5)
    assert any("with them the threshold" in note for note in run.notes)


def test_without_validation_rows_the_weights_are_taken_out_too():
    run = binary.train((X, RARE), class_weight={"rare": 10}, validation=0, **OPTIONS)
    assert run.predict_proba(X)[:, 1].mean() == pytest.approx(SHARE, abs=0.025)
    assert "no validation rows" in run.calibration.sentence


def test_several_classes_keep_their_shares():
    y = np.digitize(X[:, 0] + np.random.default_rng(2).normal(size=2000), [-2.0, 1.5])
    run = multiclass.train((pd.DataFrame(X), y), class_weight="balanced", **OPTIONS)
    assert run.predict_proba(X).mean(axis=0) == pytest.approx(np.bincount(y) / len(y), abs=0.025)


def test_a_report_without_validation_rows_says_how_probabilities_are_made(tmp_path):
    run = binary.train((X, RARE), class_weight={"rare": 10}, validation=0, **OPTIONS)
    page = run.report(tmp_path / "run.html").read_text(encoding="utf-8")
    assert "no validation rows to fit a temperature on" in page
