"""The quantile head from training to the report: one quick run on rows whose spread grows with a column."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import QuantileRegressor
from sklearn.metrics import mean_pinball_loss

import toolkit
from recipes import regression
from tests.helpers.cli import run_command
from toolkit.common.errors import DataError
from toolkit.evaluation.conformal import around, conformal_quantile, misses

LEVELS = (0.1, 0.5, 0.9)
QUICK = {"head": "quantile", "quantiles": LEVELS, "effort": "quick", "baselines": False, "progress": False}


def rows(count: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, (count, 2))
    y = 50 + 10 * x[:, 1] + (1 + 9 * x[:, 0]) * rng.normal(size=count)
    return pd.DataFrame({"x": x[:, 0], "z": x[:, 1], "y": y})


@pytest.fixture(scope="module")
def run():
    return regression.train(rows(900), target="y", hidden=(16,), epochs=30, members=2, **QUICK)


NEW = rows(4_000, 1).set_index(np.arange(4_000) + 7)


def test_each_row_has_rising_quantiles_and_an_interval_of_its_own_width(run):
    predicted, ends = run.predict(NEW), run.predict_interval(NEW)
    assert list(predicted.columns) == ["0.1", "0.5", "0.9"]
    assert predicted.index.equals(NEW.index)
    assert (np.diff(predicted.to_numpy(), axis=1) >= 0).all()
    reach = conformal_quantile(run.conformity, 0.8)
    assert ends["low"].to_numpy() == pytest.approx(predicted["0.1"].to_numpy() - reach)
    assert ends["high"].to_numpy() == pytest.approx(predicted["0.9"].to_numpy() + reach)
    width = ends["high"] - ends["low"]
    assert width[NEW["x"] > 0.8].mean() > 2 * width[NEW["x"] < 0.2].mean()
    for coverage in (0.5, 0.8, 0.95):  # 450 left-out rows or so: a standard deviation of 2 points
        low, high = run.predict_interval(NEW.to_numpy()[:, :2], coverage).T
        assert ((low <= NEW["y"]) & (NEW["y"] <= high)).mean() == pytest.approx(coverage, abs=0.05)
    assert run.predict(NEW.head(0)).shape == (0, 3)


def test_the_metrics_are_those_of_scikit_learn_and_of_the_intervals(run):
    found, predicted, ends = run.evaluate(NEW), run.predict(NEW), run.predict_interval(NEW)
    losses = [mean_pinball_loss(NEW["y"], predicted[str(level)], alpha=level) for level in LEVELS]
    assert found["mean_pinball_loss"] == pytest.approx(np.mean(losses))
    assert found["mae"] == pytest.approx((NEW["y"] - predicted["0.5"]).abs().mean())
    assert found["coverage"] == pytest.approx(NEW["y"].between(ends["low"], ends["high"]).mean())
    assert found["interval_width"] == pytest.approx((ends["high"] - ends["low"]).mean())
    table = run.table.loc[["mean_pinball_loss", "coverage", "interval_width"]]
    assert ((table["low"] < table["value"]) & (table["value"] < table["high"])).all()


def test_a_linear_network_reaches_the_loss_of_scikit_learns_linear_quantiles():
    frame = rows(300)
    linear = regression.train(
        frame,
        target="y",
        build="linear",
        scaling="standard",
        test=0,
        validation=0,
        epochs=300,
        learning_rate=0.02,
        **QUICK,
    )
    x, y = frame[["x", "z"]], frame["y"]
    ours = [mean_pinball_loss(y, linear.predict(x)[str(level)], alpha=level) for level in LEVELS]
    fits = [QuantileRegressor(quantile=level, alpha=0).fit(x, y).predict(x) for level in LEVELS]
    best = [mean_pinball_loss(y, fit, alpha=level) for level, fit in zip(LEVELS, fits, strict=True)]
    assert 0.9999 * np.mean(best) <= np.mean(ours) <= 1.01 * np.mean(best)
    with pytest.raises(DataError, match="has no intervals: they are fitted on validation rows"):
        linear.predict_interval(x)


def test_the_report_says_what_the_test_rows_show(run, tmp_path):
    page = run.report(tmp_path / "q.html").read_text()
    found = json.loads((tmp_path / "q.json").read_text())["results"]["interval"]
    assert found["held"] == pytest.approx(run.metrics["coverage"])
    truth, quantiles = run.outcome.y_true[:, 0], run.outcome.quantiles
    assert [row["below"] for row in found["quantiles"]] == pytest.approx((truth[:, None] <= quantiles).mean(axis=0))
    assert "Quantiles and prediction intervals" in page
    assert "averaged over the quantiles 0.1, 0.5 and 0.9" in page


def test_a_saved_run_and_the_command_line_answer_alike(run, tmp_path, capsys):
    loaded = toolkit.load(run.save(tmp_path / "q.keras"))
    assert loaded.head.quantiles == LEVELS
    pd.testing.assert_frame_equal(loaded.predict_interval(NEW, 0.7), run.predict_interval(NEW, 0.7))
    NEW.head(30).drop(columns="y").to_csv(tmp_path / "new.csv", index=False)
    words = [tmp_path / "q.keras", tmp_path / "new.csv", "-o", tmp_path / "out.csv", "--interval", 0.7]
    assert run_command(capsys, "predict", *words)[0] == 0
    written, expected = pd.read_csv(tmp_path / "out.csv"), run.predict(NEW.head(30))
    assert list(written) == ["y", "quantile_0.1", "quantile_0.5", "quantile_0.9", "low", "high"]
    assert written.iloc[:, 1:4].to_numpy() == pytest.approx(expected.to_numpy())
    assert written["y"].tolist() == written["quantile_0.5"].tolist()
    assert written["low"].to_numpy() == pytest.approx(run.predict_interval(NEW.head(30), 0.7)["low"].to_numpy())


def test_quantiles_are_compared_with_another_head_and_go_on_learning(tmp_path):
    options = {"quantiles": LEVELS, "hidden": (4,), "epochs": 2, "progress": False, "baselines": False}
    compared = regression.compare(rows(200), target="y", heads=("absolute", "quantile"), seeds=1, **options)
    assert list(compared.table.index) == ["rmse", "mae", "r2", "median_absolute_error"]
    assert "quantile" in compared.report(tmp_path / "c.html").read_text()
    result = compared.result.trials["quantile", 0].result
    learner = toolkit.Run(result)
    before = learner.evaluate(rows(200))["mean_pinball_loss"]
    assert learner.update(rows(200), learning_rate=0.1).evaluate(rows(200))["mean_pinball_loss"] < before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"head": "squared"}, "quantiles is for regression with head='quantile'"),
        ({"quantiles": (0.5, 0.1)}, "quantiles=\\(0.5, 0.1\\): expected two or more rising numbers between 0 and 1"),
        ({"quantiles": (0.5,)}, "two or more"),
        ({"target": ["y", "z"]}, "head 'quantile' predicts one target, and here are 2"),
    ],
)
def test_a_mistake_is_named(options, words):
    with pytest.raises(DataError, match=words):
        regression.train(rows(60), **{"target": "y", **QUICK, **options})


def test_corrected_intervals_hold_the_truth_as_often_as_asked_whatever_the_quantiles():
    # n calibration rows leave the coverage between 0.9 and 0.9 + 1 / (n + 1), on average over calibrations.
    rng, held = np.random.default_rng(0), []
    for _ in range(2_000):
        x = rng.uniform(0, 1, 99 + 50)
        y, wrong = x + (0.2 + x) * rng.standard_t(4, len(x)), np.stack([x - 0.3, x + 0.1], axis=1)
        reach = conformal_quantile(misses(wrong[:99], y[:99]), 0.9)
        low, high = around(wrong[99:], float(reach)).T
        held.append(np.mean((low <= y[99:]) & (y[99:] <= high)))
    assert 0.9 - 0.004 < np.mean(held) < 0.91 + 0.004
