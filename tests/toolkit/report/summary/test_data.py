"""The data and its split."""

from __future__ import annotations

import pandas as pd
import pytest

from recipes import multiclass
from recipes.samples import path
from tests.helpers.comparisons import TASKS
from tests.helpers.pages import Page
from toolkit.report import render
from toolkit.report.figures.distributions import distribution


@pytest.mark.parametrize("task", TASKS)
def test_data_and_split_count_every_row(task, results, summaries):
    content, table = summaries[task], results[task].dataset
    assert sum(content["split"]["parts"].values()) == content["data"]["rows"] == table.rows
    for entry in content["data"]["columns"] + content["data"]["target"]:
        assert set(entry["parts"]) == {"all", "train", "validation", "test"}
        for part, described in entry["parts"].items():
            rows = table.rows if part == "all" else content["split"]["parts"][part]
            assert described["count"] + described["missing"] == rows
            assert sum(described["counts"]) == described["count"]


def test_folds_are_shown_as_folds_and_not_as_a_validation_part(tmp_path):
    frame = pd.read_csv(path("wine")).sample(frac=1, random_state=0)
    frame[:130].to_csv(tmp_path / "wine.csv", index=False)
    frame[130:].to_csv(tmp_path / "newer.csv", index=False)
    run = multiclass.train(
        tmp_path / "wine.csv", target="grower", test=tmp_path / "newer.csv", build="linear", members=2, epochs=1,
        baselines=False, progress=False,
    )  # fmt: skip
    content = run.summary()
    learned, tested = content["split"]["parts"]["train"] + content["split"]["parts"]["validation"], 48
    assert content["split"]["folds"] == 4
    for entry in content["data"]["columns"] + content["data"]["target"]:
        assert list(entry["parts"]) == ["all", "train", "test"]
        counts = {name: part["count"] + part["missing"] for name, part in entry["parts"].items()}
        assert counts == {"all": 178, "train": learned, "test": tested}
    page = Page(render(content))
    section = page.section("split")
    assert f"178 rows: {learned} (73.0 %) in 4 folds, test 48 (27.0 %); test as given." in section
    assert "Train, in 4 folds 130 73.0 % Test 48 27.0 %" in section
    assert "alidation" not in section
    assert "wine.csv and newer.csv" in page.all("header")[0]["text"]


def test_numbers_of_a_column_have_commas_unless_they_can_be_years():
    def entry(low, high):
        total = {
            "min": low,
            "max": high,
            "mean": (low + high) / 2,
            "std": 400.0,
            "count": 2,
            "missing": 0,
            "distinct": 2,
        }
        return {
            "name": "x", "kind": "number", "alone": None, "leak": False, "levels": None, "edges": [low, high],
            "parts": {"all": total | {"counts": [2], "q1": low, "median": low, "q3": high}},
        }  # fmt: skip

    (money,), (years,) = distribution([entry(278, 1_680)]), distribution([entry(1_912, 2_024)])
    assert (money.extent, years.extent) == ("278 to 1,680", "1912 to 2024")
