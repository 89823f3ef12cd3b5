"""Smoothed isotonic regression against scikit-learn, brute force and numbers worked by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from toolkit.evaluation.isotonic import are_knots, interpolate, knots


def drawn(rows: int, seed: int, ties: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    scores = random.normal(size=rows)
    labels = (random.random(rows) < 1 / (1 + np.exp(-2 * scores))).astype(int)
    weights = random.exponential(size=rows)
    return np.round(scores, 1) if ties else scores, labels, weights * rows / weights.sum()


def smoothed_by_hand(scores: np.ndarray, values: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Blocks of one value, each with one more row of the overall share: scores, rows and share of each."""
    share = (weights @ labels + 1) / (weights.sum() + 2)
    blocks = []
    for value in np.unique(np.round(values, 9)):
        own = np.abs(values - value) < 1e-8
        rows = weights[own].sum()
        blocks.append([np.average(scores[own], weights=weights[own]), rows, (rows * value + share) / (rows + 1)])
    return np.array(blocks)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_it_is_scikit_learns_regression_smoothed_and_regressed_again(seed: int, weighted: bool, ties: bool) -> None:
    scores, labels, weights = drawn(300, seed, ties)
    weights = weights if weighted else np.ones(300)
    at, chances = knots(scores, labels, weights)
    values = IsotonicRegression().fit_transform(scores, labels, sample_weight=weights)
    middle, rows, smoothed = smoothed_by_hand(scores, values, labels, weights).T
    again = IsotonicRegression().fit_transform(middle, smoothed, sample_weight=rows + 1)
    assert interpolate(at, at, chances) == pytest.approx(chances)
    assert chances == pytest.approx(np.unique(np.round(again, 12)), abs=1e-9)
    pooled = [np.average(middle[again == value], weights=rows[again == value]) for value in np.unique(again)]
    assert at == pytest.approx(pooled)


@pytest.mark.parametrize("seed", range(6))
def test_no_rising_pooling_of_neighbours_is_nearer_to_the_labels(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, 9)
    best, found = np.inf, np.zeros(0)
    for cuts in itertools.product([False, True], repeat=8):
        blocks = np.split(labels, np.flatnonzero(cuts) + 1)
        means = np.array([block.mean() for block in blocks])
        if (np.diff(means) > 0).all():
            error = sum(((block - block.mean()) ** 2).sum() for block in blocks)
            if error < best - 1e-12:
                best, found = error, np.repeat(means, [len(block) for block in blocks])
    rows = np.array([(found == value).sum() for value in np.unique(found)])
    share = (labels.sum() + 1) / 11
    expected = (rows * np.unique(found) + share) / (rows + 1)
    if (np.diff(expected) <= 0).any():
        pytest.skip("smoothing pools blocks again")
    assert knots(np.arange(9.0), labels, np.ones(9))[1] == pytest.approx(expected)


def test_a_lone_row_at_the_end_is_not_believed() -> None:
    """99 rows of which every other is positive, and one positive above them."""
    at, chances = knots(np.arange(100.0), np.append(np.arange(99) % 2, 1), np.ones(100))
    assert chances[-1] < 0.8
    assert at[-1] > 95


def test_a_row_of_weight_two_counts_as_two_rows() -> None:
    scores, labels, _ = drawn(60, seed=5, ties=True)
    twice = np.arange(60) % 3 == 0
    at, chances = knots(scores, labels, np.where(twice, 2.0, 1.0))
    again = knots(np.append(scores, scores[twice]), np.append(labels, labels[twice]), np.ones(80))
    assert at == pytest.approx(again[0])
    assert chances == pytest.approx(again[1])


def test_many_rows_give_back_a_shape_that_no_sigmoid_has() -> None:
    random = np.random.default_rng(0)
    scores = random.uniform(-1, 1, 40_000)
    true = 0.1 + 0.3 * (scores > -0.5) * (scores + 0.5) + 0.4 * (scores > 0.5)
    at, chances = knots(scores, random.random(40_000) < true, np.ones(40_000))
    new = np.array([-0.9, -0.8, -0.2, 0.0, 0.2, 0.4, 0.6, 0.9])
    expected = [0.1, 0.1, 0.19, 0.25, 0.31, 0.37, 0.83, 0.92]
    assert interpolate(new, at, chances) == pytest.approx(expected, abs=0.03)


@given(
    st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 1), st.integers(1, 4)), min_size=1, max_size=40),
    st.sampled_from([1e-30, 1e-3, 1.0, 1e6, 3.4e37]),
    st.sampled_from([0.0, 1.0, 1e6]),
)
def test_probabilities_never_fall_and_are_never_0_or_1(
    rows: list[tuple[int, int, int]], size: float, shift: float
) -> None:
    scores, labels, weights = (np.array(column, float) for column in zip(*rows, strict=True))
    scores = scores * size + shift
    at, chances = knots(scores, labels, weights * len(weights) / weights.sum())
    assert are_knots(at, chances)
    assert are_knots(at.tolist(), chances.tolist())
    assert at[0] >= scores.min()
    assert at[-1] <= scores.max()
    between = np.concatenate([scores, at, np.nextafter(at, np.inf), np.nextafter(at, -np.inf), [-1e300, 1e300]])
    read = interpolate(np.sort(between), at, chances)
    assert (np.diff(read) >= 0).all()
    assert (read[0], read[-1]) == (chances[0], chances[-1])


def test_equal_scores_share_one_knot_at_their_smoothed_share() -> None:
    at, chances = knots(np.full(8, 3.0), np.array([1, 1, 1, 0, 0, 0, 0, 0]), np.ones(8))
    assert at.tolist() == [3.0]
    # 3 of 8 rows, and one of the overall share (3 + 1) / (8 + 2).
    assert chances == pytest.approx([(3 + 0.4) / 9])


def test_lines_are_straight_between_the_knots_and_level_beyond_them() -> None:
    read = interpolate(np.array([[-5.0, 0.0, 0.5], [2.0, 3.0, np.nan]]), np.array([0, 1, 3]), np.array([0.1, 0.3, 0.4]))
    assert read == pytest.approx(np.array([[0.1, 0.1, 0.2], [0.35, 0.4, np.nan]]), nan_ok=True)


@pytest.mark.parametrize(
    ("at", "chances"),
    [
        ([], []),
        ([0.0, 1.0], [0.5]),
        ([0.0, 0.0], [0.2, 0.5]),
        ([1.0, 0.0], [0.2, 0.5]),
        ([0.0, 1.0], [0.5, 0.2]),
        ([0.0, 1.0], [0.0, 0.2]),
        ([0.0, 1.0], [0.2, 1.0]),
        ([0.0, np.inf], [0.2, 0.3]),
        ([0.0, 1.0], [0.2, np.nan]),
        ([[0.0, 1.0]], [[0.2, 0.3]]),
    ],
)
def test_what_are_no_knots(at: list[float], chances: list[float]) -> None:
    assert not are_knots(at, chances)
