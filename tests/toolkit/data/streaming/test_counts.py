"""Exact counts in the place of those of a sample."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from toolkit.data.columns import Column, Columns
from toolkit.data.preprocessing import Preprocessing
from toolkit.data.streaming.counts import LevelCounts, Moments, counters, with_counts


def pieces(values, count):
    return np.array_split(values, count)


@pytest.mark.parametrize("shift", [0.0, 1e9])
def test_moments_of_pieces_are_those_of_all_numbers(shift):
    values = np.random.default_rng(0).normal(shift, 2.0, 5_000)
    values[::7] = np.nan
    moments = Moments()
    for piece in pieces(values, 13):
        moments.add(piece)
    assert moments.rows == 5_000
    assert moments.missing == np.isnan(values).sum()
    assert moments.mean == pytest.approx(np.nanmean(values), rel=1e-14)
    assert moments.std == pytest.approx(np.nanstd(values), rel=1e-9)
    assert (moments.low, moments.high) == (np.nanmin(values), np.nanmax(values))


def test_numbers_whose_squares_overflow_are_counted():
    moments = Moments()
    moments.add(np.array([1e200, -1e200, 3e200]))
    assert np.isfinite(moments.mean)
    assert not np.isfinite(moments.std)


@pytest.mark.parametrize("scaling", ["standard", "mean"])
def test_a_preprocessing_of_few_rows_becomes_that_of_all_rows(scaling):
    rng = np.random.default_rng(1)
    count = 3_000
    frame = pd.DataFrame({"x": rng.normal(5, 2, count), "city": rng.choice(list("abcdefgh"), count).astype(object)})
    frame.loc[count - 1, "city"] = None
    frame.loc[count - 10 : count - 6, "city"] = "rare"
    columns = (Column("x", "number"), Column("city", "category"))

    def fit(rows):
        return Preprocessing.fit(Columns(rows, columns, ("x", "city")), scaling=scaling, rare=5, most_levels=100)

    counted = counters(columns)
    for piece in (frame[:1000], frame[1000:]):
        for column, counter in zip(columns, counted, strict=True):
            counter.add(piece[column.name].to_numpy())
    exact, notes = with_counts(fit(frame[:500].reset_index(drop=True)), counted, rare=5, most_levels=100)
    whole = fit(frame)
    assert exact.names == whole.names
    assert "city = rare" in exact.names
    for name in ("center", "spread"):
        found, expected = (getattr(fitted.by_column[0], name) for fitted in (exact, whole))
        assert found == pytest.approx(expected, rel=1e-9)
    assert notes == []


def test_what_was_pooled_is_said():
    levels = LevelCounts()
    levels.add(np.repeat([f"level {number:03}" for number in range(300)], [1 + number % 9 for number in range(300)]))
    frame = pd.DataFrame({"name": pd.Series(["level 001"] * 9, dtype=object)})
    column = (Column("name", "category"),)
    fitted = Preprocessing.fit(Columns(frame, column, ("name",)), rare=1)
    exact, (sentence,) = with_counts(fitted, [levels], rare=1, most_levels=120)
    assert exact.width == 121
    assert sentence.startswith("'name' has 300 different values in training: the 120 most frequent have an input each")


def test_the_memory_of_levels_is_bounded():
    levels = LevelCounts()
    for piece in range(3):
        start = piece * 60_000
        levels.add(np.array(["common"] * 100 + [str(number) for number in range(start, start + 60_000)], dtype=object))
    assert len(levels.levels) <= 110_100
    assert dict(zip(levels.levels, levels.counts, strict=True))["common"] == 300
    assert levels.dropped + levels.counts.sum() == levels.rows == 180_300
