"""Sets of classes: as large as the coverage asks, the same in a report, and after loading."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import toolkit
from recipes.samples import SAMPLES, path
from toolkit.common.errors import DataError
from toolkit.evaluation.conformal import class_ranks, conformal_quantile, ranks_of_truth
from toolkit.runs.run import Run

FRAMES = {sample.task: name for name, sample in SAMPLES.items()}


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_a_set_holds_the_most_probable_classes_and_grows_with_the_coverage(runs, task):
    run, frame = runs[task], pd.read_csv(path(FRAMES[task]))
    small, large = (run.predict_set(frame, coverage) for coverage in (0.6, 0.97))
    assert small.index.equals(frame.index)
    assert list(small.columns) == run.classes
    assert (small <= large).all(axis=None)
    decided = [run.classes.index(label) for label in run.predict(frame)]
    assert small.to_numpy()[np.arange(len(frame)), decided].all()
    chances, held = run.predict_proba(frame).to_numpy(), large.to_numpy()
    least = np.where(held, chances, 2).min(axis=1)
    assert (least >= np.where(held, -1, chances).max(axis=1)).all()
    rows = frame.drop(columns=run.target.columns).to_numpy()
    np.testing.assert_array_equal(run.predict_set(rows, 0.6), small)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_the_report_counts_the_sets_of_the_test_rows(runs, tmp_path, task):
    run = runs[task]
    found, held = run.summary()["results"]["sets"], run.result.sets(run.outcome.probabilities, run.outcome.y_pred, 0.9)
    assert found["held"] == held[np.arange(len(held)), run.outcome.y_true].mean()
    assert found["size"] == held.sum(axis=1).mean()
    assert sum(row["rows"] for row in found["sizes"]) == found["rows"] == len(held)
    loaded = toolkit.load(run.save(tmp_path / "run.keras"))
    frame = pd.read_csv(path(FRAMES[task]))
    pd.testing.assert_frame_equal(loaded.predict_set(frame, 0.8), run.predict_set(frame, 0.8))


def test_what_has_no_sets_says_why(runs):
    with pytest.raises(DataError, match="a regression run has no sets of classes: they are for binary and multiclass"):
        runs["regression"].predict_set([[0]])
    run = runs["binary"]
    with pytest.raises(DataError, match=r"8 validation rows are too few for a coverage of 0.9: it needs 9"):
        Run(replace(run.result, conformity=run.conformity[:8])).predict_set([[0]])
    with pytest.raises(DataError, match="there were none"):
        Run(replace(run.result, conformity=None)).predict_set([[0]])


def test_sets_hold_the_truth_as_often_as_asked_whatever_the_probabilities():
    # n calibration rows leave the coverage between 0.9 and 0.9 + 1 / (n + 1), on average over calibrations.
    rng, held = np.random.default_rng(0), []
    for _ in range(2_000):
        true = rng.dirichlet(np.full(5, 0.4), 99 + 50)
        wrong = true**1.7 / (true**1.7).sum(axis=1, keepdims=True)  # too sure of itself
        y = (true.cumsum(axis=1) < rng.uniform(size=(len(true), 1))).sum(axis=1).clip(0, 4)
        threshold = conformal_quantile(ranks_of_truth(wrong[:99], y[:99]), 0.9)
        held.append((class_ranks(wrong[99:])[np.arange(50), y[99:]] <= threshold).mean())
    assert 0.9 - 0.004 < np.mean(held) < 0.91 + 0.004
