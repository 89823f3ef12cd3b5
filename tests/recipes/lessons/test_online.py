"""A stream whose truth changes: what each learner does, and that the network has learned it row by row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recipes.lessons import online
from toolkit.common.errors import DataError


@pytest.fixture(scope="module")
def lesson():
    return online.show()


@pytest.fixture(scope="module")
def frame():
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 2))
    return pd.DataFrame(
        {"a": x[:, 0], "b": x[:, 1], "kind": np.array(["low", "middle", "top"])[np.digitize(x[:, 0], [-0.5, 0.5])]}
    )


def test_row_by_row_the_network_turns_with_the_truth_and_a_batch_of_all_rows_does_not(lesson):
    before, turn, end = lesson.tables["Error along the stream"].iloc[[14, 15, 30]].to_dict("records")
    assert before["row by row"] < 0.1  # 0.05 of the answers are wrong
    assert turn["row by row"] > 0.3
    assert end["row by row"] < 0.14
    assert end["batch, all rows"] > 0.2
    assert end["batch, last rows"] < 0.1
    assert end["never again"] == turn["never again"] > 0.3


def test_the_old_truth_is_forgotten_as_the_new_one_is_learned(lesson):
    table = lesson.tables["Learned anew, and forgotten"]
    before, end = table.iloc[14], table.iloc[30]
    assert before["by the old truth"] < 0.1 < 0.25 < end["by the old truth"]
    assert end["by the new truth"] < 0.14 < 0.25 < before["by the new truth"]


def test_a_small_step_is_slow_and_a_large_one_restless(lesson):
    table = lesson.tables["How long a step"]
    small, right, large = (table[f"rate {rate:g}"] for rate in online.RATES)
    assert small[30] > right[30] + 0.1
    assert large[:15].std() > 2 * right[:15].std()


def test_the_shaded_region_follows_the_disc(lesson):
    areas = lesson.tables["The disc that moves"]["area decided rightly"]
    # Always saying no is right on the 81 % of the plane that lie outside: 1 - pi 1.2² / 24.
    assert (areas > 0.9).all()


def test_only_the_batches_keep_rows(lesson):
    table = lesson.tables["What it takes"]
    assert table["rows kept"].to_dict() == {
        "row by row": 0,
        "batch, all rows": 6_000,
        "batch, last rows": 1_200,
        "never again": 0,
    }
    assert table.loc["row by row", "rows gone through"] == 4_800
    assert "none of them kept" in lesson.summary


def test_the_disc_moves_and_a_twentieth_of_the_answers_is_wrong():
    points = online.moving_disc(20_000, 0)
    for column, centre in (("inside", -1), ("later", 1)):
        inside = (points["x1"] - centre) ** 2 + points["x2"] ** 2 < 1.44
        assert ((points[column] == "yes") != inside).mean() == pytest.approx(0.05, abs=0.005)


def test_a_table_of_ones_own_has_its_classes_renamed(frame, tmp_path):
    lesson = online.show(frame, target="kind")
    along = lesson.tables["Error along the stream"]
    assert along.loc[15, "never again"] > 0.9 > 0.2 > along.loc[14, "never again"]
    assert "DataFrame, 400 rows" in lesson.data
    assert "each class takes the name of the next" in lesson.data
    assert "The disc that moves" not in lesson.tables
    pages = [
        one.report(tmp_path / f"{place}.html") for place, one in enumerate((lesson, online.show(frame, target="kind")))
    ]
    assert pages[0].read_bytes() == pages[1].read_bytes()
    assert len(pages[0].read_bytes()) < 1_000_000


def test_each_class_takes_the_name_of_the_next_and_a_number_is_mirrored(frame):
    classes = online._own(frame, "kind", "multiclass", 0)
    pairs = set(zip(classes.truths[0]["kind"], classes.truths[1]["kind"], strict=True))
    assert pairs == {("low", "middle"), ("middle", "top"), ("top", "low")}
    numbers = online._own(frame.drop(columns="kind"), "b", "regression", 0)
    both = numbers.truths[0]["b"] + numbers.truths[1]["b"]
    assert both.to_numpy() == pytest.approx(2 * frame["b"].mean())


def test_the_rows_come_by_once_in_equal_parts_with_the_answers_of_the_moment(frame):
    stream = online._own(frame, "kind", "multiclass", 0)
    parts = [stream.part(place) for place in range(online.PARTS)]
    assert {len(part) for part in parts} == {len(parts[0])}
    met = np.concatenate([part.index for part in parts])
    assert len(set(met)) == len(met)
    assert set(met).isdisjoint(stream.begin)
    assert set(met).isdisjoint(stream.test)
    for place in (14, 15):
        own = parts[place]
        assert own["kind"].tolist() == stream.truths[place >= 15].loc[own.index, "kind"].tolist()


def test_weights_that_burst_end_the_line(frame):
    stream = online._own(frame.drop(columns="kind").assign(b=lambda f: f["b"] ** 3), "b", "regression", 0)
    path = online._row_by_row(stream, stream.learned(stream.begin, 0), 1e6)
    assert np.isfinite(path.errors[0]).all()
    assert np.isnan(path.errors[-1]).all()
    assert online._summary(stream, 0.1, 0.5, float("nan")).startswith("Not on this table")
    assert online._summary(stream, 0.1, 0.5, 0.45).startswith("Not from so few")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "multilabel"}, "this lesson is for binary, multiclass, regression"),
        ({"target": "kinds"}, "Did you mean 'kind'"),
        ({"data": 30}, "30 rows; a stream of 30 parts needs 60 or more"),
    ],
)
def test_a_mistake_says_what_to_do(frame, change, message):
    rows = frame.head(change.pop("data", len(frame)))
    with pytest.raises(DataError, match=message):
        online.show(rows, **({"target": "kind", "task": "multiclass"} | change))


@pytest.mark.parametrize(("end", "follows"), [(0.15, True), (0.45, False), (np.nan, False)])
def test_a_network_follows_if_most_of_what_the_change_brought_is_gone(end, follows):
    assert online._follows(0.1, 0.5, end) is follows
