"""The part of each row, from a hash of its cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency

from toolkit import DataError
from toolkit.data.columns import Column
from toolkit.data.row_equality import row_hashes
from toolkit.data.streaming.dealing import Dealer, common_hashes, times_of

SHARES = (0.8, 0.1, 0.1)


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame({"a": rng.integers(0, 10**6, 20_000), "b": rng.normal(size=20_000).round(6)})


def test_parts_have_the_shares_that_were_asked_for_and_depend_on_nothing_but_the_cells(frame):
    part = Dealer(["a", "b"], SHARES, 0).parts(frame, 0)
    counts = np.bincount(part, minlength=3)
    expected = np.array(SHARES) * len(frame)
    assert (np.abs(counts - expected) < 4 * np.sqrt(expected)).all()
    assert (Dealer(["a", "b"], SHARES, 0).parts(frame[::-1], 77) == part[::-1]).all()


def test_another_seed_deals_independently(frame):
    first, second = (Dealer(["a", "b"], SHARES, seed).parts(frame, 0) for seed in (0, 1))
    assert chi2_contingency(pd.crosstab(first, second)).pvalue > 1e-4


def test_other_validation_rows_leave_the_test_rows_as_they_are(frame):
    with_validation = Dealer(["a", "b"], (0.7, 0.2, 0.1), 3).parts(frame, 0)
    without = Dealer(["a", "b"], (0.9, 0.0, 0.1), 3).parts(frame, 0)
    assert ((with_validation == 2) == (without == 2)).all()
    assert not (without == 1).any()


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (np.arange(40), np.arange(40.0)),
        (np.arange(40), [f" {number}" for number in range(40)]),
        (np.arange(40) / 4, [str(number / 4) for number in range(40)]),
        ([None, 1, 2] * 10, [np.nan, 1.0, 2.0] * 10),
        ([None, "1", "2"] * 10, [np.nan, 1.0, 2.0] * 10),
        ([True, False] * 10, ["true", "False"] * 10),
        ([0.0, 2.5] * 10, [-0.0, 2.5] * 10),
        (pd.date_range("2020-01-01", periods=40), [f"{day.date()}" for day in pd.date_range("2020-01-01", periods=40)]),
        (["Köln ", None] * 10, ["Köln", None] * 10),
    ],
)
def test_equal_cells_are_dealt_alike_however_the_file_writes_them(left, right):
    others = np.arange(len(left))
    parts = [
        Dealer(["a", "b"], (0.4, 0.3, 0.3), 5).parts(pd.DataFrame({"a": cells, "b": others}), 0)
        for cells in (left, right)
    ]
    assert parts[0].tolist() == parts[1].tolist()


def test_equal_rows_stay_together_unless_they_are_very_common():
    rare = pd.DataFrame({"a": np.repeat(np.arange(500), 4), "b": 1})
    part = Dealer(["a", "b"], SHARES, 0).parts(rare, 0)
    assert (part.reshape(-1, 4) == part.reshape(-1, 4)[:, :1]).all()
    dealer = Dealer(["a", "b"], SHARES, 0, common=None)
    assert set(dealer.parts(rare.assign(a=1), 0)) == {0, 1, 2}


def test_common_rows_are_told_from_rare_ones():
    assert common_hashes(np.arange(1000)).tolist() == []
    assert common_hashes(np.r_[np.full(25, 7), np.arange(100, 1000)]).tolist() == [7]


def test_rows_of_a_group_stay_together_and_rows_without_one_are_dealt_by_themselves():
    groups = np.r_[np.repeat([f"g{number}" for number in range(300)], 5), [None] * 900].astype(object)
    frame = pd.DataFrame({"group": groups, "a": np.arange(len(groups))})
    part = Dealer(["a"], SHARES, 0, group="group").parts(frame, 0)
    named = part[:1500].reshape(-1, 5)
    assert (named == named[:, :1]).all()
    assert set(part[1500:]) == {0, 1, 2}


def test_the_newest_rows_test():
    days = pd.date_range("2024-01-01", periods=10)
    cuts = tuple(day.timestamp() for day in (days[6], days[8]))
    dealer = Dealer(["day"], SHARES, 0, time=Column("day", "date"), cuts=cuts)
    assert dealer.parts(pd.DataFrame({"day": days}), 0).tolist() == [0] * 6 + [1, 1, 2, 2]
    with pytest.raises(DataError, match="time= names 'day', which is missing"):
        times_of(pd.DataFrame({"day": [days[0], pd.NaT]}), Column("day", "date"))


@pytest.mark.parametrize("other", [2**60, None])
def test_the_hash_of_a_number_does_not_depend_on_the_rows_read_with_it(other):
    large = 2**60 + 1
    alone = row_hashes(pd.DataFrame({"a": [5, large]}), ["a"])
    together = row_hashes(pd.DataFrame({"a": pd.array([5, large, other], "Int64")}), ["a"])
    assert together[:2].tolist() == alone.tolist()
    assert row_hashes(pd.DataFrame({"a": [5.0]}), ["a"])[0] == alone[0]
    assert alone[1] != row_hashes(pd.DataFrame({"a": [2**60]}), ["a"])[0]
