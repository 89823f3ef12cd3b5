"""Slices: the metric of scikit-learn on the user's own rows, and a correction for the number of looks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import hamming_loss, root_mean_squared_error

from recipes.samples import path
from toolkit import DataError, load
from toolkit.evaluation.slices import slice_table


def test_the_metric_of_each_level_and_quarter_is_that_of_scikit_learn(runs, tmp_path):
    run = runs["multilabel"]
    test = run.dataset.source_rows[run.dataset.parts["test"]] - 1
    rows = pd.read_csv(path("street_scenes")).iloc[test].reset_index(drop=True)
    table = run.slices(["weekday", "noise_db"])
    assert set(table["column"]) == {"weekday", "noise_db"}
    assert table["value"].is_monotonic_decreasing  # the worst first
    answers = run.predict(rows).to_numpy()
    truth = rows[run.target.columns].to_numpy()
    for entry in table[table["column"] == "weekday"].itertuples():
        mask = (rows["weekday"] == entry.slice).to_numpy()
        assert entry.rows == mask.sum()
        assert entry.value == pytest.approx(hamming_loss(truth[mask], answers[mask]))
        assert entry.low < entry.value < entry.high
    assert table.attrs["overall"] == pytest.approx(hamming_loss(truth, answers))
    quarters = table[table["column"] == "noise_db"].set_index("slice")
    assert quarters["rows"].sum() == 300
    assert quarters.loc["missing", "rows"] == rows["noise_db"].isna().sum()
    assert quarters.drop("missing")["rows"].between(68, 77).all()
    loaded = load(run.save(tmp_path / "run.keras"))
    pd.testing.assert_frame_equal(loaded.slices(["weekday", "noise_db"], rows), table)


def test_slices_by_another_metric_and_of_unknown_columns(runs):
    run = runs["regression"]
    table = run.slices("sex", metric="rmse")
    truth, predicted = run.outcome.y_true[:, 0], run.outcome.y_pred[:, 0]
    assert table.attrs["overall"] == pytest.approx(root_mean_squared_error(truth, predicted))
    with pytest.raises(DataError, match=r"slices: the model takes no column 'sexx'.* Did you mean 'sex'"):
        run.slices(["sexx"])


def test_a_planted_fault_is_clear_and_chance_is_not(runs):
    run = runs["binary"]
    rows, random = run._rows(None), np.random.default_rng(0)
    truth = rows.outcome.y_true

    def table_of(wrong, columns):
        outcome = replace(rows.outcome, y_pred=np.where(wrong, 1 - truth, truth))
        return slice_table(run.result, replace(rows, outcome=outcome), columns, metric="accuracy")

    names = list(rows.frame)[:6]
    by_chance = [table_of(random.random(len(truth)) < 0.2, names) for _ in range(25)]
    found = sum(table["clear"].any() for table in by_chance)
    assert found <= 2  # 5 % of the tables hold a false finding, or fewer
    single_looks = [(t["low"] > t.attrs["overall"]) | (t["high"] < t.attrs["overall"]) for t in by_chance]
    assert sum(clear.any() for clear in single_looks) > found  # without the correction there are more
    lowest = (rows.frame["mean_texture"] < rows.frame["mean_texture"].quantile(0.25)).to_numpy()
    planted = table_of(lowest & (random.random(len(truth)) < 0.7), names)
    assert planted["column"][0] == "mean_texture"
    assert planted["slice"][0].startswith("below")
    assert planted["clear"][0]
