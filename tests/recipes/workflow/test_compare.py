"""Baselines beside a comparison: on the rows of each seed, and no more often than that takes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recipes import binary, multilabel, regression
from recipes.workflow import settings
from tests.helpers.ctrl_c import PressesCtrlC
from toolkit.evaluation.metrics import evaluate

QUICK = {"epochs": 1, "progress": False, "hidden": (4,), "heads": ("squared", "absolute"), "seeds": 2}


@pytest.fixture(scope="module")
def frame():
    random = np.random.default_rng(0)
    x = random.normal(size=(120, 2))
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": 3 * x[:, 0] + random.normal(0, 0.1, 120)})


def test_each_split_has_its_own_baselines(frame):
    comparison = regression.compare(frame, target="y", **QUICK)
    first, second = (comparison.baseline_outcomes[seed] for seed in (0, 1))
    for seed, outcomes in comparison.baseline_outcomes.items():
        test = comparison.datasets[seed].parts["test"]
        for outcome in outcomes.values():
            assert outcome.y_true[:, 0] == pytest.approx(comparison.datasets[seed].target_frame["y"].iloc[test])
    values = [evaluate(one["linear"])["rmse"] for one in (first, second)]
    found = comparison.baselines.loc["rmse"]
    assert values[0] != values[1]
    assert found[["linear", "linear_low", "linear_high"]].tolist() == pytest.approx(
        [np.mean(values), min(values), max(values)]
    )
    assert list(comparison.baselines.columns[::3]) == ["dummy", "linear", "tree"]
    # One epoch is too little; a line through a line is not.
    assert "In RMSE a baseline is ahead of all of them: the linear model, with " in comparison.verdict[-1]
    assert "the mean over 2 seeds" in comparison.verdict[-1]


def test_the_same_rows_are_fitted_once(frame):
    comparison = regression.compare(frame.head(90), target="y", test=frame.tail(30), **QUICK)
    assert comparison.fixed_test
    assert comparison.baseline_outcomes[0] is comparison.baseline_outcomes[1]


def test_baselines_can_be_left_out(frame):
    comparison = regression.compare(frame, target="y", baselines=False, **QUICK)
    assert comparison.baselines.empty
    assert len(comparison.verdict) == 1


def test_each_training_of_a_comparison_resumes_from_a_folder_of_its_own(tmp_path):
    random = np.random.default_rng(0)
    x = random.normal(size=(120, 2))
    frame = pd.DataFrame({"x": x[:, 0], "z": x[:, 1], "a": x[:, 0] > 0, "b": x[:, 1] > 0}).astype({"a": int, "b": int})
    options = QUICK | {"heads": ("logistic", "separate"), "baselines": False, "resume": tmp_path}
    first, again = (multilabel.compare(frame, target=["a", "b"], **options) for _ in range(2))
    assert first.table.equals(again.table)
    assert sorted(str(path.parent.relative_to(tmp_path)) for path in tmp_path.rglob("training.state")) == [
        *("seed-0-head-0", "seed-0-head-1/label-0", "seed-0-head-1/label-1"),
        *("seed-1-head-0", "seed-1-head-1/label-0", "seed-1-head-1/label-1"),
    ]
    assert "resumed after epoch 1" in again.settings["training"]["resume"]


def test_a_list_of_seeds_stays_a_list_on_the_command_line():
    arguments = {"target": "grower", "seeds": [0, 1]}
    assert settings.calls("multiclass", "compare", "wine.csv", arguments, {})["command"].endswith("--seeds 0,1")
    assert settings.calls("multiclass", "compare", "wine.csv", arguments | {"seeds": [3]}, {})["command"] is None


def test_too_few_seeds_give_no_verdict_and_the_report_asks_for_five(frame):
    comparison = regression.compare(frame[["a", "y"]], target="y", **QUICK)
    assert "too few seeds for a verdict (2; 5 are needed)" in comparison.verdict[0]
    assert not any(entry["clear"] for entry in comparison.result.differences)
    assert comparison.summary()["verdict"]["next"][0] == "Compare with at least 5 seeds (seeds=5) for a verdict."


def test_a_test_set_of_the_user_is_judged_after_one_training_unless_it_is_too_small(frame):
    options = QUICK | {"seeds": 1, "baselines": False}
    for rows in (60, 6):
        test = frame[["a", "y"]].head(rows)
        said = regression.compare(frame[["a", "y"]].tail(60), target="y", test=test, **options).verdict[0]
        assert "too few seeds" not in said
        assert ("no verdict, since the test part holds 6 distinct rows" in said) == (rows == 6)


def test_a_metric_that_no_split_defines_does_not_lose_the_comparison(tmp_path) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"a": random.normal(size=120), "y": ["yes"] * 6 + ["no"] * 114})
    result = binary.compare(
        frame, target="y", heads=("logistic", "hinge"), seeds=2, effort="quick", epochs=1, progress=False
    )
    assert np.isnan(result.table.loc["precision", "hinge_difference"])
    assert np.isfinite(result.table.loc["recall", "hinge_difference"])
    assert result.report(tmp_path / "rare.html").is_file()


def test_ctrl_c_reports_the_seeds_that_every_head_has_finished(frame, ctrl_c, tmp_path):
    report = tmp_path / "heads.html"
    report.write_text("earlier page")
    stopper = PressesCtrlC(9)  # 2 epochs for each of 2 heads: in the first training of the third seed
    options = QUICK | {"epochs": 2, "seeds": [7, 8, 9], "callbacks": [stopper], "report": report}
    with pytest.warns(RuntimeWarning, match="2 of 3 seeds are compared"):
        comparison = regression.compare(frame, target="y", **options)
    assert comparison.seeds == [7, 8]
    assert comparison.settings["seed"] == [7, 8]
    assert {seed for _, seed in comparison.trials} == {7, 8}
    sentence = "Interrupted by hand: 2 of 3 seeds are compared. Baselines left out: linear, tree."
    assert comparison.notes[0] == sentence
    assert report.read_text() == "earlier page"
    assert sentence in (tmp_path / "heads.partial.html").read_text()


def test_ctrl_c_before_the_first_seed_is_finished_leaves_nothing_to_report(frame, ctrl_c, tmp_path):
    options = QUICK | {"callbacks": [PressesCtrlC(1)], "report": tmp_path / "heads.html"}
    with pytest.raises(KeyboardInterrupt):
        regression.compare(frame, target="y", **options)
    assert list(tmp_path.iterdir()) == []
