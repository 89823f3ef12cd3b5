"""When a network is worth it: the lesson's three tables, and one whose answer is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recipes.lessons import worth
from toolkit.common.errors import DataError
from toolkit.data import prepare as preparing


@pytest.fixture(scope="module")
def lesson():
    return worth.show(steps=512)


@pytest.fixture(scope="module")
def line():
    """A table of a linear function with an error of 0.5."""
    random = np.random.default_rng(0)
    x = random.normal(size=(300, 2))
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": 3 * x[:, 0] - x[:, 1] + random.normal(0, 0.5, 300)})


@pytest.fixture(scope="module")
def own(line):
    return worth.show(line, target="y", task="regression", steps=320)


def at_most_rows(table):
    """Return the mean errors with the most rows: one row per table, one column per model."""
    last = table[table["rows"] == table.groupby("table")["rows"].transform("max")]
    return last.pivot(index="table", columns="model", values="error")


def test_a_different_model_wins_on_each_of_the_three_tables(lesson):
    errors = at_most_rows(lesson.tables["Error by number of rows"])
    assert errors.idxmin(axis=1).to_dict() == {"patients": "linear", "street scenes": "trees", "robot arm": "network"}
    answers = lesson.tables["The questions to ask first"]
    assert answers["worth it"].to_dict() == {"patients": "no", "street scenes": "no", "robot arm": "yes"}
    assert "on the robot arm" in lesson.summary
    best = "the linear model on the patients, the trees on the street scenes and the network on the robot arm"
    assert best in lesson.pictures[0].text


def test_no_line_fits_the_arm_and_more_rows_help_the_network_there(lesson):
    table = lesson.tables["Error by number of rows"]
    arm = table[table["table"] == "robot arm"].pivot(index="rows", columns="model", values="error")
    assert arm["linear"].iloc[-1] > 5 * arm["network"].iloc[-1]
    assert arm["network"].is_monotonic_decreasing
    assert arm["network"].iloc[-1] > 1  # centimeter, the error of the measurement, which no model can get below


def test_errors_are_relative_to_the_dummy(lesson):
    table = lesson.tables["Error by number of rows"]
    dummy = table.loc[table["model"] == "dummy", "error relative to the dummy"]
    assert dummy.to_numpy() == pytest.approx(1, abs=0.01)


def test_the_lines_of_the_picture_are_those_of_the_table(lesson):
    table = lesson.tables["Error by number of rows"]
    for panel, name in zip(
        lesson.figures["Error by number of rows"].axes, ("patients", "street scenes", "robot arm"), strict=True
    ):
        for line, model in zip(panel.lines, worth.MODELS, strict=True):
            curve = table[(table["table"] == name) & (table["model"] == model)]
            assert line.get_xdata() == pytest.approx(curve["rows"].to_numpy())
            assert line.get_ydata() == pytest.approx(curve["error relative to the dummy"].to_numpy())


def test_the_hand_is_at_the_sum_of_the_rotated_segments():
    arm = worth.robot_arm(500, 1)
    directions = np.exp(1j * np.radians(arm.drop(columns="distance").to_numpy()).cumsum(axis=1))
    hand = directions @ [30, 25, 20, 15]
    residual = arm["distance"] - abs(hand - (50 + 20j))
    assert residual.std() == pytest.approx(1, abs=0.1)
    assert residual.mean() == pytest.approx(0, abs=0.15)


def test_on_a_linear_function_the_linear_model_is_recommended(own):
    answers = own.tables["The questions to ask first"]
    assert answers.loc["DataFrame", ["rows", "lowest error", "worth it", "network ahead"]].tolist() == [
        240,
        "linear",
        "no",
        "never",
    ]
    errors = at_most_rows(own.tables["Error by number of rows"]).loc["DataFrame"]
    assert errors["linear"] == pytest.approx(0.5, abs=0.07)
    assert own.summary.endswith("a network is not worth it: the linear model had the lowest mean error, at less cost.")
    assert own.data == "DataFrame; seed 0"


def test_the_same_seed_gives_the_same_lesson_apart_from_times(tmp_path):
    arm = worth.robot_arm(80, 0)
    seeds = 0, 0, 2**32 - 1  # the largest
    first, again, other = (worth.show(arm, target="distance", task="regression", seed=seed, steps=64) for seed in seeds)
    pd.testing.assert_frame_equal(again.tables["Error by number of rows"], first.tables["Error by number of rows"])
    assert not again.tables["Error by number of rows"].equals(other.tables["Error by number of rows"])
    assert other.table["rows"].unique().tolist() == [32, 64]
    texts = [[p.text for p in one.pictures if p.title != "What it costs"] for one in (first, again)]
    assert texts[0] == texts[1]
    assert len(first.report(tmp_path / "worth").read_bytes()) < 1_000_000


def test_the_first_rows_of_the_order_hold_the_classes_in_proportion():
    target = pd.DataFrame({"y": ["rare"] * 30 + ["common"] * 270})
    order = worth.stratified_order(target, "binary", np.random.default_rng(0))
    assert sorted(order) == list(range(300))
    rare = (target["y"].to_numpy()[order] == "rare").cumsum()
    for rows in (50, 100, 150, 300):
        assert abs(rare[rows - 1] - rows / 10) <= 1


def test_no_model_learns_from_test_rows(line):
    table = preparing.prepare(line, "y", task="regression", seed=3)
    part = worth.subset(table, 40, 3)
    assert len(part.parts["train"]) + len(part.parts["validation"]) == 40
    together = np.concatenate(list(part.parts.values()))
    assert len(set(together)) == len(together)
    assert set(part.parts["test"]) == set(table.parts["test"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "clustering"}, "expected one of regression, binary, multiclass, multilabel"),
        ({"target": "z"}, "'z' is not a column"),
        ({"task": "binary"}, "binary needs exactly 2|too many for classes"),
    ],
)
def test_a_mistake_says_what_to_do(line, change, message):
    with pytest.raises(DataError, match=message):
        worth.show(line, **({"target": "y", "task": "regression"} | change))


def test_images_are_refused():
    with pytest.raises(DataError, match="images"):
        worth.show((np.zeros((40, 8, 8)), np.arange(40) % 2), task="binary")


def test_the_picture_recommends_no_model_that_the_summary_advises_against():
    answers = pd.DataFrame({"rows": [240], "lowest error": ["network"], "worth it": ["no"]}, index=["mine"])
    assert "choose" not in worth.best_models(answers)
    assert "not in each" in worth.summary(answers)
    assert "choose" in worth.best_models(answers.assign(**{"worth it": "yes"}))
    assert "worth it on none of these 2 tables" in worth.summary(pd.concat([answers, answers]))
