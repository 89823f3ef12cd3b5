"""Rows that repeat: every part holds every label in proportion, whatever repeats how often."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.helpers.repeated_rows import SHAPES, TASKS, pooled_test_parts
from toolkit.data.prepare import prepare
from toolkit.data.stratify import deal_units


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("times", SHAPES.values(), ids=list(SHAPES))
def test_labels_of_the_test_part_are_those_of_all_rows(task, times):
    figures = pooled_test_parts(task, times, True, seeds=5)
    assert figures["p"] > 0.01 / 40
    assert figures["pooled"] < 2 or len(times) < 30
    assert 0.18 < figures["least"] < figures["largest"] + 1e-9 < 0.22


def test_every_set_of_equal_rows_comes_to_the_test_part_about_equally_often():
    rng = np.random.default_rng(0)
    sizes = np.maximum(1, 60 * 0.95 ** np.arange(120)).astype(int)
    units = np.repeat(np.arange(120), sizes)
    label = (rng.random(len(units)) < rng.random(120)[units]).astype(int)
    chosen = [deal_units(label, units, [0.6, 0.2, 0.2], np.random.default_rng(seed)) == 2 for seed in range(300)]
    shares = np.mean(chosen, axis=0)  # by chance alone within 0.13 and 0.27
    assert abs(shares[:20].mean() - 0.2) < 0.02
    assert 0.05 < shares.min() < shares.max() < 0.35


def test_a_very_common_row_is_split_freely_and_the_rest_stays_together():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"x": np.r_[np.zeros(300), np.repeat(rng.normal(size=350), 2)], "y": rng.integers(0, 2, 1_000)}
    )
    table = prepare(frame, "y", task="binary")
    x = table.features.frame["x"].to_numpy()
    for part, share in (("train", 0.64), ("validation", 0.16), ("test", 0.2)):
        assert abs((x[table.parts[part]] == 0).mean() - 0.3) < 0.02
        assert abs(len(table.parts[part]) / 1_000 - share) < 0.01
    shared = set(x[table.parts["train"]]) & set(x[table.parts["test"]])
    assert shared == {0.0}
    assert (
        "1 distinct row makes up 300 of the 1,000 rows: equal rows of that kind are split freely." in table.split_reason
    )
    assert "350 other rows repeat another row's features" in table.split_reason


def test_a_design_of_few_cells_is_split_freely():
    doses = pd.DataFrame({"dose": np.repeat([0.5, 1, 2], 20), "kind": ["OJ", "VC"] * 30, "length": np.arange(60.0)})
    table = prepare(doses, "length", task="regression")
    assert len(set(table.units[table.parts["test"]])) >= 4
    assert "only 6 distinct rows in 60, so equal rows are split freely" in table.split_reason


def test_a_part_that_groups_make_uneven_is_reported():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=300), "site": np.repeat(list("abcd"), 75)})
    frame["y"] = np.where(frame["site"] == "a", "ill", "well")
    table = prepare(frame, "y", task="binary", group="site")
    assert "part has 0\u202f% rows of class 'ill', against 25.0\u202f% of all" in table.split_reason
    assert "the groups of 'site' are too large or too few" in table.split_reason
