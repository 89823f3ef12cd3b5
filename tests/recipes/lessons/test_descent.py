"""Gradient descent on the lecture's line: its numbers worked by hand, and the claim of each picture."""

from __future__ import annotations

import numpy as np
import pytest

from recipes.lessons import descent

X, Y = np.array([1, 3, 6, 5]), np.array([4, 8, 14, 13])


@pytest.fixture(scope="module")
def lesson():
    return descent.show()


def test_one_step_has_the_corrected_numbers_of_the_lecture(lesson):
    table = lesson.tables["One step"]
    start, after = table.loc["start"], table.loc["after one step"]
    assert [start[f"prediction at {x}"] for x in X] == [6, 16, 31, 26]
    assert start["cost J"] == 65.75
    assert (start["∂J/∂w"], start["∂J/∂b"]) == (48.25, 10.0)  # the mean residual is 10, not 11.25
    assert after[["w", "b"]].tolist() == pytest.approx([4.5175, 0.9])


def test_least_squares_is_the_line_that_numpy_fits(lesson):
    best = lesson.tables["One step"].loc["least squares"]
    assert best[["w", "b"]].tolist() == pytest.approx(np.polyfit(X, Y, 1))
    assert best[["w", "b"]].round(4).tolist() == [2.0847, 1.9322]


def test_a_rate_is_too_small_right_or_too_large_as_its_title_says(lesson):
    table = lesson.tables["Step sizes on the surface"]
    assert table.loc["too small", "cost at the end"] > 10
    assert table.loc["right", "cost at the end"] < 0.2
    assert table["steps that raised the cost"].tolist() == [0, 0, 40]


def test_the_cost_grows_above_the_stated_limit():
    # 0.10781, which is 2 divided by the larger root of z² − 18.75 z + 3.6875.
    limit = 4 / (18.75 + np.sqrt(18.75**2 - 4 * 3.6875))
    assert f"{limit:.4f}" in descent.show().pictures[2].text
    below, above = (descent.cost(*descent.descend(limit + change, 2_000)[-1]) for change in (-0.0005, 0.0005))
    assert below < 65.75 < above


def test_fewer_rows_per_step_get_further_and_only_all_rows_never_raise_the_cost(lesson):
    table = lesson.tables["Rows per step"]
    assert table["steps"].tolist() == [40, 80, 160]
    assert table["cost at the end"].is_monotonic_decreasing
    raised = table["steps that raised the cost"].tolist()
    assert raised[0] == 0 < raised[1] < raised[2]
    assert lesson.tables["Rows per step and cost"].iloc[-1].tolist()[1:] == table["cost at the end"].tolist()


def test_each_epoch_uses_every_row_once():
    path = descent.descend(1e-9, 40, batch=1, seed=3)
    residuals = -np.diff(path[:, 1]) / 1e-9  # the line hardly moves, so each bias step is the row's residual
    for start in range(0, 40, 4):
        assert sorted(residuals[start : start + 4].round(3)) == [2, 8, 13, 17]


def test_the_same_seed_writes_the_same_page_and_another_seed_does_not(lesson, tmp_path):
    pages = [descent.show(seed=seed).report(tmp_path / f"{index}.html") for index, seed in enumerate((0, 0, 1))]
    contents = [page.read_bytes() for page in pages]
    assert contents[0] == contents[1] != contents[2]
    assert len(contents[0]) < 1_000_000


@pytest.mark.parametrize("seed", [0, 3])
def test_the_text_on_rows_per_step_agrees_with_its_numbers(seed):
    lesson = descent.show(seed=seed)
    picture = next(picture for picture in lesson.pictures if picture.title == "Rows per step")
    costs = lesson.tables[picture.title]["cost at the end"]
    assert f"is {costs.min():.3f}".rstrip("0") in picture.text.replace("\u202f", "")
    assert f"with {costs.idxmin()} per step" in picture.text
