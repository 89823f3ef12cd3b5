"""The ordinal head from training to the report: one quick run on four ordered classes of a noisy number."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special

import toolkit
from recipes import multiclass
from tests.helpers.cli import run_command
from toolkit.common.errors import DataError

NAMES = ["poor", "fair", "good", "best"]  # not in alphabetical order
QUICK = {"head": "ordinal", "effort": "quick", "baselines": False, "progress": False}


def rows(count: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 2))
    ranks = np.digitize(2 * x[:, 0] - x[:, 1] + rng.logistic(size=count), [-2.0, 0.5, 2.0])
    grade = pd.Categorical.from_codes(ranks, NAMES, ordered=True)
    return pd.DataFrame({"x": x[:, 0], "z": x[:, 1], "grade": grade})


@pytest.fixture(scope="module")
def run():
    options = QUICK | {"hidden": (16,), "epochs": 15, "members": 2, "baselines": True}
    return multiclass.train(rows(600), target="grade", **options)


NEW = rows(1_000, 1)


def test_the_scores_are_one_number_minus_a_threshold_for_each_pair_of_neighbors(run):
    kernel, bias = run.model.layers[-1].get_weights()
    assert (kernel == kernel[:, :1]).all()
    assert (np.diff(bias) < 0).all()
    scores, chances = run.decision_function(NEW), run.predict_proba(NEW)
    assert scores.shape == (1_000, 3)
    assert np.ptp(scores[:, 0] - scores[:, 2]) < 1e-3
    assert list(chances.columns) == run.classes == NAMES
    assert chances.to_numpy().min() >= 0
    assert chances.sum(axis=1).to_numpy() == pytest.approx(1)
    assert (run.predict(NEW) == chances.idxmax(axis=1)).all()
    assert run.predict(NEW.head(0)).shape == (0,)


def test_errors_are_measured_in_ranks_too_also_those_of_the_baselines(run):
    off = run.predict(NEW).map(NAMES.index) - NEW["grade"].cat.codes
    found = run.evaluate(NEW)
    assert found["rank_mae"] == pytest.approx(off.abs().mean())
    assert found["accuracy"] == pytest.approx((off == 0).mean())
    assert found["accuracy"] > 0.5
    assert run.table.loc["rank_mae", ["low", "value", "high"]].is_monotonic_increasing
    assert run.table.loc["rank_mae", "dummy"] > run.table.loc["rank_mae", "value"]


def test_sets_of_classes_hold_the_truth_as_often_as_asked(run):
    truth = np.arange(len(NEW)), NEW["grade"].cat.codes.to_numpy()
    for coverage in (0.7, 0.9, 0.98):  # some 500 left-out rows: a standard deviation of 1.5 points
        sets = run.predict_set(NEW, coverage)
        assert sets.to_numpy()[truth].mean() == pytest.approx(coverage, abs=0.04)
    assert list(sets.columns) == NAMES
    assert sets.dtypes.eq(bool).all()
    assert sets.to_numpy()[truth[0], run.predict(NEW).map(NAMES.index)].all()


def test_a_linear_network_reaches_the_proportional_odds_of_maximum_likelihood():
    frame = rows(400).assign(grade=lambda frame: frame["grade"].cat.codes)  # numbers have an order too
    x, y = frame[["x", "z"]].to_numpy(), frame["grade"].to_numpy()

    def chances(parameters):
        thresholds = np.cumsum([parameters[2], *np.exp(parameters[3:])])
        above = special.expit((x @ parameters[:2])[:, None] - thresholds)
        return -np.diff(np.column_stack([np.ones(len(x)), above, np.zeros(len(x))]), axis=1)

    def loss(parameters):
        return -np.log(chances(parameters)[np.arange(len(y)), y]).mean()

    best = optimize.minimize(loss, np.array([0.0, 0.0, -1.0, 0.0, 0.0]))
    options = {"build": "linear", "scaling": "standard", "test": 0, "validation": 0, "feature_scale": False}
    linear = multiclass.train(frame, target="grade", epochs=200, learning_rate=0.02, **options, **QUICK)
    ours = linear.predict_proba(x)
    assert -np.log(ours[np.arange(len(y)), y]).mean() == pytest.approx(best.fun, rel=1e-3)
    assert ours == pytest.approx(chances(best.x), abs=0.02)


def test_the_report_and_the_saved_run_say_the_same(run, tmp_path, capsys):
    page = run.report(tmp_path / "o.html").read_text()
    summary = json.loads((tmp_path / "o.json").read_text())
    assert summary["classes"] == NAMES
    assert "Mean absolute error in ranks" in page
    assert "(proportional odds)" in page
    loaded = toolkit.load(run.save(tmp_path / "o.keras"))
    pd.testing.assert_frame_equal(loaded.predict_proba(NEW), run.predict_proba(NEW))
    assert loaded.evaluate(NEW) == run.evaluate(NEW)
    NEW.head(20).to_csv(tmp_path / "new.csv", index=False)
    words = [tmp_path / "o.keras", tmp_path / "new.csv", "-o", tmp_path / "out.csv"]
    assert run_command(capsys, "predict", *words)[0] == 0
    written = pd.read_csv(tmp_path / "out.csv")
    assert list(written) == ["grade", *(f"probability_{name}" for name in NAMES)]
    assert written["grade"].tolist() == run.predict(NEW.head(20)).tolist()
    before = loaded.evaluate(NEW)["log_loss"]
    loaded.update(rows(300, 2), learning_rate=0.01)
    kernel, _ = loaded.model.layers[-1].get_weights()
    assert (kernel == kernel[:, :1]).all()
    assert before - 0.2 < loaded.evaluate(NEW)["log_loss"] != before


def test_it_is_compared_with_softmax_in_ranks(tmp_path):
    options = {"hidden": (4,), "epochs": 3, "progress": False, "seeds": 1}
    compared = multiclass.compare(rows(200), target="grade", heads=("softmax", "ordinal"), **options)
    assert {"accuracy", "rank_mae", "log_loss"} <= set(compared.table.index)
    assert "ordinal_difference" in compared.table
    assert compared.baselines.loc["rank_mae", "dummy"] > 0
    assert "ordinal" in compared.report(tmp_path / "c.html").read_text()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"grade": lambda frame: frame["grade"].astype(str)},
            "have none: make it an ordered Categorical .*lowest",
        ),
        ({"grade": lambda frame: frame["grade"].cat.as_unordered()}, "needs classes in order"),
    ],
)
def test_classes_without_an_order_are_refused_with_how_to_give_it(change, words):
    with pytest.raises(DataError, match=words):
        multiclass.train(rows(60).assign(**change), target="grade", **QUICK)


def test_the_error_in_ranks_chooses_only_where_there_are_ranks():
    with pytest.raises(DataError, match="metric='rank_mae' needs classes in order"):
        multiclass.train(rows(60), target="grade", **QUICK | {"head": "softmax", "metric": "rank_mae"})
