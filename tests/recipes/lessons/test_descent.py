"""Gradient descent on the lecture's line: its numbers by hand, and what each picture claims."""

from __future__ import annotations

import numpy as np
import pytest

from recipes.lessons import descent

X, Y = np.array([1, 3, 6, 5]), np.array([4, 8, 14, 13])


@pytest.fixture(scope="module")
def lesson():
    return descent.show()


def test_one_step_holds_the_lectures_numbers_set_right(lesson):
    table = lesson.tables["One step"]
    start, after = table.loc["start"], table.loc["after one step"]
    assert [start[f"prediction at {x}"] for x in X] == [6, 16, 31, 26]
    assert start["cost"] == 65.75
    assert (start["derivative by w"], start["derivative by b"]) == (48.25, 10.0)  # the mean residual is 10, not 11.25
    assert after[["w", "b"]].tolist() == pytest.approx([4.5175, 0.9])


def test_least_squares_is_where_numpys_own_line_lies(lesson):
    best = lesson.tables["One step"].loc["least squares"]
    assert best[["w", "b"]].tolist() == pytest.approx(np.polyfit(X, Y, 1))
    assert best[["w", "b"]].round(4).tolist() == [2.0847, 1.9322]


def test_a_rate_is_too_small_right_or_too_large_as_its_title_says(lesson):
    table = lesson.tables["Step sizes on the surface"]
    assert table.loc["too small", "cost at the end"] > 10
    assert table.loc["right", "cost at the end"] < 0.2
    assert table["steps that raised the cost"].tolist() == [0, 0, 40]


def test_the_cost_rises_from_the_named_limit_on():
    # From 0.10781 on, which is 2 over the greater root of z² − 18.75 z + 3.6875.
    limit = 4 / (18.75 + np.sqrt(18.75**2 - 4 * 3.6875))
    assert f"{limit:.4f}" in descent.show().pictures[2].text
    ends = [descent.cost(*descent.descend(limit + by, 2_000)[-1]) for by in (-0.0005, 0.0005)]
    assert ends[0] < 65.75 < ends[1]


def test_fewer_rows_a_step_get_further_and_only_all_rows_never_raise_the_cost(lesson):
    table = lesson.tables["Rows a step"]
    assert table["steps"].tolist() == [40, 80, 160]
    assert table["cost at the end"].is_monotonic_decreasing
    raised = table["steps that raised the cost"].tolist()
    assert raised[0] == 0 < raised[1] < raised[2]
    assert lesson.tables["Rows a step and cost"].iloc[-1].tolist()[1:] == table["cost at the end"].tolist()


def test_each_pass_reads_every_row_once():
    path = descent.descend(1e-9, 40, batch=1, seed=3)
    residuals = -np.diff(path[:, 1]) / 1e-9  # the step of the bias is the row's residual, at a line that hardly moves
    for start in range(0, 40, 4):
        assert sorted(residuals[start : start + 4].round(3)) == [2, 8, 13, 17]


def test_the_same_seed_writes_the_same_page_and_another_another(lesson, tmp_path):
    pages = [descent.show(seed=seed).report(tmp_path / f"{place}.html") for place, seed in enumerate((0, 0, 1))]
    contents = [page.read_bytes() for page in pages]
    assert contents[0] == contents[1] != contents[2]
    assert len(contents[0]) < 1_000_000
