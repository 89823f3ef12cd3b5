"""A stream whose answers change: what each learner does, and what the network learns row by row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recipes.lessons import online
from toolkit.common.errors import DataError


@pytest.fixture(scope="module")
def lesson():
    return online.show(epochs=5)


@pytest.fixture(scope="module")
def frame():
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 2))
    return pd.DataFrame(
        {"a": x[:, 0], "b": x[:, 1], "kind": np.array(["low", "middle", "top"])[np.digitize(x[:, 0], [-0.5, 0.5])]}
    )


def test_the_network_follows_the_change_row_by_row_and_a_batch_of_all_rows_does_not(lesson):
    before, jump, end = lesson.tables["Error along the stream"].iloc[[14, 15, 30]].to_dict("records")
    assert before["row by row"] < 0.1  # 5 % of the labels are wrong
    assert jump["row by row"] > 0.3
    assert end["row by row"] < 0.14
    assert end["batch, all rows"] > 0.2
    assert end["batch, last rows"] < 0.1
    assert end["not updated"] == jump["not updated"] > 0.3


def test_the_old_answers_are_forgotten_as_the_new_ones_are_learned(lesson):
    table = lesson.tables["Learned and forgotten"]
    before, end = table.iloc[14], table.iloc[30]
    assert before["by the old answers"] < 0.1 < 0.25 < end["by the old answers"]
    assert end["by the new answers"] < 0.14 < 0.25 < before["by the new answers"]


def test_a_small_rate_is_slow_and_a_large_one_makes_the_error_jump(lesson):
    table = lesson.tables["The learning rate"]
    small, medium, large = (table[f"rate {rate:g}"] for rate in online.RATES)
    assert small[30] > medium[30] + 0.1
    assert large[:15].std() > 2 * medium[:15].std()


def test_the_blue_area_follows_the_disc(lesson):
    areas = lesson.tables["The disc that moves"]["area decided correctly"]
    # Always answering no is right on 81 % of the plane: 1 - pi 1.2² / 24.
    assert (areas > 0.9).all()


def test_only_the_batches_keep_rows(lesson):
    table = lesson.tables["What it takes"]
    assert table["rows kept"].to_dict() == {
        "row by row": 0,
        "batch, all rows": 6_000,
        "batch, last rows": 1_200,
        "not updated": 0,
    }
    assert table.loc["row by row", "rows processed"] == 4_800
    assert "none of which was kept" in lesson.summary


def test_the_disc_moves_and_a_twentieth_of_the_labels_is_wrong():
    points = online.moving_disc(20_000, 0)
    for column, center in (("inside", -1), ("later", 1)):
        inside = (points["x1"] - center) ** 2 + points["x2"] ** 2 < 1.44
        assert ((points[column] == "yes") != inside).mean() == pytest.approx(0.05, abs=0.005)


def test_the_classes_of_an_own_table_are_renamed(frame, tmp_path):
    lesson = online.show(frame, target="kind", epochs=4)
    along = lesson.tables["Error along the stream"]
    assert along.loc[15, "not updated"] > 0.9 > 0.2 > along.loc[14, "not updated"]
    assert "DataFrame, 400 rows" in lesson.data
    assert "each class gets the name of the next one" in lesson.data
    assert "The disc that moves" not in lesson.tables
    pages = [
        run.report(tmp_path / f"{index}.html")
        for index, run in enumerate((lesson, online.show(frame, target="kind", epochs=4)))
    ]
    assert pages[0].read_bytes() == pages[1].read_bytes()
    assert len(pages[0].read_bytes()) < 1_000_000


def test_each_class_gets_the_name_of_the_next_one_and_numbers_are_mirrored(frame):
    classes = online.table_stream(frame, "kind", "multiclass", 0)
    pairs = set(zip(classes.answers[0]["kind"], classes.answers[1]["kind"], strict=True))
    assert pairs == {("low", "middle"), ("middle", "top"), ("top", "low")}
    numbers = online.table_stream(frame.drop(columns="kind"), "b", "regression", 0)
    both = numbers.answers[0]["b"] + numbers.answers[1]["b"]
    assert both.to_numpy() == pytest.approx(2 * frame["b"].mean())


def test_each_row_comes_once_in_equal_parts_with_the_current_answers(frame):
    stream = online.table_stream(frame, "kind", "multiclass", 0)
    parts = [stream.part(index) for index in range(online.PARTS)]
    assert {len(part) for part in parts} == {len(parts[0])}
    seen = np.concatenate([part.index for part in parts])
    assert len(set(seen)) == len(seen)
    assert set(seen).isdisjoint(stream.start)
    assert set(seen).isdisjoint(stream.test)
    for index in (14, 15):
        part = parts[index]
        assert part["kind"].tolist() == stream.answers[index >= 15].loc[part.index, "kind"].tolist()


def test_a_line_ends_where_the_weights_become_infinite(frame):
    stream = online.table_stream(frame.drop(columns="kind").assign(b=lambda f: f["b"] ** 3), "b", "regression", 0)
    path = online.learn_row_by_row(stream, stream.train(stream.start, 0), 1e6)
    assert np.isfinite(path.errors[0]).all()
    assert np.isnan(path.errors[-1]).all()
    assert online.summary(stream, 0.1, 0.5, float("nan")).startswith("Not on this table")
    assert online.summary(stream, 0.1, 0.5, 0.45).startswith("Not from so few")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "multilabel"}, "this lesson is for binary, multiclass, regression"),
        ({"target": "kinds"}, "Did you mean 'kind'"),
        ({"data": 30}, "30 rows; a stream of 30 parts needs 60 or more"),
    ],
)
def test_an_unusable_argument_is_refused(frame, change, message):
    rows = frame.head(change.pop("data", len(frame)))
    with pytest.raises(DataError, match=message):
        online.show(rows, **({"target": "kind", "task": "multiclass"} | change))


@pytest.mark.parametrize(("end", "follows"), [(0.15, True), (0.45, False), (np.nan, False)])
def test_a_network_follows_if_most_of_the_error_of_the_change_is_gone(end, follows):
    assert online.follows(0.1, 0.5, end) is follows
