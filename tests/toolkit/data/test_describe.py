"""Distributions of columns and targets, and the predictive power of a column."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from tests.helpers.people import people
from toolkit.data.columns import Column
from toolkit.data.describe import describe, predictive_power, predictive_powers
from toolkit.data.prepare import prepare


def test_distributions_agree_with_pandas_over_all_rows_and_in_each_part():
    frame = people(300)
    frame.loc[::10, "age"] = np.nan
    table = prepare(frame, "label", task="binary")
    described = table.describe()
    age = next(entry for entry in described["columns"] if entry["name"] == "age")
    for part, rows in {"all": np.arange(300), **table.parts}.items():
        expected = frame["age"].iloc[rows].describe()
        for ours, theirs in {
            "mean": "mean",
            "min": "min",
            "q1": "25%",
            "median": "50%",
            "q3": "75%",
            "max": "max",
        }.items():
            # Ages such as 31.18, which single rows have, are told to three digits.
            assert age[part][ours] == pytest.approx(expected[theirs], rel=1e-6 if ours == "mean" else 5e-3)
        assert age[part]["std"] == pytest.approx(frame["age"].iloc[rows].std(ddof=0))
        assert age[part]["count"] + age[part]["missing"] == len(rows)
        assert age[part]["distinct"] == frame["age"].iloc[rows].nunique()
        ages = frame["age"].iloc[rows].dropna()
        assert age[part]["counts"] == np.histogram(ages, bins=age["edges"])[0].tolist()
    sex = next(entry for entry in described["columns"] if entry["name"] == "sex")
    for part, rows in table.parts.items():
        counted = frame["sex"].iloc[rows].value_counts()
        assert sex[part]["counts"] == [counted[label] for label in sex["levels"]]
    joined = next(entry for entry in described["columns"] if entry["name"] == "joined")
    assert joined["all"]["min"] == str(frame["joined"].min().date())[:7]
    assert sum(joined["all"]["counts"]) == 300
    assert described["targets"][0]["levels"] == ["no", "yes"]


def test_a_description_of_odd_columns_is_strict_json():
    frame = people(60)
    frame["huge"] = np.linspace(-1e300, 1e300, 60)
    frame["gone"], frame["flag"] = np.nan, [True, None] * 30
    frame["town"] = [f"town {index % 20}" for index in range(60)]
    table = prepare(frame, "amount", task="regression", keep="gone")
    described = json.loads(json.dumps(table.describe(), allow_nan=False))
    by_name = {entry["name"]: entry for entry in described["columns"]}
    assert by_name["gone"]["all"]["count"] == 0
    assert by_name["huge"]["all"]["std"] is None
    assert by_name["flag"]["levels"] == ["True"]
    town = by_name["town"]
    assert sum(town["all"]["counts"]) + town["all"]["other"] == 60
    assert len(town["levels"]) < 20
    assert described["targets"][0]["name"] == "amount"


def test_a_column_that_gives_the_target_away_is_flagged():
    frame = people(400)
    frame["copy"] = np.where(frame["label"] == "yes", 17.0, 3.0) + np.random.default_rng(0).random(400)
    table = prepare(frame, "label", task="binary", drop="amount")
    described = table.describe()
    assert described["leaks"] == table.leaks() == ["copy"]
    assert described["strongest"] == {"column": "copy", "alone": 1.0}
    powers = {entry["name"]: entry["alone"] for entry in described["columns"]}
    assert powers["member"] < 0.3 < powers["age"] < 0.9


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_predictive_power_is_near_0_for_noise_and_1_for_the_target_itself(task):
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 4, 900)
    outcome = {
        "binary": (ids > 1)[:, None].astype(float),
        "multiclass": np.eye(4)[ids],
        "multilabel": np.column_stack([ids > 1, rng.random(900) < 0.3]).astype(float),
        "regression": ids[:, None].astype(float),
    }[task]
    assert predictive_power(ids.astype(float), "number", outcome, task) > 0.99
    assert (
        predictive_power(np.array([f"level {value}" for value in ids], dtype=object), "category", outcome, task) > 0.99
    )
    assert predictive_power(rng.random(900), "number", outcome, task) < 0.12


def test_a_weak_column_of_a_small_table_has_predictive_power_and_a_copy_of_the_target_is_seen():
    rng = np.random.default_rng(0)
    column = rng.normal(size=150)
    weak = (column + 1.2 * rng.normal(size=150))[:, None]
    # A line explains two fifths of the variance; leaves of a single row none.
    assert predictive_power(column, "number", weak, "regression") > 0.1
    assert predictive_power(column, "number", column[:, None], "regression") > 0.97


def test_no_part_reaches_beyond_all_rows_and_all_are_rounded_alike():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"income": rng.lognormal(10.8, 0.4, 2_000).round(2), "y": rng.integers(0, 2, 2_000)})
    entry = prepare(frame, "y", task="binary").describe()["columns"][0]
    for part in ("train", "validation", "test"):
        assert entry["all"]["min"] <= entry[part]["min"] <= entry[part]["max"] <= entry["all"]["max"]
        assert entry[part]["min"] % 100 == 0
        assert entry[part]["max"] % 100 == 0


def test_predictive_power_for_two_classes_is_the_area_under_the_curve_rescaled():
    # A category of two levels is predicted by the means of its levels: these order the rows as the category does.
    rng = np.random.default_rng(0)
    truth = rng.random(3_000) < 0.4
    answers = np.where(rng.random(3_000) < 0.8, truth, ~truth)
    score = predictive_power(
        np.where(answers, "a", "b").astype(object), "category", truth[:, None].astype(float), "binary"
    )
    assert score == pytest.approx(2 * float(roc_auc_score(truth, answers)) - 1, abs=0.03)


def test_a_description_names_what_it_left_out_of_wide_and_long_tables():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.integers(0, 2, (9_000, 202)).astype(float), columns=[f"c{index}" for index in range(202)])
    columns = [Column(str(name), "number") for name in frame.columns]
    target = pd.DataFrame({"y": rng.random(9_000)})
    parts = {"train": np.arange(6_000), "validation": np.arange(6_000, 7_500), "test": np.arange(7_500, 9_000)}
    powers = predictive_powers(frame, columns, target, "regression", parts["train"])
    described = describe(frame, columns, target, "regression", parts, {}, powers)
    assert described["columns"][-1]["alone"] is None
    assert any("5,000 of 6,000 training rows" in sentence for sentence in described["left_out"])
    assert any("first 200 of 202 columns" in sentence for sentence in described["left_out"])
