"""Training without test rows, without validation rows, and on everything."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import toolkit
from recipes import binary, multiclass, multilabel, regression
from tests.helpers.cli import run_command
from tests.helpers.pages import Page, words
from toolkit.common.errors import DataError

QUICK = {"epochs": 4, "progress": False, "hidden": (8,)}


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 2))
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": np.where(x[:, 0] > 0, "yes", "no")})


@pytest.fixture(scope="module")
def run_on_everything(frame):
    return binary.train(frame, target="y", test=0, validation=0, members=2, **QUICK)


def test_a_run_on_everything_learns_from_all_rows_in_all_epochs_and_claims_nothing(run_on_everything, frame):
    run = run_on_everything
    assert {part: len(rows) for part, rows in run.dataset.parts.items()} == {"train": 150, "validation": 0, "test": 0}
    assert (run.metrics, run.baselines, len(run.table), run.best_epoch) == ({}, {}, 0, 4)
    assert list(run.history.columns) == ["epoch", "loss", "learning_rate", "seconds"]
    assert run.verdict[0].startswith("There are no test rows (test=0), so nothing is known about new rows")
    assert repr(run) == "Run(binary, logistic; no test rows)"
    assert set(np.unique(run.predict(frame))) <= {"yes", "no"}
    scores = run.decision_function(frame)
    scores = np.asarray(scores, dtype=float).reshape(-1)
    np.testing.assert_allclose(np.asarray(run.predict_proba(frame))[:, 1], 1 / (1 + np.exp(-scores)), atol=1e-6)
    assert set(run.evaluate(frame)) > {"accuracy", "roc_auc"}


def test_its_report_says_that_there_are_no_test_figures(run_on_everything, tmp_path):
    page = Page(run_on_everything.report(tmp_path / "run.html").read_text())
    verdict, split = page.section("verdict"), page.section("split")
    assert "Trained without test rows: there are no test figures." in verdict
    assert "Train once with test rows (leave test= out)" in verdict
    assert "There is no test part, so this page has no results." in split
    assert "2 networks with different initial weights were trained; the curves" in page.section("training")
    sections = [section["id"] for section in page.all("section")]
    assert sections == ["verdict", "data", "split", "model", "training", "settings"]
    assert "nan" not in words(page.all("main")[0]["text"]).split()
    content = json.loads((tmp_path / "run.json").read_text())
    assert content["results"]["metrics"] == {}
    assert (content["mistakes"], content["verdict"]["metric"]) == (None, None)


def test_a_run_without_test_rows_is_saved_and_loaded(run_on_everything, frame, tmp_path):
    loaded = toolkit.load(run_on_everything.save(tmp_path / "run.keras"))
    np.testing.assert_array_equal(loaded.predict(frame), run_on_everything.predict(frame))
    assert loaded.verdict == run_on_everything.verdict
    assert loaded.report(tmp_path / "again.html").exists()


def test_without_validation_rows_margins_have_no_probabilities(frame):
    run = binary.train(frame, target="y", validation=0, head="hinge", baselines=False, **QUICK)
    assert "log_loss" not in run.metrics
    assert run.metrics["roc_auc"] > 0
    with pytest.raises(
        DataError, match="has no probabilities: they are fitted on validation rows, and there were none"
    ):
        run.predict_proba(frame)
    text = run.summary()["model"]["head"]["probability"]
    assert text == "none: a margin is not a probability, and there were no validation rows to fit probabilities on"


def test_without_validation_rows_regression_has_no_intervals(frame):
    run = regression.train(frame[["a", "b"]], target="a", validation=0, keep="b", baselines=False, **QUICK)
    assert run.absolute_errors is None
    assert set(run.metrics) == {"rmse", "mae", "r2", "median_absolute_error"}
    with pytest.raises(DataError, match="no intervals: they are fitted on validation rows, and there were none"):
        run.predict_interval(frame)
    assert run.summary()["results"]["interval"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": "f1"}, "threshold='f1' is chosen on validation rows, and there are none"),
        ({"threshold": 0.3, "head": "hinge"}, "threshold=0.3 is a probability; the hinge head's are fitted on"),
    ],
)
def test_a_threshold_that_needs_validation_rows_is_refused_before_the_training(frame, options, message):
    def build(inputs, units):
        raise AssertionError("nothing is built")

    with pytest.raises(DataError, match=message):
        binary.train(frame, target="y", validation=0, build=build, progress=False, **options)


def test_without_test_rows_probabilities_and_intervals_are_still_fitted_on_validation_rows(frame):
    labels = frame.assign(u=frame["a"] > 0, v=frame["b"] > 0).drop(columns="y")
    run = multilabel.train(labels, target=["u", "v"], test=0, head="hinge", **QUICK)
    assert run.calibration is not None
    assert run.metrics == {}
    number = regression.train(frame[["a", "b"]], target="a", test="0", keep="b", **QUICK)
    assert number.predict_interval(frame).shape == (150, 2)


@pytest.mark.parametrize("test", [0, "0", 0.0])
def test_a_comparison_needs_test_rows(frame, test):
    with pytest.raises(DataError, match="test=0 leaves no rows to compare on"):
        multiclass.compare(frame, target="y", test=test, heads=("softmax", "hinge"), seeds=1, **QUICK)


def test_the_command_line_takes_numbers_of_rows(frame, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame.to_csv("rows.csv", index=False)
    frame.head(20).to_csv("200", index=False)  # a file with such a name loses
    base = ("binary", "rows.csv", "--target", "y", "--epochs", 2, "--hidden", "8", "--no-progress", "--no-baselines")
    code, out, err = run_command(capsys, *base, "--test", 0, "--validation", 0, "--save", "run.keras")
    assert (code, "There are no test rows (test=0)" in out) == (0, True), err
    run = toolkit.load("run.keras")
    assert run.metrics == {}
    code, _, err = run_command(capsys, *base, "--test", "200")
    assert (code, "test=200 leaves no rows to train on: there are 150" in err) == (2, True)
    code, _, err = run_command(capsys, *base, "--test", "30", "--save", "run.keras")
    assert code == 0, err
    assert toolkit.load("run.keras").summary()["data"]["parts"]["test"] == 30
